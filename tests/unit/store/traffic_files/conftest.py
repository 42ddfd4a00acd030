"""Small traffic files, made up for the tests."""

from __future__ import annotations

import pytest

from infercost.domain.workload import TrafficColumns
from infercost.store.traffic_files import read_trace


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file in an empty working directory and return its bare name."""
    monkeypatch.chdir(tmp_path)

    def make(text: str | bytes, name: str = "t.csv") -> str:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return make


@pytest.fixture
def read(write):
    """What a file with this text says."""

    def understand(text: str | bytes, name: str = "t.csv", **columns):
        return read_trace(write(text, name), columns=TrafficColumns(**columns))

    return understand
