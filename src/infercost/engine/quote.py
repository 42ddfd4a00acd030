"""From prices and traffic to cost lines. Money is exact; what has no price says so.

A region's lines that do not depend on the instance are made once and shared by all its candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final, Literal

from infercost.domain.estimate import CostLine
from infercost.domain.units import GB, GIB, SECONDS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infercost.domain.price import Catalog, Mode, Rate
    from infercost.domain.profile import Profile
    from infercost.domain.provider import Charge, Provider
    from infercost.domain.traffic import Traffic

__all__ = ["ChargeQuote", "RateBook", "dollars", "significant", "tiered_cost"]

_MICRODOLLAR: Final = Decimal("0.000001")
_DIGITS: Final = 8


def dollars(value: Decimal) -> Decimal:
    """An amount of money to the millionth of a dollar: totals are sums of such, so they are exact."""
    return value.quantize(_MICRODOLLAR, ROUND_HALF_EVEN)


def significant(value: Decimal) -> Decimal:
    """A quantity or a unit price to at least eight significant digits, never in exponent form above zero."""
    return value.quantize(Decimal(1).scaleb(min(-2, value.adjusted() - _DIGITS + 1))) if value else value


def monthly_requests(traffic: Traffic) -> Decimal:
    """Requests in a month of 730 hours."""
    return Decimal(repr(traffic.rps)) * SECONDS_PER_MONTH


@dataclass(frozen=True, slots=True)
class RateBook:
    """The rates of one catalog by item and region, tiers in order."""

    rates: Mapping[tuple[str, str], tuple[Rate, ...]]

    @classmethod
    def of(cls, catalog: Catalog) -> RateBook:
        """Index a catalog's rates."""
        found: dict[tuple[str, str], list[Rate]] = {}
        for rate in catalog.rates:
            found.setdefault((rate.item, rate.region), []).append(rate)
        return cls({key: tuple(sorted(tiers, key=lambda r: r.from_quantity)) for key, tiers in found.items()})

    def tiers(self, item: str, region: str) -> tuple[Rate, ...]:
        """The region's own rates, else those of all regions, else none. Never another region's."""
        return self.rates.get((item, region)) or self.rates.get((item, "*"), ())


def tiered_cost(quantity: Decimal, tiers: Sequence[Rate]) -> Decimal:
    """Cost of a month's quantity, each part at its own tier's price (exact, not rounded).

    Args:
        quantity: in the unit of the rates.
        tiers: by ascending ``from_quantity``, the first from 0.
    """
    total = Decimal(0)
    for tier, after in zip(tiers, [*tiers[1:], None], strict=True):
        end = quantity if after is None else min(quantity, after.from_quantity)
        total += max(end - tier.from_quantity, Decimal(0)) * tier.price
    return total


@dataclass(frozen=True, slots=True)
class ChargeQuote:
    """One region's charges in one mode, for this traffic and model."""

    fixed: tuple[CostLine, ...]
    """Lines that every candidate of the region shares."""
    fixed_cost: Decimal
    """Sum of the priced ones."""
    per_replica: tuple[_PerReplica, ...]
    unpriced: frozenset[str]
    """Names of the lines without a price."""
    notes: tuple[str, ...]
    _by_replicas: dict[int, tuple[tuple[CostLine, ...], Decimal]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, *, provider: Provider, region: str, mode: Mode, rates: RateBook, traffic: Traffic, profile: Profile
    ) -> ChargeQuote:
        """Price a provider's charges in one region."""
        fixed: list[CostLine] = []
        per_replica: list[_PerReplica] = []
        for charge in provider.charges:
            if mode not in charge.modes:
                continue
            tiers = rates.tiers(charge.item, region)
            if charge.driver == "endpoint_storage_gb":
                per_replica.append(_PerReplica(charge, tiers, region))
                continue
            quantity, provenance = _quantity(charge, tiers, traffic, profile)
            if quantity:
                fixed.append(_line(charge, tiers, region, quantity, provenance))
        names = [line.name for line in fixed if line.price is None]
        names += [part.charge.name for part in per_replica if part.charge.fixed_quantity and not _is_priced(part.tiers)]
        cost = sum((line.monthly_cost for line in fixed if line.monthly_cost is not None), Decimal(0))
        notes = (f"no price in the book for {', '.join(sorted(names))}: not in the total",) if names else ()
        return cls(tuple(fixed), cost, tuple(per_replica), frozenset(names), notes)

    def for_replicas(self, replicas: int) -> tuple[tuple[CostLine, ...], Decimal]:
        """Lines that grow with the replicas, and the sum of the priced ones."""
        known = self._by_replicas.get(replicas)
        if known is None:
            lines = tuple(line for part in self.per_replica if (line := part.line(replicas)) is not None)
            cost = sum((line.monthly_cost for line in lines if line.monthly_cost is not None), Decimal(0))
            known = self._by_replicas[replicas] = (lines, cost)
        return known


@dataclass(frozen=True, slots=True)
class _PerReplica:
    charge: Charge
    tiers: tuple[Rate, ...]
    region: str

    def line(self, replicas: int) -> CostLine | None:
        each = Decimal(repr(self.charge.fixed_quantity or 0.0))
        if not each:
            return None
        line = _line(self.charge, self.tiers, self.region, replicas * each, "assumed")
        return replace(line, note=f"{each.normalize():f} a replica; {line.note}" if line.note else None)


_Source = Literal["measured", "listed", "assumed"]


def _quantity(charge: Charge, tiers: Sequence[Rate], traffic: Traffic, profile: Profile) -> tuple[Decimal, _Source]:
    """A month's quantity in the unit of the rates, and where it comes from."""
    if charge.fixed_quantity is not None:
        return Decimal(repr(charge.fixed_quantity)), "assumed"
    if charge.driver == "load_balancer_hours":
        return SECONDS_PER_MONTH / 3600, "listed"
    size, provenance = _bytes(charge, traffic, profile)
    unit = tiers[0].unit.lower() if tiers else ""
    return significant(size / (GIB if unit.startswith("gib") else GB)), provenance


def _bytes(charge: Charge, traffic: Traffic, profile: Profile) -> tuple[Decimal, _Source]:
    requests = monthly_requests(traffic)
    request_source: _Source = "measured" if traffic.payload_in_bytes == profile.payload_in_bytes else "assumed"
    response_source: _Source = "measured" if traffic.payload_out_bytes == profile.payload_out_bytes else "assumed"
    leaving = traffic.payload_out_bytes if traffic.clients == "internet" else 0
    found: dict[str, tuple[Decimal, _Source]] = {
        "request_gb": (requests * traffic.payload_in_bytes, request_source),
        "response_gb": (requests * traffic.payload_out_bytes, response_source),
        "egress_gb": (requests * leaving, response_source),
        "log_gb": (requests * traffic.log_bytes, "assumed"),
        "artifact_gb": (Decimal(profile.model.file_bytes), "measured"),
    }
    return found.get(charge.driver, (Decimal(0), "assumed"))


def _is_priced(tiers: Sequence[Rate]) -> bool:
    return bool(tiers) and tiers[0].from_quantity == 0


def _line(charge: Charge, tiers: Sequence[Rate], region: str, quantity: Decimal, provenance: _Source) -> CostLine:
    if not _is_priced(tiers):
        return CostLine(
            name=charge.name,
            unit=tiers[0].unit if tiers else _unit(charge),
            quantity=quantity,
            price=None,
            monthly_cost=None,
            basis="used",
            source=None,
            provenance=provenance,
            note=f"the price book has no {charge.item} for {region}, so it is not in the total; {charge.note}".rstrip("; "),
        )
    exact = tiered_cost(quantity, tiers)
    reached = [tier for tier in tiers if tier.from_quantity < quantity]
    several = f"average over {len(reached)} price tiers; " if len(reached) > 1 else ""
    return CostLine(
        name=charge.name,
        unit=tiers[0].unit,
        quantity=quantity,
        price=significant(exact / quantity) if several else tiers[0].price,
        monthly_cost=dollars(exact),
        basis="used",
        source=f"{tiers[0].source} ({tiers[0].as_of})",
        provenance=provenance,
        note=f"{several}{charge.note}".rstrip("; ") or None,
    )


def _unit(charge: Charge) -> str:
    if charge.driver == "load_balancer_hours":
        return "hour"
    return "GB-month" if charge.driver in ("endpoint_storage_gb", "registry_gb", "artifact_gb") else "GB"
