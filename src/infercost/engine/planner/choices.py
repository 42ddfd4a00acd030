"""What can be chosen for a setting: scaling rule, target, limits, schedule and routing, as the cloud offers them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity
from infercost.engine.planner.scaler import limits_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from infercost.domain.scaling import ScalingOption, ScalingRules
    from infercost.engine.erlang import Floats
    from infercost.engine.planner.demand import Demand
    from infercost.engine.planner.flow import Station
    from infercost.engine.planner.settings import Setting

__all__ = ["LEVELS", "Choice", "Limits", "Line", "Needs", "lines"]

LEVELS: Final = tuple(round(float(level), 3) for level in np.geomspace(0.3, 1.0, 26))
"""Loads of a replica that targets stand for, as shares of its capacity."""
_LOWS: Final = (0.1, 0.5, 0.9)
"""Shares of the minutes whose rate the fewest replicas can be made to carry."""
_HEADROOM: Final = 1.5
"""Most replicas, as a multiple of what the busiest minute needs."""
_BLOCKS: Final = 6
"""Most changes of a schedule in a day."""
_DAYS_FOR_SCHEDULE: Final = 2
_IN_SHARES: Final = (0.5, 0.8)
"""Scale-in thresholds of a rule that has one, as shares of its scale-out threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Fewest and most replicas, through the day or by a schedule."""

    min: int
    max: int
    schedule: tuple[ScheduledCapacity, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A policy that can be simulated."""

    setting: Setting
    routing: str
    limits: Limits
    initial: int
    scaling: tuple[ScalingPolicy, ...] = ()

    @property
    def kind(self) -> tuple[str, str]:
        """Rule and metric; both empty where replicas are fixed."""
        return (self.scaling[0].kind, self.scaling[0].metric) if self.scaling else ("", "")

    @property
    def pooled(self) -> bool:
        """Whether requests go where they are served soonest."""
        return self.routing != "random"


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """Replicas of a setting at each rate of the traffic, by formula."""

    carried_rps: float
    least: int
    most: int
    """What the cloud allows."""

    def at(self, rate: float) -> int:
        """Replicas at a rate."""
        return min(max(ceil(rate / self.carried_rps - 1e-9), self.least), self.most)


@dataclass(frozen=True, eq=False)
class Line:
    """Choices that differ in one number: from the safest and dearest to the boldest and cheapest."""

    setting: Setting
    routing: str
    limits: Limits
    kind: tuple[str, str]
    """Rule and metric; both empty where replicas are fixed."""
    make: Callable[[], tuple[Choice, ...]]

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """In that order."""
        return self.make()


def lines(
    setting: Setting,
    rules: ScalingRules | None,
    demand: Demand,
    needs: Needs,
    station_of: Callable[[bool], Station],
) -> list[Line]:
    """Everything that can be chosen for a setting.

    Args:
        setting: the replica.
        rules: of the cloud; None: replicas are fixed, requests spread at random.
        demand: the traffic.
        needs: of the setting.
        station_of: tables of the setting, by whether requests are pooled.
    """
    routings = rules.routings if rules is not None else ("random",)
    found = [_fixed(setting, routing, demand, needs) for routing in routings]
    if rules is None:
        return found
    options = [o for o in rules.options if o.accelerators in (None, setting.accelerator is not None)]
    for option in options:
        for routing in routings:
            for variant in _variants(option):
                found += [
                    _scaled(setting, option, variant, routing, limits, demand, needs, station_of)
                    for limits in _limits(rules, demand, needs)
                    if limits.max > limits.min
                ]
    return found


def _fixed(setting: Setting, routing: str, demand: Demand, needs: Needs) -> Line:
    most = _most(demand, needs)
    counts = range(most, needs.least - 1, -1)

    def make() -> tuple[Choice, ...]:
        return tuple(Choice(setting=setting, routing=routing, limits=Limits(min=n, max=n), initial=n) for n in counts)

    return Line(setting, routing, Limits(min=needs.least, max=most), ("", ""), make)


def _scaled(
    setting: Setting,
    option: ScalingOption,
    variant: Callable[[float], dict[str, float]],
    routing: str,
    limits: Limits,
    demand: Demand,
    needs: Needs,
    station_of: Callable[[bool], Station],
) -> Line:
    initial = min(max(needs.at(demand.first_rate), _least_at_first(limits, demand)), limits.max)

    def make() -> tuple[Choice, ...]:
        targets = _targets(option, station_of(routing != "random"))
        return tuple(
            Choice(
                setting=setting,
                routing=routing,
                limits=limits,
                initial=initial,
                scaling=(ScalingPolicy(kind=option.kind, metric=option.metric, target=target, settings=variant(target)),),
            )
            for target in targets
        )

    return Line(setting, routing, limits, (option.kind, option.metric), make)


def _most(demand: Demand, needs: Needs) -> int:
    return min(max(ceil(needs.at(demand.rate_at(1.0)) * _HEADROOM), needs.least), needs.most)


def _least_at_first(limits: Limits, demand: Demand) -> int:
    return limits_at(limits, demand.starts_at, 0.0)[0]


def _variants(option: ScalingOption) -> Iterator[Callable[[float], dict[str, float]]]:
    """Settings beside the target, each as a function of it."""
    if option.kind == "azure":
        for share in _IN_SHARES:
            yield lambda target, share=share: {"low": float(round(target * share)), "window_s": 300.0}  # type: ignore[misc]
    elif option.metric == "concurrency" and option.kind == "target_tracking":
        yield lambda _target: {"high_resolution": 1.0}
    else:
        yield lambda _target: {}


def _targets(option: ScalingOption, station: Station) -> list[float]:
    """Ascending targets that stand for loads of a replica, each once."""
    found: list[float] = []
    for level in LEVELS:
        at = level * (len(station.busy) - 1)
        if option.metric == "invocations":
            target = _rounded(60.0 * station.capacity_rps * level)
        elif option.metric == "concurrency":
            target = _rounded(station.capacity_rps * level * _at(station.sojourn_s[0], at))
        else:
            target = float(min(round(100.0 * _at(station.busy, at)), 99))
        if target > 0 and (not found or target > found[-1]):
            found.append(target)
    return found


def _at(row: Floats, at: float) -> float:
    return float(np.interp(at, np.arange(len(row)), row))


def _rounded(value: float) -> float:
    """Three significant digits."""
    digits = 2 - floor(log10(value)) if value > 0 else 0
    return float(round(value, digits))


def _limits(rules: ScalingRules, demand: Demand, needs: Needs) -> list[Limits]:
    most = _most(demand, needs)
    lows = sorted({needs.least, *(min(needs.at(demand.rate_at(share)), most) for share in _LOWS)})
    found = [Limits(min=low, max=most) for low in lows]
    if rules.schedules and demand.duration_s >= _DAYS_FOR_SCHEDULE * 86_400:
        found += [limits for share in (0.5, 0.95) if (limits := _by_day(demand, needs, share, most)) is not None]
    return found


def _by_day(demand: Demand, needs: Needs, share: float, most: int) -> Limits | None:
    """A floor that follows the hour of the day; None where it would be the same all day."""
    rates = demand.by_hour(share)
    if np.isnan(rates).any():
        return None
    floors = [min(needs.at(float(rate)), most) for rate in rates]
    if len(set(floors)) == 1:
        return None
    blocks = _merged(floors)
    schedule = tuple(
        ScheduledCapacity(name=f"from-{hour:02d}", at=f"{hour:02d}:00", min_replicas=count, max_replicas=most)
        for hour, count in blocks
    )
    return Limits(min=min(count for _, count in blocks), max=most, schedule=schedule)


def _merged(floors: Sequence[int]) -> list[tuple[int, int]]:
    """Hours of the day at which a floor begins, and the floor: at most so many, merged where that adds least."""
    blocks: list[tuple[int, int, int]] = []
    for hour, count in enumerate(floors):
        if blocks and blocks[-1][2] == count:
            blocks[-1] = (blocks[-1][0], hour + 1, count)
        else:
            blocks.append((hour, hour + 1, count))
    while len(blocks) > _BLOCKS:
        extra = [
            (abs(a[2] - b[2]) * ((a[1] - a[0]) if a[2] < b[2] else (b[1] - b[0])), k)
            for k, (a, b) in enumerate(pairwise(blocks))
        ]
        k = min(extra)[1]
        a, b = blocks[k], blocks[k + 1]
        blocks[k : k + 2] = [(a[0], b[1], max(a[2], b[2]))]
    merged = [(start, count) for start, _, count in blocks]
    return [block for k, block in enumerate(merged) if k == 0 or block[1] != merged[k - 1][1]]
