"""ONNX Runtime sessions, as the workers make them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime as ort

from infercost.runtime.tensors import Tensor, dtype_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infercost.runtime.protocol import Device, Level, ModelSource

_LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}

_SILENT = 4

PROVIDERS: dict[Device, tuple[str, ...]] = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
    "openvino": ("OpenVINOExecutionProvider", "CPUExecutionProvider"),
}
"""Execution providers of each device, the one that must be had first."""

_MEMORY: dict[Device, str] = {"cuda": "cuda", "tensorrt": "cuda"}
"""Where tensors of a device live; elsewhere in the host's memory."""


class DeviceError(Exception):
    """The session runs, but not on the device asked for."""


def providers(device: Device) -> list[str]:
    """Execution providers for a device, in order of preference."""
    return list(PROVIDERS[device])


def open_session(
    model: ModelSource,
    *,
    level: Level,
    threads: int,
    device: Device = "cpu",
    trace: str | None = None,
    prepacking: bool = True,
) -> Any:
    """Load a model: so many intra-op threads, one inter-op thread, spinning as ONNX Runtime's default.

    Args:
        model: the file.
        level: graph optimization.
        threads: intra-op threads.
        device: where it should run.
        trace: file prefix for ONNX Runtime's profile; None for none.
        prepacking: whether kernels may repack weights (they then vanish from the trace).

    Raises:
        DeviceError: ONNX Runtime fell back from the device asked for.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = _LEVELS[level]
    options.log_severity_level = _SILENT
    if trace is not None:
        options.enable_profiling = True
        options.profile_file_prefix = trace
    if not prepacking:
        options.add_session_config_entry("session.disable_prepacking", "1")
    source: str | bytes = model.path
    if model.data_folder is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", model.data_folder)
        source = Path(model.path).read_bytes()
    session = ort.InferenceSession(source, options, providers=providers(device))
    if PROVIDERS[device][0] not in session.get_providers():
        raise DeviceError(f"ONNX Runtime could not use {PROVIDERS[device][0]} and fell back to {session.get_providers()[0]}")
    return session


def plain_runner(session: Any, feeds: Mapping[str, Any]) -> Callable[[], Any]:
    """A call that runs the session and returns its outputs."""
    feeds = dict(feeds)
    return lambda: session.run(None, feeds)


def bind(session: Any, feeds: Mapping[str, Any], device: Device) -> Any | None:
    """Inputs placed on the device and outputs left to it; None when a type cannot be bound (strings).

    The first run allocates the outputs, later ones write into the same memory. The binding holds the arrays, whose
    memory it borrows: keep it as long as anything runs it.
    """
    binding, place = session.io_binding(), _MEMORY.get(device, "cpu")
    try:
        for name, array in feeds.items():
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array, place, 0))
        for output in session.get_outputs():
            binding.bind_output(output.name, place)
    except (RuntimeError, ValueError, TypeError):
        return None
    binding.borrowed = tuple(feeds.values())
    return binding


def bound_runner(session: Any, binding: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function and its arguments that run a binding with the least Python in between."""
    inner = getattr(session, "_sess", None)
    target = getattr(binding, "_iobinding", None)
    if inner is None or target is None:
        return session.run_with_iobinding, (binding,)
    # Without run options of its own, every call makes some: 5 µs of 400 on a small network.
    return inner.run_with_iobinding, (target, ort.RunOptions())


def describe_outputs(session: Any, values: Sequence[Any]) -> list[tuple[str, str, tuple[int, ...] | None, int]]:
    """Name, element type, shape and bytes of outputs that came out of a run."""
    described: list[tuple[str, str, tuple[int, ...] | None, int]] = []
    for output, value in zip(session.get_outputs(), values, strict=True):
        shape = getattr(value, "shape", None)
        if shape is None:
            described.append((output.name, output.type, None, _loose_bytes(value)))
        else:
            nbytes = sum(len(str(v).encode()) for v in value.flat) if value.dtype == object else int(value.nbytes)
            described.append((output.name, dtype_name(output.type), tuple(int(d) for d in shape), nbytes))
    return described


def bound_output_bytes(binding: Any) -> int:
    """Bytes of a binding's outputs; tensors are not copied for it."""
    values = binding.get_outputs()
    if all(value.is_tensor() for value in values):
        sizes = [Tensor(dtype_name(value.data_type()), tuple(value.shape())).nbytes for value in values]
        if None not in sizes:
            return sum(size for size in sizes if size is not None)
    return sum(_loose_bytes(value) for value in binding.copy_outputs_to_cpu())


def _loose_bytes(value: Any) -> int:
    """Bytes of a sequence or map: eight a key and four a figure."""
    if isinstance(value, dict):
        return sum((len(k.encode()) if isinstance(k, str) else 8) + _loose_bytes(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return sum(_loose_bytes(v) for v in value)
    return int(getattr(value, "nbytes", 4))


def silence() -> None:
    """Keep ONNX Runtime's own log off the terminal."""
    ort.set_default_logger_severity(_SILENT)
