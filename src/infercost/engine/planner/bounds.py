"""What no policy can undercut: replica-seconds that the traffic takes on one setting, however it is scaled.

docs/explanation/planner.md derives both bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.engine.queueing import Stations, capacity, late_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.traffic import Slo
    from infercost.engine.erlang import Floats
    from infercost.engine.planner.settings import Setting

__all__ = ["Load", "by_foresight", "by_work", "carried_rps"]

LAXER: Final = 1.05
"""The limit is taken this much laxer where the bound rests on a formula, for the formula's own error."""
_BINS: Final = 48
_MOST_REPLICAS: Final = 48
_PRICES: Final = np.geomspace(1e-4, 1e6, 60)


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """The traffic as a distribution of rates: a bound has no memory."""

    rates: Floats
    """Requests a second, ascending."""
    seconds: Floats
    """How long each lasts, in all."""

    @classmethod
    def of(cls, rates: Floats, seconds: Floats) -> Load:
        """Rates of equal rank gathered; each bin stands at its mean, so that no work is lost."""
        order = np.argsort(rates, kind="stable")
        parts = np.array_split(order, min(_BINS, len(order)))
        lengths = np.array([seconds[part].sum() for part in parts])
        means = np.array([(rates[part] * seconds[part]).sum() for part in parts]) / lengths
        return cls(means, lengths)

    @property
    def duration_s(self) -> float:
        """In all."""
        return float(self.seconds.sum())

    @property
    def requests(self) -> float:
        """In all."""
        return float((self.rates * self.seconds).sum())


def by_work(setting: Setting, load: Load, slo: Slo, least: int) -> float:
    """Replica-seconds by conservation of work: requests on time are served while they come, by batches that are full.

    The share of requests that may be late can be served at other times, when the fewest replicas idle.
    """
    rate = setting.capacity_rps
    late = min((1 - target.quantile for target in slo.targets if target.quantile is not None), default=1.0)
    busy = float((np.maximum(load.rates / rate, least) * load.seconds).sum()) - late * load.requests / rate
    return max(busy, least * load.duration_s, load.requests / rate)


def by_foresight(setting: Setting, load: Load, slo: Slo, least: int) -> float:
    """Replica-seconds of an autoscaler that knows the traffic and whose replicas come and go at once (M/G/c).

    At each rate it may take any number of replicas, which share one queue; over all, no more requests than the
    promise allows may be late. The Lagrange multiplier of that constraint gives a bound at any value; the best
    of a grid is taken. Only without batches and for requests of one size: else the formula is on the safe side, which is the
    wrong one here.
    """
    floor = by_work(setting, load, slo, least)
    most = int(np.ceil(load.rates[-1] / setting.capacity_rps * 2)) + least + 1
    if setting.serving.max_batch > 1 or setting.squared_cv_of_work > 0 or most > _MOST_REPLICAS:
        return floor
    counts = np.arange(least, most + 1)
    stations = setting.pooled(tuple(int(n) for n in counts))
    every = stations.take(np.repeat(np.arange(len(counts)), len(load.rates)))
    rate = np.tile(load.rates, len(counts))
    over = rate >= every.throughput
    best = floor
    for target in slo.targets:
        if target.quantile is None:
            continue
        late = late_share(every, np.minimum(rate, 0.999 * every.throughput), target.limit_ms / 1e3 * LAXER)
        spilled = np.where(over, np.maximum(late, 1 - every.throughput / np.maximum(rate, 1e-12)), late)
        table = spilled.reshape(len(counts), -1)
        seconds = counts[:, None] + _PRICES[:, None, None] * (load.rates * table)
        allowed = (1 - target.quantile) * load.requests
        found = (seconds.min(axis=1) * load.seconds).sum(axis=1) - _PRICES * allowed
        best = max(best, float(found.max()))
    return best


def carried_rps(settings: Sequence[Setting], slo: Slo) -> Floats:
    """Requests a second that one replica of each carries within the SLO, at random arrivals; 0 where none."""
    if not settings:
        return np.zeros(0)
    batch = np.array([s.serving.max_batch for s in settings], dtype=np.int64)
    stations = Stations.of(
        workers=np.array([s.serving.workers for s in settings], dtype=np.int64),
        batch=batch,
        single_s=np.array([s.single_s for s in settings]),
        full_s=np.array([s.single_s + s.slope_s * (s.serving.max_batch - 1) for s in settings]),
        cv=np.array([s.spread for s in settings]),
    )
    return capacity(stations, slo)
