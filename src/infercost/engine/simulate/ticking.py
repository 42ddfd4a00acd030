"""What happens at a tick of the autoscaler's clock: a bucket is closed, the rules decide, replicas follow."""

from __future__ import annotations

from math import floor
from typing import Final

from infercost.engine.simulate.books import (
    ACTIVE,
    BUSY,
    BUSY_TOTAL,
    CAME,
    CAME_SUM,
    DONE,
    DONE_SUM,
    END_S,
    FROM_S,
    INSIDE,
    PENDING,
    READY_AREA,
    ROWS,
    TICKS,
    TURNED_AWAY,
    Books,
    count_change,
)
from infercost.engine.simulate.fleet import DRAINING, GONE, STATUS, Fleet, Scaling, apply, scales
from infercost.engine.simulate.history import (
    ARRIVED,
    BUSY_S,
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
from infercost.engine.simulate.policies.deciding import decide_all

MAX_ROWS: Final = 5_000_000
"""Ticks after which a simulation gives up: 2 years of 15 s, half a gigabyte of history."""
WEEK_S: Final = 604_800.0


def close_bucket(fleet: Fleet, books: Books, end_s: float, own_queues: bool) -> None:
    """Write the row of the bucket that ends at ``end_s`` and carry over what lasts beyond it."""
    sums, history, workers = books.sums, books.history, fleet.workers
    length = end_s - sums[FROM_S]
    busy, running, ends = 0.0, 0, 0.0
    for replica in range(fleet.desk.shape[1]):
        if fleet.desk[STATUS, replica] == GONE:
            continue
        leaves = fleet.desk[STATUS, replica] == DRAINING and not own_queues
        for slot in range(replica * workers, (replica + 1) * workers):
            beyond = fleet.done[slot] - end_s
            if fleet.load[slot] > 0 and beyond > 0.0:
                busy += beyond
                running += fleet.load[slot]
                ends += fleet.load[slot] * beyond
                leaves = False
        if leaves:
            fleet.desk[STATUS, replica] = GONE
    served = sums[DONE] - running
    served_sum = sums[DONE_SUM] - ends - running * length
    taken = sums[CAME] - sums[TURNED_AWAY]
    row = books.counts[ROWS]
    count_change(books, end_s, 0)
    history[row, END] = end_s
    history[row, SECONDS] = length
    history[row, ARRIVED] = sums[CAME]
    history[row, DROPPED] = sums[TURNED_AWAY]
    history[row, SERVED] = served
    history[row, BUSY_S] = (sums[BUSY] - busy) / workers
    history[row, READY_S] = sums[READY_AREA]
    history[row, INSIDE_S] = (sums[INSIDE] + taken - served) * length - sums[CAME_SUM] + served_sum
    sums[INSIDE] += taken - served
    history[row, WAITING] = sums[INSIDE] - running
    history[row, READY] = sums[ACTIVE]
    history[row, DESIRED] = sums[ACTIVE] + sums[PENDING]
    history[row, RECOMMENDED] = history[row, DESIRED]
    sums[BUSY_TOTAL] += (sums[BUSY] - busy) / workers
    sums[BUSY], sums[DONE], sums[DONE_SUM] = busy, running, ends
    sums[CAME], sums[CAME_SUM], sums[TURNED_AWAY], sums[READY_AREA] = 0.0, 0.0, 0.0, 0.0
    sums[FROM_S] = end_s
    books.counts[ROWS] = row + 1


def limits_at(scaling: Scaling, now_s: float) -> tuple[int, int]:
    """Fewest and most replicas at a time: of the schedule's last change before it, the week before if need be."""
    schedule = scaling.schedule
    if len(schedule) == 0:
        return scaling.least, scaling.most
    second = scaling.week_s + now_s + 1e-6
    second -= floor(second / WEEK_S) * WEEK_S
    current = len(schedule) - 1
    for row in range(len(schedule)):
        if schedule[row, 0] <= second:
            current = row
    return int(schedule[current, 1]), int(schedule[current, 2])


def tick(fleet: Fleet, scaling: Scaling, books: Books, now_s: float, own_queues: bool) -> None:
    """End a bucket at ``now_s`` and let the autoscaler act on it."""
    row = books.counts[ROWS]
    close_bucket(fleet, books, now_s, own_queues)
    books.counts[TICKS] += 1
    if not scales(scaling):
        return
    now_wanted = int(books.sums[ACTIVE] + books.sums[PENDING])
    desired, recommended = decide_all(
        scaling.kinds,
        scaling.rules,
        scaling.tables,
        scaling.firsts,
        scaling.memories,
        scaling.wishes,
        books.history,
        row + 1,
        now_wanted,
        now_s,
    )
    least, most = limits_at(scaling, now_s)
    desired = min(max(desired, least), most)
    apply(fleet, scaling, books, desired, now_s, own_queues)
    books.history[row, DESIRED] = desired
    books.history[row, RECOMMENDED] = recommended


def finish(fleet: Fleet, books: Books, end_s: float, own_queues: bool) -> None:
    """Write the last, shorter bucket."""
    if end_s > books.sums[FROM_S]:
        close_bucket(fleet, books, end_s, own_queues)
    books.sums[END_S] = end_s
