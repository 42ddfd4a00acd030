"""``infercost-prices.lock``: which snapshots an estimate must use, for people who review a change of prices."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LOCK_FILE", "LOCK_VERSION", "Pin", "PriceLock", "encode_lock", "find_lock", "read_lock"]

LOCK_FILE = "infercost-prices.lock"
LOCK_VERSION = 1

_REMEDY = "write it anew with: infercost prices lock"
_SHA = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Pin:
    """One provider's snapshot."""

    as_of: str
    sha256: str
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class PriceLock:
    """What a lock file says."""

    pins: Mapping[str, Pin]
    """By provider."""
    infercost: str
    """The release that wrote it: its shipped prices may be among the pinned ones."""


def find_lock(folder: Path | None = None) -> Path | None:
    """The lock file in a folder (the working directory, if none is named); None when there is none."""
    path = (folder or Path()) / LOCK_FILE
    return path if path.is_file() else None


def encode_lock(lock: PriceLock) -> bytes:
    """The file's bytes; the same pins give the same bytes."""
    document = {
        "version": LOCK_VERSION,
        "infercost": lock.infercost,
        "prices": {
            provider: {"as_of": pin.as_of, "sha256": pin.sha256, "currency": pin.currency}
            for provider, pin in sorted(lock.pins.items())
        },
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def read_lock(path: Path) -> PriceLock:
    """Read a lock file.

    Raises:
        ArtifactError: it is not one that this release can read.
    """
    try:
        raw = json.loads(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror or error}; {_REMEDY}") from None
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON ({error}); {_REMEDY}") from None
    version = raw.get("version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > LOCK_VERSION:
        raise ArtifactError(f"{path} was written by a newer infercost; run: pip install --upgrade infercost")
    prices = raw.get("prices") if isinstance(raw, dict) else None
    if version != LOCK_VERSION or not isinstance(prices, dict):
        raise ArtifactError(f"{path} is not a lock of prices; {_REMEDY}")
    return PriceLock({name: _pin(path, name, entry) for name, entry in prices.items()}, str(raw.get("infercost", "")))


def _pin(path: Path, provider: str, entry: Any) -> Pin:
    fields = entry if isinstance(entry, dict) else {}
    pin = Pin(str(fields.get("as_of")), str(fields.get("sha256")), str(fields.get("currency", "USD")))
    fits = _DATE.fullmatch(pin.as_of) and _SHA.fullmatch(pin.sha256) and _CURRENCY.fullmatch(pin.currency)
    if not fits:
        raise ArtifactError(f"{path} does not pin {provider} by date (as_of) and sha256; {_REMEDY}")
    return pin
