"""What the weights say about the inputs: vocabulary sizes, feature counts, value ranges."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from infercost.runtime.dims import STATE_NAME, dimension_key
from infercost.runtime.trees import TREE_OPERATORS, feature_count, split_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infercost.runtime.dims import Declared
    from infercost.runtime.graph import Graph, Node

_PASSES = frozenset(
    {
        "Cast",
        "Identity",
        "Reshape",
        "Unsqueeze",
        "Squeeze",
        "Clip",
        "Flatten",
        "Max",
        "Min",
        "Add",
        "Sub",
        "Transpose",
        "Concat",
    }
)
"""Operators through which an index or a feature vector stays one."""

_SAME_SHAPE = frozenset({"Cast", "Identity"})

_PASS_DEPTH = 6

_RATE = re.compile(r"^(sr|fs)$|sampl\w*_?rate", re.I)
_MASK = re.compile(r"mask|attention", re.I)
_SEGMENT = re.compile(r"token_?type|segment", re.I)
_POSITION = re.compile(r"position|pos_?ids", re.I)
_LENGTH = re.compile(r"len(gth)?s?$|sizes?$|num_", re.I)
_BYTES = re.compile(r"byte", re.I)


def input_values(declared: Declared, shape: tuple[int, ...], graph: Graph) -> str:
    """How to fill an input, in the language of ``TensorFacts.values``."""
    if declared.dtype == "string":
        return "text:a"
    integral = declared.dtype.startswith(("int", "uint"))
    if (constant := _constant(declared, integral=integral)) is not None:
        return f"constant:{constant}"
    return _integer_values(declared, shape, graph) if integral else _float_values(declared, shape, graph)


def _constant(declared: Declared, *, integral: bool) -> int | None:
    """The one value of inputs that are not data: masks, states, rates, switches."""
    name = declared.name
    if declared.dtype == "bool":
        return 0 if "cache" in name.lower() else 1
    if _RATE.search(name):
        return 16000
    if _SEGMENT.search(name) or (STATE_NAME.search(name) and not integral):
        return 0
    return 1 if _MASK.search(name) else None


def _integer_values(declared: Declared, shape: tuple[int, ...], graph: Graph) -> str:
    rows = vocabulary(declared.name, graph)
    if rows is not None and not _POSITION.search(declared.name):
        # Segments and positions are looked up too, in tables that are smaller than any tokenizer.
        return f"integers:0:{min(rows, graph.vocabulary or rows) - 1}"
    if _POSITION.search(declared.name):
        return "range"
    if _LENGTH.search(declared.name):
        return "constant:1" if len(shape) > 1 else "constant:128"
    if declared.dtype == "uint8" or _BYTES.search(declared.name):
        return "integers:0:255"
    return "integers:0:1" if shape else "constant:1"


def _float_values(declared: Declared, shape: tuple[int, ...], graph: Graph) -> str:
    for node in _consumers(declared.name, graph):
        if node.op_type in TREE_OPERATORS and (span := split_range(node.tree_attributes)) is not None:
            return f"uniform:{span[0]:.6g}:{span[1]:.6g}"
    return "uniform:0:1" if len(shape) >= 4 else "normal"


def vocabulary(name: str, graph: Graph) -> int | None:
    """Rows of the smallest table that the input indexes; None when it indexes none."""
    rows = []
    for node in _consumers(name, graph):
        if node.op_type == "Gather" and (table := node.constants.get(node.proto.input[0])) is not None and table.shape:
            rows.append(table.shape[int(node.attributes.get("axis", 0))])
        elif node.op_type == "EmbedLayerNormalization":
            at = list(node.proto.input).index(name) if name in node.proto.input else 0
            table = node.constants.get(node.proto.input[2 + 2 * at]) if at < 2 else None
            rows += [table.shape[0]] if table is not None else []
    return min(rows, default=None)


def size_hints(inputs: Sequence[Declared], graph: Graph) -> dict[str, int]:
    """Sizes of symbolic dimensions that the first weights behind an input fix, by dimension key."""
    hints: dict[str, int] = {}
    for declared in inputs:
        for node in _consumers(declared.name, graph, _SAME_SHAPE):
            axis, size = _expected(node, declared)
            if size is None or not 0 <= axis < len(declared.shape):
                continue
            key = dimension_key(declared, axis)
            if key is not None and size > 0:
                hints.setdefault(key, size)
    return hints


def _expected(node: Node, declared: Declared) -> tuple[int, int | None]:
    """Axis and size that a node demands of the tensor at its first input; size None where it demands none."""
    rank, op = len(declared.shape), node.op_type
    if op in TREE_OPERATORS:
        return rank - 1, feature_count(node.tree_attributes)
    weight = node.constants.get(node.proto.input[1]) if len(node.proto.input) > 1 else None
    shape = weight.shape if weight is not None else ()
    attributes = node.attributes
    if op == "MatMul" and len(shape) == 2:
        return rank - 1, shape[0]
    if op == "Gemm" and len(shape) == 2 and not attributes.get("transA"):
        return rank - 1, shape[1] if attributes.get("transB") else shape[0]
    if op == "Conv" and len(shape) == rank:
        return 1, shape[1] * int(attributes.get("group", 1))
    if op in ("LSTM", "GRU", "RNN") and len(shape) == 3:
        return 2, shape[2]
    return rank - 1, _attribute_features(op, attributes)


def _attribute_features(op: str, attributes: Mapping[str, Any]) -> int | None:
    if op == "Scaler":
        return max(len(attributes.get("offset", ())), len(attributes.get("scale", ()))) or None
    if op in ("LinearClassifier", "LinearRegressor"):
        rows = len(attributes.get("intercepts", ())) or int(attributes.get("targets", 1))
        return len(attributes["coefficients"]) // rows or None
    return None


def _consumers(name: str, graph: Graph, passes: frozenset[str] = _PASSES) -> Iterator[Node]:
    """Nodes that read the tensor, also behind ``passes``; direct ones first."""
    frontier, seen = [name], {name}
    for _ in range(_PASS_DEPTH):
        following = []
        for tensor in frontier:
            for node in graph.consumers.get(tensor, ()):
                yield node
                if node.op_type in passes:
                    following += [out for out in node.proto.output if out not in seen]
        seen.update(following)
        frontier = following
