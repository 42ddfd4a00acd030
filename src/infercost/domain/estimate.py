"""The priced answer. Totals are derived from cost lines."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from infercost.domain.prediction import Provenance, Serving
from infercost.domain.price import Mode, PriceCatalog
from infercost.domain.traffic import Slo, Traffic
from infercost.domain.units import SCHEMA_VERSION

__all__ = ["Band", "Candidate", "Cost", "CostLine", "Estimate", "LatencyMs", "Rejected", "Replicas", "Summary"]


@dataclass(frozen=True, slots=True)
class Band:
    """A figure with its interval. ``high`` is None when no bound can be given."""

    low: Decimal
    likely: Decimal
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of a month's bill at the likely prediction, in the estimate's currency."""

    name: str
    unit: str
    quantity: Decimal
    price: Decimal | None
    """Effective price of one ``unit``; None when the book has none (then so is the cost)."""
    monthly_cost: Decimal | None
    basis: Literal["used", "idle"]
    """``used``: what the traffic consumed. ``idle``: billed without being used."""
    source: str | None
    provenance: Literal["measured", "calibrated", "modelled", "listed", "given", "assumed"] = "listed"
    """Where the *quantity* comes from."""
    note: str | None = None
    """How the quantity was reached, or why there is no price."""
    list_price: Decimal | None = None
    """What the cloud lists for one ``unit``, where a discount made ``price`` another; None where it did not."""
    list_cost: Decimal | None = None
    """``monthly_cost`` at list prices; None where that is the same."""
    at_most: Decimal | None = None
    """What a line without a price comes to at the dearest rate of the same cloud; None where it has a price,
    or where nothing bounds it."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """Replicas of the endpoint over the month."""

    min: int
    max: int
    mean: float


@dataclass(frozen=True, slots=True)
class LatencyMs:
    """Milliseconds, queueing included, at the likely prediction."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Cost:
    """In the estimate's currency, with the prediction's band carried through the replica count."""

    per_million: Band
    per_month: Band
    list_per_month: Decimal | None = None
    """``per_month`` at list prices, likely; None where no discount changed it."""
    compared: Decimal | None = None
    """What ranks and ties go by: ``per_month.likely`` and, where every line without a price has one, their ``at_most``.
    None in estimates written before this field was.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to serve the traffic within the SLO."""

    rank: int
    """1 is cheapest at the likely figure, a line without a price counted at the dearest rate known.
    Members of a tie group cannot be told apart.
    """
    tie_group: int
    provider: str
    region: str
    mode: Mode
    instance_type: str
    accelerator: str | None
    replicas: Replicas
    serving: Serving
    latency_ms: LatencyMs
    capacity_rps: float
    """Requests a second that all replicas carry within the SLO."""
    utilization: float
    """Share of what all replicas could do with every batch full that the traffic needs, 0..1."""
    provenance: Provenance
    band: float
    """Relative band of the service time at 90 %."""
    slo_holds: Literal["yes", "at_risk"]
    """``at_risk``: the SLO is met at the likely prediction, and at the band's slow end by no configuration
    of this hardware, however many replicas. Then the cost has no upper end.
    """
    cost: Cost
    lines: tuple[CostLine, ...]
    dominated_by: str | None = None
    """Region where the very same configuration is certainly cheaper."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """An offer that cannot serve the traffic within the SLO, and why."""

    provider: str
    region: str
    instance_type: str
    reasons: tuple[str, ...]
    mode: Mode = "realtime"
    best_latency_ms: float | None = None
    """The nearest it comes to the SLO that it misses, where that was the reason."""


@dataclass(frozen=True, slots=True)
class Summary:
    """``offers`` = ``feasible`` + ``rejected`` + ``no_price``."""

    offers: int
    feasible: int
    rejected: int
    no_price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledModel:
    """Which model, and where its profile was taken."""

    name: str
    sha256: str
    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Every offer considered: ranked, rejected or without a price."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["estimate"] = "estimate"
    currency: str = "USD"
    created: str
    infercost_version: str
    model: ProfiledModel
    price_catalogs: tuple[PriceCatalog, ...]
    regions: tuple[str, ...]
    traffic: Traffic
    slo: Slo
    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]
    summary: Summary
    default_regions: bool = False
    """True when the user named no region and each cloud's default was used."""
    runner_up: str | None = None
    """Why the second tie group lost, in one line."""
    not_priced: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
