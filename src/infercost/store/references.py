"""Prices that a snapshot can be held against: the machines under an endpoint, and bills that were seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from infercost.store.pricebook import shipped
from infercost.store.pricebook_checks import Finding
from infercost.store.snapshot_format import read_manifest, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.price import Catalog

__all__ = ["REFERENCES_FILE", "Reference", "check_references", "load_references"]

REFERENCES_FILE = "references.csv"
COLUMNS = ("check", "region", "instance_type", "price", "low", "high", "days", "as_of", "source")


@dataclass(frozen=True, slots=True)
class Reference:
    """A price of the same hardware, and how much dearer the endpoint may be."""

    check: str
    """``vm ratio``: the raw machine. ``observed``: a published table or a bill."""
    region: str
    instance_type: str
    price: Decimal
    """USD an hour."""
    low: Decimal
    """The least that the endpoint's price may be, as a multiple."""
    high: Decimal
    days: int
    """Dates further apart than this prove nothing: either price may have been cut since."""
    as_of: str
    source: str


def load_references(package: str) -> tuple[Reference, ...]:
    """What ships with a provider; nothing where it ships none.

    Raises:
        ArtifactError: the table is damaged.
    """
    location = shipped(package)
    manifest = read_manifest(location)
    if REFERENCES_FILE not in manifest.files:
        return ()
    rows = read_table(location, REFERENCES_FILE, manifest, COLUMNS)
    return tuple(
        Reference(check, region, instance, Decimal(price), Decimal(low), Decimal(high), int(days), as_of, source)
        for check, region, instance, price, low, high, days, as_of, source in rows
    )


def check_references(catalog: Catalog, references: Sequence[Reference]) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Prices outside of the band around their reference.

    Args:
        catalog: list prices in USD; in another currency nothing is compared.
        references: see :func:`load_references`.

    Returns:
        Findings, and what could not be compared, in words.
    """
    if catalog.currency != "USD":
        return (), (f"{catalog.provider}: prices in {catalog.currency} are not compared with raw machines (those are in USD)",)
    offers = {(o.region, o.instance_type): o.price for o in catalog.offers if o.kind == "realtime"}
    findings: list[Finding] = []
    apart = 0
    for reference in references:
        price = offers.get((reference.region, reference.instance_type))
        if price is None:
            continue
        if _days_apart(reference.as_of, catalog.as_of) > reference.days:
            apart += 1
            continue
        ratio = price / reference.price
        if not reference.low <= ratio <= reference.high:
            findings.append(
                Finding(
                    reference.check,
                    f"{reference.region}/{reference.instance_type}",
                    f"{price} is {ratio:.3f} x {reference.price} of {reference.source} ({reference.as_of}),"
                    f" outside {reference.low} … {reference.high}",
                )
            )
    notes = (f"{catalog.provider}: {apart} references are too far from {catalog.as_of}, not compared",) if apart else ()
    return tuple(findings), notes


def _days_apart(one: str, other: str) -> int:
    return abs((_day(one) - _day(other)).days)


def _day(text: str) -> date:
    return date.fromisoformat(text + {4: "-01-01", 7: "-01"}.get(len(text), ""))
