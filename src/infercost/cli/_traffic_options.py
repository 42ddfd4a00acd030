"""Options of commands that take traffic that moves, and how they become traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infercost.engine.workload import Workload

SHAPES = "constant, poisson, diurnal, weekly, stairs, phases"

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help=f"A CSV or Parquet file of times or counts, an access log, a CloudWatch export, or a shape ({SHAPES}), "
        "for example diurnal:peak=200,trough=10.",
        show_default=False,
    ),
]
Traffic = Annotated[
    str | None,
    typer.Option(
        "--traffic",
        metavar="SOURCE",
        help="A CSV or Parquet file of times or counts, an access log, a CloudWatch export, or a shape, "
        "for example diurnal:peak=200,trough=10. infercost traffic SOURCE shows what is read.",
        envvar="INFERCOST_TRAFFIC",
    ),
]
Scale = Annotated[
    str | None, typer.Option("--scale", metavar="FACTOR", help="So many times the rate at every instant, for example 10x.")
]
Peak = Annotated[
    str | None,
    typer.Option("--peak", metavar="RATE", help="Scale so that the busiest minute has this rate, for example 500rps."),
]
Clip = Annotated[
    str | None,
    typer.Option("--clip", metavar="FROM..TO", help="Only this part, counted from the start, for example 2h..26h."),
]
Repeat = Annotated[
    int | None, typer.Option("--repeat", metavar="TIMES", help="The traffic so many times, one after another.", min=1)
]
Burstiness = Annotated[
    str | None,
    typer.Option(
        "--burstiness",
        metavar="INDEX",
        help="Variance over mean of the requests in a second, around the level of their minute, for example 2, "
        "or 2@10s with how long a burst lasts. [default: 1, which is Poisson, or what the file has]",
    ),
]
TrafficColumn = Annotated[
    list[str] | None,
    typer.Option(
        "--traffic-column",
        metavar="KEY=NAME",
        help="Which column is the time, count or work, what unit (s, ms, us, ns) times have and what a count covers: "
        "time=ts,count=hits,work=tokens,unit=ms,bin=1m. Repeat for several. [default: by name]",
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        "--classes",
        metavar="CLASSES",
        help="Request classes by share and relative work, for example short=80%x0.5,long=20%x3. [default: all alike]",
    ),
]

PageFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="table, json, markdown, csv or html. [default: table, or by --out's ending]",
        envvar="INFERCOST_FORMAT",
    ),
]


def read_traffic(
    source: str,
    *,
    scale: str | None = None,
    peak: str | None = None,
    clip: str | None = None,
    repeat: int | None = None,
    burstiness: str | None = None,
    columns: list[str] | None = None,
    classes: str | None = None,
) -> Workload:
    """The traffic that the options describe.

    Raises:
        UsageError: see :func:`infercost.load_traffic`.
    """
    from infercost.app.traffic import load_traffic

    return load_traffic(
        source,
        scale=scale,
        peak_rps=peak,
        clip=clip,
        repeat=repeat,
        burstiness=burstiness,
        columns=columns,
        classes=classes,
    )
