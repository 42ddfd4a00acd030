"""The GPU path against a fake of NVIDIA's management library; no GPU is needed, none is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.runtime import accelerator
from infercost.runtime.accelerator import Gpu, device_memory_used, find_gpu

if TYPE_CHECKING:
    import ctypes

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
