"""The kernel for replicas with queues of their own: requests are routed on arrival and stay where they are.

Once routed, what happens at one replica does not touch the others. So each is only brought up to date when it
matters: when a request comes to it, when routing or a limit asks how many are there, and at the autoscaler's
moments. Of what happens at one moment, services end first, then requests arrive, then batches start.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from infercost.engine.simulate.books import (
    ACTIVE,
    BATCHES,
    BILLED_S,
    BUSY,
    CAME,
    CAME_SUM,
    DONE,
    DONE_SUM,
    FROM_S,
    HELD,
    HELD_HEAD,
    HELD_TAIL,
    LAST_END,
    ROWS,
    SEEN,
    TICKS,
    TURNED_AWAY,
    WITHIN,
    Books,
)
from infercost.engine.simulate.fleet import (
    DRAINING,
    GONE,
    HEAD,
    IDLE,
    OUTSTANDING,
    QUEUED,
    SERVING,
    STATUS,
    TAIL,
    TARGET,
    Fleet,
    Scaling,
    least_busy,
    next_ready,
    welcome,
)
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
from infercost.engine.simulate.variates import draw, uniform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY: Final = 48
"""From so many rows of replicas on, trees find the next and the least busy one; below, looking at all is faster."""


def list_targets(fleet: Fleet) -> None:
    """Write down which replicas take requests."""
    count = 0
    for replica in range(fleet.desk.shape[1]):
        if fleet.desk[STATUS, replica] == SERVING:
            fleet.desk[TARGET, count] = replica
            count += 1


def route(fleet: Fleet, active: int, request: int, serving: Serving) -> int:
    """The replica that a request goes to."""
    if serving.least_outstanding:
        return int(fleet.fewest[1]) if len(fleet.rank) >= MANY else least_busy(fleet)
    pick = int(uniform(serving.routing_key, request) * active)
    return int(fleet.desk[TARGET, min(pick, active - 1)])


def count_at(fleet: Fleet, replica: int, change: int, serving: Serving) -> None:
    """Change the number of requests at a replica."""
    fleet.desk[OUTSTANDING, replica] += change
    if fleet.desk[STATUS, replica] == SERVING:
        fleet.rank[replica] = fleet.desk[OUTSTANDING, replica]
        if serving.least_outstanding and len(fleet.rank) >= MANY:
            replay(fleet.fewest, fleet.rank, replica)


def enqueue(fleet: Fleet, behind: NDArray[np.int64], replica: int, request: int, serving: Serving) -> None:
    """Put a request at the end of a replica's queue."""
    desk = fleet.desk
    if desk[QUEUED, replica] == 0:
        desk[HEAD, replica] = request
    else:
        behind[desk[TAIL, replica]] = request
    desk[TAIL, replica] = request
    desk[QUEUED, replica] += 1
    count_at(fleet, replica, 1, serving)


def hold(books: Books, behind: NDArray[np.int64], request: int) -> None:
    """Let a request wait until there is a replica."""
    counts = books.counts
    if counts[HELD] == 0:
        counts[HELD_HEAD] = request
    else:
        behind[counts[HELD_TAIL]] = request
    counts[HELD_TAIL] = request
    counts[HELD] += 1


def weight_queued(work: NDArray[np.float64], behind: NDArray[np.int64], request: int, size: int, padded: bool) -> float:
    """How long the batch of ``request`` and those behind it takes, relative to one of average requests."""
    total = largest = 0.0
    for _ in range(size):
        total += work[request]
        largest = max(largest, work[request])
        request = behind[request]
    return largest if padded else total / size


def begin(
    fleet: Fleet, replica: int, now_s: float, serving: Serving, books: Books, records: Records, behind: NDArray[np.int64]
) -> None:
    """Start a batch on an idle worker of a replica."""
    desk, sums, counts = fleet.desk, books.sums, books.counts
    slot = replica * fleet.workers
    while fleet.load[slot] > 0:
        slot += 1
    size = min(desk[QUEUED, replica], serving.max_batch)
    request = desk[HEAD, replica]
    seconds = draw(serving.service, serving.service_key, request, size)
    if len(serving.work) > 0:
        seconds *= weight_queued(serving.work, behind, request, size, serving.padded)
    end = now_s + seconds
    for _ in range(size):
        note(records, request, now_s - serving.arrivals[request], end - serving.arrivals[request])
        request = behind[request]
    desk[HEAD, replica] = request
    desk[QUEUED, replica] -= size
    desk[IDLE, replica] -= 1
    if len(records.batch_sizes) > 0:
        records.batch_sizes[counts[BATCHES]] = size
    counts[BATCHES] += 1
    fleet.load[slot], fleet.done[slot] = size, end
    sums[BUSY] += seconds
    sums[DONE] += size
    sums[DONE_SUM] += size * (end - sums[FROM_S])
    sums[LAST_END] = max(sums[LAST_END], end)


def begin_full(
    fleet: Fleet, replica: int, now_s: float, serving: Serving, books: Books, records: Records, behind: NDArray[np.int64]
) -> None:
    """Start all full batches that a replica has idle workers for."""
    while fleet.desk[IDLE, replica] > 0 and fleet.desk[QUEUED, replica] >= serving.max_batch:
        begin(fleet, replica, now_s, serving, books, records, behind)


def complete(fleet: Fleet, slot: int, replica: int, now_s: float, serving: Serving, books: Books) -> None:
    """End the service of a slot; a draining replica with nothing left is gone."""
    desk = fleet.desk
    books.counts[WITHIN] -= fleet.load[slot]
    count_at(fleet, replica, -fleet.load[slot], serving)
    fleet.load[slot] = 0
    fleet.since[replica] = now_s
    desk[IDLE, replica] += 1
    if desk[STATUS, replica] == DRAINING and desk[OUTSTANDING, replica] == 0:
        desk[STATUS, replica] = GONE
        books.sums[BILLED_S] += now_s


def first_end(fleet: Fleet, replica: int) -> int:
    """The slot of a replica whose service ends first, -1 for none."""
    best, at = -1, inf
    if fleet.desk[IDLE, replica] < fleet.workers:
        for slot in range(replica * fleet.workers, (replica + 1) * fleet.workers):
            if fleet.load[slot] > 0 and fleet.done[slot] < at:
                best, at = slot, fleet.done[slot]
    return best


def due_at(fleet: Fleet, replica: int, serving: Serving) -> float:
    """When a replica starts a batch that is not full: when the first in it has waited and a worker is free."""
    if fleet.desk[QUEUED, replica] == 0 or fleet.desk[IDLE, replica] == 0:
        return inf
    return max(float(serving.arrivals[fleet.desk[HEAD, replica]]) + serving.max_delay_s, float(fleet.since[replica]))


def advance(
    fleet: Fleet,
    replica: int,
    until_s: float,
    with_ends: bool,
    serving: Serving,
    books: Books,
    records: Records,
    behind: NDArray[np.int64],
) -> float:
    """Bring a replica up to just before ``until_s``, and with the ends at that very moment if asked; returns its next event."""
    while True:
        slot, due = first_end(fleet, replica), due_at(fleet, replica, serving)
        end = fleet.done[slot] if slot >= 0 else inf
        if end <= due:
            if end > until_s or end == inf or (end == until_s and not with_ends):
                return float(end)
            complete(fleet, slot, replica, end, serving, books)
            begin_full(fleet, replica, end, serving, books, records, behind)
        else:
            if due >= until_s:
                return due
            begin(fleet, replica, due, serving, books, records, behind)


def advance_all(
    fleet: Fleet, until_s: float, with_ends: bool, serving: Serving, books: Books, records: Records, behind: NDArray[np.int64]
) -> None:
    """Bring every replica up to a moment."""
    for replica in range(fleet.desk.shape[1]):
        if fleet.desk[STATUS, replica] != GONE:
            fleet.key[replica] = advance(fleet, replica, until_s, with_ends, serving, books, records, behind)
            if serving.least_outstanding and len(fleet.rank) >= MANY:
                replay(fleet.tree, fleet.key, replica)


def advance_due(
    fleet: Fleet, until_s: float, serving: Serving, books: Books, records: Records, behind: NDArray[np.int64]
) -> None:
    """Bring those replicas up to a moment to which something happens by then, its ends included."""
    key = fleet.key
    if len(fleet.rank) < MANY:
        for replica in range(fleet.desk.shape[1]):
            if key[replica] <= until_s:
                key[replica] = advance(fleet, replica, until_s, True, serving, books, records, behind)
        return
    while key[fleet.tree[1]] < until_s:
        replica = fleet.tree[1]
        key[replica] = advance(fleet, replica, until_s, True, serving, books, records, behind)
        replay(fleet.tree, key, replica)
    if key[fleet.tree[1]] == until_s:
        advance_all(fleet, until_s, True, serving, books, records, behind)


def note_event(fleet: Fleet, replica: int, serving: Serving) -> None:
    """Write down when something next happens at a replica."""
    slot = first_end(fleet, replica)
    event = min(fleet.done[slot] if slot >= 0 else inf, due_at(fleet, replica, serving))
    if event != fleet.key[replica]:
        fleet.key[replica] = event
        if len(fleet.rank) >= MANY:
            replay(fleet.tree, fleet.key, replica)


def take(
    fleet: Fleet,
    active: int,
    request: int,
    now_s: float,
    serving: Serving,
    books: Books,
    records: Records,
    behind: NDArray[np.int64],
) -> None:
    """Route a request that is taken in."""
    if serving.least_outstanding:
        advance_due(fleet, now_s, serving, books, records, behind)
    replica = route(fleet, active, request, serving)
    if not serving.least_outstanding:
        advance(fleet, replica, now_s, True, serving, books, records, behind)
    enqueue(fleet, behind, replica, request, serving)
    begin_full(fleet, replica, now_s, serving, books, records, behind)
    if serving.least_outstanding:
        note_event(fleet, replica, serving)


def arrive_routed(fleet: Fleet, serving: Serving, books: Books, records: Records, behind: NDArray[np.int64]) -> None:
    """Take the next arrival in, hold it, or turn it away."""
    sums, counts = books.sums, books.counts
    request, active = counts[SEEN], int(sums[ACTIVE])
    arrival = serving.arrivals[request]
    counts[SEEN] += 1
    sums[CAME] += 1
    if counts[WITHIN] >= serving.limit:
        advance_all(fleet, arrival, True, serving, books, records, behind)
    if counts[WITHIN] >= serving.limit or (active == 0 and serving.refuses_at_zero):
        sums[TURNED_AWAY] += 1
        note_drop(records, request)
        return
    counts[WITHIN] += 1
    sums[CAME_SUM] += arrival - sums[FROM_S]
    if active == 0:
        hold(books, behind, request)
    else:
        take(fleet, active, request, arrival, serving, books, records, behind)


def release(fleet: Fleet, now_s: float, serving: Serving, books: Books, records: Records, behind: NDArray[np.int64]) -> None:
    """Route what waited for a first replica, in the order of arrival."""
    counts = books.counts
    while counts[HELD] > 0:
        request = counts[HELD_HEAD]
        counts[HELD_HEAD] = behind[request]
        counts[HELD] -= 1
        take(fleet, int(books.sums[ACTIVE]), request, now_s, serving, books, records, behind)


def serve_routed(serving: Serving, scaling: Scaling, fleet: Fleet, books: Books, records: Records, queue: Queue) -> int:
    """Simulate replicas with their own queues."""
    sums, counts, behind, count = books.sums, books.counts, queue.requests, len(serving.arrivals)
    list_targets(fleet)
    while True:
        tick_at, ready_at = counts[TICKS] * scaling.tick_s, next_ready(books)
        control = min(tick_at, ready_at)
        while counts[SEEN] < count and serving.arrivals[counts[SEEN]] < control:
            arrive_routed(fleet, serving, books, records, behind)
        advance_all(fleet, control, False, serving, books, records, behind)
        if counts[ROWS] >= len(books.history):
            return MORE_ROWS
        if counts[SEEN] == count and counts[WITHIN] == 0 and control >= max(serving.horizon_s, sums[LAST_END]):
            finish(fleet, books, max(serving.horizon_s, sums[LAST_END]), True)
            return ENDED
        if ready_at <= tick_at:
            if welcome(fleet, scaling, books, ready_at, True) < 0:
                return MORE_REPLICAS
            list_targets(fleet)
            release(fleet, ready_at, serving, books, records, behind)
        else:
            tick(fleet, scaling, books, tick_at, True)
            if counts[TICKS] > MAX_ROWS:
                return GAVE_UP
            list_targets(fleet)
