"""The desired endpoint: what ``endpoint.yml`` holds, what ``plan`` writes and ``deploy`` takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from infercost.domain.estimate import Band
from infercost.domain.prediction import Serving
from infercost.domain.price import Mode
from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity
from infercost.domain.units import SCHEMA_VERSION

__all__ = ["Endpoint", "EndpointModel", "PlannedFor", "ReplicaRange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointModel:
    """The artifact that is served."""

    path: str
    """Relative to ``endpoint.yml``, or a URI that the cloud reads."""
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRange:
    """How many replicas there may be."""

    min: int
    max: int
    initial: int | None = None
    """At the first deployment; None means ``min`` (at least one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFor:
    """What the endpoint was planned for: for people, and for a later comparison with what happened."""

    traffic: str
    slo: str
    created: str
    infercost_version: str
    monthly: Band
    currency: str
    attainment: float
    """Share (0..1) of the simulated requests that met the tightest promise."""
    slo_probability: float | None
    """Probability (0..1) that the SLO holds, given the prediction's band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint as it should be. Cloud-specific fields live under the cloud's key in ``cloud``."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["endpoint"] = "endpoint"
    name: str
    model: EndpointModel
    provider: str
    region: str
    mode: Mode = "realtime"
    instance: str
    serving: Serving
    replicas: ReplicaRange
    routing: Literal["central", "random", "least_outstanding"] | None = None
    """None: the cloud's default."""
    scaling: tuple[ScalingPolicy, ...] = ()
    """None: the replicas stay at ``initial``."""
    schedule: tuple[ScheduledCapacity, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    max_monthly: Decimal | None = None
    """Budget in ``currency`` that deploy and resize refuse to pass."""
    currency: str = "USD"
    planned_for: PlannedFor | None = None
    cloud: dict[str, dict[str, str | int | float | bool | None]] = field(default_factory=dict)
