"""Where an instance type is sold: its price and what comes with a replica, region by region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infercost.domain.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infercost.domain.price import Catalog, Mode, Offer
    from infercost.engine.quote import Bill, Quote, Quoter

__all__ = ["Place", "Site", "sites"]

Key = tuple[str, str]
"""Provider and instance type."""


@dataclass(frozen=True, slots=True)
class Place:
    """One region's offer. The floats are for the search; bills are made of the offer and the quote."""

    offer: Offer
    quote: Quote
    catalog: Catalog
    replica_month: float
    """Of one replica that is always there: compute, storage, and the most that their gaps come to."""
    month: float
    """What does not grow with the replicas, likewise."""

    def monthly(self, replicas: float) -> float:
        """A month with so many replicas in the mean."""
        return self.replica_month * replicas + self.month


@dataclass(frozen=True, slots=True)
class Site:
    """One instance type in all chosen regions that price it."""

    provider: str
    instance_type: str
    places: tuple[Place, ...]

    @property
    def key(self) -> Key:
        """Provider and instance type."""
        return self.provider, self.instance_type

    def cheapest(self, replicas: float) -> Place:
        """The region that is cheapest for so many replicas; of equal ones the first by name."""
        return min(self.places, key=lambda place: (place.monthly(replicas), place.offer.region))

    def monthly(self, replicas: float) -> float:
        """A month there."""
        return self.cheapest(replicas).monthly(replicas)


def sites(
    catalogs: Iterable[Catalog],
    quoters: Mapping[str, Quoter],
    regions: Mapping[str, Sequence[str]],
    mode: Mode = "realtime",
) -> tuple[dict[Key, Site], list[Offer]]:
    """The offers of a mode (dedicated capacity) in the chosen regions by instance type, and those without a price."""
    found: dict[Key, list[Place]] = {}
    unpriced = []
    for catalog in catalogs:
        chosen = set(regions.get(catalog.provider, ()))
        for offer in catalog.offers:
            if offer.mode != mode or offer.spot or offer.region not in chosen:
                continue
            if offer.price is None:
                unpriced.append(offer)
                continue
            quote = quoters[catalog.provider].quote(offer.region, offer.mode)
            each = quote.for_replicas(1)
            compute = float(offer.price * HOURS_PER_MONTH)
            place = Place(offer, quote, catalog, compute + _most(each), _most(quote.fixed))
            found.setdefault((offer.provider, offer.instance_type), []).append(place)
    return {key: Site(*key, tuple(places)) for key, places in found.items()}, unpriced


def _most(bill: Bill) -> float:
    """What is known, and what is missing at its dearest."""
    return float(bill.cost + (bill.unknown or 0))
