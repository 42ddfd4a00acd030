"""Prices as dated, sourced data. A price that is not known is None with a reason, never 0."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from infercost.domain.errors import UsageError

_FX = r"(?P<currency>[A-Z]{3})=(?P<rate>\d{1,9}(\.\d{1,12})?)@(?P<day>\d{4}-\d{2}-\d{2})"

Mode = Literal["realtime", "serverless", "async", "batch"]
"""How answers are had: while the caller waits (``realtime``, ``serverless``), later through a queue (``async``), or
for a whole data set by a job (``batch``)."""

ANSWERING: Final = frozenset({"realtime", "serverless"})
"""Modes whose caller waits for the answer. Only they can keep a latency promise, so only they are ranked by it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One instance type (or serverless size) in one region at a list price."""

    provider: str
    region: str
    mode: Mode
    instance_type: str
    price: Decimal | None
    """USD per ``unit``; None when the book lists the offer without a price."""
    unit: str
    """``hour`` (of one replica), or ``second`` (billed) for serverless."""
    flag: str = ""
    """A data-quality flag of the source; its meaning is in the catalog's ``flags``."""
    list_price: Decimal | None = None
    """What the cloud lists, where a discount made ``price`` another; None where ``price`` is the list price."""
    spot: bool = False
    """Surplus capacity (Spot, Low Priority): cheaper, and taken away at any time."""

    @property
    def kind(self) -> str:
        """The mode, with ``_spot`` where it is surplus capacity: what ``infercost prices show --kind`` takes."""
        return f"{self.mode}_spot" if self.spot else self.mode

    @property
    def answers(self) -> bool:
        """Whether it can keep a latency promise: its caller waits, and nobody takes the machine away."""
        return self.mode in ANSWERING and not self.spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A price for something other than compute: a GB stored, moved or logged."""

    item: str
    """Standard item name; see ``infercost.domain.provider.Charge``."""
    region: str
    """A region, or ``*`` where the cloud states one price for all regions."""
    unit: str
    price: Decimal
    from_quantity: Decimal
    """Monthly quantity (in ``unit``'s amount) at which this tier begins; 0 for the first."""
    source: str
    as_of: str
    list_price: Decimal | None = None
    """As on an ``Offer``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A cloud region and where it is."""

    key: str
    location: str
    geography: str
    """``us``, ``ca``, ``mx``, ``sa``, ``eu``, ``me``, ``af``, ``apac``, ``gov``."""
    as_of: str = ""
    """Date of this region's prices where it is not the catalog's: only some regions were refreshed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRate:
    """A rate that the user gave. There is no other: prices are never converted by a hidden one."""

    currency: str
    """ISO code of the currency converted to, from USD."""
    rate: Decimal
    """Units of ``currency`` for one USD."""
    as_of: str
    """The day of the rate, ISO."""

    @classmethod
    def parse(cls, text: str) -> ExchangeRate:
        """Read ``EUR=0.92@2026-11-01``: 0.92 EUR for one USD on that day.

        Raises:
            UsageError: the text is not of that form.
        """
        match = re.fullmatch(_FX, text.strip())
        day = _iso_day(match["day"]) if match else None
        if match is None or day is None or not Decimal(match["rate"]):
            raise UsageError(
                f"cannot read the exchange rate {text!r}; write it like --fx EUR=0.92@2026-11-01 (EUR for one USD, and its day)"
            )
        return cls(currency=match["currency"], rate=Decimal(match["rate"]), as_of=day)


def _iso_day(text: str) -> str | None:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """One provider's snapshot of prices."""

    provider: str
    as_of: str
    """Date of the data (ISO), not of the release that ships it."""
    source: str
    licence: str
    currency: str = "USD"
    derived: bool = False
    """True when compute prices were computed from other prices instead of read."""
    derivation: str | None = None
    sha256: str = ""
    offers: tuple[Offer, ...]
    """Those that answer while the caller waits, and all others too where the catalog was read with every mode."""
    rates: tuple[Rate, ...]
    regions: dict[str, Region]
    flags: dict[str, str] = field(default_factory=dict)
    """Meaning of each offer flag; a flag listed here raises a warning where it is used."""
    exchange_rate: ExchangeRate | None = None
    """By what the prices were converted from USD; None where the cloud itself states them in ``currency``."""
    discounts: tuple[str, ...] = ()
    """Discounts of the user that changed prices here, in words."""

    def offers_of(self, mode: Mode, *, spot: bool = False) -> tuple[Offer, ...]:
        """The offers of one mode, on dedicated or on surplus capacity."""
        return tuple(offer for offer in self.offers if offer.mode == mode and offer.spot == spot)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCatalog:
    """How a catalog is named in an estimate."""

    provider: str
    as_of: str
    age_days: int
    source: str
    derived: bool
    sha256: str = ""
    currency: str = "USD"
    exchange_rate: ExchangeRate | None = None
    """By what the prices were converted from USD, where the user gave a rate."""
    discounts: tuple[str, ...] = ()
    """Discounts of the user that changed prices here, in words."""
