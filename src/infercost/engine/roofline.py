"""The arithmetic of the v1 predictor: where a model's time goes, and how each part scales.

A measured latency is split into four parts that scale by different laws: per-node dispatch
(scalar speed), floating-point and 8-bit arithmetic (vector ceilings) and memory traffic
(bandwidth). The split is made once, on the machine that was measured; on a target the time is a
weighted sum of the parts, so that thousands of serving configurations are one numpy expression.

Why and how well: docs/explanation/prediction.md, docs/accuracy.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from infercost.domain.hardware import Accelerator, CpuFamily, Hardware
    from infercost.domain.profile import OperatorTime

    Floats = NDArray[np.float64]

# Priors. Each was chosen by eye on the rows that scripts/validate_predict.py reads, and is
# judged by the errors that script prints.
VECTOR_EXPONENT_FP32 = 0.5
VECTOR_EXPONENT_INT8 = 0.3
"""Share of a peak's gain that kernels realise; the rest of a core's speed is scalar speed."""
REFERENCE_GFLOPS = 160.0
"""FP32 peak of one core of the table's reference family (scalar_speed 1): 64 FLOPs x 2.5 GHz."""
REFERENCE_INT8_GOPS = 212.5
KERNEL_EFFICIENCY = 0.5
"""Fraction of a core's ceiling that a compute-bound CPU kernel reaches; only splits the time."""
CORE_BANDWIDTH_GBS = 12.0
"""What one core of the reference family draws from memory alone."""
SOCKET_EFFICIENCY = 0.8
"""Sustained over peak DRAM bandwidth (STREAM on server parts)."""
SOCKET_BURST = 0.35
"""Share of a socket's bandwidth that a small instance can draw: clouds do not partition it."""
DISPATCH_S = 2.5e-6
"""ONNX Runtime's cost of one node on the reference family."""
MAX_DISPATCH_SHARE = 0.8
"""Of an operator's measured time, at most this is taken as dispatch."""
SMT_YIELD = 0.2
"""What the second hardware thread adds to a busy core."""
SYNC_S = 0.25e-6
"""Barrier cost of one node for each thread beyond the first."""
SERIAL_PRIOR = 0.05
"""Amdahl's serial share where threads were not measured."""

GPU_FP32_EFFICIENCY = 0.6
GPU_TENSOR_EFFICIENCY = 0.3
GPU_BANDWIDTH_EFFICIENCY = 0.5
GPU_NODE_S = 12e-6
"""Launch and bookkeeping of one node by ONNX Runtime's CUDA provider, host of scalar speed 1."""
GPU_RUN_S = 80e-6
"""Fixed cost of one call: feeds, synchronisation, fetches."""
PCIE_GBS = 10.0
POWER_LIMITED = {"T4": 0.7, "L4": 0.5, "P4": 0.6}
"""Share of the arithmetic peak that 70 W cards hold under dense load."""


@dataclass(frozen=True, slots=True)
class Operators:
    """A profile's operator types as arrays; one element an operator type."""

    share: Floats
    count: Floats
    flops: Floats
    """0 where unknown or none."""
    activation_bytes: Floats
    """At batch 1, 0 where unknown."""
    weight_bytes: Floats
    int8: NDArray[np.bool_]

    @classmethod
    def of(cls, operators: Sequence[OperatorTime]) -> Operators:
        """Gather; shares are renormalised, and a profile without operators is one opaque node."""
        if not operators:
            one, zero = np.ones(1), np.zeros(1)
            return cls(one, one, zero, zero, zero, np.zeros(1, dtype=bool))
        share = np.array([max(0.0, o.time_share) for o in operators])
        total = np.array([o.bytes or 0 for o in operators], dtype=float)
        weights = np.minimum(np.array([o.weight_bytes for o in operators], dtype=float), total)
        return cls(
            share=share / share.sum() if share.sum() > 0 else np.full(len(operators), 1 / len(operators)),
            count=np.array([o.count for o in operators], dtype=float),
            flops=np.array([o.flops or 0 for o in operators], dtype=float),
            activation_bytes=total - weights,
            weight_bytes=weights,
            int8=np.array([is_int8(o.op_type) for o in operators]),
        )

    @property
    def nodes(self) -> float:
        """Nodes of the graph."""
        return float(self.count.sum())

    def traffic(self, batch: float) -> Floats:
        """Bytes moved by each operator type at a batch size: weights are read once."""
        return self.weight_bytes + batch * self.activation_bytes


def is_int8(op_type: str) -> bool:
    """Whether an operator computes on 8-bit integers."""
    named = ("QLinear", "QGemm", "QAttention", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulInteger", "ConvInteger")
    return op_type.startswith(named)


@dataclass(frozen=True, slots=True)
class Core:
    """Ceilings of one physical core, efficiency included: relative figures are what counts."""

    fp32: float
    """GFLOP/s."""
    int8: float
    """GOP/s."""
    bandwidth: float
    """GB/s that the core can draw alone."""
    scalar: float

    @classmethod
    def of(cls, cpu: CpuFamily) -> Core:
        """Ceilings of a CPU family's core."""

        def blend(per_cycle: float, reference: float, exponent: float) -> float:
            peak = per_cycle * cpu.sustained_ghz
            return KERNEL_EFFICIENCY * float(peak**exponent * (reference * cpu.scalar_speed) ** (1 - exponent))

        return cls(
            fp32=blend(cpu.fp32_flops_per_cycle, REFERENCE_GFLOPS, VECTOR_EXPONENT_FP32),
            int8=blend(cpu.int8_ops_per_cycle, REFERENCE_INT8_GOPS, VECTOR_EXPONENT_INT8),
            bandwidth=CORE_BANDWIDTH_GBS * cpu.scalar_speed,
            scalar=cpu.scalar_speed,
        )


def instance_bandwidth(hardware: Hardware) -> float:
    """Sustained DRAM bandwidth that an instance can draw with all its cores, GB/s.

    A small instance may draw more than its cores' share of the socket, and no instance more
    than its cores can ask for.
    """
    assert hardware.cpu is not None  # noqa: S101 - callers decline hardware without a CPU
    cpu, cores = hardware.cpu, max(hardware.cores, 1.0)
    socket = SOCKET_EFFICIENCY * cpu.memory_bandwidth_gbs
    return min(cores * Core.of(cpu).bandwidth, max(SOCKET_BURST, cores / cpu.cores_per_socket) * socket)


def smt_rate(threads: Floats, cores: float) -> Floats:
    """Speed of each of ``threads`` busy threads, relative to a core of one's own."""
    capacity = np.minimum(threads, cores) + SMT_YIELD * np.maximum(threads - cores, 0.0)
    return np.asarray(capacity / threads)


@dataclass(frozen=True, slots=True)
class Parts:
    """Single-thread seconds at one batch size on the measured machine, by what limits them."""

    dispatch: float
    fp32: float
    int8: float
    memory: float

    @property
    def total(self) -> float:
        """Seconds."""
        return self.dispatch + self.fp32 + self.int8 + self.memory


def split(seconds: float, batch: int, operators: Operators, hardware: Hardware) -> Parts:
    """Split measured single-thread seconds into parts by the roofline of the measured machine.

    Between the two sides of the ridge the split is smooth: an operator is compute-bound in the
    proportion that its arithmetic alone would take of arithmetic plus traffic. Time of operators
    with neither FLOPs nor bytes is scalar work.
    """
    assert hardware.cpu is not None  # noqa: S101 - a local machine always has one
    core = Core.of(hardware.cpu)
    time = seconds * operators.share
    dispatch = np.minimum(MAX_DISPATCH_SHARE * time, operators.count * DISPATCH_S / core.scalar)
    compute_s = batch * operators.flops / (1e9 * np.where(operators.int8, core.int8, core.fp32))
    traffic_s = operators.traffic(batch) / (1e9 * min(core.bandwidth, instance_bandwidth(hardware)))
    both = compute_s + traffic_s
    known = both > 0
    compute = np.where(known, compute_s / np.where(known, both, 1.0), 0.0)
    rest = time - dispatch
    return Parts(
        dispatch=float(dispatch.sum() + rest[~known].sum()),
        fp32=float((rest * compute)[known & ~operators.int8].sum()),
        int8=float((rest * compute)[known & operators.int8].sum()),
        memory=float((rest * (1 - compute))[known].sum()),
    )


@dataclass(frozen=True, slots=True)
class Slowdown:
    """Factors from the parts' single-thread seconds to seconds on a target; one element a configuration."""

    dispatch: Floats
    fp32: Floats
    int8: Floats
    memory: Floats
    sync: Floats
    """Barrier seconds of one node."""


def slowdown(source: Hardware, target: Hardware, workers: Floats, threads: Floats) -> Slowdown:
    """How parts measured on one thread of ``source`` stretch on ``target`` while all workers are busy.

    The factors are per thread: Amdahl's law is applied by ``combine``.
    """
    assert source.cpu is not None  # noqa: S101
    assert target.cpu is not None  # noqa: S101
    here, there = Core.of(source.cpu), Core.of(target.cpu)
    busy = workers * threads
    rate = smt_rate(busy, target.cores)
    drawn_here = min(here.bandwidth, instance_bandwidth(source))
    drawn_there = np.minimum(there.bandwidth * rate, instance_bandwidth(target) / busy)
    scalar = here.scalar / there.scalar
    return Slowdown(
        dispatch=scalar / rate,
        fp32=here.fp32 / there.fp32 / rate,
        int8=here.int8 / there.int8 / rate,
        memory=drawn_here / drawn_there,
        sync=SYNC_S / there.scalar * (threads - 1),
    )


def combine(parts: Parts, factor: Slowdown, threads: Floats, serial: float, nodes: float) -> Floats:
    """Seconds of one batch: dispatch is serial, the rest follows Amdahl's law with share ``serial``."""
    amdahl = serial + (1 - serial) / threads
    work = parts.fp32 * factor.fp32 + parts.int8 * factor.int8 + parts.memory * factor.memory
    return np.asarray(parts.dispatch * factor.dispatch + work * amdahl + nodes * factor.sync)


def gpu_peak_tflops(accelerator: Accelerator, *, half: bool) -> float | None:
    """Ceiling of an accelerator with efficiency, TFLOP/s; None where no peak is known.

    ONNX Runtime's CUDA provider uses TF32 for FP32 models where the GPU has it.
    """
    tensor = accelerator.fp16_tflops if half else accelerator.tf32_tflops
    vector = accelerator.fp32_tflops
    rates = [
        peak * efficiency
        for peak, efficiency in ((tensor, GPU_TENSOR_EFFICIENCY), (vector, GPU_FP32_EFFICIENCY))
        if peak is not None
    ]
    return max(rates) * POWER_LIMITED.get(accelerator.key, 1.0) if rates else None


def gpu_seconds(
    operators: Operators, batch: float, accelerator: Accelerator, *, half: bool, payload_bytes: int, host_scalar: float
) -> tuple[float, float]:
    """Seconds of one batch on one accelerator, from the graph alone: (host overhead, device).

    Each operator type takes the longer of its arithmetic and its traffic; each node a launch. A batch that is
    padded counts as so many more items.
    """
    peak = gpu_peak_tflops(accelerator, half=half)
    assert peak is not None  # noqa: S101 - callers decline accelerators without a peak
    compute = batch * operators.flops / (peak * 1e12)
    traffic = operators.traffic(batch) / (GPU_BANDWIDTH_EFFICIENCY * accelerator.memory_bandwidth_gbs * 1e9)
    device = float(np.maximum(compute, traffic).sum()) + batch * payload_bytes / (PCIE_GBS * 1e9)
    host = (GPU_RUN_S + GPU_NODE_S * operators.nodes) / host_scalar
    return host, device
