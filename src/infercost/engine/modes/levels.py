"""One shape of traffic at levels of requests a day: long enough to tell percentiles, short enough to be played."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING, Final

from infercost.domain.errors import UsageError
from infercost.engine.planner.demand import Demand
from infercost.engine.shapes import parse_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.engine.workload import Workload

__all__ = ["DAY_S", "LEVELS", "Level", "level_of", "parse_levels"]

DAY_S: Final = 86_400.0
LEVELS: Final = (100.0, 1e3, 1e4, 1e5, 1e6, 1e7)
"""Requests a day, where none are given."""
_LEAST, _MOST = 1.0, 1e8
_ENOUGH: Final = 3_000
"""Requests that are wanted: a p99 needs 662."""
_MANY: Final = 1_000_000
_LONGEST_S: Final = 30 * DAY_S
_SHORTEST_S: Final = 1800.0
_USUAL_S: Final = 2 * 3600.0
_TOO_MANY: Final = 20_000_000
"""Requests above which only the first day of a longer traffic is played."""
_FACTORS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_LEVEL: Final = re.compile(r"(?P<number>\d+(\.\d+)?(e\d+)?)\s*(?P<unit>[kmg]?)", re.IGNORECASE)


def parse_levels(text: str) -> tuple[float, ...]:
    """Read ``100,1k,10k,1M``: requests a day, each once, ascending.

    Raises:
        UsageError: a level cannot be read or cannot be.
    """
    return check_levels([_level(part.strip()) for part in text.split(",") if part.strip()])


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Levels in ascending order.

    Raises:
        UsageError: there are none, or one is out of range.
    """
    if not levels:
        raise UsageError("there is no level of traffic; write requests a day like --levels 100,10k,1M")
    for level in levels:
        if not isfinite(level) or not _LEAST <= level <= _MOST:
            raise UsageError(f"a level lies between 1 and 100M requests a day, got {level:g}; try --levels 100,10k,1M")
    return tuple(sorted({float(level) for level in levels}))


def _level(text: str) -> float:
    match = _LEVEL.fullmatch(text)
    if match is None:
        raise UsageError(f"cannot read the level {text!r}; write requests a day like --levels 100,10k,1M")
    return float(match["number"]) * _FACTORS[match["unit"].lower()]


@dataclass(frozen=True, slots=True)
class Level:
    """Traffic of so many requests a day."""

    requests_per_day: float
    demand: Demand
    steady: bool
    """Whether its rate is the same all the time."""
    mean_rps: float
    peak_rps: float
    """Expected requests a second in the busiest minute."""
    note: str = ""


def level_of(requests_per_day: float, shape: Workload | None, seed: int) -> Level:
    """Traffic of a shape (None: steady, Poisson) at a level.

    Args:
        requests_per_day: in the mean.
        shape: whose rate is multiplied; a short one is repeated until there are enough requests.
        seed: of the requests.
    """
    rate = requests_per_day / DAY_S
    if shape is None:
        wanted = max(_ENOUGH / rate, min(_USUAL_S, max(_MANY / rate, _SHORTEST_S)))
        seconds = ceil(min(wanted, _LONGEST_S))
        return Level(requests_per_day, Demand(parse_shape(f"poisson:rps={rate!r},for={seconds}s"), seed), True, rate, rate)
    if not shape.requests > 0:
        raise UsageError(f"{shape.source} has no requests to scale; look at it with: infercost traffic")
    scaled = shape.scaled(rate / shape.mean_rps)
    times = ceil(max(min(_ENOUGH / rate, _LONGEST_S) / shape.duration_s - 1e-9, 1))
    note = ""
    if scaled.requests > _TOO_MANY and scaled.duration_s > DAY_S:
        first = shape.clipped(0.0, DAY_S)
        scaled, note = first.scaled(rate / first.mean_rps), "only the first day of the traffic was played, at this level"
    played = scaled.repeated(times) if times > 1 else scaled
    return Level(requests_per_day, Demand(played, seed), False, rate, max(scaled.peak_rps, rate), note)
