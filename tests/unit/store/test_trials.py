from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infercost.domain.latency import LatencyStats, RawLatencies
from infercost.domain.scenario import Trial
from infercost.store.trials import TrialStore

if TYPE_CHECKING:
    from pathlib import Path

TRIAL = Trial(
    batch=4,
    threads=1,
    workers=2,
    precision="fp32",
    throughput_per_s=90.0,
    latency_ms=LatencyStats.of([0.01, 0.02]),
    raw=RawLatencies.pack([0.01, 0.02]),
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_trial_is_there_the_moment_it_was_kept(cache: Path) -> None:
    TrialStore("machine").keep("key", TRIAL)
    assert TrialStore("machine").recall("key") == TRIAL
    assert TrialStore("another machine").recall("key") is None
    assert TrialStore("machine").recall("another key") is None
    assert TrialStore("machine", fresh=True).recall("key") is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"batch": "four"}'])
def test_a_damaged_trial_is_measured_again(cache: Path, content: bytes) -> None:
    store = TrialStore("machine")
    store.keep("key", TRIAL)
    (file,) = (cache / "trials").iterdir()
    file.write_bytes(content)
    assert store.recall("key") is None
    store.keep("key", TRIAL)
    assert store.recall("key") == TRIAL


def test_a_cache_that_cannot_be_written_costs_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "file"))
    store = TrialStore("machine")
    store.keep("key", TRIAL)
    assert store.problem is not None
    assert "INFERCOST_CACHE_DIR" in store.problem
    assert store.recall("key") is None
