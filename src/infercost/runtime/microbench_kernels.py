"""The kernels of the microbenchmarks, as ONNX models of one operator each, or of a chain of one.

Sizes are those of real models: a dense layer of 1024, a ResNet stage of 128 channels. Weights are
constants, so that ONNX Runtime packs them ahead as it does for a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import onnx

    Arrays = dict[str, np.ndarray[Any, Any]]

__all__ = ["DRAM_BYTES", "WORKING_SETS", "Kernel", "build", "kernels"]

Kind = Literal["gemm", "skinny", "conv", "bandwidth", "dispatch"]

_CHAIN = {64 << 10: 32, 256 << 10: 16, 1 << 20: 8, 4 << 20: 8, 16 << 20: 8, 64 << 20: 4}
WORKING_SETS = tuple(_CHAIN)
"""Bytes: within a core's own caches up to what several cores share."""
DRAM_BYTES = (256 << 20, 128 << 20, 64 << 20)
"""Larger than caches are; the first that memory has room for is taken."""
DISPATCH_NODES = (8, 264)
"""Two chains of trivial nodes: their difference is what nodes cost, without the call itself."""

_SIDE = 512
_LAYER = 1024
_CHANNELS, _IMAGE = 128, 28
_MOST_ROWS = 8192
_OPSET = 17
_IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class Kernel:
    """One model, and the work that a run of it does."""

    kind: Kind
    precision: Literal["fp32", "fp16", "int8"]
    threads: int
    size: int
    """Rows of a product, bytes of a working set, nodes of a chain of trivial ones; unused for convolutions."""

    @property
    def nodes(self) -> int:
        """Nodes of the model."""
        if self.kind == "dispatch":
            return self.size
        # The first node of a chain reads one buffer and writes another; all others work in place.
        return _CHAIN.get(self.size, 2) if self.kind == "bandwidth" else 1

    @property
    def work(self) -> float:
        """FLOPs, bytes moved, or nodes of one run."""
        match self.kind:
            case "gemm":
                return 2.0 * self.size * _SIDE * _SIDE
            case "skinny":
                return 2.0 * _LAYER * _LAYER
            case "conv":
                return 2.0 * 9 * _CHANNELS * _CHANNELS * _IMAGE * _IMAGE
            case "bandwidth":
                return 2.0 * self.size * self.nodes
            case "dispatch":
                return float(self.nodes)

    @property
    def name(self) -> str:
        """For people and for JSON."""
        if self.kind == "bandwidth":
            large = self.size >= 1 << 20
            return f"bandwidth_{self.size >> 20}MiB" if large else f"bandwidth_{self.size >> 10}KiB"
        return f"dispatch_{self.size}" if self.kind == "dispatch" else f"{self.kind}_{self.precision}"


def kernels(cores: int, memory_bytes: int) -> tuple[Kernel, ...]:
    """What to run: everything on one thread; where there are more cores, products and DRAM on all of them.

    Args:
        cores: physical cores that may be used.
        memory_bytes: memory that is free.
    """
    dram = next((size for size in DRAM_BYTES if 6 * size <= memory_bytes), DRAM_BYTES[-1])
    found = [Kernel("gemm", precision, 1, _SIDE) for precision in ("fp32", "fp16", "int8")]
    found += [Kernel("skinny", precision, 1, 1) for precision in ("fp32", "fp16", "int8")]
    found += [Kernel("conv", "fp32", 1, 1), Kernel("conv", "int8", 1, 1)]
    found += [Kernel("bandwidth", "fp32", 1, size) for size in (*(s for s in WORKING_SETS if s < dram), dram)]
    found += [Kernel("dispatch", "fp32", 1, nodes) for nodes in DISPATCH_NODES]
    if cores > 1:
        rows = min(_MOST_ROWS, _SIDE * cores)
        found += [Kernel("gemm", precision, cores, rows) for precision in ("fp32", "int8")]
        found.append(Kernel("bandwidth", "fp32", cores, dram))
    return tuple(found)


def build(kernel: Kernel) -> tuple[onnx.ModelProto, Arrays]:
    """The model of a kernel and arrays for its inputs; the same ones every time."""
    rng = np.random.default_rng(0)
    match kernel.kind:
        case "gemm":
            return _product(kernel.precision, kernel.size, _SIDE, rng)
        case "skinny":
            return _product(kernel.precision, kernel.size, _LAYER, rng)
        case "conv":
            return _convolution(kernel.precision, rng)
        case "bandwidth":
            return _chain(kernel.nodes, kernel.size // 4)
        case "dispatch":
            return _chain(kernel.nodes, 1)


def _product(precision: str, rows: int, side: int, rng: np.random.Generator) -> tuple[onnx.ModelProto, Arrays]:
    from onnx import TensorProto, helper

    if precision == "int8":
        x = rng.integers(0, 128, (rows, side), dtype=np.uint8)
        w = rng.integers(-64, 64, (side, side), dtype=np.int8)
        node, types = helper.make_node("MatMulInteger", ["x", "w"], ["y"]), (TensorProto.UINT8, TensorProto.INT32)
    else:
        dtype, code = (np.float16, TensorProto.FLOAT16) if precision == "fp16" else (np.float32, TensorProto.FLOAT)
        x = rng.uniform(0.1, 1, (rows, side)).astype(dtype)
        w = rng.uniform(-0.1, 0.1, (side, side)).astype(dtype)
        node, types = helper.make_node("MatMul", ["x", "w"], ["y"]), (code, code)
    return _model([node], x.shape, (rows, side), types, {"w": w}), {"x": x}


def _convolution(precision: str, rng: np.random.Generator) -> tuple[onnx.ModelProto, Arrays]:
    from onnx import TensorProto, helper

    shape, kernel = (1, _CHANNELS, _IMAGE, _IMAGE), (_CHANNELS, _CHANNELS, 3, 3)
    if precision == "int8":
        x = rng.integers(0, 128, shape, dtype=np.uint8)
        constants: Arrays = {
            "w": rng.integers(-64, 64, kernel, dtype=np.int8),
            "scale": np.array(0.02, dtype=np.float32),
            "zero": np.array(0, dtype=np.uint8),
            "middle": np.array(0, dtype=np.int8),
        }
        names = ["x", "scale", "zero", "w", "scale", "middle", "scale", "zero"]
        node = helper.make_node("QLinearConv", names, ["y"], pads=[1, 1, 1, 1])
        types = (TensorProto.UINT8, TensorProto.UINT8)
    else:
        x = rng.uniform(0.1, 1, shape).astype(np.float32)
        constants = {"w": rng.uniform(-0.1, 0.1, kernel).astype(np.float32)}
        node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
        types = (TensorProto.FLOAT, TensorProto.FLOAT)
    return _model([node], shape, shape, types, constants), {"x": x}


def _chain(nodes: int, elements: int) -> tuple[onnx.ModelProto, Arrays]:
    """``Abs`` after ``Abs``: ONNX Runtime runs them in place, so each reads and writes its working set once."""
    from onnx import TensorProto, helper

    names = ["x", *(f"t{i}" for i in range(nodes - 1)), "y"]
    chain = [helper.make_node("Abs", [a], [b]) for a, b in pairwise(names)]
    types = (TensorProto.FLOAT, TensorProto.FLOAT)
    return _model(chain, (elements,), (elements,), types, {}), {"x": np.full(elements, 1.5, dtype=np.float32)}


def _model(
    nodes: list[onnx.NodeProto],
    shape_in: tuple[int, ...],
    shape_out: tuple[int, ...],
    types: tuple[int, int],
    constants: Arrays,
) -> onnx.ModelProto:
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "kernel",
        [helper.make_tensor_value_info("x", types[0], shape_in)],
        [helper.make_tensor_value_info("y", types[1], shape_out)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
