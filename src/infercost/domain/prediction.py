"""Predicted service times on hardware the user does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Provenance = Literal["measured", "calibrated", "modelled"]
"""``measured``: on this very instance type. ``calibrated``: scaled from a measurement on the same
CPU family (or by the user's own truth). ``modelled``: scaled across families by published ceilings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How one replica runs the model: ``workers`` processes of ``threads`` threads each."""

    workers: int
    threads: int
    max_batch: int = 1
    max_delay_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedPoint:
    """Service of one full batch by one worker while all workers are busy."""

    serving: Serving
    service_s: float
    """Likely seconds for a batch of ``serving.max_batch``."""
    single_s: float
    """Likely seconds for a batch of one in the same session."""
    memory_bytes: int
    """Resident memory of one replica: all workers."""
    cv: float | None = None
    """Coefficient of variation of this service; None means that of the whole prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """All serving configurations considered on one hardware."""

    provider: str
    instance_type: str
    provenance: Provenance
    band: float
    """Relative band at 90 %: the truth is expected in [x / (1 + band), x * (1 + band)]."""
    cv: float
    """Coefficient of variation of the service time."""
    points: tuple[PredictedPoint, ...]
    reasons: tuple[str, ...] = ()
    """Why nothing could be predicted, when ``points`` is empty."""
    basis: str = ""
    """One line: what the prediction rests on."""
