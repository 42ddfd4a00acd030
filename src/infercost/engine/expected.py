"""What the uncalibrated predictor says of a configuration that somebody measured. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infercost.domain.errors import UsageError
from infercost.engine.predict import predict_all

if TYPE_CHECKING:
    from infercost.domain.calibration import Reading
    from infercost.domain.hardware import Hardware
    from infercost.domain.prediction import PredictedPoint
    from infercost.domain.profile import Profile
    from infercost.engine.predict import Predictor

__all__ = ["expect"]


def expect(
    profile: Profile, source: Hardware, target: Hardware, reading: Reading, predictor: Predictor = predict_all
) -> tuple[float, float]:
    """The predicted figure in the reading's unit, and the relative 90 % band of that prediction.

    Args:
        profile: of the same model, taken on ``source``.
        source: the machine of the profile.
        target: the instance that the reading is of.
        reading: what was measured; its value is not looked at.
        predictor: what predicts.

    Raises:
        UsageError: the target cannot be predicted, or the profile lacks the batch size.
    """
    if reading.metric == "throughput_per_s":
        points, band = _points(profile, source, target, predictor)
        return max(_batch(p) * p.serving.workers / p.service_s for p in points), band
    threads = reading.threads or max(1, int(target.cores))
    alone = target if target.accelerator is not None else _alone(target, threads)
    points, band = _points(profile, source, alone, predictor)
    fitting = [p for p in points if p.serving.workers == 1 and (target.accelerator or p.serving.threads == threads)]
    for point in fitting:
        if _batch(point) == reading.batch:
            return 1e3 * point.service_s, band
    cores = max(1, int(target.cores))
    if not fitting and threads > cores:
        raise UsageError(
            f"{target.provider}:{target.instance_type} has {cores} core{'' if cores == 1 else 's'}, and nothing is predicted"
            f" for a worker of {threads} threads there; give the worker's own, such as --threads {cores}"
        )
    known = ", ".join(str(batch) for batch in sorted({_batch(p) for p in fitting})) or "none"
    name = f"{target.provider}:{target.instance_type}"
    raise UsageError(
        f"nothing is predicted for batch {reading.batch} on {threads} thread{'' if threads == 1 else 's'} of {name}"
        f" (batches: {known}); profile the model here with --batch 1,{reading.batch}"
    )


def _points(
    profile: Profile, source: Hardware, target: Hardware, predictor: Predictor
) -> tuple[tuple[PredictedPoint, ...], float]:
    stranger = replace(profile, machine=replace(profile.machine, instance_type=None))
    (prediction,) = predictor(stranger, source, [target])
    if not prediction.points:
        reason = prediction.reasons[0] if prediction.reasons else "nothing is known of it"
        raise UsageError(f"{target.provider}:{target.instance_type} cannot be predicted: {reason}")
    return prediction.points, prediction.band


def _alone(target: Hardware, threads: int) -> Hardware:
    """The part of an instance that one worker of so many threads has to itself: one core a thread while there are."""
    if threads > target.cores:
        return replace(target, vcpus=threads)
    return replace(target, vcpus=threads, threads_per_core=1)


def _batch(point: PredictedPoint) -> int:
    return point.serving.max_batch
