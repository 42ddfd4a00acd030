"""The kernel for one shared queue: workers that come free take what waits, first come first served.

Requests start in the order in which they arrived, so the simulation steps from start to start instead of
from event to event: the next batch starts when a worker is free and the batch is full or its first request
has waited long enough. What the autoscaler does before that moment is done first. Nothing is approximated.
"""

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
    TICKS,
    Books,
)
from infercost.engine.simulate.fleet import LANE, Fleet, Scaling, next_ready, scales, welcome
from infercost.engine.simulate.serving import (
    ENDED,
    GAVE_UP,
    LATENCY_MAX,
    LATENCY_SUM,
    MORE_REPLICAS,
    MORE_ROWS,
    WAIT_MAX,
    WAIT_SUM,
    WITHIN_LIMIT,
    Queue,
    Records,
    Serving,
    bin_of,
    note,
)
from infercost.engine.simulate.ticking import MAX_ROWS, finish, tick
from infercost.engine.simulate.tournament import replay
from infercost.engine.simulate.variates import draw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def count_arrivals(arrivals: NDArray[np.float64], until_s: float, books: Books) -> None:
    """Enter the arrivals before ``until_s`` into the books."""
    first = seen = books.counts[SEEN]
    start, total = books.sums[FROM_S], 0.0
    while seen < len(arrivals) and arrivals[seen] < until_s:
        total += arrivals[seen] - start
        seen += 1
    books.sums[CAME] += seen - first
    books.sums[CAME_SUM] += total
    books.counts[SEEN] = seen


def batch_start(
    arrivals: NDArray[np.float64], first: int, count: int, free_s: float, max_batch: int, max_delay_s: float
) -> tuple[float, int]:
    """When the batch that begins with request ``first`` of ``count`` starts, and how many it takes."""
    due = arrivals[first] + max_delay_s
    last = first + max_batch - 1
    if last < count:
        full = arrivals[last]
        if full <= due or full <= free_s:
            return max(free_s, full), max_batch
    start = max(free_s, due)
    last = first + 1
    while last < count and arrivals[last] <= start:
        last += 1
    return start, last - first


def weight(work: NDArray[np.float64], first: int, size: int, padded: bool) -> float:
    """How long the batch of these requests takes, relative to one of average requests."""
    if len(work) == 0:
        return 1.0
    total = largest = 0.0
    for request in range(first, first + size):
        total += work[request]
        largest = max(largest, work[request])
    return largest if padded else total / size


def serve_singles(until_s: float, serving: Serving, fleet: Fleet, books: Books, records: Records) -> None:
    """Start every request that starts before ``until_s``, one a batch."""
    key, tree, done, load = fleet.key, fleet.tree, fleet.done, fleet.load
    arrivals, weighted, bucket = serving.arrivals, len(serving.work) > 0, books.sums[FROM_S]
    first = before = books.counts[FIRST]
    busy, ends, latest = 0.0, 0.0, books.sums[LAST_END]
    while first < len(arrivals):
        slot = tree[1]
        start = max(key[slot], arrivals[first])
        if start >= until_s:
            break
        seconds = draw(serving.service, serving.service_key, first, 1)
        if weighted:
            seconds *= serving.work[first]
        end = start + seconds
        note(records, first, start - arrivals[first], end - arrivals[first])
        first += 1
        key[slot], done[slot], load[slot] = end, end, 1
        replay(tree, key, slot)
        busy += seconds
        ends += end - bucket
        latest = max(latest, end)
    books.counts[FIRST] = books.counts[BATCHES] = first
    enter(books, busy, first - before, ends, latest)


def enter(books: Books, busy: float, served: int, ends: float, latest: float) -> None:
    """Enter services that have begun into the books."""
    books.sums[BUSY] += busy
    books.sums[DONE] += served
    books.sums[DONE_SUM] += ends
    books.sums[LAST_END] = latest


def line_up(fleet: Fleet) -> int:
    """Sort the times at which workers come free into the lane; returns how many, rounded up to a multiple of 8."""
    lane, count = fleet.lane, 0
    for slot in range(len(fleet.key)):
        free = fleet.key[slot]
        if free < inf:
            place = count
            while place > 0 and lane[place - 1] > free:
                lane[place] = lane[place - 1]
                place -= 1
            lane[place] = free
            count += 1
    wide = (count + 7) // 8 * 8
    for place in range(count, wide + 1):
        lane[place] = inf
    return wide


def stand_down(fleet: Fleet) -> None:
    """Give the times in the lane back to the workers in service, the soonest to the lowest slot, and plant the tree anew."""
    key, tree, size, count = fleet.key, fleet.tree, len(fleet.key), 0
    for slot in range(size):
        if key[slot] < inf:
            key[slot] = fleet.done[slot] = fleet.lane[count]
            fleet.load[slot] = 1
            count += 1
    for node in range(size - 1, 0, -1):
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = left if key[left] <= key[right] else right


def serve_in_line(until_s: float, serving: Serving, fleet: Fleet, books: Books, records: Records) -> None:
    """The same as :func:`serve_singles` for at most ``LANE`` workers of whom nobody needs to know which is which.

    The times at which they come free stand in a sorted line. A new one is put in by a comparison with its two
    neighbours at every place, which processors do several of at a time and without a branch.
    """
    lane, wide = fleet.lane, line_up(fleet)
    wait_s, latency_s, histogram, totals = records.wait_s, records.latency_s, records.histogram, records.totals
    arrivals, work, service, counter = serving.arrivals, serving.work, serving.service, serving.service_key
    keeps, weighted, limit = len(latency_s) > 0, len(work) > 0, records.limit_s
    bucket, first = books.sums[FROM_S], books.counts[FIRST]
    busy = ends = within = latencies = waits = 0.0
    slowest, longest, latest, before = totals[LATENCY_MAX], totals[WAIT_MAX], books.sums[LAST_END], first
    while first < len(arrivals):
        arrival = arrivals[first]
        start = max(lane[0], arrival)
        if start >= until_s:
            break
        seconds = draw(service, counter, first, 1)
        if weighted:
            seconds *= work[first]
        end = start + seconds
        for place in range(wide):
            lane[place] = min(max(end, lane[place]), lane[place + 1])
        wait, latency = start - arrival, end - arrival
        if keeps:
            wait_s[first] = wait
            latency_s[first] = latency
        else:
            histogram[bin_of(latency)] += 1
            within += 1.0 if latency <= limit else 0.0
            latencies += latency
            waits += wait
            slowest, longest = max(slowest, latency), max(longest, wait)
        first += 1
        busy += seconds
        ends += end - bucket
        latest = max(latest, end)
    stand_down(fleet)
    books.counts[FIRST] = books.counts[BATCHES] = first
    enter(books, busy, first - before, ends, latest)
    totals[WITHIN_LIMIT] += within
    totals[LATENCY_SUM] += latencies
    totals[WAIT_SUM] += waits
    totals[LATENCY_MAX], totals[WAIT_MAX] = slowest, longest


def lines_up(until_s: float, serving: Serving, scaling: Scaling, fleet: Fleet, books: Books) -> bool:
    """Whether a line pays: few workers, many requests to come, and no replica whose workers must be told apart."""
    count = books.sums[ACTIVE] * fleet.workers
    if count == 0.0 or count > LANE or (fleet.workers > 1 and scales(scaling)):
        return False
    ahead = books.counts[FIRST] + 4 * int(count)
    return bool(ahead < len(serving.arrivals) and serving.arrivals[ahead] < until_s)


def serve_batches(until_s: float, serving: Serving, fleet: Fleet, books: Books, records: Records) -> None:
    """Start every batch that starts before ``until_s``."""
    key, tree, done, load = fleet.key, fleet.tree, fleet.done, fleet.load
    arrivals, service, bucket = serving.arrivals, serving.service, books.sums[FROM_S]
    keeps, weighted, count = len(records.latency_s) > 0, len(serving.work) > 0, len(arrivals)
    first, batches, latest = books.counts[FIRST], books.counts[BATCHES], books.sums[LAST_END]
    busy, ends, before = 0.0, 0.0, first
    while first < count:
        slot = tree[1]
        start, size = batch_start(arrivals, first, count, key[slot], serving.max_batch, serving.max_delay_s)
        if start >= until_s:
            break
        seconds = draw(service, serving.service_key, first, size)
        if weighted:
            seconds *= weight(serving.work, first, size, serving.padded)
        end = start + seconds
        came = arrivals[first : first + size]
        if keeps:
            wait_s, latency_s = records.wait_s[first : first + size], records.latency_s[first : first + size]
            for k in range(size):
                wait_s[k] = start - came[k]
                latency_s[k] = end - came[k]
            records.batch_sizes[batches] = size
        else:
            for k in range(size):
                note(records, first + k, start - came[k], end - came[k])
        batches += 1
        first += size
        key[slot], done[slot], load[slot] = end, end, size
        replay(tree, key, slot)
        busy += seconds
        ends += size * (end - bucket)
        latest = max(latest, end)
    books.counts[FIRST], books.counts[BATCHES] = first, batches
    enter(books, busy, first - before, ends, latest)


def serve_central(
    serving: Serving,
    scaling: Scaling,
    fleet: Fleet,
    books: Books,
    records: Records,
    queue: Queue,  # noqa: ARG001 - the kernels are called alike
) -> int:
    """Simulate a shared queue without a limit."""
    while True:
        tick_at = books.counts[TICKS] * scaling.tick_s
        ready_at = next_ready(books)
        until = min(tick_at, ready_at)
        if serving.max_batch == 1 and lines_up(until, serving, scaling, fleet, books):
            serve_in_line(until, serving, fleet, books, records)
        elif serving.max_batch == 1:
            serve_singles(until, serving, fleet, books, records)
        else:
            serve_batches(until, serving, fleet, books, records)
        if books.counts[ROWS] >= len(books.history):
            return MORE_ROWS
        if books.counts[FIRST] == len(serving.arrivals):
            end = max(serving.horizon_s, books.sums[LAST_END])
            if until >= end:
                count_arrivals(serving.arrivals, inf, books)
                finish(fleet, books, end, False)
                return ENDED
        if ready_at <= tick_at:
            if welcome(fleet, scaling, books, ready_at, False) < 0:
                return MORE_REPLICAS
        else:
            count_arrivals(serving.arrivals, tick_at, books)
            tick(fleet, scaling, books, tick_at, False)
            if books.counts[TICKS] > MAX_ROWS:
                return GAVE_UP
