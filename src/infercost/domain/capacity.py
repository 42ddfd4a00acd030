"""A capacity plan: the cheapest ways to serve traffic that moves, found by simulating each cloud's autoscaler."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from infercost.domain.estimate import Band, CostLine, LatencyMs, ProfiledModel, Rejected
from infercost.domain.prediction import Provenance, Serving
from infercost.domain.price import Mode, PriceCatalog
from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity
from infercost.domain.traffic import Slo
from infercost.domain.units import SCHEMA_VERSION

__all__ = [
    "CapacityPlan",
    "Crossover",
    "Fact",
    "ModePoint",
    "PlannedReplicas",
    "Policy",
    "Search",
    "TimelinePoint",
    "WorkloadFacts",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadFacts:
    """The traffic that was planned for, in words and few numbers."""

    source: str
    """The file or shape as given, with what was done to it (scaled, clipped, repeated)."""
    start: str | None = None
    """ISO time of its beginning; None where it has none (then schedules count from a Monday 00:00 UTC)."""
    duration_s: float
    requests: float
    mean_rps: float
    peak_rps: float
    """Busiest minute (busiest bin, where bins are longer)."""
    burstiness: str
    """How requests are spread within a bin, in one line."""
    payload_in_bytes: int
    payload_out_bytes: int
    log_bytes: int
    clients: Literal["internet", "in-region"]
    overhead_ms: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReplicas:
    """Replicas over the simulated time."""

    min: int
    max: int
    initial: int
    mean: float
    """Billed."""
    peak: int
    """Most that were in service at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePoint:
    """Means over one stretch of the simulated time."""

    at_s: float
    """Its beginning, seconds from the start of the traffic."""
    rps: float
    replicas: float
    """In service."""
    desired: float
    waiting: float
    """Requests that waited."""
    utilization: float | None
    """0..1; None without a replica."""
    late: int
    """Requests that missed the tightest promise, dropped ones included."""
    cost: Decimal | None
    """Compute billed in the stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One rule of the simulation, and what it rests on."""

    rule: str
    basis: Literal["documented", "measured", "assumed", "given"]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One way to serve the traffic: instance, serving and scaling, simulated."""

    rank: int
    tie_group: int
    provider: str
    region: str
    mode: Mode
    instance_type: str
    accelerator: str | None = None
    serving: Serving
    routing: str
    replicas: PlannedReplicas
    scaling: tuple[ScalingPolicy, ...]
    schedule: tuple[ScheduledCapacity, ...] = ()
    latency_ms: LatencyMs
    attainment: float
    """Share (0..1) of all requests that met the tightest promise, at the likely prediction."""
    dropped: float
    """Share (0..1) of the requests that were refused."""
    slo_holds: Literal["yes", "at_risk"]
    """``yes``: at the slow end of the band a policy on this hardware keeps the SLO too, tuned to it (``per_month.high``).
    ``at_risk``: none that was tried does. The odds of the policy as it is are ``slo_probability``."""
    slo_probability: float | None
    """Probability (0..1) that the SLO holds, given the prediction's band; None where it was not worked out."""
    utilization: float
    """Busy share of the billed replica-seconds, 0..1."""
    idle_share: float
    """Share (0..1) of the compute bill that no request used: idle and starting."""
    provenance: Provenance
    band: float
    per_month: Band
    per_million: Band
    compared: Decimal | None = None
    """What ranks go by, as in an estimate."""
    lines: tuple[CostLine, ...]
    bound: Decimal | None = None
    """Monthly cost under which no policy on this hardware can serve this traffic, on the scale of ``compared``."""
    timeline: tuple[TimelinePoint, ...] = ()
    """Only of policies that were explained."""
    facts: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How the plan was found."""

    candidates: int
    """Instance x serving x scaling x limits considered."""
    pruned: int
    """Ruled out by a bound: they cannot be cheaper, or cannot keep the SLO."""
    screened: int
    """Ruled out by the fluid model of the autoscaler."""
    simulated: int
    """Played request by request."""
    lower_bound: Decimal | None
    """Monthly cost under which nothing that was considered can serve this traffic within the SLO."""
    gap: float | None
    """The best found costs at most this share more than ``lower_bound``: 0.04 is 4 %."""
    seed: int
    seconds_simulated: float
    """Length of the traffic that was played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityPlan:
    """The answer of ``infercost plan``."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["capacity_plan"] = "capacity_plan"
    currency: str = "USD"
    created: str
    infercost_version: str
    model: ProfiledModel
    price_catalogs: tuple[PriceCatalog, ...]
    regions: tuple[str, ...]
    default_regions: bool = False
    workload: WorkloadFacts
    slo: Slo
    policies: tuple[Policy, ...]
    """Ranked; the best few of each cloud are simulated, what was ruled out is counted in ``search``."""
    rejected: tuple[Rejected, ...] = ()
    search: Search
    not_priced: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModePoint:
    """One serving mode of one cloud at one traffic level."""

    provider: str
    region: str
    mode: str
    """``realtime``, ``serverless``, ``serverless_provisioned``, ``async``, ``batch``, ``scale_to_zero``."""
    instance_type: str
    requests_per_day: float
    per_month: Band | None
    """None where it cannot serve this level, or a price is missing; ``note`` says which."""
    latency: str
    """The latency that it can promise, in words: ``p99 34 ms``, ``minutes``, ``by morning``."""
    latency_p99_s: float | None = None
    """Of all requests; None where more than 1 % are refused."""
    note: str | None = None
    keeps_slo: bool | None = None
    """Whether it keeps the promises, refused requests counted as late; None where there are none, or no figure."""
    slow_start: float | None = None
    """Share (0..1) of the requests that start cold, or find no replica and wait or are refused."""
    refused: float | None = None
    """Share (0..1) of the requests that are refused."""
    replicas: float | None = None
    """Billed in the mean; instances at once where it is a job; concurrency where it is serverless."""
    serving: Serving | None = None
    lines: tuple[CostLine, ...] = ()
    """Of the month's bill; they sum to ``per_month.likely``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossover:
    """Requests a day against monthly cost, by cloud and serving mode."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["crossover"] = "crossover"
    currency: str = "USD"
    created: str
    infercost_version: str
    model: ProfiledModel
    price_catalogs: tuple[PriceCatalog, ...]
    requests_per_day: tuple[float, ...]
    points: tuple[ModePoint, ...]
    cheapest_from: tuple[ModePoint, ...]
    """By cloud, the first level at which a mode becomes the cheapest, ascending."""
    cheapest_within_slo: tuple[ModePoint, ...] = ()
    """The same among the modes that keep the SLO; empty without one."""
    slo: Slo
    traffic: str = ""
    """The shape of the traffic, in words."""
    seed: int = 0
    facts: tuple[Fact, ...] = ()
    """What the figures rest on, each rule once."""
    not_priced: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
