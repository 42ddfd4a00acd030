"""Tiny ONNX graphs, and workers that answer inside the test process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

F32, I64 = TensorProto.FLOAT, TensorProto.INT64


def value(name: str, shape: list[Any] | None, dtype: int = F32) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    return helper.make_node(op, inputs, outputs, **attributes)


def weight(name: str, array: Any, dtype: Any = np.float32) -> Any:
    return numpy_helper.from_array(np.asarray(array, dtype=dtype), name)


def graph(
    nodes: list[Any],
    inputs: list[Any],
    outputs: list[Any],
    weights: list[Any] = (),  # type: ignore[assignment]
    *,
    opset: int = 17,
    domains: dict[str, int] | None = None,
    functions: list[Any] = (),  # type: ignore[assignment]
) -> ModelProto:
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, v) for d, v in (domains or {}).items())]
    made = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    return helper.make_model(made, opset_imports=imports, ir_version=9, functions=list(functions))


def mlp(batch: Any = "batch", features: Any = 8) -> ModelProto:
    """Two dense layers: 8 -> 16 -> 4."""
    rng = np.random.default_rng(0)
    return graph(
        [
            node("Gemm", ["x", "w1", "b1"], ["h"], name="first"),
            node("Relu", ["h"], ["r"], name="relu"),
            node("MatMul", ["r", "w2"], ["y"], name="second"),
        ],
        [value("x", [batch, features])],
        [value("y", [batch, 4])],
        [weight("w1", rng.normal(size=(8, 16))), weight("b1", np.zeros(16)), weight("w2", rng.normal(size=(16, 4)))],
    )


def cnn(shape: list[Any]) -> ModelProto:
    """Conv 3 -> 4 (3x3, same), max pool, global average, dense."""
    rng = np.random.default_rng(0)
    return graph(
        [
            node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
            node("MaxPool", ["c"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
            node("GlobalAveragePool", ["p"], ["g"], name="average"),
            node("Flatten", ["g"], ["f"], name="flatten"),
            node("MatMul", ["f", "k"], ["y"], name="dense"),
        ],
        [value("x", shape)],
        [value("y", None)],
        [weight("w", rng.normal(size=(4, 3, 3, 3))), weight("k", rng.normal(size=(4, 2)))],
    )


def tokens(vocabulary: int = 50) -> ModelProto:
    """An embedding, masked and summed: ids, attention mask and token types with a dynamic sequence."""
    return graph(
        [
            node("Gather", ["table", "input_ids"], ["e"], name="embed"),
            node("Gather", ["types", "token_type_ids"], ["t"], name="embed_types"),
            node("Add", ["e", "t"], ["s"], name="add"),
            node("Cast", ["attention_mask"], ["m"], name="cast", to=F32),
            node("Unsqueeze", ["m", "axis"], ["mm"], name="unsqueeze"),
            node("Mul", ["s", "mm"], ["kept"], name="mask"),
            node("ReduceSum", ["kept", "one"], ["y"], name="sum", keepdims=0),
        ],
        [value(n, ["batch", "sequence"], I64) for n in ("input_ids", "attention_mask", "token_type_ids")],
        [value("y", ["batch", 6])],
        [
            weight("table", np.ones((vocabulary, 6))),
            weight("types", np.ones((2, 6))),
            weight("axis", [2], np.int64),
            weight("one", [1], np.int64),
        ],
    )


def branching(condition: str = "flag") -> ModelProto:
    """An If: a matrix product when the flag is set, a Relu otherwise."""
    then = helper.make_graph([node("MatMul", ["x", "w"], ["a"], name="work")], "then", [], [value("a", None)])
    other = helper.make_graph([node("Relu", ["x"], ["b"], name="work")], "else", [], [value("b", None)])
    return graph(
        [node("If", [condition], ["y"], name="if", then_branch=then, else_branch=other)],
        [value("x", ["N", 8]), value("flag", [], TensorProto.BOOL)],
        [value("y", None)],
        [weight("w", np.ones((8, 8)))],
    )


def endless() -> ModelProto:
    """A Loop whose condition is always true."""
    body = helper.make_graph(
        [node("Identity", ["go"], ["go_on"], name="keep"), node("Identity", ["state"], ["next"], name="turn")],
        "body",
        [value("count", [], I64), value("go", [], TensorProto.BOOL), value("state", None)],
        [value("go_on", [], TensorProto.BOOL), value("next", None)],
    )
    return graph(
        [node("Loop", ["", "true", "x"], ["y"], name="loop", body=body)],
        [value("x", [1, 8])],
        [value("y", None)],
        [weight("true", True, np.bool_)],
    )


def unoptimizable() -> ModelProto:
    """Valid, but ONNX Runtime's fusion of Range and Gather into Slice breaks it when the range's ends have one element."""
    return graph(
        [
            node("Shape", ["x"], ["shape"], name="shape"),
            node("Gather", ["shape", "one"], ["length"], name="length"),
            node("Range", ["zero", "length", "one"], ["span"], name="span"),
            node("Gather", ["x", "span"], ["g"], name="take", axis=1),
            node("Relu", ["g"], ["y"], name="relu"),
        ],
        [value("x", ["N", "M"])],
        [value("y", None)],
        [weight("zero", [0], np.int64), weight("one", [1], np.int64)],
    )


def recurrent() -> ModelProto:
    """An LSTM with its state as input and output; nothing but ranks stated for the batch."""
    rng = np.random.default_rng(0)
    return graph(
        [node("LSTM", ["x", "w", "r", "", "", "state", "cell"], ["", "h", "c"], name="lstm", hidden_size=4)],
        [value("x", [1, None, 3]), value("state", [1, None, 4]), value("cell", [1, None, 4])],
        [value("h", [1, None, 4]), value("c", [1, None, 4])],
        [weight("w", rng.normal(size=(1, 16, 3))), weight("r", rng.normal(size=(1, 16, 4)))],
    )


def tree() -> ModelProto:
    """A stump and a chain of two splits, as a regressor that lies about its output."""
    return graph(
        [
            node(
                "TreeEnsembleRegressor",
                ["x"],
                ["y"],
                name="trees",
                domain="ai.onnx.ml",
                nodes_treeids=[0, 0, 0, 1, 1, 1, 1, 1],
                nodes_nodeids=[0, 1, 2, 0, 1, 2, 3, 4],
                nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
                nodes_featureids=[0, 0, 0, 2, 0, 1, 0, 0],
                nodes_values=[0.5, 0.0, 0.0, -1.5, 0.0, 3.0, 0.0, 0.0],
                nodes_truenodeids=[1, 0, 0, 1, 0, 3, 0, 0],
                nodes_falsenodeids=[2, 0, 0, 2, 0, 4, 0, 0],
                target_treeids=[0, 0, 1, 1, 1],
                target_nodeids=[1, 2, 1, 3, 4],
                target_ids=[0, 0, 0, 0, 0],
                target_weights=[1.0, 2.0, 3.0, 4.0, 5.0],
                n_targets=1,
            )
        ],
        [value("x", [None, 3])],
        [value("y", [1, 1])],
        domains={"ai.onnx.ml": 3},
    )


@pytest.fixture(scope="session")
def nets() -> SimpleNamespace:
    """Builders of tiny models, and the pieces to make others."""
    return SimpleNamespace(
        value=value,
        node=node,
        weight=weight,
        graph=graph,
        mlp=mlp,
        cnn=cnn,
        tokens=tokens,
        branching=branching,
        endless=endless,
        unoptimizable=unoptimizable,
        recurrent=recurrent,
        tree=tree,
    )


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """Write a model to ``NAME.onnx`` in the test's folder."""

    def save(model: ModelProto, name: str = "model") -> Path:
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return save


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer requests in this process: faster, and seen by coverage and monkeypatches."""
    from infercost.runtime import timing, workers
    from infercost.runtime._worker import Job, answer

    class Here:
        """A worker that is no process."""

        def __init__(self, request: Any, folder: Path) -> None:
            self.job = Job()
            self.replies = [answer(request, job=self.job)]

        def send(self, order: Any) -> None:
            self.replies.append(self.job.obey(order))

        def hear(self) -> Any:
            return self.replies.pop(0)

        def obey(self, order: Any) -> Any:
            return self.job.obey(order)

        def close(self) -> None:
            self.job.loaded = None

    monkeypatch.setattr(workers, "Worker", Here)
    # This process is not a worker's to keep on some CPUs.
    monkeypatch.setattr(timing, "_stay_on", lambda cpus: False)
