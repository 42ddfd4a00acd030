"""Profiles already measured, and this machine's microbenchmarks, kept between runs within a bound."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from infercost.domain.errors import ArtifactError, OutputError, UsageError
from infercost.domain.microbench import Microbenchmarks
from infercost.domain.quantities import parse_bytes
from infercost.store.artifacts import load_profile, save
from infercost.store.writing import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infercost.domain.profile import Profile

__all__ = [
    "LIMIT",
    "Usage",
    "cache_dir",
    "cache_limit",
    "data_dir",
    "evict",
    "folder_usage",
    "get_microbenchmarks",
    "get_profile",
    "put_microbenchmarks",
    "put_profile",
]

LIMIT = "256MiB"
"""Of all cached profiles together, unless ``INFERCOST_CACHE_LIMIT`` says otherwise."""
_PROFILES = "profiles"
_MICROBENCHMARKS = "microbenchmarks"


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


def cache_limit() -> int:
    """Bytes that cached profiles may take: ``INFERCOST_CACHE_LIMIT``, else :data:`LIMIT`.

    Raises:
        UsageError: the variable is no size.
    """
    return parse_bytes(os.environ.get("INFERCOST_CACHE_LIMIT") or LIMIT, f"INFERCOST_CACHE_LIMIT={LIMIT}")


def get_profile(key: str) -> Profile | None:
    """The profile kept under a key; None when there is none or it cannot be used any more."""
    entry = _entry(_PROFILES, key)
    try:
        profile = load_profile(entry)
    except ArtifactError:
        return None
    with suppress(OSError):
        os.utime(entry)  # what is used is not the oldest
    return profile


def put_profile(key: str, profile: Profile) -> str | None:
    """Keep a profile under a key, replacing what is there, and let the oldest go where there are too many.

    Concurrent writers are safe: each entry is replaced whole.

    Returns:
        None, or one line that says why it could not be kept. A cache that cannot be
        written costs time, not answers.
    """
    entry = _entry(_PROFILES, key)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        save(profile, entry)
        evict(entry.parent, cache_limit(), keep=entry)
    except OSError as error:
        reason = str(error) if isinstance(error, OutputError) else f"{entry.parent}: {error.strerror or error}"
        return f"the profile was not cached ({reason}); set INFERCOST_CACHE_DIR to a folder that can be written"
    except UsageError as error:
        return str(error)
    return None


def get_microbenchmarks(key: str) -> Microbenchmarks | None:
    """What was measured under a key; None when nothing was, or another release wrote it in another form."""
    try:
        return msgspec.json.decode(_entry(_MICROBENCHMARKS, key).read_bytes(), type=Microbenchmarks)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def put_microbenchmarks(key: str, value: Microbenchmarks) -> str | None:
    """Keep a machine's figures; see :func:`put_profile`."""
    entry = _entry(_MICROBENCHMARKS, key)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(entry, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    except OSError as error:
        reason = str(error) if isinstance(error, OutputError) else f"{entry.parent}: {error.strerror or error}"
        return f"the microbenchmarks were not cached ({reason}); set INFERCOST_CACHE_DIR to a folder that can be written"
    return None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a folder holds, in all depths."""

    bytes: int
    files: int


def folder_usage(folder: Path) -> Usage:
    """Bytes and files in a folder; nothing where there is none."""
    sizes = [size for _, _, size in _files(folder, deep=True)]
    return Usage(sum(sizes), len(sizes))


def evict(folder: Path, limit_bytes: int, *, keep: Path | None = None) -> int:
    """Remove the files of a folder that were not used for longest, until it holds no more than a limit.

    Another process may add and remove files meanwhile: what is gone already is no error.

    Args:
        folder: its own files count, not those of folders in it.
        limit_bytes: what may stay.
        keep: a file that stays in any case: what was just written is never the one to go.

    Returns:
        Files removed.
    """
    found = sorted(_files(folder, deep=False))
    total, removed = sum(size for _, _, size in found), 0
    for _, name, size in found:
        if total <= limit_bytes:
            break
        if keep is not None and Path(name).name == keep.name:
            continue
        with suppress(OSError):
            Path(name).unlink(missing_ok=True)
            total, removed = total - size, removed + 1
    return removed


def _files(folder: Path, *, deep: bool) -> Iterator[tuple[int, str, int]]:
    """Time of last use in nanoseconds, path and bytes of every file."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                if deep:
                    yield from _files(Path(entry.path), deep=True)
            else:
                status = entry.stat(follow_symlinks=False)
                yield status.st_mtime_ns, entry.path, status.st_size


def _entry(folder: str, key: str) -> Path:
    """The file of a key. Keys may be long and may name things; the file name tells neither."""
    return cache_dir() / folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
