"""Reading pages of the Azure Retail Prices API.

The API lists every meter of a VM size side by side: Linux and Windows, list, Spot and Low
Priority, reservations, and the same meter once more for the region that it is billed through.
"""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from typing import Literal

import msgspec

__all__ = ["Item", "Meters", "Page", "SavingsPlan"]

ItemKind = Literal["list", "spot", "low_priority", "reservation"]

_WINDOWS = re.compile(r"\bWin(dows)?\s*$", re.IGNORECASE)
"""Product names of Windows meters end in `` Windows``, newer ones in `` Win``."""


class SavingsPlan(msgspec.Struct, frozen=True):
    """What an hour costs under a savings plan."""

    price: Decimal = msgspec.field(name="retailPrice")
    term: str


class Item(msgspec.Struct, frozen=True):
    """One price of one meter."""

    currency: str = msgspec.field(name="currencyCode")
    price: Decimal = msgspec.field(name="retailPrice")
    region: str = msgspec.field(name="armRegionName")
    sku: str = msgspec.field(name="armSkuName")
    product_name: str = msgspec.field(name="productName")
    sku_name: str = msgspec.field(name="skuName")
    meter_name: str = msgspec.field(name="meterName")
    unit: str = msgspec.field(name="unitOfMeasure")
    type: str
    tier_minimum: Decimal = msgspec.field(name="tierMinimumUnits", default=Decimal(0))
    primary: bool = msgspec.field(name="isPrimaryMeterRegion", default=True)
    effective_from: str = msgspec.field(name="effectiveStartDate", default="")
    effective_until: str | None = msgspec.field(name="effectiveEndDate", default=None)
    reservation_term: str = msgspec.field(name="reservationTerm", default="")
    savings: tuple[SavingsPlan, ...] = msgspec.field(name="savingsPlan", default=())

    def kind(self) -> ItemKind | None:
        """What it prices; None for Windows, for developers' subscriptions, and for what is out of sale."""
        labels = f"{self.sku_name} / {self.meter_name}".lower()
        if _WINDOWS.search(self.product_name) or "expired" in labels:
            return None
        if self.type == "Reservation":
            return "reservation"
        if self.type != "Consumption":
            return None
        if "spot" in labels:
            return "spot"
        return "low_priority" if "low priority" in labels else "list"

    def in_force(self, today: str) -> bool:
        """Whether the price holds on an ISO date."""
        return self.effective_from[:10] <= today and not (self.effective_until and self.effective_until[:10] < today)


class Page(msgspec.Struct):
    """A page of the answer."""

    items: list[Item] = msgspec.field(name="Items")
    next_page: str | None = msgspec.field(name="NextPageLink")


class Meters:
    """Items by what they price. Taking one twice changes nothing."""

    def __init__(self, today: str) -> None:
        self._today = today
        self._found: dict[tuple[ItemKind, str, str, str], set[Item]] = defaultdict(set)

    def add(self, item: Item) -> None:
        """Take an item, if it is a price in force of something that is wanted."""
        kind = item.kind()
        if kind is not None and item.region and item.in_force(self._today):
            self._found[kind, item.region, item.sku, item.reservation_term].add(item)

    def found(self) -> list[tuple[ItemKind, str, str, str]]:
        """Kind, region, SKU and reservation term of everything found, sorted."""
        return sorted(self._found)

    def one(self, key: tuple[ItemKind, str, str, str]) -> tuple[Item | None, str]:
        """The one item that prices a key, or None and why there is none.

        Of several, those of the primary meter region go first, then the latest. If two prices are
        still left, neither is taken: nothing tells which of them is billed.
        """
        found = self._found[key]
        hourly = [item for item in found if item.unit == "1 Hour" and item.tier_minimum == 0]
        if not hourly:
            return None, f"the source prices it by {', '.join(sorted({item.unit for item in found}))}, not by the hour"
        pool = [item for item in hourly if item.primary] or hourly
        latest = max(item.effective_from for item in pool)
        pool = [item for item in pool if item.effective_from == latest]
        if len({item.price for item in pool}) > 1:
            told = ", ".join(sorted(f"{item.price:f} ({item.product_name})" for item in pool))
            return None, f"the source states several prices: {told}"
        best = max(pool, key=lambda item: (len(item.savings), item.product_name))
        return (best, "") if best.price > 0 else (None, "the source states a price of 0")
