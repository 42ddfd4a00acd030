"""Write docs/reference/rates.md from the price book that ships.

``python scripts/build_rates.py`` writes it; with ``--check`` it exits 1 when the file is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infercost.domain.rates import STANDARD_RATES
from infercost.registry import all_providers
from infercost.store.pricebook import load_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.price import Rate
    from infercost.domain.provider import Provider

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "rates.md"
MOST_REGIONS = 4
HEAD = """\
# Rates beside compute

<!-- Written by scripts/build_rates.py from the price book that ships; do not edit. -->

What each cloud's book prices beside compute, where, from when, and whether every bill has it: a rate with *if
included* is in a bill only where you say how much of it you use, with `--include ITEM=QUANTITY` or `include:` in
`infercost.yml` ([how](../howto/include-other-costs.md)). *In every bill* is said of the serving modes that are
charged it. A region that is not named has no rate, and its line says so. Prices are those of the first tier, from the
lowest region to the highest; `infercost prices show --kind rate --region REGION` has every tier with its source.

"""


def places(rates: Sequence[Rate], regions: int) -> str:
    """Where a rate holds: named where it is few regions, counted where it is many."""
    found = sorted({rate.region for rate in rates})
    if "*" in found:
        return "all"
    return ", ".join(found) if len(found) <= MOST_REGIONS else f"{len(found)} of {regions} regions"


def span(values: Sequence[object]) -> str:
    """One value, or the first and the last of several."""
    ordered = sorted(set(values))  # type: ignore[type-var]
    return f"{ordered[0]}" if len(ordered) == 1 else f"{ordered[0]} … {ordered[-1]}"


def row(item: str, rates: Sequence[Rate], provider: Provider, regions: int) -> str:
    """One rate of one cloud."""
    charges = [charge for charge in provider.charges if charge.item == item]
    modes = ", ".join(dict.fromkeys(mode for charge in charges for mode in charge.modes))
    first = [rate for rate in rates if rate.from_quantity == 0]
    tiers = len({rate.from_quantity for rate in rates})
    cells = [
        f"`{item}`",
        charges[0].name if len(charges) == 1 else STANDARD_RATES[item].title if item in STANDARD_RATES else item,
        f"in every bill: {modes}" if charges else "if included",
        span([rate.unit for rate in rates]) + (f", {tiers} tiers" if tiers > 1 else ""),
        span([rate.price.normalize() for rate in first]).replace("E+1", "0"),
        places(rates, regions),
        span([rate.as_of for rate in rates]),
    ]
    return f"| {' | '.join(cells)} |"


def section(provider: Provider) -> str:
    """One cloud."""
    catalog = load_catalog(provider.catalog_package)
    by_item: dict[str, list[Rate]] = {}
    for rate in catalog.rates:
        by_item.setdefault(rate.item, []).append(rate)
    order = list(STANDARD_RATES)
    items = sorted(by_item, key=lambda item: (order.index(item) if item in STANDARD_RATES else len(order), item))
    lines = [
        f"## {provider.title}",
        "",
        "| item | line | billed | unit | USD | where | as of |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(row(item, by_item[item], provider, len(catalog.regions)) for item in items),
        "",
        f"No rate at all: {'; '.join(provider.not_priced)}.",
        "",
    ]
    return "\n".join(lines)


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join(section(provider) for provider in all_providers())


def main(argv: list[str] | None = None) -> int:
    """Write the page, or say whether it is fresh."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    if parser.parse_args(argv).check:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
            print(f"{PAGE.name} is stale; run: python scripts/build_rates.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
