"""Azure Monitor's autoscaler of an online endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from infercost.domain.errors import UsageError
from infercost.engine.simulate import policies
from infercost.engine.simulate.autoscalers.base import (
    Autoscaler,
    Metric,
    Rule,
    ScalingFact,
    Seconds,
    at_least_one,
    metric_number,
    not_negative,
    positive,
    seconds,
    start_fact,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_AZURE: Final = "Microsoft Learn, Azure Monitor, Autoscale: best practices; Understand autoscale settings; Flapping"
_QUOTA: Final = "Microsoft Learn, Azure Machine Learning, Manage and increase quotas: virtual machine quota allocation"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureRule:
    """One rule of an Azure Monitor autoscale profile: out at or above the threshold, in at or below it."""

    direction: Literal["out", "in"]
    threshold: float
    metric: Metric = "utilization"
    change: int = 1
    window_s: float = 600.0
    cooldown_s: float = 300.0


def azure_autoscale(
    rules: Sequence[AzureRule] = (
        AzureRule(direction="out", threshold=70.0),
        AzureRule(direction="in", threshold=30.0),
    ),
    *,
    max_replicas: int,
    min_replicas: int = 1,
    grain_s: float = 60.0,
    start_s: Seconds = 300.0,
    lag_s: float = 0.0,
    quota: int | None = None,
) -> Autoscaler:
    """Azure Monitor autoscale on an online endpoint: out if any rule says so, in only if all do and it would not flap.

    Args:
        rules: of the profile.
        max_replicas: most instances.
        min_replicas: fewest instances, at least 1.
        grain_s: seconds of a point, and between evaluations.
        start_s: seconds from the decision to an instance in service.
        lag_s: age of the newest point that is seen.
        quota: instances of quota; ``ceil(1.2 n)`` of them are needed for n, which may leave fewer than ``max_replicas``.

    Raises:
        UsageError: a setting out of range.
    """
    at_least_one(min_replicas)
    positive(grain_s=grain_s)
    if not rules:
        raise UsageError("an autoscale profile needs at least one rule")
    for rule in rules:
        positive(change=rule.change, window_s=rule.window_s)
        not_negative(threshold=rule.threshold, cooldown_s=rule.cooldown_s)
    return Autoscaler(
        name="azure monitor autoscale",
        rules=(Rule(policies.AZURE, (float(round(not_negative(lag_s=lag_s) / grain_s)),), _table(rules, grain_s)),),
        tick_s=grain_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas if quota is None else min(max_replicas, _within_quota(quota)),
        start=seconds(start_s),
        bills_start=True,
        facts=(
            ScalingFact("out if any rule is met, in only if all scale-in rules are", "documented", _AZURE),
            ScalingFact(
                "no scale-in whose projection would meet a scale-out rule; a smaller one is tried first", "documented", _AZURE
            ),
            ScalingFact("a rule waits for its cooldown after any scaling", "documented", _AZURE),
            ScalingFact("n instances need ceil(1.2 n) of quota, the rest being for upgrades", "documented", _QUOTA),
            ScalingFact(f"evaluated every {grain_s:g} s", "assumed", "Azure says every 30 to 60 s"),
            ScalingFact(
                "the window is a mean over the replica-seconds in it",
                "assumed",
                "the default of time aggregation is the average",
            ),
            ScalingFact(f"points are visible {lag_s:g} s after they end", "assumed", ""),
            start_fact(start_s),
            ScalingFact("instances are billed while they start", "assumed", "the dearer reading"),
        ),
    )


def _table(rules: Sequence[AzureRule], grain_s: float) -> tuple[tuple[float, ...], ...]:
    return tuple(
        (
            float(metric_number(rule.metric)),
            1.0 if rule.direction == "out" else -1.0,
            float(rule.threshold),
            float(max(round(rule.window_s / grain_s), 1)),
            float(rule.change),
            float(rule.cooldown_s),
        )
        for rule in rules
    )


def _within_quota(quota: int) -> int:
    return int(quota * 10 // 12)
