"""ONNX Runtime's messages turned into one line that a person can act on. Pure."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

from infercost.domain.errors import ModelError

if TYPE_CHECKING:
    from infercost.runtime.protocol import Failure

_LONGEST = 200

_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_SOURCE = re.compile(r"(/\S+?|\b\w+)\.(cc|h|cpp|hpp):\d+ ([\w:~<>,*&() ]*?\) )?")
_NODE = re.compile(r"Non-zero status code returned while running (\S+) node\. Name:'([^']*)' Status Message: (.*)", re.S)

_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"Fatal error: :?(\S+?)\(-?\d+\) is not a registered function/op"),
        "needs the operator {0}, which ONNX Runtime {version} does not have; export the model without it",
    ),
    (
        re.compile(r"No Op registered for (\S+) with domain_version of (\d+)"),
        "needs the operator {0}, which opset {1} in ONNX Runtime {version} does not have; export the model without it",
    ),
    (
        re.compile(r"Could not find an implementation for (\w+)\((\d+)\)"),
        "needs {0} (opset {1}) for a type that ONNX Runtime {version} has no kernel for here; convert it to float32",
    ),
    (
        re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)"),
        "is in ONNX IR version {0}, ONNX Runtime {version} reads up to {1}; run: pip install -U onnxruntime",
    ),
    (
        re.compile(r"Opset (\d+) is under development"),
        "uses opset {0}, newer than ONNX Runtime {version} knows; run: pip install -U onnxruntime",
    ),
    (
        re.compile(r"bad_alloc|Failed to allocate memory|BFCArena::AllocateRawInternal|out of memory", re.I),
        "needs more memory than there is; use a machine with more, or smaller --dim sizes",
    ),
)


def runtime_version() -> str:
    """Version of the installed ONNX Runtime, whichever package brought it."""
    for package in ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"):
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def brief(message: str) -> str:
    """The core of a message: no error codes, no source paths, one line."""
    text = _PREFIX.sub("", message.strip())
    if (node := _NODE.search(text)) is not None:
        named = f" (node {node[2]!r})" if node[2] else ""
        text = f"operator {node[1]}{named}: {_SOURCE.sub('', node[3])}"
    text = " ".join(_SOURCE.sub("", text).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def known_verdict(message: str) -> str | None:
    """What a message says of the model, where it is one of those that have a next step."""
    for pattern, verdict in _KNOWN:
        if (match := pattern.search(message)) is not None:
            return verdict.format(*match.groups(), version=runtime_version())
    return None


def model_error(name: str, failure: Failure, *, doing: str, hint: str = "") -> ModelError:
    """The error for a failed request.

    Args:
        name: the model's file name.
        failure: what the worker said.
        doing: what it was doing, such as ``running batch 4``.
        hint: the next step when the message itself has none.
    """
    if (verdict := known_verdict(failure.message)) is not None:
        return ModelError(f"{name} {verdict}")
    tail = hint or "check the model with onnx.checker"
    match failure.stage:
        case "input":
            text = f"{name}: {failure.message}"
        case "memory":
            text = f"{name} ran out of memory while {doing}; use a machine with more, or smaller --dim sizes"
        case "crash":
            text = f"ONNX Runtime crashed while {doing} {name}: {failure.message}; {tail}"
        case "deadline":
            text = f"stopped {doing} {name}: {failure.message}; {tail}"
        case "device":
            text = f"{name}: {failure.message}; check the CUDA and cuDNN libraries, or use --device cpu"
        case "load" | "run":
            text = f"ONNX Runtime cannot {failure.stage} {name}: {brief(failure.message)}; {tail}"
    return ModelError(text)
