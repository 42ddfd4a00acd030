from __future__ import annotations

from typing import Any

import pytest

from infercost.runtime import points
from infercost.runtime.doubts import Doubts
from infercost.runtime.points import Gathered, PointMeter
from infercost.runtime.protocol import Counters, Failure, PointReply, SliceReply

READY = PointReply(0.2, 0.03, 16, True, 50 << 20)


def turn(latencies_us: list[float], *, share: float = 1.0, energy: float | None = None, memory: int = 1000) -> SliceReply:
    cost = Counters(1.0, share, 0.0, 0.0, 0.0, 1.0, 100, energy)
    return SliceReply([round(us * 1e3) for us in latencies_us], 2 * len(latencies_us), cost, memory, (50 << 20) + memory)


def gathered(*turns: SliceReply, threads: int = 1, target: int = 20) -> Gathered:
    return Gathered(1, threads, worker=None, ready=READY, device="cpu", slices=list(turns), target=target)  # type: ignore[arg-type]


def test_a_disturbed_turn_is_left_out_where_the_quiet_ones_suffice() -> None:
    one = gathered(turn([100.0] * 12), turn([300.0] * 50, share=0.5), turn([100.0] * 12))
    point = one.point("fp32")
    assert point.latency_ms.count == 24
    assert point.latency_ms.p50 == 0.1
    assert (point.slices, point.disturbed_slices) == (3, 1)
    assert [t.kept for t in one.turns()] == [True, False, True]


def test_disturbed_turns_are_all_that_there_is_on_a_busy_machine() -> None:
    one = gathered(turn([300.0] * 50, share=0.5), turn([100.0] * 5))
    assert one.point("fp32").latency_ms.count == 55
    assert one.need() >= 1, "noise asks for a repetition"


def test_a_single_turn_has_seen_one_mood_of_the_machine_only() -> None:
    assert 0 < gathered(turn([100.0] * 30)).need() < 1
    assert gathered(turn([100.0] * 15), turn([100.0] * 15)).need() == 0


def test_what_failed_wants_no_more() -> None:
    one = gathered(turn([1.0, 9.0] * 10))
    assert one.need() > 1
    one.failure = Failure("crash", "gone")
    assert one.need() == 0


def test_a_point_says_what_a_worker_keeps_and_burns() -> None:
    point = gathered(turn([100.0] * 12, energy=3.0, memory=1000), turn([100.0] * 12, energy=1.0, memory=3000)).point("fp32")
    assert point.process_bytes == 50 << 20
    assert point.memory_bytes == 3000
    assert point.steady_bytes == (50 << 20) + 3000
    assert point.energy_j == pytest.approx(4.0 / 48)
    assert point.load_s == 0.2
    assert {band.metric for band in point.intervals} == {"mean", "p50"}
    assert gathered(turn([100.0] * 12)).point("fp32").energy_j is None


class Scripted:
    """A worker whose turns are written down."""

    def __init__(self, turns: list[SliceReply], log: list[str], name: str) -> None:
        self.turns, self.log, self.name = turns, log, name

    def obey(self, order: Any) -> SliceReply:
        self.log.append(self.name)
        return self.turns.pop(0) if self.turns else turn([100.0] * 20)

    def close(self) -> None:
        self.log.append(f"{self.name} closed")


def test_the_time_left_goes_to_the_least_certain_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(points.time, "perf_counter", lambda: next(clock) / 100)
    log: list[str] = []
    wild = [turn([100.0, 300.0] * 10) for _ in range(3)]
    calm = gathered(turn([100.0] * 30), threads=2)
    restless = gathered(turn([100.0, 300.0] * 10))
    calm.worker, restless.worker = Scripted([], log, "calm"), Scripted(wild, log, "restless")  # type: ignore[assignment]
    meter = PointMeter(None, None, Doubts(), deadline=5.0, tell=lambda *_: None)  # type: ignore[arg-type]
    meter._settle([calm, restless], end=2.0)
    assert log[0] == "restless"
    assert log.count("restless") > 3 * log.count("calm") >= 3


def test_a_run_that_the_time_left_has_no_room_for_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points.time, "perf_counter", lambda: 0.0)
    log: list[str] = []
    slow = gathered(turn([900_000.0] * 3))
    slow.worker = Scripted([], log, "slow")  # type: ignore[assignment]
    PointMeter(None, None, Doubts(), 5.0, lambda *_: None)._settle([slow], end=2.0)  # type: ignore[arg-type]
    assert log == []


@pytest.mark.usefixtures("in_process")
def test_models_that_memory_cannot_hold_together_are_measured_in_groups(
    nets: Any, saved: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infercost.runtime import measure as module
    from infercost.runtime import workers
    from infercost.runtime.inspect import inspect
    from infercost.runtime.measure import MeasureSettings, measure

    monkeypatch.setattr(module, "busy_cpus", lambda: 0.0)
    monkeypatch.setattr(points, "available_bytes", lambda: 200 << 20)
    alive, most = [0], [0]
    original = workers.Worker

    class Counted(original):  # type: ignore[misc,valid-type]
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            alive[0] += 1
            most[0] = max(most[0], alive[0])

        def close(self) -> None:
            super().close()
            alive[0] -= 1

    monkeypatch.setattr(workers, "Worker", Counted)
    path = saved(nets.mlp())
    settings = MeasureSettings(batches=(1, 2, 4), threads=(1,), budget_s=1.5, device="cpu")
    profile = measure(path, inspect(path), settings=settings)
    assert [p.batch for p in profile.points] == [1, 2, 4]
    assert most[0] == 1
    assert alive[0] == 0
