"""The GPU, as NVIDIA's management library tells of it. Nothing here needs a Python binding."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infercost.domain.scenario import GpuLoad

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


_CLOCK_SM = 1
_TEMPERATURE_GPU = 0
_SLOWED = {
    0x04: "power",  # SwPowerCap
    0x08: "hardware",  # HwSlowdown
    0x20: "thermal",  # SwThermalSlowdown
    0x40: "thermal",  # HwThermalSlowdown
    0x80: "power",  # HwPowerBrakeSlowdown
}
"""Bits of ``nvmlClocksThrottleReasons`` that slow work down (nvml.h); idle and the user's own clocks do not count."""


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


def gpu_load(library: Any = None) -> GpuLoad | None:
    """What the first GPU does right now; None without one. Figures that a driver does not give are None."""
    with _opened(library) as nvml:
        device = ctypes.c_void_p()
        if nvml is None or nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)):
            return None
        used, memory = _Utilization(), _Memory()
        reasons = ctypes.c_ulonglong()
        has_use = _answers(nvml, "nvmlDeviceGetUtilizationRates", device, ctypes.byref(used))
        has_memory = _answers(nvml, "nvmlDeviceGetMemoryInfo", device, ctypes.byref(memory))
        slowed = _answers(nvml, "nvmlDeviceGetCurrentClocksThrottleReasons", device, ctypes.byref(reasons))
        milliwatts = _figure(nvml, "nvmlDeviceGetPowerUsage", device)
        return GpuLoad(
            utilization=used.gpu / 100 if has_use else None,
            memory_bytes=int(memory.used) if has_memory else None,
            power_w=None if milliwatts is None else milliwatts / 1e3,
            sm_mhz=_figure(nvml, "nvmlDeviceGetClockInfo", device, _CLOCK_SM),
            max_sm_mhz=_figure(nvml, "nvmlDeviceGetMaxClockInfo", device, _CLOCK_SM),
            temperature_c=_figure(nvml, "nvmlDeviceGetTemperature", device, _TEMPERATURE_GPU),
            throttled=slowed_by(int(reasons.value)) if slowed else (),
        )


def slowed_by(reasons: int) -> tuple[str, ...]:
    """Names of the throttle reasons in a bit mask that slow work down."""
    return tuple(dict.fromkeys(name for bit, name in _SLOWED.items() if reasons & bit))


def device_energy_j(library: Any = None) -> float | None:
    """Joules of the first GPU since its driver was loaded (Volta and later); None where it does not say."""
    with _opened(library) as nvml:
        device, energy = ctypes.c_void_p(), ctypes.c_ulonglong()
        if nvml is None or nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)):
            return None
        known = _answers(nvml, "nvmlDeviceGetTotalEnergyConsumption", device, ctypes.byref(energy))
        return energy.value / 1e3 if known else None


def _figure(nvml: Any, name: str, device: Any, *kind: int) -> float | None:
    value = ctypes.c_uint()
    return float(value.value) if _answers(nvml, name, device, *kind, ctypes.byref(value)) else None


def _answers(nvml: Any, name: str, *arguments: Any) -> bool:
    """Whether a call of the library succeeds; old drivers lack some, and some devices refuse some."""
    call = getattr(nvml, name, None)
    return call is not None and call(*arguments) == 0


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
