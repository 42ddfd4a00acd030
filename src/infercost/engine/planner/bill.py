"""A month's bill of what was simulated: compute by what became of it, and all that comes with it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from infercost.domain.estimate import CostLine
from infercost.domain.units import HOURS_PER_MONTH
from infercost.engine.money import significant, to_micros

if TYPE_CHECKING:
    from infercost.domain.prediction import Provenance
    from infercost.engine.planner.sites import Place
    from infercost.engine.quote import Bill

__all__ = ["MonthlyBill", "Shares", "bill", "month_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Replicas in the mean over the traffic, by what they did. All but ``billed`` are parts of it."""

    billed: float
    busy: float
    starting: float = 0.0
    tail: float = 0.0
    """In service beyond what the scaling rule would have had at the time."""


@dataclass(frozen=True, slots=True)
class MonthlyBill:
    """Lines of a month, and their sum."""

    lines: tuple[CostLine, ...]
    cost: Decimal
    """Of the lines with a price."""
    unknown: Decimal | None
    """At most this is missing; None where nothing bounds it."""


def bill(place: Place, shares: Shares, provenance: Provenance, note: str) -> MonthlyBill:
    """The bill of a month of 730 hours that goes on as the traffic did.

    Args:
        place: offer and charges.
        shares: replicas in the mean.
        provenance: of the quantities.
        note: how the hours were reached.
    """
    grows, fixed = _grows(place, shares.billed), place.quote.fixed
    lines = (*_compute(place, shares, provenance, note), *grows.lines, *fixed.lines)
    known = sum((line.monthly_cost for line in lines if line.monthly_cost is not None), Decimal(0))
    unknown = None if grows.unknown is None or fixed.unknown is None else grows.unknown + fixed.unknown
    return MonthlyBill(lines, known, unknown)


def month_of(place: Place, replicas: float) -> tuple[Decimal, Decimal | None]:
    """A month with so many replicas in the mean: what is known, and at most what is missing."""
    price = place.offer.price or Decimal(0)
    grows, fixed = _grows(place, replicas), place.quote.fixed
    unknown = None if grows.unknown is None or fixed.unknown is None else grows.unknown + fixed.unknown
    return to_micros(price * _hours(replicas)) + grows.cost + fixed.cost, unknown


def _grows(place: Place, replicas: float) -> Bill:
    return place.quote.for_replicas(_decimal(replicas))


def _decimal(value: float) -> Decimal:
    return significant(Decimal(repr(round(value, 9))))


def _hours(replicas: float) -> Decimal:
    return significant(_decimal(replicas) * HOURS_PER_MONTH)


def _compute(place: Place, shares: Shares, provenance: Provenance, note: str) -> list[CostLine]:
    """Compute, split so that the parts sum to the whole exactly; parts of nothing are left out."""
    price, listed = place.offer.price or Decimal(0), place.offer.list_price
    total = _hours(shares.billed)
    busy = min(_hours(shares.busy), total)
    starting = min(_hours(shares.starting), total - busy)
    tail = min(_hours(shares.tail), total - busy - starting)
    rest = total - busy - starting - tail
    parts = [
        ("compute", busy, "used", note),
        ("compute", rest, "idle", "in service and not busy: headroom for bursts, chance and whole replicas"),
        ("scale-in tail", tail, "idle", "in service beyond what the scaling rule would have had at the time: its delays"),
        ("starting", starting, "idle", "from the decision to a replica in service, billed as it starts (assumed)"),
    ]
    costs = _split(price, [hours for _, hours, _, _ in parts])
    list_costs = None if listed is None else _split(listed, [hours for _, hours, _, _ in parts])
    lines = []
    for k, (name, hours, basis, words) in enumerate(parts):
        if hours or name == "compute":
            lines.append(
                CostLine(
                    name=name,
                    unit="hour",
                    quantity=hours,
                    price=price,
                    monthly_cost=costs[k],
                    basis="used" if basis == "used" else "idle",
                    source=place.catalog.source,
                    provenance=provenance,
                    note=words,
                    list_price=listed,
                    list_cost=None if list_costs is None else list_costs[k],
                )
            )
    return lines


def _split(price: Decimal, parts: list[Decimal]) -> list[Decimal]:
    """Costs of parts: rounded sums of their beginnings, so that they add up to the rounded whole."""
    so_far, before, costs = Decimal(0), Decimal(0), []
    for hours in parts:
        so_far += hours
        now = to_micros(price * so_far)
        costs.append(now - before)
        before = now
    return costs
