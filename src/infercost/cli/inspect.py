"""``infercost inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infercost.cli import _options as options


def inspect(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="An .onnx model, a scikit-learn, LightGBM or XGBoost file, a Hugging Face folder, "
            "or module:factory (PyTorch).",
        ),
    ],
    dim: options.Dims = None,
    inputs: options.InputsFile = None,
    trust: options.Trust = False,
    fmt: options.Format = None,
    out: options.Out = None,
    top: options.Top = 10,
    details: options.Details = False,
    quiet: options.Quiet = False,
) -> None:
    """Read what a model file says: inputs, dimensions, parameters, FLOPs and bytes by operator."""
    from infercost import app
    from infercost.cli import _output

    chosen = _output.choose_format(fmt, out)
    _output.check(out)
    read = app.inspection(model, dims=options.parse_dims(dim), inputs=inputs, trust=trust)
    _output.emit(read, chosen, out, top=top, details=details, quiet=quiet)
    _output.warn(read.model.warnings, quiet=quiet)
