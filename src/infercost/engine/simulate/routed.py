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
    CHANGED_S,
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
) -> float:
    """Start a batch on an idle worker of a replica; returns its end."""
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
    return end


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
    """When a replica with an idle worker starts a batch: once it is full, or the first in it has waited."""
    if fleet.desk[QUEUED, replica] == 0 or fleet.desk[IDLE, replica] == 0:
        return inf
    since = float(fleet.since[replica])
    if fleet.desk[QUEUED, replica] >= serving.max_batch:
        return since
    return max(float(serving.arrivals[fleet.desk[HEAD, replica]]) + serving.max_delay_s, since)


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
    """Bring a replica up to just before ``until_s``, and with the ends at that very moment if asked.

    A batch that is full starts at once; one that is not takes all that come until it starts, so it starts after them.

    Returns:
        When something next happens there.
    """
    while True:
        slot, due = first_end(fleet, replica), due_at(fleet, replica, serving)
        end = fleet.done[slot] if slot >= 0 else inf
        if due < end:
            if due >= until_s and fleet.desk[QUEUED, replica] < serving.max_batch:
                return due
            begin(fleet, replica, due, serving, books, records, behind)
        else:
            if end > until_s or end == inf or (end == until_s and not with_ends):
                return float(end)
            complete(fleet, slot, replica, end, serving, books)


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
    key, tree, rows, many = fleet.key, fleet.tree, fleet.desk.shape[1], len(fleet.rank) >= MANY
    if many and key[tree[1]] == until_s:
        # An end of now may stand behind a start of now, which is not yet to be.
        advance_all(fleet, until_s, True, serving, books, records, behind)
        return
    replica = tree[1] if many else 0
    while replica < rows:
        if key[replica] <= until_s:
            key[replica] = advance(fleet, replica, until_s, True, serving, books, records, behind)
        elif many:
            break
        if many:
            replay(tree, key, replica)
            replica = tree[1] if key[tree[1]] < until_s else rows
        else:
            replica += 1
    if many and key[tree[1]] == until_s:
        advance_all(fleet, until_s, True, serving, books, records, behind)


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
    """Route a request that is taken in, and start its batch if that is full now."""
    if serving.least_outstanding:
        advance_due(fleet, now_s, serving, books, records, behind)
    replica = route(fleet, active, request, serving)
    event = advance(fleet, replica, now_s, True, serving, books, records, behind)
    enqueue(fleet, behind, replica, request, serving)
    if fleet.desk[QUEUED, replica] < serving.max_batch:
        event = min(event, due_at(fleet, replica, serving))
    elif fleet.desk[IDLE, replica] > 0:
        event = min(event, begin(fleet, replica, now_s, serving, books, records, behind))
    fleet.key[replica] = event
    if serving.least_outstanding and len(fleet.rank) >= MANY:
        replay(fleet.tree, fleet.key, replica)


def come(fleet: Fleet, held: bool, serving: Serving, books: Books, records: Records, behind: NDArray[np.int64]) -> None:
    """Route the first request that waits for a replica, or take the next arrival in, hold it, or turn it away."""
    sums, counts = books.sums, books.counts
    active = int(sums[ACTIVE])
    if held:
        request, now = counts[HELD_HEAD], sums[CHANGED_S]
        counts[HELD_HEAD] = behind[request]
        counts[HELD] -= 1
    else:
        request = counts[SEEN]
        now = serving.arrivals[request]
        counts[SEEN] += 1
        sums[CAME] += 1
        if counts[WITHIN] >= serving.limit:
            advance_all(fleet, now, True, serving, books, records, behind)
        if counts[WITHIN] >= serving.limit or (active == 0 and serving.refuses_at_zero):
            sums[TURNED_AWAY] += 1
            note_drop(records, request)
            return
        counts[WITHIN] += 1
        sums[CAME_SUM] += now - sums[FROM_S]
        if active == 0:
            hold(books, behind, request)
            return
    take(fleet, active, request, now, serving, books, records, behind)


def serve_routed(serving: Serving, scaling: Scaling, fleet: Fleet, books: Books, records: Records, queue: Queue) -> int:
    """Simulate replicas with their own queues."""
    sums, counts, behind, count = books.sums, books.counts, queue.requests, len(serving.arrivals)
    list_targets(fleet)
    while True:
        tick_at, ready_at = counts[TICKS] * scaling.tick_s, next_ready(books)
        control = min(tick_at, ready_at)
        while True:
            # After a first replica has come, those that waited for it go to it at that moment.
            held = counts[HELD] > 0 and sums[ACTIVE] > 0.0
            if not held and (counts[SEEN] >= count or serving.arrivals[counts[SEEN]] >= control):
                break
            come(fleet, held, serving, books, records, behind)
        advance_all(fleet, control, False, serving, books, records, behind)
        if counts[ROWS] >= len(books.history):
            return MORE_ROWS
        if counts[SEEN] == count and counts[WITHIN] == 0 and control >= max(serving.horizon_s, sums[LAST_END]):
            finish(fleet, books, max(serving.horizon_s, sums[LAST_END]), True)
            return ENDED
        if ready_at <= tick_at:
            if welcome(fleet, scaling, books, ready_at, True) < 0:
                return MORE_REPLICAS
        else:
            tick(fleet, scaling, books, tick_at, True)
            if counts[TICKS] > MAX_ROWS:
                return GAVE_UP
        list_targets(fleet)
