"""What a kernel is told, what it writes, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infercost.engine.simulate.variates import Draws

ENDED: Final = 0
MORE_ROWS: Final = 1
"""The history is full: make it longer and call again."""
MORE_REPLICAS: Final = 2
"""The fleet is full: enlarge it and call again."""
GAVE_UP: Final = 3

WITHIN_LIMIT: Final = 0
LATENCY_SUM: Final = 1
WAIT_SUM: Final = 2
LATENCY_MAX: Final = 3
WAIT_MAX: Final = 4
TOTALS: Final = 5

FINENESS: Final = 10
"""A bin of the histogram is 2^-10 of a power of two wide: its middle is within 0.05 % of what is in it."""
LEAST_EXPONENT: Final = -30
MOST_EXPONENT: Final = 30
"""Latencies below 1 ns count as that, above 34 years likewise."""
BINS: Final = (MOST_EXPONENT - LEAST_EXPONENT) << FINENESS
_SHIFT: Final = 52 - FINENESS
_BASE: Final = (1023 + LEAST_EXPONENT) << FINENESS


class Serving(NamedTuple):
    """What is simulated, beside the autoscaler."""

    arrivals: NDArray[np.float64]
    work: NDArray[np.float64]
    """Relative work of each request; empty where all are alike."""
    service: Draws
    service_key: np.uint64
    routing_key: np.uint64
    max_batch: int
    max_delay_s: float
    padded: bool
    """Whether a batch takes as long as if all its requests were its largest."""
    limit: int
    """Most requests in the system."""
    refuses_at_zero: bool
    """Whether a request that finds no replica in service is dropped."""
    least_outstanding: bool
    """How own queues are chosen: by the fewest requests, else at random."""
    horizon_s: float
    """When the traffic ends."""


class Records(NamedTuple):
    """Where a kernel writes; the caller allocates them, in memory that is cheap to touch first."""

    wait_s: NDArray[np.float64]
    latency_s: NDArray[np.float64]
    """NaN for dropped requests, as the wait. Both empty where the histogram and totals are kept instead."""
    batch_sizes: NDArray[np.int32]
    """As many as requests; empty where a batch is one request."""
    histogram: NDArray[np.int64]
    """Of latencies, in bins of equal ratio; see :func:`bin_of`."""
    totals: NDArray[np.float64]
    """By the constants above."""
    limit_s: float
    """Requests within it are counted exactly."""


class Queue(NamedTuple):
    """Room for what waits, an entry a request; empty for the kernel that needs none."""

    times: NDArray[np.float64]
    """Arrivals of the requests taken in (one queue with a limit)."""
    requests: NDArray[np.int64]
    """Their numbers; with own queues, the request behind each."""


def bin_of(latency_s: float) -> int:
    """The histogram's bin of a latency: its exponent and the first bits of its mantissa."""
    place = int(np.float64(latency_s).view(np.int64) >> _SHIFT) - _BASE
    return min(max(place, 0), BINS - 1)


def middles() -> NDArray[np.float64]:
    """The latency in the middle of each bin. Not compiled."""
    bins = np.arange(BINS)
    per = 1 << FINENESS
    out: NDArray[np.float64] = np.ldexp(1.0 + (bins % per + 0.5) / per, LEAST_EXPONENT + bins // per)
    return out


def note(records: Records, request: int, wait: float, latency: float) -> None:
    """Record the fate of a request that is served."""
    if len(records.latency_s) > 0:
        records.wait_s[request] = wait
        records.latency_s[request] = latency
        return
    totals = records.totals
    records.histogram[bin_of(latency)] += 1
    if latency <= records.limit_s:
        totals[WITHIN_LIMIT] += 1.0
    totals[LATENCY_SUM] += latency
    totals[WAIT_SUM] += wait
    totals[LATENCY_MAX] = max(totals[LATENCY_MAX], latency)
    totals[WAIT_MAX] = max(totals[WAIT_MAX], wait)


def note_drop(records: Records, request: int) -> None:
    """Record that a request was turned away."""
    if len(records.latency_s) > 0:
        records.wait_s[request] = records.latency_s[request] = np.nan
