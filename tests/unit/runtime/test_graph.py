from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper

from infercost.domain.errors import ModelError
from infercost.runtime.graph import read_graph, read_model
from infercost.runtime.tensors import Tensor

if TYPE_CHECKING:
    from pathlib import Path


def write_external(model: Any, path: Path, data: str = "weights.bin") -> None:
    onnx.save_model(model, path, save_as_external_data=True, location=data, size_threshold=0)


def test_a_plain_file_is_hashed_as_it_is(nets: Any, saved: Any) -> None:
    path = saved(nets.mlp())
    model = read_model(path)
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert model.file_bytes == path.stat().st_size
    assert not model.external_data


def test_external_data_is_counted_and_hashed_but_not_loaded(nets: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_external(nets.mlp(), path)
    before = read_model(path)
    assert before.external_data
    assert before.file_bytes == path.stat().st_size + (tmp_path / "weights.bin").stat().st_size
    assert all(not tensor.raw_data for tensor in before.proto.graph.initializer)
    data = bytearray((tmp_path / "weights.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "weights.bin").write_bytes(data)
    assert read_model(path).sha256 != before.sha256


def test_missing_external_data_is_named(nets: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_external(nets.mlp(), path)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(
        ModelError, match=r"model\.onnx needs its external data file 'weights\.bin', which is missing; copy it to "
    ):
        read_model(path)


def test_truncated_external_data_is_noticed(nets: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_external(nets.mlp(), path)
    data = (tmp_path / "weights.bin").read_bytes()
    (tmp_path / "weights.bin").write_bytes(data[:-1])
    with pytest.raises(ModelError, match=r"external data 'weights\.bin' is truncated"):
        read_model(path)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", ""])
def test_external_data_stays_in_the_models_folder(nets: Any, saved: Any, location: str) -> None:
    model = nets.mlp()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    with pytest.raises(ModelError, match="outside its folder"):
        read_model(saved(model))


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (b"", "is empty"),
        (b"hello, this is a text file\n", "is not an ONNX file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x80\x04\x95pickle", "pickle"),
        (b"GGUF\x03\x00", "GGUF"),
        (b"\x18\x00\x00\x00ORTM", "ONNX Runtime's own format"),
        (b"\x1c\x00\x00\x00TFL3", "TensorFlow Lite"),
        (b"\x40\x00\x00\x00\x00\x00\x00\x00{}", "safetensors"),
        (b"\x08", "is truncated or damaged"),
        (b"\x08\x09", "no graph inside"),
    ],
)
def test_other_files_are_recognised(tmp_path: Path, content: bytes, verdict: str) -> None:
    path = tmp_path / "thing.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=verdict) as caught:
        read_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_file_is_called_so(nets: Any, saved: Any, share: float) -> None:
    path = saved(nets.mlp())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError, match="is truncated or damaged; download or export it again"):
        read_model(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        read_model(tmp_path / "nothing.onnx")
    with pytest.raises(ModelError, match="is a folder"):
        read_model(tmp_path)


def test_nodes_of_both_branches_are_counted(nets: Any) -> None:
    counts = read_graph(nets.branching()).operator_counts
    assert counts == {"If": 1, "MatMul": 1, "Relu": 1}


def test_repeated_and_missing_names_become_unique(nets: Any) -> None:
    graph = read_graph(nets.branching())
    assert graph.renamed
    assert len(graph.by_name) == 3
    assert not read_graph(nets.mlp()).renamed


def test_functions_are_counted_by_what_they_do(nets: Any) -> None:
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
    assert read_graph(model).operator_counts == {"MatMul": 2, "Relu": 2}


def test_what_follows_from_constants_alone_is_constant(nets: Any) -> None:
    shape = nets.node("Constant", [], ["shape"], value=nets.weight("", [8, 4], np.int64))
    model = nets.graph(
        [
            shape,
            nets.node("ConstantOfShape", ["shape"], ["w"], name="fill"),
            nets.node("Transpose", ["w"], ["wt"], name="turn"),
            nets.node("RandomNormal", [], ["noise"], name="noise", shape=[4, 4]),
            nets.node("MatMul", ["x", "wt"], ["h"], name="product"),
            nets.node("Add", ["h", "noise"], ["y"], name="add"),
        ],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
    )
    graph = read_graph(model)
    constant = {node.op_type: node.constant for node in graph.nodes}
    assert constant == {
        "Constant": True,
        "ConstantOfShape": True,
        "Transpose": True,
        "RandomNormal": False,
        "MatMul": False,
        "Add": False,
    }
    assert Tensor("float32", (8, 4)) in graph.constants
    assert set(graph.by_name["product"].constants) == {"wt"}


def test_constants_of_the_outer_graph_are_constants_inside(nets: Any) -> None:
    graph = read_graph(nets.branching())
    (product,) = (node for node in graph.nodes if node.op_type == "MatMul")
    assert product.constants == {"w": Tensor("float32", (8, 8))}
