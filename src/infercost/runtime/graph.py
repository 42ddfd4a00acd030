"""The model file as a graph: reading it, walking it, and knowing which tensors are constants."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import ModelError
from infercost.runtime.names import shown
from infercost.runtime.tensors import Tensor
from infercost.runtime.trees import TREE_OPERATORS, tree_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_CHUNK = 1 << 22
_PROTOBUF_LIMIT = 2**31

_SIGNATURES = (
    (0, b"version https://git-lfs", "is a Git LFS pointer, not the model; run: git lfs pull"),
    (0, b"PK\x03\x04", "is a zip archive (PyTorch or Keras?), not ONNX; export it with torch.onnx.export or tf2onnx"),
    (0, b"\x89HDF", "is HDF5 (Keras?), not ONNX; export it with tf2onnx"),
    (0, b"\x80", "is a Python pickle, not ONNX; export it with skl2onnx or torch.onnx.export"),
    (0, b"GGUF", "is GGUF, not ONNX; export the original model to ONNX"),
    (4, b"ORTM", "is in ONNX Runtime's own format; give the .onnx file that it was made from"),
    (4, b"TFL3", "is TensorFlow Lite, not ONNX; export it with tf2onnx --tflite"),
    (8, b"{", "is safetensors (weights without a graph), not ONNX; export the model with torch.onnx.export"),
)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A parsed model file; its external data is hashed and counted but not loaded."""

    path: Path
    proto: Any
    sha256: str
    """Of the file; with external data, of the file followed by each data file's name and content."""
    file_bytes: int
    external_data: bool

    @property
    def name(self) -> str:
        """The file's name, as text."""
        return shown(self.path.name)


def read_model(path: str | Path) -> ModelFile:
    """Parse an ONNX file, check its external data and hash both.

    Raises:
        ModelError: the file is missing, is something else, is damaged, or lacks external data.
    """
    path = Path(path)
    data = _read_bytes(path)
    proto = _parse(path, data)
    digest = hashlib.sha256(data)
    size = len(data)
    del data
    external = _external_files(path, proto)
    for location, file in external.items():
        digest.update(location.encode())
        size += file.stat().st_size
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return ModelFile(path, proto, digest.hexdigest(), size, bool(external))


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ModelError(f"{shown(path)} is a folder; give the .onnx file inside it")
        if path.stat().st_size >= _PROTOBUF_LIMIT:
            raise ModelError(f"{shown(path.name)} is over 2 GiB, which no ONNX file can be; save the model with external data")
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"no such model file: {shown(path)}; give the path of an .onnx file") from None
    except OSError as error:
        raise ModelError(f"cannot read {shown(path)}: {error.strerror or error}; check the path and its permissions") from None


def _parse(path: Path, data: bytes) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    if not data:
        raise ModelError(f"{shown(path.name)} is empty; export or download the model again")
    for offset, signature, verdict in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            raise ModelError(f"{shown(path.name)} {verdict}")
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except (DecodeError, RuntimeError):
        # Every exporter writes the IR version first: field 1, a small varint.
        began_well = data[:1] == b"\x08" and data[1:2] < b"\x40"
        state = "is truncated or damaged; download or export it again" if began_well else "is not an ONNX file"
        raise ModelError(f"{shown(path.name)} {state}{'' if began_well else '; give a model exported to ONNX'}") from None
    if not proto.graph.output or not (proto.ir_version or proto.opset_import):
        raise ModelError(f"{shown(path.name)} is not an ONNX file (no graph inside); give a model exported to ONNX")
    return proto


def _external_files(path: Path, proto: Any) -> dict[str, Path]:
    """Data files by their location, each checked to exist and to be long enough."""
    files: dict[str, Path] = {}
    for tensor in _all_tensors(proto):
        if tensor.data_location != tensor.EXTERNAL:
            continue
        entry = {item.key: item.value for item in tensor.external_data}
        location = entry.get("location", "")
        if location not in files:
            files[location] = _external_file(path, location)
        end = int(entry.get("offset") or 0) + (int(entry.get("length") or 0) or _tensor_of(tensor).nbytes or 0)
        if files[location].stat().st_size < end:
            raise ModelError(
                f"{shown(path.name)}: its external data {location!r} is truncated; download or export both files again"
            )
    return dict(sorted(files.items()))


def _external_file(path: Path, location: str) -> Path:
    relative, name = Path(location), shown(path.name)
    if not location or relative.is_absolute() or ".." in relative.parts:
        raise ModelError(f"{name} keeps external data outside its folder ({location!r}); save both in one folder")
    file = path.parent / relative
    if not file.is_file():
        beside = shown(path.parent)
        raise ModelError(f"{name} needs its external data file {location!r}, which is missing; copy it to {beside}/")
    return file


def _all_tensors(proto: Any) -> Iterator[Any]:
    for graph in _all_graphs(proto.graph):
        yield from graph.initializer
        yield from _stored(graph.node)
    for function in proto.functions:
        yield from _stored(function.node)


def _stored(nodes: Iterable[Any]) -> Iterator[Any]:
    """Tensors in the attributes of nodes."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == attribute.TENSOR:
                yield attribute.t
            elif attribute.type == attribute.TENSORS:
                yield from attribute.tensors


def _all_graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for subgraph in subgraphs(node):
            yield from _all_graphs(subgraph)


def subgraphs(node: Any) -> Iterator[Any]:
    """Graphs in the attributes of a control-flow node."""
    for attribute in node.attribute:
        if attribute.type == attribute.GRAPH:
            yield attribute.g
        elif attribute.type == attribute.GRAPHS:
            yield from attribute.graphs


def _tensor_of(tensor: Any) -> Tensor:
    return Tensor(element_type(tensor.data_type), tuple(tensor.dims))


def element_type(code: int) -> str:
    """The name of an ONNX element type: ``float32``, ``int64``, ``string`` …."""
    import onnx

    name: str = onnx.TensorProto.DataType.Name(code).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the graph or of a subgraph, and which of its inputs are constants."""

    name: str
    op_type: str
    proto: Any
    constant: bool
    """Computed from constants alone: folded before the first inference."""
    constants: Mapping[str, Tensor | None]
    """Its constant inputs; None where the shape is not stated in the file."""

    @property
    def attributes(self) -> dict[str, Any]:
        """Attribute values by name, subgraphs left out; a tree ensemble's arrays condensed to ``trees``."""
        from onnx import helper

        values = {a.name: helper.get_attribute_value(a) for a in self.proto.attribute if a.type not in (a.GRAPH, a.GRAPHS)}
        return {"trees": tree_facts(values)} if self.op_type in TREE_OPERATORS else values

    @property
    def tree_attributes(self) -> dict[str, Any]:
        """The raw arrays of a tree ensemble."""
        from onnx import helper

        return {a.name: helper.get_attribute_value(a) for a in self.proto.attribute}


@dataclass
class Graph:
    """All nodes of a model, model-local functions inlined, subgraphs included, each with a unique name."""

    proto: Any
    nodes: list[Node] = field(default_factory=list)
    constants: list[Tensor] = field(default_factory=list)
    """Initializers and ``Constant`` outputs of every graph, and what ``ConstantOfShape`` makes of them."""
    renamed: bool = False
    """Whether nodes were renamed or functions inlined: then the file on disk has other names."""
    vocabulary: int | None = None
    """Entries of the tokenizer, where the model came with one; tables are often padded beyond."""

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def consumers(self) -> dict[str, list[Node]]:
        """Nodes by the tensors that they read."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for source in node.proto.input:
                readers.setdefault(source, []).append(node)
        return readers

    @cached_property
    def operator_counts(self) -> Counter[str]:
        """Nodes by operator type, without the ``Constant`` nodes."""
        return Counter(node.op_type for node in self.nodes if node.op_type != "Constant")


def read_graph(proto: Any) -> Graph:
    """Flatten a model. Renames nodes of ``proto`` in place where names are missing or repeated."""
    inlined = bool(proto.functions)
    if inlined:
        from onnx import inliner

        proto = inliner.inline_local_functions(proto)
    graph = Graph(proto, renamed=inlined)
    _walk(graph, proto.graph, {})
    counts = Counter(node.name for node in graph.nodes if node.op_type != "Constant")
    if any(not name or count > 1 for name, count in counts.items()):
        _rename(graph)
    return graph


def _walk(graph: Graph, scope: Any, outer: Mapping[str, Tensor | None]) -> None:
    known: dict[str, Tensor | None] = dict(outer)
    stored = {tensor.name: _tensor_of(tensor) for tensor in scope.initializer}
    for sparse in scope.sparse_initializer:
        stored[sparse.values.name] = Tensor(element_type(sparse.values.data_type), tuple(sparse.dims))
    known.update(stored)
    graph.constants += stored.values()
    values = {t.name: t for t in scope.initializer if t.data_type == t.INT64 and t.data_location != t.EXTERNAL}
    for proto in scope.node:
        inputs = [name for name in proto.input if name]
        constants = {name: known[name] for name in inputs if name in known}
        constant = _is_constant(proto, len(constants) == len(inputs))
        graph.nodes.append(Node(proto.name, proto.op_type, proto, constant, constants))
        if constant:
            made = _constant_output(proto, values)
            known.update(dict.fromkeys(proto.output, made))
            if made is not None:
                graph.constants.append(made)
        for subgraph in subgraphs(proto):
            _walk(graph, subgraph, known)


def _is_constant(node: Any, inputs_constant: bool) -> bool:
    if node.op_type.startswith("Random") or node.op_type in ("Multinomial", "Bernoulli"):
        return False
    return inputs_constant and not any(True for _ in subgraphs(node))


def _constant_output(node: Any, values: dict[str, Any]) -> Tensor | None:
    """The shape of what a constant node makes, for the two operators that weights come from."""
    attributes = {a.name: a for a in node.attribute}
    if node.op_type == "Constant" and "value" in attributes:
        tensor = attributes["value"].t
        if tensor.data_type == tensor.INT64:
            values[node.output[0]] = tensor
        return _tensor_of(tensor)
    if node.op_type == "ConstantOfShape" and node.input[0] in values:
        from onnx import numpy_helper

        shape = tuple(int(d) for d in numpy_helper.to_array(values[node.input[0]]))
        return Tensor(element_type(attributes["value"].t.data_type) if "value" in attributes else "float32", shape)
    return None


def _rename(graph: Graph) -> None:
    graph.renamed = True
    for index, node in enumerate(graph.nodes):
        node.proto.name = f"{node.op_type}:{index}"
    graph.nodes = [Node(n.proto.name, n.op_type, n.proto, n.constant, n.constants) for n in graph.nodes]
