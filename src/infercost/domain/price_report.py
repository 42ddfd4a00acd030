"""What ``infercost prices`` answers: prices with their history, changes between books, results of checks."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from infercost.domain.price import PriceCatalog
from infercost.domain.units import SCHEMA_VERSION

__all__ = ["CheckedFinding", "Impact", "PriceChange", "PriceCheck", "PriceDiff", "PriceList", "PricePoint", "PriceRow", "Side"]


@dataclass(frozen=True, slots=True)
class PricePoint:
    """A price in one snapshot."""

    as_of: str
    price: Decimal | None
    """None where that snapshot has none."""
    sha256: str
    """Of the snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One price of the book."""

    provider: str
    region: str
    kind: str
    """``realtime`` or ``serverless`` (compute that estimates rank); ``async``, ``batch`` or ``batch_spot``, which promise
    something else; ``rate`` (beside compute); or what else the source prices: ``savings_plan``, ``reservation`` …"""
    name: str
    """Instance type, serverless size, or rate item."""
    price: Decimal | None
    """None: listed without a price."""
    unit: str
    currency: str
    as_of: str
    source: str
    from_quantity: Decimal | None = None
    """Monthly quantity at which this tier of a rate begins; None for compute."""
    terms: str = ""
    """Length and payment of a commitment."""
    flag: str = ""
    note: str = ""
    """What the flag means, or how the price was derived."""
    history: tuple[PricePoint, ...] = ()
    """The price in every snapshot on this machine, oldest first; empty where there is only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """Prices that match a question."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["prices"] = "prices"
    price_catalogs: tuple[PriceCatalog, ...]
    rows: tuple[PriceRow, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """One price that is not what it was."""

    provider: str
    region: str
    kind: str
    """As on a ``PriceRow``."""
    name: str
    unit: str
    change: Literal["added", "removed", "changed", "priced", "unpriced"]
    """``priced`` and ``unpriced``: listed before and after, but with a price only after or only before."""
    old: Decimal | None
    new: Decimal | None
    relative: float | None = None
    """``new / old - 1`` where both are known and ``old`` is not 0."""
    from_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The cheapest way to serve a target under one book."""

    provider: str
    region: str
    instance_type: str
    per_month: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What a change of prices does to one target."""

    target: str
    before: Side | None
    """None: nothing served it."""
    after: Side | None
    same_after: Decimal | None = None
    """What the cheapest way of before costs a month now; None where it is gone or has no price now."""
    relative: float | None = None
    """Of the cheapest way's monthly cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDiff:
    """What changed between two books, and what that does to estimates."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["price_diff"] = "price_diff"
    before: tuple[PriceCatalog, ...]
    after: tuple[PriceCatalog, ...]
    changes: tuple[PriceChange, ...]
    impacts: tuple[Impact, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFinding:
    """Something that a check found. ``explained`` is None for a defect."""

    provider: str
    check: str
    subject: str
    message: str
    explained: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCheck:
    """The result of every integrity check on the current prices."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["price_check"] = "price_check"
    outcome: Literal["pass", "fail"]
    price_catalogs: tuple[PriceCatalog, ...]
    checked: dict[str, int]
    """Prices checked, by provider."""
    findings: tuple[CheckedFinding, ...]
    warnings: tuple[str, ...] = ()
