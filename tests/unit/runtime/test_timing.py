from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto

from infercost.runtime import session, timing
from infercost.runtime._worker import answer
from infercost.runtime.inputs import save_arrays
from infercost.runtime.protocol import Failure, ModelSource, Operators, OperatorsReply, Point, PointReply

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def feeds(tmp_path: Path) -> Any:
    def write(*arrays: np.ndarray) -> str:
        save_arrays(tmp_path / "feeds.npz", list(arrays))
        return str(tmp_path / "feeds.npz")

    return write


def point(path: Path, arrays: str, *, names: tuple[str, ...] = ("x",), **more: Any) -> Any:
    settings = {"level": "all", "threads": 1, "device": "cpu", "budget_s": 0.2, **more}
    return answer(Point(model=ModelSource(str(path)), names=list(names), arrays=arrays, **settings))


def test_a_point_brings_latencies_and_what_they_cost(nets: Any, saved: Any, feeds: Any) -> None:
    reply = point(saved(nets.mlp()), feeds(np.ones((4, 8), np.float32)))
    assert isinstance(reply, PointReply)
    assert reply.binding
    assert reply.output_bytes == 4 * 4 * 4
    assert reply.first_inference_s > 0
    assert reply.cpu_s > 0
    assert sum(reply.latencies_ns) / 1e9 <= reply.wall_s


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
    reply = point(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)), budget_s=1e-9)
    assert len(reply.latencies_ns) >= 1


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
        return made

    return use


def test_on_a_gpu_inputs_and_outputs_live_there(nets: Any, saved: Any, feeds: Any, fake_gpu: Any) -> None:
    made = fake_gpu("CUDAExecutionProvider", "CPUExecutionProvider")
    reply = point(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)), device="cuda")
    assert isinstance(reply, PointReply)
    assert made["asked"] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert made["session"].bound == [("x", ((1, 8), "cuda", 0)), ("y", "cuda")]
    assert made["session"].runs >= len(reply.latencies_ns)
    assert reply.memory_bytes == 4000


def test_a_silent_fall_back_to_the_cpu_is_refused(nets: Any, saved: Any, feeds: Any, fake_gpu: Any) -> None:
    fake_gpu("CPUExecutionProvider")
    reply = point(saved(nets.mlp()), feeds(np.ones((1, 8), np.float32)), device="cuda")
    assert isinstance(reply, Failure)
    assert reply.stage == "device"
