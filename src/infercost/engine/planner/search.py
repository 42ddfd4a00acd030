"""The search: bounds and the fluid model leave a few choices, which are played in the order of their cost.

Every step is deterministic: threads share out the work of a round, and decisions are taken between rounds.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING, Final

from infercost.engine.planner.bounds import Load, carried_rps
from infercost.engine.planner.exploring import Able, Exploration, Found, explore, key_of, kth
from infercost.engine.planner.play import Played, play

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infercost.engine.planner.choices import Choice
    from infercost.engine.planner.screening import Screen
    from infercost.engine.planner.settings import Setting
    from infercost.engine.planner.sites import Key, Site

__all__ = ["THREADS", "Budget", "Confirmed", "Hunt", "Outcome", "hunt"]

THREADS: Final = 2
ALIKE: Final = 0.003
"""A choice is not played to save less than this share."""
NOISE: Final = 3.0
"""Standard deviations of the late requests (as if they came one by one) that make a margin small."""
DOUBT: Final = (50.0, 0.02, 0.25)
"""What the fluid model may be wrong by before a play has shown it: so much over the root of the requests, at least, at most."""
STRAIN: Final = 1.4
"""Factor on services in the fluid model where nothing that it finds promising holds: bursts shorter than its steps."""
SECOND_LOOKS: Final = 5
"""How often such a cloud is explored again."""
SEARCHED: Final = 0.65
"""Share of the budget that the search may play; the rest is for the odds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much is done at most. Counted in requests, so that the same question has the same answer everywhere."""

    requests: float = 6e8
    """In all simulations together."""
    plays: int = 150
    probed: int = 48
    """Settings of one cloud that are looked at under the fluid model."""
    seeds: int = 3
    """Seeds that decide where the margin is small."""

    def room(self, requests: float) -> int:
        """Simulations of so many requests that it allows."""
        return min(self.plays, int(self.requests / max(requests, 1)))


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A choice that kept the SLO when it was played."""

    found: Found
    played: Played
    severity: float
    """Mean over the seeds that were played."""
    monthly: float
    """By the replica-seconds that were played."""

    @property
    def order(self) -> tuple[object, ...]:
        """Cheapest first."""
        return (self.monthly, *self.found.order)


@dataclass(slots=True)
class Hunt:
    """The search in one cloud, after its exploration."""

    explored: Exploration
    top: int
    doubt: float
    """What the fluid model may be wrong by where no play has shown it."""
    confirmed: dict[Key, Confirmed] = field(default_factory=dict)
    tried: set[int] = field(default_factory=set)
    """Places in ``explored.found`` that were played."""
    played: int = 0
    """Choices that were played before ``explored`` was made."""
    misjudged: bool = False
    """Whether something that holds by the fluid model broke the SLO when it was played."""
    _ratios: dict[tuple[object, ...], tuple[float, float]] = field(default_factory=dict)
    """By kind of choice, the least that plays came to over the fluid model: in severity, and in cost."""

    def next(self) -> int | None:
        """Place of the choice to be played next: the cheapest that may hold and would improve the answer."""
        limit = kth((c.monthly for c in self.confirmed.values()), self.top)
        best: tuple[float, int] | None = None
        for place, f in enumerate(self.explored.found):
            if place in self.tried:
                continue
            severe, dear = self._ratios.get(_kind(f.choice), (1 - self.doubt, 1 - self.doubt / 4))
            known = self.confirmed.get(key_of(f.choice.setting))
            must = limit if known is None else min(limit, known.monthly * (1 - ALIKE))
            cost = f.monthly * dear
            if cost < must and f.screened.severity * severe <= 1 and (best is None or cost < best[0]):
                best = cost, place
        return None if best is None else best[1]

    def restart(self, explored: Exploration) -> None:
        """Begin again with another exploration."""
        explored.candidates, explored.pruned = self.explored.candidates, self.explored.pruned
        self.explored = explored
        self.played += len(self.tried)
        self.tried.clear()
        self.misjudged = False
        self._ratios.clear()

    def learn(self, place: int, played: Played, severity: float, monthly: float) -> None:
        """Take in a play."""
        self.tried.add(place)
        f = self.explored.found[place]
        kind, key = _kind(f.choice), key_of(f.choice.setting)
        severe, dear = self._ratios.get(kind, (10.0, 1.0))
        exact = severity / f.screened.severity if f.screened.severity > 1e-6 else 1.0
        self._ratios[kind] = min(severe, max(exact, 0.1)), min(dear, monthly / f.monthly)
        self.misjudged = self.misjudged or f.screened.severity <= 1 < severity
        known = self.confirmed.get(key)
        if severity <= 1 and (known is None or monthly < known.monthly):
            self.confirmed[key] = Confirmed(f, played, severity, monthly)


@dataclass(slots=True)
class Outcome:
    """What a search found, by cloud, and how."""

    hunts: list[Hunt]
    simulated: int = 0
    lower_bound: float | None = None

    @property
    def candidates(self) -> int:
        """Choices that were considered."""
        return sum(one.explored.candidates for one in self.hunts)

    @property
    def pruned(self) -> int:
        """Of them, those that a bound ruled out."""
        return sum(one.explored.pruned for one in self.hunts)


def hunt(settings: Sequence[Setting], site_of: Mapping[Key, Site], screen: Screen, *, top: int, budget: Budget) -> Outcome:
    """Search all clouds.

    Args:
        settings: every serving configuration of every priced instance type.
        site_of: prices by instance type.
        screen: the fluid model on the demand and SLO.
        top: instance types a cloud that are wanted.
        budget: how much is done.
    """
    carried = carried_rps(settings, screen.slo).tolist()
    able = [Able(setting, rps) for setting, rps in zip(settings, carried, strict=True) if rps > 0]
    load = Load.of(*screen.demand.rates())
    scale, least, most = DOUBT
    doubt = min(max(scale / sqrt(max(screen.demand.requests, 1)), least), most)
    with ThreadPoolExecutor(THREADS) as pool:

        def explored(cloud: str) -> Exploration:
            own = [one for one in able if one.setting.provider == cloud]
            return explore(cloud, own, site_of, screen, load, top=top, most=budget.probed, pool=pool)

        hunts = [Hunt(explored(cloud), top, doubt) for cloud in sorted({setting.provider for setting in settings})]
        outcome = Outcome(hunts)
        _confirm(outcome, site_of, screen, budget, pool)
        for _ in range(SECOND_LOOKS):
            misled = [one for one in hunts if not one.confirmed and one.misjudged]
            for one in misled:
                # Everything that was promising broke the SLO: look again for what would hold under more load.
                screen.strain[one.explored.provider] = screen.strain.get(one.explored.provider, 1.0) * STRAIN
                one.restart(explored(one.explored.provider))
            if misled:
                _confirm(outcome, site_of, screen, budget, pool)
    bounds = [bound for one in hunts for bound in one.explored.bounds.values()]
    best = [c.monthly for one in hunts for c in one.confirmed.values()]
    outcome.lower_bound = min((*bounds, *best), default=None)
    return outcome


def _confirm(outcome: Outcome, site_of: Mapping[Key, Site], screen: Screen, budget: Budget, pool: ThreadPoolExecutor) -> None:
    """Play, in rounds of one choice a cloud, what may hold and would improve the answer."""
    room = max(int(budget.room(screen.demand.requests) * SEARCHED), len(outcome.hunts))
    while outcome.simulated < room:
        wanted = [(one, place) for one in outcome.hunts if (place := one.next()) is not None]
        if not wanted:
            return
        wanted = wanted[: room - outcome.simulated]
        verdicts = pool.map(lambda w: verdict(w[0].explored.found[w[1]].choice, screen, budget), wanted)
        for (one, place), (played, severity, plays) in zip(wanted, verdicts, strict=True):
            outcome.simulated += plays
            f = one.explored.found[place]
            site = site_of[key_of(f.choice.setting)]
            one.learn(place, played, severity, site.monthly(billed(f, played, screen)))


def billed(found: Found, played: Played, screen: Screen) -> float:
    """Mean replicas billed: those of the play, with the rounding of the fluid model."""
    duration_s = screen.demand.duration_s
    rounding = found.screened.mean_replicas - found.screened.flow.billed_s / duration_s
    return played.replica_seconds / duration_s + rounding


def verdict(choice: Choice, screen: Screen, budget: Budget) -> tuple[Played, float, int]:
    """Play a choice, with more seeds where its margin is within the noise.

    Returns:
        The play of the plan's seed, the mean severity, and the number of plays.
    """
    seed = screen.demand.seed
    first = play(choice, screen, seed=seed)
    if budget.seeds <= 1 or not _close(first.severity, screen):
        return first, first.severity, 1
    more = [play(choice, screen, seed=seed + k).severity for k in range(1, budget.seeds)]
    return first, (first.severity + sum(more)) / (1 + len(more)), 1 + len(more)


def _close(severity: float, screen: Screen) -> bool:
    shares = [1 - target.quantile for target in screen.slo.targets if target.quantile is not None]
    allowed = max(screen.demand.requests * min(shares, default=1.0), 1.0)
    return abs(severity - 1) < NOISE / sqrt(allowed)


def _kind(choice: Choice) -> tuple[object, ...]:
    """Choices that the fluid model errs on alike."""
    return (*choice.setting.name, choice.routing, *choice.kind)
