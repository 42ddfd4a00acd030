"""The kernel for one shared queue that turns requests away: above a limit, or with no replica in service."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from infercost.engine.simulate.books import (
    ACTIVE,
    BATCHES,
    BUSY,
    CAME,
    CAME_SUM,
    DONE,
    DONE_SUM,
    FIRST,
    FROM_S,
    LAST_END,
    ROWS,
    SEEN,
    TAKEN,
    TICKS,
    TURNED_AWAY,
    WITHIN,
    Books,
)
from infercost.engine.simulate.central import batch_start
from infercost.engine.simulate.fleet import Fleet, Scaling, next_ready, welcome
from infercost.engine.simulate.serving import (
    ENDED,
    GAVE_UP,
    MORE_REPLICAS,
    MORE_ROWS,
    Queue,
    Records,
    Serving,
    note,
    note_drop,
)
from infercost.engine.simulate.ticking import MAX_ROWS, finish, tick
from infercost.engine.simulate.tournament import replay
from infercost.engine.simulate.variates import draw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def admit(serving: Serving, fleet: Fleet, books: Books, now_s: float) -> bool:
    """Whether a request that arrives now is taken in; what has ended is only counted where it matters."""
    inside = books.counts[WITHIN]
    if inside >= serving.limit:
        for slot in range(len(fleet.load)):
            if fleet.load[slot] > 0 and fleet.done[slot] <= now_s:
                inside -= fleet.load[slot]
                fleet.load[slot] = 0
        books.counts[WITHIN] = inside
    return not (inside >= serving.limit or (serving.refuses_at_zero and books.sums[ACTIVE] == 0.0))


def arrive(request: int, serving: Serving, fleet: Fleet, books: Books, records: Records, queue: Queue) -> None:
    """Take a request in or turn it away."""
    sums, counts, arrival = books.sums, books.counts, serving.arrivals[request]
    sums[CAME] += 1
    if admit(serving, fleet, books, arrival):
        queue.times[counts[TAKEN]], queue.requests[counts[TAKEN]] = arrival, request
        counts[TAKEN] += 1
        counts[WITHIN] += 1
        sums[CAME_SUM] += arrival - sums[FROM_S]
    else:
        sums[TURNED_AWAY] += 1
        note_drop(records, request)
    counts[SEEN] += 1


def weight_of(work: NDArray[np.float64], requests: NDArray[np.int64], first: int, size: int, padded: bool) -> float:
    """How long the batch of these places of the queue takes, relative to one of average requests."""
    if len(work) == 0:
        return 1.0
    total = largest = 0.0
    for place in range(first, first + size):
        total += work[requests[place]]
        largest = max(largest, work[requests[place]])
    return largest if padded else total / size


def begin_first(start: float, size: int, serving: Serving, fleet: Fleet, books: Books, records: Records, queue: Queue) -> None:
    """Start the next batch of the queue on the worker that is free first."""
    sums, counts = books.sums, books.counts
    slot, first = fleet.tree[1], counts[FIRST]
    seconds = draw(serving.service, serving.service_key, queue.requests[first], size)
    seconds *= weight_of(serving.work, queue.requests, first, size, serving.padded)
    counts[WITHIN] -= fleet.load[slot]
    for k in range(first, first + size):
        note(records, queue.requests[k], start - queue.times[k], start + seconds - queue.times[k])
    if len(records.batch_sizes) > 0:
        records.batch_sizes[counts[BATCHES]] = size
    counts[BATCHES] += 1
    counts[FIRST] += size
    fleet.key[slot] = fleet.done[slot] = start + seconds
    fleet.load[slot] = size
    replay(fleet.tree, fleet.key, slot)
    sums[LAST_END] = max(sums[LAST_END], start + seconds)
    sums[BUSY] += seconds
    sums[DONE] += size
    sums[DONE_SUM] += size * (start + seconds - sums[FROM_S])


def serve_limited(serving: Serving, scaling: Scaling, fleet: Fleet, books: Books, records: Records, queue: Queue) -> int:
    """Simulate a shared queue that turns requests away."""
    sums, counts, count = books.sums, books.counts, len(serving.arrivals)
    ready_at = next_ready(books)
    while True:
        tick_at = counts[TICKS] * scaling.tick_s
        until = min(tick_at, ready_at)
        start, size = inf, 0
        if counts[FIRST] < counts[TAKEN] and fleet.key[fleet.tree[1]] < inf:
            free = fleet.key[fleet.tree[1]]
            start, size = batch_start(queue.times, counts[FIRST], counts[TAKEN], free, serving.max_batch, serving.max_delay_s)
        arrival = serving.arrivals[counts[SEEN]] if counts[SEEN] < count else inf
        if arrival < until and arrival <= start:
            arrive(counts[SEEN], serving, fleet, books, records, queue)
        elif start < until:
            begin_first(start, size, serving, fleet, books, records, queue)
        else:
            if counts[ROWS] >= len(books.history):
                return MORE_ROWS
            if counts[SEEN] == count and counts[FIRST] == counts[TAKEN]:
                end = max(serving.horizon_s, sums[LAST_END])
                if until >= end:
                    finish(fleet, books, end, False)
                    return ENDED
            if ready_at <= tick_at:
                if welcome(fleet, scaling, books, ready_at, False) < 0:
                    return MORE_REPLICAS
            else:
                tick(fleet, scaling, books, tick_at, False)
                if counts[TICKS] > MAX_ROWS:
                    return GAVE_UP
            ready_at = next_ready(books)
