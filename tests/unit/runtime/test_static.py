"""Static inference against traced runs: two ways to the same figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from infercost.runtime.graph import read_graph
from infercost.runtime.operators import sum_operators
from infercost.runtime.static import infer_tensors, static_calls
from infercost.runtime.tensors import Tensor


def test_shapes_follow_from_bound_inputs(nets: Any) -> None:
    model = nets.cnn(["N", 3, "H", "W"])
    tensors = infer_tensors(model, {"x": (1, 3, 16, 8)})
    assert tensors["p"] == Tensor("float32", (1, 4, 8, 4))
    assert tensors["y"] == Tensor("float32", (1, 2))


def test_declared_outputs_are_not_believed(nets: Any) -> None:
    model = nets.mlp()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 99
    assert infer_tensors(model, {"x": (1, 8)})["y"] == Tensor("float32", (1, 4))


def test_large_weights_are_dropped_before_inference(nets: Any) -> None:
    model = nets.graph(
        [nets.node("MatMul", ["x", "w"], ["y"], name="product")],
        [nets.value("x", ["N", 100])],
        [nets.value("y", None)],
        [nets.weight("w", np.ones((100, 100)))],
    )
    assert infer_tensors(model, {"x": (2, 100)})["y"] == Tensor("float32", (2, 100))
    assert not model.graph.initializer[0].raw_data


def test_where_inference_stops_figures_are_unknown_not_zero(nets: Any) -> None:
    model = nets.graph(
        [
            nets.node("NonZero", ["x"], ["where"], name="nonzero"),
            nets.node("Cast", ["where"], ["f"], name="cast", to=1),
            nets.node("MatMul", ["w", "f"], ["y"], name="product"),
        ],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
        [nets.weight("w", np.ones((4, 2)))],
    )
    graph = read_graph(model)
    sums = sum_operators(static_calls(graph, infer_tensors(graph.proto, {"x": (1, 8)})), graph.operator_counts)
    assert {o.op_type: o.flops for o in sums.operators}["MatMul"] is None
    assert sums.coverage == pytest.approx(0.0)


def test_a_graph_that_cannot_be_inferred_gives_what_is_known(nets: Any) -> None:
    model = nets.graph(
        [nets.node("NoSuchThing", ["x"], ["y"], name="odd")], [nets.value("x", ["N", 8])], [nets.value("y", None)]
    )
    assert infer_tensors(model, {"x": (1, 8)}) == {"x": Tensor("float32", (1, 8))}
