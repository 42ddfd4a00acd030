"""Order of the candidates, which of them cannot be told apart, and why the rest lost.

Why ties are led by the cheapest member of a group, and how a bill with gaps is ranked: docs/adr/0005.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from infercost.domain.estimate import Band
from infercost.engine.wording import amount, milliseconds, money

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from infercost.domain.estimate import Candidate, Estimate, Rejected
    from infercost.domain.price import Offer
    from infercost.domain.traffic import Slo

__all__ = ["Contender", "Place", "closest_misses", "explain_runner_up", "rank", "tied"]


@dataclass(slots=True)
class Contender:
    """What ranking needs of a candidate. Not frozen, for there are thousands and they live briefly."""

    offer: Offer
    month: Band
    """What is known of a month's bill; ``high`` holds what its gaps come to at most."""
    unknown: Decimal | None
    """What the lines without a price come to at most; None where nothing bounds it."""
    unpriced: frozenset[str]
    """Names of those lines."""

    @property
    def compared(self) -> Band:
        """The band to rank by. A gap counts at the most it can be: it must not make an offer look cheap."""
        return Band(self.month.low, self.month.likely + self.unknown, self.month.high) if self.unknown else self.month


class Place(NamedTuple):
    """Where a contender came in."""

    at: int
    """Its position in the sequence that was ranked."""
    rank: int
    tie_group: int
    dominated_by: str | None


def tied(a: Band, b: Band) -> bool:
    """Whether each likely figure lies inside the other's band. Symmetric."""
    return _within(a.likely, b) and _within(b.likely, a)


def _within(value: Decimal, band: Band) -> bool:
    return band.low <= value and (band.high is None or value <= band.high)


def rank(contenders: Sequence[Contender]) -> list[Place]:
    """Places in order of the monthly cost compared, then of gaps, provider, region, instance and mode.

    A contender joins the current tie group when it is tied with the group's leader, its cheapest
    member; otherwise it leads the next group.
    """
    bands = [contender.compared for contender in contenders]
    keys = [
        (band.likely, len(c.unpriced), c.offer.provider, c.offer.region, c.offer.instance_type, c.offer.mode)
        for band, c in zip(bands, contenders, strict=True)
    ]
    order = sorted(range(len(contenders)), key=keys.__getitem__)
    cheaper = _dominating_regions(contenders, order)
    places = []
    group, leader = 0, None
    for position, index in enumerate(order, 1):
        if leader is None or not tied(leader, bands[index]):
            group, leader = group + 1, bands[index]
        places.append(Place(index, position, group, cheaper.get(index)))
    return places


def _dominating_regions(contenders: Sequence[Contender], order: Sequence[int]) -> dict[int, str]:
    """For each contender the cheapest region where the same configuration is certainly cheaper.

    The same instance type has the same prediction everywhere, so prices alone differ, and they are
    exact. A region that lacks a price which the dearer one has proves nothing.
    """
    same: dict[tuple[str, str, str], list[Contender]] = {}
    dominated = {}
    for index in order:
        own = contenders[index]
        rivals = same.setdefault((own.offer.provider, own.offer.mode, own.offer.instance_type), [])
        for rival in rivals:
            if _dominates(rival, own):
                dominated[index] = rival.offer.region
                break
        else:
            rivals.append(own)
    return dominated


def _dominates(rival: Contender, own: Contender) -> bool:
    theirs, ours = rival.month, own.month
    if theirs.likely >= ours.likely or theirs.low > ours.low or not rival.unpriced <= own.unpriced:
        return False
    if theirs.high is None or ours.high is None:
        return theirs.high is ours.high
    return theirs.high <= ours.high


def explain_runner_up(candidates: Sequence[Candidate], slo: Slo, currency: str = "USD") -> str | None:
    """One line on why the first candidate outside the leading tie group lost; None without one.

    The leader itself in another region or another serverless size is named only if nothing else is left.

    Args:
        candidates: in rank order.
        slo: what the replicas are sized for.
        currency: of the costs.
    """
    losers = [c for c in candidates if c.tie_group > 1]
    if not losers:
        return None
    leader = candidates[0]
    loser = next((c for c in losers if not _same_service(c, leader)), losers[0])
    best, cost = leader.cost.per_month.likely, loser.cost.per_month.likely
    comparable = _gaps(leader) == _gaps(loser) and 0 < best < cost
    more = f"; +{amount(float((cost - best) / best) * 100)} %" if comparable else ""
    return "; ".join(_reasons(leader, loser, slo, currency)) + more


def _same_service(a: Candidate, b: Candidate) -> bool:
    alike = (a.provider, a.mode) == (b.provider, b.mode)
    return alike and (a.mode == "serverless" or a.instance_type == b.instance_type)


def _reasons(leader: Candidate, loser: Candidate, slo: Slo, currency: str) -> Iterator[str]:
    name, other = _full_name(loser, leader), _full_name(leader, loser)
    mine, theirs = (_bill(candidate, currency) for candidate in (loser, leader))
    if loser.mode != leader.mode:
        yield f"{name} ({_how(loser)}) costs {mine} where {other} ({_how(leader)}) costs {theirs}"
    elif loser.mode == "serverless" or loser.replicas.max == leader.replicas.max:
        many = f" with as many replicas ({leader.replicas.max:,})" if loser.mode == "realtime" else ""
        yield f"{name} costs {mine} where {other}{many} costs {theirs}"
    elif loser.replicas.max > leader.replicas.max:
        promises = ", ".join(f"{t.metric} ≤ {milliseconds(t.limit_ms)}" for t in slo.targets)
        yield f"{name} needs {_count(loser)} for {promises or 'this traffic'} where {other} needs {leader.replicas.max:,}"
    else:
        yield f"{name} needs only {_count(loser)} where {other} needs {leader.replicas.max:,}, but each costs more"


def _bill(candidate: Candidate, currency: str) -> str:
    gaps, cost = _gaps(candidate), candidate.cost
    known = f"{money(cost.per_month.likely, currency)} a month"
    if not gaps:
        return known
    if cost.compared is None or any(line.at_most is None for line in candidate.lines if line.monthly_cost is None):
        return f"{known} and what has no price there ({', '.join(gaps)})"
    return f"{known} (at most {money(cost.compared, currency)} with what has no price there: {', '.join(gaps)})"


def _gaps(candidate: Candidate) -> list[str]:
    """Names of the lines without a price."""
    return sorted({line.name for line in candidate.lines if line.monthly_cost is None})


def _how(candidate: Candidate) -> str:
    return "serverless" if candidate.mode == "serverless" else f"always on, {_count(candidate)}"


def _count(candidate: Candidate) -> str:
    return f"{candidate.replicas.max:,} replica{'s' if candidate.replicas.max != 1 else ''}"


def _full_name(candidate: Candidate, other: Candidate) -> str:
    """The instance, with its region where the instance alone does not tell the two apart."""
    same = candidate.instance_type == other.instance_type
    return f"{candidate.instance_type} in {candidate.region}" if same else candidate.instance_type


def closest_misses(estimate: Estimate, n: int = 5) -> tuple[Rejected, ...]:
    """The rejected offers that come nearest to the SLO, each instance type once, nearest first."""
    missed = [r for r in estimate.rejected if r.best_latency_ms is not None]
    missed.sort(key=lambda r: (r.best_latency_ms, r.provider, r.instance_type, r.region))
    once: dict[tuple[str, str, str], Rejected] = {}
    for offer in missed:
        once.setdefault((offer.provider, offer.mode, offer.instance_type), offer)
    return tuple(once.values())[:n]
