"""From placements and prices to a ranked estimate. Every offer is accounted for, every total is a sum of lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infercost.domain.errors import UsageError
from infercost.domain.estimate import Band, Candidate, Cost, Estimate, ProfiledModel, Rejected, Summary
from infercost.domain.plan import Misfit, Placement
from infercost.engine.caveats import caveats, name_catalog
from infercost.engine.money import unit_cost
from infercost.engine.quote import Quoter, monthly_requests
from infercost.engine.ranking import Contender, Place, explain_runner_up, rank
from infercost.engine.usage import ComputeBill, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from infercost.domain.price import Catalog, Mode, Offer
    from infercost.domain.profile import Profile
    from infercost.domain.provider import Provider
    from infercost.domain.traffic import Slo, Traffic
    from infercost.engine.quote import Quote

__all__ = ["common_currency", "estimate", "uncovered"]


def estimate(
    *,
    profile: Profile,
    traffic: Traffic,
    slo: Slo,
    placements: Sequence[Placement | Misfit],
    catalogs: Sequence[Catalog],
    providers: Mapping[str, Provider],
    regions: Mapping[str, Sequence[str]],
    today: date,
    created: str,
    version: str,
    default_regions: bool = False,
) -> Estimate:
    """Price and rank every offer of the chosen regions.

    Args:
        profile: the model that was measured.
        traffic: what arrives.
        slo: what was promised; the placements keep it.
        placements: one for each (provider, instance type, mode) that an offer may name.
        catalogs: prices, one a provider, in one currency.
        providers: rules and charges by provider.
        regions: chosen region keys by provider.
        today: the day that ages of prices are counted to.
        created: time stamp of the estimate, ISO 8601.
        version: of infercost.
        default_regions: whether the user left the regions to us.

    Raises:
        UsageError: the catalogs are in several currencies.
    """
    currency = common_currency(catalogs)
    desk = _Desk(traffic, profile, {(p.provider, p.instance_type, p.mode): p for p in placements})
    for catalog in catalogs:
        desk.take(catalog, providers[catalog.provider], set(regions.get(catalog.provider, ())))
    candidates = desk.ranked()
    books = tuple(name_catalog(catalog, regions.get(catalog.provider, ()), today) for catalog in catalogs)
    return Estimate(
        currency=currency,
        created=created,
        infercost_version=version,
        model=ProfiledModel(name=profile.model.name, sha256=profile.model.sha256, machine=profile.machine.cpu_model),
        price_catalogs=books,
        regions=tuple(region for catalog in catalogs for region in regions.get(catalog.provider, ())),
        traffic=traffic,
        slo=slo,
        candidates=candidates,
        rejected=tuple(desk.rejected),
        summary=Summary(
            offers=desk.offers, feasible=len(candidates), rejected=len(desk.rejected), no_price=len(desk.without_price)
        ),
        default_regions=default_regions,
        runner_up=explain_runner_up(candidates, slo, currency),
        not_priced=uncovered(catalogs, providers, traffic),
        warnings=(
            *caveats(
                catalogs,
                {book.provider: book.age_days for book in books},
                {name: quoter.gaps() for name, quoter in desk.quoters.items()},
                [priced.offer for priced in desk.priced],
                desk.without_price,
            ),
            *(f"profile: {text}" for text in dict.fromkeys((*profile.model.warnings, *profile.warnings))),
        ),
    )


def uncovered(catalogs: Sequence[Catalog], providers: Mapping[str, Provider], traffic: Traffic) -> tuple[str, ...]:
    """What no line covers: what the book has no rate for, and then what it has one for and the user did not include."""
    rates = {rate.item for catalog in catalogs for rate in catalog.rates}
    charged = {charge.item for catalog in catalogs for charge in providers[catalog.provider].charges}
    left = sorted(rates - charged - set(traffic.include))
    found = [text for catalog in catalogs for text in providers[catalog.provider].not_priced]
    found += [f"rates that are in no bill unless added with --include ITEM=QUANTITY: {', '.join(left)}"] if left else []
    return tuple(dict.fromkeys(found))


def common_currency(catalogs: Sequence[Catalog]) -> str:
    """The currency of all catalogs.

    Raises:
        UsageError: they are in several.
    """
    found = sorted({catalog.currency for catalog in catalogs})
    if len(found) > 1:
        raise UsageError(f"prices in {' and '.join(found)} cannot be ranked together; give an exchange rate, or one --provider")
    return found[0] if found else "USD"


@dataclass(slots=True)
class _Shelf:
    """One catalog with what its candidates share."""

    catalog: Catalog
    provider: Provider
    quoter: Quoter
    usages: dict[tuple[str, Mode], Usage] = field(default_factory=dict)

    def advice(self, placement: Placement) -> tuple[str, ...]:
        """What the cloud recommends and the plan does not impose."""
        wanted = self.provider.hosting.recommended_min_replicas
        if placement.mode != "realtime" or placement.replicas >= wanted:
            return ()
        return (f"{self.provider.title} recommends {wanted} replicas for availability",)

    def doubt(self, offer: Offer) -> tuple[str, ...]:
        """What the source's flag on this price means."""
        meaning = self.catalog.flags.get(offer.flag)
        return (f"price: {meaning}",) if meaning else ()


@dataclass(slots=True)
class _Priced(Contender):
    """A candidate before its rank is known."""

    usage: Usage
    bill: ComputeBill
    quote: Quote
    shelf: _Shelf


@dataclass(slots=True)
class _Desk:
    """Takes offers in, one catalog at a time, and sorts them into priced, rejected and without a price."""

    traffic: Traffic
    profile: Profile
    placements: Mapping[tuple[str, str, Mode], Placement | Misfit]
    offers: int = 0
    priced: list[_Priced] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    without_price: list[Offer] = field(default_factory=list)
    quoters: dict[str, Quoter] = field(default_factory=dict)
    requests: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.requests = monthly_requests(self.traffic)

    def take(self, catalog: Catalog, provider: Provider, regions: set[str]) -> None:
        """Sort the offers of one catalog's chosen regions."""
        quoter = self.quoters[catalog.provider] = Quoter(provider, catalog, self.traffic, self.profile)
        shelf = _Shelf(catalog, provider, quoter)
        for offer in catalog.offers:
            # An asynchronous or batch price, or one on surplus capacity, pays for another promise: no rival of these.
            if offer.region not in regions or not offer.answers:
                continue
            self.offers += 1
            placement = self.placements.get((offer.provider, offer.instance_type, offer.mode))
            if not isinstance(placement, Placement):
                self.rejected.append(_reject(offer, placement))
            elif offer.price is None:
                self.without_price.append(offer)
            else:
                self.priced.append(self._price(offer, offer.price, placement, shelf))

    def _price(self, offer: Offer, price: Decimal, placement: Placement, shelf: _Shelf) -> _Priced:
        key = (placement.instance_type, placement.mode)
        usage = shelf.usages.get(key)
        if usage is None:
            usage = shelf.usages[key] = Usage.of(placement, self.requests, shelf.catalog.source)
        quote, bill = shelf.quoter.quote(offer.region, offer.mode), usage.bill(price, offer.list_price)
        return _Priced(
            offer, _month(bill, placement, quote), _unknown(placement, quote), quote.unpriced, usage, bill, quote, shelf
        )

    def ranked(self) -> tuple[Candidate, ...]:
        """Candidates in rank order."""
        million = self.requests / 1_000_000
        return tuple(_candidate(self.priced[place.at], place, million) for place in rank(self.priced))


def _month(bill: ComputeBill, placement: Placement, quote: Quote) -> Band:
    """A month's bill: compute, what grows with the replicas, and the rest. What has no price is in ``high`` alone."""
    fixed = quote.fixed
    low, likely = quote.for_replicas(placement.replicas_low), quote.for_replicas(placement.replicas)
    most = quote.for_replicas(placement.replicas_high or placement.replicas)
    high = None
    if bill.high is not None and most.unknown is not None and fixed.unknown is not None:
        high = bill.high + most.cost + fixed.cost + most.unknown + fixed.unknown
    return Band(bill.low + low.cost + fixed.cost, bill.likely + likely.cost + fixed.cost, high)


def _unknown(placement: Placement, quote: Quote) -> Decimal | None:
    grows = quote.for_replicas(placement.replicas).unknown
    return None if grows is None or quote.fixed.unknown is None else grows + quote.fixed.unknown


def _reject(offer: Offer, misfit: Misfit | None) -> Rejected:
    reasons = ("no hardware facts for this instance type",) if misfit is None else misfit.reasons
    latency = None if misfit is None else misfit.best_latency_ms
    return Rejected(offer.provider, offer.region, offer.instance_type, reasons, offer.mode, latency)


def _candidate(priced: _Priced, place: Place, million: Decimal) -> Candidate:
    offer, placement, quote = priced.offer, priced.usage.placement, priced.quote
    grows = quote.for_replicas(placement.replicas)
    return Candidate(
        rank=place.rank,
        tie_group=place.tie_group,
        provider=offer.provider,
        region=offer.region,
        mode=offer.mode,
        instance_type=offer.instance_type,
        accelerator=placement.accelerator,
        replicas=priced.usage.replicas,
        serving=placement.serving,
        latency_ms=placement.latency_ms,
        capacity_rps=placement.capacity_rps,
        utilization=placement.utilization,
        provenance=placement.provenance,
        band=placement.band,
        slo_holds=placement.slo_holds,
        cost=_cost(priced, priced.bill.listed + grows.listed + quote.fixed.listed, million),
        lines=priced.bill.lines + grows.lines + quote.fixed.lines,
        dominated_by=place.dominated_by,
        notes=placement.notes + priced.shelf.advice(placement) + quote.notes + priced.shelf.doubt(offer),
    )


def _cost(priced: _Priced, listed: Decimal, million: Decimal) -> Cost:
    month = priced.month
    each = Band(
        unit_cost(month.low, million),
        unit_cost(month.likely, million),
        None if month.high is None else unit_cost(month.high, million),
    )
    return Cost(each, month, listed if listed != month.likely else None, priced.compared.likely)
