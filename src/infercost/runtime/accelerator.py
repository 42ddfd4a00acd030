"""The GPU, as NVIDIA's management library tells of it. Nothing here needs a Python binding."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = ("libnvidia-ml.so.1", "nvml.dll")
_NAME_LENGTH = 96


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU."""

    name: str
    memory_bytes: int
    memory_used_bytes: int


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def find_gpu(library: Any = None) -> Gpu | None:
    """The first GPU; None where there is no driver or no device.

    Args:
        library: the loaded management library; found by name when None.
    """
    with _opened(library) as nvml:
        if nvml is None:
            return None
        device, name, memory = ctypes.c_void_p(), ctypes.create_string_buffer(_NAME_LENGTH), _Memory()
        answers = (
            nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)),
            nvml.nvmlDeviceGetName(device, name, _NAME_LENGTH),
            nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)),
        )
        return None if any(answers) else Gpu(name.value.decode(errors="replace"), int(memory.total), int(memory.used))


def device_memory_used(library: Any = None) -> int | None:
    """Bytes in use on the first GPU by all processes; None without one."""
    gpu = find_gpu(library)
    return None if gpu is None else gpu.memory_used_bytes


@contextmanager
def _opened(library: Any) -> Iterator[Any]:
    nvml = library if library is not None else _load()
    if nvml is None or nvml.nvmlInit_v2() != 0:
        yield None
        return
    try:
        yield nvml
    finally:
        nvml.nvmlShutdown()


def _load() -> Any:
    for name in _NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
