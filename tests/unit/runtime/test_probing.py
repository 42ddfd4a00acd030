from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from infercost.runtime._worker import answer
from infercost.runtime.inputs import save_arrays
from infercost.runtime.protocol import Failure, InputSpec, ModelSource, Probe, ProbeReply

if TYPE_CHECKING:
    from pathlib import Path

X = InputSpec("x", "float32", "normal", 0)


def probe(path: Path, trials: list[list[list[int]]], *, inputs: list[InputSpec] | None = None, **more: Any) -> Any:
    return answer(Probe(model=ModelSource(str(path)), inputs=inputs or [X], trials=trials, **more))


def test_the_first_trial_that_runs_is_taken(nets: Any, saved: Any) -> None:
    reply = probe(saved(nets.mlp("batch", "features")), [[[1, 3]], [[1, 8]], [[1, 8]]])
    assert isinstance(reply, ProbeReply)
    assert reply.trial == 1
    assert reply.batch_error is None
    (output,) = reply.outputs
    assert (output.name, output.dtype, output.shape, output.nbytes, output.batch_axis) == ("y", "float32", [1, 4], 16, 0)


def test_only_the_last_run_is_traced_with_all_shapes(nets: Any, saved: Any) -> None:
    reply = probe(saved(nets.mlp()), [[[1, 8]]])
    assert {(n.name, n.op_type, n.calls) for n in reply.nodes} == {
        ("first", "Gemm", 1),
        ("relu", "Relu", 1),
        ("second", "MatMul", 1),
    }
    assert [t.shape for n in reply.nodes if n.name == "second" for t in n.inputs] == [(1, 16), (16, 4)]


def test_when_no_trial_runs_the_first_reason_counts(nets: Any, saved: Any) -> None:
    reply = probe(saved(nets.mlp("batch", "features")), [[[1, 3]], [[1, 5]]])
    assert isinstance(reply, Failure)
    assert reply.stage == "run"
    assert "Gemm" in reply.message


def test_a_batch_that_does_not_run_is_reported(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("Reshape", ["x", "shape"], ["y"], name="fixed")],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
        [nets.weight("shape", [1, 8], np.int64)],
    )
    reply = probe(saved(model), [[[1, 8]]])
    assert "Reshape" in (reply.batch_error or "")


def test_a_batch_that_no_output_shows_is_none(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("ReduceMean", ["x"], ["y"], name="mean", keepdims=0)], [nets.value("x", ["N", 8])], [nets.value("y", None)]
    )
    assert probe(saved(model), [[[1, 8]]]).batch_error == "no output grows with it"


def test_only_the_branch_that_is_taken_is_traced(nets: Any, saved: Any) -> None:
    inputs = [X, InputSpec("flag", "bool", "constant:1", None)]
    reply = probe(saved(nets.branching()), [[[1, 8], []]], inputs=inputs)
    assert {n.op_type for n in reply.nodes} == {"If", "MatMul"}


def test_the_users_arrays_are_used_as_they_are(nets: Any, saved: Any, tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.npz", [np.array([["b"]], dtype=object)])
    model = nets.graph(
        [
            nets.node(
                "LabelEncoder",
                ["x"],
                ["y"],
                domain="ai.onnx.ml",
                keys_strings=["a", "b"],
                values_int64s=[10, 20],
                default_int64=0,
            )
        ],
        [nets.value("x", ["N", 1], TensorProto.STRING)],
        [nets.value("y", ["N", 1], TensorProto.INT64)],
        domains={"ai.onnx.ml": 3},
    )
    inputs = [InputSpec("x", "string", "text:zzz", 0)]
    reply = probe(saved(model), [[[1, 1]]], inputs=inputs, arrays=str(tmp_path / "a.npz"))
    assert isinstance(reply, ProbeReply)
    assert reply.outputs[0].dtype == "int64"


def test_a_file_that_does_not_load_fails_at_loading(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x09 nonsense")
    reply = probe(tmp_path / "broken.onnx", [[[1, 8]]])
    assert isinstance(reply, Failure)
    assert reply.stage == "load"
