"""Replicas as slots of arrays: starting, serving, draining, gone; and the books kept on them."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from infercost.engine.simulate.history import (
    ARRIVED,
    BUSY_S,
    COLUMNS,
    DESIRED,
    DROPPED,
    END,
    INSIDE_S,
    READY,
    READY_S,
    RECOMMENDED,
    SECONDS,
    SERVED,
    WAITING,
)
from infercost.engine.simulate.policies import Memory, decide
from infercost.engine.simulate.tournament import plant, replay
from infercost.engine.simulate.variates import Draws, draw

if TYPE_CHECKING:
    from numpy.typing import NDArray

GONE: Final = 0
SERVING: Final = 1
DRAINING: Final = 2

MAX_ROWS: Final = 20_000_000
"""Ticks after which a simulation gives up: 9 years of 15 s."""


class Fleet(NamedTuple):
    """One entry a slot; the number of slots is a power of two."""

    key: NDArray[np.float64]
    """When the slot next needs attention; infinity when it does not."""
    done: NDArray[np.float64]
    """End of the slot's last service, or when it became ready."""
    load: NDArray[np.int64]
    """Requests in that service."""
    status: NDArray[np.int64]
    tree: NDArray[np.int64]
    """Winner tree over ``key``."""
    outstanding: NDArray[np.float64]
    """Requests waiting at or in service of the slot; infinity unless it is serving (own queues only)."""
    fewest: NDArray[np.int64]
    """Winner tree over ``outstanding``."""
    head: NDArray[np.int64]
    """First waiting request, -1 for none (own queues only)."""
    tail: NDArray[np.int64]
    waiting: NDArray[np.int64]


class Scaling(NamedTuple):
    """The autoscaler, as the kernels read it."""

    tick_s: float
    policy: int
    rules: NDArray[np.float64]
    table: NDArray[np.float64]
    least: int
    most: int
    start: Draws
    """Seconds from the decision to the replica in service."""
    start_key: np.uint64
    bills_start: bool
    """Whether a replica is billed while it starts."""


class Books(NamedTuple):
    """Running totals. Arrays of one entry each are the fields that change."""

    sums: NDArray[np.float64]
    """By the constants below."""
    pending: NDArray[np.float64]
    """When starting replicas will be in service, the first ``sums[PENDING]`` entries."""


FROM_S: Final = 0
"""Start of the bucket."""
BUSY: Final = 1
"""Replica-seconds of the services begun, less those beyond the bucket that were carried over."""
DONE: Final = 2
"""Requests of those services."""
DONE_SUM: Final = 3
"""Sum over them of end of service - FROM_S."""
CAME: Final = 4
CAME_SUM: Final = 5
"""Sum over the requests taken in of arrival - FROM_S."""
TURNED_AWAY: Final = 6
INSIDE: Final = 7
"""Requests in the system at FROM_S."""
READY_AREA: Final = 8
CHANGED_S: Final = 9
"""When the number of serving replicas last changed."""
BILLED_S: Final = 10
ACTIVE: Final = 11
PENDING: Final = 12
STARTED: Final = 13
"""Replicas ever started: the counter of their start-up times."""
ROWS: Final = 14
BUSY_TOTAL: Final = 15
SUMS: Final = 16


def found(replicas: int, own_queues: bool) -> Fleet:
    """A fleet of ``replicas`` serving slots at time 0. Not compiled, as :func:`open_books`."""
    size = 1
    while size < replicas:
        size *= 2
    key = np.full(size, inf)
    outstanding = np.full(size, inf)
    status = np.zeros(size, dtype=np.int64)
    for slot in range(replicas):
        status[slot] = SERVING
        outstanding[slot] = 0.0
        key[slot] = inf if own_queues else 0.0
    return Fleet(
        key,
        np.zeros(size),
        np.zeros(size, dtype=np.int64),
        status,
        plant(key),
        outstanding,
        plant(outstanding),
        np.full(size, -1, dtype=np.int64),
        np.full(size, -1, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
    )


def longer(old: NDArray[Any], fill: float) -> NDArray[Any]:
    """``old`` at twice its length."""
    count = len(old)
    new = np.empty(2 * count, dtype=old.dtype)
    for k in range(count):
        new[k] = old[k]
        new[count + k] = fill
    return new


def enlarged(fleet: Fleet) -> Fleet:
    """Twice the slots."""
    key, outstanding = longer(fleet.key, inf), longer(fleet.outstanding, inf)
    return Fleet(
        key,
        longer(fleet.done, 0.0),
        longer(fleet.load, 0),
        longer(fleet.status, 0),
        plant(key),
        outstanding,
        plant(outstanding),
        longer(fleet.head, -1),
        longer(fleet.tail, -1),
        longer(fleet.waiting, 0),
    )


def room(history: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """The history with room for one row more."""
    if rows < len(history):
        return history
    new = np.empty((2 * rows, COLUMNS))
    for row in range(rows):
        for column in range(COLUMNS):
            new[row, column] = history[row, column]
    return new


def open_books(scaling: Scaling, replicas: int) -> Books:
    """Books at time 0."""
    sums = np.zeros(SUMS)
    sums[ACTIVE] = replicas
    return Books(sums, np.full(max(scaling.most, 1), inf))


def next_ready(books: Books) -> float:
    """When the next starting replica will be in service."""
    soonest = inf
    for k in range(int(books.sums[PENDING])):
        soonest = min(soonest, books.pending[k])
    return soonest


def count_change(books: Books, now_s: float, change: int) -> None:
    """Change the number of serving replicas."""
    sums = books.sums
    sums[READY_AREA] += sums[ACTIVE] * (now_s - sums[CHANGED_S])
    sums[CHANGED_S] = now_s
    sums[ACTIVE] += change


def welcome(fleet: Fleet, scaling: Scaling, books: Books, now_s: float) -> tuple[Fleet, int]:
    """Put the replica that is ready at ``now_s`` into service; returns its slot."""
    sums = books.sums
    last = int(sums[PENDING]) - 1
    for k in range(last + 1):
        if books.pending[k] == now_s:
            books.pending[k] = books.pending[last]
            break
    sums[PENDING] -= 1
    if not scaling.bills_start:
        sums[BILLED_S] -= now_s
    slot = -1
    for k in range(len(fleet.status)):
        if fleet.status[k] == GONE:
            slot = k
            break
    if slot < 0:
        slot = len(fleet.status)
        fleet = enlarged(fleet)
    fleet.status[slot] = SERVING
    fleet.done[slot] = now_s
    fleet.load[slot] = 0
    fleet.outstanding[slot] = 0.0
    replay(fleet.fewest, fleet.outstanding, slot)
    count_change(books, now_s, 1)
    return fleet, slot


def retire(fleet: Fleet, books: Books, now_s: float, own_queues: bool) -> int:
    """Take the replica that can leave soonest out of service; it finishes what it has.

    Returns:
        Its slot.
    """
    slot = int(fleet.fewest[1] if own_queues else fleet.tree[1])
    if own_queues:
        leaves = fleet.outstanding[slot] == 0.0
        fleet.outstanding[slot] = inf
        replay(fleet.fewest, fleet.outstanding, slot)
        if leaves:
            books.sums[BILLED_S] += now_s
    else:
        leaves = fleet.done[slot] <= now_s
        books.sums[BILLED_S] += max(fleet.done[slot], now_s)
        fleet.key[slot] = inf
        replay(fleet.tree, fleet.key, slot)
    fleet.status[slot] = GONE if leaves else DRAINING
    count_change(books, now_s, -1)
    return slot


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


def close_bucket(fleet: Fleet, books: Books, history: NDArray[np.float64], end_s: float, own_queues: bool) -> None:
    """Write the row of the bucket that ends at ``end_s`` and carry over what lasts beyond it."""
    sums = books.sums
    start, length = sums[FROM_S], end_s - sums[FROM_S]
    busy, running, ends = 0.0, 0, 0.0
    for slot in range(len(fleet.done)):
        beyond = fleet.done[slot] - end_s
        if fleet.load[slot] > 0 and beyond > 0.0:
            busy += beyond
            running += fleet.load[slot]
            ends += fleet.load[slot] * beyond
        elif fleet.status[slot] == DRAINING and not own_queues:
            fleet.status[slot] = GONE
    served = sums[DONE] - running
    served_sum = sums[DONE_SUM] - ends - running * length
    taken = sums[CAME] - sums[TURNED_AWAY]
    row = int(sums[ROWS])
    count_change(books, end_s, 0)
    history[row, END] = end_s
    history[row, SECONDS] = length
    history[row, ARRIVED] = sums[CAME]
    history[row, DROPPED] = sums[TURNED_AWAY]
    history[row, SERVED] = served
    history[row, BUSY_S] = sums[BUSY] - busy
    history[row, READY_S] = sums[READY_AREA]
    history[row, INSIDE_S] = (sums[INSIDE] + taken - served) * length - sums[CAME_SUM] + served_sum
    sums[INSIDE] += taken - served
    history[row, WAITING] = sums[INSIDE] - running
    history[row, READY] = sums[ACTIVE]
    history[row, DESIRED] = sums[ACTIVE] + sums[PENDING]
    history[row, RECOMMENDED] = history[row, DESIRED]
    sums[BUSY_TOTAL] += sums[BUSY] - busy
    sums[FROM_S], sums[BUSY], sums[DONE], sums[DONE_SUM] = start + length, busy, running, ends
    sums[CAME], sums[CAME_SUM], sums[TURNED_AWAY], sums[READY_AREA] = 0.0, 0.0, 0.0, 0.0
    sums[FROM_S] = end_s
    sums[ROWS] = row + 1


def tick(
    fleet: Fleet,
    scaling: Scaling,
    books: Books,
    history: NDArray[np.float64],
    memory: Memory,
    now_s: float,
    own_queues: bool,
) -> tuple[NDArray[np.float64], Memory]:
    """End a bucket at ``now_s`` and let the autoscaler act on it."""
    rows = int(books.sums[ROWS])
    history = room(history, rows)
    close_bucket(fleet, books, history, now_s, own_queues)
    now_wanted = int(books.sums[ACTIVE] + books.sums[PENDING])
    decision = decide(scaling.policy, scaling.rules, scaling.table, history, rows + 1, now_wanted, now_s, memory)
    wanted = min(max(decision.desired, scaling.least), scaling.most) if scaling.policy > 0 else now_wanted
    apply(fleet, scaling, books, wanted, now_s, own_queues)
    history[rows, DESIRED] = wanted
    history[rows, RECOMMENDED] = decision.recommended
    return history, decision.memory


def settle(scaling: Scaling, books: Books, end_s: float) -> float:
    """Replica-seconds billed when the simulation ends at ``end_s``."""
    sums = books.sums
    starting = sums[PENDING] * end_s if scaling.bills_start else 0.0
    return float(sums[BILLED_S] + sums[ACTIVE] * end_s + starting)


def last_end(fleet: Fleet) -> float:
    """When the last service begun ends."""
    latest = 0.0
    for slot in range(len(fleet.done)):
        if fleet.load[slot] > 0:
            latest = max(latest, fleet.done[slot])
    return latest
