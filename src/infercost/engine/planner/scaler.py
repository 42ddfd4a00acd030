"""From a choice to the autoscaler that simulates it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.scaling import DAYS
from infercost.engine.simulate import autoscalers
from infercost.engine.simulate.service import lognormal

if TYPE_CHECKING:
    from infercost.domain.scaling import ScalingRules
    from infercost.engine.erlang import Ints
    from infercost.engine.planner.choices import Choice, Limits
    from infercost.engine.simulate.autoscalers import Autoscaler

__all__ = ["MONDAY", "autoscaler_of", "limits_at"]

MONDAY: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""Where traffic has no date, it begins on a Monday at midnight, UTC."""
_DAY_S: Final = 86_400
_WEEK_S: Final = 7 * _DAY_S


def autoscaler_of(choice: Choice, rules: ScalingRules | None, load_s: float, starts_at: datetime | None) -> Autoscaler | None:
    """The simulator's autoscaler; None where nothing changes.

    Args:
        choice: what is simulated.
        rules: of the cloud: how long a replica takes to start.
        load_s: seconds that loading the model adds to a start.
        starts_at: wall-clock time of the traffic's second 0.
    """
    limits = choice.limits
    if rules is None or not (choice.scaling or limits.schedule):
        return None
    return autoscalers.build(
        choice.scaling,
        min_replicas=limits.min,
        max_replicas=limits.max,
        start_s=lognormal(rules.start_s + load_s, rules.start_spread),
        schedule=limits.schedule,
        starts_at=None if starts_at is None else starts_at.isoformat(),
    )


def limits_at(limits: Limits, starts_at: datetime | None, second: float) -> tuple[int, int]:
    """Fewest and most replicas at a second of the traffic."""
    if not limits.schedule:
        return limits.min, limits.max
    at, least, most = _weekly(limits)
    place = int(np.searchsorted(at, (_second_of_week(starts_at) + second) % _WEEK_S, side="right")) - 1
    return int(least[place]), int(most[place])


def _second_of_week(starts_at: datetime | None) -> float:
    start = MONDAY if starts_at is None else starts_at.astimezone(UTC)
    return start.weekday() * _DAY_S + start.hour * 3600.0 + start.minute * 60.0 + start.second


def _weekly(limits: Limits) -> tuple[Ints, Ints, Ints]:
    """Seconds of the week at which limits begin, and the limits; index -1 is the last of the week before."""
    rows = sorted(
        (DAYS.index(day) * _DAY_S + int(block.at[:2]) * 3600 + int(block.at[3:]) * 60, block.min_replicas, block.max_replicas)
        for block in limits.schedule
        for day in block.days
    )
    at, least, most = np.array(rows, dtype=np.int64).T
    return at, least, most
