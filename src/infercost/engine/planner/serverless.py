"""The serverless mode beside the simulated ones: by formula, on the mean rate, with room for the peak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infercost.domain.plan import Misfit, Placement
from infercost.engine.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from infercost.domain.price import Catalog, Offer
    from infercost.engine.quote import Quote, Quoter
    from infercost.engine.usage import ComputeBill

__all__ = ["Serverless", "cheapest_serverless", "with_peak"]


@dataclass(frozen=True, slots=True)
class Serverless:
    """A serverless size in the region where it is cheapest."""

    offer: Offer
    usage: Usage
    bill: ComputeBill
    quote: Quote

    @property
    def known(self) -> Decimal:
        """A month's bill at the likely prediction, of the lines with a price."""
        return self.bill.likely + self.quote.fixed.cost

    @property
    def compared(self) -> Decimal:
        """The same with gaps at their most."""
        return self.known + (self.quote.fixed.unknown or 0)


def with_peak(mean: Sequence[Placement | Misfit], peak: Sequence[Placement | Misfit]) -> list[Placement | Misfit]:
    """Placements at the mean rate that have the concurrency of the peak, or why they do not fit it.

    Args:
        mean: one a size, at the mean rate.
        peak: the same sizes in the same order, at the rate of the busiest minute.
    """
    from dataclasses import replace

    return [
        replace(here, replicas=max(here.replicas, there.replicas), slo_holds=_worse(here, there))
        if isinstance(here, Placement) and isinstance(there, Placement)
        else (here if isinstance(here, Misfit) else there)
        for here, there in zip(mean, peak, strict=True)
    ]


def _worse(here: Placement, there: Placement) -> Literal["yes", "at_risk"]:
    return "yes" if here.slo_holds == there.slo_holds == "yes" else "at_risk"


def cheapest_serverless(
    placements: Iterable[Placement],
    catalogs: Iterable[Catalog],
    quoters: Mapping[str, Quoter],
    regions: Mapping[str, Sequence[str]],
    requests: Decimal,
) -> list[Serverless]:
    """The cheapest size and region of each cloud that serves the traffic by formula."""
    fitting = {(p.provider, p.instance_type): p for p in placements}
    best: dict[str, Serverless] = {}
    for catalog in catalogs:
        chosen = set(regions.get(catalog.provider, ()))
        for offer in catalog.offers:
            placement = fitting.get((offer.provider, offer.instance_type))
            if offer.mode != "serverless" or offer.region not in chosen or placement is None or offer.price is None:
                continue
            usage = Usage.of(placement, requests, catalog.source)
            quote = quoters[catalog.provider].quote(offer.region, offer.mode)
            found = Serverless(offer, usage, usage.bill(offer.price, offer.list_price), quote)
            known = best.get(offer.provider)
            if known is None or _order(found) < _order(known):
                best[offer.provider] = found
    return list(best.values())


def _order(found: Serverless) -> tuple[Decimal, str, str]:
    return found.compared, found.offer.region, found.offer.instance_type
