"""Which CPUs the workers get: whole cores first, and those that nobody else uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from infercost.runtime.machine import core_of, usable_affinity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def choose_cpus(threads: int, workers: int, busy: Mapping[int, float], cores: Mapping[int, str]) -> list[list[int]]:
    """CPUs for each worker: cores of their own, then second threads of cores; quiet ones first. Pure.

    Args:
        threads: of each worker.
        workers: how many.
        busy: share of each usable CPU that others took, 0..1.
        cores: the core of each usable CPU.

    Returns:
        A list for each worker; empty lists when there are not enough CPUs for all.
    """
    if threads * workers > len(busy):
        return [[] for _ in range(workers)]
    used: dict[str, int] = {}
    rank: dict[int, int] = {}
    for cpu in sorted(busy, key=lambda cpu: (round(busy[cpu], 1), cpu)):
        rank[cpu] = used.get(cores[cpu], 0)
        used[cores[cpu]] = rank[cpu] + 1
    ordered = sorted(busy, key=lambda cpu: (rank[cpu], round(busy[cpu], 1), cpu))
    return [sorted(ordered[n * threads : (n + 1) * threads]) for n in range(workers)]


def shares_a_core(cpus: Sequence[int], cores: Mapping[int, str]) -> bool:
    """Whether two of the CPUs are hardware threads of one core."""
    return len({cores[cpu] for cpu in cpus}) < len(cpus)


class Placement:
    """The usable CPUs of this machine, as they were when the measurement began."""

    def __init__(self, *, pin: bool, watch_s: float = 0.0) -> None:
        self._usable = usable_affinity() if pin else []
        self._cores = {cpu: core_of(cpu) for cpu in self._usable}
        percent = psutil.cpu_percent(interval=watch_s or None, percpu=True) if self._usable else []
        self._busy = {cpu: percent[cpu] / 100 if cpu < len(percent) else 0.0 for cpu in self._usable}

    def cpus(self, threads: int, workers: int = 1) -> list[list[int] | None]:
        """CPUs to pin each worker to; None leaves a worker to the system."""
        chosen = choose_cpus(threads, workers, self._busy, self._cores)
        return [cpus or None for cpus in chosen]

    def siblings(self, threads: int, workers: int = 1) -> bool:
        """Whether so many threads share cores, where it is known."""
        taken = [cpu for cpus in choose_cpus(threads, workers, self._busy, self._cores) for cpu in cpus]
        return shares_a_core(taken, self._cores)
