"""What a user's own measurements say of a prediction's ratio and band. Pure.

Log-normal partial pooling with the published errors as prior. The log error of a prediction of model
*m* at configuration *c* on hardware family *f*, made from a profile of reference family *r*, is

    F(f, r) + M(f, m) + C(f, m, c)

three independent normal parts whose variances are fixed shares of the published one, which is what
the 90 % band of an uncalibrated prediction says. A measurement is that sum and its own noise. What
measurements say of a new sum is the conditional normal distribution: its mean moves the prediction,
its variance is the new band. So ten measurements of other models pin what the family has in common
and nothing else; one measurement of this very model does more; and no number of repetitions of one
configuration proves anything of another.

Source of the shares: one-way random effects of the v1 predictor's log errors on the rows behind
docs/accuracy.md, between pairs of machines (F) and between models within them (M). F's share ran
from 0.14 to 0.92 over the data sets, its median was 0.7; a lower one is used, which claims less.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.calibration import FamilyCalibration
from infercost.domain.hardware import Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from infercost.domain.calibration import Observation
    from infercost.domain.hardware import Hardware
    from infercost.domain.prediction import Prediction

__all__ = ["FLOOR", "Z90", "apply", "as_calibration", "family_of", "pool"]

Z90: Final = 1.6448536269514722
"""Standard normal quantile at 95 %: a 90 % band has so many deviations on either side."""
FAMILY_SHARE: Final = 0.5
MODEL_SHARE: Final = 0.3
CONFIG_SHARE: Final = 1 - FAMILY_SHARE - MODEL_SHARE
OTHER_REFERENCE: Final = 0.5
"""Of F, what stays the same when the profile is from another machine: the source's half of the error does not."""
FLOOR: Final = 0.10
"""Least band: two machines of one kind differ by so much (see ``engine.predict.BAND_MEASURED``)."""
SURPRISE: Final = 2.7
"""Mean squared error of the predictions that were measured, in units of what was expected, from which it is surprising:
the 90 % quantile for one observation (chi-squared, one degree of freedom)."""


def family_of(hardware: Hardware) -> str | None:
    """What calibrations are kept by: the accelerator where there is one, else the CPU family."""
    if hardware.accelerator is not None:
        return hardware.accelerator.key
    return None if hardware.cpu is None else hardware.cpu.key


def pool(
    observations: Sequence[Observation], *, family: str, sha256: str, precision: str, reference: str, band: float
) -> FamilyCalibration:
    """Condition the published error of a prediction on what was measured.

    Args:
        observations: any; those of another family or precision say nothing and are left out.
        family: of the target.
        sha256: of the model that is predicted.
        precision: of the model that is predicted.
        reference: family of the machine that it was profiled on.
        band: relative 90 % band of the uncalibrated prediction, above 0.

    Returns:
        The ratio to multiply predictions by, and the band that is left. The band is never wider than
        ``band``, unless the measurements contradict the published errors: then it is widened by as
        much as they do (as Birge's ratio does), and ``surprising`` is set.
    """
    used = [o for o in observations if o.family == family and o.precision == precision]
    if not used:
        return FamilyCalibration(family, precision, 1.0, band, band, 0, surprising=False)
    sigma = math.log1p(band) / Z90
    observed = np.array([o.log_ratio for o in used])
    covariance = np.array([[_covariance(a, b) for b in used] for a in used]) * sigma**2
    covariance += np.diag([o.noise**2 for o in used])
    shared = np.array([_shared(o, sha256, reference) for o in used]) * sigma**2
    weights = _weights(covariance, shared)
    mean = float(weights @ observed)
    variance = max(0.0, sigma**2 - float(weights @ shared))
    tension = float(np.mean(observed**2 / np.diag(covariance)))
    surprising = tension > SURPRISE
    spread = math.sqrt(variance * (tension if surprising else 1.0))
    left = max(min(FLOOR, band), math.expm1(Z90 * spread))
    return FamilyCalibration(family, precision, math.exp(mean), band, left, len(used), surprising)


def _weights(covariance: NDArray[np.float64], shared: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best linear weights of which none is below zero: a slower measurement must never speed a prediction up.

    Unbound ones are at times: what a second reference saw of another model then corrects what the first saw.
    """
    kept = np.arange(len(shared))
    while True:
        best = np.linalg.solve(covariance[np.ix_(kept, kept)], shared[kept])
        if best.min() >= 0:  # in the end, as a single one is above it
            break
        kept = np.delete(kept, int(best.argmin()))
    weights = np.zeros(len(shared))
    weights[kept] = best
    return weights


def _covariance(a: Observation, b: Observation) -> float:
    """Of two measurements' errors, as a share of the published variance."""
    same_config = a.sha256 == b.sha256 and (a.metric, a.batch, a.threads) == (b.metric, b.batch, b.threads)
    family = FAMILY_SHARE * (1.0 if a.reference == b.reference else OTHER_REFERENCE)
    return family + (MODEL_SHARE if a.sha256 == b.sha256 else 0.0) + (CONFIG_SHARE if same_config else 0.0)


def _shared(observation: Observation, sha256: str, reference: str) -> float:
    """Of a measurement's error and that of the prediction, which is of many configurations."""
    family = FAMILY_SHARE * (1.0 if observation.reference == reference else OTHER_REFERENCE)
    return family + (MODEL_SHARE if observation.sha256 == sha256 else 0.0)


def as_calibration(pooled: FamilyCalibration, source: str) -> Calibration:
    """In the form that hardware predictions take."""
    return Calibration(
        family=pooled.family,
        ratio=pooled.ratio,
        band=pooled.band,
        n=pooled.n,
        source=source,
        precision=pooled.precision,
    )


def apply(
    predictions: Sequence[Prediction], targets: Sequence[Hardware], calibrations: Mapping[str, Calibration]
) -> list[Prediction]:
    """Predictions moved and narrowed by what was measured on their family; others as they are.

    What was measured on the very instance type stays as it is: nothing is better than that.

    Args:
        predictions: uncalibrated.
        targets: their hardware, in order.
        calibrations: by family.
    """
    return [
        _moved(prediction, calibrations.get(family_of(target) or ""))
        for prediction, target in zip(predictions, targets, strict=True)
    ]


def _moved(prediction: Prediction, calibration: Calibration | None) -> Prediction:
    if calibration is None or calibration.n == 0 or not prediction.points or prediction.provenance == "measured":
        return prediction
    points = tuple(
        replace(p, service_s=p.service_s * calibration.ratio, single_s=p.single_s * calibration.ratio)
        for p in prediction.points
    )
    measurements = f"{calibration.n} measurement{'' if calibration.n == 1 else 's'} in {calibration.source}"
    return replace(
        prediction,
        points=points,
        provenance="calibrated",
        band=calibration.band,
        basis=f"{prediction.basis}; calibrated by {measurements}: x{calibration.ratio:.2f}",
    )
