"""From scaling policies as a user writes them to one autoscaler: several together, with limits by the time of day."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.simulate import policies as numbers
from infercost.engine.simulate.autoscalers.azure import AzureRule, azure_autoscale
from infercost.engine.simulate.autoscalers.base import Autoscaler, Rule, ScalingFact, Seconds, positive, seconds
from infercost.engine.simulate.autoscalers.knative import knative_kpa
from infercost.engine.simulate.autoscalers.ray import ray_serve
from infercost.engine.simulate.autoscalers.sagemaker import Step, sagemaker_step_scaling, sagemaker_target_tracking
from infercost.engine.simulate.autoscalers.vertex import vertex_autoscaling
from infercost.engine.simulate.history import BACKLOG, NO_CAPACITY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_S: Final = 86_400
_AWS: Final = {numbers.TARGET_TRACKING, numbers.STEP_SCALING}
_CAN_LEAVE_ZERO: Final = {numbers.VERTEX, numbers.KPA, numbers.RAY}
_MULTIPLE: Final = "AWS, Application Auto Scaling User Guide, Target tracking: multiple scaling policies at the same time"


def _tracking(policy: ScalingPolicy, limits: dict[str, int], *, high_resolution: float = 0.0, **settings: Any) -> Autoscaler:
    own = {**limits, "min_replicas": max(limits["min_replicas"], 1)}
    return sagemaker_target_tracking(
        policy.target, metric=policy.metric, high_resolution=bool(high_resolution), **own, **settings
    )


def _step(
    policy: ScalingPolicy,
    limits: dict[str, int],
    *,
    low: float = -1.0,
    change: float = 1.0,
    in_change: float = -1.0,
    percent: float = 0.0,
    from_zero: float = 0.0,
    **settings: Any,
) -> Autoscaler:
    steps = [Step(change, percent=bool(percent)), Step(in_change, percent=bool(percent))]
    own = {**limits, "min_replicas": max(limits["min_replicas"], 1)}
    return sagemaker_step_scaling(
        steps, high=policy.target, low=low, metric=policy.metric, from_zero=bool(from_zero), **own, **settings
    )


def _vertex(policy: ScalingPolicy, limits: dict[str, int], **settings: Any) -> Autoscaler:
    return vertex_autoscaling(policy.target, metric=policy.metric, **limits, **settings)


def _azure(
    policy: ScalingPolicy,
    limits: dict[str, int],
    *,
    low: float | None = None,
    change: float = 1.0,
    in_change: float = 1.0,
    window_s: float = 600.0,
    cooldown_s: float = 300.0,
    **settings: Any,
) -> Autoscaler:
    below = policy.target * 3 / 7 if low is None else low
    if below >= policy.target:
        raise UsageError(f"an azure policy needs low below its target, got {below:g} and {policy.target:g}")
    out = AzureRule(
        direction="out",
        threshold=policy.target,
        metric=policy.metric,
        change=int(change),
        window_s=window_s,
        cooldown_s=cooldown_s,
    )
    back = replace(out, direction="in", threshold=below, change=int(in_change))
    return azure_autoscale((out, back), **limits, **settings)


def _kpa(policy: ScalingPolicy, limits: dict[str, int], **settings: Any) -> Autoscaler:
    _only("kpa", policy, "concurrency")
    return knative_kpa(policy.target, **limits, **settings)


def _ray(policy: ScalingPolicy, limits: dict[str, int], **settings: Any) -> Autoscaler:
    _only("ray", policy, "concurrency")
    return ray_serve(policy.target, **limits, **settings)


def _only(kind: str, policy: ScalingPolicy, metric: str) -> None:
    if policy.metric != metric:
        raise UsageError(f"a {kind} policy follows {metric} alone, got {policy.metric!r}; write metric: {metric}")


KINDS: Final[dict[str, tuple[Callable[..., Autoscaler], Callable[..., Autoscaler]]]] = {
    "target_tracking": (_tracking, sagemaker_target_tracking),
    "step": (_step, sagemaker_step_scaling),
    "vertex": (_vertex, vertex_autoscaling),
    "azure": (_azure, azure_autoscale),
    "kpa": (_kpa, knative_kpa),
    "ray": (_ray, ray_serve),
}
"""By kind: what builds it from a policy, and the constructor behind."""

_NOT_SETTINGS: Final = {"policy", "limits", "settings", "target", "target_percent", "steps", "rules", "high", "metric"} | {
    "max_replicas",
    "min_replicas",
    "start_s",
}


def settings_of(kind: str) -> tuple[str, ...]:
    """The names that ``ScalingPolicy.settings`` may hold for a kind.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("scaling policy", kind, KINDS)
    names = {name for maker in KINDS[kind] for name in inspect.signature(maker).parameters}
    return tuple(sorted(names - _NOT_SETTINGS))


def build(
    policies: Sequence[ScalingPolicy],
    *,
    min_replicas: int,
    max_replicas: int,
    start_s: Seconds | None = None,
    schedule: Sequence[ScheduledCapacity] = (),
    starts_at: str | None = None,
    waits_at_zero: bool | None = None,
    bills_start: bool = True,
    tick_s: float = 60.0,
) -> Autoscaler:
    """One autoscaler from the policies of an endpoint, in the words of its cloud.

    Args:
        policies: several act together: target tracking and step policies, or several of Vertex, or of Azure.
        min_replicas: fewest replicas; with a schedule, its limits count instead.
        max_replicas: most replicas, likewise.
        start_s: seconds from the decision to a replica in service; None: the kind's default.
        schedule: changes of the limits at times of the week, UTC; one that the tick finds due is in force at once.
        starts_at: ISO date and time (UTC) of the arrivals' second 0; None: a Monday, 00:00.
        waits_at_zero: whether a request that finds no replica waits; None: as the kind does it.
        bills_start: whether a replica is billed while it starts.
        tick_s: seconds between looks at the schedule where there is no policy.

    Raises:
        UnknownNameError: there is no such kind, or the kind has no such setting.
        UsageError: the policies cannot act together, or a setting or time cannot be.
    """
    limits = {"min_replicas": min_replicas, "max_replicas": max_replicas}
    parts = [_build_one(policy, limits, start_s) for policy in policies]
    base = _together(parts, limits) if parts else _fixed(limits, start_s, tick_s)
    _check_zero(base, min_replicas, schedule)
    points = _points(schedule)
    lowest = min([min_replicas, *(least for _, least, _ in points)])
    highest = max([base.max_replicas, *(most for _, _, most in points)])
    facts = base.facts + ((_SCHEDULE,) if points else ())
    return replace(
        base,
        min_replicas=lowest,
        max_replicas=highest,
        refuses_at_zero=base.refuses_at_zero if waits_at_zero is None else not waits_at_zero,
        bills_start=bills_start,
        schedule=points,
        week_s=_week_second(starts_at),
        facts=facts,
    )


_SCHEDULE: Final = ScalingFact("limits change at the first evaluation from their time on, in UTC", "assumed", "to the minute")


def _build_one(policy: ScalingPolicy, limits: dict[str, int], start_s: Seconds | None) -> Autoscaler:
    known = settings_of(policy.kind)
    for name in policy.settings:
        if name not in known:
            raise UnknownNameError(f"{policy.kind} setting", name, known)
    extra: dict[str, Any] = dict(policy.settings)
    if start_s is not None:
        extra["start_s"] = start_s
    return KINDS[policy.kind][0](policy, limits, **extra)


def _fixed(limits: dict[str, int], start_s: Seconds | None, tick_s: float) -> Autoscaler:
    positive(tick_s=tick_s)
    start = seconds(300.0 if start_s is None else start_s)
    return Autoscaler(
        name="schedule",
        rules=(),
        tick_s=tick_s,
        min_replicas=limits["min_replicas"],
        max_replicas=limits["max_replicas"],
        start=start,
        bills_start=True,
        refuses_at_zero=True,
    )


def _together(parts: Sequence[Autoscaler], limits: dict[str, int]) -> Autoscaler:
    """One autoscaler of several; the clock is the fastest of theirs."""
    kinds = {rule.policy for part in parts for rule in part.rules}
    if not (kinds <= _AWS or kinds in ({numbers.VERTEX}, {numbers.AZURE}) or len(parts) == 1):
        names = ", ".join(sorted({part.name for part in parts}))
        raise UsageError(f"these do not act together on one endpoint: {names}; give policies of one cloud")
    tick_s = min(part.tick_s for part in parts)
    if kinds == {numbers.AZURE}:
        rules = _one_profile(parts)
    else:
        rules = tuple(_on_clock(rule, part.tick_s, tick_s) for part in parts for rule in part.rules)
    facts = tuple(dict.fromkeys(fact for part in parts for fact in part.facts))
    if len(parts) > 1 and kinds <= _AWS:
        facts += (ScalingFact("of several policies the largest capacity counts, out and in", "documented", _MULTIPLE),)
    return replace(
        parts[0],
        name=" + ".join(dict.fromkeys(part.name for part in parts)),
        rules=rules,
        tick_s=tick_s,
        min_replicas=limits["min_replicas"],
        max_replicas=min(part.max_replicas for part in parts),
        refuses_at_zero=_refuses(parts),
        facts=facts,
    )


def _refuses(parts: Sequence[Autoscaler]) -> bool:
    """Whether requests fail at zero: not where a policy follows the queue of an asynchronous endpoint."""
    if len(parts) == 1:
        return parts[0].refuses_at_zero
    follow = [rule.numbers[0] for part in parts for rule in part.rules if rule.policy in _AWS]
    return BACKLOG not in follow


def _on_clock(rule: Rule, own_s: float, tick_s: float) -> Rule:
    """A rule of slower points on a faster clock: a point is several ticks."""
    stride = own_s / tick_s
    if stride == 1:
        return rule
    if stride != int(stride):
        raise UsageError(f"points of {own_s:g} s and {tick_s:g} s do not fit one clock; make one a multiple of the other")
    return replace(rule, numbers=(*rule.numbers[:-1], float(stride)))


def _one_profile(parts: Sequence[Autoscaler]) -> tuple[Rule, ...]:
    """The rules of Azure Monitor stand in one profile, where each sees the others."""
    if len({(part.tick_s, part.rules[0].numbers) for part in parts}) > 1:
        raise UsageError("the rules of one azure profile share their grain and lag; give grain_s and lag_s alike")
    return (replace(parts[0].rules[0], table=tuple(row for part in parts for row in part.rules[0].table)),)


def _check_zero(base: Autoscaler, min_replicas: int, schedule: Sequence[ScheduledCapacity]) -> None:
    """Refuse a minimum of zero that nothing would leave again."""
    zero = min_replicas == 0 or any(entry.min_replicas == 0 for entry in schedule)
    leaves = any(rule.policy in _CAN_LEAVE_ZERO or rule.numbers[0] in (BACKLOG, NO_CAPACITY) for rule in base.rules)
    if zero and not leaves and base.rules:
        raise UsageError(
            "none of these policies scales out from zero; add a step policy with from_zero: 1, or set min_replicas to 1"
        )


def _points(schedule: Sequence[ScheduledCapacity]) -> tuple[tuple[float, int, int], ...]:
    points: dict[float, tuple[int, int]] = {}
    for entry in schedule:
        if not 0 <= entry.min_replicas <= entry.max_replicas:
            raise UsageError(f"schedule {entry.name!r} needs 0 <= min_replicas <= max_replicas")
        for day in entry.days:
            if day not in _DAYS:
                raise UnknownNameError("day", day, _DAYS)
            second = float(_DAYS.index(day) * _DAY_S + _time_of_day(entry))
            if second in points:
                raise UsageError(f"two schedules begin on {day} at {entry.at}; give each its own time")
            points[second] = (entry.min_replicas, entry.max_replicas)
    return tuple((second, *points[second]) for second in sorted(points))


def _time_of_day(entry: ScheduledCapacity) -> int:
    hours, colon, minutes = entry.at.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise UsageError(f"schedule {entry.name!r} begins at {entry.at!r}; write the time as HH:MM in UTC, like 08:30")
    return int(hours) * 3600 + int(minutes) * 60


def _week_second(starts_at: str | None) -> float:
    if starts_at is None:
        return 0.0
    try:
        at = datetime.fromisoformat(starts_at)
    except ValueError:
        raise UsageError(f"cannot read the start {starts_at!r}; write it like 2026-03-02T08:00") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at.weekday() * _DAY_S + at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6
