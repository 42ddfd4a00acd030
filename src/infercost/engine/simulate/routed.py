"""The kernel for replicas with queues of their own: requests are routed on arrival and stay where they are.

Event by event: the next arrival, the next moment at which a slot needs attention (its service ends, or its
first waiting request has waited long enough), the next replica in service, the next tick.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

from infercost.engine.simulate.central import Outcome, Records, Serving, finish
from infercost.engine.simulate.fleet import (
    ACTIVE,
    BILLED_S,
    BUSY,
    CAME,
    CAME_SUM,
    DONE,
    DONE_SUM,
    DRAINING,
    FROM_S,
    GONE,
    MAX_ROWS,
    SERVING,
    TURNED_AWAY,
    Books,
    Fleet,
    Scaling,
    next_ready,
    tick,
    welcome,
)
from infercost.engine.simulate.history import COLUMNS
from infercost.engine.simulate.policies import Memory
from infercost.engine.simulate.tournament import replay
from infercost.engine.simulate.variates import draw, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray


def serving_slots(fleet: Fleet) -> NDArray[np.int64]:
    """The slots that take requests."""
    slots = np.empty(len(fleet.status), dtype=np.int64)
    count = 0
    for slot in range(len(fleet.status)):
        if fleet.status[slot] == SERVING:
            slots[count] = slot
            count += 1
    return slots[:count]


def route(fleet: Fleet, targets: NDArray[np.int64], request: int, serving: Serving) -> int:
    """The slot that a request goes to."""
    if serving.least_outstanding:
        return int(fleet.fewest[1])
    pick = int(uniform(serving.routing_key, request) * len(targets))
    return int(targets[min(pick, len(targets) - 1)])


def enqueue(fleet: Fleet, after: NDArray[np.int64], slot: int, request: int) -> None:
    """Put a request at the end of a slot's queue."""
    after[request] = -1
    if fleet.waiting[slot] == 0:
        fleet.head[slot] = request
    else:
        after[fleet.tail[slot]] = request
    fleet.tail[slot] = request
    fleet.waiting[slot] += 1
    fleet.outstanding[slot] += 1.0
    replay(fleet.fewest, fleet.outstanding, slot)


def due_at(fleet: Fleet, slot: int, now_s: float, arrivals: NDArray[np.float64], serving: Serving) -> float:
    """When an idle slot starts its next batch: now if it is full, when its first request has waited long enough, or never."""
    if fleet.waiting[slot] == 0:
        return inf
    if fleet.waiting[slot] >= serving.max_batch:
        return now_s
    return max(float(arrivals[fleet.head[slot]]) + serving.max_delay_s, now_s)


def begin(
    fleet: Fleet,
    slot: int,
    now_s: float,
    arrivals: NDArray[np.float64],
    after: NDArray[np.int64],
    serving: Serving,
    sums: NDArray[np.float64],
    records: Records,
) -> int:
    """Start a batch at a slot that has one; returns its size."""
    size = min(int(fleet.waiting[slot]), serving.max_batch)
    seconds = draw(serving.service, serving.service_key, fleet.head[slot], size)
    end = now_s + seconds
    for _ in range(size):
        request = fleet.head[slot]
        records.wait_s[request] = now_s - arrivals[request]
        records.latency_s[request] = end - arrivals[request]
        fleet.head[slot] = after[request]
    fleet.waiting[slot] -= size
    fleet.load[slot] = size
    fleet.done[slot] = fleet.key[slot] = end
    replay(fleet.tree, fleet.key, slot)
    sums[BUSY] += seconds
    sums[DONE] += size
    sums[DONE_SUM] += size * (end - sums[FROM_S])
    return size


def complete(fleet: Fleet, slot: int, now_s: float, books: Books) -> None:
    """End the service of a slot; a draining one with nothing left is gone."""
    if fleet.status[slot] == SERVING:
        fleet.outstanding[slot] -= fleet.load[slot]
        replay(fleet.fewest, fleet.outstanding, slot)
    fleet.load[slot] = 0
    if fleet.status[slot] == DRAINING and fleet.waiting[slot] == 0:
        fleet.status[slot] = GONE
        books.sums[BILLED_S] += now_s


def serve_routed(
    arrivals: NDArray[np.float64], serving: Serving, scaling: Scaling, fleet: Fleet, books: Books, records: Records
) -> Outcome:
    """Simulate replicas with their own queues. A request that finds no replica in service is dropped."""
    count = len(arrivals)
    after = np.empty(count, dtype=np.int64)
    history = np.empty((1024, COLUMNS))
    targets = serving_slots(fleet)
    memory = Memory(-inf, -inf, 0.0, -inf, 0.0)
    sums = books.sums
    batches = seen = inside = 0
    ticks, ready_at, last_end = 1, inf, 0.0
    while True:
        tick_at = ticks * scaling.tick_s
        control = min(tick_at, ready_at)
        slot = fleet.tree[1]
        event = fleet.key[slot]
        arrival = arrivals[seen] if seen < count else inf
        if control <= event and control <= arrival:
            if seen == count and inside == 0 and control >= max(serving.horizon_s, last_end):
                break
            if ready_at <= tick_at:
                fleet, slot = welcome(fleet, scaling, books, ready_at)
            else:
                history, memory = tick(fleet, scaling, books, history, memory, tick_at, True)
                ticks += 1
                if ticks > MAX_ROWS:
                    return Outcome(batches, history, 0.0, tick_at, False)
            ready_at = next_ready(books)
            targets = serving_slots(fleet)
            continue
        # Of what happens at one moment, services end first and start last: a batch takes all that have come.
        if event < arrival or (event == arrival and fleet.load[slot] > 0):
            now, starts = event, fleet.load[slot] == 0
            if not starts:
                inside -= fleet.load[slot]
                last_end = event
                complete(fleet, slot, event, books)
        else:
            now, starts = arrival, False
            request = seen
            seen += 1
            sums[CAME] += 1
            if sums[ACTIVE] == 0.0 or inside >= serving.limit:
                sums[TURNED_AWAY] += 1
                records.wait_s[request] = records.latency_s[request] = np.nan
                continue
            slot = route(fleet, targets, request, serving)
            enqueue(fleet, after, slot, request)
            inside += 1
            sums[CAME_SUM] += arrival - sums[FROM_S]
        if fleet.load[slot] > 0:
            continue
        due = due_at(fleet, slot, now, arrivals, serving)
        if due == now and (starts or serving.max_batch == 1):
            size = begin(fleet, slot, now, arrivals, after, serving, sums, records)
            if serving.max_batch > 1:
                records.batch_sizes[batches] = size
            batches += 1
        elif due != fleet.key[slot]:
            fleet.key[slot] = due
            replay(fleet.tree, fleet.key, slot)
    end = max(serving.horizon_s, last_end)
    return finish(arrivals, seen, fleet, scaling, books, history, end, batches, True)
