"""Application Auto Scaling, which scales SageMaker endpoints: target tracking and step scaling."""

from __future__ import annotations

from math import ceil, floor, inf, isnan
from typing import TYPE_CHECKING, NamedTuple

from infercost.engine.simulate.history import carriers, measure
from infercost.engine.simulate.policies.base import ROUNDING, Decision, Memory, breached

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TargetTrackingRules(NamedTuple):
    """Keep a metric per replica at a target."""

    metric: float
    target: float
    high_points: float
    """Points above the target in a row that scale out."""
    low_points: float
    """Points below ``low_share * target`` in a row that scale in."""
    low_share: float
    out_cooldown_s: float
    in_cooldown_s: float
    in_step_share: float
    """Largest share of the replicas that one scale-in takes; at least one goes."""
    lag_points: float
    """Points that are not published yet when the rule is evaluated."""
    stride: float
    """Ticks of the endpoint's clock that make a point."""


class StepScalingRules(NamedTuple):
    """Change the replicas by a step that depends on how far the metric is from a threshold."""

    metric: float
    high: float
    high_points: float
    low: float
    low_points: float
    out_cooldown_s: float
    in_cooldown_s: float
    lag_points: float
    stride: float


def points_seen(rows: int, stride: float, lag_points: float) -> int:
    """Rows up to the end of the newest point that an alarm can see."""
    return rows - rows % int(stride) - int(lag_points) * int(stride)


def target_tracking(
    rules: TargetTrackingRules, history: NDArray[np.float64], rows: int, desired: int, now_s: float, memory: Memory
) -> Decision:
    """SageMaker (Application Auto Scaling) target tracking: out in proportion, in gradually."""
    stride, metric = int(rules.stride), int(rules.metric)
    seen = points_seen(rows, rules.stride, rules.lag_points)
    if seen < stride:
        return Decision(desired, float(desired), memory)
    value = measure(history, seen - stride, seen, metric)
    if isnan(value):
        return Decision(desired, float(desired), memory)
    wanted = ceil(carriers(history, seen - stride, seen, metric) * value / rules.target - ROUNDING)
    if wanted > desired and breached(history, seen, int(rules.high_points), stride, metric, rules.target, True, False):
        # What is starting counts as there, so during the cooldown only a larger scale-out passes.
        return Decision(wanted, float(wanted), Memory(now_s, -inf, float(desired), -inf, 0.0))
    cooled = now_s - memory.in_at_s >= rules.in_cooldown_s
    low = rules.low_share * rules.target
    if cooled and wanted < desired and breached(history, seen, int(rules.low_points), stride, metric, low, False, False):
        step = max(floor(desired * rules.in_step_share), 1)
        fewer = max(wanted, desired - step)
        return Decision(fewer, float(wanted), Memory(memory.out_at_s, now_s, memory.base, -inf, 0.0))
    return Decision(desired, float(wanted), memory)


def rounded_change(replicas: float, percent: float) -> int:
    """A percentage of the replicas as a whole number: towards zero, but at least one."""
    change = replicas * percent / 100.0
    if 0.0 < change < 1.0:
        return 1
    if -1.0 < change < 0.0:
        return -1
    return floor(change + ROUNDING) if change > 0.0 else ceil(change - ROUNDING)


def step_change(steps: NDArray[np.float64], replicas: float, excess: float, out: bool) -> int:
    """The change that the steps of one direction ask for at ``excess`` = metric - threshold.

    A step is (lower bound, upper bound, change, 1 if the change is in percent). On the high side the lower
    bound belongs to the step, on the low side the upper one.
    """
    for row in range(len(steps)):
        lower, upper, change, in_percent = steps[row, 0], steps[row, 1], steps[row, 2], steps[row, 3]
        inside = lower <= excess < upper if out else lower < excess <= upper
        if inside and (change > 0.0) == out:
            return rounded_change(replicas, change) if in_percent > 0.0 else int(change)
    return 0


def step_scaling(
    rules: StepScalingRules,
    steps: NDArray[np.float64],
    history: NDArray[np.float64],
    rows: int,
    desired: int,
    now_s: float,
    memory: Memory,
) -> Decision:
    """SageMaker (Application Auto Scaling) step scaling."""
    stride, metric = int(rules.stride), int(rules.metric)
    seen = points_seen(rows, rules.stride, rules.lag_points)
    if seen < stride:
        return Decision(desired, float(desired), memory)
    value = measure(history, seen - stride, seen, metric)
    if breached(history, seen, int(rules.high_points), stride, metric, rules.high, True, True):
        cooling = now_s - memory.out_at_s < rules.out_cooldown_s
        base = memory.base if cooling else float(desired)
        wanted = int(base) + step_change(steps, base, round(value - rules.high, 9), True)
        if wanted > desired:
            return Decision(wanted, float(wanted), Memory(now_s, -inf, base, -inf, 0.0))
        return Decision(desired, float(desired), memory)
    cooled = now_s - memory.in_at_s >= rules.in_cooldown_s
    if cooled and breached(history, seen, int(rules.low_points), stride, metric, rules.low, False, True):
        wanted = desired + step_change(steps, float(desired), round(value - rules.low, 9), False)
        if wanted < desired:
            return Decision(wanted, float(wanted), Memory(memory.out_at_s, now_s, memory.base, -inf, 0.0))
    return Decision(desired, float(desired), memory)
