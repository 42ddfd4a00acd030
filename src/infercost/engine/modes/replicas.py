"""Modes whose replicas follow the traffic: always on, asynchronous, and scaled to zero. A few policies of each are played.

``infercost plan`` searches the always-on mode thoroughly; here the same simulator judges the policies that a user would
try first: as many replicas as the peak takes, and each of the cloud's scaling rules at a usual target.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Final

from infercost.domain.estimate import Band
from infercost.domain.scaling import ScalingPolicy
from infercost.engine.planner.bill import Shares, bill, month_of
from infercost.engine.planner.bounds import carried_rps
from infercost.engine.planner.choices import Choice, Limits
from infercost.engine.planner.play import play

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infercost.domain.scaling import ScalingOption, ScalingRules
    from infercost.domain.traffic import Slo
    from infercost.engine.modes.levels import Level
    from infercost.engine.planner.bill import MonthlyBill
    from infercost.engine.planner.play import Played
    from infercost.engine.planner.screening import Screen
    from infercost.engine.planner.settings import Setting
    from infercost.engine.planner.sites import Key, Place, Site

__all__ = ["Carrying", "PricedPolicy", "cheapest_always_on", "cheapest_to_zero", "without_promise"]

TARGET_LOAD: Final = 0.7
"""Of what a replica carries within the SLO: the target of a rule on its load."""
QUEUE_LOAD: Final = 0.8
"""Of what an instance can do: what is taken as its capacity where requests may wait."""
HEADROOM: Final = 1.5
"""Most replicas, as a multiple of what the peak takes."""
TYPES: Final = 3
"""Instance types of a cloud that are played: those that are cheapest by formula."""
ALIKE: Final = 1.03
"""Policies that cost less than this many times the cheapest cost the same: then the better promise is taken."""
TRIES: Final = 4
"""Replicas that are added, one by one, where a play breaks the SLO that the formula keeps."""


@dataclass(frozen=True, slots=True)
class Carrying:
    """A serving configuration and what one replica of it carries."""

    setting: Setting
    rps: float

    def replicas(self, rate: float, least: int) -> int:
        """Replicas for a rate."""
        return max(ceil(rate / self.rps - 1e-9), least)


def within(settings: Sequence[Setting], slo: Slo) -> list[Carrying]:
    """What each setting carries within the SLO; those that keep it at no load are left out."""
    carried = carried_rps(settings, slo).tolist()
    return [Carrying(setting, rps) for setting, rps in zip(settings, carried, strict=True) if rps > 0]


def without_promise(settings: Sequence[Setting]) -> list[Carrying]:
    """What each setting carries where requests may wait."""
    return [Carrying(setting, setting.capacity_rps * QUEUE_LOAD) for setting in settings]


@dataclass(frozen=True, slots=True)
class PricedPolicy:
    """A played policy with its bill."""

    choice: Choice
    played: Played
    place: Place
    bill: MonthlyBill
    month: Band
    replicas: float
    """Billed in the mean."""

    @property
    def monthly(self) -> float:
        """What policies are compared by: gaps counted at their most."""
        return float(self.bill.cost + (self.bill.unknown or 0))


def cheapest_always_on(
    level: Level, carrying: Sequence[Carrying], site_of: Mapping[Key, Site], screen: Screen, provider: str
) -> PricedPolicy | None:
    """The cheapest played policy that keeps the SLO; None where none does.

    Args:
        level: the traffic.
        carrying: configurations of the cloud, within the SLO.
        site_of: prices.
        screen: the traffic, SLO and rules that are played.
        provider: whose mode it is.
    """
    least = screen.clouds[provider].min_replicas
    rules = screen.clouds[provider].scaling
    most = rules.max_replicas if rules is not None else None
    best: PricedPolicy | None = None
    for one in _cheapest_types(carrying, site_of, level, least):
        for choice in _always_on(one, rules, level, least):
            found = _holding(choice, screen, site_of, most)
            if found is not None and (best is None or found.monthly < best.monthly):
                best = found
    return None if best is None else _with_band(best, screen, level, least)


def cheapest_to_zero(
    level: Level,
    carrying: Sequence[Carrying],
    site_of: Mapping[Key, Site],
    screen: Screen,
    rules: ScalingRules,
) -> PricedPolicy | None:
    """The cheapest played policy with no replica while nothing comes, whatever it promises; None where none can serve.

    Args:
        level: the traffic.
        carrying: configurations of the cloud.
        site_of: prices of the mode.
        screen: the traffic and rules that are played.
        rules: of the mode; all its options act together.
    """
    best: PricedPolicy | None = None
    chosen = carrying[0] if carrying else None
    for one in _cheapest_types(carrying, site_of, level, 1):
        if one.replicas(level.mean_rps, 1) > rules.max_replicas:
            continue
        choice = _to_zero(one, rules, level)
        found = _played(choice, screen, site_of)
        if best is None or found.monthly < best.monthly:
            best, chosen = found, one
    if best is None or chosen is None:
        return None
    others = [_played(choice, screen, site_of) for choice in _variants(best.choice, chosen, rules, level)]
    return _with_band(_preferred([best, *others]), screen, level, 0)


def _preferred(found: Sequence[PricedPolicy]) -> PricedPolicy:
    """The cheapest; of those that cost nearly the same the one that refuses least and answers soonest."""
    limit = min(one.monthly for one in found) * ALIKE
    return min(
        (one for one in found if one.monthly <= limit),
        key=lambda one: (round(one.played.dropped, 3), one.played.latency_ms.p99, one.monthly),
    )


def _variants(choice: Choice, one: Carrying, rules: ScalingRules, level: Level) -> Iterator[Choice]:
    """The same with no room above the peak and, where requests wait in a queue, with instances that are never taken away."""
    count = min(one.replicas(level.peak_rps, 1), rules.max_replicas)
    if count < choice.limits.max:
        yield replace(choice, limits=Limits(min=0, max=count), initial=min(choice.initial, count))
    if any(option.metric == "backlog" for option in rules.options):
        steady = min(one.replicas(level.mean_rps, 1), count)
        kept = tuple(policy for policy in choice.scaling if "from_zero" not in policy.settings)
        yield replace(choice, limits=Limits(min=steady, max=count), initial=steady, scaling=kept)


def _played(choice: Choice, screen: Screen, site_of: Mapping[Key, Site]) -> PricedPolicy:
    return _priced(choice, play(choice, screen, seed=screen.demand.seed), screen, site_of)


def _cheapest_types(carrying: Sequence[Carrying], site_of: Mapping[Key, Site], level: Level, least: int) -> list[Carrying]:
    """The best configuration of the instance types that are cheapest at the peak, and of those cheapest in the mean."""
    found: dict[Key, Carrying] = {}
    for rate in dict.fromkeys((level.peak_rps, level.mean_rps)):
        ordered = sorted(
            (site_of[key].monthly(one.replicas(rate, least)), one.setting.name, k)
            for k, one in enumerate(carrying)
            if (key := (one.setting.provider, one.setting.instance_type)) in site_of
        )
        kept: dict[Key, Carrying] = {}
        for _, _, k in ordered:
            one = carrying[k]
            kept.setdefault((one.setting.provider, one.setting.instance_type), one)
            if len(kept) == TYPES:
                break
        found = kept | found
    return list(found.values())


def _always_on(one: Carrying, rules: ScalingRules | None, level: Level, least: int) -> Iterator[Choice]:
    setting = one.setting
    count = one.replicas(level.peak_rps, least)
    routing = rules.routings[-1] if rules is not None else "random"
    yield Choice(setting=setting, routing=routing, limits=Limits(min=count, max=count), initial=count)
    if rules is None or level.steady or count == least:
        return
    initial = min(one.replicas(level.demand.first_rate, least), count)
    for option in rules.options:
        if option.accelerators in (None, setting.accelerator is not None):
            limits = Limits(min=least, max=min(ceil(count * HEADROOM), rules.max_replicas))
            yield Choice(setting=setting, routing=routing, limits=limits, initial=initial, scaling=(_policy(option, one),))


def _to_zero(one: Carrying, rules: ScalingRules, level: Level) -> Choice:
    most = min(ceil(one.replicas(level.peak_rps, 1) * HEADROOM), rules.max_replicas)
    busy = level.demand.first_rate * rules.start_s > 1
    return Choice(
        setting=one.setting,
        routing=rules.routing,
        limits=Limits(min=0, max=most),
        initial=min(one.replicas(level.demand.first_rate, 1), most) if busy else 0,
        scaling=tuple(_policy(option, one) for option in rules.options),
    )


def _policy(option: ScalingOption, one: Carrying) -> ScalingPolicy:
    """A rule at its default target, else at a usual share of what a replica carries."""
    target = option.default_target
    if target is None:
        carried = one.rps * TARGET_LOAD
        per = {"invocations": 60.0, "concurrency": one.setting.single_s, "utilization": 100.0 / one.setting.capacity_rps}
        target = float(f"{carried * per.get(option.metric, 1.0):.3g}")
    return ScalingPolicy(kind=option.kind, metric=option.metric, target=target, settings=dict(option.settings))


def _holding(choice: Choice, screen: Screen, site_of: Mapping[Key, Site], most: int | None) -> PricedPolicy | None:
    """A policy that keeps the SLO when it is played, with a replica more where it must be; None where that does not help."""
    for _ in range(TRIES if not choice.scaling else 1):
        if most is not None and choice.limits.min > most:
            return None
        played = play(choice, screen, seed=screen.demand.seed)
        if played.severity <= 1:
            return _priced(choice, played, screen, site_of)
        count = choice.limits.min + 1
        choice = replace(choice, limits=Limits(min=count, max=count), initial=count)
    return None


def _priced(choice: Choice, played: Played, screen: Screen, site_of: Mapping[Key, Site]) -> PricedPolicy:
    setting = choice.setting
    replicas = _billed(choice, played, screen)
    place = site_of[setting.provider, setting.instance_type].cheapest(replicas)
    shares = Shares(billed=replicas, busy=played.busy_seconds / screen.demand.duration_s)
    made = bill(place, shares, setting.provenance, f"{replicas:.4g} replicas in the mean × 730 h, the part that was busy")
    return PricedPolicy(choice, played, place, made, Band(made.cost, made.cost, None), replicas)


def _billed(choice: Choice, played: Played, screen: Screen) -> float:
    """Replicas in the mean, each stretch rounded up to the cloud's step (half a step in the mean)."""
    if not choice.scaling:
        return float(choice.limits.min)
    hosting = screen.clouds[choice.setting.provider].hosting
    rounding_s = (played.starts + choice.initial) * hosting.billing_granularity_s / 2
    return (played.replica_seconds + rounding_s) / screen.demand.duration_s


def _with_band(found: PricedPolicy, screen: Screen, level: Level, least: int) -> PricedPolicy:
    """The bill at both ends of the prediction's band: by formula where replicas are fixed, played where they scale."""
    factor = 1 + found.choice.setting.band
    low, _ = month_of(found.place, _at(found, screen, level, least, 1 / factor) or found.replicas)
    slow = _at(found, screen, level, least, factor)
    high = None
    if slow is not None:
        known, missing = month_of(found.place, slow)
        high = None if missing is None else max(known + missing, found.bill.cost)
    return replace(found, month=Band(min(low, found.bill.cost), found.bill.cost, high))


def _at(found: PricedPolicy, screen: Screen, level: Level, least: int, factor: float) -> float | None:
    """Replicas billed where services take ``factor`` times as long; None where the SLO cannot be kept so."""
    choice = found.choice
    if choice.scaling:
        played = play(choice, screen, seed=level.demand.seed, factor=factor)
        broken = least > 0 and played.severity > 1
        return None if broken else _billed(choice, played, screen)
    carried = within([choice.setting.slowed(factor)], screen.slo)
    if not carried:
        return None
    count = carried[0].replicas(level.peak_rps, least)
    return float(max(count, found.choice.limits.min) if factor > 1 else min(count, found.choice.limits.min))
