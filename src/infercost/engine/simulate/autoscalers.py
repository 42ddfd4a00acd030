"""The autoscalers: constructors that turn a user's settings into rules, each with its source.

What a rule rests on is part of the value: ``documented`` by the vendor or in the source code, ``measured`` by
someone who published it, or ``assumed`` here. Every assumed number is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.simulate import history, policies
from infercost.engine.simulate.service import Affine, Distribution, Empirical, as_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.engine.simulate.service import Service

__all__ = [
    "Autoscaler",
    "AzureRule",
    "ScalingFact",
    "Step",
    "azure_autoscale",
    "knative_kpa",
    "sagemaker_step_scaling",
    "sagemaker_target_tracking",
    "vertex_autoscaling",
]

Basis = Literal["documented", "measured", "assumed"]
Seconds: TypeAlias = float | Affine | Distribution | Empirical
Metric = Literal["invocations", "utilization", "concurrency"]

_METRICS: Final = {
    "utilization": history.UTILIZATION,
    "invocations": history.ARRIVALS_A_MINUTE,
    "concurrency": history.CONCURRENCY,
}

_AAS_TARGET: Final = "AWS, Application Auto Scaling User Guide, Target tracking scaling policies"
_AAS_STEP: Final = "AWS, Application Auto Scaling User Guide, Step scaling policies"
_AAS_API: Final = "AWS, Application Auto Scaling API Reference, TargetTrackingScalingPolicyConfiguration"
_SAGEMAKER: Final = "AWS, SageMaker AI Developer Guide, Automatic scaling of SageMaker AI models"
_VERTEX: Final = "Google Cloud, Vertex AI, Scale inference nodes by using autoscaling"
_AZURE: Final = "Microsoft Learn, Azure Monitor, Autoscale: best practices; Understand autoscale settings; Flapping"
_KNATIVE: Final = "knative/serving @ 00a4a55c, pkg/autoscaler/scaling/autoscaler.go; knative/docs, Configuring the Autoscaler"


@dataclass(frozen=True, slots=True)
class ScalingFact:
    """One rule of an autoscaler, and what it rests on."""

    rule: str
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaler:
    """A scaling rule with its numbers, on the clock that it is evaluated by."""

    name: str
    policy: int
    """Which function of :mod:`.policies`."""
    rules: tuple[float, ...]
    """The fields of that function's rules, in order."""
    table: tuple[tuple[float, ...], ...] = ()
    tick_s: float
    min_replicas: int
    max_replicas: int
    start: Service
    """Seconds from the decision to a replica in service."""
    bills_start: bool
    refuses_at_zero: bool = False
    """Whether a request that finds no replica is dropped (else it waits)."""
    facts: tuple[ScalingFact, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise UsageError(
                f"an autoscaler needs 0 <= min_replicas <= max_replicas, got {self.min_replicas} and {self.max_replicas}"
            )


@dataclass(frozen=True, slots=True)
class Step:
    """A step of step scaling: applies at ``lower <= metric - threshold < upper`` (scale-in: ``lower < … <= upper``)."""

    change: float
    """Replicas, or percent of them; negative to scale in."""
    lower: float = -inf
    upper: float = inf
    percent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureRule:
    """One rule of an Azure Monitor autoscale profile: out at or above the threshold, in at or below it."""

    direction: Literal["out", "in"]
    threshold: float
    metric: Metric = "utilization"
    change: int = 1
    window_s: float = 600.0
    cooldown_s: float = 300.0


def sagemaker_target_tracking(
    target: float,
    *,
    max_replicas: int,
    min_replicas: int = 1,
    metric: Metric = "invocations",
    high_resolution: bool = False,
    out_cooldown_s: float = 300.0,
    in_cooldown_s: float = 300.0,
    start_s: Seconds = 300.0,
    in_step_share: float = 0.1,
    lag_s: float = 0.0,
) -> Autoscaler:
    """SageMaker target tracking through Application Auto Scaling.

    Args:
        target: of the metric: invocations a minute and instance, percent busy, or requests in the system an instance.
        max_replicas: most instances.
        min_replicas: fewest instances; at least 1, since this policy cannot scale out from zero.
        metric: ``invocations`` is SageMakerVariantInvocationsPerInstance.
        high_resolution: points of 10 s instead of 60 s, as ConcurrentRequestsPerModelHighResolution has.
        out_cooldown_s: ScaleOutCooldown.
        in_cooldown_s: ScaleInCooldown.
        start_s: seconds from the decision to an instance in service; a number or a distribution.
        in_step_share: largest share of the instances that one scale-in takes.
        lag_s: age of the newest point that the alarm can see.

    Raises:
        UsageError: a setting that the service does not have.
    """
    _positive(target=target)
    _at_least_one(min_replicas)
    point_s = 10.0 if high_resolution else 60.0
    rules = policies.TargetTrackingRules(
        metric=_metric(metric),
        target=target,
        high_points=3,
        low_points=900 / point_s,
        low_share=0.9,
        out_cooldown_s=_not_negative(out_cooldown_s=out_cooldown_s),
        in_cooldown_s=_not_negative(in_cooldown_s=in_cooldown_s),
        in_step_share=_not_negative(in_step_share=in_step_share),
        lag_points=round(_not_negative(lag_s=lag_s) / point_s),
    )
    return Autoscaler(
        name="sagemaker target tracking",
        policy=policies.TARGET_TRACKING,
        rules=tuple(float(value) for value in rules),
        tick_s=point_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=_seconds(start_s),
        bills_start=True,
        facts=(
            ScalingFact(
                "scales out when 3 of 3 one-minute points are above the target", "measured", "alarms that the service creates"
            ),
            ScalingFact(
                "scales in when 15 of 15 one-minute points are below 0.9 x target",
                "measured",
                "alarms that the service creates",
            ),
            ScalingFact("scales out in proportion to the metric, in more gradually", "documented", _AAS_TARGET),
            ScalingFact("a larger scale-out may act during the scale-out cooldown", "documented", _AAS_API),
            ScalingFact("a scale-out ends the scale-in cooldown", "documented", _AAS_API),
            ScalingFact("cooldowns default to 300 s", "documented", _AAS_API),
            ScalingFact("high-resolution points are 10 s apart", "documented", _SAGEMAKER),
            ScalingFact(
                "with 10 s points: 3 of 3 out, 90 of 90 in",
                "assumed",
                "the same durations as with one-minute points for scale-in",
            ),
            ScalingFact(
                f"one scale-in takes at most {in_step_share:.0%} of the instances, at least one",
                "assumed",
                "AWS says 'gradually'",
            ),
            ScalingFact("cooldowns run from the decision", "assumed", "AWS counts from the end of the activity"),
            ScalingFact(f"points are visible {lag_s:g} s after they end", "assumed", ""),
            _start_fact(start_s),
            ScalingFact("instances are billed while they start", "assumed", "the dearer reading"),
        ),
    )


def sagemaker_step_scaling(
    steps: Sequence[Step],
    *,
    high: float,
    low: float,
    max_replicas: int,
    min_replicas: int = 1,
    metric: Metric = "invocations",
    high_points: int = 1,
    low_points: int = 1,
    period_s: float = 60.0,
    out_cooldown_s: float = 300.0,
    in_cooldown_s: float = 300.0,
    start_s: Seconds = 300.0,
    lag_s: float = 0.0,
) -> Autoscaler:
    """SageMaker step scaling through Application Auto Scaling.

    Args:
        steps: bounds are relative to ``high`` for positive changes, to ``low`` for negative ones.
        high: threshold of the alarm that scales out (metric >= high).
        low: threshold of the alarm that scales in (metric <= low).
        max_replicas: most instances.
        min_replicas: fewest instances, at least 1.
        metric: see :func:`sagemaker_target_tracking`.
        high_points: points beyond ``high`` in a row that scale out.
        low_points: points beyond ``low`` in a row that scale in.
        period_s: seconds of a point.
        out_cooldown_s: during it, what the previous scale-out added counts towards the next.
        in_cooldown_s: seconds between scale-ins.
        start_s: seconds from the decision to an instance in service.
        lag_s: age of the newest point that the alarm can see.

    Raises:
        UsageError: a setting that the service does not have.
    """
    _at_least_one(min_replicas)
    _positive(period_s=period_s, high_points=high_points, low_points=low_points)
    if not steps or low >= high:
        raise UsageError("step scaling needs at least one step, and low below high")
    rules = policies.StepScalingRules(
        metric=_metric(metric),
        high=high,
        high_points=high_points,
        low=low,
        low_points=low_points,
        out_cooldown_s=_not_negative(out_cooldown_s=out_cooldown_s),
        in_cooldown_s=_not_negative(in_cooldown_s=in_cooldown_s),
        lag_points=round(_not_negative(lag_s=lag_s) / period_s),
    )
    return Autoscaler(
        name="sagemaker step scaling",
        policy=policies.STEP_SCALING,
        rules=tuple(float(value) for value in rules),
        table=tuple((step.lower, step.upper, float(step.change), float(step.percent)) for step in steps),
        tick_s=period_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=_seconds(start_s),
        bills_start=True,
        facts=(
            ScalingFact("a change of more than one is rounded towards zero, a smaller one to one", "documented", _AAS_STEP),
            ScalingFact("during the scale-out cooldown the previous step counts towards the next", "documented", _AAS_STEP),
            ScalingFact("a scale-out ends the scale-in cooldown", "documented", _AAS_STEP),
            ScalingFact("cooldowns run from the decision", "assumed", "AWS counts from the end of the activity"),
            ScalingFact(f"points are visible {lag_s:g} s after they end", "assumed", ""),
            _start_fact(start_s),
            ScalingFact("instances are billed while they start", "assumed", "the dearer reading"),
        ),
    )


def vertex_autoscaling(
    target_percent: float = 60.0,
    *,
    max_replicas: int,
    min_replicas: int = 1,
    window_s: float = 60.0,
    start_s: Seconds = 180.0,
    lag_s: float = 0.0,
) -> Autoscaler:
    """Vertex AI: every 15 s ``ceil(current * utilization / target)``; the highest of the last 5 minutes is applied.

    Args:
        target_percent: target utilization. Busy replicas stand for the busier of CPU and accelerator.
        max_replicas: maxReplicaCount.
        min_replicas: minReplicaCount; with 0, requests are refused until a replica is awake.
        window_s: seconds that the utilization is averaged over.
        start_s: seconds from the decision to a replica in service.
        lag_s: age of the newest utilization that is seen.

    Raises:
        UsageError: a setting out of range.
    """
    tick_s = 15.0
    _positive(target_percent=target_percent, window_s=window_s)
    rules = policies.VertexRules(
        target=target_percent,
        window_points=max(round(window_s / tick_s), 1),
        stabilization_points=round(300 / tick_s),
        lag_points=round(_not_negative(lag_s=lag_s) / tick_s),
    )
    return Autoscaler(
        name="vertex autoscaling",
        policy=policies.VERTEX,
        rules=tuple(float(value) for value in rules),
        tick_s=tick_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=_seconds(start_s),
        bills_start=True,
        refuses_at_zero=True,
        facts=(
            ScalingFact("evaluated every 15 s: ceil(current * utilization / target)", "documented", _VERTEX),
            ScalingFact("the highest recommendation of the last 5 minutes is applied", "documented", _VERTEX),
            ScalingFact("the target defaults to 60 %", "documented", _VERTEX),
            ScalingFact("scaled to zero, requests get 429 until a replica is awake", "documented", _VERTEX),
            ScalingFact(
                "current = mean replicas in service in the newest point", "assumed", "as the Kubernetes autoscaler counts"
            ),
            ScalingFact("in the first 5 minutes the replicas of the start are kept", "assumed", ""),
            ScalingFact(f"utilization is a mean over {window_s:g} s", "assumed", ""),
            ScalingFact(f"utilization is visible {lag_s:g} s after it is measured", "assumed", ""),
            _start_fact(start_s),
            ScalingFact("replicas are billed while they start", "assumed", "the dearer reading"),
        ),
    )


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
) -> Autoscaler:
    """Azure Monitor autoscale on an online endpoint: out if any rule says so, in only if all do and it would not flap.

    Args:
        rules: of the profile.
        max_replicas: most instances.
        min_replicas: fewest instances, at least 1.
        grain_s: seconds of a point, and between evaluations.
        start_s: seconds from the decision to an instance in service.
        lag_s: age of the newest point that is seen.

    Raises:
        UsageError: a setting out of range.
    """
    _at_least_one(min_replicas)
    _positive(grain_s=grain_s)
    if not rules:
        raise UsageError("an autoscale profile needs at least one rule")
    for rule in rules:
        _positive(change=rule.change, window_s=rule.window_s)
        _not_negative(threshold=rule.threshold, cooldown_s=rule.cooldown_s)
    return Autoscaler(
        name="azure monitor autoscale",
        policy=policies.AZURE,
        rules=(float(round(_not_negative(lag_s=lag_s) / grain_s)),),
        table=tuple(
            (
                float(_metric(rule.metric)),
                1.0 if rule.direction == "out" else -1.0,
                float(rule.threshold),
                float(max(round(rule.window_s / grain_s), 1)),
                float(rule.change),
                float(rule.cooldown_s),
            )
            for rule in rules
        ),
        tick_s=grain_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=_seconds(start_s),
        bills_start=True,
        facts=(
            ScalingFact("out if any rule is met, in only if all scale-in rules are", "documented", _AZURE),
            ScalingFact(
                "no scale-in whose projection would meet a scale-out rule; a smaller one is tried first", "documented", _AZURE
            ),
            ScalingFact("a rule waits for its cooldown after any scaling", "documented", _AZURE),
            ScalingFact(f"evaluated every {grain_s:g} s", "assumed", "Azure says every 30 to 60 s"),
            ScalingFact(
                "the window is a mean over the replica-seconds in it",
                "assumed",
                "the default of time aggregation is the average",
            ),
            ScalingFact(f"points are visible {lag_s:g} s after they end", "assumed", ""),
            _start_fact(start_s),
            ScalingFact("instances are billed while they start", "assumed", "the dearer reading"),
        ),
    )


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
    _positive(target=target, stable_window_s=stable_window_s, panic_window_s=panic_window_s, panic_percent=panic_percent)
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
        zero_grace_s=_not_negative(zero_grace_s=zero_grace_s),
    )
    return Autoscaler(
        name="knative kpa",
        policy=policies.KPA,
        rules=tuple(float(value) for value in rules),
        tick_s=tick_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=_seconds(start_s),
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
            _start_fact(start_s),
            ScalingFact("replicas are billed while they start", "assumed", "the dearer reading"),
        ),
    )


def _start_fact(start_s: Seconds) -> ScalingFact:
    words = f"{start_s:g} s" if isinstance(start_s, int | float) else "as given"
    return ScalingFact(f"from the decision to a replica in service: {words}", "assumed", "no cloud states it; give start_s")


def _seconds(value: Seconds) -> Service:
    return as_service(value)


def _metric(name: str) -> int:
    if name not in _METRICS:
        raise UnknownNameError("metric", name, _METRICS)
    return _METRICS[name]


def _at_least_one(min_replicas: int) -> None:
    if min_replicas < 1:
        raise UsageError(f"this policy cannot scale out from zero; min_replicas must be at least 1, got {min_replicas}")


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not isfinite(value) or value <= 0:
            raise UsageError(f"{name} must be above 0, got {value:g}")


def _not_negative(**values: float) -> float:
    """Check each; returns the last."""
    last = 0.0
    for name, value in values.items():
        if not isfinite(value) or value < 0:
            raise UsageError(f"{name} must not be negative, got {value:g}")
        last = value
    return last
