"""The Azure Retail Prices API: filters as sent, case-sensitively; pages by ``NextPageLink``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit
from uuid import NAMESPACE_URL, uuid5

from infercost.testing.price_servers.server import Answer, PriceServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["RetailPricesServer", "vm_item"]

_CONDITION = re.compile(r"(?P<field>\w+) eq '(?P<value>[^']*)'")


def vm_item(sku: str, region: str, price: float, **changes: Any) -> dict[str, Any]:
    """An item for a VM's hour (Linux, list price) with the fields that the API sends; ``changes`` by the API's names."""
    name = sku.removeprefix("Standard_").replace("_", " ")
    item = {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": region,
        "location": region,
        "effectiveStartDate": "2026-06-01T00:00:00Z",
        "meterId": str(uuid5(NAMESPACE_URL, f"{sku}/{region}/{sorted(changes.items())}")),
        "meterName": name,
        "productId": "DZH318Z0BQ4B",
        "skuId": "DZH318Z0BQ4B/00V0",
        "productName": f"Virtual Machines {name.split(maxsplit=1)[0]} Series",
        "skuName": name,
        "serviceName": "Virtual Machines",
        "serviceId": "DZH313Z7MMC8",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": sku,
    }
    return item | changes


class RetailPricesServer(PriceServer):
    """Answers from ``items``, which a test may change.

    Args:
        items: items in USD.
        page_size: items a page.
        exchange: what a USD is in other currencies; an item's price is multiplied by it.
    """

    def __init__(
        self,
        items: Iterable[dict[str, Any]],
        *,
        page_size: int = 100,
        exchange: Mapping[str, float] | None = None,
        compress: bool = True,
    ) -> None:
        super().__init__(compress=compress)
        self.items = [dict(item) for item in items]
        self.page_size = page_size
        self.exchange = {"USD": 1.0, **(exchange or {})}
        self.repeat_pages = False
        """Send each page twice, under links of their own."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """A page of the items that the filter lets through."""
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        currency = query.get("currencyCode", "'USD'").strip("'")
        if parts.path != "/api/retail/prices" or query.get("api-version") != "2023-01-01-preview":
            return Answer(status=404, body=b'{"Error": {"Code": "NotFound", "Message": "no such resource"}}')
        if currency not in self.exchange:
            return Answer(status=400, body=b'{"Error": {"Code": "BadRequest", "Message": "Invalid currency code."}}')
        wanted = _clauses(query.get("$filter", ""))
        found = [item for item in self.items if all(str(item.get(field)) in values for field, values in wanted)]
        start = int(query.get("$skip", "0"))
        shown = [self._in_currency(item, currency) for item in found[start : start + self.page_size]]
        page = {
            "BillingCurrency": currency,
            "CustomerEntityId": "Default",
            "CustomerEntityType": "Retail",
            "Items": shown,
            "NextPageLink": self._next(headers["host"], query, start, len(found)),
            "Count": len(shown),
        }
        return Answer(body=json.dumps(page).encode())

    def _next(self, host: str, query: Mapping[str, str], start: int, count: int) -> str | None:
        again = self.repeat_pages and "again" not in query
        skip = start if again else start + self.page_size
        if skip >= count:
            return None
        left = {name: value for name, value in query.items() if name not in {"$skip", "again"}}
        left |= {"$skip": str(skip)} | ({"again": "1"} if again else {})
        return f"http://{host}/api/retail/prices?" + "&".join(f"{name}={quote(value)}" for name, value in left.items())

    def _in_currency(self, item: dict[str, Any], currency: str) -> dict[str, Any]:
        rate = self.exchange[currency]
        prices = {name: round(item[name] * rate, 6) for name in ("retailPrice", "unitPrice") if name in item}
        return item | prices | {"currencyCode": currency}


def _clauses(condition: str) -> list[tuple[str, set[str]]]:
    """``a eq 'x' and (b eq 'y' or b eq 'z')`` as fields and their values: the part of OData that is used here."""
    clauses = []
    for part in condition.split(" and ") if condition else ():
        told = [(match["field"], match["value"]) for match in _CONDITION.finditer(part)]
        (field,) = {field for field, _ in told}
        clauses.append((field, {value for _, value in told}))
    return clauses
