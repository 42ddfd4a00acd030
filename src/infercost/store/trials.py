"""Trials of searches, each kept the moment it is measured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from infercost.domain.errors import OutputError
from infercost.domain.scenario import Trial
from infercost.store.cache import cache_dir
from infercost.store.writing import write_atomic

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class TrialStore:
    """A file for each trial in the cache folder: a search that is killed loses none that had ended."""

    scope: str
    """What all trials depend on beside their own keys: machine and release."""
    fresh: bool = False
    """Whether what was measured before counts for nothing."""
    problem: str | None = field(default=None, init=False)
    """Why trials could not be kept, for people."""

    def recall(self, key: str) -> Trial | None:
        """The trial under a key; None when there is none or it cannot be read."""
        if self.fresh:
            return None
        try:
            return msgspec.json.decode(self._file(key).read_bytes(), type=Trial)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def keep(self, key: str, trial: Trial) -> None:
        """Keep it; a cache that cannot be written costs time, not answers."""
        file = self._file(key)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, msgspec.json.encode(trial))
        except OSError as error:
            reason = str(error) if isinstance(error, OutputError) else f"{file.parent}: {error.strerror or error}"
            self.problem = f"trials were not cached ({reason}); set INFERCOST_CACHE_DIR to a folder that can be written"

    def _file(self, key: str) -> Path:
        name = hashlib.sha256(f"{self.scope}|{key}".encode()).hexdigest()
        return cache_dir() / "trials" / f"{name}.json"
