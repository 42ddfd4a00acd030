"""One process at a time, where a folder of downloads allows no more."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from infercost.domain.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["hold"]

_POLL_S = 0.1


@contextmanager
def hold(path: Path, *, wait_s: float = 600.0, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file for the length of a ``with`` block.

    The operating system releases it when the process ends, however it ends, so a crash leaves no
    lock behind. The file itself stays.

    Args:
        path: the lock file; its folder is made.
        wait_s: how long to wait for another process.
        on_wait: called once when there is something to wait for.

    Raises:
        OutputError: the file cannot be made, or the other process is not done in time.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; set INFERCOST_CACHE_DIR to a folder that can be written"
        ) from None
    try:
        _acquire(handle, path, wait_s, on_wait)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, wait_s: float, on_wait: Callable[[], None] | None) -> None:
    end = time.monotonic() + wait_s
    waited = False
    while not _try(handle):
        if time.monotonic() >= end:
            raise OutputError(f"another infercost has held {path} for {wait_s:g} s; let it end, or end it, and try again")
        if not waited and on_wait is not None:
            on_wait()
        waited = True
        time.sleep(_POLL_S)


if sys.platform == "win32":
    import msvcrt

    def _try(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
