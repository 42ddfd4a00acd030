"""One way to run the model on one hardware, and what a replica of it does at each load.

Without batches the tables come from the formulas of ``queueing``; with them from short simulations at steady loads,
because the formulas are on the safe side there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, log1p, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.engine.planner.flow import Station
from infercost.engine.queueing import Stations, late_share, sojourn_mean
from infercost.engine.simulate.arrivals import draw, poisson
from infercost.engine.simulate.simulation import simulate
from infercost.engine.simulate.variates import EMPIRICAL, Draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infercost.domain.prediction import Provenance, Serving
    from infercost.domain.scaling import ScalingRules
    from infercost.domain.traffic import Slo
    from infercost.engine.erlang import Floats
    from infercost.engine.plan import Case
    from infercost.engine.simulate.arrivals import Drawn

__all__ = ["Setting", "Shaped", "settings_of", "tables"]

CELLS: Final = 64
"""Of the tables over load."""
BRINK: Final = 0.98
"""The load that stands for 1: a queue has no steady state there, and real overload does not last."""
POOL: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128)
"""Replica counts that have a row where requests go to the replica that is soonest free."""
MOST_SERVERS: Final = 512
DELAY_SHARE: Final = 0.4
"""Of what the SLO leaves beside the service: how long a batch waits, where one that waits is tried."""
LEAST_DELAY_MS: Final = 1.0
_QUANTILES: Final = 512
_SAMPLED: Final = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.78, 0.85, 0.92, BRINK)
_SAMPLE: Final = 24_000
_NEVER: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Shaped:
    """Service times of one shape, a lognormal of mean 1, that a batch stretches: read from a table of its quantiles."""

    single_s: float
    slope_s: float
    """Seconds that one more request adds."""
    cv: float

    def draws(self, max_batch: int) -> Draws:
        """See :class:`infercost.engine.simulate.service.Service`."""
        shape = _quantiles(self.cv)
        means = self.single_s + self.slope_s * np.arange(max_batch)
        offsets = np.concatenate([[0, 0], np.cumsum(np.full(max_batch, len(shape)))]).astype(np.int64)
        return Draws(EMPIRICAL, np.zeros(1), 0.0, np.outer(means, shape).reshape(-1), offsets)


def _quantiles(cv: float) -> Floats:
    """Of a lognormal of mean 1; a single 1 where there is no spread."""
    if cv <= 0:
        return np.ones(1)
    sigma = sqrt(log1p(cv * cv))
    normal = NormalDist()
    middles = [(k + 0.5) / _QUANTILES for k in range(_QUANTILES)]
    shape = np.array([exp(sigma * normal.inv_cdf(q)) for q in middles])
    return shape / float(shape.mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A serving configuration on one hardware, with what the prediction says of it."""

    provider: str
    instance_type: str
    accelerator: str | None
    serving: Serving
    single_s: float
    """Of a batch of one, the platform's own share of the CPU taken into account."""
    full_s: float
    cv: float
    """Of a service of one size."""
    provenance: Provenance
    band: float
    basis: str = ""
    squared_cv_of_work: float = 0.0
    """Spread that requests of different sizes add to the services."""

    @property
    def spread(self) -> float:
        """Coefficient of variation of a service over requests of all sizes."""
        return sqrt((1 + self.cv * self.cv) * (1 + self.squared_cv_of_work) - 1)

    @property
    def name(self) -> tuple[str, str, int, int, int, float]:
        """What tells settings apart, and orders them."""
        serving = self.serving
        shape = (serving.workers, serving.threads, serving.max_batch, serving.max_delay_ms)
        return (self.provider, self.instance_type, *shape)

    @property
    def slope_s(self) -> float:
        """Seconds that one more request adds to a batch."""
        batch = self.serving.max_batch
        return max(self.full_s - self.single_s, 0.0) / (batch - 1) if batch > 1 else 0.0

    @property
    def service(self) -> Shaped:
        """For the simulator."""
        return Shaped(self.single_s, self.slope_s, self.cv)

    @property
    def capacity_rps(self) -> float:
        """Requests a second of one replica with every batch full."""
        return self.serving.workers * self.serving.max_batch / (self.single_s + self.slope_s * (self.serving.max_batch - 1))

    def pooled(self, counts: tuple[int, ...]) -> Stations:
        """Replicas that share one queue, a row for each count."""
        rows = len(counts)
        return Stations.of(
            workers=np.array(counts, dtype=np.int64) * self.serving.workers,
            batch=np.full(rows, self.serving.max_batch, dtype=np.int64),
            single_s=np.full(rows, self.single_s),
            full_s=np.full(rows, self.single_s + self.slope_s * (self.serving.max_batch - 1)),
            cv=np.full(rows, self.spread),
        )

    def slowed(self, factor: float) -> Setting:
        """The same with every service ``factor`` times as long."""
        return self if factor == 1.0 else replace(self, single_s=self.single_s * factor, full_s=self.full_s * factor)


def tables(setting: Setting, slo: Slo, *, pooled: bool, sizes: Floats | None = None) -> Station:
    """What a replica does at each load, for the fluid model.

    Args:
        setting: the replica.
        slo: promises, a table each.
        pooled: whether requests go to the replica that is soonest free, by its queue.
        sizes: relative work of requests that differ in it.
    """
    sampled = setting.serving.max_batch > 1 or (sizes is not None and len(sizes) > 0)
    every: tuple[int, ...] = POOL if pooled and not sampled else (1,)
    counts = tuple(n for n in every if n * setting.serving.workers <= MOST_SERVERS) or (1,)
    limits = [inf if target.quantile is None else target.limit_ms / 1e3 for target in slo.targets]
    misses, busy, sojourn = _sampled(setting, limits, sizes) if sampled else _computed(setting, limits, counts)
    full_s = setting.single_s + setting.slope_s * (setting.serving.max_batch - 1)
    row_of = np.searchsorted(counts, np.arange(counts[-1] + 1), side="right") - 1
    return Station(
        capacity_rps=setting.capacity_rps,
        pooled=pooled,
        row_of=np.maximum(row_of, 0).astype(np.int64),
        misses=misses,
        slack_s=np.array([max(limit - full_s, 0.0) if limit < inf else inf for limit in limits]),
        busy=busy,
        sojourn_s=sojourn,
    )


def _computed(setting: Setting, limits: list[float], counts: tuple[int, ...]) -> tuple[Floats, Floats, Floats]:
    """Tables by formula: [promise, row, load], [load], [row, load]."""
    stations = setting.pooled(counts)
    loads = np.minimum(np.arange(CELLS + 1) / CELLS, BRINK)
    every = stations.take(np.repeat(np.arange(len(counts)), CELLS + 1))
    rate = every.throughput * np.tile(np.maximum(loads, 1e-6), len(counts))
    sojourn = sojourn_mean(every, rate)
    shape = (len(counts), CELLS + 1)
    misses = [sojourn if limit == inf else late_share(every, rate, limit) for limit in limits]
    stacked = np.array([m.reshape(shape) for m in misses]) if misses else np.zeros((0, *shape))
    return stacked, np.arange(CELLS + 1) / CELLS, sojourn.reshape(shape)


def _sampled(setting: Setting, limits: list[float], sizes: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Tables of one replica by simulation at steady loads, interpolated."""
    serving = setting.serving
    found: list[list[float]] = []
    for load in _SAMPLED:
        rate = load * setting.capacity_rps
        run = simulate(
            _steady(rate, sizes),
            service=setting.service,
            replicas=serving.workers,
            max_batch=serving.max_batch,
            max_delay_s=serving.max_delay_ms / 1e3,
        )
        mean = float(run.latency_s.mean())
        shares = [mean if limit == inf else max(1 - run.attainment(limit), _NEVER) for limit in limits]
        found.append([run.busy_seconds / (run.replica_seconds or 1.0), mean, *shares])
    columns = np.array(found).T
    grid = np.minimum(np.arange(CELLS + 1) / CELLS, BRINK)
    at = np.array(_SAMPLED)
    busy = np.interp(grid, np.append(0.0, at), np.append(0.0, columns[0]))
    misses = [_between(grid, at, column) for column in columns[2:]]
    stacked = np.array(misses)[:, None, :] if misses else np.zeros((0, 1, CELLS + 1))
    return stacked, np.maximum.accumulate(busy), _between(grid, at, columns[1])[None, :]


def _steady(rate: float, sizes: Floats | None) -> Drawn:
    """Steady traffic of requests whose work is drawn from that of others."""
    drawn = draw(poisson(rate, _SAMPLE / rate))
    if sizes is None or not len(sizes):
        return drawn
    return replace(drawn, sizes=np.random.default_rng(0).choice(sizes, len(drawn.times_s)))


def _between(grid: Floats, at: Floats, values: Floats) -> NDArray[np.float64]:
    """Interpolate what grows by orders of magnitude."""
    return np.exp(np.interp(grid, at, np.log(values)))


def settings_of(case: Case, rules: ScalingRules | None, slo: Slo, squared_cv_of_work: float = 0.0) -> list[Setting]:
    """Every serving configuration of a prediction that fits its hardware.

    Where replicas scale by how busy they are, workers that wait a little for a fuller batch are busy less: such
    settings are offered with a delay, too.

    Args:
        case: the prediction on its hardware.
        rules: of the cloud.
        slo: limits how long a batch may wait.
        squared_cv_of_work: spread that requests of different sizes add.
    """
    prediction = case.prediction
    delays = rules is not None and any(option.metric == "utilization" for option in rules.options)
    found = []
    for point, factor in zip(case.points, case.factors, strict=True):
        cv = prediction.cv if point.cv is None else point.cv
        plain = Setting(
            provider=prediction.provider,
            instance_type=prediction.instance_type,
            accelerator=case.accelerator,
            serving=replace(point.serving, max_delay_ms=0.0),
            single_s=point.single_s * factor,
            full_s=max(point.service_s, point.single_s) * factor,
            cv=cv,
            squared_cv_of_work=squared_cv_of_work,
            provenance=prediction.provenance,
            band=prediction.band,
            basis=prediction.basis,
        )
        found.append(plain)
        if delays and slo.targets and point.serving.max_batch > 1:
            wait_ms = round(DELAY_SHARE * (min((t.limit_ms for t in slo.targets), default=0.0) - plain.full_s * 1e3), 1)
            if wait_ms >= LEAST_DELAY_MS:
                found.append(replace(plain, serving=replace(plain.serving, max_delay_ms=wait_ms)))
    return found
