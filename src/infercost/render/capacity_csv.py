"""A capacity plan and its crossovers as flat tables. Nothing is rounded; what is not known is an empty cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.render import capacity_digest as digest
from infercost.render.csv import text

if TYPE_CHECKING:
    from infercost.domain.capacity import CapacityPlan, Crossover, Policy
    from infercost.domain.estimate import Band
    from infercost.render import View
    from infercost.render.csv import Cell

_POLICY = (
    *("rank", "tie_group", "provider", "region", "mode", "instance_type", "accelerator", "currency"),
    *("workers", "threads", "max_batch", "max_delay_ms", "routing"),
    *("min_replicas", "max_replicas", "initial_replicas", "mean_replicas", "peak_replicas", "scaling", "schedule"),
    *("p50_ms", "p95_ms", "p99_ms", "attainment", "dropped", "slo_holds", "slo_probability", "utilization", "idle_share"),
    *("per_month_low", "per_month_likely", "per_month_high"),
    *("per_million_low", "per_million_likely", "per_million_high"),
    *("compared", "bound", "provenance", "band"),
)
_POINT = (
    *("provider", "region", "mode", "instance_type", "requests_per_day", "currency"),
    *("per_month_low", "per_month_likely", "per_month_high", "latency", "latency_p99_s", "note"),
    *("keeps_slo", "slow_start", "refused", "replicas"),
)


def policies(value: CapacityPlan, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a policy."""
    return text(_POLICY, (_policy(p) | {"currency": value.currency} for p in value.policies))


def points(value: Crossover, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a cloud, mode and level of traffic."""
    said = ("provider", "region", "mode", "instance_type", "requests_per_day", "latency", "latency_p99_s", "note")
    keys = (*said, "keeps_slo", "slow_start", "refused", "replicas")
    rows = (
        {key: getattr(p, key) for key in keys} | _band("per_month", p.per_month) | {"currency": value.currency}
        for p in value.points
    )
    return text(_POINT, rows)


def _policy(policy: Policy) -> dict[str, Cell]:
    own = ("rank", "tie_group", "provider", "region", "mode", "instance_type", "accelerator", "routing", "attainment")
    more = ("dropped", "slo_holds", "slo_probability", "utilization", "idle_share", "compared", "bound", "provenance", "band")
    serving, replicas, latency = policy.serving, policy.replicas, policy.latency_ms
    return (
        {key: getattr(policy, key) for key in (*own, *more)}
        | {key: getattr(serving, key) for key in ("workers", "threads", "max_batch", "max_delay_ms")}
        | {f"{key}_replicas": getattr(replicas, key) for key in ("min", "max", "initial", "mean", "peak")}
        | {f"{key}_ms": getattr(latency, key) for key in ("p50", "p95", "p99")}
        | {"scaling": digest.scaling(policy), "schedule": "; ".join(digest.change(entry) for entry in policy.schedule)}
        | _band("per_month", policy.per_month)
        | _band("per_million", policy.per_million)
    )


def _band(name: str, band: Band | None) -> dict[str, Cell]:
    return {f"{name}_{end}": None if band is None else getattr(band, end) for end in ("low", "likely", "high")}
