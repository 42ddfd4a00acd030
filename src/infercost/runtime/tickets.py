"""One queue for several worker processes, and waiting for the instant that a query arrives."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_SLEEP_AHEAD_NS = 300_000
"""Sleeping ends late by some ten microseconds, so the last stretch is spent looking at the clock."""


class Tickets:
    """Hands out the queries in order of arrival, each once, to all processes that share its file."""

    def __init__(self, path: str | Path | None, count: int) -> None:
        self._count = count
        self._next = 0
        self._file = None if path is None else os.open(path, os.O_RDWR)

    @staticmethod
    def write(path: Path) -> str:
        """Make the file; its path.

        Raises:
            UsageError: this system has no file locks that processes share.
        """
        if _locking() is None:
            raise UsageError("several workers need a POSIX system; measure the scenario with --workers 1")
        path.write_bytes(bytes(8))
        return str(path)

    def take(self) -> int | None:
        """The next query's place in the order of arrival; None after the last."""
        ticket = self._alone() if self._file is None else self._shared(self._file)
        return ticket if ticket < self._count else None

    def _alone(self) -> int:
        self._next += 1
        return self._next - 1

    def _shared(self, file: int) -> int:
        lock = _locking()
        lock.lockf(file, lock.LOCK_EX)
        try:
            ticket = int.from_bytes(os.pread(file, 8, 0), "little")
            os.pwrite(file, (ticket + 1).to_bytes(8, "little"), 0)
        finally:
            lock.lockf(file, lock.LOCK_UN)
        return ticket

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _locking() -> Any:
    try:
        import fcntl
    except ImportError:
        return None
    return fcntl


def wait_until(due_ns: int) -> None:
    """Return at an instant on the clock ``perf_counter_ns``; at once when it has passed."""
    clock = time.perf_counter_ns
    while (left := due_ns - clock()) > 0:
        if left > 2 * _SLEEP_AHEAD_NS:
            time.sleep((left - _SLEEP_AHEAD_NS) / 1e9)
