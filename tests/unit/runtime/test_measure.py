from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from infercost.domain.errors import InputsError, ModelError, NoisyMachineError
from infercost.domain.profile import LatencyStats
from infercost.runtime import measure as module
from infercost.runtime import points, subject, workers
from infercost.runtime.inspect import inspect
from infercost.runtime.measure import MeasureSettings, Progress, measure
from infercost.runtime.protocol import Failure, Operators, OperatorsReply, Point, SliceReply

if TYPE_CHECKING:
    from pathlib import Path

FAST = MeasureSettings(batches=(1, 4), threads=(1,), budget_s=1.0, device="cpu")
ONCE = replace(FAST, batches=(1,), budget_s=0.5)

pytestmark = pytest.mark.usefixtures("in_process")


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "busy_cpus", lambda: 0.0)


def intercept(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[Any]:
    """Let ``answer`` see each request first; what it returns, if anything, is the reply."""
    original, seen = workers.Worker, []

    class Watched(original):  # type: ignore[misc,valid-type]
        def __init__(self, request: Any, folder: Path) -> None:
            seen.append(request)
            self.given = answer(request)
            if self.given is None:
                super().__init__(request, folder)

        def hear(self) -> Any:
            return super().hear() if self.given is None else self.given

        def close(self) -> None:
            if self.given is None:
                super().close()

    monkeypatch.setattr(workers, "Worker", Watched)
    return seen


def alter(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Let ``change`` see each turn and each reply, and put another in its place."""
    original = workers.Worker

    class Altered(original):  # type: ignore[misc,valid-type]
        def hear(self) -> Any:
            return change(super().hear())

        def obey(self, order: Any) -> Any:
            return change(super().obey(order))

    monkeypatch.setattr(workers, "Worker", Altered)


def test_a_profile_holds_every_point_and_its_raw_runs(nets: Any, saved: Any, idle: None) -> None:
    path = saved(nets.mlp())
    facts = inspect(path)
    profile = measure(path, facts, settings=FAST)
    assert profile.model == facts
    assert [(p.batch, p.threads, p.device, p.precision) for p in profile.points] == [
        (1, 1, "cpu", "fp32"),
        (4, 1, "cpu", "fp32"),
    ]
    for point in profile.points:
        assert point.raw is not None
        raw = point.raw.seconds()
        assert len(raw) == point.latency_ms.count == point.raw.count
        assert point.latency_ms.min == pytest.approx(min(raw) * 1e3, abs=1e-4)
        assert point.throughput_per_s == pytest.approx(point.batch * 1e3 / point.latency_ms.mean)
        assert point.cpu_utilization is not None
        assert 0 < point.cpu_utilization <= 1
        assert point.load_s is not None
        assert point.first_inference_s is not None
    assert profile.payload_in_bytes == 32
    assert profile.payload_out_bytes == 16
    assert profile.runtime.execution_provider == "CPUExecutionProvider"
    assert profile.runtime.graph_optimization == "all"
    assert sum(o.time_share for o in profile.operators) == pytest.approx(1)
    assert sum(o.flops or 0 for o in profile.operators) == pytest.approx(facts.flops_per_item or 0, rel=0.3)


def test_progress_is_told_before_each_step(nets: Any, saved: Any, idle: None) -> None:
    path, told = saved(nets.mlp()), []
    measure(path, inspect(path), settings=FAST, on_progress=told.append)
    assert [step for step in told if not step.detail.endswith(", again")] == [
        Progress("measuring", 0, 3, "batch 1 × 1 thread"),
        Progress("measuring", 1, 3, "batch 4 × 1 thread"),
        Progress("operators", 2, 3, "timing operators"),
        Progress("done", 3, 3, ""),
    ]


def test_it_works_in_processes_of_its_own(nets: Any, saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    path = saved(nets.mlp())
    profile = measure(path, inspect(path), settings=ONCE)
    assert profile.points[0].memory_bytes
    assert profile.operators


def test_full_optimization_that_breaks_a_graph_is_given_up_for_less(nets: Any, saved: Any, idle: None) -> None:
    path = saved(nets.unoptimizable())
    profile = measure(path, inspect(path), settings=FAST)
    assert profile.runtime.graph_optimization == "basic"
    assert len(profile.points) == 2
    assert any(
        w.startswith("ran at BASIC graph optimization; full optimization fails: operator Slice") for w in profile.warnings
    )
    assert profile.operators


def test_samples_are_measured_at_every_batch(nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(nets.mlp())
    samples = {"x": np.arange(16, dtype=np.float32).reshape(2, 8)}
    shapes = []

    def look(request: Any) -> None:
        with np.load(request.arrays) as stored:
            shapes.append(stored["0"][:, 0].tolist())

    facts = inspect(path, inputs=samples)
    intercept(monkeypatch, look)
    profile = measure(path, facts, inputs=samples, settings=FAST)
    assert shapes == [[0], [0, 8, 0, 8], [0]]
    assert profile.runtime.settings["inputs"] == "samples"


def test_samples_that_do_not_fit_are_refused(nets: Any, saved: Any) -> None:
    path = saved(nets.mlp())
    with pytest.raises(InputsError, match="'x' is float64"):
        measure(path, inspect(path), inputs={"x": np.ones((1, 8))}, settings=ONCE)


def test_a_batch_too_slow_for_its_time_is_skipped_and_said(
    nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "_RUNS_WANTED", 10**9)
    path = saved(nets.mlp())
    profile = measure(path, inspect(path), settings=FAST)
    assert [p.batch for p in profile.points] == [1]
    assert any(w.startswith("not measured: batch 4 × 1 thread (about") for w in profile.warnings)


def test_a_batch_that_fails_is_left_out_and_said(nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch) -> None:
    points = iter(range(10))

    def fail_second(request: Any) -> Failure | None:
        return Failure("crash", "it was killed") if isinstance(request, Point) and next(points) == 1 else None

    path = saved(nets.mlp())
    facts = inspect(path)
    intercept(monkeypatch, fail_second)
    profile = measure(path, facts, settings=FAST)
    assert [p.batch for p in profile.points] == [1]
    assert any(
        "not measured: batch 4 (ONNX Runtime crashed while running batch 4 of model.onnx: it was killed" in w
        for w in profile.warnings
    )


def test_a_single_item_that_fails_ends_it_at_every_level(
    nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(nets.mlp())
    facts = inspect(path)
    seen = intercept(monkeypatch, lambda request: Failure("run", f"broken at {request.level}"))
    with pytest.raises(ModelError, match=r"cannot run model\.onnx: broken at all; inspect it with other --dim sizes"):
        measure(path, facts, settings=ONCE)
    assert [request.level for request in seen] == ["all", "basic", "none"]


def test_operators_that_cannot_be_timed_cost_no_profile(
    nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(nets.mlp())
    facts = inspect(path)
    intercept(monkeypatch, lambda request: Failure("crash", "gone") if isinstance(request, Operators) else None)
    profile = measure(path, facts, settings=ONCE)
    assert profile.points
    assert profile.operators == ()
    assert "operators could not be timed: gone" in profile.warnings


def test_a_model_beyond_memory_is_refused_before_it_is_loaded(nets: Any, saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(nets.mlp())
    facts = replace(inspect(path), file_bytes=1 << 50)
    seen = intercept(monkeypatch, lambda request: None)
    with pytest.raises(ModelError, match=r"model\.onnx needs about [\d.]+ GiB of memory and [\d.]+ GiB is free"):
        measure(path, facts, settings=ONCE)
    assert not seen


def test_a_vanished_file_is_named(nets: Any, saved: Any) -> None:
    path = saved(nets.mlp())
    facts = inspect(path)
    path.unlink()
    with pytest.raises(ModelError, match="no such model file"):
        measure(path, facts, settings=ONCE)


def test_doubtful_figures_are_said_to_be(nets: Any, saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(nets.mlp())
    facts = inspect(path)
    turns = []

    def disturbed(reply: Any) -> Any:
        if isinstance(reply, OperatorsReply):
            return msgspec.structs.replace(reply, runs=3)
        if not isinstance(reply, SliceReply):
            return reply
        turns.append(reply)
        kept = [1000, 2000] * 10 if len(turns) == 1 else [1000] * 5
        wall = reply.cost.wall_s
        cost = msgspec.structs.replace(reply.cost, cpu_s=0.5 * wall, busy_s=0.5 * wall, stolen_s=0.0, waited_s=0.0, pulse_ns=9)
        return msgspec.structs.replace(reply, latencies_ns=kept, cost=cost)

    alter(monkeypatch, disturbed)
    monkeypatch.setattr(module, "busy_cpus", lambda: 1.5)
    monkeypatch.setattr(points, "LEAST_SLICE_S", 10.0)
    profile = measure(path, facts, settings=FAST)
    assert profile.warnings == (
        (
            "the machine was busy: other processes were using 1.5 CPUs when the measurement began, single-threaded runs "
            "had the CPU for only 50% of the time and 2 of 2 turns were disturbed; latencies are too high, quiet it and "
            "profile again"
        ),
        (
            "rough figures: batch 1 × 1 thread did not settle, batch 4 × 1 thread had too few (5 runs, 11 make a median), "
            "operator shares rest on 3 runs (20 are wanted); raise --budget"
        ),
    )
    assert not any(p.stable for p in profile.points)
    assert profile.points[1].latency_ms.p50 is None
    assert profile.noise is not None
    assert (profile.noise.slices, profile.noise.disturbed_slices, profile.noise.on_cpu_share) == (2, 2, 0.5)
    with pytest.raises(NoisyMachineError, match=r"other processes were using 1\.5 CPUs .* without --strict"):
        measure(path, facts, settings=replace(FAST, strict=True))


def test_an_interrupt_goes_through(nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(request: Any) -> None:
        raise KeyboardInterrupt

    path = saved(nets.mlp())
    facts = inspect(path)
    intercept(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        measure(path, facts, settings=ONCE)


def test_a_run_without_end_is_said_with_the_next_step(
    nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(nets.mlp())
    facts = inspect(path)
    seen = intercept(monkeypatch, lambda request: Failure("deadline", "one run of the model did not end within 120 s"))
    expected = r"stopped running batch 1 of model\.onnx: one run .* within 120 s; check it for a loop .* raise --budget"
    with pytest.raises(ModelError, match=expected):
        measure(path, facts, settings=ONCE)
    assert [request.deadline_s for request in seen] == [ONCE.deadline_s]


@pytest.mark.parametrize(("longest_ns", "kept"), [(10**9 + 3, True), (43 * 10**9, False)])
def test_figures_are_those_of_the_raw_runs_as_stored(
    nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch, longest_ns: int, kept: bool
) -> None:
    path = saved(nets.mlp())
    facts = inspect(path)
    turns = []

    def outlier(reply: Any) -> Any:
        if isinstance(reply, SliceReply):
            turns.append(reply)
            cost = msgspec.structs.replace(reply.cost, cpu_s=reply.cost.wall_s, waited_s=0.0, throttled_s=0.0)
            return msgspec.structs.replace(reply, cost=cost, latencies_ns=[4006] * 100 + [longest_ns] * (len(turns) == 1))
        return reply

    alter(monkeypatch, outlier)
    (point,) = measure(path, facts, settings=ONCE).points
    assert (point.raw is not None) == kept
    if point.raw is not None:
        assert point.latency_ms == LatencyStats.of(point.raw.seconds())
    else:
        assert point.latency_ms.mean == pytest.approx(longest_ns / point.latency_ms.count / 1e6, rel=1e-4)


def test_a_batch_without_room_in_memory_is_said(nets: Any, saved: Any, idle: None, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(nets.mlp())
    facts = inspect(path)
    monkeypatch.setattr(subject, "activation_bytes", lambda _, batch: 0 if batch == 1 else 1 << 50)
    profile = measure(path, facts, settings=FAST)
    assert [p.batch for p in profile.points] == [1]
    assert any(w.startswith("not measured: batch 4 (needs about 1048576.0 GiB, ") for w in profile.warnings)
