"""What a user pays less than the list: negotiated, committed, free or private."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

COMPUTE = "compute"
"""The service that instances and serverless memory belong to; other services are ``Rate.item`` names."""

CommitmentKind = Literal["savings_plan", "cud", "reservation"]
Term = Literal["1y", "3y"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentage:
    """A negotiated share off the list price."""

    provider: str
    services: tuple[str, ...] = ("*",)
    """``compute`` or rate items; globs."""
    percent: Decimal
    """0 … 100, off the list price."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """A savings plan, committed-use discount or reservation, taken as fully used."""

    provider: str
    kind: CommitmentKind
    term: Term
    percent: Decimal
    """0 … 100, off the price of the hours that it covers."""
    coverage: Decimal
    """0 … 100: share of the hours that it covers; the rest pays the price without it."""
    regions: tuple[str, ...] = ("*",)
    instances: tuple[str, ...] = ("*",)
    """Globs over instance types."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeTier:
    """A monthly quantity that costs nothing, as far as the account has not used it up."""

    provider: str
    service: str
    """A rate item."""
    quantity: Decimal
    """In the unit of the rate (GB, GB-month)."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivatePrice:
    """An agreed price of one instance type or rate, in place of the list price. No other discount applies to it."""

    provider: str
    price: Decimal
    """A unit, in ``currency``."""
    instance: str | None = None
    service: str | None = None
    """A rate item; either this or ``instance``."""
    regions: tuple[str, ...] = ("*",)
    currency: str = "USD"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounts:
    """All of a user's discounts."""

    percentages: tuple[Percentage, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    free_tiers: tuple[FreeTier, ...] = ()
    private_prices: tuple[PrivatePrice, ...] = ()
    source: str = ""
    """The file they were read from."""

    def of(self, provider: str) -> Discounts:
        """Those of one provider."""
        return Discounts(
            percentages=tuple(d for d in self.percentages if d.provider == provider),
            commitments=tuple(d for d in self.commitments if d.provider == provider),
            free_tiers=tuple(d for d in self.free_tiers if d.provider == provider),
            private_prices=tuple(d for d in self.private_prices if d.provider == provider),
            source=self.source,
        )

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.percentages or self.commitments or self.free_tiers or self.private_prices)
