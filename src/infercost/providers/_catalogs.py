"""Steps that the refreshes of all clouds share: choosing regions, keeping what a source does not state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.domain.errors import UnknownNameError
from infercost.domain.refresh import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infercost.domain.price import Catalog, Rate

__all__ = ["choose_regions", "kept_rates"]


def choose_regions(shipped: Catalog, wanted: Sequence[str] | None, sold: Iterable[str]) -> tuple[list[str], list[Finding]]:
    """The regions to read, in order; a finding for each one that only the source or only the book knows.

    Raises:
        UnknownNameError: a wanted region is unknown to the book or to the source.
    """
    offered = set(sold)
    if wanted is not None:
        for region in wanted:
            if region not in shipped.regions or region not in offered:
                raise UnknownNameError(f"{shipped.provider} region", region, offered & set(shipped.regions))
        return sorted(set(wanted)), []
    findings = [
        Finding(
            provider=shipped.provider,
            subject=region,
            reason="a region that the book does not place yet; left out until an update of infercost does",
        )
        for region in sorted(offered - set(shipped.regions))
    ]
    findings += [
        Finding(provider=shipped.provider, subject=region, reason="the source no longer has this region; left out")
        for region in sorted(set(shipped.regions) - offered)
    ]
    return sorted(offered & set(shipped.regions)), findings


def kept_rates(shipped: Catalog, regions: Iterable[str], read: Sequence[Rate]) -> tuple[Rate, ...]:
    """The rates that were read, and the shipped ones of these regions that they do not replace.

    A kept rate keeps its own date and source.
    """
    replaced = {(rate.item, rate.region) for rate in read}
    places = {*regions, "*"}
    kept = [rate for rate in shipped.rates if rate.region in places and (rate.item, rate.region) not in replaced]
    return tuple(sorted([*kept, *read], key=lambda rate: (rate.item, rate.region, rate.from_quantity)))
