"""How traffic is placed on one hardware, before any price is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infercost.domain.estimate import LatencyMs
from infercost.domain.prediction import Provenance, Serving
from infercost.domain.price import Mode

__all__ = ["Misfit", "Placement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The serving configuration that needs the fewest replicas, and how many."""

    provider: str
    instance_type: str
    mode: Mode
    serving: Serving
    replicas: int
    """At the likely prediction. For serverless: the concurrency that is needed."""
    replicas_low: int
    """At the band's fast end, by the configuration that is best there."""
    replicas_high: int | None
    """At the band's slow end, by the configuration that is best there; None where none keeps the SLO."""
    latency_ms: LatencyMs
    capacity_rps: float
    """Of all ``replicas`` together, within the SLO."""
    utilization: float
    """Share of what the replicas could do with every batch full that the traffic needs, 0..1."""
    provenance: Provenance
    band: float
    slo_holds: Literal["yes", "at_risk"]
    """``at_risk``: at the band's slow end no configuration of this hardware keeps the SLO, however many replicas."""
    accelerator: str | None = None
    """Key of the hardware's accelerator, with their number where there are several."""
    billed_s: tuple[float, float, float | None] | None = None
    """Serverless only: billed seconds a request at (low, likely, high); high is None where ``slo_holds`` is not yes."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Why one hardware cannot serve the traffic within the SLO."""

    provider: str
    instance_type: str
    mode: Mode
    reasons: tuple[str, ...]
    best_latency_ms: float | None = None
    """The SLO metric at its best configuration and negligible load, where latency was the reason."""
