from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto

from infercost.domain.scenario import GpuLoad
from infercost.runtime import session, timing
from infercost.runtime._worker import Job, answer
from infercost.runtime.inputs import save_arrays
from infercost.runtime.protocol import (
    Failure,
    ModelSource,
    Operators,
    OperatorsReply,
    Point,
    PointReply,
    Serve,
    ServeReply,
    Slice,
    SliceReply,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def feeds(tmp_path: Path) -> Any:
    def write(*arrays: np.ndarray) -> str:
        save_arrays(tmp_path / "feeds.npz", list(arrays))
        return str(tmp_path / "feeds.npz")

    return write


def point(path: Path, arrays: str, *, names: tuple[str, ...] = ("x",), **more: Any) -> Any:
    return loaded(path, arrays, names=names, **more)[0]


def loaded(path: Path, arrays: str, *, names: tuple[str, ...] = ("x",), **more: Any) -> tuple[Any, Job]:
    """The reply to a point, and the job that takes orders."""
    settings = {"level": "all", "threads": 1, "device": "cpu", **more}
    job = Job()
    return answer(Point(model=ModelSource(str(path)), names=list(names), arrays=arrays, **settings), job=job), job


def test_a_point_brings_latencies_and_what_they_cost(nets: Any, saved: Any, feeds: Any) -> None:
    reply, job = loaded(saved(nets.mlp()), feeds(np.ones((4, 8), np.float32)))
    assert isinstance(reply, PointReply)
    assert reply.binding
    assert reply.output_bytes == 4 * 4 * 4
    assert reply.first_inference_s > 0
    turn = job.obey(Slice(budget_s=0.05, most_runs=20))
    assert isinstance(turn, SliceReply)
    assert 1 <= len(turn.latencies_ns) <= 20
    assert turn.runs > len(turn.latencies_ns), "a tiny model fills the time with runs that are not timed"
    assert turn.cost.cpu_s > 0
    assert sum(turn.latencies_ns) / 1e9 <= turn.cost.wall_s


def test_workers_that_run_at_once_begin_together_and_keep_up_the_load(nets: Any, saved: Any, feeds: Any) -> None:
    _, job = loaded(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)))
    start = time.perf_counter_ns() + 50_000_000
    turn = job.obey(Slice(budget_s=0.05, most_runs=3, start_ns=start))
    assert isinstance(turn, SliceReply)
    assert len(turn.latencies_ns) <= 3 < turn.runs
    assert time.perf_counter_ns() >= start + 50_000_000


def test_inputs_stay_what_they_were_while_the_model_runs(nets: Any, saved: Any, feeds: Any) -> None:
    path = saved(nets.tokens())
    names = ("input_ids", "attention_mask", "token_type_ids")
    arrays = feeds(*(np.ones((4, 16), dtype=np.int64) for _ in names))
    _, job = loaded(path, arrays, names=names)
    # What was freed is soon overwritten, and an index out of the table fails the run.
    overwritten = [np.full((4, 16), 10**12) for _ in range(200)]
    assert not isinstance(job.obey(Slice(budget_s=0.1, most_runs=1000)), Failure)
    assert len(overwritten) == 200


def test_an_order_without_a_model_fails(nets: Any) -> None:
    assert Job().obey(Slice(budget_s=0.1, most_runs=1)) == Failure("input", "nothing is loaded")


def served(job: Job, tmp_path: Path, offsets_ms: list[float], give_up_s: float = 10.0, lead_ms: float = 0.0) -> ServeReply:
    np.save(tmp_path / "arrivals.npy", np.array([int(ms * 1e6) for ms in offsets_ms], dtype=np.int64))
    start = time.perf_counter_ns() + int(lead_ms * 1e6)
    order = Serve(offsets=str(tmp_path / "arrivals.npy"), start_ns=start, tickets=None, give_up_ns=int(give_up_s * 1e9))
    reply = job.obey(order)
    assert isinstance(reply, ServeReply)
    return reply


def test_a_latency_counts_from_the_scheduled_arrival(nets: Any, saved: Any, feeds: Any, tmp_path: Path) -> None:
    _, job = loaded(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)))
    run = job.loaded.run

    def slow() -> None:
        time.sleep(0.02)
        run()

    job.loaded.run, job.loaded.shortest_s = slow, 0.02
    # All four arrive at once, so each waits for those before it: a closed loop would see 20 ms four times.
    reply = served(job, tmp_path, [0.0, 0.0, 0.0, 0.0])
    assert reply.queries == [0, 1, 2, 3]
    waits = [(latency - service) / 1e6 for latency, service in zip(reply.latencies_ns, reply.service_ns, strict=True)]
    assert all(later - earlier >= 20 for earlier, later in pairwise(waits))
    assert reply.unserved == 0


def test_no_query_is_served_before_it_arrives(nets: Any, saved: Any, feeds: Any, tmp_path: Path) -> None:
    _, job = loaded(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)))
    reply = served(job, tmp_path, [1.0, 2.0, 30.0], lead_ms=300)
    assert reply.queries == [0, 1, 2]
    assert all(latency >= service > 0 for latency, service in zip(reply.latencies_ns, reply.service_ns, strict=True))


def test_a_backlog_beyond_hope_ends_the_run(nets: Any, saved: Any, feeds: Any, tmp_path: Path) -> None:
    _, job = loaded(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)))
    job.loaded.run, job.loaded.shortest_s = lambda: time.sleep(0.03), 0.03
    reply = served(job, tmp_path, [0.0] * 50, give_up_s=0.1)
    assert reply.unserved == 1
    assert 0 < len(reply.queries) < 50


def test_strings_run_without_binding(nets: Any, saved: Any, feeds: Any) -> None:
    model = nets.graph(
        [nets.node("LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_strings=["a"], values_int64s=[1], default_int64=0)],
        [nets.value("x", ["N", 1], TensorProto.STRING)],
        [nets.value("y", ["N", 1], TensorProto.INT64)],
        domains={"ai.onnx.ml": 3},
    )
    reply = point(saved(model), feeds(np.array([["a"], ["b"]], dtype=object)))
    assert isinstance(reply, PointReply)
    assert not reply.binding
    assert reply.output_bytes == 16


def test_outputs_that_lie_about_their_shape_run_without_binding(nets: Any, saved: Any, feeds: Any) -> None:
    reply = point(saved(nets.tree()), feeds(np.ones((5, 3), np.float32)))
    assert isinstance(reply, PointReply)
    assert not reply.binding
    assert reply.output_bytes == 20


def test_what_cannot_run_fails_at_running(nets: Any, saved: Any, feeds: Any) -> None:
    reply = point(saved(nets.unoptimizable()), feeds(np.ones((2, 4), np.float32)))
    assert isinstance(reply, Failure)
    assert reply.stage == "run"
    assert "Slice" in reply.message
    assert isinstance(point(saved(nets.unoptimizable()), feeds(np.ones((2, 4), np.float32)), level="basic"), PointReply)


def test_a_run_longer_than_its_budget_is_still_taken_once(nets: Any, saved: Any, feeds: Any) -> None:
    _, job = loaded(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)))
    turn = job.obey(Slice(budget_s=1e-9, most_runs=100))
    assert isinstance(turn, SliceReply)
    assert len(turn.latencies_ns) == 1


def test_out_of_memory_is_an_answer(nets: Any, saved: Any, feeds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(timing, "load_feeds", exhausted)
    assert point(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32))) == Failure("memory", "out of memory")


def test_operators_are_timed_and_shaped(nets: Any, saved: Any, feeds: Any) -> None:
    reply = answer(
        Operators(
            model=ModelSource(str(saved(nets.cnn(["N", 3, 32, 32])))),
            names=["x"],
            arrays=feeds(np.ones((1, 3, 32, 32), np.float32)),
            level="all",
            threads=1,
            device="cpu",
            budget_s=0.5,
            most_runs=30,
        )
    )
    assert isinstance(reply, OperatorsReply)
    assert 1 <= reply.runs <= 26
    assert all(node.calls == reply.runs for node in reply.timed)
    assert [t.shape for node in reply.shaped if node.op_type == "Conv" for t in node.inputs][1][2:] == (3, 3)
    assert {node.op_type for node in reply.timed} == {node.op_type for node in reply.shaped}


RECORDED_LOAD = GpuLoad(
    utilization=0.93,
    memory_bytes=5 << 30,
    power_w=68.4,
    sm_mhz=1980.0,
    max_sm_mhz=2040.0,
    temperature_c=61.0,
    throttled=("power",),
)
"""Made up in the form that NVML reports; no GPU was there."""


class FakeSession:
    """An ONNX Runtime session on a GPU, as far as the worker looks at one; recorded, not real."""

    def __init__(self, providers: list[str]) -> None:
        self.providers, self.runs, self.bound = providers, 0, []

    def get_providers(self) -> list[str]:
        return self.providers

    def get_outputs(self) -> list[Any]:
        from types import SimpleNamespace

        return [SimpleNamespace(name="y", type="tensor(float)", shape=["N", 4])]

    def io_binding(self) -> FakeSession:
        return self

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        self.bound.append((name, value))

    def bind_output(self, name: str, device: str) -> None:
        self.bound.append((name, device))

    def run_with_iobinding(self, binding: Any) -> None:
        assert binding is self
        self.runs += 1


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    made: dict[str, Any] = {}

    def use(*providers: str) -> dict[str, Any]:
        def open_fake(source: Any, options: Any, **arguments: Any) -> FakeSession:
            made["asked"] = arguments["providers"]
            made["session"] = FakeSession(list(providers))
            return made["session"]

        monkeypatch.setattr(session.ort, "InferenceSession", open_fake)
        monkeypatch.setattr(
            session.ort.OrtValue, "ortvalue_from_numpy", lambda array, device, index: (array.shape, device, index)
        )
        monkeypatch.setattr(session, "bound_output_bytes", lambda binding: 16)
        used = iter([1000, 5000])
        monkeypatch.setattr(timing, "device_memory_used", lambda: next(used))
        monkeypatch.setattr(timing, "gpu_load", lambda: RECORDED_LOAD)
        return made

    return use


def test_on_a_gpu_inputs_and_outputs_live_there(nets: Any, saved: Any, feeds: Any, fake_gpu: Any) -> None:
    made = fake_gpu("CUDAExecutionProvider", "CPUExecutionProvider")
    reply, job = loaded(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)), device="cuda")
    assert isinstance(reply, PointReply)
    turn = job.obey(Slice(budget_s=0.05, most_runs=10))
    assert isinstance(turn, SliceReply)
    assert made["asked"] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert made["session"].bound == [("x", ((1, 8), "cuda", 0)), ("y", "cuda")]
    assert made["session"].runs >= turn.runs
    assert turn.memory_bytes == 4000
    assert turn.gpu == RECORDED_LOAD


@pytest.mark.parametrize(
    ("device", "providers", "place"),
    [
        ("tensorrt", ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"], "cuda"),
        ("openvino", ["OpenVINOExecutionProvider", "CPUExecutionProvider"], "cpu"),
    ],
)
def test_each_device_has_its_providers_and_its_memory(
    nets: Any, saved: Any, feeds: Any, fake_gpu: Any, device: str, providers: list[str], place: str
) -> None:
    made = fake_gpu(*providers)
    reply = point(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)), device=device)
    assert isinstance(reply, PointReply)
    assert made["asked"] == providers
    assert made["session"].bound == [("x", ((1, 8), place, 0)), ("y", place)]


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "openvino"])
def test_a_silent_fall_back_to_the_cpu_is_refused(nets: Any, saved: Any, feeds: Any, fake_gpu: Any, device: str) -> None:
    fake_gpu("CPUExecutionProvider")
    reply = point(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)), device=device)
    assert isinstance(reply, Failure)
    assert reply.stage == "device"
    assert "fell back to CPUExecutionProvider" in reply.message
