"""What of prices and their changes a person needs to see. Pure, format-free."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from infercost.render import figures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from infercost.domain.price import PriceCatalog
    from infercost.domain.price_report import Impact, PriceChange, PriceDiff, Side

MORE: Final = "--format json has all"


@dataclass(frozen=True, slots=True)
class Summary:
    """The changes of one cloud."""

    provider: str
    before: str
    after: str
    added: int
    removed: int
    changed: int
    dearer: int
    cheaper: int
    median: float | None
    """Of the relative changes."""


def summaries(value: PriceDiff) -> list[Summary]:
    """One a cloud, changed or not."""
    before = {catalog.provider: catalog.as_of for catalog in value.before}
    rows = []
    for catalog in value.after:
        own = [change for change in value.changes if change.provider == catalog.provider]
        relative = [change.relative for change in own if change.relative is not None]
        kinds = [change.change for change in own]
        rows.append(
            Summary(
                provider=catalog.provider,
                before=before.get(catalog.provider, "-"),
                after=catalog.as_of,
                added=kinds.count("added") + kinds.count("priced"),
                removed=kinds.count("removed") + kinds.count("unpriced"),
                changed=kinds.count("changed"),
                dearer=sum(change > 0 for change in relative),
                cheaper=sum(change < 0 for change in relative),
                median=median(relative) if relative else None,
            )
        )
    return rows


def catalog_line(catalog: PriceCatalog) -> str:
    """Date, age and how the prices came to be."""
    text = f"{figures.clean(catalog.provider)} of {figures.clean(catalog.as_of)} ({figures.count(catalog.age_days, 'day')} old)"
    return text + (", derived from other list prices" if catalog.derived else "")


def place(region: str) -> str:
    """A region, or ``all regions`` where one price holds in all of them."""
    return "all regions" if region == "*" else figures.clean(region)


def price_text(value: Decimal | None, currency: str, *, blank: bool = False) -> str:
    """Every digit of a list price: ``$1.408``; ``no price`` where there is none, blank where there is no offer."""
    if value is None:
        return "" if blank else figures.NO_PRICE
    whole, _, places = f"{value.normalize():f}".partition(".")
    return f"{figures.symbol(currency)}{whole}.{places.ljust(2, '0')}"


def percent(relative: float | None) -> str:
    """``+12.5 %``; empty where it is not known. A change is never shown as none."""
    if relative is None:
        return ""
    value = relative * 100
    return f"{value:+.1f} %" if abs(value) >= 0.05 else f"{value:+.2g} %"


def change_words(change: PriceChange) -> str:
    """What happened."""
    return {"priced": "has a price now", "unpriced": "lost its price"}.get(change.change, change.change)


def key_of(change: PriceChange) -> str:
    """The name, with its tier."""
    start = f" from {figures.quantity(change.from_quantity)} {change.unit}" if change.from_quantity else ""
    return f"{figures.clean(change.name)}{start}"


def impact_lines(impact: Impact, symbol: str = "$") -> Iterator[str]:
    """Before, after, and what staying costs."""
    change = f" ({percent(impact.relative)})" if impact.relative else " (no change)" if impact.relative == 0 else ""
    yield f"{figures.clean(impact.target)}: {_side(impact.before, symbol)} -> {_side(impact.after, symbol)}{change}"
    before, after = impact.before, impact.after
    if before is not None and (after is None or (after.provider, after.region, after.instance_type) != _place(before)):
        stay = "is gone or has no price now"
        if impact.same_after is not None:
            stay = f"costs {figures.money(impact.same_after, symbol)}/month now"
        yield f"{figures.clean(before.instance_type)} in {figures.clean(before.region)} {stay}"


def _place(side: Side) -> tuple[str, str, str]:
    return side.provider, side.region, side.instance_type


def _side(side: Side | None, symbol: str) -> str:
    if side is None:
        return "nothing serves it"
    cost = figures.money(side.per_month, symbol)
    return f"{figures.clean(side.instance_type)} in {figures.clean(side.region)} {cost}/month"
