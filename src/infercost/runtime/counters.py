"""Counters of this process and machine, read before and after a stretch of work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from infercost.runtime import cgroup
from infercost.runtime.energy import joules
from infercost.runtime.protocol import Counters

_TASKS = Path("/proc/self/task")
_PULSE_TURNS = 4000
_PULSE_TRIES = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """All counters at one instant."""

    wall_ns: int
    cpu_ns: int
    waited_ns: int | None
    throttled_s: float | None
    stolen_s: float | None
    busy_s: float
    energy_j: float | None

    @classmethod
    def take(cls, device: str = "cpu") -> Reading:
        """Read them now."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        stolen = getattr(times, "steal", None)
        # Guests' time is within user time already; stolen time is nobody's work here.
        busy = sum(times) - idle - guest - (stolen or 0.0)
        return cls(
            wall_ns=time.perf_counter_ns(),
            cpu_ns=time.process_time_ns(),
            waited_ns=waited_ns(),
            throttled_s=cgroup.throttled_s(),
            stolen_s=stolen,
            busy_s=busy,
            energy_j=joules(device),
        )

    def since(self, before: Reading, pulse: int) -> Counters:
        """What it cost from one reading to this one; ``pulse`` is of :func:`pulse_ns`."""
        return Counters(
            wall_s=(self.wall_ns - before.wall_ns) / 1e9,
            cpu_s=(self.cpu_ns - before.cpu_ns) / 1e9,
            waited_s=_difference(self.waited_ns, before.waited_ns, 1e-9),
            throttled_s=_difference(self.throttled_s, before.throttled_s),
            stolen_s=_difference(self.stolen_s, before.stolen_s),
            busy_s=_difference(self.busy_s, before.busy_s),
            pulse_ns=pulse,
            energy_j=_difference(self.energy_j, before.energy_j),
        )


def waited_ns(tasks: Path = _TASKS) -> int | None:
    """Nanoseconds that this process's runnable threads have waited for a CPU; None where the kernel does not say.

    The second figure of ``schedstat`` (Documentation/scheduler/sched-stats.rst of Linux).
    """
    total, found = 0, False
    try:
        for folder in tasks.iterdir():
            fields = (folder / "schedstat").read_text().split()
            total, found = total + int(fields[1]), True
    except (OSError, ValueError, IndexError):
        return total if found else None
    return total if found else None


def pulse_ns() -> int:
    """CPU time of a fixed piece of work: more when the clock is slower or a neighbour shares the core."""
    best = 0
    for _ in range(_PULSE_TRIES):
        begin = time.thread_time_ns()
        for _ in range(_PULSE_TURNS):
            pass
        taken = time.thread_time_ns() - begin
        best = taken if best == 0 else min(best, taken)
    return best


def _difference(after: float | None, before: float | None, unit: float = 1.0) -> float | None:
    return None if after is None or before is None else max(0.0, (after - before) * unit)
