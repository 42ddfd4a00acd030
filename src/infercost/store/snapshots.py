"""Every snapshot of prices on this machine: the one that ships with each provider, and those kept since.

A kept snapshot is a folder ``prices/<provider>/<as_of>.<n>`` in the user's data folder; one in another
currency than USD is in ``<provider>.<currency>``, and a copy of a shipped one, made so that it outlives
an upgrade, is called ``<as_of>.s<hash>``. A folder is written aside and renamed into place, so it is
there whole or not at all, and it is never changed after that: history stays, and an old estimate can
be reproduced bit for bit. The rename also settles which of two concurrent refreshes gets which number,
so writers need no lock. The newest folder is the current snapshot; there is no pointer beside it that
could be wrong. Why so: ``docs/adr/0008-price-history.md``.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infercost.domain.errors import ArtifactError, NoPriceError, OutputError
from infercost.store.cache import data_dir
from infercost.store.pricebook import shipped
from infercost.store.snapshot_format import MANIFEST, Location, read_catalog, read_manifest
from infercost.store.writing import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from infercost.domain.price import Catalog
    from infercost.store.snapshot_format import Manifest

__all__ = ["Snapshot", "Source", "choose", "keep", "keep_shipped", "list_snapshots", "newest", "prices_dir"]

_NAME = re.compile(r"(?P<as_of>\d{4}-\d{2}-\d{2})\.(?:(?P<serial>[1-9]\d*)|s(?P<shipped>[0-9a-f]{12}))")
_MOST_OF_A_DAY = 10_000


@dataclass(frozen=True, slots=True)
class Source:
    """Whose prices, in which currency."""

    provider: str
    package: str
    """``Provider.catalog_package``: where the shipped snapshot is."""
    currency: str = "USD"

    @property
    def folder(self) -> Path:
        """Where the kept snapshots are."""
        return prices_dir() / (self.provider if self.currency == "USD" else f"{self.provider}.{self.currency}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One dated snapshot. Sorts by age when sorted by ``order``."""

    provider: str
    as_of: str
    serial: int
    """Counts the snapshots of one date; 0 is the shipped one, below it are copies of earlier shipped ones."""
    location: Location

    @property
    def order(self) -> tuple[str, int]:
        """Later is newer."""
        return self.as_of, self.serial

    @property
    def is_shipped(self) -> bool:
        """Whether it came with the package, this release or an earlier one."""
        return self.serial <= 0

    def manifest(self) -> Manifest:
        """What it says about itself.

        Raises:
            ArtifactError: it is damaged.
        """
        return read_manifest(self.location)

    def catalog(self, *, every_mode: bool = False) -> Catalog:
        """Its prices, verified against their hashes; see :func:`~infercost.store.snapshot_format.read_catalog`.

        Raises:
            ArtifactError: it is damaged, or of another provider or date than its place says.
        """
        catalog = read_catalog(self.location, every_mode=every_mode)
        if (catalog.provider, catalog.as_of) != (self.provider, self.as_of):
            raise ArtifactError(
                f"{self.location.title} holds prices of {catalog.provider} as of {catalog.as_of}; {self.location.remedy}"
            )
        return catalog


def prices_dir() -> Path:
    """Where snapshots are kept; it need not exist."""
    return data_dir() / "prices"


def list_snapshots(source: Source) -> tuple[Snapshot, ...]:
    """All snapshots of a source, oldest first; damaged ones are among them, since nothing is read but names."""
    if source.currency != "USD":
        return tuple(sorted(_kept(source), key=lambda snapshot: snapshot.order))
    location = shipped(source.package)
    manifest = read_manifest(location)
    found = [*_kept(source, but=manifest.sha256[:12]), Snapshot(source.provider, manifest.as_of, 0, location)]
    return tuple(sorted(found, key=lambda snapshot: snapshot.order))


def newest(
    source: Source, *, on_or_before: str | None = None, every_mode: bool = False
) -> tuple[Snapshot, Catalog, tuple[str, ...]]:
    """The newest snapshot that can be read.

    Args:
        source: whose prices.
        on_or_before: an ISO date; later snapshots do not count.
        every_mode: see :func:`~infercost.store.snapshot_format.read_catalog`.

    Returns:
        The snapshot, its prices, and a warning for each newer one that is damaged.

    Raises:
        NoPriceError: there is none, or none so old; the message names the dates there are.
        ArtifactError: all that there are, are damaged.
    """
    known = list_snapshots(source)
    fitting = [s for s in known if on_or_before is None or s.as_of <= on_or_before]
    if not fitting:
        raise NoPriceError(_none_so_old(source, known, on_or_before))
    warnings: list[str] = []
    failure: ArtifactError | None = None
    for snapshot in reversed(fitting):
        try:
            catalog = snapshot.catalog(every_mode=every_mode)
        except ArtifactError as error:
            failure = error
            warnings.append(f"{error}; an older snapshot is used until then")
            continue
        return snapshot, catalog, tuple(warnings)
    raise failure or ArtifactError(f"no snapshot of {source.provider} can be read")


def choose(source: Source, sha256: str, *, every_mode: bool = False) -> tuple[Snapshot, Catalog]:
    """The snapshot of that hash.

    Raises:
        NoPriceError: it is not on this machine.
        ArtifactError: it is, but damaged.
    """
    for snapshot in list_snapshots(source):
        with contextlib.suppress(ArtifactError):
            if snapshot.manifest().sha256 == sha256:
                return snapshot, snapshot.catalog(every_mode=every_mode)
    dates = ", ".join(s.as_of for s in list_snapshots(source)) or "none"
    raise NoPriceError(f"the pinned {source.provider} prices {sha256[:12]} are not on this machine (there are: {dates})")


def keep(source: Source, files: Mapping[str, bytes]) -> Snapshot:
    """Add a refreshed snapshot to the history. One that is there already is not added again.

    Args:
        source: whose prices.
        files: by name, as :func:`~infercost.store.snapshot_format.encode_snapshot` makes them.

    Raises:
        OutputError: the folder cannot be written.
        ArtifactError: the files are not a snapshot of this source.
    """
    return _add(source, files, _numbers())


def keep_shipped(source: Source) -> Snapshot:
    """Copy the shipped snapshot into the history, so that it outlives an upgrade of the package.

    Raises:
        OutputError: see :func:`keep`.
    """
    location = shipped(source.package)
    manifest = read_manifest(location)
    files = {name: location.read(name) for name in (MANIFEST, *manifest.files)}
    return _add(source, files, iter([f"s{manifest.sha256[:12]}"]))


def _numbers() -> Iterator[str]:
    return (str(number) for number in range(1, _MOST_OF_A_DAY))


def _add(source: Source, files: Mapping[str, bytes], suffixes: Iterator[str]) -> Snapshot:
    aside = source.folder / f".writing-{secrets.token_hex(8)}"
    try:
        aside.mkdir(parents=True)
        for name, data in files.items():
            _write(aside / name, data)
        sync_folder(aside)
        catalog = read_catalog(_location(aside), every_mode=True)
        if (catalog.provider, catalog.currency) != (source.provider, source.currency):
            raise ArtifactError(
                f"prices of {catalog.provider} in {catalog.currency} cannot be kept as those of {source.provider} in"
                f" {source.currency}; report this"
            )
        return _settle(source, aside, catalog.as_of, suffixes, files[MANIFEST])
    except OSError as error:
        raise OutputError(
            f"cannot keep prices in {source.folder}: {error.strerror or error}; set INFERCOST_CACHE_DIR to a folder that"
            " can be written"
        ) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _settle(source: Source, aside: Path, as_of: str, suffixes: Iterator[str], manifest: bytes) -> Snapshot:
    """Rename a finished folder to the first free name of its date."""
    for suffix in suffixes:
        target = source.folder / f"{as_of}.{suffix}"
        if not target.exists():
            try:
                aside.rename(target)
            except OSError:
                if not target.exists():
                    raise
            else:
                sync_folder(source.folder)
                return _snapshot(source, target)
        if _same(target, manifest):
            return _snapshot(source, target)
    raise OutputError(f"{source.folder} has no free name for a snapshot of {as_of}; delete those of that date")


def _same(target: Path, manifest: bytes) -> bool:
    """Whether a kept snapshot is this one, and undamaged: a damaged one is written anew beside it."""
    try:
        if (target / MANIFEST).read_bytes() != manifest:
            return False
        read_catalog(_location(target), every_mode=True)
    except (OSError, ArtifactError):
        return False
    return True


def _kept(source: Source, *, but: str = "") -> Iterator[Snapshot]:
    """Kept snapshots, without the copy of a shipped one of that short hash."""
    try:
        folders = sorted(source.folder.iterdir())
    except OSError:
        return
    for folder in folders:
        match = _NAME.fullmatch(folder.name)
        if match and (not but or match["shipped"] != but):
            yield _snapshot(source, folder)


def _snapshot(source: Source, folder: Path) -> Snapshot:
    match = _NAME.fullmatch(folder.name)
    assert match is not None  # noqa: S101 - named by this module
    return Snapshot(source.provider, match["as_of"], int(match["serial"] or -1), _location(folder))


def _location(folder: Path) -> Location:
    return Location(
        folder, str(folder), f"{folder}{os.sep}{{}}", f"delete the folder {folder} and run: infercost prices refresh"
    )


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _none_so_old(source: Source, known: tuple[Snapshot, ...], on_or_before: str | None) -> str:
    if not known:
        return (
            f"there are no {source.provider} prices in {source.currency}; run: infercost prices refresh --provider"
            f" {source.provider} --currency {source.currency}, or give a rate: --fx {source.currency}=RATE@DATE"
        )
    dates = ", ".join(dict.fromkeys(snapshot.as_of for snapshot in known))
    return f"there are no {source.provider} prices as old as {on_or_before}; --prices can be one of: {dates}, or later"
