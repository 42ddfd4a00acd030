"""Which fitted effects apply to which hardware: the one place that names them. Pure.

A part of a model's time runs at a rate: what the data sheet says, times an efficiency. The log of that
efficiency is a sum of effects, from what all hardware has in common to what is one family's own;
what is known of a level is shrunk towards the level above it when it is fitted
(``scripts/fit_predictor.py``), so that hardware that was never measured is predicted by its vendor's
and instruction set's effects and by its data sheet, and nothing is extrapolated.

Effects of a runtime are its own. Those of vendor-tuned engines (``tuned``) share nothing with the rest:
a compiled 8-bit engine says nothing of a plain ONNX Runtime session.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infercost.domain.coefficients import Coefficients
    from infercost.domain.hardware import Accelerator, CpuFamily

__all__ = ["CPU_PARTS", "GPU_PARTS", "cpu_effects", "gpu_effects", "log_efficiency", "vector_class"]

CPU_PARTS = ("dispatch", "fp32", "int8", "memory")
GPU_PARTS = ("launch", "compute", "memory")
FLAGS = ("avx512_vnni", "i8mm", "asimddp", "amx_int8")
INTENSITY = 50.0
"""FLOPs a byte of activations that divide depthwise from dense convolutions; the effect is of the log of its multiple."""

Effects = list[tuple[str, float]]


def vector_class(cpu: CpuFamily) -> str:
    """Instruction set and vendor: what decides which kernels run."""
    if cpu.arch != "x86_64":
        return "arm"
    width = "avx512" if "avx512f" in cpu.isa else "avx2" if "fma" in cpu.isa else "avx"
    return f"{width}.{cpu.key.split('-')[0]}"


def cpu_effects(cpu: CpuFamily, part: str, *, kind: str, runtime: str, intensity: float = 0.0, group: str = "") -> Effects:
    """Effects on the rate of one part of the time on one CPU family.

    Args:
        cpu: the family.
        part: of ``CPU_PARTS``.
        kind: ``conv`` or ``gemm``; matters to arithmetic only.
        runtime: ``onnxruntime``, or what a measurement was taken with.
        intensity: of the model's convolutions (``Operators.intensity``).
        group: the core design that several families share, while fitting; fitted effects of the
            design are part of its families'.
    """
    at, vectors = f"cpu/{part}", vector_class(cpu)
    effects = [
        (at, 1.0),
        (f"{at}/runtime:{runtime}", 1.0),
        (f"{at}/class:{vectors}", 1.0),
        (f"{at}/class:{vectors}/runtime:{runtime}", 1.0),
        (f"{at}/family:{cpu.key}", 1.0),
        (f"{at}/family:{cpu.key}/runtime:{runtime}", 1.0),
        *((f"{at}/flag:{flag}", 1.0) for flag in FLAGS if flag in cpu.isa),
        *((f"{at}/flag:{flag}/runtime:{runtime}", 1.0) for flag in FLAGS if flag in cpu.isa),
    ]
    if group:
        effects.append((f"{at}/group:{group}", 1.0))
    if part in ("fp32", "int8"):
        peak = cpu.fp32_flops_per_cycle / 64 if part == "fp32" else cpu.int8_ops_per_cycle / 85
        slope = log(peak * cpu.sustained_ghz / 2.5 / cpu.scalar_speed)
        effects += [
            (f"{at}/slope:peak", slope),
            *_by_intensity(at, kind, runtime, intensity),
            (f"{at}/kind:{kind}", 1.0),
            (f"{at}/kind:{kind}/runtime:{runtime}", 1.0),
            (f"{at}/kind:{kind}/class:{vectors}", 1.0),
        ]
    if part == "memory":
        effects.append((f"{at}/slope:bandwidth", log(cpu.memory_bandwidth_gbs / cpu.cores_per_socket / 5 / cpu.scalar_speed)))
    return effects


def gpu_effects(
    gpu: Accelerator,
    part: str,
    peak_tflops: float,
    *,
    kind: str,
    precision: str,
    runtime: str,
    tuned: bool = False,
    intensity: float = 0.0,
    group: str = "",
) -> Effects:
    """Effects on the rate of one part of the time on one accelerator.

    Args:
        gpu: the accelerator.
        part: of ``GPU_PARTS``.
        peak_tflops: its data-sheet rate at the precision.
        kind: ``conv`` or ``gemm``.
        precision: ``fp32``, ``tf32``, ``fp16``, ``int8`` or ``fp8``.
        runtime: ``onnxruntime``, or what a measurement was taken with.
        tuned: compiled for the model by the vendor's engine.
        intensity: of the model's convolutions (``Operators.intensity``).
        group: the chip that several accelerators share, while fitting.
    """
    pool = "tuned" if tuned else "plain"
    at = f"gpu.{pool}/{part}"
    effects = [
        (at, 1.0),
        (f"{at}/runtime:{runtime}", 1.0),
        (f"{at}/kind:{kind}", 1.0),
        (f"{at}/kind:{kind}/runtime:{runtime}", 1.0),
        (f"{at}/class:{gpu.architecture}", 1.0),
        (f"{at}/family:{gpu.key}", 1.0),
        (f"{at}/family:{gpu.key}/runtime:{runtime}", 1.0),
    ]
    if group:
        effects.append((f"{at}/group:{group}", 1.0))
    vector, bandwidth = log((gpu.fp32_tflops or peak_tflops) / 20), log(gpu.memory_bandwidth_gbs / 800)
    if part == "compute":
        peak, power = log(peak_tflops / 100), log((gpu.tdp_w or 250) / 250)
        effects += [
            ("gpu/compute/slope:peak", peak),
            ("gpu/compute/slope:power", power - peak),
            ("gpu/compute/slope:bandwidth", bandwidth - peak),
            ("gpu/compute/slope:vector", vector - peak),
            *_by_intensity(at, kind, runtime, intensity),
            (f"{at}/precision:{precision}", 1.0),
            (f"{at}/precision:{precision}/runtime:{runtime}", 1.0),
            (f"{at}/precision:{precision}/class:{gpu.architecture}", 1.0),
            (f"{at}/kind:{kind}/class:{gpu.architecture}", 1.0),
        ]
    if part == "memory":
        effects += [("gpu/memory/slope:bandwidth", bandwidth), ("gpu/memory/slope:vector", vector - bandwidth)]
    return effects


def _by_intensity(at: str, kind: str, runtime: str, intensity: float) -> Effects:
    value = intensity if kind == "conv" else 0.0
    return [(f"{at}/intensity", value), (f"{at}/intensity/runtime:{runtime}", value)]


def log_efficiency(coefficients: Coefficients, effects: Iterable[tuple[str, float]]) -> float:
    """Sum of the fitted effects; an effect that was not fitted is 0."""
    known = coefficients.effects
    return sum(known.get(name, 0.0) * value for name, value in effects)
