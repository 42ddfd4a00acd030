"""Vertex AI's list prices from the Cloud Billing Catalog, which wants an API key or a login."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
import urllib3

from infercost.domain.errors import ProviderError
from infercost.domain.price import Offer
from infercost.domain.refresh import ExtraPrice, Finding, Refreshed
from infercost.providers._catalogs import choose_regions, kept_rates
from infercost.providers._http import Client
from infercost.providers.vertex._skus import Rates, SkuPage, is_prediction, parts_of, read_description, unit_price

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from infercost.domain.hardware import Hardware
    from infercost.domain.price import Catalog
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
_CHANGED = "the last prices are kept; update infercost: pip install --upgrade infercost"


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

    A node's price is vCPUs × core + GiB × memory + GPUs × GPU. A machine type of ``shipped`` that
    lacks one of these in a region is listed there without a price; the findings say what is missing.

    Raises:
        ProviderError: the catalog cannot be read, or holds no prediction SKU; or there is no key.
        UsageError: a region is unknown.
    """
    base = (endpoint or ENDPOINT).rstrip("/")
    client = Client("vertex", folder, policy=policy, headers=_credentials(api_key), on_progress=on_progress)
    listing = _Listing(client, base, currency)
    book = _Book(currency, client.policy.now().date().isoformat())
    for sku in listing.skus():
        book.add(sku)
    listing.forget()
    if not book.rates.regions():
        raise ProviderError(
            f"vertex: {base}: the source has changed: no SKU for the parts of an Online/Batch Prediction node; {_CHANGED}"
        )
    places, findings = choose_regions(shipped, regions, book.rates.regions())
    offers, not_priced = _offers(book.rates, shipped, places, hardware or {})
    rates = kept_rates(shipped, places, ()) if currency == shipped.currency else ()
    if not rates and shipped.rates:
        reason = f"no rate in {currency} for storage, egress, logs and registry; those known are in {shipped.currency}"
        not_priced.append(Finding(provider="vertex", subject="rates", reason=reason))
    catalog = replace(
        shipped,
        as_of=listing.oldest.date().isoformat(),
        source=f"Cloud Billing Catalog, Vertex AI Online/Batch Prediction ({base}/v1/services/{SERVICE}/skus)",
        licence="Google public price list",
        currency=currency,
        derived=False,
        derivation=None,
        sha256="",
        offers=offers,
        rates=rates,
        regions={place: shipped.regions[place] for place in places},
        flags={},
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


class _Listing:
    """Follows the pages of the list of SKUs."""

    def __init__(self, client: Client, base: str, currency: str) -> None:
        self.oldest: datetime = client.policy.now()
        self._client = client
        self._base = base
        self._url = f"{base}/v1/services/{SERVICE}/skus?currencyCode={quote(currency)}&pageSize={_PAGE_SIZE}"
        self._names: list[str] = []

    def skus(self) -> Iterator[Sku]:
        """Every SKU of the service, page by page."""
        decode = msgspec.json.Decoder(SkuPage).decode
        token = ""
        followed: set[str] = set()
        while True:
            url = self._url + (f"&pageToken={quote(token, safe='')}" if token else "")
            name = f"vertex-{len(followed):03}.json"
            self._names.append(name)
            page, received = self._client.read(url, name, decode, label=f"page {len(followed) + 1}")
            self.oldest = min(self.oldest, received)
            yield from page.skus
            followed.add(token)
            token = page.next_page
            if not token:
                return
            if token in followed or len(followed) >= _MOST_PAGES:
                raise ProviderError(f"vertex: {self._base}: the pages of the answer do not end; {_CHANGED}")

    def forget(self) -> None:
        """Remove the pages: their tokens are good for one listing only."""
        for name in self._names:
            self._client.forget(name)


class _Book:
    """Sorts SKUs into rates, extras and what was not understood."""

    def __init__(self, currency: str, today: str) -> None:
        self.rates = Rates()
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
    rates: Rates, shipped: Catalog, places: Iterable[str], hardware: Mapping[str, Hardware]
) -> tuple[tuple[Offer, ...], list[Finding]]:
    """An offer wherever all parts are priced, and one without a price wherever the book knows the machine type."""
    known = {(offer.region, offer.instance_type) for offer in shipped.offers}
    types = sorted({name for _, name in known})
    offers = []
    missing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for place in places:
        for name in types:
            price, reason = _node_price(rates, place, name, hardware.get(name))
            if price is None and (place, name) not in known:
                continue
            if price is None:
                missing[name, reason].append(place)
            offers.append(Offer("vertex", place, "realtime", name, price, "hour"))
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
