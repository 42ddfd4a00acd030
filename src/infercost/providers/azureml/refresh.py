"""List prices of Azure ML's managed online endpoints, from the Azure Retail Prices API. No key is needed.

An endpoint is billed as the virtual machines under it, so its price is the VM's.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from infercost.domain.errors import ProviderError
from infercost.domain.price import Offer
from infercost.domain.refresh import ExtraPrice, Finding, Refreshed
from infercost.providers._catalogs import choose_regions, kept_rates
from infercost.providers._http import CHANGED, Client
from infercost.providers._paging import Pages
from infercost.providers.azureml._retail_prices import Meters, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from infercost.domain.hardware import Hardware
    from infercost.domain.price import Catalog
    from infercost.domain.refresh import ExtraKind, RefreshProgress
    from infercost.providers._http import RetryPolicy
    from infercost.providers.azureml._retail_prices import Item

__all__ = ["ENDPOINT", "refresh"]

ENDPOINT = "https://prices.azure.com"
_API_VERSION = "2023-01-01-preview"
"""The version that states savings-plan rates. Its filters are case-sensitive."""
_SKUS_A_QUERY = 10
_MOST_PAGES = 1000
_PAGE_REUSE_S = 3600.0
"""Pages of an interrupted refresh are taken again for so long."""
_DEFAULT_REGION = "eastus"
_LABELS = {"list": "", "low_priority": " (low priority)"}
_EXTRAS: dict[str, ExtraKind] = {"spot": "spot", "reservation": "reservation"}


def refresh(
    *,
    shipped: Catalog,
    folder: Path,
    hardware: Mapping[str, Hardware] | None = None,  # noqa: ARG001 - a Refresh is called with it
    regions: Sequence[str] | None = None,
    currency: str = "USD",
    endpoint: str | None = None,
    api_key: str | None = None,  # noqa: ARG001 - likewise; the API is public
    on_progress: Callable[[RefreshProgress], None] | None = None,
    policy: RetryPolicy | None = None,
) -> Refreshed:
    """Read Azure ML's list prices; see ``infercost.domain.refresh.Refresh``.

    The VM sizes are those of ``shipped``, and so is which of them compute clusters take: those that it
    has batch offers for. Low Priority prices become batch offers on surplus capacity; Spot (which Azure
    ML does not use), savings-plan and reservation prices are returned beside the catalog. Rates other
    than compute are kept as shipped, and left out where ``currency`` is not theirs.

    Raises:
        ProviderError: the API cannot be read, or no longer prices any of the sizes.
        UsageError: a region is unknown.
    """
    if regions is not None:
        choose_regions(shipped, regions, shipped.regions)
    skus = sorted({offer.instance_type for offer in shipped.offers})
    client = Client("azureml", folder, policy=policy, on_progress=on_progress)
    pages = Pages(client, (endpoint or ENDPOINT).rstrip("/"), Page, most=_MOST_PAGES, reuse_s=_PAGE_REUSE_S)
    meters = Meters(client.policy.now().date().isoformat())
    for start in range(0, len(skus), _SKUS_A_QUERY):
        question = _question(pages.base, currency, skus[start : start + _SKUS_A_QUERY], regions)
        for page in pages.follow(question, lambda page: page.next_page or None):
            for item in page.items:
                _check_currency(item, pages.base, currency)
                meters.add(item)
    sold = {region for kind, region, _, _ in meters.found() if kind == "list"}
    if not sold:
        raise ProviderError(
            f"azureml: {pages.base}: the source has changed: no hourly Linux price for any of {len(skus)} VM sizes; {CHANGED}"
        )
    places, findings = choose_regions(shipped, regions, sold if regions is None else shipped.regions)
    offers, not_priced = _offers(meters, skus, places, shipped, everywhere=regions is None)
    rates = kept_rates(shipped, places, ()) if currency == shipped.currency else ()
    if not rates and shipped.rates:
        reason = f"no rate in {currency} for storage, egress, logs and registry; those known are in {shipped.currency}"
        not_priced.append(Finding(provider="azureml", subject="rates", reason=reason))
    catalog = replace(
        shipped,
        as_of=pages.oldest.date().isoformat(),
        source=f"Azure Retail Prices API (Linux, pay-as-you-go; {pages.base}/api/retail/prices)",
        licence="Microsoft public price list",
        currency=currency,
        derived=False,
        derivation=None,
        sha256="",
        offers=offers,
        rates=rates,
        regions={place: shipped.regions[place] for place in places},
        flags={},
    )
    # Only now: what an interrupted run has read is not read again.
    pages.forget()
    return Refreshed(catalog=catalog, extras=_extras(meters, set(places)), findings=(*findings, *not_priced))


def _question(base: str, currency: str, skus: Sequence[str], regions: Sequence[str] | None) -> str:
    """The URL that asks for these sizes, in all regions or in these."""
    condition = f"serviceName eq 'Virtual Machines' and ({_any('armSkuName', skus)})"
    if regions is not None:
        condition += f" and ({_any('armRegionName', sorted(set(regions)))})"
    query = f"api-version={_API_VERSION}&currencyCode={quote(repr(currency))}&$filter={quote(condition)}"
    return f"{base}/api/retail/prices?{query}"


def _check_currency(item: Item, base: str, currency: str) -> None:
    if item.currency != currency:
        raise ProviderError(
            f"azureml: {base}: asked for {currency}, got {item.currency}; choose a currency that Azure bills in, or leave"
            " --currency out"
        )


def _any(field: str, values: Sequence[str]) -> str:
    return " or ".join(f"{field} eq '{value}'" for value in values)


def _offers(
    meters: Meters, skus: Sequence[str], places: Sequence[str], shipped: Catalog, *, everywhere: bool
) -> tuple[tuple[Offer, ...], list[Finding]]:
    """An offer for each size in each region that sells it; sizes that none sells stay listed, without a price."""
    offers, findings = [], []
    clusters = {offer.instance_type for offer in shipped.offers if offer.mode == "batch"}
    for key in meters.found():
        kind, region, sku, _ = key
        if region not in places or kind not in {"list", "low_priority"} or (kind == "low_priority" and sku not in clusters):
            continue
        item, reason = meters.one(key)
        price = item.price.normalize() + 0 if item else None
        if kind == "list":
            offers.append(Offer("azureml", region, "realtime", sku, price, "hour"))
        if sku in clusters:
            offers.append(Offer("azureml", region, "batch", sku, price, "hour", spot=kind == "low_priority"))
        if item is None:
            findings.append(Finding(provider="azureml", subject=f"{region}/{sku}{_LABELS[kind]}", reason=reason))
    unsold = set(skus) - {offer.instance_type for offer in offers if offer.answers}
    listed = {offer.instance_type: offer.region for offer in shipped.offers if offer.flag == "N" and offer.region in places}
    for sku in sorted(unsold if everywhere else unsold & set(listed)):
        region = listed.get(sku, _DEFAULT_REGION)
        offers.append(Offer("azureml", region, "realtime", sku, None, "hour", "N"))
        findings.append(Finding(provider="azureml", subject=sku, reason="the source has no price for it in any region"))
    return tuple(sorted(offers, key=lambda o: (o.region, o.kind, o.instance_type))), findings


def _extras(meters: Meters, places: set[str]) -> tuple[ExtraPrice, ...]:
    """Spot, reservations and savings plans, each where exactly one price is stated."""
    extras = []
    for key in meters.found():
        kind, region, sku, term = key
        item, _ = meters.one(key)
        if region not in places or item is None:
            continue
        price = partial(ExtraPrice, provider="azureml", region=region, instance_type=sku, currency=item.currency)
        if kind in _EXTRAS:
            # A reservation is billed as a whole, though the API states "1 Hour" as its unit.
            unit = "term" if kind == "reservation" else "hour"
            extras.append(price(kind=_EXTRAS[kind], price=item.price, unit=unit, term=_years(term)))
        extras += [
            price(kind="savings_plan", price=plan.price, unit="hour", term=_years(plan.term))
            for plan in sorted(item.savings, key=lambda plan: plan.term)
            if kind == "list"
        ]
    return tuple(extras)


def _years(term: str) -> str:
    """``3 Years`` as ``3y``."""
    number, _, unit = term.partition(" ")
    return f"{number}{unit[:1].lower()}"
