"""What a reader must know before trusting an estimate: ages, gaps and doubts of the prices behind it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Final

from infercost.domain.price import PriceCatalog
from infercost.engine.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infercost.domain.price import Catalog, Offer

__all__ = ["STALE_AFTER_DAYS", "caveats", "name_catalog"]

STALE_AFTER_DAYS: Final = 30
"""Age from which prices raise a warning: lists change a few times a year, and new types appear monthly."""


def name_catalog(catalog: Catalog, regions: Sequence[str], today: date) -> PriceCatalog:
    """How the catalog is named in an estimate, as old as the oldest prices of the chosen regions."""
    return PriceCatalog(
        provider=catalog.provider,
        as_of=catalog.as_of,
        age_days=_age_days(catalog, regions, today),
        source=catalog.source,
        derived=catalog.derived,
        sha256=catalog.sha256,
        currency=catalog.currency,
        exchange_rate=catalog.exchange_rate,
        discounts=catalog.discounts,
    )


def _age_days(catalog: Catalog, regions: Sequence[str], today: date) -> int:
    dates = [catalog.regions[key].as_of for key in regions if key in catalog.regions]
    return max((today - date.fromisoformat(as_of or catalog.as_of)).days for as_of in dates or [""])


def caveats(
    catalogs: Sequence[Catalog],
    ages: Mapping[str, int],
    gaps: Mapping[str, Mapping[str, Sequence[str]]],
    priced: Sequence[Offer],
    without_price: Sequence[Offer],
) -> tuple[str, ...]:
    """Warnings, each once.

    Args:
        catalogs: the prices used.
        ages: days, by provider.
        gaps: regions where a line has no price, by provider and line.
        priced: offers that were ranked.
        without_price: offers that fit and have no price.
    """
    found = [*_old(ages), *_derived(catalogs)]
    for provider, lines in gaps.items():
        names = ", ".join(f"{name} ({listed(regions)})" for name, regions in sorted(lines.items()))
        if names:
            found.append(f"{provider}: no price for {names}; not in the totals there, but in the upper end of their bands")
    for catalog in catalogs:
        doubtful = Counter(o.flag for o in priced if o.provider == catalog.provider and o.flag in catalog.flags)
        for flag, count in sorted(doubtful.items()):
            many = "1 candidate" if count == 1 else f"{count:,} candidates"
            found.append(f"{catalog.provider}: {many} with a doubtful price: {catalog.flags[flag]}")
    for provider in dict.fromkeys(offer.provider for offer in without_price):
        types = [f"{offer.instance_type} in {offer.region}" for offer in without_price if offer.provider == provider]
        found.append(f"{provider}: without a price, so not ranked: {listed(types)}")
    return tuple(found)


def _old(ages: Mapping[str, int]) -> Iterator[str]:
    old = [f"{provider} {age} days" for provider, age in ages.items() if age > STALE_AFTER_DAYS]
    if old:
        yield f"old prices: {', '.join(old)}; refresh them (infercost prices refresh) before you commit to a figure"


def _derived(catalogs: Sequence[Catalog]) -> Iterator[str]:
    for catalog in catalogs:
        if catalog.derived:
            how = f": {catalog.derivation}" if catalog.derivation else ""
            yield f"prices of {catalog.provider} are derived, not read from its price list{how}"
