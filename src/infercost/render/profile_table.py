"""A profile as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from infercost.domain.statistics import min_samples
from infercost.render import figures
from infercost.render._terminal import Column, columns, facts, first_that_fits, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from infercost.domain.profile import OperatorTime, Point, Profile
    from infercost.render import View

UNKNOWN: Final = "?"
TOO_FEW: Final = "-"


def profile(value: Profile, view: View) -> str:
    """What was measured, on what, and where the time goes."""
    parts: list[RenderableType | str] = [
        Text(figures.measured_on(value), style="bold"),
        "",
        facts(_facts(value)),
        "",
        first_that_fits((points(value.points, gap=2, full=True), *(points(value.points, gap=gap) for gap in (2, 1))), view),
    ]
    unsupported = [p.latency_ms.count for p in value.points if p.latency_ms.p99 is None]
    if unsupported:
        parts.append(Text(f"{TOO_FEW}: too few samples for that percentile (p99 needs {min_samples(99)}); a larger --budget "
                          "takes more.", style="dim"))  # fmt: skip
    if any(not p.stable for p in value.points):
        parts.append(Text("~: the time budget ended before the mean settled.", style="dim"))
    busiest = sorted(value.operators, key=lambda operator: -operator.time_share)
    shown = busiest if view.details else busiest[: min(view.top, 8)]
    if shown:
        parts += ["", operators(shown), *_rest(busiest, shown)]
    return to_text(parts, view)


def points(measured: Sequence[Point], *, gap: int, full: bool = False) -> Table:
    """Latency, throughput and memory of every configuration; ``full`` adds what a narrow terminal has no room for."""
    stats = [p.latency_ms for p in measured]
    extra = [
        Column("p90", [[_percentile(s.p90)] for s in stats], justify="right"),
        Column("p95", [[_percentile(s.p95)] for s in stats], justify="right"),
    ]
    return columns(
        [
            Column("batch", [[f"{p.batch}"] for p in measured], justify="right", style="bold"),
            Column("threads", [[f"{p.threads}"] for p in measured], justify="right", style="bold"),
            *([Column("on", [[figures.clean(p.device)] for p in measured])] if full else []),
            Column(
                "mean",
                [[f"{figures.milliseconds(p.latency_ms.mean)}{'' if p.stable else ' ~'}"] for p in measured],
                justify="right",
            ),
            Column("p50", [[_percentile(s.p50)] for s in stats], justify="right"),
            *(extra if full else []),
            Column("p99", [[_percentile(s.p99)] for s in stats], justify="right"),
            Column("samples", [[f"{s.count:,}"] for s in stats], justify="right"),
            Column("items/s", [[figures.rate(p.throughput_per_s)] for p in measured], justify="right"),
            Column("memory", [[_size(p.memory_bytes)] for p in measured], justify="right"),
            Column("CPU", [[_percent(p.cpu_utilization)] for p in measured], justify="right"),
        ],
        gap=gap,
    )


def operators(times: Sequence[OperatorTime]) -> Table:
    """Where the time goes, by operator type."""
    return columns(
        [
            Column("operator", [[figures.clean(o.op_type)] for o in times]),
            Column("nodes", [[f"{o.count:,}"] for o in times], justify="right"),
            Column("time", [[figures.percent(o.time_share)] for o in times], justify="right", style="bold"),
            Column("FLOPs", [[_count(o.flops)] for o in times], justify="right"),
            Column("bytes", [[_size(o.bytes)] for o in times], justify="right"),
        ]
    )


def _facts(value: Profile) -> Iterable[tuple[str, Sequence[str]]]:
    model, machine, runtime = value.model, value.machine, value.runtime
    if value.served is not None:
        yield "Endpoint", figures.served_lines(value.served)
    else:
        yield "Model", [figures.model_line(model), f"sha256 {figures.clean(model.sha256[:16])}"]
    yield "Converted", figures.conversion_lines(model)
    yield "Inputs", [figures.tensor(t) for t in model.inputs]
    yield "Outputs", [figures.tensor(t) for t in model.outputs]
    where = [f"{machine.logical_cpus} logical CPUs", figures.size(machine.memory_bytes), figures.clean(machine.os)]
    if machine.instance_type:
        where.insert(0, figures.clean(machine.instance_type))
    yield (
        "Machine" if value.served is None else "Client",
        [", ".join(where), *([figures.clean(machine.accelerator)] if machine.accelerator else [])],
    )
    if value.served is None:
        yield "Runtime", [f"{runtime.name} {runtime.version}, {runtime.execution_provider}, Python {runtime.python}"]


def _rest(busiest: Sequence[OperatorTime], shown: Sequence[OperatorTime]) -> list[str]:
    rest = busiest[len(shown) :]
    if not rest:
        return []
    share = figures.percent(sum(o.time_share for o in rest))
    return [f"{figures.count(len(rest), 'more operator type')}, {share} of the time."]


def _percentile(value: float | None) -> str:
    return TOO_FEW if value is None else figures.milliseconds(value)


def _size(value: int | None) -> str:
    return UNKNOWN if value is None else figures.size(value)


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else figures.percent(value)


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else figures.quantity(value)
