"""Vertex AI's list prices from the Cloud Billing Catalog, which wants an API key or a login."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import quote

import urllib3

from infercost.domain.errors import ProviderError
from infercost.domain.price import Offer
from infercost.domain.refresh import ExtraPrice, Finding, Refreshed
from infercost.providers._catalogs import choose_regions, kept_rates
from infercost.providers._http import CHANGED, Client
from infercost.providers._paging import Pages
from infercost.providers.vertex._skus import Rates, SkuPage, is_prediction, parts_of, read_description, unit_price

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from infercost.domain.hardware import Hardware
    from infercost.domain.price import Catalog, Mode
    from infercost.domain.refresh import RefreshProgress
    from infercost.providers._http import RetryPolicy
    from infercost.providers.vertex._skus import Part, Sku

__all__ = ["ENDPOINT", "SERVICE", "refresh"]

ENDPOINT = "https://cloudbilling.googleapis.com"
SERVICE = "C7E2-9256-1C43"
"""Vertex AI in the Cloud Billing Catalog."""
_PAGE_SIZE = 5000
_MOST_PAGES = 200
_KEY_VARIABLE = "GOOGLE_API_KEY"
_SCOPE = "https://www.googleapis.com/auth/cloud-billing.readonly"
_DEFAULT_REGION = "us-central1"
_NODE_MODES: tuple[Mode, ...] = ("realtime", "batch")
_SPOT_FLAG = "M"
_FLAGS = {_SPOT_FLAG: "the sum of the Spot SKUs of its parts; whether a management fee comes on top is not known"}


def refresh(
    *,
    shipped: Catalog,
    folder: Path,
    hardware: Mapping[str, Hardware] | None = None,
    regions: Sequence[str] | None = None,
    currency: str = "USD",
    endpoint: str | None = None,
    api_key: str | None = None,
    on_progress: Callable[[RefreshProgress], None] | None = None,
    policy: RetryPolicy | None = None,
) -> Refreshed:
    """Read Vertex AI's list prices; see ``infercost.domain.refresh.Refresh``.

    A node's price is vCPUs × core + GiB × memory + GPUs × GPU; the same SKUs bill online and batch
    prediction. A machine type of ``shipped`` that lacks one of these in a region is listed there without a
    price; the findings say what is missing. Spot nodes are offers where all their parts have Spot SKUs.

    Raises:
        ProviderError: the catalog cannot be read, or holds no prediction SKU; or there is no key.
        UsageError: a region is unknown.
    """
    base = (endpoint or ENDPOINT).rstrip("/")
    client = Client("vertex", folder, policy=policy, headers=_credentials(api_key), on_progress=on_progress)
    pages = Pages(client, base, SkuPage, most=_MOST_PAGES)
    first = f"{base}/v1/services/{SERVICE}/skus?currencyCode={quote(currency)}&pageSize={_PAGE_SIZE}"
    book = _Book(currency, client.policy.now().date().isoformat())
    for page in pages.follow(
        first, lambda page: f"{first}&pageToken={quote(page.next_page, safe='')}" if page.next_page else None
    ):
        for sku in page.skus:
            book.add(sku)
    # Their tokens are good for one listing only.
    pages.forget()
    if not book.rates.regions():
        raise ProviderError(
            f"vertex: {base}: the source has changed: no SKU for the parts of an Online/Batch Prediction node; {CHANGED}"
        )
    places, findings = choose_regions(shipped, regions, book.rates.regions())
    offers, not_priced = _offers(book, shipped, places, hardware or {})
    rates = kept_rates(shipped, places, ()) if currency == shipped.currency else ()
    if not rates and shipped.rates:
        reason = f"no rate in {currency} for storage, egress, logs and registry; those known are in {shipped.currency}"
        not_priced.append(Finding(provider="vertex", subject="rates", reason=reason))
    catalog = replace(
        shipped,
        as_of=pages.oldest.date().isoformat(),
        source=f"Cloud Billing Catalog, Vertex AI Online/Batch Prediction ({base}/v1/services/{SERVICE}/skus)",
        licence="Google public price list",
        currency=currency,
        derived=False,
        derivation=None,
        sha256="",
        offers=offers,
        rates=rates,
        regions={place: shipped.regions[place] for place in places},
        flags=_FLAGS if any(offer.spot for offer in offers) else {},
    )
    extras = tuple(extra for extra in book.extras if extra.region in places)
    return Refreshed(catalog=catalog, extras=extras, findings=(*findings, *book.findings(), *not_priced))


def _credentials(api_key: str | None) -> dict[str, str]:
    """Request headers that identify the caller. A header, not the URL: URLs end up in logs.

    Raises:
        ProviderError: there is neither a key nor a login.
    """
    key = (api_key or os.environ.get(_KEY_VARIABLE, "")).strip()
    if key:
        if not (key.isascii() and key.isprintable()):
            raise ProviderError(f"vertex: the API key has characters that no key has; set {_KEY_VARIABLE} again")
        return {"X-Goog-Api-Key": key}
    token = _login_token()
    if token is None:
        raise ProviderError(
            f"vertex: the Cloud Billing Catalog wants an API key; set {_KEY_VARIABLE}"
            " (console.cloud.google.com/apis/credentials), or log in: gcloud auth application-default login"
        )
    return {"Authorization": f"Bearer {token}"}


def _login_token() -> str | None:
    """A token of the application-default login; None without google-auth or without a login."""
    try:
        auth = import_module("google.auth")
        errors = import_module("google.auth.exceptions")
        transport = import_module("google.auth.transport.urllib3")
    except ImportError:
        return None
    try:
        credentials, _ = auth.default(scopes=[_SCOPE])
        credentials.refresh(transport.Request(urllib3.PoolManager()))
    except errors.GoogleAuthError:
        return None
    return str(credentials.token)


class _Book:
    """Sorts SKUs into rates, extras and what was not understood."""

    def __init__(self, currency: str, today: str) -> None:
        self.rates = Rates()
        self.spot_rates = Rates()
        self.extras: list[ExtraPrice] = []
        self._currency = currency
        self._today = today
        self._seen: set[str] = set()
        self._unread: list[str] = []
        self._unpriced: list[Finding] = []

    def add(self, sku: Sku) -> None:
        """Take a SKU; one that comes again, as on a page sent twice, counts once."""
        if sku.sku_id in self._seen:
            return
        self._seen.add(sku.sku_id)
        told = read_description(sku.description, sku.category.usage_type)
        if told is None:
            if is_prediction(sku.description):
                self._unread.append(sku.description)
            return
        kind, part = told
        price, reason = unit_price(sku, part, self._currency, self._today)
        if price is None:
            self._unpriced.append(Finding(provider="vertex", subject=f"{sku.description} ({sku.sku_id})", reason=reason))
        elif kind == "list":
            self.rates.add(sku.regions, part, price)
        else:
            if kind == "spot":
                self.spot_rates.add(sku.regions, part, price)
            self.extras += [
                ExtraPrice(
                    provider="vertex",
                    kind=kind,
                    region=region,
                    instance_type=f"{part.model} {part.kind}",
                    price=price,
                    unit="GiB-hour" if part.kind == "ram" else "hour",
                    currency=self._currency,
                )
                for region in sku.regions
            ]

    def findings(self) -> list[Finding]:
        """SKUs without a usable price, and how many were not understood."""
        found = list(self._unpriced)
        if self._unread:
            examples = "; ".join(sorted(self._unread)[:3])
            reason = f"not understood, so not used, for example: {examples}"
            found.append(Finding(provider="vertex", subject=f"{len(self._unread)} prediction SKUs", reason=reason))
        return found


def _offers(
    book: _Book, shipped: Catalog, places: Iterable[str], hardware: Mapping[str, Hardware]
) -> tuple[tuple[Offer, ...], list[Finding]]:
    """An offer wherever all parts are priced, and one without a price wherever the book knows the machine type."""
    known = {(offer.region, offer.instance_type) for offer in shipped.offers}
    types = sorted({name for _, name in known})
    offers: list[Offer] = []
    missing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for place in places:
        for name in types:
            price, reason = _node_price(book.rates, place, name, hardware.get(name))
            if price is None and (place, name) not in known:
                continue
            offers.append(Offer("vertex", place, "realtime", name, price, "hour"))
            if price is None:
                missing[name, reason].append(place)
                continue
            offers.append(Offer("vertex", place, "batch", name, price, "hour"))
            spot, _ = _node_price(book.spot_rates, place, name, hardware.get(name))
            if spot is not None:
                offers += (Offer("vertex", place, m, name, spot, "hour", _SPOT_FLAG, spot=True) for m in _NODE_MODES)
    findings = [
        Finding(provider="vertex", subject=name, reason=f"{reason} in {', '.join(where)}")
        for (name, reason), where in sorted(missing.items())
    ]
    return tuple(offers), findings


def _node_price(rates: Rates, region: str, name: str, machine: Hardware | None) -> tuple[Decimal | None, str]:
    """USD (or the catalog's currency) per node hour, or None and which parts have no price."""
    if machine is None:
        return None, "its size is not known"
    core, ram, gpu = parts_of(name)
    if machine.accelerator_count and not gpu:
        return None, "the name of its GPU in SKUs is not known"
    amounts: list[tuple[Decimal, list[Part]]] = [(Decimal(machine.vcpus), core), (Decimal(str(machine.memory_gib)), ram)]
    if machine.accelerator_count:
        amounts.append((Decimal(machine.accelerator_count), gpu))
    total, reasons = Decimal(0), []
    for amount, names in amounts:
        price, reason = rates.first(region, names)
        if price is None:
            reasons.append(reason)
        else:
            total += amount * price
    return (None, ", ".join(reasons)) if reasons else (total.normalize() + 0, "")
