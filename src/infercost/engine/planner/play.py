"""Choices played request by request: the simulator's verdict."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from infercost.domain.estimate import LatencyMs
from infercost.engine.planner.scaler import autoscaler_of
from infercost.engine.planner.screening import severity
from infercost.engine.simulate.simulation import simulate

if TYPE_CHECKING:
    from infercost.domain.traffic import Slo, SloTarget
    from infercost.engine.planner.choices import Choice
    from infercost.engine.planner.screening import Screen
    from infercost.engine.simulate.autoscalers import ScalingFact
    from infercost.engine.simulate.result import Run, Simulation

__all__ = ["Played", "play", "replayed", "tightest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a simulation of a choice found."""

    choice: Choice
    severity: float
    """As of :class:`.screening.Screened`."""
    attainment: float
    """Share of all requests within the tightest promise."""
    latency_ms: LatencyMs
    dropped: float
    replica_seconds: float
    busy_seconds: float
    facts: tuple[ScalingFact, ...]
    starts: int = 0
    """Replicas that were started, those of the beginning not counted."""


def tightest(slo: Slo) -> SloTarget | None:
    """The promise of the highest percentile; of equal ones the shortest; None where there is no percentile."""
    named = [target for target in slo.targets if target.quantile is not None]
    return min(named, key=lambda t: (-(t.quantile or 0.0), t.limit_ms), default=None)


def play(choice: Choice, screen: Screen, *, seed: int, factor: float = 1.0) -> Played:
    """Simulate a choice exactly.

    Args:
        choice: what is simulated.
        screen: whose demand, SLO and clouds are meant.
        seed: of arrivals, services and starts.
        factor: of every service time.
    """
    goal = tightest(screen.slo)
    limit_s = None if goal is None else goal.limit_ms / 1e3
    return judged(choice, simulate(**_arguments(choice, screen, seed, factor), keep="summary", limit_s=limit_s), screen.slo)


def replayed(choice: Choice, screen: Screen) -> Simulation:
    """The same simulation with every request kept: it is as large as the traffic."""
    return simulate(**_arguments(choice, screen, screen.demand.seed, 1.0), keep="requests")


def _arguments(choice: Choice, screen: Screen, seed: int, factor: float) -> dict[str, Any]:
    setting, demand = choice.setting.slowed(factor), screen.demand
    rules = screen.clouds[setting.provider].scaling
    return {
        "arrivals_s": demand.drawn(seed),
        "service": setting.service,
        "replicas": choice.initial,
        "workers": setting.serving.workers,
        "max_batch": setting.serving.max_batch,
        "max_delay_s": setting.serving.max_delay_ms / 1e3,
        "routing": choice.routing,
        "autoscaler": autoscaler_of(choice, rules, screen.load_s, demand.starts_at),
        "seed": seed,
    }


def judged(choice: Choice, run: Run, slo: Slo) -> Played:
    """A simulation in the few numbers that the search needs."""
    late = np.array([_missed(run, target) for target in slo.targets])
    goal = tightest(slo)
    return Played(
        choice=choice,
        severity=severity(slo, late, run.requests),
        attainment=1.0 if goal is None or not run.requests else run.attainment(goal.limit_ms / 1e3),
        latency_ms=LatencyMs(p50=_ms(run, 50), p95=_ms(run, 95), p99=_ms(run, 99)),
        dropped=run.dropped / max(run.requests, 1),
        replica_seconds=run.replica_seconds,
        busy_seconds=run.busy_seconds,
        facts=run.assumptions,
        starts=int(np.maximum(np.diff(run.timeline.desired), 0).sum()),
    )


def _missed(run: Run, target: SloTarget) -> float:
    if target.quantile is None:
        mean = run.summary().latency_s.mean
        return inf if run.dropped else (mean or 0.0) * run.requests
    return run.requests * (1 - run.attainment(target.limit_ms / 1e3)) if run.requests else 0.0


def _ms(run: Run, percent: float) -> float:
    """A percentile in ms, also where the sample is too small to promise it."""
    found = run.percentile_s(percent)
    if found is None:
        spread = run.summary().latency_s
        found = spread.max if percent > 50 else spread.mean
    return (found or 0.0) * 1e3
