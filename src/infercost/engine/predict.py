"""Predict service times: a local measurement scaled by fitted ceilings, with conformal bands. Pure.

The seam is the type ``Predictor``; ``predict_all`` is the one implementation so far.
How it works: docs/explanation/prediction.md. How well: docs/accuracy.md. Why: ADR 0003 and 0011.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import expm1
from typing import TYPE_CHECKING, TypeAlias

from infercost.domain.hardware import Hardware
from infercost.domain.prediction import Prediction, Provenance
from infercost.domain.profile import Profile
from infercost.engine.measured import cv_by_batch, disturbance
from infercost.engine.predict_cpu import CpuModel
from infercost.engine.predict_gpu import GpuModel
from infercost.engine.roofline import NO_FIT

if TYPE_CHECKING:
    from infercost.domain.coefficients import Coefficients, Stratum
    from infercost.domain.hardware import Accelerator, CpuFamily
    from infercost.domain.prediction import PredictedPoint

__all__ = ["Predictor", "predict", "predict_all"]

Predictor: TypeAlias = Callable[[Profile, Hardware, Sequence[Hardware]], list[Prediction]]

BAND_MEASURED = 0.10
"""Two machines of one kind: MLPerf systems of one SKU differ by 1.05 to 1.09 (p90 over p10)."""
# Relative 90 % bands where no fit is given: those of the priors alone (ADR 0003).
BAND_SAME_FAMILY = 0.40
BAND_SAME_CLASS = 0.60
BAND_SAME_CLASS_INT8 = 0.80
BAND_OTHER_CLASS = 0.80
BAND_OTHER_CLASS_INT8 = 1.75
BAND_GPU = 2.00
BAND_SAME_GPU = 0.40
"""No rows to judge it by: taken as for one CPU family."""
BAND_UNSURE_SOURCE = 1.50
"""At least this for a CPU that the hardware table knows by instruction set only."""

UNSURE = ("generic-",)
INT8_SHARE = 0.3
"""From this share of 8-bit work on, a model's band is that of 8-bit kernels."""
SIZES = ((5e-3, "small"), (50e-3, "medium"), (float("inf"), "large"))
"""Classes of a prediction by its seconds: dispatch, caches and arithmetic weigh differently in them."""
MIN_HARDWARE = 3
"""Fewer held-out designs than this say nothing of another one: nothing is predicted on such evidence."""


def predict(profile: Profile, source: Hardware, target: Hardware, fit: Coefficients = NO_FIT) -> Prediction:
    """Predict one hardware. See ``predict_all``."""
    return predict_all(profile, source, [target], fit)[0]


def predict_all(
    profile: Profile, source: Hardware, targets: Sequence[Hardware], fit: Coefficients = NO_FIT
) -> list[Prediction]:
    """Predict service times of a profiled model on each target.

    Args:
        profile: what was measured.
        source: the machine that it was measured on (``store.hardware.describe_machine``).
        targets: hardware to predict.
        fit: what was learnt from published measurements (``store.coefficients.load_coefficients``);
            without it, priors and data sheets stand alone.

    Returns:
        One prediction a target, in order. Where nothing can be said, ``points`` is empty and
        ``reasons`` says why.
    """
    cpu = CpuModel.of(profile, source, fit)
    gpu = GpuModel.of(profile, source, fit, cpu.batches[0].missed if cpu.batches else 0.0)
    cpu_noise = disturbance(p for p in profile.points if p.device == "cpu")
    gpu_noise = disturbance(p for p in profile.points if p.device != "cpu") if gpu.has_measurement else 1.0
    cv_at = cv_by_batch(profile.points) if any(p.by_size for p in profile.points) else None
    # Types that differ in name, memory or price alone share their points.
    shared: dict[tuple[int, int, int, int, int, int], tuple[PredictedPoint, ...]] = {}
    predictions = []
    for target in targets:
        model: CpuModel | GpuModel = cpu if target.accelerator is None else gpu
        reasons = model.declines(target)
        points: tuple[PredictedPoint, ...] = ()
        if not reasons:
            key = (id(target.cpu), id(target.accelerator), target.vcpus, target.threads_per_core, target.accelerator_count,
                   id(target.measured))  # fmt: skip
            if key not in shared:
                made = model.points(target)
                shared[key] = made if cv_at is None else tuple(replace(p, cv=cv_at(p.serving.max_batch)) for p in made)
            points = shared[key]
        evidence = _evidence(profile, cpu, gpu, target, points)
        provenance, band = evidence if isinstance(evidence, tuple) else _NOTHING
        if isinstance(evidence, str):
            reasons, points = (*reasons, evidence), ()
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


_NOTHING: tuple[Provenance, float] = ("modelled", BAND_GPU)


def _evidence(
    profile: Profile, cpu: CpuModel, gpu: GpuModel, target: Hardware, points: tuple[PredictedPoint, ...]
) -> tuple[Provenance, float] | str:
    """(provenance, band) of a prediction, or why the evidence does not carry one."""
    model = cpu if target.accelerator is None else gpu
    if profile.machine.instance_type == f"{target.provider}:{target.instance_type}" and model.has_measurement:
        return "measured", BAND_MEASURED
    if target.accelerator is not None:
        return _gpu_evidence(gpu, target.accelerator, points)
    return _cpu_evidence(cpu, target, points)


def _gpu_evidence(
    gpu: GpuModel, accelerator: Accelerator, points: tuple[PredictedPoint, ...]
) -> tuple[Provenance, float] | str:
    if gpu.local == accelerator.key:
        return "calibrated", BAND_SAME_GPU
    if not gpu.fit.fit:
        return "modelled", BAND_GPU
    return _conformal(gpu.fit, gpu.stratum(accelerator), points, int8=False)


def _cpu_evidence(cpu: CpuModel, target: Hardware, points: tuple[PredictedPoint, ...]) -> tuple[Provenance, float] | str:
    ours, theirs, int8 = cpu.source.cpu, target.cpu, cpu.int8_share >= INT8_SHARE
    if ours is None or theirs is None:
        return "modelled", BAND_UNSURE_SOURCE
    found = _conformal(cpu.fit, cpu.stratum(target), points, int8=int8) if cpu.fit.fit else _prior(ours, theirs, int8=int8)
    if isinstance(found, tuple) and ours.key.startswith(UNSURE):
        return "modelled", max(found[1], BAND_UNSURE_SOURCE)
    return found


def _prior(ours: CpuFamily, theirs: CpuFamily, *, int8: bool) -> tuple[Provenance, float]:
    """Without a fit: the bands of the priors alone."""
    if ours.key == theirs.key:
        return "calibrated", BAND_SAME_FAMILY
    if isa_class(ours) == isa_class(theirs):
        return "modelled", BAND_SAME_CLASS_INT8 if int8 else BAND_SAME_CLASS
    return "modelled", BAND_OTHER_CLASS_INT8 if int8 else BAND_OTHER_CLASS


def _conformal(
    fit: Coefficients, stratum: Stratum, points: tuple[PredictedPoint, ...], *, int8: bool
) -> tuple[Provenance, float] | str:
    """The published interval of a stratum, of the prediction's size where that has evidence of its own."""
    names = interval_names(stratum, "int8" if int8 else size_of(points[0].single_s if points else 0.0))
    interval = next((fit.intervals[name] for name in names if name in fit.intervals), None)
    if interval is None or interval.hardware < MIN_HARDWARE:
        seen = 0 if interval is None else interval.hardware
        return (
            f"too little is published to say how far a prediction may be off ({stratum}: {seen} designs held out, "
            f"{MIN_HARDWARE} needed); measure there: infercost calibrate"
        )
    return "calibrated" if stratum == "same family" else "modelled", expm1(interval.half_width)


def interval_names(stratum: str, size: str) -> tuple[str, ...]:
    """Where a prediction's interval is looked for: its size's, that of all sizes of its arithmetic, its stratum's."""
    return (f"{stratum}/{size}", stratum) if size == "int8" else (f"{stratum}/{size}", f"{stratum}/not int8", stratum)


def size_of(seconds: float) -> str:
    """Class of a prediction by its seconds."""
    return next(name for limit, name in SIZES if seconds < limit)


def isa_class(cpu: CpuFamily) -> str:
    """Instruction sets whose kernels differ in kind: 512-bit, 256-bit or less, Arm."""
    if cpu.arch != "x86_64":
        return cpu.arch
    return "avx512" if "avx512f" in cpu.isa else "avx2"
