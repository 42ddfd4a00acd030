"""What is recorded at every tick: one row a bucket of the autoscaler's clock. The policies read these rows."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

END: Final = 0
"""End of the bucket, seconds since the start."""
SECONDS: Final = 1
ARRIVED: Final = 2
"""Requests that arrived, dropped ones included."""
DROPPED: Final = 3
SERVED: Final = 4
"""Requests answered."""
BUSY_S: Final = 5
"""Replica-seconds spent serving: worker-seconds over the workers of a replica."""
READY_S: Final = 6
"""Replica-seconds in service: started, not draining."""
INSIDE_S: Final = 7
"""Request-seconds in the system, waiting or in service."""
WAITING: Final = 8
"""Requests waiting at the end."""
READY: Final = 9
"""Replicas in service at the end."""
DESIRED: Final = 10
"""Replicas wanted after the decision at the end: in service or starting."""
RECOMMENDED: Final = 11
"""What the policy would have had on this bucket alone."""
COLUMNS: Final = 12

UTILIZATION: Final = 0
"""Busy share of the replicas in service, percent."""
ARRIVALS_A_MINUTE: Final = 1
"""Arrivals a minute and replica."""
CONCURRENCY: Final = 2
"""Mean requests in the system a replica."""
TOTAL_CONCURRENCY: Final = 3
"""Mean requests in the system."""
BACKLOG: Final = 4
"""Requests waiting a replica at the ends of the buckets; with no replica, all that wait."""
NO_CAPACITY: Final = 5
"""Requests refused or waiting while no replica was in service, in all."""


def measure(history: NDArray[np.float64], first: int, last: int, metric: int) -> float:
    """A metric over the rows ``first`` to ``last`` (exclusive); NaN where it needs replicas and none was in service.

    To nine decimals: thresholds include their own value, and sums of floats would miss it.
    """
    if metric >= BACKLOG:
        return queued(history, first, last, metric)
    busy = ready = inside = arrived = seconds = 0.0
    for row in range(first, last):
        busy += history[row, BUSY_S]
        ready += history[row, READY_S]
        inside += history[row, INSIDE_S]
        arrived += history[row, ARRIVED]
        seconds += history[row, SECONDS]
    if metric == TOTAL_CONCURRENCY:
        return round(inside / seconds, 9)
    if ready <= 0.0:
        return nan
    if metric == UTILIZATION:
        return round(100.0 * busy / ready, 9)
    if metric == ARRIVALS_A_MINUTE:
        return round(60.0 * arrived / ready, 9)
    return round(inside / ready, 9)


def queued(history: NDArray[np.float64], first: int, last: int, metric: int) -> float:
    """The metrics that are defined without a replica, too."""
    total = 0.0
    for row in range(first, last):
        if metric == BACKLOG:
            total += history[row, WAITING] / max(history[row, READY], 1.0)
        elif history[row, READY] == 0.0:
            total += history[row, WAITING] + history[row, DROPPED]
    return round(total / (last - first), 9) if metric == BACKLOG else total


def mean_ready(history: NDArray[np.float64], row: int) -> float:
    """Mean replicas in service during a bucket."""
    return float(history[row, READY_S] / history[row, SECONDS])


def carriers(history: NDArray[np.float64], first: int, last: int, metric: int) -> float:
    """How many replicas share what a metric counts: those in service in the rows, for the backlog at least one."""
    ready = seconds = 0.0
    for row in range(first, last):
        ready += history[row, READY_S]
        seconds += history[row, SECONDS]
    if metric == BACKLOG:
        return max(float(history[last - 1, READY]), 1.0)
    return ready / seconds
