"""The search: bounds first, the fluid model on what they leave, exact simulation on what can still win.

Every step is deterministic: threads share out the work of a round, and decisions are taken between rounds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf, sqrt
from typing import TYPE_CHECKING, Final

from infercost.engine.planner.bounds import Load, by_foresight, by_work, carried_rps
from infercost.engine.planner.choices import LEVELS, Line, Needs, lines
from infercost.engine.planner.play import Played, play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar

    from infercost.engine.planner.choices import Choice
    from infercost.engine.planner.screening import Screen, Screened
    from infercost.engine.planner.settings import Setting
    from infercost.engine.planner.sites import Key, Site

    T = TypeVar("T")
    R = TypeVar("R")

__all__ = ["THREADS", "Budget", "Confirmed", "Found", "Hunt", "Outcome", "hunt"]

THREADS: Final = 2
ALIKE: Final = 0.003
"""A choice is not played to save less than this share."""
NEAR: Final = 2
"""Choices beside the brink that are kept, on each side."""
BATCH: Final = 4
"""Settings of one cloud that are explored between two looks at the threshold."""
TIE: Final = 0.03
"""Choices of a setting that cost this much more than its best are kept: the fluid model may be wrong about that one."""
NOISE: Final = 3.0
"""Standard deviations of the late requests (as if they came one by one) that make a margin small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much is played at most. Counted in requests, so that the same question has the same answer everywhere."""

    requests: float = 1.2e9
    """In all simulations together."""
    plays: int = 120
    explored: int = 40
    """Settings of one cloud that are looked at under the fluid model."""
    seeds: int = 3
    """Seeds that decide where the margin is small."""


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
        """Cheapest first; of equal ones the safer, then by name."""
        limits = self.choice.limits
        target = self.choice.scaling[0].target if self.choice.scaling else 0.0
        name = (*self.choice.setting.name, self.choice.routing, limits.min, limits.max, len(limits.schedule), target)
        return (self.monthly, self.screened.severity, *name)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A choice that kept the SLO when it was played."""

    found: Found
    played: Played
    severity: float
    """Mean over the seeds that were played."""


@dataclass(slots=True)
class Hunt:
    """The search in one cloud."""

    provider: str
    top: int
    bounds: dict[Key, float] = field(default_factory=dict)
    """Least monthly cost of each instance type by any policy."""
    found: list[Found] = field(default_factory=list)
    confirmed: dict[Key, Confirmed] = field(default_factory=dict)
    calibration: dict[tuple[object, ...], float] = field(default_factory=dict)
    tried: set[int] = field(default_factory=set)
    """Places in ``found`` that were played."""

    best: dict[Key, float] = field(default_factory=dict)
    """Least monthly cost of each instance type by the fluid model."""

    def take(self, found: Sequence[Found]) -> None:
        """Add what was screened."""
        self.found += found
        for f in found:
            if f.screened.severity <= 1:
                key = _key(f.choice.setting)
                self.best[key] = min(self.best.get(key, inf), f.monthly)

    def worth(self, key: Key) -> float:
        """Cost that a choice of an instance type must undercut, by the fluid model."""
        return min(_kth(self.best.values(), self.top), self.best.get(key, inf) * (1 + TIE))

    def threshold(self) -> float:
        """The same by what was played."""
        return _kth((c.found.monthly for c in self.confirmed.values()), self.top)

    def next(self) -> int | None:
        """Place of the cheapest choice that may hold and would improve the answer; None where there is none."""
        limit = self.threshold()
        for place, f in enumerate(self.found):
            if f.monthly >= limit:
                return None
            known = self.confirmed.get(_key(f.choice.setting))
            worth = known is None or f.monthly < known.found.monthly * (1 - ALIKE)
            if worth and place not in self.tried and self.expected(f) <= 1:
                return place
        return None

    def expected(self, f: Found) -> float:
        """Severity, put right by what plays of the same setting have shown."""
        return f.screened.severity * self.calibration.get(_group(f.choice), 1.0)


@dataclass(slots=True)
class Outcome:
    """What a search found, by cloud, and how."""

    hunts: list[Hunt]
    candidates: int = 0
    pruned: int = 0
    simulated: int = 0
    lower_bound: float | None = None


def hunt(settings: Sequence[Setting], site_of: Mapping[Key, Site], screen: Screen, *, top: int, budget: Budget) -> Outcome:
    """Search all clouds.

    Args:
        settings: every serving configuration of every priced instance type.
        site_of: prices by instance type.
        screen: the fluid model on the demand and SLO.
        top: instance types a cloud that are wanted.
        budget: how much is played.
    """
    clouds = sorted({setting.provider for setting in settings})
    outcome = Outcome([Hunt(provider, top) for provider in clouds])
    carried = carried_rps(settings, screen.slo)
    able = [(setting, rps) for setting, rps in zip(settings, carried.tolist(), strict=True) if rps > 0]
    load = Load.of(*screen.demand.rates())
    with ThreadPoolExecutor(THREADS) as pool:
        for one in outcome.hunts:
            own = [(setting, rps) for setting, rps in able if setting.provider == one.provider]
            _explore(one, own, site_of, screen, load, outcome, budget, pool)
        _confirm(outcome, screen, budget, pool)
    bounds = [bound for one in outcome.hunts for bound in one.bounds.values()]
    best = min((c.found.monthly for one in outcome.hunts for c in one.confirmed.values()), default=None)
    if bounds:
        outcome.lower_bound = min(bounds) if best is None else min(best, *bounds)
    return outcome


def _explore(
    one: Hunt,
    settings: Sequence[tuple[Setting, float]],
    site_of: Mapping[Key, Site],
    screen: Screen,
    load: Load,
    outcome: Outcome,
    budget: Budget,
    pool: ThreadPoolExecutor,
) -> None:
    """Screen the settings of a cloud in the order of their bounds, until none can be cheaper than what was found."""
    cloud = screen.clouds[one.provider]

    def cost(setting: Setting, replica_seconds: float) -> float:
        return site_of[_key(setting)].monthly(replica_seconds / load.duration_s)

    heap = [
        (cost(setting, by_work(setting, load, screen.slo, cloud.min_replicas)), setting.name, 0, setting, rps)
        for setting, rps in settings
    ]
    heapify(heap)
    explored = 0
    per_setting: dict[tuple[object, ...], float] = {name: bound for bound, name, *_ in heap}
    while heap and heap[0][0] < _kth(one.best.values(), one.top) and explored < budget.explored:
        taken = [heappop(heap) for _ in range(min(BATCH, len(heap)))]
        taken = [entry for entry in taken if entry[0] < one.worth(_key(entry[3])) or _passed_over(outcome, screen, entry[3])]
        fresh = [entry for entry in taken if entry[2] == 0]
        tightened = pool.map(lambda e: by_foresight(e[3], load, screen.slo, cloud.min_replicas), fresh)
        for entry, seconds in zip(fresh, tightened, strict=True):
            bound = max(entry[0], cost(entry[3], seconds))
            per_setting[entry[1]] = bound
            heappush(heap, (bound, entry[1], 1, entry[3], entry[4]))
        ready = [entry for entry in taken if entry[2] == 1]
        explored += len(ready)

        def screened(entry: tuple[float, tuple[object, ...], int, Setting, float]) -> tuple[list[Found], int]:
            site = site_of[_key(entry[3])]
            return explore(entry[3], entry[4], site, screen, one.worth(site.key))

        for found, count in pool.map(screened, ready):
            one.take(found)
            outcome.candidates += count
    rest = sum(_nominal(screen, entry[3]) for entry in heap)
    outcome.candidates += rest
    outcome.pruned += rest
    one.found.sort(key=lambda f: f.order)
    for setting, _ in settings:
        key = _key(setting)
        one.bounds[key] = min(one.bounds.get(key, inf), per_setting[setting.name])


def _passed_over(outcome: Outcome, screen: Screen, setting: Setting) -> bool:
    """Count a setting whose instance type is served more cheaply already; never true."""
    count = _nominal(screen, setting)
    outcome.candidates += count
    outcome.pruned += count
    return False


def explore(
    setting: Setting,
    carried: float,
    site: Site,
    screen: Screen,
    threshold: float,
    keep: Callable[[Line], bool] = lambda _line: True,
    factor: float = 1.0,
) -> tuple[list[Found], int]:
    """What is near the brink among a setting's choices, and how many choices it has.

    Args:
        setting: whose choices.
        carried: requests a second that one replica carries within the SLO.
        site: prices.
        screen: the fluid model.
        threshold: monthly cost from which a choice is of no interest.
        keep: which lines to look at.
        factor: of every service time.
    """
    cloud = screen.clouds[setting.provider]
    rules = cloud.scaling
    most = rules.max_replicas if rules is not None else _UNRULED
    needs = Needs(carried, cloud.min_replicas, max(most, cloud.min_replicas))
    slowed = setting.slowed(factor)
    every = lines(slowed, rules, screen.demand, needs, lambda pooled: screen.station(slowed, pooled=pooled))
    found: list[Found] = []
    for line in filter(keep, every):
        if site.monthly(line.limits.min) < threshold:
            found += _brink(line, site, screen, threshold)
            best = min((f.monthly for f in found if f.screened.severity <= 1), default=inf)
            threshold = min(threshold, best * (1 + TIE))
    return found, len(every) * len(LEVELS)


_UNRULED: Final = 100
"""Most replicas where a cloud says nothing."""


def _brink(line: Line, site: Site, screen: Screen, threshold: float) -> list[Found]:
    """Screen a line by bisection: its boldest choice that holds, and its neighbours."""
    known: dict[int, Found] = {}

    def at(place: int) -> Found:
        if place not in known:
            screened = screen(line.choices[place])
            known[place] = Found(screened, site.monthly(screened.mean_replicas))
        return known[place]

    count = len(line.choices)
    low, high = -1, count
    while high - low > 1:
        middle = (low + high) // 2
        here = at(middle)
        if here.screened.severity <= 1:
            low = middle
        elif here.monthly >= threshold:
            # What is safer costs more, and what is bolder breaks the SLO: nothing on this line can win.
            return [f for f in known.values() if f.monthly < threshold]
        else:
            high = middle
    if low >= 0 and at(low).monthly < threshold:
        for place in range(max(low - NEAR, 0), min(low + NEAR + 1, count)):
            at(place)
    return [f for f in known.values() if f.monthly < threshold]


def _confirm(outcome: Outcome, screen: Screen, budget: Budget, pool: ThreadPoolExecutor) -> None:
    """Play, in rounds of one choice a cloud, what may hold and would improve the answer."""
    each = max(screen.demand.requests, 1)
    while True:
        room = min(budget.plays - outcome.simulated, int(budget.requests / each) - outcome.simulated)
        wanted = [(one, place) for one in outcome.hunts if (place := one.next()) is not None]
        if not wanted or (room <= 0 and outcome.simulated):
            return
        wanted = wanted[: max(room, len(outcome.hunts)) if not outcome.simulated else room]
        verdicts = pool.map(lambda w: verdict(w[0].found[w[1]].choice, screen, budget), wanted)
        for (one, place), (played, severity, plays) in zip(wanted, verdicts, strict=True):
            outcome.simulated += plays
            one.tried.add(place)
            found = one.found[place]
            one.calibration[_group(found.choice)] = _ratio(severity, found.screened.severity)
            if severity <= 1:
                key = _key(found.choice.setting)
                one.confirmed[key] = Confirmed(found, played, severity)


def verdict(choice: Choice, screen: Screen, budget: Budget, factor: float = 1.0) -> tuple[Played, float, int]:
    """Play a choice, with more seeds where its margin is within the noise.

    Returns:
        The play of the plan's seed, the mean severity, and the number of plays.
    """
    seed = screen.demand.seed
    first = play(choice, screen, seed=seed, factor=factor)
    if budget.seeds <= 1 or not _close(first.severity, screen):
        return first, first.severity, 1
    more = [play(choice, screen, seed=seed + k, factor=factor).severity for k in range(1, budget.seeds)]
    return first, (first.severity + sum(more)) / (1 + len(more)), 1 + len(more)


def _close(severity: float, screen: Screen) -> bool:
    shares = [1 - target.quantile for target in screen.slo.targets if target.quantile is not None]
    allowed = max(screen.demand.requests * min(shares, default=1.0), 1.0)
    return abs(severity - 1) < NOISE / sqrt(allowed)


def _ratio(exact: float, screened: float) -> float:
    """How the fluid model was off, within reason."""
    if screened <= 0:
        return 1.0 if exact <= 1 else 10.0
    return min(max(exact / screened, 0.1), 10.0)


def _group(choice: Choice) -> tuple[object, ...]:
    """Choices that the fluid model errs on alike."""
    return (*choice.setting.name, choice.routing, *choice.kind)


def _key(setting: Setting) -> Key:
    return setting.provider, setting.instance_type


def _kth(values: Iterable[float], k: int) -> float:
    ordered = sorted(values)
    return ordered[k - 1] if len(ordered) >= k else inf


def _nominal(screen: Screen, setting: Setting) -> int:
    """Choices that a setting has at least: one pair of limits for each rule and routing, and fixed replicas."""
    rules = screen.clouds[setting.provider].scaling
    if rules is None:
        return len(LEVELS)
    return len(rules.routings) * (1 + len(rules.options)) * len(LEVELS)
