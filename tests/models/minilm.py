"""The all-MiniLM-L6-v2 sentence encoder as an ONNX graph, from its published weights.

The graph is what an exporter writes: embeddings, six transformer layers with dynamic batch and
sequence length, mean pooling over the mask, unit length.
"""

from __future__ import annotations

import json
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

HEADS = 12
EPSILON = 1e-12
_DTYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Tensors of a safetensors file: an 8-byte header length, a JSON header, then the data."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


class _Graph:
    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}

    def add(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{name}/{op}", **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        self.initializers.setdefault(name, numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def linear(self, x: str, prefix: str) -> str:
        kernel = self.constant(f"{prefix}.kernel", self.weights[f"{prefix}.weight"].T)
        product = self.add("MatMul", [x, kernel], f"{prefix}.product")
        return self.add("Add", [product, self.weight(f"{prefix}.bias")], f"{prefix}.out")

    def normalize(self, x: str, prefix: str) -> str:
        scales = [self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")]
        return self.add("LayerNormalization", [x, *scales], f"{prefix}.out", axis=-1, epsilon=EPSILON)

    def split_heads(self, x: str, *, perm: list[int]) -> str:
        shape = self.constant("heads_shape", np.array([0, 0, HEADS, -1]))
        return self.add("Transpose", [self.add("Reshape", [x, shape], f"{x}.split")], f"{x}.heads", perm=perm)


def build_minilm(weights: Path) -> Any:
    """The encoder: token ids, mask and token types in; token states and a unit sentence vector out."""
    g = _Graph(read_safetensors(weights))
    state = _embed(g)
    mask = _mask(g)
    layers = 1 + max(int(name.split(".")[2]) for name in g.weights if name.startswith("encoder.layer."))
    for index in range(layers):
        state = _layer(g, state, mask, f"encoder.layer.{index}")
    g.add("Identity", [state], "last_hidden_state")
    _pool(g, state)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    hidden = g.weights["embeddings.LayerNorm.bias"].shape[0]
    outputs = [
        helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", hidden]),
        helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", hidden]),
    ]
    graph = helper.make_graph(g.nodes, "all-MiniLM-L6-v2", inputs, outputs, list(g.initializers.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _embed(g: _Graph) -> str:
    words = g.add("Gather", [g.weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
    types = g.add("Gather", [g.weight("embeddings.token_type_embeddings.weight"), "token_type_ids"], "types")
    shape = g.add("Shape", ["input_ids"], "ids_shape")
    length = g.add("Gather", [shape, g.constant("one", np.array(1))], "length")
    span = g.add("Range", [g.constant("zero", np.array(0)), length, "one"], "span")
    places = g.add("Gather", [g.weight("embeddings.position_embeddings.weight"), span], "places")
    total = g.add("Add", [g.add("Add", [words, types], "words_types"), places], "embedded")
    return g.normalize(total, "embeddings.LayerNorm")


def _mask(g: _Graph) -> str:
    """Zero where a token is, a large negative number where padding is; ``[batch, 1, 1, sequence]``."""
    floats = g.add("Cast", ["attention_mask"], "mask_float", to=TensorProto.FLOAT)
    inverse = g.add("Sub", [g.constant("one_f", np.array(1, np.float32)), floats], "mask_inverse")
    large = g.add("Mul", [inverse, g.constant("large", np.array(-1e9, np.float32))], "mask_large")
    return g.add("Unsqueeze", [large, g.constant("mask_axes", np.array([1, 2]))], "mask")


def _layer(g: _Graph, x: str, mask: str, prefix: str) -> str:
    query, key, value = (g.linear(x, f"{prefix}.attention.self.{part}") for part in ("query", "key", "value"))
    scores = g.add(
        "MatMul", [g.split_heads(query, perm=[0, 2, 1, 3]), g.split_heads(key, perm=[0, 2, 3, 1])], f"{prefix}.scores"
    )
    size = g.weights[f"{prefix}.attention.self.query.bias"].shape[0] // HEADS
    scaled = g.add("Div", [scores, g.constant("scale", np.array(sqrt(size), np.float32))], f"{prefix}.scaled")
    weights = g.add("Softmax", [g.add("Add", [scaled, mask], f"{prefix}.masked")], f"{prefix}.weights", axis=-1)
    context = g.add("MatMul", [weights, g.split_heads(value, perm=[0, 2, 1, 3])], f"{prefix}.context")
    rows = g.add("Transpose", [context], f"{prefix}.rows", perm=[0, 2, 1, 3])
    merged = g.add("Reshape", [rows, g.constant("merge_shape", np.array([0, 0, -1]))], f"{prefix}.merged")
    attended = g.add("Add", [g.linear(merged, f"{prefix}.attention.output.dense"), x], f"{prefix}.attended")
    middle = g.normalize(attended, f"{prefix}.attention.output.LayerNorm")
    wide = _gelu(g, g.linear(middle, f"{prefix}.intermediate.dense"))
    final = g.add("Add", [g.linear(wide, f"{prefix}.output.dense"), middle], f"{prefix}.final")
    return g.normalize(final, f"{prefix}.output.LayerNorm")


def _gelu(g: _Graph, x: str) -> str:
    erf = g.add("Erf", [g.add("Div", [x, g.constant("root2", np.array(sqrt(2), np.float32))], f"{x}.scaled")], f"{x}.erf")
    shifted = g.add("Add", [erf, "one_f"], f"{x}.shifted")
    half = g.add("Mul", [x, shifted], f"{x}.doubled")
    return g.add("Mul", [half, g.constant("half", np.array(0.5, np.float32))], f"{x}.gelu")


def _pool(g: _Graph, state: str) -> None:
    column = g.add("Unsqueeze", ["mask_float", g.constant("last_axis", np.array([-1]))], "mask_column")
    total = g.add(
        "ReduceSum", [g.add("Mul", [state, column], "kept"), g.constant("axis_1", np.array([1]))], "total", keepdims=0
    )
    mean = g.add("Div", [total, g.add("ReduceSum", [column, "axis_1"], "tokens", keepdims=0)], "mean")
    g.add("LpNormalization", [mean], "sentence_embedding", axis=-1, p=2)


def encode_reference(weights: dict[str, np.ndarray], ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The same encoder in float64 numpy, written from the architecture's definition: the yardstick."""
    from math import erf

    w = {name: tensor.astype(np.float64) for name, tensor in weights.items()}

    def norm(x: np.ndarray, prefix: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON) * w[f"{prefix}.weight"] + w[f"{prefix}.bias"]

    def dense(x: np.ndarray, prefix: str) -> np.ndarray:
        return x @ w[f"{prefix}.weight"].T + w[f"{prefix}.bias"]

    def heads(x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    bias = np.where(mask, 0.0, -1e9)[:, None, None, :]
    for layer in range(6):
        p = f"encoder.layer.{layer}"
        q, k, v = (heads(dense(x, f"{p}.attention.self.{part}")) for part in ("query", "key", "value"))
        scores = q @ k.swapaxes(2, 3) / sqrt(q.shape[-1]) + bias
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        context = (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(1, 2).reshape(x.shape)
        x = norm(dense(context, f"{p}.attention.output.dense") + x, f"{p}.attention.output.LayerNorm")
        wide = dense(x, f"{p}.intermediate.dense")
        wide = 0.5 * wide * (1 + np.vectorize(erf)(wide / sqrt(2)))
        x = norm(dense(wide, f"{p}.output.dense") + x, f"{p}.output.LayerNorm")
    mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return mean / np.linalg.norm(mean, axis=-1, keepdims=True)
