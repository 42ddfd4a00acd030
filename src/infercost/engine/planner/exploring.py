"""One cloud under the fluid model: which settings are worth a closer look, and what is promising among their choices.

In the order of their bounds each setting is probed with a few representative lines of choices, until no bound is
below what the probes have found. The best settings are then scanned: every line of choices, thinly, and closely where
it is cheap and keeps the SLO, or nearly so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Final

from infercost.engine.planner.bounds import by_foresight, by_work
from infercost.engine.planner.choices import LEVELS, Needs, lines
from infercost.engine.planner.screening import STEP_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from infercost.engine.planner.bounds import Load
    from infercost.engine.planner.choices import Choice, Line
    from infercost.engine.planner.screening import Screen, Screened
    from infercost.engine.planner.settings import Setting
    from infercost.engine.planner.sites import Key, Site

__all__ = ["Able", "Exploration", "Found", "explore", "key_of", "kth", "probe"]

PLAUSIBLE: Final = 1.4
"""Severity by the fluid model up to which a choice may yet hold when it is played."""
DEAR: Final = 1.3
"""A line is given up where a choice that breaks the SLO costs so many times what must be undercut: safer ones cost more."""
TIE: Final = 0.1
"""Choices that cost this much more than an instance type's best are kept: the fluid model may be wrong about that one."""
STRIDE: Final = 4
"""Every so many choices of a line are looked at, and then those around the best."""
CLOSELY: Final = 6000
"""Steps of the traffic times settings up to which every choice is looked at."""
BATCH: Final = 8
"""Settings of one cloud that are bounded or probed between two looks at what must be undercut."""
PER_TYPE: Final = 2
"""Settings of an instance type that are scanned."""
_UNRULED: Final = 100
"""Most replicas where a cloud says nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A screened choice with its cost."""

    screened: Screened
    monthly: float

    @property
    def choice(self) -> Choice:
        """What it is."""
        return self.screened.choice

    @property
    def order(self) -> tuple[object, ...]:
        """Cheapest first; of equal ones what does not scale, then the safer, then by name."""
        limits = self.choice.limits
        target = self.choice.scaling[0].target if self.choice.scaling else 0.0
        name = (*self.choice.setting.name, self.choice.routing, limits.min, limits.max, len(limits.schedule), target)
        return (self.monthly, bool(self.choice.scaling), self.screened.severity, *name)


@dataclass(frozen=True, slots=True)
class Able:
    """A setting that keeps the SLO at low load."""

    setting: Setting
    carried_rps: float
    """What one replica carries within the SLO."""


@dataclass(slots=True)
class Exploration:
    """What was learned of one cloud."""

    provider: str
    bounds: dict[Key, float] = field(default_factory=dict)
    """Least monthly cost of each instance type by any policy."""
    found: list[Found] = field(default_factory=list)
    """Promising choices, cheapest first."""
    candidates: int = 0
    pruned: int = 0


def explore(
    provider: str,
    able: Sequence[Able],
    site_of: Mapping[Key, Site],
    screen: Screen,
    load: Load,
    *,
    top: int,
    most: int,
    pool: ThreadPoolExecutor,
) -> Exploration:
    """Explore one cloud.

    Args:
        provider: the cloud.
        able: its settings.
        site_of: prices by instance type.
        screen: the fluid model.
        load: the traffic as a distribution of rates.
        top: instance types that are wanted.
        most: settings that are probed at most.
        pool: threads; what is decided does not depend on them.
    """
    result = Exploration(provider)
    probed = _probe_in_order(result, able, site_of, screen, load, top=top, most=most, pool=pool)
    chosen = _shortlist(probed, top)
    stride = 1 if len(screen.demand.counts(STEP_S)) * max(len(chosen), 1) <= CLOSELY else STRIDE
    best = _best(found for _, found in probed)
    limit = kth(best.values(), top)

    def scanned(one: Able) -> list[Found]:
        key = key_of(one.setting)
        return scan(one, site_of[key], screen, min(limit, best[key]) * (1 + TIE), stride)

    for found in pool.map(scanned, chosen):
        result.found += found
    shown = {id(f) for f in result.found}
    result.found += [f for _, found in probed for f in found if id(f) not in shown and f.monthly <= limit * (1 + TIE)]
    result.found = _once(result.found)
    return result


def _probe_in_order(
    result: Exploration,
    able: Sequence[Able],
    site_of: Mapping[Key, Site],
    screen: Screen,
    load: Load,
    *,
    top: int,
    most: int,
    pool: ThreadPoolExecutor,
) -> list[tuple[Able, list[Found]]]:
    """Probe settings, least bound first, until none can undercut what was found."""
    least = screen.clouds[result.provider].min_replicas

    def cost(setting: Setting, replica_seconds: float) -> float:
        return site_of[key_of(setting)].monthly(replica_seconds / load.duration_s)

    heap = [(cost(one.setting, by_work(one.setting, load, screen.slo, least)), one.setting.name, False, one) for one in able]
    heapify(heap)
    bounds = {name: bound for bound, name, _, _ in heap}
    probed: list[tuple[Able, list[Found]]] = []
    best: dict[Key, float] = {}
    while heap and heap[0][0] < kth(best.values(), top) and len(probed) < most:
        taken = [heappop(heap) for _ in range(min(BATCH, len(heap)))]
        loose = [entry for entry in taken if not entry[2]]
        for (bound, name, _, one), seconds in zip(
            loose, pool.map(lambda e: by_foresight(e[3].setting, load, screen.slo, least), loose), strict=True
        ):
            bounds[name] = max(bound, cost(one.setting, seconds))
            heappush(heap, (bounds[name], name, True, one))
        ready = [entry[3] for entry in taken if entry[2] and entry[0] < best.get(key_of(entry[3].setting), inf)]
        passed = [entry[3] for entry in taken if entry[2] and entry[3] not in ready]
        result.pruned += sum(_count(screen, one.setting) for one in passed)
        result.candidates += sum(_count(screen, one.setting) for one in (*passed, *ready))
        found = list(pool.map(lambda one: probe(one, site_of[key_of(one.setting)], screen), ready))
        probed += zip(ready, found, strict=True)
        best = _best(f for _, f in probed)
    rest = sum(_count(screen, entry[3].setting) for entry in heap)
    result.candidates += rest
    result.pruned += rest
    for one in able:
        key = key_of(one.setting)
        result.bounds[key] = min(result.bounds.get(key, inf), bounds[one.setting.name])
    return probed


def _best(groups: Iterable[Sequence[Found]]) -> dict[Key, float]:
    """Least monthly cost of each instance type among what keeps the SLO."""
    best: dict[Key, float] = {}
    for found in groups:
        for f in found:
            if f.screened.severity <= 1:
                key = key_of(f.choice.setting)
                best[key] = min(best.get(key, inf), f.monthly)
    return best


def _shortlist(probed: Sequence[tuple[Able, list[Found]]], top: int) -> list[Able]:
    """The settings to scan: of the best instance types, one more than wanted, the best few each."""
    ranked = sorted(
        (min(holding), one.setting.name, one)
        for one, found in probed
        if (holding := [f.monthly for f in found if f.screened.severity <= 1])
    )
    by_type: dict[Key, list[Able]] = {}
    for _, _, one in ranked:
        by_type.setdefault(key_of(one.setting), []).append(one)
    return [one for group in list(by_type.values())[: top + 1] for one in group[:PER_TYPE]]


def _once(found: Sequence[Found]) -> list[Found]:
    kept: dict[tuple[object, ...], Found] = {}
    for f in sorted(found, key=lambda f: f.order):
        kept.setdefault((*f.order[3:], f.choice.kind, f.choice.limits.schedule, str(f.choice.scaling)), f)
    return list(kept.values())


def _lines(one: Able, screen: Screen, factor: float = 1.0) -> list[Line]:
    """All lines of a setting on the routing that shortens queues most: it changes no cost and no other is better."""
    setting, cloud = one.setting.slowed(factor), screen.clouds[one.setting.provider]
    rules = cloud.scaling
    most = rules.max_replicas if rules is not None else _UNRULED
    carried = one.carried_rps / screen.strain.get(setting.provider, 1.0)
    needs = Needs(carried, cloud.min_replicas, max(most, cloud.min_replicas))
    every = lines(setting, rules, screen.demand, needs, lambda pooled: screen.station(setting, pooled=pooled))
    pooled = [line for line in every if line.routing != "random"]
    return pooled or every


def probe(
    one: Able, site: Site, screen: Screen, *, kinds: Iterable[tuple[str, str]] | None = None, factor: float = 1.0
) -> list[Found]:
    """The boldest choice that holds on a few lines of a setting, and those beside it.

    Args:
        one: the setting.
        site: its prices.
        screen: the fluid model.
        kinds: rules and metrics to probe; None takes fixed replicas and the first rule.
        factor: of every service time.
    """
    every = _lines(one, screen, factor)
    wanted = set(kinds) if kinds is not None else {("", ""), *[line.kind for line in every if line.kind[0]][:1]}
    by_kind: dict[tuple[str, str], list[Line]] = {}
    for line in every:
        if line.kind in wanted:
            by_kind.setdefault(line.kind, []).append(line)
    found: list[Found] = []
    for group in by_kind.values():
        unscheduled = [line for line in group if not line.limits.schedule]
        for line in {id(pick): pick for pick in (unscheduled[0], unscheduled[len(unscheduled) // 2])}.values():
            found += _bisect(_Sight(line, site, screen))
    return found


@dataclass(slots=True)
class _Sight:
    """A line seen through the fluid model; each choice is screened once."""

    line: Line
    site: Site
    screen: Screen
    known: dict[int, Found] = field(default_factory=dict)

    def __call__(self, place: int) -> Found:
        if place not in self.known:
            screened = self.screen(self.line.choices[place])
            self.known[place] = Found(screened, self.site.monthly(screened.mean_replicas))
        return self.known[place]


def _bisect(at: _Sight) -> list[Found]:
    low, high = -1, len(at.line.choices)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle).screened.severity <= 1 else (low, middle)
    return list(at.known.values())


def scan(one: Able, site: Site, screen: Screen, threshold: float, stride: int) -> list[Found]:
    """What is promising among all choices of a setting.

    Args:
        one: the setting.
        site: its prices.
        screen: the fluid model.
        threshold: monthly cost from which a choice is of no interest.
        stride: of the first look along a line.
    """
    found: list[Found] = []
    for line in _lines(one, screen):
        if line.choices and site.monthly(line.limits.min) < threshold:
            found += _along(_Sight(line, site, screen), threshold, stride)
            holding = [f.monthly for f in found if f.screened.severity <= 1]
            threshold = min(threshold, min(holding, default=inf) * (1 + TIE))
    return [f for f in found if f.monthly < threshold]


def _along(at: _Sight, threshold: float, stride: int) -> list[Found]:
    """Look along a line thinly, then closely around the two cheapest places that may hold."""
    count = len(at.line.choices)
    if stride > 1:
        middle = at(count // 2)
        if middle.screened.severity > PLAUSIBLE and middle.monthly >= threshold * DEAR:
            return []
    for place in range(stride // 2, count, stride):
        at(place)

    def promising(place: int) -> bool:
        return at(place).screened.severity <= PLAUSIBLE and at(place).monthly < threshold * DEAR

    if stride > 1:
        best = sorted((p for p in at.known if promising(p)), key=lambda p: (at(p).monthly, p))[:2]
        for place in best:
            for near in range(max(place - stride // 2, 0), min(place + stride // 2 + 1, count)):
                at(near)
    return [at.known[place] for place in sorted(at.known) if promising(place) and at.known[place].monthly < threshold]


def _count(screen: Screen, setting: Setting) -> int:
    """Choices that a setting has at least: one pair of limits for each rule and routing, and fixed replicas."""
    rules = screen.clouds[setting.provider].scaling
    if rules is None:
        return len(LEVELS)
    return len(rules.routings) * (1 + len(rules.options)) * len(LEVELS)


def key_of(setting: Setting) -> Key:
    """Provider and instance type."""
    return setting.provider, setting.instance_type


def kth(values: Iterable[float], k: int) -> float:
    """The k-th smallest; infinite where there are fewer."""
    ordered = sorted(values)
    return ordered[k - 1] if len(ordered) >= k else inf
