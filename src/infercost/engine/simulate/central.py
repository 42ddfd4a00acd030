"""The kernel for one shared queue: replicas that come free take what waits, first come first served.

Requests start in the order in which they arrived, so the simulation steps from start to start instead of
from event to event: the next batch starts when a replica is free and the batch is full or its first request
has waited long enough. What the autoscaler does before that moment is done first. Nothing is approximated.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from infercost.engine.simulate.fleet import (
    ACTIVE,
    BUSY,
    CAME,
    CAME_SUM,
    DONE,
    DONE_SUM,
    FROM_S,
    MAX_ROWS,
    ROWS,
    TURNED_AWAY,
    Books,
    Fleet,
    Scaling,
    close_bucket,
    last_end,
    next_ready,
    room,
    settle,
    tick,
    welcome,
)
from infercost.engine.simulate.history import COLUMNS
from infercost.engine.simulate.policies import Memory
from infercost.engine.simulate.tournament import replay
from infercost.engine.simulate.variates import Draws, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Serving(NamedTuple):
    """What is simulated, beside the autoscaler."""

    service: Draws
    service_key: np.uint64
    routing_key: np.uint64
    max_batch: int
    max_delay_s: float
    replicas: int
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
    """NaN for dropped requests, as the wait."""
    batch_sizes: NDArray[np.int32]
    """As many as requests; empty where a batch is one request."""


class Outcome(NamedTuple):
    """What a kernel returns."""

    batches: int
    history: NDArray[np.float64]
    billed_s: float
    end_s: float
    ended: bool
    """False when the simulation gave up."""


def count_arrivals(arrivals: NDArray[np.float64], seen: int, until_s: float, sums: NDArray[np.float64]) -> int:
    """Enter the arrivals before ``until_s`` into the books; returns the first that is not."""
    start, total, first = sums[FROM_S], 0.0, seen
    while seen < len(arrivals) and arrivals[seen] < until_s:
        total += arrivals[seen] - start
        seen += 1
    sums[CAME] += seen - first
    sums[CAME_SUM] += total
    return seen


def batch_start(
    arrivals: NDArray[np.float64], first: int, free_s: float, max_batch: int, max_delay_s: float
) -> tuple[float, int]:
    """When the batch that begins with request ``first`` starts, and how many it takes."""
    due = arrivals[first] + max_delay_s
    last = first + max_batch - 1
    if last < len(arrivals):
        full = arrivals[last]
        if full <= due or full <= free_s:
            return max(free_s, full), max_batch
    start = max(free_s, due)
    last = first + 1
    while last < len(arrivals) and arrivals[last] <= start:
        last += 1
    return start, last - first


def serve_singles(
    until_s: float, arrivals: NDArray[np.float64], first: int, serving: Serving, fleet: Fleet, books: Books, records: Records
) -> int:
    """Start every request that starts before ``until_s``, one a batch; returns the next request."""
    key, done, load, tree = fleet.key, fleet.done, fleet.load, fleet.tree
    wait_s, latency_s, service = records.wait_s, records.latency_s, serving.service
    bucket = books.sums[FROM_S]
    busy, ends, before = 0.0, 0.0, first
    while first < len(arrivals):
        slot = tree[1]
        arrival = arrivals[first]
        start = max(key[slot], arrival)
        if start >= until_s:
            break
        seconds = draw(service, serving.service_key, first, 1)
        end = start + seconds
        wait_s[first] = start - arrival
        latency_s[first] = end - arrival
        first += 1
        key[slot] = end
        done[slot] = end
        load[slot] = 1
        replay(tree, key, slot)
        busy += seconds
        ends += end - bucket
    books.sums[BUSY] += busy
    books.sums[DONE] += first - before
    books.sums[DONE_SUM] += ends
    return first


def serve_batches(
    until_s: float,
    arrivals: NDArray[np.float64],
    first: int,
    batches: int,
    serving: Serving,
    fleet: Fleet,
    books: Books,
    records: Records,
) -> tuple[int, int]:
    """Start every batch that starts before ``until_s``; returns the next request and the batches so far."""
    key, done, load, tree = fleet.key, fleet.done, fleet.load, fleet.tree
    service, bucket = serving.service, books.sums[FROM_S]
    busy, ends, before = 0.0, 0.0, first
    while first < len(arrivals):
        slot = tree[1]
        start, size = batch_start(arrivals, first, key[slot], serving.max_batch, serving.max_delay_s)
        if start >= until_s:
            break
        seconds = draw(service, serving.service_key, first, size)
        end = start + seconds
        came = arrivals[first : first + size]
        wait_s, latency_s = records.wait_s[first : first + size], records.latency_s[first : first + size]
        for k in range(size):
            wait_s[k] = start - came[k]
            latency_s[k] = end - came[k]
        records.batch_sizes[batches] = size
        batches += 1
        first += size
        key[slot] = end
        done[slot] = end
        load[slot] = size
        replay(tree, key, slot)
        busy += seconds
        ends += size * (end - bucket)
    books.sums[BUSY] += busy
    books.sums[DONE] += first - before
    books.sums[DONE_SUM] += ends
    return first, batches


def serve_central(
    arrivals: NDArray[np.float64], serving: Serving, scaling: Scaling, fleet: Fleet, books: Books, records: Records
) -> Outcome:
    """Simulate a shared queue without a limit."""
    count = len(arrivals)
    history = np.empty((1024, COLUMNS))
    memory = Memory(-inf, -inf, 0.0, -inf, 0.0)
    sums = books.sums
    first = batches = seen = 0
    ticks, ready_at, end = 1, inf, inf
    while True:
        tick_at = ticks * scaling.tick_s
        until = min(tick_at, ready_at)
        if serving.max_batch == 1:
            first = batches = serve_singles(until, arrivals, first, serving, fleet, books, records)
        else:
            first, batches = serve_batches(until, arrivals, first, batches, serving, fleet, books, records)
        if first == count:
            end = max(serving.horizon_s, last_end(fleet))
            if until >= end:
                break
        if ready_at <= tick_at:
            fleet, slot = welcome(fleet, scaling, books, ready_at)
            fleet.key[slot] = ready_at
            replay(fleet.tree, fleet.key, slot)
        else:
            seen = count_arrivals(arrivals, seen, tick_at, sums)
            history, memory = tick(fleet, scaling, books, history, memory, tick_at, False)
            ticks += 1
            if ticks > MAX_ROWS:
                return Outcome(batches, history, 0.0, tick_at, False)
        ready_at = next_ready(books)
    return finish(arrivals, seen, fleet, scaling, books, history, end, batches, False)


def finish(
    arrivals: NDArray[np.float64],
    seen: int,
    fleet: Fleet,
    scaling: Scaling,
    books: Books,
    history: NDArray[np.float64],
    end_s: float,
    batches: int,
    own_queues: bool,
) -> Outcome:
    """Write the last, shorter bucket and settle the bill."""
    rows = int(books.sums[ROWS])
    if end_s > books.sums[FROM_S]:
        history = room(history, rows)
        count_arrivals(arrivals, seen, inf, books.sums)
        close_bucket(fleet, books, history, end_s, own_queues)
    billed = settle(scaling, books, end_s)
    return Outcome(batches, history[: int(books.sums[ROWS])], billed, end_s, True)


def admit(
    arrivals: NDArray[np.float64], request: int, inside: int, serving: Serving, fleet: Fleet, active: float
) -> tuple[bool, int]:
    """Whether a request is taken in, and how many are inside at its arrival (an upper bound if it is)."""
    now = arrivals[request]
    if inside >= serving.limit:
        for slot in range(len(fleet.load)):
            if fleet.load[slot] > 0 and fleet.done[slot] <= now:
                inside -= fleet.load[slot]
                fleet.load[slot] = 0
    refused = inside >= serving.limit or (serving.refuses_at_zero and active == 0.0)
    return not refused, inside


def serve_limited(
    arrivals: NDArray[np.float64], serving: Serving, scaling: Scaling, fleet: Fleet, books: Books, records: Records
) -> Outcome:
    """Simulate a shared queue that turns requests away: above a limit, or with no replica in service."""
    count = len(arrivals)
    queue, places = np.empty(count), np.empty(count, dtype=np.int64)
    history = np.empty((1024, COLUMNS))
    memory = Memory(-inf, -inf, 0.0, -inf, 0.0)
    sums = books.sums
    first = batches = seen = taken = inside = 0
    ticks, ready_at, end = 1, inf, inf
    while True:
        tick_at = ticks * scaling.tick_s
        until = min(tick_at, ready_at)
        start, size = inf, 0
        slot = fleet.tree[1]
        if first < taken and fleet.key[slot] < inf:
            start, size = batch_start(queue[:taken], first, fleet.key[slot], serving.max_batch, serving.max_delay_s)
        arrival = arrivals[seen] if seen < count else inf
        if arrival < until and arrival <= start:
            sums[CAME] += 1
            let_in, inside = admit(arrivals, seen, inside, serving, fleet, sums[ACTIVE])
            if not let_in:
                sums[TURNED_AWAY] += 1
                records.wait_s[seen] = records.latency_s[seen] = np.nan
            else:
                queue[taken], places[taken] = arrival, seen
                taken += 1
                inside += 1
                sums[CAME_SUM] += arrival - sums[FROM_S]
            seen += 1
        elif start < until:
            seconds = draw(serving.service, serving.service_key, places[first], size)
            inside -= fleet.load[slot]
            for k in range(first, first + size):
                records.wait_s[places[k]] = start - queue[k]
                records.latency_s[places[k]] = start + seconds - queue[k]
            if serving.max_batch > 1:
                records.batch_sizes[batches] = size
            batches += 1
            first += size
            fleet.key[slot] = fleet.done[slot] = start + seconds
            fleet.load[slot] = size
            replay(fleet.tree, fleet.key, slot)
            sums[BUSY] += seconds
            sums[DONE] += size
            sums[DONE_SUM] += size * (start + seconds - sums[FROM_S])
        else:
            if seen == count and first == taken:
                end = max(serving.horizon_s, last_end(fleet))
                if until >= end:
                    break
            if ready_at <= tick_at:
                fleet, slot = welcome(fleet, scaling, books, ready_at)
                fleet.key[slot] = ready_at
                replay(fleet.tree, fleet.key, slot)
            else:
                history, memory = tick(fleet, scaling, books, history, memory, tick_at, False)
                ticks += 1
                if ticks > MAX_ROWS:
                    return Outcome(batches, history, 0.0, tick_at, False)
            ready_at = next_ready(books)
    return finish(arrivals, seen, fleet, scaling, books, history, end, batches, False)
