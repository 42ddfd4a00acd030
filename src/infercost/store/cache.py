"""Profiles already measured, kept between runs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from infercost.domain.errors import ArtifactError, OutputError
from infercost.store.artifacts import load_profile, save

if TYPE_CHECKING:
    from infercost.domain.profile import Profile

__all__ = ["cache_dir", "data_dir", "get_profile", "put_profile"]


def cache_dir() -> Path:
    """Where caches live: ``INFERCOST_CACHE_DIR``, else the user's cache folder. It need not exist."""
    chosen = os.environ.get("INFERCOST_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("infercost", appauthor=False))


def data_dir() -> Path:
    """Where things live that must not vanish: ``INFERCOST_CACHE_DIR``, else the user's data folder."""
    chosen = os.environ.get("INFERCOST_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_data_dir

    return Path(user_data_dir("infercost", appauthor=False))


def get_profile(key: str) -> Profile | None:
    """The profile kept under a key; None when there is none or it cannot be used any more."""
    try:
        return load_profile(_entry(key))
    except ArtifactError:
        return None


def put_profile(key: str, profile: Profile) -> str | None:
    """Keep a profile under a key, replacing what is there.

    Concurrent writers are safe: each entry is replaced whole.

    Returns:
        None, or one line that says why it could not be kept. A cache that cannot be
        written costs time, not answers.
    """
    entry = _entry(key)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        save(profile, entry)
    except OSError as error:
        reason = str(error) if isinstance(error, OutputError) else f"{entry.parent}: {error.strerror or error}"
        return f"the profile was not cached ({reason}); set INFERCOST_CACHE_DIR to a folder that can be written"
    return None


def _entry(key: str) -> Path:
    """The file of a key. Keys may be long and may name things; the file name tells neither."""
    return cache_dir() / "profiles" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
