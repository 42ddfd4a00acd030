"""The course of a simulation in a few hundred points."""

from __future__ import annotations

from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.capacity import TimelinePoint
from infercost.engine.money import to_micros

if TYPE_CHECKING:
    from infercost.domain.traffic import SloTarget
    from infercost.engine.erlang import Floats, Ints
    from infercost.engine.simulate.result import Simulation, Timeline

__all__ = ["MOST_POINTS", "course"]

MOST_POINTS: Final = 300


def course(run: Simulation, times_s: Floats, goal: SloTarget | None, price: Decimal | None) -> tuple[TimelinePoint, ...]:
    """Means over stretches of equal numbers of ticks.

    Args:
        run: a simulation that kept its requests.
        times_s: when they arrived.
        goal: the promise whose misses are counted; None counts what was dropped.
        price: of a replica-hour.
    """
    line = run.timeline
    stride = max(ceil(len(line) / MOST_POINTS), 1)
    firsts = np.arange(0, len(line), stride)
    seconds = np.add.reduceat(line.seconds, firsts)
    starts = (line.end_s - line.seconds)[firsts]
    late = _late(run, times_s, goal, starts)
    billed = _billed(line, run.replica_seconds)

    def mean(values: Floats) -> Floats:
        return np.add.reduceat(values * line.seconds, firsts) / seconds

    ready, busy = mean(line.mean_replicas), np.add.reduceat(line.busy_seconds, firsts)
    columns = {
        "rps": np.add.reduceat(line.arrivals, firsts) / seconds,
        "replicas": ready,
        "desired": mean(line.desired.astype(np.float64)),
        "waiting": mean(line.waiting.astype(np.float64)),
    }
    hours = np.add.reduceat(billed, firsts) / 3600
    return tuple(
        TimelinePoint(
            at_s=float(starts[k]),
            **{name: round(float(values[k]), 6) for name, values in columns.items()},
            utilization=min(float(busy[k] / (ready[k] * seconds[k])), 1.0) if ready[k] > 0 else None,
            late=int(late[k]),
            cost=None if price is None else to_micros(price * Decimal(repr(round(float(hours[k]), 9)))),
        )
        for k in range(len(firsts))
    )


def _late(run: Simulation, times_s: Floats, goal: SloTarget | None, starts: Floats) -> Ints:
    """Requests of each stretch, by arrival, that missed the promise, dropped ones included."""
    bad = np.ones(run.requests, dtype=bool)
    served = slice(None) if run.served_mask is None else run.served_mask
    bad[served] = False if goal is None else run.latency_s > goal.limit_ms / 1e3
    places = np.searchsorted(starts, times_s[bad], side="right") - 1
    return np.bincount(np.maximum(places, 0), minlength=len(starts)).astype(np.int64)


def _billed(line: Timeline, replica_seconds: float) -> Floats:
    """Replica-seconds billed in each tick: in service and starting, put right to the sum that was billed."""
    starting = np.maximum(line.desired - line.replicas, 0)
    each = (line.mean_replicas + np.append(0, starting[:-1])) * line.seconds
    total = float(each.sum())
    scale = replica_seconds / total if total > 0 else 1.0
    billed: Floats = each * scale
    return billed
