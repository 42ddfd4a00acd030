"""How an endpoint's replicas follow its traffic: what a user chooses, and what a cloud offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

__all__ = ["DAYS", "ScalingOption", "ScalingPolicy", "ScalingRules", "ScheduledCapacity"]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = get_args(Day)
Metric = Literal["invocations", "utilization", "concurrency", "backlog"]
"""``invocations``: requests a minute and replica. ``utilization``: percent of the replicas' workers that are busy.
``concurrency``: requests in the system a replica. ``backlog``: requests waiting a replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicy:
    """One scaling policy in the words of the cloud that runs it. Several on an endpoint act together."""

    kind: str
    """Key of a rule: ``target_tracking``, ``step``, ``vertex``, ``azure``, ``kpa``, ``ray``."""
    metric: Metric
    target: float
    """Of the metric; where a rule has a lower threshold too, it is among the ``settings``."""
    settings: dict[str, float] = field(default_factory=dict)
    """What differs from the rule's defaults, by the name of its argument, for example ``out_cooldown_s``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledCapacity:
    """From this time of the named days on, until the next one begins, the replica limits are these."""

    name: str
    at: str
    """``HH:MM`` in UTC."""
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    min_replicas: int
    max_replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingOption:
    """A scaling rule that a cloud offers on one of its metrics."""

    kind: str
    """As in ``ScalingPolicy``."""
    metric: Metric
    default_target: float | None = None
    """What the cloud takes where the user says nothing; None where it must be given."""
    accelerators: bool | None = None
    """True: only on instances with an accelerator. False: only without. None: on both."""
    settings: dict[str, float] = field(default_factory=dict)
    """As of ``ScalingPolicy``."""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRules:
    """How a cloud scales an always-on endpoint."""

    options: tuple[ScalingOption, ...]
    max_replicas: int
    """Most replicas of an endpoint before a quota is raised."""
    scales_to_zero: bool = False
    """Whether an always-on endpoint can have no replica at all; requests are then refused until one is awake."""
    start_s: float
    """Median seconds from the decision to a replica in service, without loading the model."""
    start_spread: float = 0.3
    """Coefficient of variation of that time."""
    routing: Literal["central", "random", "least_outstanding"] = "random"
    """How requests are spread over replicas unless the user says otherwise."""
    routings: tuple[Literal["central", "random", "least_outstanding"], ...] = ("random",)
    """What can be chosen."""
    schedules: bool = True
    """Whether limits can change at times of the day."""
    quota_factor: float = 1.0
    """Instances of quota that a replica takes: Azure ML keeps 20 % for upgrades."""
    verified: bool = False
    """Whether every figure stands in ``source``; where not, it says which are assumed."""
    source: str
