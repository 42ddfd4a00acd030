"""``infercost calibrate``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infercost.cli import _options as options
from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from infercost.domain.calibration import Calibrations

app = typer.Typer(
    help="Let your own measurements move predictions and narrow their bands.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

Reference = Annotated[
    Path,
    typer.Option("--reference", metavar="PROFILE", help="A profile of the same model, from the machine you estimate from."),
]
Instance = Annotated[
    str | None,
    typer.Option("--instance", metavar="CLOUD:TYPE", help="What it was measured on, for example sagemaker:ml.c7i.xlarge."),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="COUNT", help="Threads of the worker that ran it. [default: one a core]", min=1),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        metavar="FILE",
        help="The file of measurements. [default: infercost-calibration.yml]",
        envvar="INFERCOST_CALIBRATION",
    ),
]


@app.command(short_help="Take in a profile from an instance.")
def profile(
    there: Annotated[Path, typer.Argument(metavar="THERE", help="The profile that was taken on the instance.")],
    reference: Reference,
    instance: Instance = None,
    calibration: File = None,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Take in a profile that was taken on an instance, beside one of the same model from here.

    The instance is that of infercost profile --on, unless --instance says otherwise.
    """
    from infercost.app.calibrating import calibrate_profile

    _check(fmt, out)
    _show(calibrate_profile(there, reference=reference, instance=instance, path=calibration), fmt, out, quiet=quiet)


@app.command(short_help="Take in one figure: of an endpoint, or published.")
def number(
    reference: Reference,
    instance: Annotated[
        str,
        typer.Option("--instance", metavar="CLOUD:TYPE", help="What it was measured on, for example sagemaker:ml.c7i.xlarge."),
    ],
    p50: Annotated[
        str | None, typer.Option("--p50", metavar="TIME", help="Typical time of one batch, without network and queue.")
    ] = None,
    throughput: Annotated[
        float | None, typer.Option("--throughput", metavar="RATE", help="Items a second that one saturated instance answered.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", metavar="SIZE", help="Batch size of --p50.", min=1)] = 1,
    threads: Threads = None,
    source: Annotated[str, typer.Option("--source", metavar="TEXT", help="Where the figure is from.")] = "stated by hand",
    date: Annotated[
        str | None, typer.Option("--date", metavar="DAY", help="When it was measured, 2026-11-24. [default: today]")
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Words to keep with it.")] = "",
    calibration: File = None,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Take in one figure of an instance: from an endpoint's metrics, or published by somebody."""
    from infercost.app.calibrating import calibrate_number

    _check(fmt, out)
    kept = calibrate_number(
        reference=reference,
        instance=instance,
        p50_ms=None if p50 is None else options.parse_ms(p50, "--p50"),
        throughput_per_s=throughput,
        batch=batch,
        threads=threads,
        source=source,
        day=_day(date),
        note=note,
        path=calibration,
    )
    _show(kept, fmt, out, quiet=quiet)


@app.command(name="import", short_help="Take in what another tool measured.")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Of perf_analyzer (CSV), MLPerf LoadGen (summary or detail log), SageMaker Inference Recommender (JSON),"
            " or infercost doctor on an instance (JSON).",
        ),
    ],
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="PROFILE", help="A profile of the same model, from the machine you estimate from."),
    ] = None,
    instance: Instance = None,
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="SIZE", help="Batch size, where the file does not say it.", min=1)
    ] = None,
    threads: Threads = None,
    date: Annotated[
        str | None,
        typer.Option("--date", metavar="DAY", help="When it was measured, where the file does not say it. [default: today]"),
    ] = None,
    calibration: File = None,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Take in what another tool measured of the same model, or what infercost doctor found on an instance.

    The file's content says of which tool it is.
    """
    from infercost.app.calibrating import calibrate_file

    _check(fmt, out)
    kept = calibrate_file(
        file, reference=reference, instance=instance, batch=batch, threads=threads, day=_day(date), path=calibration
    )
    _show(kept, fmt, out, quiet=quiet)


@app.command(name="list", short_help="What was measured, and what comes of it.")
def list_(
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="PROFILE", help="Also say what comes of it for the model of this profile."),
    ] = None,
    calibration: File = None,
    fmt: options.Format = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """List every measurement with its id, source and date."""
    from infercost.app.calibrating import list_calibrations

    _check(fmt, out)
    _show(list_calibrations(calibration, reference=reference), fmt, out, quiet=quiet)


@app.command(short_help="Take measurements out again.")
def remove(
    names: Annotated[list[str], typer.Argument(metavar="ID", help="Ids as list shows them, or an instance's microbenchmarks.")],
    calibration: File = None,
    quiet: options.Quiet = False,
) -> None:
    """Take measurements out of the file, by id, or microbenchmarks by instance."""
    from infercost.app.calibrating import remove_calibrations

    kept = remove_calibrations(names, calibration)
    if not quiet:
        typer.echo(f"removed {len(names)}; {len(kept.observations) + len(kept.machines)} left in {kept.path}", err=True)


def _check(fmt: str | None, out: Path | None) -> None:
    from infercost.cli import _output

    _output.choose_format(fmt, out)
    _output.check(out)


def _show(kept: Calibrations, fmt: str | None, out: Path | None, *, quiet: bool) -> None:
    from infercost.cli import _output

    _output.emit(kept, _output.choose_format(fmt, out), out, quiet=quiet)
    _output.warn(kept.warnings, quiet=quiet)


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"cannot read the date {text!r}; write it like --date 2026-11-24") from None
