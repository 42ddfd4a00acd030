"""Looking into the price book: what it says, what changed, whether it can be right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple, get_args

from infercost.app.impacts import Asked, ask_targets, impacts
from infercost.app.pricebook import LATEST, discounted, lock_prices, open_book
from infercost.app.selection import choose_providers, choose_regions
from infercost.domain.errors import NoPriceError, UnknownNameError
from infercost.domain.price import Offer, Rate
from infercost.domain.price_report import (
    CheckedFinding,
    PriceCheck,
    PriceDiff,
    PriceList,
    PricePoint,
    PriceRow,
)
from infercost.domain.refresh import ExtraKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
    from decimal import Decimal
    from pathlib import Path

    from infercost.app.pricebook import Book, Volume
    from infercost.domain.discount import Discounts
    from infercost.domain.price import Catalog, PriceCatalog
    from infercost.domain.profile import Profile
    from infercost.domain.project import Target
    from infercost.domain.provider import Provider
    from infercost.domain.refresh import ExtraPrice
    from infercost.domain.traffic import Slo
    from infercost.store.price_lock import Pin
    from infercost.store.snapshots import Snapshot

__all__ = ["check_prices", "compare_prices", "pin_prices", "show_prices"]

_KINDS_OF_EXTRAS = frozenset(get_args(ExtraKind))
MOST_WITH_HISTORY = 200
"""Rows above which history is left out: reading every snapshot for a whole region helps nobody."""


def show_prices(
    *,
    providers: Sequence[str] | None = None,
    regions: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    prices: str | None = None,
    today: date | None = None,
) -> PriceList:
    """Prices of the book that match, each with its date, source and history.

    Args:
        providers: restrict to these clouds.
        regions: names, ``provider:region``, globs or ``all``; None means each cloud's default region.
        names: instance types, serverless sizes or rate items; globs work. None means all.
        kinds: ``realtime``, ``serverless``, ``rate``, ``batch`` …; None means all.
        prices: which book; see :func:`infercost.estimate`.
        today: the day that ages are counted to; None means today (UTC).

    Raises:
        UnknownNameError: the book knows no such provider, region, name or kind.
        NoPriceError: the name is known, and not sold in these regions.
    """
    from infercost.registry import all_providers

    chosen = choose_providers(all_providers(), providers)
    book = open_book(chosen.values(), prices=prices, every_mode=True)
    where = _regions(chosen, book, regions)
    entries = [entry for volume in book.volumes.values() for entry in _entries(volume)]
    if kinds:
        known = {entry.kind for entry in entries}
        for kind in kinds:
            if kind not in known:
                raise UnknownNameError("kind of price", kind, known)
        entries = [entry for entry in entries if entry.kind in kinds]
    entries = _named(entries, names)
    matching = [e for e in entries if e.region in where[e.provider] or (e.region == "*" and where[e.provider])]
    if not matching:
        raise NoPriceError(_not_there(entries, where))
    charged = {name: {charge.item for charge in provider.charges} for name, provider in chosen.items()}
    found = [_row(entry, charged[entry.provider]) for entry in matching]
    day = today or datetime.now(UTC).date()
    return PriceList(
        price_catalogs=tuple(_describe(v.catalog, day) for n, v in book.volumes.items() if where[n]),
        rows=tuple(_with_history(found, chosen) if len(found) <= MOST_WITH_HISTORY else found),
        warnings=book.warnings,
    )


def compare_prices(
    *,
    since: str | None = None,
    providers: Sequence[str] | None = None,
    regions: Sequence[str] | None = None,
    profile: Profile | None = None,
    rps: float | None = None,
    slo: str | Sequence[str] | Slo = (),
    targets: Sequence[Target] = (),
    discounts: Discounts | None = None,
    today: date | None = None,
) -> PriceDiff:
    """What changed between an older book and the newest.

    Args:
        since: an ISO date: the newest prices of that day or before are the old ones. None: the shipped ones.
        providers: restrict to these clouds.
        regions: restrict to these regions.
        profile: also say what the change does to the cheapest way to serve this model.
        rps: requests a second for that.
        slo: the promise for that.
        targets: of a project file: what the change does to each of them.
        discounts: as in :func:`infercost.estimate`.
        today: the day that ages are counted to; None means today (UTC).

    Raises:
        UnknownNameError: a provider or region is not known.
        NoPriceError: there are no prices so old.
    """
    from infercost.engine.price_diff import diff_catalogs
    from infercost.registry import all_providers

    chosen = choose_providers(all_providers(), providers)
    after = open_book(chosen.values(), prices=LATEST, every_mode=True)
    before = open_book(chosen.values(), prices=since, every_mode=True) if since else _shipped(chosen)
    day = today or datetime.now(UTC).date()
    scope = choose_regions(chosen, after.catalogs, regions) if regions else None
    changes = [
        change
        for name in chosen
        for change in diff_catalogs(before.volumes[name].catalog, after.volumes[name].catalog)
        if scope is None or change.region == "*" or change.region in scope[name]
    ]
    asked = []
    if profile is not None and rps is not None:
        given = {"rps": rps, "slo": slo, "regions": regions}
        asked.append(Asked(f"{profile.model.name} at {rps:g} requests/s", profile, given))
    mine, skipped = ask_targets(targets, list(chosen))
    priced = [discounted(book.catalogs, discounts) for book in (before, after)] if asked or mine else [[], []]
    return PriceDiff(
        before=tuple(_describe(catalog, day) for catalog in before.catalogs),
        after=tuple(_describe(catalog, day) for catalog in after.catalogs),
        changes=tuple(changes),
        impacts=tuple(impacts([*asked, *mine], priced[0], priced[1], providers=list(chosen), today=day)),
        warnings=tuple(dict.fromkeys((*before.warnings, *after.warnings, *skipped))),
    )


def check_prices(*, providers: Sequence[str] | None = None, prices: str | None = None, today: date | None = None) -> PriceCheck:
    """Run every integrity check and cross-check on the prices that estimates would use.

    Raises:
        UnknownNameError: a provider is not known.
    """
    from infercost.registry import all_providers
    from infercost.store.pricebook_checks import verify_catalog
    from infercost.store.references import check_references, load_references

    chosen = choose_providers(all_providers(), providers)
    book = open_book(chosen.values(), prices=prices, every_mode=True)
    day = today or datetime.now(UTC).date()
    findings: list[CheckedFinding] = []
    warnings = list(book.warnings)
    for name, volume in book.volumes.items():
        explanations = volume.snapshot.manifest().explanations
        references = load_references(chosen[name].catalog_package)
        compared, notes = check_references(volume.catalog, references)
        found = verify_catalog(volume.catalog, today=day, explanations=explanations, also=compared)
        warnings += notes
        findings += [
            CheckedFinding(provider=name, check=f.check, subject=f.subject, message=f.message, explained=f.explained)
            for f in found
        ]
    return PriceCheck(
        outcome="fail" if any(finding.explained is None for finding in findings) else "pass",
        price_catalogs=tuple(_describe(catalog, day) for catalog in book.catalogs),
        checked={c.provider: sum(o.price is not None for o in c.offers) + len(c.rates) for c in book.catalogs},
        findings=tuple(findings),
        warnings=tuple(warnings),
    )


def pin_prices(path: Path, *, providers: Sequence[str] | None = None, prices: str = LATEST) -> Mapping[str, Pin]:
    """Write a lock that pins prices; the shipped ones are copied into the history, so that they outlive an upgrade.

    Args:
        path: of the lock.
        providers: restrict to these clouds; then estimates in that folder can use no other.
        prices: an ISO date or ``latest``.

    Raises:
        OutputError: the lock or the history cannot be written.
        NoPriceError: there are no prices so old.
    """
    from infercost.registry import all_providers
    from infercost.store.price_lock import encode_lock
    from infercost.store.snapshots import Source, keep_shipped
    from infercost.store.writing import write_atomic

    chosen = choose_providers(all_providers(), providers)
    pinned = lock_prices(open_book(chosen.values(), prices=prices))
    for name, provider in chosen.items():
        keep_shipped(Source(name, provider.catalog_package))
    write_atomic(path, encode_lock(pinned))
    return pinned.pins


def _describe(catalog: Catalog, today: date) -> PriceCatalog:
    from infercost.engine.caveats import name_catalog

    return name_catalog(catalog, (), today)


def _regions(chosen: Mapping[str, Provider], book: Book, names: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """Like ``choose_regions``, with globs."""
    if not names:
        return choose_regions(chosen, book.catalogs, None)
    spelled: list[str] = []
    for name in names:
        owner, _, pattern = name.rpartition(":")
        matches = [
            f"{catalog.provider}:{key}"
            for catalog in book.catalogs
            if not owner or owner == catalog.provider
            for key in catalog.regions
            if any(sign in pattern for sign in "*?[") and fnmatchcase(key, pattern)
        ]
        spelled += matches or [name]
    return choose_regions(chosen, book.catalogs, spelled)


class _Entry(NamedTuple):
    """A price before it becomes a row: rows are made for what matches only."""

    kind: str
    region: str
    name: str
    price: Offer | Rate | ExtraPrice
    volume: Volume

    @property
    def provider(self) -> str:
        return self.volume.catalog.provider


def _entries(volume: Volume) -> Iterator[_Entry]:
    from infercost.store.extras import read_extras

    for offer in volume.catalog.offers:
        yield _Entry(offer.kind, offer.region, offer.instance_type, offer, volume)
    for rate in volume.catalog.rates:
        yield _Entry("rate", rate.region, rate.item, rate, volume)
    for extra in read_extras(volume.snapshot.location):
        yield _Entry(extra.kind, extra.region, extra.instance_type, extra, volume)


def _row(entry: _Entry, charged: Set[str]) -> PriceRow:
    price, catalog = entry.price, entry.volume.catalog
    row = PriceRow(
        provider=catalog.provider, region=entry.region, kind=entry.kind, name=entry.name, price=price.price, unit=price.unit,
        currency=catalog.currency, as_of=catalog.as_of, source=catalog.source,
    )  # fmt: skip
    if isinstance(price, Offer):
        region = catalog.regions.get(price.region)
        meanings = entry.volume.snapshot.manifest().flags if price.flag else {}
        note = meanings[price.flag].meaning if price.flag in meanings else catalog.derivation or ""
        return replace(row, as_of=(region.as_of if region else "") or catalog.as_of, flag=price.flag, note=note)
    row = replace(row, as_of=price.as_of, source=price.source)
    if isinstance(price, Rate):
        note = "" if entry.name in charged else "rates without a line in every bill: estimate --include ITEM=QUANTITY adds one"
        return replace(row, from_quantity=price.from_quantity, note=note)
    terms = ", ".join(text for text in (price.term, price.payment, price.applies_to) if text)
    return replace(row, terms=terms, note="shown only: estimates do not use it")


def _named(entries: list[_Entry], names: Sequence[str] | None) -> list[_Entry]:
    if not names:
        return entries
    known = {entry.name for entry in entries}
    matching: set[str] = set()
    for pattern in names:
        found = {name for name in known if fnmatchcase(name.lower(), pattern.lower())}
        if not found:
            raise UnknownNameError("instance type or rate", pattern, known)
        matching |= found
    return [entry for entry in entries if entry.name in matching]


def _not_there(entries: Sequence[_Entry], where: Mapping[str, Sequence[str]]) -> str:
    names = list(dict.fromkeys(entry.name for entry in entries))
    places = list(dict.fromkeys(f"{entry.provider}:{entry.region}" for entry in entries))
    asked = ", ".join(region for regions in where.values() for region in regions)
    what = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    there = ", ".join(places[:4]) + (f" and {len(places) - 4} more" if len(places) > 4 else "")
    return f"no price for {what} in {asked}; it is in {there}: try --region {places[0] if places else 'all'}, or --region all"


def _with_history(rows: Sequence[PriceRow], providers: Mapping[str, Provider]) -> Iterator[PriceRow]:
    """Rows with their price in every snapshot; as they are where there is but one."""
    from infercost.store.snapshots import Source, list_snapshots

    known: dict[str, list[tuple[Snapshot, Catalog]]] = {}
    for row in rows:
        if row.provider not in known:
            source = Source(row.provider, providers[row.provider].catalog_package, row.currency)
            known[row.provider] = list(_readable(list_snapshots(source)))
        past = known[row.provider]
        if len(past) < 2 or row.kind in _KINDS_OF_EXTRAS:
            yield row
            continue
        yield replace(row, history=tuple(PricePoint(s.as_of, _lookup(c, row), c.sha256) for s, c in past))


def _readable(snapshots: Iterable[Snapshot]) -> Iterator[tuple[Snapshot, Catalog]]:
    from infercost.domain.errors import ArtifactError

    for snapshot in snapshots:
        try:
            yield snapshot, snapshot.catalog(every_mode=True)
        except ArtifactError:
            continue


def _lookup(catalog: Catalog, row: PriceRow) -> Decimal | None:
    if row.kind == "rate":
        same = (r for r in catalog.rates if (r.item, r.region, r.from_quantity) == (row.name, row.region, row.from_quantity))
        return next((r.price for r in same if r.unit == row.unit), None)
    key = (row.region, row.kind, row.name, row.unit)
    return next((o.price for o in catalog.offers if (o.region, o.kind, o.instance_type, o.unit) == key), None)


def _shipped(chosen: Mapping[str, Provider]) -> Book:
    from infercost.app.pricebook import Book, Volume
    from infercost.store.snapshots import Source, list_snapshots

    volumes = {}
    for name, provider in chosen.items():
        (snapshot,) = (s for s in list_snapshots(Source(name, provider.catalog_package)) if s.serial == 0)
        volumes[name] = Volume(snapshot, snapshot.catalog(every_mode=True))
    return Book(volumes)
