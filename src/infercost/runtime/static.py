"""Shapes by ONNX's own inference, for models that cannot be run here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infercost.runtime.graph import element_type, subgraphs
from infercost.runtime.tensors import Call, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infercost.runtime.graph import Graph

_SMALL = 4096
"""Bytes up to which an initializer may be a shape that inference reads."""


def infer_tensors(proto: Any, bound: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Tensors with a fully inferred shape, by name, subgraphs included.

    Drops the large weights' data from ``proto``: inference needs only their shapes.

    Args:
        proto: the model.
        bound: shapes of the inputs.
    """
    import onnx

    _drop_data(proto)
    light = onnx.ModelProto()
    light.CopyFrom(proto)
    for value in light.graph.input:
        if value.name in bound:
            shape = value.type.tensor_type.shape
            shape.ClearField("dim")
            for size in bound[value.name]:
                shape.dim.add().dim_value = size
    for value in light.graph.output:
        # Declared output shapes may lie, and a lie would stop the inference.
        value.type.tensor_type.ClearField("shape")
    del light.graph.value_info[:]
    try:
        inferred = onnx.shape_inference.infer_shapes(light, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        inferred = light
    return dict(_known_tensors(inferred.graph))


def _drop_data(proto: Any) -> None:
    for tensor in proto.graph.initializer:
        if len(tensor.raw_data) > _SMALL:
            tensor.ClearField("raw_data")


def _known_tensors(graph: Any) -> Iterator[tuple[str, Tensor]]:
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(d.HasField("dim_value") and d.dim_value >= 0 for d in kind.shape.dim):
            yield value.name, Tensor(element_type(kind.elem_type), tuple(d.dim_value for d in kind.shape.dim))
    for node in graph.node:
        for subgraph in subgraphs(node):
            yield from _known_tensors(subgraph)


def static_calls(graph: Graph, tensors: Mapping[str, Tensor]) -> list[tuple[Call, int]]:
    """Each node once, both branches of an If and one pass of a loop body; shapes left out where unknown."""
    calls = []
    for node in graph.nodes:
        if node.constant:
            continue
        known = {**tensors, **{name: t for name, t in node.constants.items() if t is not None}}
        inputs = [known.get(name) for name in node.proto.input if name]
        outputs = [known.get(name) for name in node.proto.output if name]
        if None in inputs or None in outputs:
            calls.append((Call(node.op_type, (), ()), 1))
            continue
        weights = sum(known[name].nbytes or 0 for name in node.constants)
        calls.append(
            (Call(node.op_type, tuple(t for t in inputs if t), tuple(t for t in outputs if t), node.attributes, weights), 1)
        )
    return calls
