"""The GPU path against a fake of NVIDIA's management library; no GPU is needed, none is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.domain.scenario import GpuLoad
from infercost.runtime import accelerator
from infercost.runtime.accelerator import Gpu, device_energy_j, device_memory_used, find_gpu, gpu_load, slowed_by

if TYPE_CHECKING:
    import ctypes
    from typing import Any

    import pytest


class FakeLibrary:
    """Answers like libnvidia-ml for one device."""

    def __init__(self, *, init: int = 0, handle: int = 0) -> None:
        self.init, self.handle, self.shut = init, handle, 0

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return self.init

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.shut += 1
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, device: object) -> int:  # noqa: N802
        assert index == 0
        return self.handle

    def nvmlDeviceGetName(self, device: object, name: ctypes.Array[ctypes.c_char], size: int) -> int:  # noqa: N802
        name.value = b"NVIDIA L4"
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: object, memory: object) -> int:  # noqa: N802
        memory._obj.total, memory._obj.used = 24 << 30, 1 << 30  # type: ignore[attr-defined]
        return 0


def test_the_first_gpu_is_described() -> None:
    library = FakeLibrary()
    assert find_gpu(library) == Gpu("NVIDIA L4", 24 << 30, 1 << 30)
    assert device_memory_used(library) == 1 << 30
    assert library.shut == 2


def test_a_driver_that_does_not_start_is_no_gpu() -> None:
    library = FakeLibrary(init=9)
    assert find_gpu(library) is None
    assert library.shut == 0


def test_a_driver_without_a_device_is_no_gpu() -> None:
    library = FakeLibrary(handle=6)
    assert find_gpu(library) is None
    assert library.shut == 1


def test_no_driver_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "_NAMES", ("libdoes-not-exist.so.0",))
    assert find_gpu() is None
    assert device_memory_used() is None


class WorkingLibrary(FakeLibrary):
    """Figures of a GPU at work, made up in the form and the units that nvml.h documents; none was there."""

    def nvmlDeviceGetUtilizationRates(self, device: object, rates: Any) -> int:  # noqa: N802
        rates._obj.gpu, rates._obj.memory = 97, 40
        return 0

    def nvmlDeviceGetPowerUsage(self, device: object, milliwatts: Any) -> int:  # noqa: N802
        milliwatts._obj.value = 71_500
        return 0

    def nvmlDeviceGetClockInfo(self, device: object, kind: int, mhz: Any) -> int:  # noqa: N802
        assert kind == 1, "the SM clock"
        mhz._obj.value = 1_335
        return 0

    def nvmlDeviceGetMaxClockInfo(self, device: object, kind: int, mhz: Any) -> int:  # noqa: N802
        mhz._obj.value = 2_040
        return 0

    def nvmlDeviceGetTemperature(self, device: object, kind: int, celsius: Any) -> int:  # noqa: N802
        celsius._obj.value = 84
        return 0

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, device: object, reasons: Any) -> int:  # noqa: N802
        reasons._obj.value = 0x04 | 0x20 | 0x01
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, device: object, millijoules: Any) -> int:  # noqa: N802
        millijoules._obj.value = 12_345_678
        return 0


def test_a_gpu_at_work_tells_its_clocks_power_and_why_it_is_slow() -> None:
    assert gpu_load(WorkingLibrary()) == GpuLoad(
        utilization=0.97,
        memory_bytes=1 << 30,
        power_w=71.5,
        sm_mhz=1335.0,
        max_sm_mhz=2040.0,
        temperature_c=84.0,
        throttled=("power", "thermal"),
    )
    assert device_energy_j(WorkingLibrary()) == 12345.678


def test_what_an_old_driver_lacks_is_not_known() -> None:
    load = gpu_load(FakeLibrary())
    assert load == GpuLoad(
        utilization=None, memory_bytes=1 << 30, power_w=None, sm_mhz=None, max_sm_mhz=None, temperature_c=None
    )
    assert device_energy_j(FakeLibrary()) is None


def test_without_a_device_there_is_no_load() -> None:
    assert gpu_load(WorkingLibrary(handle=6)) is None
    assert device_energy_j(WorkingLibrary(init=9)) is None


def test_idle_clocks_and_the_users_own_are_no_slowing_down() -> None:
    assert slowed_by(0x01 | 0x02 | 0x10 | 0x100) == ()
    assert slowed_by(0x08 | 0x40 | 0x80) == ("hardware", "thermal", "power")
