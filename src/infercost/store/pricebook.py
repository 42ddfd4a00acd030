"""The price book that ships: one dated snapshot inside each provider's package.

``scripts/build_prices.py`` writes them; ``infercost.store.snapshot_format`` says what they look like,
``infercost.store.snapshots`` keeps the ones that a user refreshed.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from infercost.domain.errors import ArtifactError
from infercost.store.snapshot_format import (
    SNAPSHOT_VERSION,
    Explanation,
    Flag,
    Location,
    Manifest,
    find_offer,
    read_catalog,
    read_manifest,
)

if TYPE_CHECKING:
    from infercost.domain.price import Catalog, Mode, Offer

__all__ = ["SNAPSHOT_VERSION", "Explanation", "Flag", "Manifest", "load_catalog", "load_manifest", "load_offer", "shipped"]

_REMEDY = "reinstall the package, or rebuild it with: python scripts/build_prices.py SOURCE_DIR"


def shipped(package: str) -> Location:
    """Where a provider package's own snapshot is.

    Raises:
        ArtifactError: there is no such package.
    """
    # Found without importing it and without importlib.resources, which would cost as much as reading the prices.
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ArtifactError(f"there is no package {package} to read prices from; check Provider.catalog_package")
    folder = os.path.join(spec.submodule_search_locations[0], "prices")  # noqa: PTH118 - pathlib costs 6 ms
    return Location(folder, f"prices of {package}", f"prices/{{}} of {package}", _REMEDY)


def load_manifest(package: str) -> Manifest:
    """Read a shipped snapshot's manifest.

    Args:
        package: import name of the package that holds ``prices/``.

    Raises:
        ArtifactError: there is no such snapshot, or this release cannot read it.
    """
    return read_manifest(shipped(package))


def load_catalog(package: str, *, every_mode: bool = False) -> Catalog:
    """Read and verify a provider's shipped snapshot.

    Args:
        package: ``Provider.catalog_package``.
        every_mode: also the offers that do not answer while the caller waits: asynchronous, batch and spot.

    Raises:
        ArtifactError: a file is missing, is not the one that the manifest describes, or does not parse.
    """
    return read_catalog(shipped(package), every_mode=every_mode)


def load_offer(package: str, region: str, instance_type: str, mode: Mode = "realtime", *, spot: bool = False) -> Offer | None:
    """One offer of a provider's shipped snapshot, without reading the others; None where it has none such.

    Raises:
        ArtifactError: see :func:`load_catalog`.
    """
    return find_offer(shipped(package), region, instance_type, mode, spot=spot)
