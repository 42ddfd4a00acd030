"""What reading a cloud's official prices gives, and how it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

from infercost.domain.hardware import Hardware
from infercost.domain.price import Catalog

ExtraKind = Literal[
    "serverless_provisioned",
    "serverless_provisioned_duration",
    "spot",
    "savings_plan",
    "reservation",
    "management_fee",
]
"""What an ``ExtraPrice`` pays for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraPrice:
    """A price that the source states and that is no offer of a catalog: a commitment, a fee, a part of a machine."""

    provider: str
    kind: ExtraKind
    region: str
    instance_type: str
    """The instance type, the serverless size (``serverless-2048MB``), or the billed part."""
    applies_to: Literal["realtime", "serverless", "async", "batch"] = "realtime"
    """The serving mode that a commitment covers; for modes of their own, the mode."""
    price: Decimal
    unit: str
    """``hour``, ``second``, ``GiB-hour``, or ``term`` for the price of a whole commitment."""
    term: str = ""
    """Length of a commitment as ``1y`` or ``3y``."""
    payment: str = ""
    """``no upfront``, ``partial upfront`` or ``all upfront`` where the source tells."""
    currency: str = "USD"
    as_of: str = ""
    """Date of this price where it is not the snapshot's."""
    source: str = ""
    """Where this price is from, where that is not the snapshot's source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a source does not say, or says in a way that was not understood."""

    provider: str
    subject: str
    """What it is about, for example ``us-central1/a3-highgpu-8g``."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The outcome of one refresh. Nothing is written; keeping it is the caller's business."""

    catalog: Catalog
    """Complete for the regions that were asked for, and for all regions where none was named."""
    extras: tuple[ExtraPrice, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshProgress:
    """How far a refresh is."""

    provider: str
    document: str
    """What is being read, for people: ``eu-west-1``, ``page 3``."""
    done: int
    """Documents that are complete."""
    total: int | None
    """Documents in all; None where pages do not tell how many follow."""
    received_bytes: int
    """Bytes received so far, as sent (compressed)."""


class Refresh(Protocol):
    """Reads a cloud's official prices.

    Implementations may take further keyword arguments that have defaults.
    """

    def __call__(
        self,
        *,
        shipped: Catalog,
        folder: Path,
        hardware: Mapping[str, Hardware] | None = None,
        regions: Sequence[str] | None = None,
        currency: str = "USD",
        endpoint: str | None = None,
        api_key: str | None = None,
        on_progress: Callable[[RefreshProgress], None] | None = None,
    ) -> Refreshed:
        """Read prices now.

        Args:
            shipped: the catalog known so far. It names the regions and instance types to price, and
                its rates are kept where the source does not state them.
            folder: where downloads are kept, so that an interrupted refresh resumes and unchanged
                documents are not sent again. One refresh at a time may use it.
            hardware: sizes of instance types, for clouds that price the parts of a machine.
            regions: the regions to read; None for all.
            currency: ISO code of the currency to ask for.
            endpoint: base URL in place of the official one.
            api_key: for clouds that want one; else they look into the environment.
            on_progress: called as bytes and documents arrive.

        Raises:
            ProviderError: the source cannot be reached, refuses, or has changed its format.
            UsageError: a region or currency cannot be had.
        """
        ...
