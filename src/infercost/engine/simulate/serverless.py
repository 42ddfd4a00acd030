"""The kernel for functions that the platform starts as requests come: an instance a request, no queue.

A request takes a provisioned instance that is idle, else the on-demand one that was used last, else it starts one
(cold), else, with as many at work as may be, it is turned away. An instance that idles for longer than the
platform keeps it is gone.
"""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING, Final, NamedTuple

from infercost.engine.simulate.serving import Records, note, note_drop
from infercost.engine.simulate.variates import Draws, draw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BILLED_S: Final = 0
"""Instance-seconds of on-demand instances, rounded up a request."""
PROVISIONED_S: Final = 1
"""The same of provisioned ones."""
BUSY_S: Final = 2
END_S: Final = 3
SUMS: Final = 4

COLD: Final = 0
THROTTLED: Final = 1
PEAK: Final = 2
"""Most requests at work at once."""
INSTANCES: Final = 3
"""Slots used so far."""
COUNTS: Final = 4

CAME: Final = 0
STARTED: Final = 1
REFUSED: Final = 2
BUSIEST: Final = 3
BUCKET: Final = 4
"""Columns of a bucket of the timeline."""


class Calls(NamedTuple):
    """What is asked of the platform, and how it behaves."""

    arrivals: NDArray[np.float64]
    work: NDArray[np.float64]
    """Relative work of each request; empty where all are alike."""
    service: Draws
    service_key: np.uint64
    cold: Draws
    """Seconds that starting an instance adds."""
    cold_key: np.uint64
    granularity_s: float
    """What a request is billed for is rounded up to multiples of this."""
    bills_cold: bool
    keep_alive_s: float
    provisioned: int
    most: int
    """Requests at work at once."""
    bucket_s: float


class Pool(NamedTuple):
    """The instances: provisioned ones first."""

    free_at: NDArray[np.float64]
    """When each ends, or ended, its last request; minus infinity for one that never was."""
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    timeline: NDArray[np.float64]


def choose(calls: Calls, pool: Pool, now_s: float) -> tuple[int, bool, int]:
    """The instance for a request, whether it starts cold, and how many are at work; -1 where none may be."""
    free_at, used = pool.free_at, pool.counts[INSTANCES]
    busy, warm, warm_at, spare = 0, -1, -inf, -1
    for slot in range(used):
        at = free_at[slot]
        if at > now_s:
            busy += 1
        elif slot < calls.provisioned:
            if warm < 0 or warm >= calls.provisioned:
                warm, warm_at = slot, inf
        elif now_s - at <= calls.keep_alive_s:
            if at > warm_at:
                warm, warm_at = slot, at
        else:
            spare = slot
    if warm >= 0:
        return warm, False, busy
    if busy >= calls.most:
        return -1, False, busy
    return (spare if spare >= 0 else used), True, busy


def serve_serverless(calls: Calls, pool: Pool, records: Records) -> int:
    """Simulate every request."""
    sums, counts = pool.sums, pool.counts
    counts[INSTANCES] = calls.provisioned
    for request in range(len(calls.arrivals)):
        now = calls.arrivals[request]
        bucket = pool.timeline[min(int(now / calls.bucket_s), len(pool.timeline) - 1)]
        bucket[CAME] += 1.0
        slot, cold, busy = choose(calls, pool, now)
        if slot < 0:
            counts[THROTTLED] += 1
            bucket[REFUSED] += 1.0
            note_drop(records, request)
            continue
        wait = 0.0
        if cold:
            wait = draw(calls.cold, calls.cold_key, counts[COLD], 1)
            counts[COLD] += 1
            bucket[STARTED] += 1.0
            counts[INSTANCES] = max(counts[INSTANCES], slot + 1)
        seconds = draw(calls.service, calls.service_key, request, 1)
        if len(calls.work) > 0:
            seconds *= calls.work[request]
        charged = seconds + wait if calls.bills_cold else seconds
        if calls.granularity_s > 0.0:
            charged = ceil(charged / calls.granularity_s - 1e-9) * calls.granularity_s
        sums[PROVISIONED_S if slot < calls.provisioned else BILLED_S] += charged
        sums[BUSY_S] += seconds + wait
        end = now + wait + seconds
        sums[END_S] = max(sums[END_S], end)
        pool.free_at[slot] = end
        counts[PEAK] = max(counts[PEAK], busy + 1)
        bucket[BUSIEST] = max(bucket[BUSIEST], busy + 1.0)
        note(records, request, wait, wait + seconds)
    return 0
