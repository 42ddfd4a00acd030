"""What the user's measurements do to predictions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from infercost.domain.calibration import Calibrations, Reading
from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from infercost.domain.calibration import FamilyCalibration, Observation
    from infercost.domain.hardware import Calibration, Hardware
    from infercost.domain.prediction import Prediction
    from infercost.domain.profile import Profile
    from infercost.engine.predict import Predictor

__all__ = [
    "families_of",
    "key_of",
    "open_calibrations",
    "precision_of",
    "predict_calibrated",
    "predictor",
    "reference_of",
    "source_of",
]


def open_calibrations(given: Calibrations | str | os.PathLike[str] | None, *, search: bool = True) -> Calibrations | None:
    """What estimates take up: the calibrations or the file that was named, else that of the working directory.

    Raises:
        UsageError: the file cannot be read.
    """
    from infercost.store.calibration import find_calibration, read_calibration

    if isinstance(given, Calibrations):
        return given
    path = Path(given) if given is not None else find_calibration() if search else None
    return None if path is None else read_calibration(path)


def predict_calibrated(
    calibrations: Calibrations | None, profile: Profile, source: Hardware, targets: Sequence[Hardware]
) -> list[Prediction]:
    """Predict, with microbenchmarks of the instances where there are some, and moved by what was measured."""
    from infercost.engine.calibrate import apply, as_calibration, family_of, pool

    predict = predictor()
    if calibrations is None:
        return predict(profile, source, targets)
    rates = {m.instance: m.ceilings for m in calibrations.machines}
    equipped = [replace(t, measured=rates.get(f"{t.provider}:{t.instance_type}", t.measured)) for t in targets]
    predictions = predict(profile, source, equipped)
    observations = _held_anew(calibrations, profile, source)
    precision, reference = precision_of(profile), reference_of(source)
    named = calibrations.path or "the user's own"
    known: dict[tuple[str, float], Calibration] = {}
    moved = []
    for prediction, target in zip(predictions, equipped, strict=True):
        family = family_of(target) or ""
        # Instances of a family share what is known of it, as far as their predictions are equally sure.
        if (family, prediction.band) not in known:
            pooled = pool(
                observations,
                family=family,
                sha256=profile.model.sha256,
                precision=precision,
                reference=reference,
                band=prediction.band,
            )
            known[family, prediction.band] = as_calibration(pooled, named)
        moved += apply([prediction], [target], {family: known[family, prediction.band]})
    return moved


def families_of(known: Calibrations, profile: Profile) -> tuple[FamilyCalibration, ...]:
    """What comes of the measurements for the model of a profile."""
    from infercost.engine.calibrate import pool
    from infercost.store.hardware import load_hardware

    predict, source = predictor(), source_of(profile)
    held = _held_anew(known, profile, source)
    stranger = replace(profile, machine=replace(profile.machine, instance_type=None))
    found: dict[str, FamilyCalibration] = {}
    for observation in known.observations:
        target = load_hardware().instances.get(key_of(observation.instance))
        if target is None or observation.family in found:
            continue
        (prediction,) = predict(stranger, source, [target])
        if prediction.points:
            found[observation.family] = pool(
                held,
                family=observation.family,
                sha256=profile.model.sha256,
                precision=precision_of(profile),
                reference=reference_of(source),
                band=prediction.band,
            )
    return tuple(found.values())


def predictor() -> Predictor:
    """What predicts here: the same for estimates and for what measurements are held against."""
    from infercost.engine.predict import predict_all
    from infercost.store.coefficients import load_coefficients

    return partial(predict_all, fit=load_coefficients())


def source_of(profile: Profile) -> Hardware:
    """The machine of a profile, with its microbenchmarks where it carries some."""
    from infercost.store.hardware import describe_machine, load_hardware

    return replace(describe_machine(profile.machine, load_hardware()), measured=profile.ceilings)


def reference_of(source: Hardware) -> str:
    """What the machine of a profile is called: its CPU family."""
    return "" if source.cpu is None else source.cpu.key


def precision_of(profile: Profile) -> str:
    """Of the model, as it was measured."""
    return profile.points[0].precision if profile.points else "fp32"


def key_of(instance: str) -> tuple[str, str]:
    """``provider:type`` as the hardware table has it."""
    provider, _, name = instance.partition(":")
    return provider, name


def _held_anew(known: Calibrations, profile: Profile, source: Hardware) -> tuple[Observation, ...]:
    """Measurements of this very model beside what is predicted for them now: the predictor may have learnt since."""
    from infercost.store.hardware import load_hardware

    rates = {m.instance: m.ceilings for m in known.machines}
    held = []
    for one in known.observations:
        target = load_hardware().instances.get(key_of(one.instance))
        if one.sha256 != profile.model.sha256 or target is None:
            held.append(one)
        else:
            held.append(_anew(one, profile, source, replace(target, measured=rates.get(one.instance, target.measured))))
    return tuple(held)


def _anew(one: Observation, profile: Profile, source: Hardware, target: Hardware) -> Observation:
    from infercost.engine.expected import expect

    reading = Reading(metric=one.metric, value=one.measured, batch=one.batch, threads=one.threads, source=one.source)
    with suppress(UsageError):  # this profile may lack the batch size: then what was predicted holds
        return replace(one, predicted=expect(profile, source, target, reading, predictor())[0], reference=reference_of(source))
    return one
