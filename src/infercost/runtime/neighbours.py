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
    return busy_warning(busy, ())


def busy_warning(busy: float, shares: Sequence[float], more: Sequence[str] = ()) -> str | None:
    """What to say of a machine that others used, too; None when nothing shows that.

    Args:
        busy: CPUs that were busy before the measurement.
        shares: CPU time / wall time of each single-threaded point. Less than 1 means that another
            process or the hypervisor took the rest.
        more: what else shows it, as clauses.
    """
    facts, worst = [], min(shares, default=1.0)
    if busy >= _BUSY_CPUS:
        facts.append(f"other processes were using {busy:.1f} CPUs when the measurement began")
    if worst < _STOLEN_SHARE:
        facts.append(f"single-threaded runs had the CPU for only {worst:.0%} of the time")
    facts += more
    if not facts:
        return None
    return f"the machine was busy: {_listed(facts)}; latencies are too high, quiet it and profile again"


def _listed(facts: Sequence[str]) -> str:
    return " and ".join(facts) if len(facts) < 3 else f"{', '.join(facts[:-1])} and {facts[-1]}"
