"""``infercost profile``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infercost.cli import _options as options
from infercost.domain.errors import UsageError
from infercost.domain.quantities import is_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infercost.domain.profile import Profile


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
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            metavar="NAME",
            help="Also measure a load scenario, as MLPerf names them: single, multi, offline or server. Repeat for several.",
        ),
    ] = None,
    rps: Annotated[
        float | None, typer.Option("--rps", metavar="RATE", help="Queries a second of the server scenario: Poisson arrivals.")
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option("--slo", metavar="PROMISE", help="Judge scenarios and search by this, for example p99=50ms."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="COUNT", help="Processes of the offline and server scenarios.", min=1)
    ] = 1,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples",
            metavar="COUNT",
            help="Samples a query of the scenarios. [default: 8 multi, the largest batch offline, else 1]",
            min=1,
        ),
    ] = None,
    search: Annotated[
        bool,
        typer.Option("--search", help="Search batch × threads × workers × device × variant for the highest throughput."),
    ] = False,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            "--variant", metavar="NAME=FILE", help="The model at another precision, to be searched too: int8=m8.onnx."
        ),
    ] = None,
    pin: Annotated[bool, typer.Option("--pin/--no-pin", help="Keep each worker on CPUs of its own.")] = True,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a busy machine (exit 4) instead of warning.")] = False,
    budget: options.Budget = 20.0,
    device: options.Device = "auto",
    header: options.Headers = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="CLOUD:TYPE", help="The instance this machine is, for example sagemaker:ml.c7i.xlarge."),
    ] = None,
    fresh: options.Fresh = False,
    details: options.Details = False,
    fmt: options.Format = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure a model on this machine: latency by batch and threads, operators, memory. Or an endpoint, from outside."""
    from infercost import app
    from infercost.cli import _output as output

    chosen = output.choose_format(fmt, None)
    output.check(out)
    counts = options.parse_counts(threads, "--threads")
    if is_url(model):
        given = {"--threads": threads, "--scenario": scenario, "--search": search, "--variant": variant, "--on": on,
                 "--trust": trust, "--samples": samples, "--strict": strict}  # fmt: skip
        _refuse_of_endpoints(given)
        with output.progress(quiet=quiet) as on_progress:
            measured = app.profile_endpoint(
                model,
                rps=rps,
                slo=slo or (),
                batches=options.parse_counts(batch, "--batch"),
                dims=options.parse_dims(dim),
                inputs=inputs,
                budget_s=budget,
                headers=options.parse_headers(header),
                on_progress=on_progress,
            )
        _hand_over(measured, out, chosen, details=details, quiet=quiet)
        return
    if header:
        raise UsageError("--header belongs to an endpoint; name one, like http://host:8000/v2/models/NAME")
    if (rps is not None or workers > 1 or samples is not None) and not scenario:
        raise UsageError("--rps, --workers and --samples belong to a scenario; add --scenario server")
    if slo and not scenario and not search:
        raise UsageError("--slo judges a scenario or a search; add --scenario server or --search")
    if variant and not search:
        raise UsageError("--variant is one more file to search; add --search")
    with output.progress(quiet=quiet) as on_progress:
        measured = app.profile(
            model,
            dims=options.parse_dims(dim),
            inputs=inputs,
            trust=trust,
            batches=options.parse_counts(batch, "--batch"),
            threads=counts,
            budget_s=budget,
            device=options.parse_device(device),
            scenarios=options.parse_loads(scenario, rps=rps, slo=slo, workers=workers, samples=samples, threads=counts),
            search=search,
            slo=slo,
            variants=options.parse_variants(variant),
            pin=pin,
            strict=strict,
            instance=on,
            use_cache=not fresh,
            on_progress=on_progress,
        )
    _hand_over(measured, out, chosen, details=details, quiet=quiet)


def _refuse_of_endpoints(given: Mapping[str, object]) -> None:
    """Refuse options that are about running the model here."""
    for option, value in given.items():
        if value:
            raise UsageError(
                f"{option} is about running a model here; an endpoint takes --rps, --slo, --batch, --dim and --inputs"
            )


def _hand_over(measured: Profile, out: Path | None, chosen: str, *, details: bool, quiet: bool) -> None:
    from infercost import app
    from infercost.cli import _output as output

    if out is not None:
        app.save(measured, out)
    output.emit(measured, chosen, None, details=details)
    output.warn((*measured.model.warnings, *measured.warnings), quiet=quiet)
    if out is not None and not quiet:
        typer.echo(f"wrote {out}", err=True)
