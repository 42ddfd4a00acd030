"""How quiet the machine was, from the counters of every turn. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infercost.domain.scenario import Noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from infercost.runtime.protocol import Counters

LEAST_ON_CPU = 0.9
"""A single thread that computes has the CPU all the time; less means that it was taken away."""
MOST_WAITED = 0.1
"""Time that runnable threads may wait for a CPU, of the time of all threads."""
MOST_THROTTLED = 0.02
"""Time that a CPU quota may stop the container, of the wall time."""
MOST_STOLEN = 0.02
MOST_DRIFT = 0.10
"""Processors raise and lower their clocks by a few per cent at any time."""
MOST_BUSY_CPUS = 0.25


@dataclass(frozen=True, slots=True)
class Turn:
    """The counters of one turn of a configuration."""

    threads: int
    cost: Counters
    on_cpu: bool
    """Whether the model computes on the CPU, so that CPU time should be wall time."""
    kept: bool = True


def disturbed(cost: Counters, threads: int, *, on_cpu: bool) -> bool:
    """Whether others kept a turn from the CPU, so that its latencies are too high."""
    if cost.wall_s <= 0:
        return False
    if on_cpu and threads == 1 and cost.cpu_s / cost.wall_s < LEAST_ON_CPU:
        return True
    if cost.waited_s is not None and cost.waited_s > MOST_WAITED * cost.wall_s * threads:
        return True
    return cost.throttled_s is not None and cost.throttled_s > MOST_THROTTLED * cost.wall_s


def summarize(turns: Sequence[Turn], *, busy_before: float, cpus: int, interleaved: bool, pinned: bool) -> Noise:
    """All turns together.

    Args:
        turns: in order of measurement.
        busy_before: CPUs that others kept busy before.
        cpus: logical CPUs of the machine.
        interleaved: whether configurations took turns.
        pinned: whether workers stayed on CPUs of their own.
    """
    kept = [turn for turn in turns if turn.kept and turn.cost.wall_s > 0]
    wall = sum(turn.cost.wall_s for turn in turns)
    alone = [turn.cost.cpu_s / turn.cost.wall_s for turn in kept if turn.on_cpu and turn.threads == 1]
    pulses = [turn.cost.pulse_ns for turn in turns if turn.cost.pulse_ns > 0]
    stolen = _total(turns, lambda cost: cost.stolen_s)
    return Noise(
        busy_cpus_before=busy_before,
        busy_cpus_during=_per(_total(turns, lambda c: None if c.busy_s is None else max(0.0, c.busy_s - c.cpu_s)), wall),
        on_cpu_share=min(1.0, *alone) if alone else None,
        waited_share=_per(_total(turns, lambda cost: cost.waited_s), wall),
        stolen_share=None if stolen is None else _per(stolen, wall * max(1, cpus)),
        throttled_s=_total(turns, lambda cost: cost.throttled_s),
        speed_drift=max(pulses) / min(pulses) - 1 if pulses else None,
        slices=len(turns),
        disturbed_slices=sum(disturbed(turn.cost, turn.threads, on_cpu=turn.on_cpu) for turn in turns),
        interleaved=interleaved,
        pinned=pinned,
    )


def signs(noise: Noise) -> list[str]:
    """Clauses that say what was not quiet; empty when all was. CPU shares and what was before are told elsewhere."""
    told = []
    if noise.busy_cpus_during is not None and noise.busy_cpus_during >= MOST_BUSY_CPUS > noise.busy_cpus_before:
        told.append(f"other processes used {noise.busy_cpus_during:.1f} CPUs during the measurement")
    if noise.stolen_share is not None and noise.stolen_share > MOST_STOLEN:
        told.append(f"the hypervisor took {noise.stolen_share:.0%} of the CPUs' time")
    if noise.throttled_s:
        told.append(f"the container's CPU quota stopped it for {noise.throttled_s:.2g} s")
    if noise.speed_drift is not None and noise.speed_drift > MOST_DRIFT:
        told.append(f"the CPU's speed drifted by {noise.speed_drift:.0%} (clock changes or a shared core)")
    if noise.disturbed_slices:
        told.append(f"{noise.disturbed_slices} of {noise.slices} turns were disturbed")
    return told


def _total(turns: Iterable[Turn], figure: Callable[[Counters], float | None]) -> float | None:
    figures = [value for turn in turns if (value := figure(turn.cost)) is not None]
    return sum(figures) if figures else None


def _per(amount: float | None, whole: float) -> float | None:
    return None if amount is None or whole <= 0 else amount / whole
