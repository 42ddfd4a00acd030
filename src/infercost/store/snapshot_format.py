"""The form of a price snapshot: a folder with a hashed manifest and CSV tables.

``manifest.json`` says where the prices come from, how old they are and what they do not cover, and
holds the SHA-256 of the tables, which are read by header. ``offers.csv`` has the offers that answer
while the caller waits; ``modes.csv``, which need not be there, has the other modes and surplus
capacity, and is read where they are asked for; ``rates.csv`` and ``regions.csv`` have the rest. An
empty price means that the offer is listed without one. Shipped snapshots and refreshed ones have the
same form, so one reader and one set of checks serve both. The same catalog gives the same bytes: rows
sorted, LF, decimals in one canonical form, no clock. ``docs/adr/0002-price-book-format.md`` says why it
looks like this.
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from io import StringIO
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from infercost.domain.errors import ArtifactError
from infercost.domain.price import ANSWERING, Catalog, Mode, Offer, Rate, Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "MANIFEST",
    "SNAPSHOT_VERSION",
    "Explanation",
    "Flag",
    "Location",
    "Manifest",
    "add_files",
    "encode_snapshot",
    "find_offer",
    "read_catalog",
    "read_manifest",
    "read_table",
]

SNAPSHOT_VERSION = 1
"""Version of the snapshot format that this release reads."""

MANIFEST = "manifest.json"

OFFERS_FILE = "offers.csv"
MODES_FILE = "modes.csv"

_OFFERS = ("region", "mode", "instance_type", "unit", "price", "flag")
_MODES = ("region", "mode", "spot", "instance_type", "unit", "price", "flag")
_RATES = ("item", "region", "unit", "price", "from_quantity", "as_of", "source")
_SPOT = "spot"
_REGIONS = ("region", "location", "geography")
_DATED_REGIONS = (*_REGIONS, "as_of")


# Named tuples and not dataclasses, which take six times as long to define: looking up one price is mostly imports.


class Flag(NamedTuple):
    """What a data-quality flag means, and whether an offer that carries it warns where it is used."""

    meaning: str
    warns: bool


class Explanation(NamedTuple):
    """An oddity in the data that was looked into: findings that it covers are not defects."""

    check: str
    """The check's name; see ``infercost.store.pricebook_checks``."""
    subject: str
    """Glob over the finding's subject, for example ``*/ml.g5.16xlarge``."""
    reason: str


class Manifest(NamedTuple):
    """What a snapshot says about itself."""

    provider: str
    currency: str
    as_of: str
    source: str
    licence: str
    derived: bool
    derivation: str | None
    files: dict[str, str]
    """SHA-256 by file name."""
    flags: dict[str, Flag]
    known_gaps: tuple[str, ...]
    """What the snapshot does not cover, in words."""
    explanations: tuple[Explanation, ...]
    sources: tuple[dict[str, Any], ...]
    """The raw lists that the snapshot was built from: file, origin, licence, rows, sha256."""
    sha256: str
    """Of the manifest itself; since it holds the tables' hashes, it names the whole snapshot."""


class Location(NamedTuple):
    """Where a snapshot's files are, and how errors call them."""

    folder: str | os.PathLike[str]
    title: str
    """The whole snapshot."""
    file_title: str
    """One file; ``{}`` stands for its name."""
    remedy: str
    """The next thing to do when it cannot be used."""

    def name(self, file: str) -> str:
        """How errors call a file."""
        return self.file_title.format(file)

    def read(self, file: str) -> bytes:
        """A file's bytes.

        Raises:
            ArtifactError: it cannot be read.
        """
        try:
            with open(os.path.join(self.folder, file), "rb") as stream:  # noqa: PTH118, PTH123 - pathlib costs 6 ms
                return stream.read()
        except OSError as error:
            raise ArtifactError(f"cannot read {self.name(file)}: {error.strerror or error}; {self.remedy}") from None


def read_manifest(location: Location) -> Manifest:
    """Read a snapshot's manifest.

    Raises:
        ArtifactError: there is none, or this release cannot read it.
    """
    data = location.read(MANIFEST)
    where = location.name(MANIFEST)
    try:
        raw = json.loads(data)
        version = raw["schema_version"]
        if version != SNAPSHOT_VERSION:
            raise ArtifactError(f"{where} has format {version}, this release reads {SNAPSHOT_VERSION}; {location.remedy}")
        return Manifest(
            provider=raw["provider"],
            currency=raw["currency"],
            as_of=raw["as_of"],
            source=raw["source"],
            licence=raw["licence"],
            derived=raw["derived"],
            derivation=raw["derivation"],
            files={name: entry["sha256"] for name, entry in raw["files"].items()},
            flags={flag: Flag(entry["meaning"], entry["warns"]) for flag, entry in raw["flags"].items()},
            known_gaps=tuple(raw["known_gaps"]),
            explanations=tuple(Explanation(e["check"], e["subject"], e["reason"]) for e in raw["explanations"]),
            sources=tuple(raw["sources"]),
            sha256=sha256(data).hexdigest(),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{where} cannot be read ({type(error).__name__}: {error}); {location.remedy}") from None


def read_catalog(location: Location, *, every_mode: bool = False) -> Catalog:
    """Read and verify a snapshot.

    Args:
        location: where it is.
        every_mode: also read the offers that do not answer while the caller waits: asynchronous, batch and spot.

    Raises:
        ArtifactError: a file is missing, is not the one that the manifest describes, or does not parse.
    """
    manifest = read_manifest(location)
    offers = read_table(location, OFFERS_FILE, manifest, _OFFERS)
    others = every_mode and MODES_FILE in manifest.files
    modes = read_table(location, MODES_FILE, manifest, _MODES) if others else []
    rates = read_table(location, "rates.csv", manifest, _RATES)
    regions = read_table(location, "regions.csv", manifest, _REGIONS, _DATED_REGIONS)
    try:
        return Catalog(
            provider=manifest.provider,
            as_of=manifest.as_of,
            source=manifest.source,
            licence=manifest.licence,
            currency=manifest.currency,
            derived=manifest.derived,
            derivation=manifest.derivation,
            sha256=manifest.sha256,
            offers=(*_offers(manifest.provider, offers), *_mode_offers(manifest.provider, modes)),
            rates=tuple(
                Rate(
                    item=item, region=region, unit=unit, price=Decimal(price), from_quantity=Decimal(start),
                    as_of=as_of, source=source,
                )
                for item, region, unit, price, start, as_of, source in rates
            ),
            regions={
                key: Region(key=key, location=place, geography=geo, as_of=dated[0] if dated else "")
                for key, place, geo, *dated in regions
            },
            flags={flag: entry.meaning for flag, entry in manifest.flags.items() if entry.warns},
        )  # fmt: skip
    except (ValueError, InvalidOperation) as error:
        raise ArtifactError(f"{location.title} cannot be read ({error!r}); {location.remedy}") from None


def find_offer(
    location: Location, region: str, instance_type: str, mode: Mode = "realtime", *, spot: bool = False
) -> Offer | None:
    """One offer of a snapshot, verified like the whole of it but without reading the rest.

    Returns:
        The offer, which may be one without a price; None where the snapshot has none of that name there.

    Raises:
        ArtifactError: see :func:`read_catalog`.
    """
    manifest = read_manifest(location)
    answers = mode in ANSWERING and not spot
    if not answers and MODES_FILE not in manifest.files:
        return None
    file, header = (OFFERS_FILE, _OFFERS) if answers else (MODES_FILE, _MODES)
    rows = read_table(location, file, manifest, header, only=f"{region},")
    try:
        parsed = (_offers if answers else _mode_offers)(manifest.provider, [row for row in rows if instance_type in row])
    except InvalidOperation as error:
        raise ArtifactError(f"{location.title} cannot be read ({error!r}); {location.remedy}") from None
    key = (region, instance_type, mode, spot)
    return next((o for o in parsed if (o.region, o.instance_type, o.mode, o.spot) == key), None)


def read_table(location: Location, name: str, manifest: Manifest, *headers: Sequence[str], only: str = "") -> list[list[str]]:
    """Rows of a table whose bytes are the manifest's and whose header is one of those expected.

    Args:
        location: of the snapshot.
        name: of the file.
        manifest: of the snapshot.
        headers: what its first line may be.
        only: leave out lines that do not begin with this.

    Raises:
        ArtifactError: they are not.
    """
    data = location.read(name)
    where = location.name(name)
    if sha256(data).hexdigest() != manifest.files.get(name):
        raise ArtifactError(f"{where} is not the file that its manifest describes; {location.remedy}")
    lines = data.decode("utf-8").splitlines()
    rows = list(csv.reader([*lines[:1], *(line for line in lines[1:] if line.startswith(only))] if only else lines))
    if not rows or tuple(rows[0]) not in headers:
        raise ArtifactError(f"{where} does not have the columns {', '.join(headers[0])}; {location.remedy}")
    width = len(rows[0])
    uneven = next((number for number, row in enumerate(rows, 1) if len(row) != width), None)
    if uneven is not None:
        raise ArtifactError(f"line {uneven} of {where} does not have {width} cells; {location.remedy}")
    return rows[1:]


def encode_snapshot(
    catalog: Catalog,
    *,
    flags: Mapping[str, Flag] | None = None,
    known_gaps: Iterable[str] = (),
    explanations: Iterable[Explanation] = (),
    sources: Iterable[Mapping[str, Any]] = (),
    extra_files: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """A snapshot's files by name, for :func:`read_catalog` to read back.

    Args:
        catalog: the prices; its ``sha256`` is not used, the new manifest has its own.
        flags: meanings of flags beside those of the catalog, which all warn.
        known_gaps: what the snapshot does not cover, in words.
        explanations: oddities that were looked into.
        sources: what it was made from; see ``Manifest.sources``.
        extra_files: further tables, hashed by the manifest like the others.
    """
    others = [offer for offer in catalog.offers if not offer.answers]
    tables = {
        OFFERS_FILE: _encode_table(
            _OFFERS,
            sorted((o.region, o.mode, o.instance_type, o.unit, _text(o.price), o.flag) for o in catalog.offers if o.answers),
        ),
        **({MODES_FILE: _encode_modes(others)} if others else {}),
        "rates.csv": _encode_table(
            _RATES,
            (
                (r.item, r.region, r.unit, _text(r.price), _text(r.from_quantity), r.as_of, r.source)
                for r in sorted(catalog.rates, key=lambda r: (r.item, r.region, r.from_quantity, r.source))
            ),
        ),
        "regions.csv": _encode_regions(catalog.regions),
    }
    tables |= extra_files or {}
    known = dict(flags or {}) | {flag: Flag(meaning, warns=True) for flag, meaning in catalog.flags.items()}
    manifest = {
        "schema_version": SNAPSHOT_VERSION,
        "provider": catalog.provider,
        "currency": catalog.currency,
        "as_of": catalog.as_of,
        "source": catalog.source,
        "licence": catalog.licence,
        "derived": catalog.derived,
        "derivation": catalog.derivation,
        "files": {name: _fingerprint(data) for name, data in tables.items()},
        "flags": {flag: {"meaning": entry.meaning, "warns": entry.warns} for flag, entry in known.items()},
        "known_gaps": list(known_gaps),
        "explanations": [{"check": e.check, "subject": e.subject, "reason": e.reason} for e in explanations],
        "sources": [dict(source) for source in sources],
    }
    return {**tables, MANIFEST: _encode_manifest(manifest)}


def add_files(files: Mapping[str, bytes], extra: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a snapshot with further tables, hashed by its manifest like the others."""
    manifest = json.loads(files[MANIFEST])
    manifest["files"] |= {name: _fingerprint(data) for name, data in extra.items()}
    return {**files, **extra, MANIFEST: _encode_manifest(manifest)}


def _fingerprint(data: bytes) -> dict[str, Any]:
    return {"sha256": sha256(data).hexdigest(), "rows": data.count(b"\n") - 1}


def _encode_manifest(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()


def _encode_modes(offers: Iterable[Offer]) -> bytes:
    rows = ((o.region, o.mode, _SPOT if o.spot else "", o.instance_type, o.unit, _text(o.price), o.flag) for o in offers)
    return _encode_table(_MODES, sorted(rows))


def _encode_regions(regions: Mapping[str, Region]) -> bytes:
    """With a column of dates only where a region has one of its own."""
    ordered = [regions[key] for key in sorted(regions)]
    if any(region.as_of for region in ordered):
        return _encode_table(_DATED_REGIONS, ((r.key, r.location, r.geography, r.as_of) for r in ordered))
    return _encode_table(_REGIONS, ((r.key, r.location, r.geography) for r in ordered))


def _encode_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    # A line break inside a cell would split the row: the reader goes by lines.
    writer.writerows([" ".join(cell.split()) if "\n" in cell or "\r" in cell else cell for cell in row] for row in rows)
    return buffer.getvalue().encode()


def _text(price: Decimal | None) -> str:
    """The canonical decimal; empty for a price that is not known."""
    return "" if price is None else format(price.normalize(), "f")


def _offers(provider: str, rows: list[list[str]]) -> tuple[Offer, ...]:
    """Offers with shared strings: the same few regions and types recur thousands of times."""
    share: dict[str, str] = {}
    once = share.setdefault
    return tuple(
        Offer(
            provider,
            once(region, region),
            cast("Mode", once(mode, mode)),
            once(instance, instance),
            Decimal(price) if price else None,
            once(unit, unit),
            once(flag, flag),
        )
        for region, mode, instance, unit, price, flag in rows
    )


def _mode_offers(provider: str, rows: list[list[str]]) -> tuple[Offer, ...]:
    """The same for the table of other modes, which has a column more."""
    plain = _offers(provider, [[region, mode, *rest] for region, mode, _, *rest in rows])
    if not any(row[2] for row in rows):
        return plain
    return tuple(replace(offer, spot=True) if row[2] == _SPOT else offer for offer, row in zip(plain, rows, strict=True))
