"""The arithmetic of the predictor: where a model's time goes, and how each part scales.

A measured latency is split into parts that scale by different laws: per-node dispatch (scalar
speed), arithmetic by precision and kind of operator (vector ceilings) and memory traffic
(bandwidth). The split is made once, on the machine that was measured; on a target the time is a
weighted sum of the parts, so that thousands of serving configurations are one numpy expression.

Ceilings by precedence: microbenchmarks, where both machines have them; else what the data sheet
says, times the efficiency fitted for the family, its vendor and instruction set (``engine.effects``).

Why and how well: docs/explanation/prediction.md, docs/accuracy.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

import numpy as np

from infercost.domain.coefficients import Coefficients
from infercost.engine.effects import INTENSITY, cpu_effects, gpu_effects, log_efficiency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from infercost.domain.hardware import Accelerator, Ceilings, CpuFamily, Hardware
    from infercost.domain.profile import OperatorTime

    Floats = NDArray[np.float64]

# Priors, chosen by eye; what was fitted (data/prediction) is relative to them.
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

GPU_EFFICIENCY = 0.4
"""Share of a data-sheet peak that kernels reach, before what was fitted."""
GPU_BANDWIDTH_EFFICIENCY = 0.5
GPU_NODE_S = 12e-6
"""Launch and bookkeeping of one node by ONNX Runtime's CUDA provider, host of scalar speed 1."""
GPU_RUN_S = 80e-6
"""Fixed cost of one call: feeds, synchronisation, fetches."""
PCIE_GBS = 10.0
NO_FIT = Coefficients()
"""Priors and data sheets alone."""
GEMM = ("MatMul", "Gemm", "FusedMatMul", "FusedGemm", "Attention", "MultiHeadAttention", "QAttention", "QGemm", "QLinearMatMul",
        "DynamicQuantizeMatMul", "Einsum", "LSTM", "GRU", "RNN", "DynamicQuantizeLSTM")  # fmt: skip
MIN_DENSE = 0.5
KINDS = (("fp32", "conv"), ("fp32", "gemm"), ("int8", "conv"), ("int8", "gemm"))
"""Arithmetic whose ceilings differ; the order of every ``arithmetic`` below."""


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
    gemm: NDArray[np.bool_]
    """Matrix products; other arithmetic is counted as convolution."""
    dense: NDArray[np.bool_]
    """Matrix products and convolutions."""

    @classmethod
    def of(cls, operators: Sequence[OperatorTime]) -> Operators:
        """Gather; shares are renormalised, and a profile without operators is one opaque node."""
        if not operators:
            one, zero = np.ones(1), np.zeros(1)
            return cls(one, one, zero, zero, zero, *(np.zeros(1, dtype=bool) for _ in range(3)))
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
            gemm=np.array([o.op_type.startswith(GEMM) for o in operators]),
            dense=np.array([o.op_type.startswith(GEMM) or "Conv" in o.op_type for o in operators]),
        )

    @property
    def kind(self) -> NDArray[np.int64]:
        """Index into ``KINDS``."""
        return 2 * self.int8.astype(np.int64) + self.gemm

    @property
    def intensity(self) -> float:
        """Log of FLOPs a byte of activations of the convolutions, over what divides depthwise from dense ones."""
        conv = ~self.gemm & (self.flops > 0) & (self.activation_bytes > 0)
        if not conv.any():
            return 0.0
        return float(np.clip(np.log(self.flops[conv].sum() / self.activation_bytes[conv].sum() / INTENSITY), -2, 2))

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

    arithmetic: Floats
    """GFLOP/s, in the order of ``KINDS``; never above the data sheet's peak."""
    bandwidth: float
    """GB/s that the core can draw alone."""
    scalar: float
    """Speed of dispatch and other plain code."""

    @classmethod
    def of(cls, cpu: CpuFamily, fit: Coefficients = NO_FIT, *, intensity: float = 0.0, runtime: str = "onnxruntime") -> Core:
        """Ceilings of a CPU family's core.

        Args:
            cpu: the family.
            fit: fitted efficiencies.
            intensity: of the model's convolutions (``Operators.intensity``).
            runtime: whose efficiencies.
        """

        def efficiency(part: str, kind: str = "") -> float:
            return exp(log_efficiency(fit, cpu_effects(cpu, part, kind=kind, runtime=runtime, intensity=intensity)))

        peaks = {
            "fp32": (cpu.fp32_flops_per_cycle * cpu.sustained_ghz, REFERENCE_GFLOPS, VECTOR_EXPONENT_FP32),
            "int8": (cpu.int8_ops_per_cycle * cpu.sustained_ghz, REFERENCE_INT8_GOPS, VECTOR_EXPONENT_INT8),
        }
        rates = []
        for precision, kind in KINDS:
            peak, reference, exponent = peaks[precision]
            blend = KERNEL_EFFICIENCY * peak**exponent * (reference * cpu.scalar_speed) ** (1 - exponent)
            rates.append(min(blend * efficiency(precision, kind), max(peak, blend)))  # the roofline: no rate above the peak
        return cls(
            arithmetic=np.array(rates),
            bandwidth=CORE_BANDWIDTH_GBS * cpu.scalar_speed * efficiency("memory"),
            scalar=cpu.scalar_speed * efficiency("dispatch"),
        )


def instance_bandwidth(hardware: Hardware, core: Core | None = None) -> float:
    """Sustained DRAM bandwidth that an instance can draw with all its cores, GB/s.

    A small instance may draw more than its cores' share of the socket, and no instance more
    than its cores can ask for, nor more than the socket's peak.
    """
    assert hardware.cpu is not None  # noqa: S101 - callers decline hardware without a CPU
    cpu, cores = hardware.cpu, max(hardware.cores, 1.0)
    band = (core or Core.of(cpu)).bandwidth
    efficiency = band / (CORE_BANDWIDTH_GBS * cpu.scalar_speed)
    share = max(SOCKET_BURST, cores / cpu.cores_per_socket)
    socket = min(SOCKET_EFFICIENCY * efficiency, 1.0) * cpu.memory_bandwidth_gbs
    return min(cores * band, share * socket)


def smt_rate(threads: Floats, cores: float) -> Floats:
    """Speed of each of ``threads`` busy threads, relative to a core of one's own."""
    capacity = np.minimum(threads, cores) + SMT_YIELD * np.maximum(threads - cores, 0.0)
    return np.asarray(capacity / threads)


@dataclass(frozen=True, slots=True)
class Parts:
    """Single-thread seconds at one batch size on the measured machine, by what limits them."""

    dispatch: float
    arithmetic: Floats
    """In the order of ``KINDS``."""
    memory: float

    @property
    def total(self) -> float:
        """Seconds."""
        return self.dispatch + float(self.arithmetic.sum()) + self.memory

    @property
    def int8(self) -> float:
        """Seconds of 8-bit arithmetic."""
        return float(self.arithmetic[2:].sum())


def split(seconds: float, batch: int, operators: Operators, hardware: Hardware, core: Core) -> Parts:
    """Split measured single-thread seconds into parts by the roofline of the measured machine.

    Between the two sides of the ridge the split is smooth: an operator is compute-bound in the
    proportion that its arithmetic alone would take of arithmetic plus traffic. Time of operators
    with neither FLOPs nor bytes is scalar work.
    """
    time = seconds * operators.share
    dispatch = np.minimum(MAX_DISPATCH_SHARE * time, operators.count * DISPATCH_S / core.scalar)
    compute_s, traffic_s = roofline_seconds(batch, operators, hardware, core)
    both = compute_s + traffic_s
    known = both > 0
    compute = np.where(known, compute_s / np.where(known, both, 1.0), 0.0)
    rest = time - dispatch
    return Parts(
        dispatch=float(dispatch.sum() + rest[~known].sum()),
        arithmetic=np.bincount(operators.kind[known], (rest * compute)[known], minlength=len(KINDS)).astype(float),
        memory=float((rest * (1 - compute))[known].sum()),
    )


def roofline_seconds(batch: float, operators: Operators, hardware: Hardware, core: Core) -> tuple[Floats, Floats]:
    """(arithmetic, traffic) seconds of each operator type on one thread."""
    compute = batch * operators.flops / (1e9 * core.arithmetic[operators.kind])
    traffic = operators.traffic(batch) / (1e9 * min(core.bandwidth, instance_bandwidth(hardware, core)))
    return compute, traffic


def graph_seconds(batch: float, operators: Operators, hardware: Hardware, core: Core) -> float | None:
    """Single-thread seconds by the graph alone.

    None where that is not what was fitted: models that spend less than half of their time in convolutions and
    matrix products (tree ensembles, plain code), and those whose time is mostly dispatch.
    """
    compute, traffic = roofline_seconds(batch, operators, hardware, core)
    device = float((compute + traffic).sum())
    dispatch = operators.nodes * DISPATCH_S / core.scalar
    if float(operators.share[operators.dense & (operators.flops > 0)].sum()) < MIN_DENSE or dispatch > device:
        return None
    return device + dispatch


@dataclass(frozen=True, slots=True)
class Slowdown:
    """Factors from the parts' single-thread seconds to seconds on a target; one element a configuration."""

    dispatch: Floats
    arithmetic: Floats
    """[kind, configuration]"""
    memory: Floats
    sync: Floats
    """Barrier seconds of one node."""


def slowdown(
    source: Hardware,
    target: Hardware,
    workers: Floats,
    threads: Floats,
    *,
    cores: tuple[Core, Core],
    working_set: float | None = None,
) -> Slowdown:
    """How parts measured on one thread of ``source`` stretch on ``target`` while all workers are busy.

    The factors are per thread: Amdahl's law is applied by ``combine``. Where both machines have
    measured ceilings, these are compared instead of modelled ones, figure by figure.

    Args:
        source: the measured machine.
        target: the machine to predict.
        workers: processes, one element a configuration.
        threads: threads of each.
        cores: ceilings of a core of ``source`` and of one of ``target``.
        working_set: bytes that one run touches; which level of the caches counts.
    """
    here, there = cores
    busy = workers * threads
    rate = smt_rate(busy, target.cores)
    drawn_here = min(here.bandwidth, instance_bandwidth(source, here))
    drawn_there = np.minimum(there.bandwidth * rate, instance_bandwidth(target, there) / busy)
    arithmetic, scalar, memory = here.arithmetic / there.arithmetic, here.scalar / there.scalar, drawn_here / drawn_there
    ours, theirs = source.measured, target.measured
    if ours is not None and theirs is not None:
        arithmetic = measured_arithmetic(ours, theirs, arithmetic)
        scalar = theirs.dispatch_us / ours.dispatch_us
        found = measured_bandwidth(ours, theirs, working_set)
        if found is not None:
            memory = found[0] / np.minimum(found[1] * rate, found[2] / busy)
    return Slowdown(
        dispatch=scalar / rate,
        arithmetic=arithmetic[:, None] / rate,
        memory=memory,
        sync=SYNC_S / there.scalar * (threads - 1),
    )


def measured_arithmetic(ours: Ceilings, theirs: Ceilings, modelled: Floats) -> Floats:
    """Ratios of measured rates in the order of ``KINDS``; a figure that one machine lacks keeps the modelled ratio."""
    ratios = modelled.copy()
    for index, (precision, kind) in enumerate(KINDS):
        figures = [c.conv_gflops if kind == "conv" else c.gemm_gflops for c in (ours, theirs)]
        if all(f.get(precision) for f in figures):
            ratios[index] = figures[0][precision] / figures[1][precision]
    return ratios


def measured_bandwidth(ours: Ceilings, theirs: Ceilings, working_set: float | None) -> tuple[float, float, float] | None:
    """(one thread here, one thread there, all of them there) GB/s at a working set; None where one was not measured.

    What all threads together draw is bounded by what was measured of them once the set overflows the caches.
    """
    if not (ours.bandwidth_gbps and theirs.bandwidth_gbps):
        return None
    size = theirs.bandwidth_gbps[-1][0] if working_set is None else working_set
    limit = theirs.all_threads_bandwidth_gbps if size >= theirs.bandwidth_gbps[-1][0] else None
    return _bandwidth_at(ours, size), _bandwidth_at(theirs, size), limit or float("inf")


def _bandwidth_at(ceilings: Ceilings, size: float) -> float:
    sizes, speeds = zip(*ceilings.bandwidth_gbps, strict=True)
    return float(np.interp(np.log(size), np.log(sizes), speeds))


def combine(parts: Parts, factor: Slowdown, threads: Floats, serial: float, nodes: float) -> Floats:
    """Seconds of one batch: dispatch is serial, the rest follows Amdahl's law with share ``serial``."""
    amdahl = serial + (1 - serial) / threads
    work = parts.arithmetic @ factor.arithmetic + parts.memory * factor.memory
    return np.asarray(parts.dispatch * factor.dispatch + work * amdahl + nodes * factor.sync)


def data_sheet_tflops(accelerator: Accelerator, precision: str) -> float | None:
    """Peak at a precision, else at the next higher one that is known, TFLOP/s."""
    ladder = {
        "fp8": ("int8_tops", "fp16_tflops", "fp32_tflops"),
        "int8": ("int8_tops", "fp16_tflops", "fp32_tflops"),
        "fp16": ("fp16_tflops", "fp32_tflops"),
        "tf32": ("tf32_tflops", "fp32_tflops"),
        "fp32": ("fp32_tflops",),
    }[precision]
    return next((peak for peak in (getattr(accelerator, name) for name in ladder) if peak is not None), None)


def gpu_precision(accelerator: Accelerator, *, half: bool) -> str:
    """What ONNX Runtime's CUDA provider computes in: TF32 for FP32 models where the GPU has it."""
    return "fp16" if half else "fp32" if accelerator.tf32_tflops is None else "tf32"


def gpu_seconds(
    operators: Operators,
    batch: float,
    accelerator: Accelerator,
    *,
    half: bool,
    payload_bytes: int,
    host_scalar: float,
    fit: Coefficients = NO_FIT,
) -> tuple[float, float]:
    """Seconds of one batch on one accelerator, from the graph alone: (host overhead, device).

    Arithmetic and traffic of each kind of operator at the accelerator's rates, never above its peaks;
    each node a launch. A batch that is padded counts as so many more items.
    """
    precision = gpu_precision(accelerator, half=half)
    peak = data_sheet_tflops(accelerator, precision)
    assert peak is not None  # noqa: S101 - callers decline accelerators without a peak

    def rate(part: str, efficiency: float, kind: str, limit: float = 1.0) -> float:
        effects = gpu_effects(
            accelerator, part, peak, kind=kind, precision=precision, runtime="onnxruntime", intensity=operators.intensity
        )
        return min(efficiency * exp(log_efficiency(fit, effects)), limit)

    compute = np.array([rate("compute", GPU_EFFICIENCY, kind) for kind in ("conv", "gemm")])[operators.gemm.astype(int)]
    main = "gemm" if operators.flops[operators.gemm].sum() > operators.flops[~operators.gemm].sum() else "conv"
    bandwidth = rate("memory", GPU_BANDWIDTH_EFFICIENCY, main) * accelerator.memory_bandwidth_gbs * 1e9
    device = float((batch * operators.flops / (compute * peak * 1e12)).sum() + operators.traffic(batch).sum() / bandwidth)
    launch = rate("launch", 1.0, main, limit=10.0)
    return (GPU_RUN_S + GPU_NODE_S * operators.nodes) / launch / host_scalar, device + batch * payload_bytes / (PCIE_GBS * 1e9)
