"""The project file, ``infercost.yml``: what is served, how much of it, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from infercost.domain.traffic import Slo
from infercost.domain.verdict import Budget, Waiver

__all__ = ["Project", "Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One model under one traffic. None: not said; the defaults of ``infercost estimate`` hold."""

    name: str
    source: Path
    """A saved profile or a model, found from the working directory."""
    rps: float | None = None
    slo: Slo | None = None
    regions: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    instances: tuple[str, ...] | None = None
    payload_in_bytes: int | None = None
    payload_out_bytes: int | None = None
    log_bytes: int | None = None
    clients: Literal["internet", "in-region"] | None = None
    overhead_ms: float | None = None
    min_replicas: int | None = None
    include: dict[str, float] | None = None
    """Quantities a month by rate item; see ``infercost.domain.traffic.Traffic.include``."""
    calibration: Path | None = None
    """What was measured where it counts; None: ``infercost-calibration.yml`` of the working directory, if it is there."""
    budget: Budget = field(default_factory=Budget)
    waivers: tuple[Waiver, ...] = ()
    where: str = ""
    """``file:line`` that it begins at; empty when it is from no file."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a project file says."""

    path: Path
    targets: tuple[Target, ...]
