"""From placements and prices to a ranked estimate. Every offer is accounted for, every total is a sum of lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from infercost.domain.estimate import (
    Band,
    Candidate,
    Cost,
    Estimate,
    ProfiledModel,
    Rejected,
    Summary,
)
from infercost.domain.plan import Misfit, Placement
from infercost.domain.price import PriceCatalog
from infercost.engine.quote import ChargeQuote, RateBook, dollars, monthly_requests, significant
from infercost.engine.ranking import Contender, explain_runner_up, rank
from infercost.engine.usage import Usage, compute_lines
from infercost.engine.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from infercost.domain.estimate import CostLine
    from infercost.domain.price import Catalog, Mode, Offer
    from infercost.domain.profile import Profile
    from infercost.domain.provider import Provider
    from infercost.domain.traffic import Slo, Traffic

__all__ = ["STALE_AFTER_DAYS", "estimate"]

STALE_AFTER_DAYS: Final = 30
"""Age from which a catalog raises a warning: list prices change a few times a year."""


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
        catalogs: prices, one a provider.
        providers: rules and charges by provider.
        regions: chosen region keys by provider.
        today: the day that ages of prices are counted to.
        created: time stamp of the estimate, ISO 8601.
        version: of infercost.
        default_regions: whether the user left the regions to us.
    """
    by_hardware = {(p.provider, p.instance_type, p.mode): p for p in placements}
    desk = _Desk(traffic, profile, by_hardware)
    for catalog in catalogs:
        desk.take(catalog, providers[catalog.provider], set(regions.get(catalog.provider, ())))
    candidates = desk.ranked()
    return Estimate(
        created=created,
        infercost_version=version,
        model=ProfiledModel(name=profile.model.name, sha256=profile.model.sha256, machine=profile.machine.cpu_model),
        price_catalogs=tuple(_name_catalog(catalog, today) for catalog in catalogs),
        regions=tuple(region for catalog in catalogs for region in regions.get(catalog.provider, ())),
        traffic=traffic,
        slo=slo,
        candidates=candidates,
        rejected=tuple(desk.rejected),
        summary=Summary(
            offers=desk.offers, feasible=len(candidates), rejected=len(desk.rejected), no_price=len(desk.without_price)
        ),
        default_regions=default_regions,
        runner_up=explain_runner_up(candidates, slo),
        not_priced=tuple(dict.fromkeys(text for catalog in catalogs for text in providers[catalog.provider].not_priced)),
        warnings=tuple(_warnings(catalogs, desk, today)),
    )


@dataclass(frozen=True, slots=True)
class _Priced:
    """A candidate before its rank is known."""

    usage: Usage
    region: str
    cost: Cost
    lines: tuple[CostLine, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Shelf:
    """One catalog with what its candidates share."""

    catalog: Catalog
    provider: Provider
    rates: RateBook
    quotes: dict[str, ChargeQuote] = field(default_factory=dict)
    """By region and mode."""
    usages: dict[str, Usage] = field(default_factory=dict)
    """By instance type and mode."""

    def advice(self, placement: Placement) -> tuple[str, ...]:
        """What the cloud recommends and the plan does not impose."""
        wanted = self.provider.hosting.recommended_min_replicas
        if placement.mode != "realtime" or placement.replicas >= wanted:
            return ()
        return (f"{self.provider.title} recommends {wanted} replicas for availability",)


def _month(price: Decimal, usage: Usage, quote: ChargeQuote) -> tuple[Band, Decimal]:
    """A month's total with its band, and the likely cost of compute in it."""
    placement, (low, likely, high) = usage.placement, usage.billed
    compute = dollars(price * likely)
    most = None
    if high is not None:
        most = dollars(price * high) + quote.for_replicas(placement.replicas_high or placement.replicas)[1] + quote.fixed_cost
    return Band(
        dollars(price * low) + quote.for_replicas(placement.replicas_low)[1] + quote.fixed_cost,
        compute + quote.for_replicas(placement.replicas)[1] + quote.fixed_cost,
        most,
    ), compute


@dataclass(slots=True)
class _Desk:
    """Takes offers in, one catalog at a time, and sorts them into priced, rejected and without a price."""

    traffic: Traffic
    profile: Profile
    placements: Mapping[tuple[str, str, Mode], Placement | Misfit]
    offers: int = 0
    priced: list[_Priced] = field(default_factory=list)
    contenders: list[Contender] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    without_price: list[Offer] = field(default_factory=list)
    flagged: dict[tuple[str, str], int] = field(default_factory=dict)
    """Candidates by (provider, flag)."""
    unpriced: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    """Regions by (provider, line)."""
    requests: Decimal = field(init=False)
    million: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.requests = monthly_requests(self.traffic)
        self.million = self.requests / 1_000_000

    def take(self, catalog: Catalog, provider: Provider, regions: set[str]) -> None:
        """Sort the offers of one catalog's chosen regions."""
        shelf = _Shelf(catalog, provider, RateBook.of(catalog))
        for offer in catalog.offers:
            if offer.region not in regions:
                continue
            self.offers += 1
            placement = self.placements.get((offer.provider, offer.instance_type, offer.mode))
            if not isinstance(placement, Placement):
                self.rejected.append(_reject(offer, placement))
            elif offer.price is None:
                self.without_price.append(offer)
            else:
                self._price(offer, offer.price, placement, shelf)

    def _price(self, offer: Offer, price: Decimal, placement: Placement, shelf: _Shelf) -> None:
        usage = shelf.usages.get(placement.instance_type + placement.mode)
        if usage is None:
            usage = shelf.usages[placement.instance_type + placement.mode] = Usage.of(placement, self.requests)
        quote = shelf.quotes.get(offer.region + offer.mode) or self._quote(offer, shelf)
        month, compute = _month(price, usage, quote)
        million = self.million
        each = Band(
            significant(month.low / million),
            significant(month.likely / million),
            None if month.high is None else significant(month.high / million),
        )
        lines = compute_lines(offer, price, usage, compute, shelf.catalog.source)
        lines += quote.for_replicas(placement.replicas)[0] + quote.fixed
        notes = placement.notes + shelf.advice(placement) + quote.notes
        if offer.flag in shelf.catalog.flags:
            notes += (f"price: {shelf.catalog.flags[offer.flag]}",)
            self.flagged[offer.provider, offer.flag] = self.flagged.get((offer.provider, offer.flag), 0) + 1
        self.priced.append(_Priced(usage, offer.region, Cost(each, month), lines, notes))
        names = (offer.provider, offer.region, offer.instance_type, offer.mode)
        self.contenders.append(Contender(month.likely, *names, month, quote.unpriced))

    def _quote(self, offer: Offer, shelf: _Shelf) -> ChargeQuote:
        quote = shelf.quotes[offer.region + offer.mode] = ChargeQuote.of(
            provider=shelf.provider,
            region=offer.region,
            mode=offer.mode,
            rates=shelf.rates,
            traffic=self.traffic,
            profile=self.profile,
        )
        for name in quote.unpriced:
            self.unpriced.setdefault((offer.provider, name), {})[offer.region] = None
        return quote

    def ranked(self) -> tuple[Candidate, ...]:
        """Candidates in rank order."""
        return tuple(
            _candidate(self.priced[place.index], place.rank, place.tie_group, place.dominated_by)
            for place in rank(self.contenders)
        )


def _reject(offer: Offer, misfit: Misfit | None) -> Rejected:
    if misfit is None:
        return Rejected(
            offer.provider, offer.region, offer.instance_type, ("no hardware facts for this instance type",), offer.mode
        )
    return Rejected(offer.provider, offer.region, offer.instance_type, misfit.reasons, offer.mode, misfit.best_latency_ms)


def _candidate(priced: _Priced, place: int, tie_group: int, dominated_by: str | None) -> Candidate:
    placement = priced.usage.placement
    return Candidate(
        rank=place,
        tie_group=tie_group,
        provider=placement.provider,
        region=priced.region,
        mode=placement.mode,
        instance_type=placement.instance_type,
        accelerator=placement.accelerator,
        replicas=priced.usage.replicas,
        serving=placement.serving,
        latency_ms=placement.latency_ms,
        capacity_rps=placement.capacity_rps,
        utilization=placement.utilization,
        provenance=placement.provenance,
        band=placement.band,
        slo_holds=placement.slo_holds,
        cost=priced.cost,
        lines=priced.lines,
        dominated_by=dominated_by,
        notes=priced.notes,
    )


def _age_days(catalog: Catalog, today: date) -> int:
    return (today - date.fromisoformat(catalog.as_of)).days


def _name_catalog(catalog: Catalog, today: date) -> PriceCatalog:
    return PriceCatalog(
        provider=catalog.provider,
        as_of=catalog.as_of,
        age_days=_age_days(catalog, today),
        source=catalog.source,
        derived=catalog.derived,
        sha256=catalog.sha256,
    )


def _warnings(catalogs: Sequence[Catalog], desk: _Desk, today: date) -> Iterator[str]:
    """What a reader must know before trusting the figures, each once."""
    meanings = {(catalog.provider, flag): text for catalog in catalogs for flag, text in catalog.flags.items()}
    for catalog in catalogs:
        age = _age_days(catalog, today)
        if age > STALE_AFTER_DAYS:
            yield f"prices of {catalog.provider} are {age} days old ({catalog.as_of}); check them before you commit to a figure"
        if catalog.derived:
            how = f": {catalog.derivation}" if catalog.derivation else ""
            yield f"prices of {catalog.provider} are derived, not read from its price list{how}"
    for (provider, name), regions in sorted(desk.unpriced.items()):
        yield f"{provider}: the price book has no price for {name} in {listed(sorted(regions))}; totals there leave it out"
    for (provider, flag), count in sorted(desk.flagged.items()):
        yield f"{provider}: {count} candidate{'s' if count != 1 else ''} with a doubtful price: {meanings[provider, flag]}"
    missing: dict[str, dict[str, None]] = {}
    for offer in desk.without_price:
        missing.setdefault(offer.provider, {})[f"{offer.instance_type} in {offer.region}"] = None
    for provider, names in missing.items():
        yield f"{provider}: without a price, so not ranked: {listed(list(names))}"
