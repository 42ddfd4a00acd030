"""Instances of a serverless endpoint, request by request: plain Python over arrays, compiled by :mod:`.compiled`.

Each instance serves one request at a time. A request takes the free provisioned instance, else the one that became
free last (so that the others can age), else a new one, which starts cold; where as many as allowed are busy, it is
turned away. An instance that was free for ``keep_alive_s`` is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from infercost.engine.erlang import Floats

WARM = 0
COLD = 1
TURNED_AWAY = 2
PROVISIONED = 3


def sift_up(ends: Floats, kinds: Floats, at: int) -> None:
    """Restore the heap of ends after its last entry was added."""
    while at > 0:
        parent = (at - 1) // 2
        if ends[parent] <= ends[at]:
            return
        ends[parent], ends[at] = ends[at], ends[parent]
        kinds[parent], kinds[at] = kinds[at], kinds[parent]
        at = parent


def sift_down(ends: Floats, kinds: Floats, size: int) -> None:
    """Restore the heap of ends after its first entry was replaced."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and ends[child + 1] < ends[child]:
            child += 1
        if ends[at] <= ends[child]:
            return
        ends[child], ends[at] = ends[at], ends[child]
        kinds[child], kinds[at] = kinds[at], kinds[child]
        at = child


def serve_pool(  # noqa: PLR0917 - compiled code takes no keywords
    times_s: Floats,
    service_s: Floats,
    cold_s: float,
    keep_alive_s: float,
    limit: int,
    provisioned: int,
    latency_s: Floats,
    fates: Floats,
) -> int:
    """Serve every request; returns the most that were busy at once.

    Args:
        times_s: arrivals, ascending.
        service_s: of each request, warm.
        cold_s: what a cold start adds.
        keep_alive_s: how long a free instance stays.
        limit: most busy instances.
        provisioned: instances that are always there; part of ``limit``.
        latency_s: filled; infinite where a request was turned away.
        fates: filled: warm, cold, turned away or provisioned.
    """
    ends, kinds = np.empty(limit), np.empty(limit)
    free_since = np.empty(limit)
    busy, free, kept, peak = 0, 0, provisioned, 0
    for k in range(len(times_s)):
        now = times_s[k]
        while busy > 0 and ends[0] <= now:
            if kinds[0] == PROVISIONED:
                kept += 1
            else:
                free_since[free] = ends[0]
                free += 1
            busy -= 1
            ends[0], kinds[0] = ends[busy], kinds[busy]
            sift_down(ends, kinds, busy)
        if busy >= limit:
            latency_s[k] = np.inf
            fates[k] = TURNED_AWAY
            continue
        taken = service_s[k]
        if kept > 0:
            kept -= 1
            fate = PROVISIONED
        elif free > 0 and now - free_since[free - 1] <= keep_alive_s:
            free -= 1
            fate = WARM
        else:
            # The one that became free last is gone, and so are all that did before.
            free = 0
            fate = COLD
            taken += cold_s
        latency_s[k] = taken
        fates[k] = fate
        ends[busy], kinds[busy] = now + taken, fate
        sift_up(ends, kinds, busy)
        busy += 1
        peak = max(peak, busy)
    return peak
