from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

from infercost.domain.errors import MissingExtraError, TrafficError
from infercost.domain.workload import TrafficColumns
from infercost.store.traffic_files import read_trace


@pytest.fixture
def stored(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)

    def make(**columns) -> str:
        pd.DataFrame(columns).to_parquet("t.parquet")
        return "t.parquet"

    return make


MINUTES = ["2026-01-01T00:00:00", "2026-01-01T00:01:00", "2026-01-01T00:03:00"]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Zurich"])
def test_counts(stored, zone):
    trace = read_trace(stored(minute=pd.to_datetime(MINUTES).tz_localize(zone), requests=[4, 5, 6]))
    assert (trace.counts.tolist(), trace.bin_s) == ([4, 5, 0, 6], 60)
    assert trace.start == ("2025-12-31T23:00:00Z" if zone == "Europe/Zurich" else "2026-01-01T00:00:00Z")
    assert ("taken as UTC" in trace.notes[0]) == (zone is None)


def test_requests_as_text_and_as_numbers(stored):
    assert read_trace(stored(time=["2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01.5Z"])).times_s.tolist() == [0.5, 1.5]
    trace = read_trace(stored(t=[0.25, 1.5], size=[1, 3]), columns=TrafficColumns(work="size"))
    assert (trace.times_s.tolist(), trace.work.tolist()) == ([0.25, 1.5], [0.5, 1.5])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"t": [0, 1], "requests": [1, -1]}, "t.parquet, row 2: requests '-1' is negative"),
        ({"t": [0.5, None], "x": [1, 2]}, "row 2: t an empty cell is no time"),
        ({"time": ["2026-01-01T00:00:00.5Z", None], "x": [1, 2]}, "row 2: time an empty cell is no time"),
        ({"a": [0, 1], "b": [1, 2]}, "no column is named like a time"),
    ],
)
def test_refusals(stored, columns, message):
    with pytest.raises(TrafficError, match=message):
        read_trace(stored(**columns))


def test_a_damaged_file(stored):
    name = stored(t=[0.5, 1.5])
    Path(name).write_bytes(Path(name).read_bytes()[:100])
    with pytest.raises(TrafficError, match=r"t\.parquet is damaged: .*; write it again, or save it as CSV"):
        read_trace(name)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and so on")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading Parquet needs .* pip install 'infercost\[parquet\]'"):
        read_trace(tmp_path / "t.parquet")
