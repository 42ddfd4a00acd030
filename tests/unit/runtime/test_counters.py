from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infercost.runtime import counters
from infercost.runtime.counters import Reading, pulse_ns, waited_ns

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_two_readings_make_what_lies_between() -> None:
    before = Reading.take()
    sum(range(200_000))
    cost = Reading.take().since(before, 7)
    assert cost.wall_s > 0
    assert cost.cpu_s > 0
    assert cost.pulse_ns == 7
    assert cost.busy_s is not None
    assert cost.busy_s >= 0


def test_what_is_not_counted_is_not_known_and_what_wraps_is_nothing() -> None:
    def reading(**more: Any) -> Reading:
        fields = {"wall_ns": 0, "cpu_ns": 0, "waited_ns": 5, "throttled_s": None, "stolen_s": 1.0, "busy_s": 3.0}
        return Reading(**{**fields, "energy_j": 9.0, **more})

    cost = reading(wall_ns=2 * 10**9, waited_ns=10**9 + 5, energy_j=1.0, stolen_s=None).since(reading(), 1)
    assert (cost.wall_s, cost.waited_s, cost.throttled_s, cost.stolen_s, cost.energy_j) == (2.0, 1.0, None, None, 0.0)


def test_waiting_is_that_of_all_threads(tmp_path: Path) -> None:
    for thread, waited in (("10", 300), ("11", 45)):
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "schedstat").write_text(f"999 {waited} 3\n")
    assert waited_ns(tmp_path) == 345
    assert waited_ns(tmp_path / "missing") is None


def test_a_pulse_is_the_shortest_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 90, 100, 150, 200, 280])
    monkeypatch.setattr(counters.time, "thread_time_ns", lambda: next(clock))
    assert pulse_ns() == 50
