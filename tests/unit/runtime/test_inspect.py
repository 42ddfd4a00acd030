from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from infercost.domain.errors import InputsError, ModelError, UnknownNameError, UsageError
from infercost.domain.model import OperatorFacts
from infercost.runtime import inspect as module
from infercost.runtime.inspect import inspect

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("in_process")


def operators(facts: Any) -> dict[str, OperatorFacts]:
    return {o.op_type: o for o in facts.operators}


def test_a_plain_model_is_described_in_full(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.mlp()))
    assert (facts.name, facts.opset, facts.domains) == ("model.onnx", 17, {"ai.onnx": 17})
    assert facts.parameters == 8 * 16 + 16 + 16 * 4
    assert facts.weights_by_dtype == {"float32": 4 * facts.parameters}
    assert facts.flops_per_item == (2 * 8 * 16 + 16) + 16 + 2 * 16 * 4
    assert facts.flops_coverage == 1.0
    assert (facts.batch_dim, facts.bound_dims) == ("batch", {"batch": 1})
    (x,), (y,) = facts.inputs, facts.outputs
    assert (x.shape, x.bound_shape, x.batch_axis, x.values) == (("batch", 8), (1, 8), 0, "normal")
    assert (y.bound_shape, y.batch_axis) == ((1, 4), 0)
    gemm = operators(facts)["Gemm"]
    assert (gemm.count, gemm.flops, gemm.weight_bytes) == (1, 272, 4 * (128 + 16))
    assert gemm.bytes == 4 * (8 + 128 + 16 + 16)
    assert facts.warnings == ()


def test_it_works_in_processes_of_its_own_and_leaves_nothing_behind(
    nets: Any, saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (tmp_path / "cwd").mkdir()
    (tmp_path / "tmp").mkdir()
    path = saved(nets.branching())
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    facts = inspect(os.path.relpath(path))
    assert facts.batch_dim == "N"
    assert not list((tmp_path / "cwd").iterdir())
    assert not list((tmp_path / "tmp").iterdir())


def test_open_dimensions_are_guessed_and_said(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.cnn(["N", 3, "H", "W"])))
    assert facts.bound_dims == {"N": 1, "H": 224, "W": 224}
    assert facts.warnings == ("the file leaves dimensions open; measured at H=224, W=224 (change with --dim NAME=SIZE)",)


def test_the_users_sizes_are_used(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.cnn(["N", 3, "H", "W"])), dims={"H": 32, "x.3": 16})
    assert facts.inputs[0].bound_shape == (1, 3, 32, 16)
    assert facts.warnings == ()
    assert operators(facts)["MaxPool"].flops == 4 * 16 * 8 * 4


def test_a_wrong_guess_gives_way_to_one_that_runs(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("Reshape", ["x", "shape"], ["y"], name="cut")],
        [nets.value("x", ["batch", "samples"])],
        [nets.value("y", None)],
        [nets.weight("shape", [-1, 512], np.int64)],
    )
    # 16000 samples cannot be cut into rows of 512; the next size of audio can.
    assert inspect(saved(model)).bound_dims == {"batch": 1, "samples": 512}


def test_when_nothing_runs_the_dimensions_to_bind_are_named(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("Reshape", ["x", "shape"], ["y"], name="cut")],
        [nets.value("x", ["batch", "width_of_it"])],
        [nets.value("y", None)],
        [nets.weight("shape", [-1, 7919], np.int64)],
    )
    with pytest.raises(ModelError, match=r"operator Reshape \(node 'cut'\).*--dim width_of_it=…") as caught:
        inspect(saved(model))
    assert "\n" not in str(caught.value)
    assert inspect(saved(model), dims={"width_of_it": 7919}).bound_dims["width_of_it"] == 7919


def test_unnamed_dimensions_are_bound_by_axis(nets: Any, saved: Any) -> None:
    model = nets.cnn([None, 3, "?", "?"])
    facts = inspect(saved(model), dims={"x.2": 16, "x.3": 8})
    assert facts.inputs[0].shape == (None, 3, None, None)
    assert facts.inputs[0].bound_shape == (1, 3, 16, 8)
    assert facts.batch_dim == "x.0"


def test_a_fixed_batch_has_no_batch_dimension(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.mlp(batch=4)))
    assert facts.batch_dim is None
    assert facts.inputs[0].batch_axis is None
    assert facts.inputs[0].bound_shape == (4, 8)


def test_fixing_the_batch_takes_it_away(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.mlp()), dims={"batch": 3})
    assert facts.batch_dim is None
    assert facts.inputs[0].bound_shape == (3, 8)
    assert any("input 'x' is fixed at 3 rows: one run serves 3" in w for w in facts.warnings)


@pytest.mark.parametrize(("shape", "rows"), [([4, 3, 8, 8], 4), ([1, 3, 8, 8], None)])
def test_a_batch_fixed_by_the_export_is_said(nets: Any, saved: Any, shape: list[int], rows: int | None) -> None:
    warnings = inspect(saved(nets.cnn(shape))).warnings
    expected = (
        f"input 'x' is fixed at {rows} rows: one run serves {rows}, and figures per item count the run as one inference; "
        f"divide them by {rows}, or export the model with a dynamic batch"
    )
    assert warnings == (() if rows is None else (expected,))


def test_leading_sizes_that_are_no_rows_are_not_called_so(nets: Any, saved: Any) -> None:
    image = nets.graph(
        [nets.node("ReduceMean", ["x"], ["y"], name="mean", keepdims=0)], [nets.value("x", [3, 8, 8])], [nets.value("y", [])]
    )
    assert inspect(saved(image, "image")).warnings == ()
    assert inspect(saved(nets.recurrent(), "state")).warnings == ()


def test_inputs_beyond_memory_are_refused_before_they_are_made(nets: Any, saved: Any) -> None:
    with pytest.raises(UsageError, match=r"input 'x' at \[1, 3, 2147483647, 2147483647\] takes [\d.]+ GiB .*smaller --dim"):
        inspect(saved(nets.cnn(["N", 3, "H", "W"])), dims={"H": 2**31 - 1, "W": 2**31 - 1})


def test_a_batch_that_does_not_run_is_no_batch(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("Reshape", ["x", "shape"], ["y"], name="fixed")],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
        [nets.weight("shape", [1, 8], np.int64)],
    )
    facts = inspect(saved(model))
    assert facts.batch_dim is None
    assert any("dimension 'N' is no batch (a batch of 2 fails: operator Reshape" in w for w in facts.warnings)


def test_states_of_recurrent_models_share_the_batch(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.recurrent()))
    assert {t.name: t.batch_axis for t in facts.inputs} == {"x": 1, "state": 1, "cell": 1}
    assert {t.name: t.batch_axis for t in facts.outputs} == {"h": 1, "c": 1}
    assert operators(facts)["LSTM"].flops == 2 * (16 * 3 + 16 * 4) + 54 * 4


def test_token_models_get_valid_tokens(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.tokens(50)))
    assert facts.bound_dims == {"batch": 1, "sequence": 128}
    assert [t.values for t in facts.inputs] == ["integers:0:49", "constant:1", "constant:0"]
    assert operators(facts)["Gather"].bytes == 2 * (2 * 128 * 6 * 4 + 128 * 8)
    assert operators(facts)["Gather"].weight_bytes == 0


def test_only_the_branch_that_runs_costs_anything(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.branching()))
    assert operators(facts)["MatMul"].flops == 2 * 8 * 8
    assert operators(facts)["MatMul"].weight_bytes == 4 * 64
    assert operators(facts)["Relu"] == OperatorFacts(op_type="Relu", count=1, flops=0, bytes=0)
    assert facts.flops_per_item == 128


def test_loops_cost_what_their_turns_do(nets: Any, saved: Any) -> None:
    body = helper.make_graph(
        [nets.node("MatMul", ["state", "w"], ["next"], name="step"), nets.node("Identity", ["go"], ["go_on"], name="keep")],
        "body",
        [nets.value("turn", [], TensorProto.INT64), nets.value("go", [], TensorProto.BOOL), nets.value("state", None)],
        [nets.value("go_on", [], TensorProto.BOOL), nets.value("next", None)],
    )
    model = nets.graph(
        [nets.node("Loop", ["turns", "", "x"], ["y"], name="loop", body=body)],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
        [nets.weight("turns", 5, np.int64), nets.weight("w", np.eye(8))],
    )
    facts = inspect(saved(model))
    assert operators(facts)["MatMul"].count == 1
    assert facts.flops_per_item == 5 * 2 * 8 * 8


def test_functions_count_by_their_bodies(nets: Any, saved: Any) -> None:
    function = helper.make_function(
        "local",
        "Block",
        ["a", "b"],
        ["c"],
        [nets.node("MatMul", ["a", "b"], ["t"]), nets.node("Relu", ["t"], ["c"])],
        [helper.make_opsetid("", 17)],
    )
    model = nets.graph(
        [nets.node("Block", ["x", "w"], ["h"], domain="local"), nets.node("Block", ["h", "w"], ["y"], domain="local")],
        [nets.value("x", ["N", 4])],
        [nets.value("y", ["N", 4])],
        [nets.weight("w", np.eye(4))],
        domains={"local": 1},
        functions=[function],
    )
    facts = inspect(saved(model))
    assert operators(facts)["MatMul"].count == 2
    assert facts.flops_per_item == 2 * (2 * 16 + 4)


def test_trees_are_counted_though_their_outputs_lie(nets: Any, saved: Any) -> None:
    facts = inspect(saved(nets.tree()))
    assert facts.flops_per_item == round(2 * (1 + 1 + 1 + 2 + 2) / 5)
    assert facts.parameters == 8
    assert facts.weights_by_dtype == {"float32": 8 * 24}
    assert facts.outputs[0].shape == (1, 1)
    assert facts.outputs[0].batch_axis == 0
    assert facts.inputs[0].values == "uniform:-1.5:3"


def test_weights_made_by_the_graph_are_weights(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("ConstantOfShape", ["shape"], ["w"]), nets.node("MatMul", ["x", "w"], ["y"], name="product")],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
        [nets.weight("shape", [8, 4], np.int64)],
    )
    facts = inspect(saved(model))
    assert facts.parameters == 32
    assert operators(facts)["MatMul"].weight_bytes == 128
    assert operators(facts)["ConstantOfShape"].bytes == 0


def test_quantized_weights_are_seen_behind_their_scales(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [
            nets.node("DequantizeLinear", ["q", "scale", "zero"], ["w"], name="dequantize"),
            nets.node("MatMul", ["x", "w"], ["y"], name="product"),
        ],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
        [nets.weight("q", np.ones((8, 4)), np.int8), nets.weight("scale", 0.5), nets.weight("zero", 0, np.int8)],
    )
    facts = inspect(saved(model))
    assert facts.weights_by_dtype["int8"] == 33
    assert operators(facts)["MatMul"].weight_bytes == 4 * 32


def test_repeated_opset_imports_are_read_and_said(nets: Any, saved: Any) -> None:
    model = nets.mlp()
    model.opset_import.append(helper.make_opsetid("", 11))
    facts = inspect(saved(model))
    assert facts.opset == 17
    assert "the file imports the opset of ai.onnx more than once; the highest is reported" in facts.warnings


def test_external_data_is_found_beside_the_file(nets: Any, tmp_path: Path) -> None:
    model = nets.branching()
    del model.graph.input[1:]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "flag"))
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "m.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="w.bin", size_threshold=64)
    facts = inspect(path)
    assert facts.file_bytes == path.stat().st_size + 256
    assert facts.flops_per_item == 128


def test_unknown_operators_lower_the_coverage(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("Relu", ["x"], ["r"], name="relu"), nets.node("Det", ["r"], ["y"], name="det")],
        [nets.value("x", ["N", 4, 4])],
        [nets.value("y", None)],
    )
    facts = inspect(saved(model))
    assert facts.flops_per_item is None
    assert facts.flops_coverage == 0.5
    assert operators(facts)["Det"].flops is None
    assert "FLOPs of Det could not be inferred (50% of the computing nodes are covered)" in facts.warnings


def test_samples_bind_everything_but_the_batch(nets: Any, saved: Any, tmp_path: Path) -> None:
    sample = {
        "input_ids": np.full((3, 20), 7),
        "attention_mask": np.ones((3, 20), np.int64),
        "token_type_ids": np.zeros((3, 20), np.int64),
    }
    np.savez(tmp_path / "s.npz", **sample)
    for inputs in (sample, tmp_path / "s.npz", str(tmp_path / "s.npz")):
        facts = inspect(saved(nets.tokens()), inputs=inputs)
        assert facts.bound_dims == {"batch": 1, "sequence": 20}
        assert facts.batch_dim == "batch"
        assert facts.warnings == ()


def test_samples_that_do_not_fit_are_refused(nets: Any, saved: Any) -> None:
    with pytest.raises(InputsError, match=r"inputs: 'x' has shape \[1, 9\], the model expects float32\[batch, 8\]"):
        inspect(saved(nets.mlp()), inputs={"x": np.ones((1, 9), np.float32)})
    with pytest.raises(InputsError, match=r"float32\[N, 3, 32, W\]"):
        inspect(saved(nets.cnn(["N", 3, "H", "W"])), dims={"H": 32}, inputs={"x": np.ones((1, 3, 16, 16), np.float32)})


def test_samples_are_called_by_their_name(nets: Any, saved: Any, tmp_path: Path) -> None:
    wrong = {"x": np.ones((1, 9), np.float32)}
    with pytest.raises(InputsError, match=r"^wrong\.npz: 'x' has shape"):
        inspect(saved(nets.mlp()), inputs=wrong, inputs_name="wrong.npz")
    np.savez(tmp_path / "file.npz", **wrong)
    with pytest.raises(InputsError, match=r"^file\.npz: 'x' has shape"):
        inspect(saved(nets.mlp()), inputs=tmp_path / "file.npz")


def test_inputs_without_a_rank_need_samples(nets: Any, saved: Any) -> None:
    model = nets.graph([nets.node("Relu", ["x"], ["y"], name="relu")], [nets.value("x", None)], [nets.value("y", None)])
    with pytest.raises(ModelError, match=r"'x' of model\.onnx declares no shape; give real inputs with --inputs"):
        inspect(saved(model))
    facts = inspect(saved(model), inputs={"x": np.ones((2, 5), np.float32)})
    assert facts.inputs[0].bound_shape == (1, 5)


def test_inputs_that_are_no_tensors_are_refused(nets: Any, saved: Any) -> None:
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
    model = nets.graph([nets.node("SequenceLength", ["x"], ["y"])], [sequence], [nets.value("y", [], TensorProto.INT64)])
    with pytest.raises(ModelError, match=r"input 'x' of model\.onnx is a sequence; only tensor inputs can be measured"):
        inspect(saved(model))


def test_string_inputs_run(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_strings=["a"], values_int64s=[1], default_int64=0)],
        [nets.value("x", ["N", 1], TensorProto.STRING)],
        [nets.value("y", ["N", 1], TensorProto.INT64)],
        domains={"ai.onnx.ml": 3},
    )
    facts = inspect(saved(model))
    assert (facts.inputs[0].dtype, facts.inputs[0].values) == ("string", "text:a")


def test_inputs_that_numpy_cannot_make_are_refused(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("Cast", ["x"], ["y"], name="cast", to=TensorProto.FLOAT)],
        [nets.value("x", ["N", 2], TensorProto.FLOAT8E4M3FN)],
        [nets.value("y", None)],
        opset=19,
    )
    with pytest.raises(ModelError, match=r"model\.onnx: cannot generate inputs of type float8e4m3fn"):
        inspect(saved(model))


def test_missing_operators_are_named(nets: Any, saved: Any) -> None:
    model = nets.graph(
        [nets.node("Missing", ["x"], ["y"], domain="com.example")],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
        domains={"com.example": 1},
    )
    with pytest.raises(ModelError, match=r"model\.onnx needs the operator com\.example:Missing, which ONNX Runtime"):
        inspect(saved(model))


def test_unknown_dimensions_are_refused_before_anything_runs(nets: Any, saved: Any) -> None:
    with pytest.raises(UnknownNameError, match="unknown dimension 'batsh'; did you mean batch"):
        inspect(saved(nets.mlp()), dims={"batsh": 1})
    with pytest.raises(UsageError, match="fixed shapes"):
        inspect(saved(nets.mlp(batch=1)), dims={"N": 1})


def test_a_model_beyond_memory_is_read_but_not_run(nets: Any, saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = inspect(saved(nets.cnn(["N", 3, "H", "W"])))
    monkeypatch.setattr(module, "available_bytes", lambda: 10)
    read = inspect(saved(nets.cnn(["N", 3, "H", "W"])))
    assert "shapes are inferred, the model was not run" in read.warnings[0]
    assert read.flops_per_item == ran.flops_per_item
    assert read.operators == ran.operators
    assert [t.bound_shape for t in read.outputs] == [t.bound_shape for t in ran.outputs]
    assert read.inputs == ran.inputs


def test_valid_graphs_that_optimization_breaks_are_read(nets: Any, saved: Any) -> None:
    assert inspect(saved(nets.unoptimizable())).flops_coverage == 1.0


def test_a_model_that_does_not_end_is_given_up(nets: Any, saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    expected = r"stopped trying model\.onnx: one run of the model did not end within 0\.3 s; check it for a loop .*--budget"
    with pytest.raises(ModelError, match=expected):
        inspect(saved(nets.endless()), deadline_s=0.3)
