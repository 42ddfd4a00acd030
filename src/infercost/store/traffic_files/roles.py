"""Which column of a table means what: by option, else by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infercost.domain.errors import TrafficError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.workload import TrafficColumns

__all__ = ["Roles", "choose_roles", "names_a_time"]

_TIME: Final = re.compile(
    r"@?(?:time|time_?stamp|ts|t|date|date_?time|seconds?|sec|minutes?|hours?|start(?:ed)?|start_?time|started_at|arrival|"
    r"arrivals?_?time|arrived_at|created_at|epoch|unix|unix_?time|time_?bucket|bin|period|period_?start|bin_?start)"
    r"(?:_(?:s|sec|seconds|ms|us|ns|utc|local|iso|min|minutes|stamp|time))*",
    re.IGNORECASE,
)
_COUNT: Final = re.compile(
    r"(?:num_?|n_?|total_?|sum_?)?(?:requests?|reqs?|invocations?|hits|calls|queries|counts?|arrivals|events|values?|"
    r"request_?counts?|invocation_?counts?|sum|sample_?count|[rqt]p[sm]|(?:requests?|reqs?|queries|calls)_?per_?(?:s|sec|second|min|minute))",
    re.IGNORECASE,
)
_RATE: Final = re.compile(r"(?:[rqt]p|.*per_?)(?P<unit>s|m)", re.IGNORECASE)
_SIZE: Final = re.compile(r".*(?:tokens?|length|size|bytes|items|duration|latency).*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Roles:
    """Places of the columns in a table."""

    time: int | None
    """None: the rows are bins one after another."""
    count: int | None
    """None: each row is a request."""
    work: tuple[int, ...] = ()
    rate_s: float | None = None
    """Where the column of counts holds rates: the seconds that they are over."""
    notes: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[int, ...]:
        """All of them, each once, ascending."""
        return tuple(sorted({i for i in (self.time, self.count, *self.work) if i is not None}))


def names_a_time(name: str) -> bool:
    """Whether a column of that name is taken as the time."""
    return _TIME.fullmatch(name.strip()) is not None


def choose_roles(where: str, names: Sequence[str], columns: TrafficColumns, *, headed: bool, regular: bool) -> Roles:
    """Columns by option, else by name.

    Args:
        where: the file, for messages.
        names: of the columns; ``1``, ``2`` … without a header.
        columns: what the user said.
        headed: whether the file names its columns.
        regular: whether the sampled rows look like bins: times at equal steps.

    Raises:
        TrafficError: no column, or more than one, could be meant.
        UnknownNameError: a column that was named is not there.
    """
    count = None if columns.count in {None, "none"} else _place(where, names, columns.count or "")
    time = _time(where, names, columns, headed=headed, bins=count is not None)
    if count is None and columns.count is None:
        count = _count(where, names, time, headed=headed, regular=regular)
    if time is None and count is None:
        raise TrafficError(_no_time(where, names))
    work = tuple(_place(where, names, part) for part in (columns.work or "").split("+") if part.strip())
    if work and count is not None:
        raise TrafficError(f"{where} has counts, so its rows are not requests with a size; drop work= from --traffic-column")
    rate = None if count is None else _RATE.fullmatch(names[count].strip())
    rate_s = None if rate is None else {"s": 1.0, "m": 60.0}[rate["unit"].lower()]
    notes: tuple[str, ...] = ()
    sizes = [name for i, name in enumerate(names) if _SIZE.fullmatch(name) and i != time]
    if count is None and not work and sizes:
        notes = (f"all requests are taken as alike; --traffic-column work={sizes[-1]} takes a column as their relative work",)
    return Roles(time, count, work, rate_s, notes)


def _time(where: str, names: Sequence[str], columns: TrafficColumns, *, headed: bool, bins: bool) -> int | None:
    if columns.time is not None:
        return _place(where, names, columns.time)
    found = [i for i, name in enumerate(names) if names_a_time(name)] if headed else [0]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        could = " and ".join(names[i] for i in found)
        raise TrafficError(f"{where}: {could} could all be the time; choose one: --traffic-column time={names[found[0]]}")
    if columns.bin_s is not None and (bins or any(_COUNT.fullmatch(name.strip()) for name in names)):
        return None
    raise TrafficError(_no_time(where, names))


def _no_time(where: str, names: Sequence[str]) -> str:
    shown = ", ".join(repr(name if len(name) < 31 else f"{name[:29]}…") for name in names[:6]) + (
        " …" if len(names) > 6 else ""
    )
    return (
        f"{where}: no column is named like a time (there {'are' if len(names) > 1 else 'is'} {shown}); "
        "choose one: --traffic-column time=NAME, or for counts without times: --traffic-column count=NAME,bin=1m"
    )


def _count(where: str, names: Sequence[str], time: int | None, *, headed: bool, regular: bool) -> int | None:
    others = [i for i in range(len(names)) if i != time]
    found = [i for i in others if _COUNT.fullmatch(names[i].strip())] if headed else []
    if len(found) == 1:
        return found[0]
    if found:
        could = " and ".join(names[i] for i in found)
        raise TrafficError(f"{where}: {could} could all be the requests; choose one: --traffic-column count={names[found[0]]}")
    if others and regular:
        raise TrafficError(
            f"{where}: its times are regular, so rows look like bins; say which column counts requests: "
            f"--traffic-column count={names[others[0]]}, or count=none where every row is a request"
        )
    return None


def _place(where: str, names: Sequence[str], wanted: str) -> int:
    wanted = wanted.strip()
    if wanted in names:
        return list(names).index(wanted)
    lowered = [name.strip().lower() for name in names]
    if wanted.lower() in lowered:
        return lowered.index(wanted.lower())
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise UnknownNameError(f"column of {where}", wanted, names)
