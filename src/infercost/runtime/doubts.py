"""What makes a measurement incomplete or doubtful, told in three lines at most. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infercost.domain.statistics import min_samples
from infercost.runtime.neighbours import busy_warning

if TYPE_CHECKING:
    from collections.abc import Iterable

Config = tuple[int, int]
"""Batch size and threads."""

OPERATOR_RUNS_WANTED = 20
"""Fewer runs of the profiler leave the operators' shares to chance."""


def config_name(batch: int, threads: int) -> str:
    """A configuration, for people."""
    return config_names([(batch, threads)])


def config_names(configs: Iterable[Config]) -> str:
    """Configurations, for people: ``batch 1 × 1 thread, batch 4 × 1/2 threads``."""
    threads: dict[int, list[int]] = {}
    for batch, count in configs:
        threads.setdefault(batch, []).append(count)
    return ", ".join(
        f"batch {batch} × {'/'.join(map(str, counts))} thread{'' if counts == [1] else 's'}"
        for batch, counts in threads.items()
    )


@dataclass
class Doubts:
    """Gathered while measuring."""

    busy_cpus: float = 0.0
    """CPUs that others kept busy before the measurement."""
    on_cpu: list[float] = field(default_factory=list)
    """CPU time / wall time of the single-threaded points."""
    slow: dict[Config, float] = field(default_factory=dict)
    """Points left out for want of time; seconds that a run should take."""
    large: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Batches left out for want of memory; bytes needed and free."""
    failed: dict[int, str] = field(default_factory=dict)
    """Batches that do not run, and why."""
    unsettled: list[Config] = field(default_factory=list)
    """Points whose time ended before their median held still."""
    few: dict[Config, int] = field(default_factory=dict)
    """Points with too few runs for a median."""
    operator_runs: int | None = None
    """Runs that the operators' shares rest on; None when they were not timed."""
    noise: list[str] = field(default_factory=list)
    """What else shows that the machine was not quiet."""

    def lines(self) -> list[str]:
        """Warnings: the busy machine, points that are missing, points that are rough."""
        told = (self.noise_line(), self._missing(), self._rough())
        return [line for line in told if line is not None]

    def noise_line(self) -> str | None:
        """What showed that the machine was busy; None when nothing did."""
        return busy_warning(self.busy_cpus, self.on_cpu, self.noise)

    def _missing(self) -> str | None:
        parts = []
        if self.slow:
            parts.append(f"{config_names(self.slow)} (about {_span(self.slow.values())} s a run; raise --budget)")
        parts += [
            f"batch {batch} (needs about {need / 2**30:.1f} GiB, {free / 2**30:.1f} GiB is free)"
            for batch, (need, free) in self.large.items()
        ]
        parts += [f"batch {batch} ({reason})" for batch, reason in self.failed.items()]
        return f"not measured: {', '.join(parts)}" if parts else None

    def _rough(self) -> str | None:
        parts = []
        if self.unsettled:
            parts.append(f"{config_names(self.unsettled)} did not settle")
        if self.few:
            runs = f"{_span(self.few.values())} runs, {min_samples(50)} make a median"
            parts.append(f"{config_names(self.few)} had too few ({runs})")
        if self.operator_runs is not None and self.operator_runs < OPERATOR_RUNS_WANTED:
            parts.append(f"operator shares rest on {self.operator_runs} runs ({OPERATOR_RUNS_WANTED} are wanted)")
        return f"rough figures: {', '.join(parts)}; raise --budget" if parts else None


def _span(values: Iterable[float]) -> str:
    ordered = sorted(values)
    low, high = f"{ordered[0]:.2g}", f"{ordered[-1]:.2g}"
    return low if low == high else f"{low} to {high}"
