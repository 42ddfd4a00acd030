"""Replicas and their workers as slots of arrays: starting, serving, draining, gone; and what they are billed."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from infercost.engine.simulate.books import (
    ACTIVE,
    BILLED_S,
    PENDING,
    STARTED,
    Books,
    count_change,
)
from infercost.engine.simulate.tournament import plant, replay
from infercost.engine.simulate.variates import Draws, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

GONE: Final = 0
SERVING: Final = 1
DRAINING: Final = 2

STATUS: Final = 0
HEAD: Final = 1
"""First request in the replica's own queue."""
TAIL: Final = 2
QUEUED: Final = 3
"""Requests in it."""
OUTSTANDING: Final = 4
"""Requests in it and in service (own queues only)."""
IDLE: Final = 5
"""Workers without a batch (own queues only)."""
TARGET: Final = 6
"""Entry k: the k-th replica in service (own queues only)."""
DESK: Final = 7
"""Rows of a fleet's desk."""

LANE: Final = 64
"""Most workers that are kept in a sorted line instead of a tree."""


class Fleet(NamedTuple):
    """Worker w of replica r is slot ``r * workers + w``."""

    workers: int
    key: NDArray[np.float64]
    """With one queue: when each slot is free, infinity out of service. With own queues: each replica's next event."""
    tree: NDArray[np.int64]
    """Winner tree over ``key``."""
    done: NDArray[np.float64]
    """End of the slot's last service, or when it became ready."""
    load: NDArray[np.int64]
    """Requests in that service."""
    rank: NDArray[np.float64]
    """Requests outstanding at a replica in service, infinity for the others (own queues only)."""
    fewest: NDArray[np.int64]
    """Winner tree over ``rank``."""
    since: NDArray[np.float64]
    """When a service of a replica last ended (own queues only)."""
    desk: NDArray[np.int64]
    """A column a replica; the rows are the constants above."""
    lane: NDArray[np.float64]
    """Room for a sorted line."""


class Scaling(NamedTuple):
    """The autoscaler, as the kernels read it."""

    tick_s: float
    kinds: NDArray[np.int64]
    """Numbers of the policies."""
    rules: NDArray[np.float64]
    """A row a policy."""
    tables: NDArray[np.float64]
    """Their tables, one below the other: policy p has the rows ``firsts[p]`` to ``firsts[p + 1]``."""
    firsts: NDArray[np.int64]
    memories: NDArray[np.float64]
    wishes: NDArray[np.int64]
    schedule: NDArray[np.float64]
    """Rows of second of the week, least and most replicas from then on, in order."""
    week_s: float
    """Second of the week at time 0."""
    least: int
    most: int
    start: Draws
    """Seconds from the decision to the replica in service."""
    start_key: np.uint64
    bills_start: bool
    """Whether a replica is billed while it starts."""


def scales(scaling: Scaling) -> bool:
    """Whether replicas can come and go."""
    return len(scaling.kinds) > 0 or len(scaling.schedule) > 0


def found(replicas: int, workers: int, own_queues: bool) -> Fleet:
    """A fleet of ``replicas`` in service at time 0. Not compiled, as :func:`enlarged`."""
    fleet = _empty(replicas, workers)
    for replica in range(replicas):
        seat(fleet, replica, 0.0, own_queues)
    return fleet


def enlarged(fleet: Fleet) -> Fleet:
    """The same replicas with room for twice as many."""
    old = fleet.desk.shape[1]
    new = _empty(2 * old, fleet.workers)
    for name in ("key", "done", "load", "rank", "since"):
        before = getattr(fleet, name)
        getattr(new, name)[: len(before)] = before
    new.desk[:, :old] = fleet.desk
    new.tree[:], new.fewest[:] = plant(new.key), plant(new.rank)
    return new


def _empty(replicas: int, workers: int) -> Fleet:
    slots = 1
    while slots < max(replicas, 1) * workers:
        slots *= 2
    rows = slots // workers
    leaves = 1
    while leaves < rows:
        leaves *= 2
    key, rank = np.full(slots, inf), np.full(leaves, inf)
    return Fleet(
        workers,
        key,
        plant(key),
        np.zeros(slots),
        np.zeros(slots, dtype=np.int64),
        rank,
        plant(rank),
        np.zeros(leaves),
        np.zeros((DESK, rows), dtype=np.int64),
        np.full(LANE + 9, inf),
    )


def seat(fleet: Fleet, replica: int, now_s: float, own_queues: bool) -> None:
    """Put a replica into service with all its workers idle."""
    desk = fleet.desk
    desk[STATUS, replica], desk[QUEUED, replica], desk[OUTSTANDING, replica] = SERVING, 0, 0
    desk[IDLE, replica] = fleet.workers
    for slot in range(replica * fleet.workers, (replica + 1) * fleet.workers):
        fleet.done[slot], fleet.load[slot] = now_s, 0
        if not own_queues:
            fleet.key[slot] = now_s
            replay(fleet.tree, fleet.key, slot)
    fleet.rank[replica] = 0.0
    fleet.since[replica] = now_s
    replay(fleet.fewest, fleet.rank, replica)


def next_ready(books: Books) -> float:
    """When the next starting replica will be in service."""
    soonest = inf
    for k in range(int(books.sums[PENDING])):
        soonest = min(soonest, books.pending[k])
    return soonest


def vacancy(fleet: Fleet) -> int:
    """The lowest row without a replica, -1 for none."""
    for replica in range(fleet.desk.shape[1]):
        if fleet.desk[STATUS, replica] == GONE:
            return replica
    return -1


def welcome(fleet: Fleet, scaling: Scaling, books: Books, now_s: float, own_queues: bool) -> int:
    """Put the replica that is ready at ``now_s`` into service; returns its row, -1 where there is no room."""
    replica = vacancy(fleet)
    if replica < 0:
        return -1
    sums = books.sums
    last = int(sums[PENDING]) - 1
    for k in range(last + 1):
        if books.pending[k] == now_s:
            books.pending[k] = books.pending[last]
            break
    sums[PENDING] -= 1
    if not scaling.bills_start:
        sums[BILLED_S] -= now_s
    seat(fleet, replica, now_s, own_queues)
    count_change(books, now_s, 1)
    return replica


def last_done(fleet: Fleet, replica: int) -> float:
    """When the last of a replica's services ends, or ended."""
    latest = -inf
    for slot in range(replica * fleet.workers, (replica + 1) * fleet.workers):
        latest = max(latest, fleet.done[slot])
    return latest


def least_busy(fleet: Fleet) -> int:
    """The replica in service with the fewest requests; of equal ones the first."""
    best = 0
    for replica in range(1, fleet.desk.shape[1]):
        if fleet.rank[replica] < fleet.rank[best]:
            best = replica
    return best


def soonest_free(fleet: Fleet) -> int:
    """The replica in service that can leave first."""
    best, at = -1, inf
    for replica in range(fleet.desk.shape[1]):
        if fleet.desk[STATUS, replica] == SERVING:
            done = last_done(fleet, replica)
            if done < at:
                best, at = replica, done
    return best


def retire(fleet: Fleet, books: Books, now_s: float, own_queues: bool) -> None:
    """Take the replica that can leave soonest out of service; it finishes what it has."""
    if own_queues:
        replica = least_busy(fleet)
        leaves = fleet.desk[OUTSTANDING, replica] == 0
        if leaves:
            books.sums[BILLED_S] += now_s
    else:
        replica = soonest_free(fleet)
        done = last_done(fleet, replica)
        leaves = done <= now_s
        books.sums[BILLED_S] += max(done, now_s)
        for slot in range(replica * fleet.workers, (replica + 1) * fleet.workers):
            fleet.key[slot] = inf
            replay(fleet.tree, fleet.key, slot)
    fleet.rank[replica] = inf
    replay(fleet.fewest, fleet.rank, replica)
    fleet.desk[STATUS, replica] = GONE if leaves else DRAINING
    count_change(books, now_s, -1)


def apply(fleet: Fleet, scaling: Scaling, books: Books, desired: int, now_s: float, own_queues: bool) -> None:
    """Start or retire replicas until ``desired`` serve or start. What is still starting goes first."""
    sums = books.sums
    while sums[ACTIVE] + sums[PENDING] < desired:
        sums[STARTED] += 1
        books.pending[int(sums[PENDING])] = now_s + draw(scaling.start, scaling.start_key, int(sums[STARTED]), 1)
        sums[PENDING] += 1
        if scaling.bills_start:
            sums[BILLED_S] -= now_s
    while sums[ACTIVE] + sums[PENDING] > desired and sums[PENDING] > 0:
        latest = 0
        for k in range(int(sums[PENDING])):
            if books.pending[k] > books.pending[latest]:
                latest = k
        sums[PENDING] -= 1
        books.pending[latest] = books.pending[int(sums[PENDING])]
        if scaling.bills_start:
            sums[BILLED_S] += now_s
    while sums[ACTIVE] > desired:
        retire(fleet, books, now_s, own_queues)


def settle(scaling: Scaling, books: Books, end_s: float) -> float:
    """Replica-seconds billed when the simulation ends at ``end_s``."""
    sums = books.sums
    starting = sums[PENDING] * end_s if scaling.bills_start else 0.0
    return float(sums[BILLED_S] + sums[ACTIVE] * end_s + starting)
