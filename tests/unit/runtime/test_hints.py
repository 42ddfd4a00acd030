from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from infercost.runtime.dims import Declared
from infercost.runtime.graph import read_graph
from infercost.runtime.hints import input_values, size_hints, vocabulary


def filled(model: Any, name: str, dtype: str, shape: tuple[int, ...]) -> str:
    return input_values(Declared(name, dtype, shape), shape, read_graph(model))


def test_token_ids_stay_below_the_vocabulary(nets: Any) -> None:
    assert filled(nets.tokens(50), "input_ids", "int64", (1, 16)) == "integers:0:49"


def test_masks_are_ones_and_token_types_zeros(nets: Any) -> None:
    assert filled(nets.tokens(), "attention_mask", "int64", (1, 16)) == "constant:1"
    assert filled(nets.tokens(), "token_type_ids", "int64", (1, 16)) == "constant:0"


def test_a_vocabulary_is_found_behind_casts_and_the_smallest_counts(nets: Any) -> None:
    model = nets.graph(
        [
            nets.node("Cast", ["ids"], ["i"], name="cast", to=TensorProto.INT64),
            nets.node("Gather", ["large", "i"], ["a"], name="a"),
            nets.node("Gather", ["small", "i"], ["b"], name="b", axis=1),
            nets.node("Add", ["a", "b"], ["y"], name="add"),
        ],
        [nets.value("ids", ["N"], TensorProto.INT32)],
        [nets.value("y", None)],
        [nets.weight("large", np.ones((100, 7))), nets.weight("small", np.ones((2, 7)))],
    )
    assert vocabulary("ids", read_graph(model)) == 7


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "expected"),
    [
        ("sr", "int64", (), "constant:16000"),
        ("sample_rate", "float32", (), "constant:16000"),
        ("h0", "float32", (2, 1, 8), "constant:0"),
        ("past_key_values.0.key", "float32", (1, 2, 0, 4), "constant:0"),
        ("use_cache_branch", "bool", (1,), "constant:0"),
        ("flag", "bool", (), "constant:1"),
        ("text", "string", (1, 1), "text:a"),
        ("position_ids", "int64", (1, 16), "range"),
        ("bytes", "int32", (1, 2048), "integers:0:255"),
        ("pixels", "uint8", (1, 8, 8, 3), "integers:0:255"),
        ("audio_lengths", "int64", (1,), "constant:128"),
        ("count", "int64", (1, 4), "integers:0:1"),
        ("image", "float32", (1, 3, 8, 8), "uniform:0:1"),
        ("features", "float32", (1, 30), "normal"),
    ],
)
def test_names_and_types_decide_where_no_weight_does(
    nets: Any, name: str, dtype: str, shape: tuple[int, ...], expected: str
) -> None:
    assert filled(nets.mlp(), name, dtype, shape) == expected


def test_features_of_trees_span_the_splits(nets: Any) -> None:
    assert filled(nets.tree(), "x", "float32", (1, 3)) == "uniform:-1.5:3"


def test_tree_splits_tell_the_number_of_features(nets: Any) -> None:
    assert size_hints([Declared("x", "float32", (None, None))], read_graph(nets.tree())) == {"x.1": 3}


def test_the_first_weights_tell_the_width(nets: Any) -> None:
    assert size_hints([Declared("x", "float32", ("N", "features"))], read_graph(nets.mlp())) == {"features": 8}
    assert size_hints([Declared("x", "float32", ("N", "C", "H", "W"))], read_graph(nets.cnn(["N", "C", "H", "W"]))) == {"C": 3}
    assert size_hints([Declared("x", "float32", ("T", "N", "F"))], read_graph(nets.recurrent())) == {"F": 3}


def test_scalers_and_linear_models_tell_the_number_of_features(nets: Any) -> None:
    def one(op: str, **attributes: Any) -> dict[str, int]:
        model = nets.graph(
            [nets.node(op, ["x"], ["y"], name="n", domain="ai.onnx.ml", **attributes)],
            [nets.value("x", [None, None])],
            [nets.value("y", None)],
            domains={"ai.onnx.ml": 3},
        )
        return size_hints([Declared("x", "float32", (None, None))], read_graph(model))

    assert one("Scaler", offset=[0.0] * 5, scale=[1.0] * 5) == {"x.1": 5}
    assert one("LinearRegressor", coefficients=[1.0] * 12, targets=3, intercepts=[0.0] * 3) == {"x.1": 4}
    assert one("Normalizer", norm="L2") == {}
