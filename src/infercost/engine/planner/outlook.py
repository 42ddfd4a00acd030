"""What the prediction's band means for a policy: its cost at both ends, and the odds that it keeps the SLO."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from infercost.engine.planner.bounds import carried_rps
from infercost.engine.planner.exploring import Able, probe
from infercost.engine.planner.play import play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.engine.planner.screening import Screen
    from infercost.engine.planner.search import Confirmed
    from infercost.engine.planner.settings import Setting
    from infercost.engine.planner.sites import Site

__all__ = ["Outlook", "breaking_factor", "outlook", "probability"]

NINETY: Final = NormalDist().inv_cdf(0.95)
"""The band holds 90 %: so many standard deviations on each side."""
_REACH: Final = 3.0
"""Standard deviations beyond which the odds are taken as certain."""
_STEPS: Final = 8
_OTHERS: Final = 2
"""Other servings of the instance type that are tried at the slow end."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A policy over the band of its prediction."""

    low: float
    """Mean replicas billed at the fast end, the target tuned to it."""
    high: float | None
    """The same at the slow end; None where nothing that was tried on this hardware keeps the SLO there."""
    probability: float
    """That the SLO holds with the policy as it is."""
    breaks_at: float
    """Factor on every service time at which the SLO breaks."""
    played: int
    """Simulations that it took."""


def probability(breaks_at: float, band: float) -> float:
    """The chance that services are at most ``breaks_at`` times the predicted ones.

    The true service over the predicted one is taken as lognormal around 1, with 90 % of it within the band.

    Args:
        breaks_at: factor at which the SLO breaks.
        band: relative band at 90 %.
    """
    if band <= 0:
        return 1.0 if breaks_at >= 1 else 0.0
    return NormalDist().cdf(log(breaks_at) / (log1p_band(band) / NINETY)) if breaks_at > 0 else 0.0


def log1p_band(band: float) -> float:
    """Log of the slow end's factor."""
    return log(1 + band)


def breaking_factor(confirmed: Confirmed, screen: Screen, *, plays: int) -> tuple[float, int]:
    """The factor on service times at which a policy breaks the SLO.

    The fluid model finds it, put right by what the play at factor 1 showed; each further play at the factor found
    puts it right there, too, and it is found again.

    Args:
        confirmed: the policy and its play at factor 1.
        screen: the fluid model.
        plays: further simulations allowed.

    Returns:
        The factor, at most three standard deviations of the band; and the plays that were made.
    """
    choice = confirmed.found.choice
    reach = exp(_REACH * log1p_band(max(choice.setting.band, 1e-6)) / NINETY)
    known = [(1.0, _error(confirmed.severity, confirmed.found.screened.severity))]
    made = 0
    while True:
        factor = _root(confirmed, screen, known, reach)
        if made >= plays or factor >= reach:
            return factor, made
        exact = play(choice, screen, seed=screen.demand.seed, factor=factor).severity
        made += 1
        known.append((factor, _error(exact, screen(choice, factor).severity)))


def _root(confirmed: Confirmed, screen: Screen, known: Sequence[tuple[float, float]], reach: float) -> float:
    """Where the corrected fluid model breaks, by bisection in logs."""
    choice = confirmed.found.choice

    def holds(factor: float) -> bool:
        return screen(choice, factor).severity * _error_at(known, factor) <= 1

    if holds(reach):
        return reach
    low, high = 0.0, log(reach)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(exp(middle)) else (low, middle)
    return exp(low)


def _error(exact: float, screened: float) -> float:
    return min(max(exact / screened, 0.1), 10.0) if screened > 1e-9 and exact > 1e-9 else 1.0


def _error_at(known: Sequence[tuple[float, float]], factor: float) -> float:
    """The model's error at a factor: between the factors played, on the line of logs; beyond them, the nearest."""
    ordered = sorted(known)
    below = [pair for pair in ordered if pair[0] <= factor]
    above = [pair for pair in ordered if pair[0] >= factor]
    if not below or not above:
        return (below or above)[-1 if below else 0][1]
    (x0, y0), (x1, y1) = below[-1], above[0]
    if x1 <= x0:
        return y0
    part = (log(factor) - log(x0)) / (log(x1) - log(x0))
    return exp(log(y0) + part * (log(y1) - log(y0)))


def outlook(confirmed: Confirmed, siblings: Sequence[Setting], site: Site, screen: Screen, *, plays: int) -> Outlook:
    """Carry the band of the prediction through a policy.

    Args:
        confirmed: the policy.
        siblings: the settings of its instance type, its own among them.
        site: its prices.
        screen: the fluid model.
        plays: simulations allowed for the odds.
    """
    factor, made = breaking_factor(confirmed, screen, plays=plays)
    found = confirmed.found
    setting, likely = found.choice.setting, found.screened.mean_replicas
    band = 1 + setting.band
    low = _tuned(confirmed, setting, site, screen, 1 / band)
    others = sorted(
        (s for s in siblings if s.name != setting.name),
        key=lambda s: (-_carried(s, screen, band), s.name),
    )
    high = None
    for candidate in (setting, *others[:_OTHERS]):
        high = _tuned(confirmed, candidate, site, screen, band)
        if high is not None:
            break
    return Outlook(
        low=likely if low is None else min(low, likely),
        high=None if high is None else max(high, likely),
        probability=probability(factor, setting.band),
        breaks_at=factor,
        played=made,
    )


def _tuned(confirmed: Confirmed, setting: Setting, site: Site, screen: Screen, factor: float) -> float | None:
    """Mean replicas of the cheapest policy of the same kind (or fixed) at another service time; None without one."""
    carried = _carried(setting, screen, factor)
    if carried <= 0:
        return None
    found = probe(Able(setting, carried), site, screen, kinds=(confirmed.found.choice.kind, ("", "")), factor=factor)
    error = _error(confirmed.severity, confirmed.found.screened.severity)
    holding = [f for f in found if f.screened.severity * error <= 1]
    return min(holding, key=lambda f: f.order).screened.mean_replicas if holding else None


def _carried(setting: Setting, screen: Screen, factor: float) -> float:
    return float(carried_rps([setting.slowed(factor)], screen.slo)[0])
