"""The Cloud Billing Catalog's list of a service's SKUs: wants a key, pages by ``pageToken``."""

from __future__ import annotations

import json
from base64 import b64encode
from copy import deepcopy
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from infercost.testing.price_servers.server import Answer, PriceServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["BillingCatalogServer", "sku"]

VERTEX = "C7E2-9256-1C43"
_FORBIDDEN = {
    "error": {
        "code": 403,
        "message": "Method doesn't allow unregistered callers (callers without established identity).",
        "status": "PERMISSION_DENIED",
    }
}


def sku(
    description: str,
    regions: Sequence[str],
    *tiers: tuple[float, str],
    unit: str = "h",
    usage_type: str = "OnDemand",
    currency: str = "USD",
    effective: str = "2026-11-01T00:00:00Z",
) -> dict[str, Any]:
    """A SKU with tiers of start amount and price. As in protocol buffers' JSON, zeros are left out."""
    digest = sha256(f"{description}{usage_type}".encode()).hexdigest().upper()
    sku_id = "-".join(digest[start : start + 4] for start in (0, 4, 8))
    rates = []
    for start, price in tiers:
        whole, fraction = divmod(Decimal(price), 1)
        amount: dict[str, Any] = {"currencyCode": currency, "units": str(whole)}
        nanos = int(fraction.scaleb(9))
        rates.append({"startUsageAmount": start, "unitPrice": amount | ({"nanos": nanos} if nanos else {})})
    return {
        "name": f"services/{VERTEX}/skus/{sku_id}",
        "skuId": sku_id,
        "description": description,
        "category": {
            "serviceDisplayName": "Vertex AI",
            "resourceFamily": "ApplicationServices",
            "resourceGroup": "Vertex AI",
            "usageType": usage_type,
        },
        "serviceRegions": list(regions),
        "pricingInfo": [
            {
                "summary": "",
                "pricingExpression": {
                    "usageUnit": unit,
                    "displayQuantity": 1,
                    "tieredRates": rates,
                    "usageUnitDescription": {"h": "hour", "GiBy.h": "gibibyte hour"}.get(unit, unit),
                },
                "currencyConversionRate": 1,
                "effectiveTime": effective,
            }
        ],
        "serviceProviderName": "Google",
        "geoTaxonomy": {"type": "MULTI_REGIONAL" if len(regions) > 1 else "REGIONAL", "regions": list(regions)},
    }


class BillingCatalogServer(PriceServer):
    """Lists ``skus``, which a test may change, to callers that present ``key`` (in a header or in the URL) or a token."""

    def __init__(self, skus: Iterable[dict[str, Any]], *, key: str, page_size: int = 1000, compress: bool = True) -> None:
        super().__init__(compress=compress)
        self.skus = [deepcopy(entry) for entry in skus]
        self.key = key
        self.page_size = page_size
        self.repeat_pages = False
        """Send each page twice, under tokens of their own."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """A page of SKUs."""
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        if self.key not in {headers.get("x-goog-api-key"), query.get("key")} and "authorization" not in headers:
            return Answer(status=403, body=json.dumps(_FORBIDDEN).encode())
        if parts.path != f"/v1/services/{VERTEX}/skus":
            return Answer(status=404, body=b'{"error": {"code": 404, "message": "Service not found."}}')
        step, size = 0, min(self.page_size, int(query.get("pageSize", "5000")))
        tokens = {self._token(number): number for number in range(2 * len(self.skus) + 2)}
        if "pageToken" in query:
            if query["pageToken"] not in tokens:
                return Answer(status=400, body=b'{"error": {"code": 400, "message": "Invalid page token."}}')
            step = tokens[query["pageToken"]]
        start = (step // 2 if self.repeat_pages else step) * size
        page: dict[str, Any] = {"skus": self.skus[start : start + size]}
        following = ((step + 1) // 2 if self.repeat_pages else step + 1) * size
        if following < len(self.skus):
            page["nextPageToken"] = self._token(step + 1)
        return Answer(body=json.dumps(page).encode())

    def _token(self, step: int) -> str:
        """Like the real ones, a token has characters that a URL must escape."""
        return b64encode(sha256(f"page {step}".encode()).digest()[:29]).decode()
