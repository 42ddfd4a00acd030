"""Vertex AI's autoscaler."""

from __future__ import annotations

from typing import Final

from infercost.engine.simulate import policies
from infercost.engine.simulate.autoscalers.base import (
    Autoscaler,
    Metric,
    Rule,
    ScalingFact,
    Seconds,
    floats,
    metric_number,
    not_negative,
    positive,
    seconds,
    start_fact,
)

_VERTEX: Final = "Google Cloud, Vertex AI, Scale inference nodes by using autoscaling"


def vertex_autoscaling(
    target_percent: float = 60.0,
    *,
    max_replicas: int,
    min_replicas: int = 1,
    metric: Metric = "utilization",
    window_s: float = 60.0,
    start_s: Seconds = 180.0,
    lag_s: float = 0.0,
    idle_s: float = 3600.0,
    awake_s: float = 3600.0,
) -> Autoscaler:
    """Vertex AI: every 15 s ``ceil(current * utilization / target)``; the highest of the last 5 minutes is applied.

    Args:
        target_percent: target of the metric: percent of utilization unless ``metric`` says otherwise. Busy workers
            stand for the busier of CPU and accelerator.
        max_replicas: maxReplicaCount.
        min_replicas: minReplicaCount; with 0, requests are refused until a replica is awake.
        metric: what the target is of.
        window_s: seconds that the utilization is averaged over.
        start_s: seconds from the decision to a replica in service.
        lag_s: age of the newest utilization that is seen.
        idle_s: idleScaledownPeriod: seconds without a request before the last replica goes.
        awake_s: minScaleupPeriod: seconds that what was woken from zero stays at least.

    Raises:
        UsageError: a setting out of range.
    """
    tick_s = 15.0
    positive(target_percent=target_percent, window_s=window_s)
    rules = policies.VertexRules(
        target=target_percent,
        window_points=max(round(window_s / tick_s), 1),
        stabilization_points=round(300 / tick_s),
        lag_points=round(not_negative(lag_s=lag_s) / tick_s),
        metric=metric_number(metric),
        idle_points=max(round(not_negative(idle_s=idle_s) / tick_s), 1),
        awake_s=not_negative(awake_s=awake_s),
    )
    return Autoscaler(
        name="vertex autoscaling",
        rules=(Rule(policies.VERTEX, floats(rules)),),
        tick_s=tick_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=seconds(start_s),
        bills_start=True,
        refuses_at_zero=True,
        facts=(
            ScalingFact("evaluated every 15 s: ceil(current * utilization / target)", "documented", _VERTEX),
            ScalingFact("the highest recommendation of the last 5 minutes is applied", "documented", _VERTEX),
            ScalingFact("the target defaults to 60 %", "documented", _VERTEX),
            ScalingFact("scaled to zero, requests get 429 until a replica is awake", "documented", _VERTEX),
            ScalingFact("with several metrics the highest recommendation counts", "documented", _VERTEX),
            ScalingFact(
                f"to zero after {idle_s:g} s without requests, not before {awake_s:g} s awake",
                "assumed",
                "Google documents both settings, from 5 minutes to 8 hours",
            ),
            ScalingFact(
                "current = mean replicas in service in the newest point", "assumed", "as the Kubernetes autoscaler counts"
            ),
            ScalingFact("in the first 5 minutes the replicas of the start are kept", "assumed", ""),
            ScalingFact(f"utilization is a mean over {window_s:g} s", "assumed", ""),
            ScalingFact(f"utilization is visible {lag_s:g} s after it is measured", "assumed", ""),
            start_fact(start_s),
            ScalingFact("replicas are billed while they start", "assumed", "the dearer reading"),
        ),
    )
