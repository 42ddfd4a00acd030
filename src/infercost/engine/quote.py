"""From a cloud's charges and rates to cost lines. What has no price says so, and what it may come to at most.

Lines that do not depend on the instance are made once a region and shared by all its candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from infercost.domain.estimate import CostLine
from infercost.domain.provider import EVERY_MODE, Charge
from infercost.domain.rates import STANDARD_RATES
from infercost.domain.traffic import LOG_BYTES
from infercost.domain.units import GB, GIB, HOURS_PER_MONTH, SECONDS_PER_MONTH
from infercost.engine.money import significant, to_micros, unit_cost
from infercost.engine.wording import money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infercost.domain.price import Catalog, Mode, Rate
    from infercost.domain.profile import Profile
    from infercost.domain.provider import Provider
    from infercost.domain.traffic import Traffic

__all__ = ["Bill", "Quote", "Quoter", "monthly_requests", "tiered_cost"]

_Origin = Literal["measured", "listed", "given", "assumed"]


def monthly_requests(traffic: Traffic) -> Decimal:
    """Requests in a month of 730 hours."""
    return Decimal(repr(traffic.rps)) * SECONDS_PER_MONTH


def tiered_cost(quantity: Decimal, tiers: Sequence[Rate], *, at_list: bool = False) -> Decimal:
    """Cost of a month's quantity, each part at its own tier's price (exact, not rounded).

    Args:
        quantity: in the unit of the rates.
        tiers: by ascending ``from_quantity``, the first from 0.
        at_list: at list prices instead of the user's.
    """
    total = Decimal(0)
    for tier, after in zip(tiers, [*tiers[1:], None], strict=True):
        end = quantity if after is None else min(quantity, after.from_quantity)
        price = tier.list_price if at_list and tier.list_price is not None else tier.price
        total += max(end - tier.from_quantity, Decimal(0)) * price
    return total


@dataclass(frozen=True, slots=True)
class Bill:
    """Some cost lines of a month, and their sums."""

    lines: tuple[CostLine, ...]
    cost: Decimal
    """Of the lines with a price."""
    listed: Decimal
    """The same at list prices."""
    unknown: Decimal | None
    """At most this is missing for the lines without a price; None where nothing bounds it."""

    @classmethod
    def of(cls, lines: Sequence[CostLine]) -> Bill:
        """Sum lines."""
        cost, listed = Decimal(0), Decimal(0)
        unknown: Decimal | None = Decimal(0)
        for line in lines:
            if line.monthly_cost is None:
                unknown = None if unknown is None or line.at_most is None else unknown + line.at_most
            else:
                cost += line.monthly_cost
                listed += line.monthly_cost if line.list_cost is None else line.list_cost
        return cls(tuple(lines), cost, listed, unknown)


@dataclass(frozen=True, slots=True)
class Quote:
    """One region's charges in one mode, for this traffic and model."""

    quoter: Quoter
    region: str
    fixed: Bill
    """Lines that every candidate of the region shares."""
    per_replica: tuple[Charge, ...]
    unpriced: frozenset[str]
    """Names of the lines without a price."""
    notes: tuple[str, ...]
    _by_replicas: dict[int | Decimal, Bill] = field(default_factory=dict)

    def for_replicas(self, replicas: int | Decimal) -> Bill:
        """Lines that grow with the replicas, of which there may be a fraction in the mean."""
        bill = self._by_replicas.get(replicas)
        if bill is None:
            lines = [self.quoter.price(charge, self.region, replicas) for charge in self.per_replica]
            bill = self._by_replicas[replicas] = Bill.of([line for line in lines if line is not None])
        return bill


@dataclass(slots=True)
class Quoter:
    """Prices one cloud's charges for one traffic and model."""

    provider: Provider
    catalog: Catalog
    traffic: Traffic
    profile: Profile
    _rates: dict[str, dict[str, tuple[Rate, ...]]] = field(default_factory=dict)
    """Tiers by item, then region."""
    _quotes: dict[tuple[str, Mode], Quote] = field(default_factory=dict)
    _at_most: dict[tuple[str, str, int | Decimal], Decimal | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found: dict[str, dict[str, list[Rate]]] = {}
        for rate in self.catalog.rates:
            found.setdefault(rate.item, {}).setdefault(rate.region, []).append(rate)
        self._rates = {
            item: {region: tuple(sorted(tiers, key=lambda r: r.from_quantity)) for region, tiers in regions.items()}
            for item, regions in found.items()
        }

    def quote(self, region: str, mode: Mode) -> Quote:
        """The charges of a region; made once."""
        known = self._quotes.get((region, mode))
        if known is None:
            known = self._quotes[region, mode] = self._make(region, mode)
        return known

    def gaps(self) -> dict[str, list[str]]:
        """Regions that were quoted without a price for a line, by line."""
        found: dict[str, set[str]] = {}
        for (region, _), quote in self._quotes.items():
            for name in quote.unpriced:
                found.setdefault(name, set()).add(region)
        return {name: sorted(regions) for name, regions in found.items()}

    def _make(self, region: str, mode: Mode) -> Quote:
        charges = [charge for charge in (*self.provider.charges, *_included(self.traffic)) if mode in charge.modes]
        grows = tuple(charge for charge in charges if charge.driver == "endpoint_storage_gb")
        fixed = Bill.of([line for charge in charges if charge not in grows and (line := self.price(charge, region))])
        each = [line for charge in grows if (line := self.price(charge, region))]
        names = sorted({line.name for line in (*fixed.lines, *each) if line.price is None})
        notes = (f"no price in the book for {', '.join(names)}: not in the total",) if names else ()
        return Quote(self, region, fixed, grows, frozenset(names), notes)

    def price(self, charge: Charge, region: str, times: int | Decimal = 1) -> CostLine | None:
        """A charge's line; None where nothing is used."""
        by_region = self._rates.get(charge.item, {})
        # The region's own rates, else those of all regions, else none. Never another region's.
        tiers = by_region.get(region) or by_region.get("*", ())
        quantity, origin = self._quantity(charge, tiers[0].unit if tiers else "", times)
        if not quantity:
            return None
        note = f"{times} × {charge.fixed_quantity:g}; {charge.note}" if times > 1 else charge.note
        line = CostLine(
            name=charge.name,
            unit=tiers[0].unit if tiers else _unit(charge),
            quantity=quantity,
            price=None,
            monthly_cost=None,
            basis="used",
            source=None,
            provenance=origin,
        )
        if tiers and tiers[0].from_quantity == 0:
            return _with_price(line, tiers, f"{_beyond(charge, quantity, tiers)}{note}")
        at_most = self._bound(charge, times)
        return replace(line, note=self._excuse(charge, region, at_most, note), at_most=at_most)

    def _quantity(self, charge: Charge, unit: str, times: int | Decimal) -> tuple[Decimal, _Origin]:
        """A month's quantity in a rate's unit, and where it comes from."""
        if charge.fixed_quantity is not None:
            return times * Decimal(repr(charge.fixed_quantity)), "given" if charge.driver == "given" else "assumed"
        if charge.driver == "load_balancer_hours":
            return HOURS_PER_MONTH, "listed"
        size, origin = self._bytes(charge)
        return significant(size / (GIB if unit.lower().startswith("gib") else GB)), origin

    def _bytes(self, charge: Charge) -> tuple[Decimal, _Origin]:
        traffic, profile = self.traffic, self.profile
        requests = monthly_requests(traffic)
        request_origin: _Origin = "measured" if traffic.payload_in_bytes == profile.payload_in_bytes else "given"
        response_origin: _Origin = "measured" if traffic.payload_out_bytes == profile.payload_out_bytes else "given"
        leaving = traffic.payload_out_bytes if traffic.clients == "internet" else 0
        found: Mapping[str, tuple[Decimal, _Origin]] = {
            "request_gb": (requests * traffic.payload_in_bytes, request_origin),
            "response_gb": (requests * traffic.payload_out_bytes, response_origin),
            "egress_gb": (requests * leaving, response_origin),
            "log_gb": (requests * traffic.log_bytes, "assumed" if traffic.log_bytes == LOG_BYTES else "given"),
            "artifact_gb": (Decimal(profile.model.file_bytes), "measured"),
        }
        return found.get(charge.driver, (Decimal(0), "assumed"))

    def _bound(self, charge: Charge, times: int | Decimal) -> Decimal | None:
        """The charge at the dearest rates that the book has for it in this cloud."""
        key = (charge.name, charge.item, times)
        if key not in self._at_most:
            costs = [
                tiered_cost(self._quantity(charge, tiers[0].unit, times)[0], tiers)
                for tiers in self._rates.get(charge.item, {}).values()
                if tiers[0].from_quantity == 0
            ]
            self._at_most[key] = to_micros(max(costs)) if costs else None
        return self._at_most[key]

    def _excuse(self, charge: Charge, region: str, at_most: Decimal | None, note: str) -> str:
        bound = "nor has it one anywhere in this cloud, so the band has no upper end"
        if at_most is not None:
            dearest = money(at_most, self.catalog.currency)
            bound = f"the band's upper end holds {dearest} for it, by the dearest rate in this cloud"
        return f"the price book has no {charge.item} for {region}: not in the total; {bound}; {note}".rstrip("; ")


def _beyond(charge: Charge, quantity: Decimal, tiers: Sequence[Rate]) -> str:
    """Words where the quantity reaches a tier of the cloud that the book lacks; else empty."""
    if charge.last_tier_from is None:
        return ""
    start, last = Decimal(repr(charge.last_tier_from)), tiers[-1]
    if last.from_quantity >= start or quantity <= start:
        return ""
    another = f"the cloud has another price from {start:,.0f} {last.unit}"
    return f"beyond the last tier in the book: {another}, the last known is used; "


def _with_price(line: CostLine, tiers: Sequence[Rate], note: str) -> CostLine:
    exact = tiered_cost(line.quantity, tiers)
    reached = sum(tier.from_quantity < line.quantity for tier in tiers)
    several = f"average over {reached} price tiers; " if reached > 1 else ""
    listed = tiered_cost(line.quantity, tiers, at_list=True) if any(tier.list_price is not None for tier in tiers) else None
    return replace(
        line,
        price=unit_cost(exact, line.quantity) if several else tiers[0].price,
        monthly_cost=to_micros(exact),
        source=f"{tiers[0].source} ({tiers[0].as_of})",
        note=f"{several}{note}".rstrip("; ") or None,
        list_price=None if listed is None else unit_cost(listed, line.quantity),
        list_cost=None if listed is None else to_micros(listed),
    )


def _included(traffic: Traffic) -> list[Charge]:
    """Charges for what the user says there is beside the traffic."""
    return [
        Charge(
            name=STANDARD_RATES[item].title if item in STANDARD_RATES else item,
            item=item,
            driver="given",
            fixed_quantity=quantity,
            modes=EVERY_MODE,
            note=f"included as {item}={quantity:g}",
        )
        for item, quantity in traffic.include.items()
    ]


def _unit(charge: Charge) -> str:
    if charge.driver == "given":
        return STANDARD_RATES[charge.item].units[0] if charge.item in STANDARD_RATES else ""
    if charge.driver == "load_balancer_hours":
        return "hour"
    return "GB-month" if charge.driver in ("endpoint_storage_gb", "registry_gb", "artifact_gb") else "GB"
