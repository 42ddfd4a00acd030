"""Sizes of tensors and the calls that operators make on them. No ONNX here: workers and tests read it too."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_BITS = {
    "float32": 32,
    "float64": 64,
    "float16": 16,
    "bfloat16": 16,
    "float8e4m3fn": 8,
    "float8e4m3fnuz": 8,
    "float8e5m2": 8,
    "float8e5m2fnuz": 8,
    "float4e2m1": 4,
    "int4": 4,
    "uint4": 4,
    "int8": 8,
    "uint8": 8,
    "int16": 16,
    "uint16": 16,
    "int32": 32,
    "uint32": 32,
    "int64": 64,
    "uint64": 64,
    "bool": 8,
    "complex64": 64,
    "complex128": 128,
}

_RUNTIME_NAMES = {"float": "float32", "double": "float64"}


def dtype_name(name: str) -> str:
    """The project's name of an element type that ONNX Runtime calls ``float`` or ``tensor(double)``."""
    bare = name.removeprefix("tensor(").removesuffix(")") if name.startswith("tensor(") else name
    return _RUNTIME_NAMES.get(bare, bare)


@dataclass(frozen=True, slots=True)
class Tensor:
    """Element type and shape of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Number of elements; 1 for a scalar."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int | None:
        """Size in bytes; None for element types without a fixed size (strings)."""
        bits = _BITS.get(self.dtype)
        return None if bits is None else ceil(self.elements * bits / 8)


@dataclass(frozen=True, slots=True)
class Call:
    """One execution of one operator, with the shapes it saw. Optional inputs left out are not listed."""

    op_type: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Empty when the node could not be found in the file."""
    weight_bytes: int = 0
    """Bytes of the inputs that are constants of the model."""
