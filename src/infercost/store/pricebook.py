"""The price book: dated snapshots that ship inside each provider's package.

A snapshot is four files in the package's ``prices/`` folder. ``manifest.json`` says where the
prices come from, how old they are and what they do not cover, and holds the SHA-256 of the other
three; ``offers.csv``, ``rates.csv`` and ``regions.csv`` are read by header. An empty price means
that the offer is listed without one. ``scripts/build_prices.py`` writes the snapshots;
``docs/adr/0002-price-book-format.md`` says why they look like this.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from infercost.domain.errors import ArtifactError
from infercost.domain.price import Catalog, Mode, Offer, Rate, Region

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = ["SNAPSHOT_VERSION", "Explanation", "Flag", "Manifest", "load_catalog", "load_manifest"]

SNAPSHOT_VERSION = 1
"""Version of the snapshot format that this release reads."""

_TABLES = {
    "offers.csv": ("region", "mode", "instance_type", "unit", "price", "flag"),
    "rates.csv": ("item", "region", "unit", "price", "from_quantity", "as_of", "source"),
    "regions.csv": ("region", "location", "geography"),
}


@dataclass(frozen=True, slots=True)
class Flag:
    """What a data-quality flag means, and whether an offer that carries it warns where it is used."""

    meaning: str
    warns: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """An oddity in the data that was looked into: findings that it covers are not defects."""

    check: str
    """The check's name; see ``infercost.store.pricebook_checks``."""
    subject: str
    """Glob over the finding's subject, for example ``*/ml.g5.16xlarge``."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
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


def load_manifest(package: str) -> Manifest:
    """Read a snapshot's manifest.

    Args:
        package: import name of the package that holds ``prices/``.

    Raises:
        ArtifactError: there is no such snapshot, or this release cannot read it.
    """
    data = _read(_folder(package), "manifest.json", package)
    where = f"prices/manifest.json of {package}"
    try:
        raw = json.loads(data)
        version = raw["schema_version"]
        if version != SNAPSHOT_VERSION:
            raise ArtifactError(f"{where} has format {version}, this release reads {SNAPSHOT_VERSION}; {_REMEDY}")
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
        raise ArtifactError(f"{where} cannot be read ({type(error).__name__}: {error}); {_REMEDY}") from None


def load_catalog(package: str) -> Catalog:
    """Read and verify a provider's snapshot.

    Args:
        package: ``Provider.catalog_package``.

    Raises:
        ArtifactError: a file is missing, is not the one that the manifest describes, or does not parse.
    """
    manifest = load_manifest(package)
    folder = _folder(package)
    tables = {name: _table(folder, name, columns, manifest, package) for name, columns in _TABLES.items()}
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
            offers=_offers(manifest.provider, tables["offers.csv"]),
            rates=tuple(
                Rate(
                    item=item, region=region, unit=unit, price=Decimal(price), from_quantity=Decimal(start),
                    as_of=as_of, source=source,
                )
                for item, region, unit, price, start, as_of, source in tables["rates.csv"]
            ),
            regions={key: Region(key=key, location=place, geography=geo) for key, place, geo in tables["regions.csv"]},
            flags={flag: entry.meaning for flag, entry in manifest.flags.items() if entry.warns},
        )  # fmt: skip
    except (ValueError, InvalidOperation) as error:
        raise ArtifactError(f"prices of {package} cannot be read ({error!r}); {_REMEDY}") from None


_REMEDY = "reinstall the package, or rebuild it with: python scripts/build_prices.py SOURCE_DIR"


def _folder(package: str) -> Traversable:
    try:
        return files(package) / "prices"
    except (ImportError, TypeError):
        raise ArtifactError(f"there is no package {package} to read prices from; check Provider.catalog_package") from None


def _read(folder: Traversable, name: str, package: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"cannot read prices/{name} of {package}: {error.strerror or error}; {_REMEDY}") from None


def _table(folder: Traversable, name: str, columns: tuple[str, ...], manifest: Manifest, package: str) -> list[list[str]]:
    """Rows of a table whose bytes and header are the expected ones."""
    data = _read(folder, name, package)
    if sha256(data).hexdigest() != manifest.files.get(name):
        raise ArtifactError(f"prices/{name} of {package} is not the file that its manifest describes; {_REMEDY}")
    rows = list(csv.reader(data.decode("utf-8").splitlines()))
    if not rows or tuple(rows[0]) != columns:
        raise ArtifactError(f"prices/{name} of {package} does not have the columns {', '.join(columns)}; {_REMEDY}")
    uneven = next((number for number, row in enumerate(rows, 1) if len(row) != len(columns)), None)
    if uneven is not None:
        raise ArtifactError(f"line {uneven} of prices/{name} of {package} does not have {len(columns)} cells; {_REMEDY}")
    return rows[1:]


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
