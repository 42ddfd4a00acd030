"""What was learnt from published measurements: efficiencies of hardware, and how far predictions are right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Coefficients", "Interval", "Stratum"]

Stratum = Literal[
    "same family",
    "CPU with efficiency cores",
    "CPU to known CPU",
    "CPU to new CPU",
    "GPU to known GPU",
    "GPU to new GPU",
    "graph to known GPU",
    "graph to new GPU",
]
"""What evidence a prediction rests on. *Known*: measurements of the target's family are in the fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Conformal half-width of one stratum: nine of ten held-out log errors were smaller."""

    half_width: float
    """Of log(measured / predicted)."""
    hardware: int
    """Held-out designs behind it."""
    n: int
    """Held-out predictions behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """A fit. Empty, it says nothing: then priors and data sheets stand alone, with their wide bands."""

    effects: dict[str, float] = field(default_factory=dict)
    """Log of attained over modelled rate, by effect (``engine.effects`` says which apply to what)."""
    evidence: dict[str, int] = field(default_factory=dict)
    """Measurements in the fit by CPU family or accelerator key."""
    anchors: dict[str, float] = field(default_factory=dict)
    """By stratum: share (0..1) of what the model misses on the measured machine that it misses on the target as well."""
    intervals: dict[str, Interval] = field(default_factory=dict)
    """By stratum, and by ``stratum/class`` where a class has evidence of its own: a size (``small``, ``medium``, ``large``),
    ``int8``, ``not int8``."""
    fit: str = ""
    """SHA-256 of the observations, the method and the seed."""
    source: str = ""
    """One line: what was fitted to what."""
