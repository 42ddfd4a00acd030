"""What an autoscaler is, what it rests on, and the checks that its constructors share."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.simulate import history
from infercost.engine.simulate.service import Affine, Distribution, Empirical, as_service

if TYPE_CHECKING:
    from infercost.engine.simulate.service import Service

Basis = Literal["documented", "measured", "assumed"]
Seconds: TypeAlias = float | Affine | Distribution | Empirical
Metric = Literal["invocations", "utilization", "concurrency", "backlog"]

METRICS: Final = {
    "utilization": history.UTILIZATION,
    "invocations": history.ARRIVALS_A_MINUTE,
    "concurrency": history.CONCURRENCY,
    "backlog": history.BACKLOG,
}


@dataclass(frozen=True, slots=True)
class ScalingFact:
    """One rule of an autoscaler, and what it rests on."""

    rule: str
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy, as the kernels read it."""

    policy: int
    """Which function of :mod:`.policies`."""
    numbers: tuple[float, ...]
    """The fields of that function's rules, in order."""
    table: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaler:
    """Scaling rules with their numbers, on the clock that they are evaluated by."""

    name: str
    rules: tuple[Rule, ...]
    """Several act together: the highest wish counts; see :func:`.policies.decide_all`. None: only the schedule acts."""
    tick_s: float
    min_replicas: int
    max_replicas: int
    start: Service
    """Seconds from the decision to a replica in service."""
    bills_start: bool
    refuses_at_zero: bool = False
    """Whether a request that finds no replica is dropped (else it waits)."""
    schedule: tuple[tuple[float, int, int], ...] = ()
    """(second of the week, fewest, most replicas) from then until the next, in order; seconds count from Monday 00:00 UTC."""
    week_s: float = 0.0
    """Second of the week at time 0 of the arrivals."""
    facts: tuple[ScalingFact, ...] = field(default=())

    def __post_init__(self) -> None:
        if not 0 <= self.min_replicas <= self.max_replicas or self.max_replicas < 1:
            raise UsageError(
                f"an autoscaler needs 0 <= min_replicas <= max_replicas, got {self.min_replicas} and {self.max_replicas}"
            )


def start_fact(start_s: Seconds) -> ScalingFact:
    """That nobody states how long a start takes."""
    words = f"{start_s:g} s" if isinstance(start_s, int | float) else "as given"
    return ScalingFact(f"from the decision to a replica in service: {words}", "assumed", "no cloud states it; give start_s")


def seconds(value: Seconds) -> Service:
    """A start-up time as a distribution."""
    return as_service(value)


def metric_number(name: str) -> int:
    """The number of a metric.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in METRICS:
        raise UnknownNameError("metric", name, METRICS)
    return METRICS[name]


def at_least_one(min_replicas: int) -> None:
    """Refuse a minimum of zero."""
    if min_replicas < 1:
        raise UsageError(f"this policy cannot scale out from zero; min_replicas must be at least 1, got {min_replicas}")


def positive(**values: float) -> None:
    """Refuse what is not above zero."""
    for name, value in values.items():
        if not isfinite(value) or value <= 0:
            raise UsageError(f"{name} must be above 0, got {value:g}")


def not_negative(**values: float) -> float:
    """Refuse what is below zero; returns the last."""
    last = 0.0
    for name, value in values.items():
        if not isfinite(value) or value < 0:
            raise UsageError(f"{name} must not be negative, got {value:g}")
        last = value
    return last


def floats(rules: tuple[float, ...]) -> tuple[float, ...]:
    """The fields of a rule as the kernels take them."""
    return tuple(float(value) for value in rules)
