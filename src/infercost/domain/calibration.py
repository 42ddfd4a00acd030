"""What users measured where it counts, held against what was predicted."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Literal

from infercost.domain.hardware import Ceilings
from infercost.domain.units import SCHEMA_VERSION

__all__ = ["Calibrations", "FamilyCalibration", "MachineCeilings", "Metric", "Observation", "Reading"]

Metric = Literal["latency_ms", "throughput_per_s"]
"""``latency_ms``: typical time of one batch, nothing else running. ``throughput_per_s``: items a second, saturated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One measured figure, as a file or a person states it."""

    metric: Metric
    value: float
    batch: int = 1
    threads: int | None = None
    """Of the one worker that ran it; None: one a core, as ONNX Runtime does by itself. Throughput is of all workers."""
    instance: str | None = None
    """``provider:type`` where the source names it."""
    noise: float = 0.05
    """Relative standard error that this way of measuring has: what separates two honest measurements."""
    source: str
    date: str = ""
    """ISO date; empty where the source has none."""
    note: str = ""
    """What a reader of the calibration should know of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A reading beside the uncalibrated prediction for it."""

    instance: str
    family: str
    """``CpuFamily.key`` or ``Accelerator.key`` of the instance."""
    reference: str
    """Family of the machine whose profile the prediction was made from."""
    model: str
    sha256: str
    precision: str
    metric: Metric
    measured: float
    predicted: float
    batch: int = 1
    threads: int | None = None
    noise: float = 0.05
    source: str
    date: str
    note: str = ""
    id: str = ""
    """Eight digits that follow from what was measured: the same figure entered twice is one observation."""

    def __post_init__(self) -> None:
        what = (self.instance, self.model, self.sha256, self.metric, self.batch, self.threads)
        named = repr((*what, f"{self.measured:.6g}", self.date))
        object.__setattr__(self, "id", hashlib.sha256(named.encode()).hexdigest()[:8])

    @property
    def ratio(self) -> float:
        """Measured over predicted seconds: above 1 the instance is slower than predicted."""
        faster = self.metric == "throughput_per_s"
        return self.predicted / self.measured if faster else self.measured / self.predicted

    @property
    def log_ratio(self) -> float:
        """Natural logarithm of ``ratio``."""
        return math.log(self.ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCeilings:
    """Microbenchmarks of an instance type, taken there by ``infercost doctor``."""

    instance: str
    ceilings: Ceilings
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class FamilyCalibration:
    """What the observations make of one family's predictions, for one model and one reference machine."""

    family: str
    precision: str
    ratio: float
    """Predictions are multiplied by it."""
    band_before: float
    band: float
    n: int
    surprising: bool
    """The measurements lie further from the predictions than the published errors allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrations:
    """All that a user measured: the content of ``infercost-calibration.yml``."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["calibrations"] = "calibrations"
    path: str = ""
    """The file it is from."""
    observations: tuple[Observation, ...] = ()
    machines: tuple[MachineCeilings, ...] = ()
    families: tuple[FamilyCalibration, ...] = ()
    """What comes of it for the model that was asked about; empty where none was."""
    warnings: tuple[str, ...] = ()
