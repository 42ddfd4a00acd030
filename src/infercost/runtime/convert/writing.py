"""What all converters share: writing the ONNX, and recording how it came to be."""

from __future__ import annotations

import hashlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import ModelError
from infercost.domain.model import Conversion
from infercost.runtime.convert.opening import Opened
from infercost.runtime.convert.verify import TOLERANCE, verify
from infercost.runtime.imports import one_line
from infercost.runtime.names import shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from infercost.runtime.convert.verify import Reference
    from infercost.runtime.samples import Samples


def write_model(proto: Any, folder: Path, source: Path) -> Path:
    """Write a model without what names this machine or this moment, so that equal models have equal hashes."""
    _strip(proto.graph)
    for function in proto.functions:
        del function.metadata_props[:]
        for node in function.node:
            _strip_node(node)
    proto.doc_string = ""
    del proto.metadata_props[:]
    _import_once(proto)
    path = folder / f"{_stem(source)}.onnx"
    path.write_bytes(proto.SerializeToString(deterministic=True))
    return path


def _import_once(proto: Any) -> None:
    """Each operator set by its highest version: converters repeat them."""
    versions: dict[str, int] = {}
    for entry in proto.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        versions[domain] = max(versions.get(domain, 0), entry.version)
    del proto.opset_import[:]
    for domain, version in sorted(versions.items()):
        proto.opset_import.add(domain=domain, version=version)


def _stem(source: Path) -> str:
    text = shown(source.stem)
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in text) or "model"


def _strip(graph: Any) -> None:
    graph.doc_string = ""
    del graph.metadata_props[:]
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.doc_string = ""
        del value.metadata_props[:]
    for node in graph.node:
        _strip_node(node)


def _strip_node(node: Any) -> None:
    node.doc_string = ""
    del node.metadata_props[:]
    for attribute in node.attribute:
        if attribute.HasField("g"):
            _strip(attribute.g)


def checked(
    path: Path,
    reference: Reference,
    samples: Samples | None,
    *,
    name: str,
    source: str,
    packages: Sequence[str],
    file: Path | None,
    features: Sequence[str] = (),
    notes: Sequence[str] = (),
    made: bool = False,
) -> Opened:
    """The converted model, once it was found to agree with the original.

    Raises:
        ModelError: the two differ.
    """
    found = verify(path, reference, samples, name=name, features=features, made=made)
    conversion = Conversion(
        source=source,
        source_sha256=None if file is None else hashlib.sha256(file.read_bytes()).hexdigest(),
        converter=", ".join(f"{package} {version_of(package)}" for package in packages),
        rows=found.rows,
        samples=found.samples,
        max_abs_error=found.max_abs_error,
        max_rel_error=found.max_rel_error,
        tolerance=TOLERANCE,
        labels=found.labels,
    )
    return Opened(path=path, name=name, conversion=conversion, features=tuple(features), notes=tuple(notes))


def version_of(package: str) -> str:
    """Version of the first installed package of those that bring a module."""
    for candidate in (package, f"{package}-cpu"):
        try:
            return metadata.version(candidate)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def failed(name: str, error: BaseException, hint: str) -> ModelError:
    """The error for a model that its converter cannot take."""
    return ModelError(f"{name} cannot be converted to ONNX: {one_line(error)}; {hint}")
