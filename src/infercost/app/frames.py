"""Estimates as data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from infercost.domain.estimate import Estimate


def to_frame(estimated: Estimate) -> pd.DataFrame:
    """One row a candidate with flat columns.

    Money is float64 in the estimate's currency (column ``currency``): for analysis, not for billing.
    """
    import pandas as pd

    rows = [
        {
            "rank": c.rank,
            "tie_group": c.tie_group,
            "provider": c.provider,
            "region": c.region,
            "mode": c.mode,
            "instance_type": c.instance_type,
            "accelerator": c.accelerator,
            "replicas": c.replicas.mean,
            "workers": c.serving.workers,
            "threads": c.serving.threads,
            "max_batch": c.serving.max_batch,
            "p50_ms": c.latency_ms.p50,
            "p95_ms": c.latency_ms.p95,
            "p99_ms": c.latency_ms.p99,
            "capacity_rps": c.capacity_rps,
            "utilization": c.utilization,
            "provenance": c.provenance,
            "currency": estimated.currency,
            "per_million_low": float(c.cost.per_million.low),
            "per_million": float(c.cost.per_million.likely),
            "per_million_high": None if c.cost.per_million.high is None else float(c.cost.per_million.high),
            "per_month": float(c.cost.per_month.likely),
        }
        for c in estimated.candidates
    ]
    return pd.DataFrame(rows)
