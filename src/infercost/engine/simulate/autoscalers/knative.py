"""Knative's pod autoscaler, KServe's default."""

from __future__ import annotations

from typing import Final

from infercost.domain.errors import UsageError
from infercost.engine.simulate import policies
from infercost.engine.simulate.autoscalers.base import (
    Autoscaler,
    Rule,
    ScalingFact,
    Seconds,
    floats,
    not_negative,
    positive,
    seconds,
    start_fact,
)

_KNATIVE: Final = "knative/serving @ 00a4a55c, pkg/autoscaler/scaling/autoscaler.go; knative/docs, Configuring the Autoscaler"


def knative_kpa(
    target: float = 70.0,
    *,
    max_replicas: int,
    min_replicas: int = 1,
    stable_window_s: float = 60.0,
    panic_window_s: float = 6.0,
    panic_percent: float = 200.0,
    up_rate: float = 1000.0,
    down_rate: float = 2.0,
    zero_grace_s: float = 30.0,
    start_s: Seconds = 10.0,
) -> Autoscaler:
    """Knative's pod autoscaler (KServe's default) on concurrency.

    Args:
        target: requests in the system a replica: container concurrency target times target utilization (100 * 70 %).
        max_replicas: max-scale.
        min_replicas: min-scale; with 0, requests wait (in the activator) for the first replica.
        stable_window_s: stable-window.
        panic_window_s: panic-window-percentage of it.
        panic_percent: panic-threshold-percentage.
        up_rate: max-scale-up-rate.
        down_rate: max-scale-down-rate.
        zero_grace_s: scale-to-zero-grace-period.
        start_s: seconds from the decision to a replica in service.

    Raises:
        UsageError: a setting out of range.
    """
    tick_s = 2.0
    positive(target=target, stable_window_s=stable_window_s, panic_window_s=panic_window_s, panic_percent=panic_percent)
    if up_rate <= 1 or down_rate <= 1:
        raise UsageError(f"rates of the KPA must be above 1, got {up_rate:g} and {down_rate:g}")
    rules = policies.KpaRules(
        target=target,
        stable_points=max(round(stable_window_s / tick_s), 1),
        panic_points=max(round(panic_window_s / tick_s), 1),
        panic_share=panic_percent / 100,
        stable_window_s=stable_window_s,
        up_rate=up_rate,
        down_rate=down_rate,
        zero_grace_s=not_negative(zero_grace_s=zero_grace_s),
    )
    return Autoscaler(
        name="knative kpa",
        rules=(Rule(policies.KPA, floats(rules)),),
        tick_s=tick_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=seconds(start_s),
        bills_start=True,
        facts=(
            ScalingFact("evaluated every 2 s on a stable and a panic window of concurrency", "documented", _KNATIVE),
            ScalingFact(
                "panics at 200 % of what is in service, and does not scale in until a stable window has passed",
                "documented",
                _KNATIVE,
            ),
            ScalingFact("begins in panic with more than one replica, so that it keeps them", "documented", _KNATIVE),
            ScalingFact(
                "changes are clipped to up-rate x and 1 / down-rate of the replicas in service", "documented", _KNATIVE
            ),
            ScalingFact("the last replica goes a grace period after the stable window emptied", "documented", _KNATIVE),
            ScalingFact("concurrency is exact, not averaged from one-second samples of some replicas", "assumed", ""),
            start_fact(start_s),
            ScalingFact("replicas are billed while they start", "assumed", "the dearer reading"),
        ),
    )
