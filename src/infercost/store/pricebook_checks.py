"""Integrity checks on price data: what a list of prices must satisfy before money is counted with it.

They run on the shipped data in the tests, on a fresh snapshot after a rebuild, and behind
``infercost prices verify``. None of them knows a provider: families and sizes are read from the
instance names, and what is usual is read from the list itself.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from infercost.domain.rates import STANDARD_RATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from infercost.domain.price import Catalog, Offer, Rate
    from infercost.store.pricebook import Explanation

__all__ = ["Finding", "defects", "split_name", "verify_catalog"]

GEOGRAPHIES = frozenset({"us", "ca", "mx", "sa", "eu", "me", "af", "apac", "gov"})
OFFER_UNITS = {"realtime": "hour", "serverless": "second", "async": "hour", "batch": "hour"}
_KNOWN_UNITS = frozenset(unit for rate in STANDARD_RATES.values() for unit in rate.units)
PLAUSIBLE_USD = {"hour": (Decimal("0.001"), Decimal(1000)), "second": (Decimal("0.000001"), Decimal("0.01"))}
"""Outside of this a price is in another unit or currency, or belongs to another row."""
MAX_RATE_USD = Decimal(10)
MODE_RATIOS = {False: (Decimal("0.8"), Decimal("1.25")), True: (Decimal("0.02"), Decimal("0.999"))}
"""What an asynchronous or batch hour may cost as a multiple of the real-time one, and surplus capacity (True) of the same
mode on dedicated machines, else of real-time."""

SIZE_RATIO_TOLERANCE = 0.10
"""How far (natural log) one size may stray from its family's usual proportions in one region."""
FAMILY_LEVEL_TOLERANCE = 0.45
"""How far (natural log) one family may stray from its region's usual price level: about 1.57 x."""

_WORD_SIZES = {"nano": 0.0625, "micro": 0.125, "small": 0.25, "medium": 0.5, "large": 1.0, "xlarge": 2.0}
_DOTTED = re.compile(r"(?P<family>.+)\.(?P<size>nano|micro|small|medium|large|(?P<count>\d*)xlarge)")
_TRAILING = re.compile(r"(?P<family>.+-)(?P<count>\d+)(?P<unit>g|MB)?")
_INNER = re.compile(r"(?P<head>[A-Za-z]+_[A-Za-z]+)(?P<count>\d+)(?P<tail>.*)")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a catalog that a person should look at. ``explained`` is None for a defect."""

    check: str
    subject: str
    message: str
    explained: str | None = None


def verify_catalog(
    catalog: Catalog, *, today: date, explanations: Sequence[Explanation] = (), also: Sequence[Finding] = ()
) -> tuple[Finding, ...]:
    """Run every check.

    Args:
        catalog: the catalog to look at.
        today: dates after this day are wrong.
        explanations: oddities already looked into; one that covers nothing is itself a finding.
        also: findings of checks that need more than the catalog; see ``infercost.store.references``.

    Returns:
        Findings in the order of the checks; those covered by an explanation carry its reason.
    """
    checks = (_catalog_fields, _regions, _offer_rows, _mode_ratios, _rate_rows, _rate_tiers, _size_order, _proportions)
    found = [*(finding for check in checks for finding in check(catalog, today)), *also]
    used: set[Explanation] = set()
    explained = [_explain(finding, explanations, used) for finding in found]
    unused = (
        Finding("explanation", f"{e.check}: {e.subject}", f"explains nothing any more ({e.reason}); delete it")
        for e in explanations
        if e not in used
    )
    return (*explained, *unused)


def defects(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that nothing explains."""
    return tuple(finding for finding in findings if finding.explained is None)


def split_name(instance_type: str) -> tuple[str, float]:
    """An instance type as (family, size), where size orders the members of the family.

    ``ml.c5.2xlarge`` is (``ml.c5``, 4), ``n2-standard-16`` is (``n2-standard-*``, 16),
    ``Standard_D4s_v5`` is (``Standard_D#s_v5``, 4). A name of no such form is its own family.
    """
    if match := _DOTTED.fullmatch(instance_type):
        count = match["count"]
        return match["family"], 2.0 * float(count) if count else _WORD_SIZES[match["size"]]
    if match := _TRAILING.fullmatch(instance_type):
        return f"{match['family']}*{match['unit'] or ''}", float(match["count"])
    if match := _INNER.fullmatch(instance_type):
        return f"{match['head']}#{match['tail']}", float(match["count"])
    return instance_type, 1.0


def _explain(finding: Finding, explanations: Sequence[Explanation], used: set[Explanation]) -> Finding:
    for explanation in explanations:
        if explanation.check == finding.check and fnmatchcase(finding.subject, explanation.subject):
            used.add(explanation)
            return replace(finding, explained=explanation.reason)
    return finding


def _as_date(text: str) -> date | None:
    """The first day of a date, month or year in ISO form; None if it is none."""
    rest = {4: "-01-01", 7: "-01", 10: ""}.get(len(text))
    if rest is None:
        return None
    try:
        return date.fromisoformat(text + rest)
    except ValueError:
        return None


def _date_problem(text: str, today: date) -> str | None:
    day = _as_date(text)
    if day is None:
        return f"{text!r} is not a date (YYYY-MM-DD)"
    return f"{text} is in the future" if day > today else None


def _catalog_fields(catalog: Catalog, today: date) -> Iterator[Finding]:
    if problem := _date_problem(catalog.as_of, today):
        yield Finding("date", catalog.provider, problem)
    for field in ("source", "licence"):
        if not getattr(catalog, field).strip():
            yield Finding("provenance", catalog.provider, f"no {field}")
    if catalog.currency != "USD":
        yield Finding("currency", catalog.provider, f"{catalog.currency} instead of USD")
    if catalog.derived and not catalog.derivation:
        yield Finding("provenance", catalog.provider, "derived prices without a word on how")
    if not catalog.offers:
        yield Finding("offers", catalog.provider, "no offers")


def _regions(catalog: Catalog, _today: date) -> Iterator[Finding]:
    for key, region in catalog.regions.items():
        if not region.location.strip():
            yield Finding("region", key, "no location")
        if region.geography not in GEOGRAPHIES:
            yield Finding("region", key, f"unknown geography {region.geography!r}")
    for key in sorted(set(catalog.regions) - {offer.region for offer in catalog.offers}):
        yield Finding("region", key, "no offer")
    for key in sorted({offer.region for offer in catalog.offers} - set(catalog.regions)):
        yield Finding("region", key, "offers in a region that is not listed")


def _offer_rows(catalog: Catalog, _today: date) -> Iterator[Finding]:
    keys = Counter((offer.region, offer.kind, offer.instance_type) for offer in catalog.offers)
    for key, count in keys.items():
        if count > 1:
            yield Finding("duplicate", "/".join(key), f"{count} offers")
    for offer in catalog.offers:
        where = f"{offer.region}/{offer.instance_type}"
        if offer.instance_type != offer.instance_type.strip() or not offer.instance_type:
            yield Finding("name", where, "blank, or spaces around the instance type")
        if OFFER_UNITS.get(offer.mode) != offer.unit:
            yield Finding("unit", where, f"{offer.mode} priced by the {offer.unit}")
        elif offer.price is not None:
            low, high = PLAUSIBLE_USD[offer.unit]
            if not (offer.price.is_finite() and low <= offer.price <= high):
                yield Finding("price", where, f"{offer.price} USD a {offer.unit} is outside {low} … {high}")


def _mode_ratios(catalog: Catalog, _today: date) -> Iterator[Finding]:
    """Other modes cost about what real-time does, and surplus capacity costs less than dedicated."""
    prices = {(o.region, o.kind, o.instance_type): o.price for o in catalog.offers if o.price}
    for offer in catalog.offers:
        if offer.answers or not offer.price:
            continue
        like = (offer.mode, "realtime") if offer.spot else ("realtime",)
        base = next((price for kind in like if (price := prices.get((offer.region, kind, offer.instance_type)))), None)
        if base is None:
            continue
        low, high = MODE_RATIOS[offer.spot]
        ratio = offer.price / base
        if not low <= ratio <= high:
            where = f"{offer.region}/{offer.instance_type}"
            yield Finding("mode ratio", where, f"{offer.kind} at {ratio:.3f} x {base}, outside {low} … {high}")


def _rate_rows(catalog: Catalog, today: date) -> Iterator[Finding]:
    for rate in catalog.rates:
        where = f"{rate.region}/{rate.item}"
        units = STANDARD_RATES[rate.item].units if rate.item in STANDARD_RATES else _KNOWN_UNITS
        if rate.unit not in units:
            yield Finding("unit", where, f"{rate.unit!r}, expected {' or '.join(sorted(units))}")
        if rate.region != "*" and rate.region not in catalog.regions:
            yield Finding("region", where, "a rate in a region that is not listed")
        if not (rate.price.is_finite() and 0 <= rate.price <= MAX_RATE_USD):
            yield Finding("price", where, f"{rate.price} USD a {rate.unit} is outside 0 … {MAX_RATE_USD}")
        if not rate.source.strip():
            yield Finding("provenance", where, "no source")
        if problem := _date_problem(rate.as_of, today):
            yield Finding("date", where, problem)


def _rate_tiers(catalog: Catalog, _today: date) -> Iterator[Finding]:
    """Tiers begin at 0, do not overlap, agree on the unit, and are free only before a paid one."""
    tiers: dict[tuple[str, str], list[Rate]] = defaultdict(list)
    for rate in catalog.rates:
        tiers[rate.region, rate.item].append(rate)
    for (region, item), members in tiers.items():
        where = f"{region}/{item}"
        ordered = sorted(members, key=lambda rate: rate.from_quantity)
        starts = [rate.from_quantity for rate in ordered]
        if starts[0] != 0:
            yield Finding("tiers", where, f"the first tier begins at {starts[0]}, not at 0")
        if len(set(starts)) < len(starts):
            yield Finding("duplicate", where, "two tiers begin at the same quantity")
        if len({rate.unit for rate in members}) > 1:
            yield Finding("unit", where, "tiers in different units")
        free = [index for index, rate in enumerate(ordered) if rate.price == 0]
        if free and (free != [0] or len(ordered) == 1):
            yield Finding("price", where, "a rate of 0; only a first tier before a paid one may be free")


def _families(catalog: Catalog) -> Mapping[tuple[str, str, str], list[tuple[float, Offer]]]:
    """Priced offers that answer, by (region, mode, family), by size. Other modes are held against these."""
    groups: dict[tuple[str, str, str], list[tuple[float, Offer]]] = defaultdict(list)
    for offer in catalog.offers:
        if offer.answers and offer.price is not None and offer.price > 0:
            family, size = split_name(offer.instance_type)
            groups[offer.region, offer.mode, family].append((size, offer))
    for members in groups.values():
        members.sort(key=lambda member: member[0])
    return groups


def _size_order(catalog: Catalog, _today: date) -> Iterator[Finding]:
    """Within a family and region, the next size is not cheaper."""
    for (region, _mode, _family), members in _families(catalog).items():
        for (_, smaller), (_, larger) in pairwise(members):
            if smaller.price is not None and larger.price is not None and larger.price < smaller.price:
                message = f"{larger.price} is less than {smaller.price} for {smaller.instance_type}"
                yield Finding("size order", f"{region}/{larger.instance_type}", message)


def _proportions(catalog: Catalog, _today: date) -> Iterator[Finding]:
    """Sizes keep their proportions across regions, and families move with their region.

    In logs, price = type + family in region + rest. The middle type fixes the first term, the
    middle member of the family the second; a large rest is one odd price, and a family far from
    the middle family of its region is an odd block of prices (or one in another currency).
    """
    logs: dict[str, dict[str, float]] = defaultdict(dict)
    family: dict[str, str] = {}
    for (region, _mode, name), members in _families(catalog).items():
        for _, offer in members:
            logs[offer.instance_type][region] = math.log(float(offer.price or 1))
            family[offer.instance_type] = name
    usual = {instance: median(by_region.values()) for instance, by_region in logs.items()}
    rests: dict[tuple[str, str], list[float]] = defaultdict(list)
    for instance, by_region in logs.items():
        for region, value in by_region.items():
            rests[region, family[instance]].append(value - usual[instance])
    levels = {key: median(values) for key, values in rests.items()}
    by_region_levels: dict[str, list[float]] = defaultdict(list)
    for (region, _name), level in levels.items():
        by_region_levels[region].append(level)
    for instance, by_region in logs.items():
        for region, value in by_region.items():
            rest = value - usual[instance] - levels[region, family[instance]]
            if abs(rest) > SIZE_RATIO_TOLERANCE:
                yield Finding("size ratio", f"{region}/{instance}", f"{math.exp(rest):.2f} x its family's line in that region")
    for (region, name), level in levels.items():
        rest = level - median(by_region_levels[region])
        if abs(rest) > FAMILY_LEVEL_TOLERANCE:
            yield Finding("family level", f"{region}/{name}", f"{math.exp(rest):.2f} x the region's usual level")
