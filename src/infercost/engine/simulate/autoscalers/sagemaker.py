"""SageMaker's autoscalers: policies of Application Auto Scaling."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

from infercost.domain.errors import UsageError
from infercost.engine.simulate import history, policies
from infercost.engine.simulate.autoscalers.base import (
    Autoscaler,
    Metric,
    Rule,
    ScalingFact,
    Seconds,
    at_least_one,
    floats,
    metric_number,
    not_negative,
    positive,
    seconds,
    start_fact,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_AAS_TARGET: Final = "AWS, Application Auto Scaling User Guide, Target tracking scaling policies"
_AAS_STEP: Final = "AWS, Application Auto Scaling User Guide, Step scaling policies"
_AAS_API: Final = "AWS, Application Auto Scaling API Reference, TargetTrackingScalingPolicyConfiguration"
_SAGEMAKER: Final = "AWS, SageMaker AI Developer Guide, Automatic scaling of SageMaker AI models"
_ZERO: Final = "AWS, SageMaker AI Developer Guide, Scale an endpoint to zero instances"
_ASYNC: Final = "AWS, SageMaker AI Developer Guide, Autoscale an asynchronous endpoint"

_FROM_ZERO: Final = (
    ScalingFact(
        "needs a step policy to scale out from zero; requests fail until an instance is in service", "documented", _ZERO
    ),
    ScalingFact("an asynchronous endpoint keeps them instead", "documented", _ASYNC),
)
_BACKLOG: Final = (
    ScalingFact("requests that find no instance wait; scales to zero", "documented", _ASYNC),
    ScalingFact(
        "scales out from zero when more wait than the target, unless a step policy does so at the first", "documented", _ASYNC
    ),
    ScalingFact("the backlog is that at the end of each point, with no instance counted as for one", "assumed", ""),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of step scaling: applies at ``lower <= metric - threshold < upper`` (scale-in: ``lower < … <= upper``)."""

    change: float
    """Replicas, or percent of them; negative to scale in."""
    lower: float = -inf
    upper: float = inf
    percent: bool = False


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
        target: of the metric: invocations a minute and instance, percent busy, requests in the system an instance,
            or requests waiting an instance.
        max_replicas: most instances.
        min_replicas: fewest instances; at least 1, since this policy cannot scale out from zero, except on the
            ``backlog`` of an asynchronous endpoint.
        metric: ``invocations`` is SageMakerVariantInvocationsPerInstance, ``backlog`` is
            ApproximateBacklogSizePerInstance of an asynchronous endpoint, whose requests wait at zero.
        high_resolution: points of 10 s instead of 60 s, as ConcurrentRequestsPerModelHighResolution has.
        out_cooldown_s: ScaleOutCooldown.
        in_cooldown_s: ScaleInCooldown.
        start_s: seconds from the decision to an instance in service; a number or a distribution.
        in_step_share: largest share of the instances that one scale-in takes.
        lag_s: age of the newest point that the alarm can see.

    Raises:
        UsageError: a setting that the service does not have.
    """
    positive(target=target)
    queues = metric == "backlog"
    if not queues:
        at_least_one(min_replicas)
    point_s = 10.0 if high_resolution else 60.0
    rules = policies.TargetTrackingRules(
        metric=metric_number(metric),
        target=target,
        high_points=3,
        low_points=900 / point_s,
        low_share=0.9,
        out_cooldown_s=not_negative(out_cooldown_s=out_cooldown_s),
        in_cooldown_s=not_negative(in_cooldown_s=in_cooldown_s),
        in_step_share=not_negative(in_step_share=in_step_share),
        lag_points=round(not_negative(lag_s=lag_s) / point_s),
        stride=1,
    )
    return Autoscaler(
        name="sagemaker target tracking",
        rules=(Rule(policies.TARGET_TRACKING, floats(rules)),),
        tick_s=point_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=seconds(start_s),
        bills_start=True,
        refuses_at_zero=not queues,
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
            start_fact(start_s),
            ScalingFact("instances are billed while they start", "assumed", "the dearer reading"),
            *(_BACKLOG if queues else ()),
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
    from_zero: bool = False,
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
        from_zero: the alarm is on what came while there was no instance (NoCapacityInvocationFailures of an
            inference component, HasBacklogWithoutCapacity of an asynchronous endpoint), not on ``metric``;
            requests fail until one is in service, or wait where ``metric`` is ``backlog``.

    Raises:
        UsageError: a setting that the service does not have.
    """
    if not from_zero:
        at_least_one(min_replicas)
    positive(period_s=period_s, high_points=high_points, low_points=low_points)
    if not steps or low >= high:
        raise UsageError("step scaling needs at least one step, and low below high")
    rules = policies.StepScalingRules(
        metric=history.NO_CAPACITY if from_zero else metric_number(metric),
        high=high,
        high_points=high_points,
        low=low,
        low_points=low_points,
        out_cooldown_s=not_negative(out_cooldown_s=out_cooldown_s),
        in_cooldown_s=not_negative(in_cooldown_s=in_cooldown_s),
        lag_points=round(not_negative(lag_s=lag_s) / period_s),
        stride=1,
    )
    return Autoscaler(
        name="sagemaker step scaling",
        rules=(
            Rule(
                policies.STEP_SCALING,
                floats(rules),
                tuple((step.lower, step.upper, float(step.change), float(step.percent)) for step in steps),
            ),
        ),
        tick_s=period_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=seconds(start_s),
        bills_start=True,
        refuses_at_zero=metric != "backlog",
        facts=(
            ScalingFact("a change of more than one is rounded towards zero, a smaller one to one", "documented", _AAS_STEP),
            ScalingFact("during the scale-out cooldown the previous step counts towards the next", "documented", _AAS_STEP),
            ScalingFact("a scale-out ends the scale-in cooldown", "documented", _AAS_STEP),
            ScalingFact("cooldowns run from the decision", "assumed", "AWS counts from the end of the activity"),
            ScalingFact(f"points are visible {lag_s:g} s after they end", "assumed", ""),
            start_fact(start_s),
            ScalingFact("instances are billed while they start", "assumed", "the dearer reading"),
            *(_FROM_ZERO if from_zero else ()),
        ),
    )
