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

    from infercost.domain.profile import OperatorCall, OperatorTime, Point, Profile
    from infercost.domain.scenario import ScenarioRun, Search, Trial
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
    parts += [*scenarios(value.scenarios, view), *search(value.search, view)]
    busiest = sorted(value.operators, key=lambda operator: -operator.time_share)
    shown = busiest if view.details else busiest[: min(view.top, 8)]
    if shown:
        parts += ["", operators(shown), *_rest(busiest, shown)]
    if view.details and value.operator_calls:
        parts += ["", calls(value.operator_calls)]
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
            *(_spread(measured) if full else []),
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


def _spread(measured: Sequence[Point]) -> list[Column]:
    """How sure the means are, where that is known: half of the bootstrap interval."""
    if not any(p.intervals for p in measured):
        return []
    return [Column("±", [[_half_width(p)] for p in measured], justify="right")]


def _half_width(point: Point) -> str:
    band = next((i for i in point.intervals if i.metric == "mean"), None)
    if band is None or point.latency_ms.mean <= 0:
        return UNKNOWN
    return figures.percent((band.high - band.low) / 2 / point.latency_ms.mean)


def scenarios(runs: Sequence[ScenarioRun], view: View) -> Iterable[RenderableType | str]:
    """Load scenarios with their verdicts, and why."""
    if not runs:
        return
    yield ""
    yield first_that_fits((_scenarios(runs, full=True), _scenarios(runs)), view)
    for run in runs:
        yield Text(f"{run.scenario}: {run.verdict}; {figures.clean(run.reason)}.")


def _scenarios(runs: Sequence[ScenarioRun], *, full: bool = False) -> Table:
    stats = [run.latency_ms for run in runs]
    bounds = [{tail.metric: tail.bound for tail in run.tails} for run in runs]
    return columns(
        [
            Column("scenario", [[run.scenario] for run in runs], style="bold"),
            Column("workers", [[f"{run.workers} × {run.threads}t"] for run in runs], justify="right"),
            *([Column("samples", [[f"{run.samples_per_query}"] for run in runs], justify="right")] if full else []),
            Column("asked/s", [["" if r.target_rps is None else figures.rate(r.target_rps)] for r in runs], justify="right"),
            Column("queries/s", [[figures.rate(run.achieved_rps)] for run in runs], justify="right"),
            *([Column("items/s", [[figures.rate(run.throughput_per_s)] for run in runs], justify="right")] if full else []),
            Column("p50", [[_percentile(s.p50)] for s in stats], justify="right"),
            Column("p90", [[_percentile(s.p90)] for s in stats], justify="right"),
            Column("p99", [[_percentile(s.p99)] for s in stats], justify="right"),
            *([Column("p99 at most", [[_percentile(b.get("p99"))] for b in bounds], justify="right")] if full else []),
            Column("queries", [[f"{run.queries:,}"] for run in runs], justify="right"),
            Column("verdict", [[run.verdict] for run in runs]),
        ]
    )


def search(found: Search | None, view: View) -> Iterable[RenderableType | str]:
    """The best configurations of a search, and what it took to find them."""
    if found is None:
        return
    ran = sorted((i for i, t in enumerate(found.trials) if t.failure is None), key=lambda i: -found.trials[i].throughput_per_s)
    if found.best in ran:
        ran.insert(0, ran.pop(ran.index(found.best)))
    shown = [found.trials[i] for i in (ran if view.details else ran[:5])]
    yield ""
    if shown:
        yield columns(
            [
                Column("", [["best" if i == found.best else ""] for i in ran[: len(shown)]], style="bold"),
                Column("batch", [[f"{t.batch}"] for t in shown], justify="right"),
                Column("workers", [[f"{t.workers} × {t.threads}t"] for t in shown], justify="right"),
                Column("on", [[figures.clean(t.device)] for t in shown]),
                Column("precision", [[figures.clean(t.precision)] for t in shown]),
                Column("items/s", [[figures.rate(t.throughput_per_s)] for t in shown], justify="right"),
                Column("a batch", [[_median(t)] for t in shown], justify="right"),
                Column("memory", [[_size(t.memory_bytes)] for t in shown], justify="right"),
            ]
        )
    kept = f", within {found.slo}" if found.slo else ""
    none = f" None keeps {found.slo}." if found.best is None and found.slo else ""
    tried = f"Search for the highest throughput{kept}: {len(found.trials)} of {found.grid:,} configurations tried"
    yield Text(f"{tried}; {figures.clean(found.stopped)}.{none}")


def _median(trial: Trial) -> str:
    return TOO_FEW if trial.latency_ms is None else _percentile(trial.latency_ms.p50)


def calls(made: Sequence[OperatorCall]) -> Table:
    """Where the time goes, by operator type and input shapes."""
    return columns(
        [
            Column("operator", [[figures.clean(c.op_type)] for c in made]),
            Column("calls", [[f"{c.calls:,}"] for c in made], justify="right"),
            Column("a call", [[figures.milliseconds(c.mean_us / 1e3)] for c in made], justify="right"),
            Column("time", [[figures.percent(c.time_share)] for c in made], justify="right", style="bold"),
            Column("inputs", [[figures.clean(", ".join(c.inputs))] for c in made]),
        ]
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
        yield from _footprint(value.points)
    yield "Runtime", [f"{runtime.name} {runtime.version}, {runtime.execution_provider}, Python {runtime.python}"]


def _footprint(measured: Sequence[Point]) -> Iterable[tuple[str, Sequence[str]]]:
    """What a worker keeps in memory and how long it takes to start, where that was recorded."""
    least = min(measured, key=lambda p: (p.batch, p.threads), default=None)
    if least is None or least.process_bytes is None or least.memory_bytes is None:
        return
    own = figures.size(least.process_bytes)
    lines = [f"a worker keeps {figures.size(least.process_bytes + least.memory_bytes)}: {own} of its own and the session"]
    most = max((p for p in measured if p.threads == least.threads), key=lambda p: p.batch)
    if most.batch > least.batch and most.memory_bytes is not None:
        growth = max(0.0, (most.memory_bytes - least.memory_bytes) / (most.batch - least.batch))
        lines[0] += f"; {figures.size(growth)} more an item of a batch"
    if least.load_s is not None and least.first_inference_s is not None:
        load, first = figures.milliseconds(1e3 * least.load_s), figures.milliseconds(1e3 * least.first_inference_s)
        lines.append(f"loaded in {load}, first inference {first}")
    joules = [p.energy_j / p.batch for p in measured if p.energy_j is not None]
    if joules:
        lines.append(f"{min(joules):.3g} J an item at best, whole package")
    yield "Worker", lines


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
