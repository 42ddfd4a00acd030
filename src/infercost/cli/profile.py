"""``infercost profile``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infercost.cli import _options as options


def profile(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="An .onnx model, a scikit-learn, LightGBM or XGBoost file, a Hugging Face folder, module:factory (PyTorch), "
            "or the URL of a served model (Open Inference Protocol v2).",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Save the profile (JSON) to this file.")
    ] = None,
    dim: options.Dims = None,
    inputs: options.InputsFile = None,
    trust: options.Trust = False,
    batch: Annotated[str | None, typer.Option("--batch", metavar="SIZES", help="Batch sizes, for example 1,4,16.")] = None,
    threads: Annotated[
        str | None, typer.Option("--threads", metavar="COUNTS", help="Intra-op threads, for example 1,2.")
    ] = None,
    budget: options.Budget = 20.0,
    device: options.Device = "auto",
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="CLOUD:TYPE", help="The instance this machine is, for example sagemaker:ml.c7i.xlarge."),
    ] = None,
    fresh: options.Fresh = False,
    details: options.Details = False,
    fmt: options.Format = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure a model on this machine: latency by batch and threads, operators, memory."""
    from infercost import app
    from infercost.cli import _output as output

    chosen = output.choose_format(fmt, None)
    output.check(out)
    with output.progress(quiet=quiet) as on_progress:
        measured = app.profile(
            model,
            dims=options.parse_dims(dim),
            inputs=inputs,
            trust=trust,
            batches=options.parse_counts(batch, "--batch"),
            threads=options.parse_counts(threads, "--threads"),
            budget_s=budget,
            device=options.parse_device(device),
            instance=on,
            use_cache=not fresh,
            on_progress=on_progress,
        )
    if out is not None:
        app.save(measured, out)
    output.emit(measured, chosen, None, details=details)
    output.warn((*measured.model.warnings, *measured.warnings), quiet=quiet)
    if out is not None and not quiet:
        typer.echo(f"wrote {out}", err=True)
