"""``infercost doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from infercost.cli import _options as options


def doctor(
    bench: Annotated[
        bool,
        typer.Option("--bench/--no-bench", help="Run the microbenchmarks where this machine has none yet (about 12 s)."),
    ] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run the microbenchmarks again.")] = False,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="CLOUD:TYPE", help="The instance this machine is, for example sagemaker:ml.c7i.xlarge."),
    ] = None,
    details: options.Details = False,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Say what this machine is, what it attains, what is installed, how old prices are, and what to do about it.

    No network and no credentials are used.

    Exits 0 when nothing is wrong, 2 when something is installed or configured wrongly, 5 when a cloud's package
    does not load, 4 when the microbenchmarks were disturbed or prices are missing.
    """
    from infercost.app.doctor import diagnose
    from infercost.cli import _output

    chosen = _output.choose_format(fmt, out)
    _output.check(out)
    with _output.progress(quiet=quiet) as on_progress:
        found = diagnose(bench=bench or fresh, fresh=fresh, instance=on, on_progress=on_progress)
    _output.emit(found, chosen, out, details=details, quiet=quiet)
    raise typer.Exit(found.exit_code)
