"""The books of a simulation: running totals, the rows of its history, and how far it has come."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from infercost.engine.simulate.history import COLUMNS

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Books(NamedTuple):
    """Everything that changes beside the replicas, so that a kernel can be left and entered again."""

    sums: NDArray[np.float64]
    """By the constants below."""
    counts: NDArray[np.int64]
    """Likewise."""
    pending: NDArray[np.float64]
    """When starting replicas will be in service, the first ``sums[PENDING]`` entries."""
    history: NDArray[np.float64]
    """See :mod:`.history`; the first ``counts[ROWS]`` rows are written."""


FROM_S: Final = 0
"""Start of the bucket."""
BUSY: Final = 1
"""Worker-seconds of the services begun, less those beyond the bucket that were carried over."""
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
"""Replicas in service."""
PENDING: Final = 12
"""Replicas that start."""
STARTED: Final = 13
"""Replicas ever started: the counter of their start-up times."""
BUSY_TOTAL: Final = 14
LAST_END: Final = 15
"""Latest end of a service that has begun."""
END_S: Final = 16
SUMS: Final = 17

FIRST: Final = 0
"""Next request to be served."""
BATCHES: Final = 1
SEEN: Final = 2
"""Arrivals counted or looked at."""
TAKEN: Final = 3
"""Of those, the ones taken in (with a limit only)."""
WITHIN: Final = 4
"""Requests in the system now."""
TICKS: Final = 5
"""The next tick."""
ROWS: Final = 6
HELD: Final = 7
"""Requests that wait for a first replica (own queues only)."""
HELD_HEAD: Final = 8
HELD_TAIL: Final = 9
COUNTS: Final = 10


def open_books(replicas: int, most: int, rows: int) -> Books:
    """Books at time 0. Not compiled, as :func:`longer`."""
    sums, counts = np.zeros(SUMS), np.zeros(COUNTS, dtype=np.int64)
    sums[ACTIVE], counts[TICKS] = replicas, 1
    return Books(sums, counts, np.full(max(most, 1), inf), np.empty((rows, COLUMNS)))


def longer(books: Books) -> Books:
    """The same books with room for twice the rows."""
    rows = len(books.history)
    history = np.empty((2 * rows, COLUMNS))
    history[:rows] = books.history
    return books._replace(history=history)


def count_change(books: Books, now_s: float, change: int) -> None:
    """Change the number of serving replicas."""
    sums = books.sums
    sums[READY_AREA] += sums[ACTIVE] * (now_s - sums[CHANGED_S])
    sums[CHANGED_S] = now_s
    sums[ACTIVE] += change
