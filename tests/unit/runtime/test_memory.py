from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from infercost.runtime import cgroup, memory

if TYPE_CHECKING:
    import pytest


def test_the_peak_sees_memory_that_is_gone_again() -> None:
    memory.reset_peak()
    before = memory.resident_bytes()
    block = np.ones(64 << 20, np.uint8)
    del block
    assert memory.peak_bytes() - before > 48 << 20


def test_a_container_limit_lowers_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    free = memory.available_bytes()
    assert free > 0
    monkeypatch.setattr(cgroup, "memory_headroom", lambda: 1000)
    assert memory.available_bytes() == 1000


def test_a_model_needs_more_than_its_file() -> None:
    assert memory.needed_bytes(1000, 10) == 1510
