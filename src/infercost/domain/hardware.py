"""Hardware that can be rented, as the predictor sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuFamily:
    """One CPU generation behind cloud instances. Rates are per physical core."""

    key: str
    """For example ``intel-icelake``."""
    title: str
    arch: str
    """``x86_64`` or ``aarch64``."""
    isa: tuple[str, ...]
    fp32_flops_per_cycle: float
    """Peak FP32 FLOPs a cycle and core (FMA = 2)."""
    int8_ops_per_cycle: float
    sustained_ghz: float
    """All-core clock under vector load: the ceiling's clock, not the turbo on the box."""
    memory_bandwidth_gbs: float
    """Peak DRAM bandwidth of one socket, GB/s."""
    cores_per_socket: int
    scalar_speed: float
    """Single-thread speed relative to the table's reference family; scales per-operator dispatch."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One accelerator. TFLOPS are dense peaks."""

    key: str
    """For example ``T4``, ``A10G``, ``H100-SXM5-80GB``."""
    vendor: str
    fp32_tflops: float | None
    tf32_tflops: float | None
    fp16_tflops: float | None
    int8_tops: float | None
    memory_gib: float
    memory_bandwidth_gbs: float
    onnxruntime_provider: str | None
    """ONNX Runtime execution provider that runs plain ONNX on it; None if there is none."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One instance type, or the local machine (``provider="local"``)."""

    provider: str
    instance_type: str
    family: str
    """The instance family (``c6i``, ``n2-standard``, ``DSv2``)."""
    vcpus: int
    memory_gib: float
    cpu: CpuFamily | None
    """None when the cloud does not say which CPU it is: then nothing is predicted on the CPU."""
    threads_per_core: int = 2
    burstable: bool = False
    accelerator: Accelerator | None = None
    accelerator_count: int = 0
    source: str = ""
    note: str = ""
    """What a reader should know: why the CPU is unknown, or which of several was taken."""

    @property
    def cores(self) -> float:
        """Physical cores behind the vCPUs."""
        return self.vcpus / self.threads_per_core
