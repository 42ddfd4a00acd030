"""Hardware that can be rented, as the predictor sees it."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    architecture: str = ""
    """``Turing``, ``Ampere`` …; cards of one architecture share kernels."""
    tdp_w: float | None = None
    """Board power limit, watts; None where unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What one CPU attains through ONNX Runtime itself: microbenchmarks, not data sheets.

    Rates are of **one thread** on an otherwise idle machine, except ``all_threads_*``. Keys of the
    mappings are precisions: ``fp32``, ``fp16``, ``int8``; one that was not measured is left out.
    """

    gemm_gflops: dict[str, float]
    """A large square matrix product, GFLOP/s (a multiply-add is two)."""
    conv_gflops: dict[str, float]
    """A 3x3 convolution with many channels, GFLOP/s."""
    bandwidth_gbps: tuple[tuple[int, float], ...]
    """(working set in bytes, GB/s read and written), ascending: caches first, DRAM last."""
    dispatch_us: float
    """Cost of one trivial node inside a session, microseconds."""
    skinny_gemm_gflops: dict[str, float] = field(default_factory=dict)
    """A product with one row: batch 1 through a dense layer, GFLOP/s."""
    threads: int = 1
    """Threads of the ``all_threads`` figures: one a physical core."""
    all_threads_gemm_gflops: dict[str, float] = field(default_factory=dict)
    all_threads_bandwidth_gbps: float | None = None
    """From DRAM, all cores together."""
    source: str
    """What measured it: tool and ONNX Runtime version."""
    measured_on: str
    """CPU family key, or ``provider:instance_type`` where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a user's own measurements say of one CPU family or accelerator, against the prediction."""

    family: str
    """``CpuFamily.key`` or ``Accelerator.key``."""
    ratio: float
    """Measured over predicted seconds: predictions for the family are multiplied by it."""
    band: float
    """Relative band at 90 % that is left after the correction."""
    n: int
    """Measurements behind it."""
    source: str
    precision: str | None = None
    """``fp32``, ``fp16`` or ``int8`` when it holds for one only; None for all."""


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
    measured: Ceilings | None = None
    """Microbenchmarks of this very machine or instance type; they go before specifications."""

    @property
    def cores(self) -> float:
        """Physical cores behind the vCPUs."""
        return self.vcpus / self.threads_per_core
