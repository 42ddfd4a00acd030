"""Choices under the fluid model: what each costs in replica-seconds, and how near it comes to breaking the SLO."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.engine.planner.compiled import compiled_flow
from infercost.engine.planner.flow import STATE, rows_needed
from infercost.engine.planner.scaler import autoscaler_of
from infercost.engine.planner.settings import tables
from infercost.engine.simulate.arrivals import streams
from infercost.engine.simulate.simulation import open_scaling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infercost.domain.provider import HostingRules
    from infercost.domain.scaling import ScalingRules
    from infercost.domain.traffic import Slo
    from infercost.engine.erlang import Floats
    from infercost.engine.planner.choices import Choice
    from infercost.engine.planner.demand import Demand
    from infercost.engine.planner.flow import Flow, Station
    from infercost.engine.planner.settings import Setting

__all__ = ["Cloud", "Screen", "Screened", "severity"]

FIXED_TICK_S: Final = 60.0
"""Clock of the fluid model where nothing scales."""
STEP_S: Final = 15.0
"""Longest step of the fluid model: traffic within it is steady but for chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What the planner must know of a cloud."""

    hosting: HostingRules
    scaling: ScalingRules | None
    min_replicas: int
    """Of the cloud or the user, whichever is more."""


@dataclass(frozen=True, slots=True)
class Screened:
    """A choice under the fluid model."""

    choice: Choice
    flow: Flow
    mean_replicas: float
    """Billed, rounding included."""
    severity: float
    """Worst promise: what was late over what may be; the SLO holds up to 1."""


def severity(slo: Slo, missed: Floats, requests: float) -> float:
    """The promise that comes nearest to breaking: 1 is the brink.

    Args:
        slo: the promises.
        missed: by promise, requests beyond its limit; for a mean, the sum of seconds.
        requests: in all.
    """
    worst = 0.0
    for target, late in zip(slo.targets, missed, strict=True):
        if target.quantile is None:
            worst = max(worst, late / max(requests, 1) / (target.limit_ms / 1e3))
        else:
            worst = max(worst, late / (max(requests, 1) * (1 - target.quantile)))
    return float(worst)


@dataclass(slots=True)
class Screen:
    """Screens choices for one demand and SLO. Safe to use from several threads."""

    demand: Demand
    slo: Slo
    clouds: Mapping[str, Cloud]
    load_s: float
    """Seconds that loading the model adds to a start."""
    strain: dict[str, float] = field(default_factory=dict)
    """By cloud, a factor on services when late requests are counted, where plays have shown that the model is too hopeful."""
    start_key: np.uint64 = field(init=False)
    """Of the random numbers of starts: the simulator's for the demand's seed."""
    _tables: dict[tuple[object, ...], Station] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start_key = np.uint64(streams(self.demand.seed)[3].generate_state(1, np.uint64)[0])

    def station(self, setting: Setting, *, pooled: bool) -> Station:
        """Tables of a setting; made once."""
        key = (setting.name, setting.single_s, pooled and setting.serving.max_batch == 1, pooled)
        known = self._tables.get(key)
        if known is None:
            known = self._tables[key] = tables(setting, self.slo, pooled=pooled, sizes=self.demand.drawn().sizes)
        return known

    def __call__(self, choice: Choice, factor: float = 1.0) -> Screened:
        """Screen a choice.

        Args:
            choice: what is screened.
            factor: of every service time.
        """
        cloud = self.clouds[choice.setting.provider]
        flow, missed = self._flow(choice, factor)
        strain = self.strain.get(choice.setting.provider, 1.0)
        if strain != 1.0:
            _, missed = self._flow(choice, factor * strain)
        rounding_s = flow.ended * cloud.hosting.billing_granularity_s / 2
        return Screened(
            choice=choice,
            flow=flow,
            mean_replicas=(flow.billed_s + rounding_s) / self.demand.duration_s,
            severity=severity(self.slo, missed, self.demand.requests),
        )

    def _flow(self, choice: Choice, factor: float) -> tuple[Flow, Floats]:
        """The flow, and what misses each promise."""
        demand, rules = self.demand, self.clouds[choice.setting.provider].scaling
        autoscaler = autoscaler_of(choice, rules, self.load_s, demand.starts_at)
        tick_s = FIXED_TICK_S if autoscaler is None else autoscaler.tick_s
        steps_a_tick = max(round(tick_s / STEP_S), 1)
        step_s = tick_s / steps_a_tick
        arrived = demand.counts(step_s)
        shape = rows_needed(len(arrived), steps_a_tick)
        missed = np.zeros(len(self.slo.targets))
        flow = compiled_flow()(
            arrived,
            step_s,
            steps_a_tick,
            demand.duration_s,
            self.station(choice.setting.slowed(factor), pooled=choice.pooled),
            open_scaling(autoscaler, tick_s, 0.0, choice.initial, self.start_key),
            choice.initial,
            np.empty(shape),
            np.empty(max(choice.limits.max, choice.initial) + 1),
            np.empty(STATE),
            missed,
        )
        return flow, missed
