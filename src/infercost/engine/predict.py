"""Predictor v1: scale a local measurement to hardware by roofline ratios. Pure.

The seam is the type ``Predictor``; ``predict_all`` is the one implementation so far.
How it works: docs/explanation/prediction.md. How well: docs/accuracy.md. Why: ADR 0003.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from infercost.domain.hardware import Hardware
from infercost.domain.prediction import Prediction, Provenance
from infercost.domain.profile import Profile
from infercost.engine.measured import cv_by_batch, disturbance
from infercost.engine.predict_cpu import CpuModel
from infercost.engine.predict_gpu import GpuModel

if TYPE_CHECKING:
    from infercost.domain.hardware import CpuFamily
    from infercost.domain.prediction import PredictedPoint

__all__ = ["Predictor", "predict", "predict_all"]

Predictor: TypeAlias = Callable[[Profile, Hardware, Sequence[Hardware]], list[Prediction]]

# Relative 90 % bands by what separates the measured machine from the target.
# Source: scripts/validate_predict.py; table and reading in docs/accuracy.md.
BAND_MEASURED = 0.10
"""Two machines of one kind: MLPerf systems of one SKU differ by 1.05 to 1.09 (p90 over p10)."""
BAND_SAME_FAMILY = 0.40
BAND_SAME_CLASS = 0.60
BAND_SAME_CLASS_INT8 = 0.80
BAND_OTHER_CLASS = 0.80
BAND_OTHER_CLASS_INT8 = 1.75
BAND_UNSURE_SOURCE = 1.50
"""Measured on a CPU with efficiency cores, or one that the hardware table knows by instruction set only."""
BAND_GPU = 2.00
BAND_SAME_GPU = 0.40
"""No rows to judge it by: taken as for one CPU family."""

UNSURE = ("intel-core-hybrid", "generic-")
INT8_SHARE = 0.3
"""From this share of 8-bit work on, a model's band is that of 8-bit kernels."""


def predict(profile: Profile, source: Hardware, target: Hardware) -> Prediction:
    """Predict one hardware. See ``predict_all``."""
    return predict_all(profile, source, [target])[0]


def predict_all(profile: Profile, source: Hardware, targets: Sequence[Hardware]) -> list[Prediction]:
    """Predict service times of a profiled model on each target.

    Args:
        profile: what was measured.
        source: the machine that it was measured on (``store.hardware.describe_machine``).
        targets: hardware to predict.

    Returns:
        One prediction a target, in order. Where nothing can be said, ``points`` is empty and
        ``reasons`` says why.
    """
    cpu, gpu = CpuModel.of(profile, source), GpuModel.of(profile, source)
    cpu_noise = disturbance(p for p in profile.points if p.device == "cpu")
    gpu_noise = disturbance(p for p in profile.points if p.device != "cpu") if gpu.has_measurement else 1.0
    cv_at = cv_by_batch(profile.points) if any(p.by_size for p in profile.points) else None
    # Types that differ in name, memory or price alone share their points.
    shared: dict[tuple[int, int, int, int, int], tuple[PredictedPoint, ...]] = {}
    predictions = []
    for target in targets:
        model: CpuModel | GpuModel = cpu if target.accelerator is None else gpu
        reasons = model.declines(target)
        points: tuple[PredictedPoint, ...] = ()
        if not reasons:
            key = (id(target.cpu), id(target.accelerator), target.vcpus, target.threads_per_core, target.accelerator_count)
            if key not in shared:
                made = model.points(target)
                shared[key] = made if cv_at is None else tuple(replace(p, cv=cv_at(p.serving.max_batch)) for p in made)
            points = shared[key]
        here = profile.machine.instance_type == f"{target.provider}:{target.instance_type}"
        if here and model.has_measurement:
            provenance, band = _MEASURED
        elif target.accelerator is not None:
            provenance, band = _gpu_evidence(source, target, local_gpu=gpu.has_measurement)
        else:
            provenance, band = _cpu_evidence(source.cpu, target.cpu, int8=cpu.int8_share >= INT8_SHARE)
        noise = cpu_noise if target.accelerator is None else gpu_noise
        doubt = f"; the measurement was disturbed or had not settled: band widened by {noise - 1:.0%}" if noise > 1 else ""
        predictions.append(
            Prediction(
                provider=target.provider,
                instance_type=target.instance_type,
                provenance=provenance,
                band=(1 + band) * noise - 1 if noise > 1 else band,
                cv=model.cv,
                points=points,
                reasons=reasons,
                basis=model.basis(target) + doubt,
            )
        )
    return predictions


_MEASURED: tuple[Provenance, float] = ("measured", BAND_MEASURED)


def _gpu_evidence(source: Hardware, target: Hardware, *, local_gpu: bool) -> tuple[Provenance, float]:
    """What a GPU prediction rests on, and its band."""
    ours, theirs = source.accelerator, target.accelerator
    if local_gpu and ours is not None and theirs is not None and ours.key == theirs.key:
        return "calibrated", BAND_SAME_GPU
    return "modelled", BAND_GPU


def _cpu_evidence(ours: CpuFamily | None, theirs: CpuFamily | None, *, int8: bool) -> tuple[Provenance, float]:
    """What a scaled CPU prediction rests on, and its band."""
    if ours is None or theirs is None or ours.key.startswith(UNSURE):
        return "modelled", BAND_UNSURE_SOURCE
    if ours.key == theirs.key:
        return "calibrated", BAND_SAME_FAMILY
    if isa_class(ours) == isa_class(theirs):
        return "modelled", BAND_SAME_CLASS_INT8 if int8 else BAND_SAME_CLASS
    return "modelled", BAND_OTHER_CLASS_INT8 if int8 else BAND_OTHER_CLASS


def isa_class(cpu: CpuFamily) -> str:
    """Instruction sets whose kernels differ in kind: 512-bit, 256-bit or less, Arm."""
    if cpu.arch != "x86_64":
        return cpu.arch
    return "avx512" if "avx512f" in cpu.isa else "avx2"
