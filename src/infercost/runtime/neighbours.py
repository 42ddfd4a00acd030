"""Who else is using the CPUs: a measurement beside a busy process is no measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

_WATCH_S = 0.2
_BUSY_CPUS = 0.25
_STOLEN_SHARE = 0.9


def busy_cpus(watch_s: float = _WATCH_S) -> float:
    """CPUs' worth of work done on this machine by anyone during a short watch, before we start ours."""
    share = float(psutil.cpu_percent(interval=watch_s)) / 100
    return share * (psutil.cpu_count(logical=True) or 1)


def neighbour_warning(busy: float) -> str | None:
    """What to say of CPUs that were busy before the measurement; None when they were idle."""
    if busy < _BUSY_CPUS:
        return None
    return f"other processes were using {busy:.1f} CPUs when the measurement began; close them and profile again"


def stolen_warning(shares: Sequence[float]) -> str | None:
    """What to say when single-threaded runs were on the CPU for less of the time than they took.

    Args:
        shares: CPU time / wall time of each single-threaded measurement.
    """
    worst = min(shares, default=1.0)
    if worst >= _STOLEN_SHARE:
        return None
    return (
        f"single-threaded runs had the CPU for only {worst:.0%} of the time: another process or the "
        "hypervisor took the rest, so latencies are too high; quiet the machine and profile again"
    )
