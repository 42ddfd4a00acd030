"""Sojourn times of one replica under Poisson arrivals, and the load that it carries within an SLO.

A replica is ``workers`` servers behind one queue. A worker that comes free takes what waits, at
most ``batch`` requests, and never idles for a fuller batch. Rates are requests a second, times are
seconds, and every function works on whole columns: one row of ``Stations`` is one replica.

docs/explanation/queueing.md has the formulas, their sources and the errors measured against exact
results and simulation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.engine.erlang import Floats, Ints, decay_row, delay_row, look_up, service_shape, stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infercost.domain.traffic import Slo, SloTarget

__all__ = ["MAX_UTILIZATION", "Stations", "busy_share", "capacity", "late_share", "sojourn_mean", "sojourn_quantile"]

MAX_UTILIZATION: Final = 0.9
"""Highest share of its throughput that a replica is planned at, however lax the SLO.

Above it the queue grows without bound on a load or a service 11 % beyond the plan, less than the
predictor's own error: the formula would promise what no real traffic holds still for.
"""

_NEGLIGIBLE: Final = 1e-6
"""A capacity below this share of the throughput counts as none."""
_MIN_CV: Final = 1e-3
_NEVER: Final = 1e-30
"""Smallest probability told apart from none."""
_STEPS: Final = 24
_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Stations:
    """Replicas as columns of equal length; ``Stations.of`` makes them."""

    workers: Ints
    batch: Ints
    single_s: Floats
    """Service of a batch of one."""
    full_s: Floats
    """Service of a batch of ``batch``; between the two it is taken as linear."""
    cv: Floats
    """Coefficient of variation of a service."""
    delays: Floats
    delay_row: Ints
    decays: Floats
    decay_row: Ints

    @classmethod
    def of(cls, workers: Ints, batch: Ints, single_s: Floats, full_s: Floats, cv: Floats) -> Stations:
        """Columns, and the tables that their formulas look up (cv counts to two decimals)."""
        cv = np.maximum(np.round(cv, 2), _MIN_CV)
        sizes, size_row = np.unique(workers, return_inverse=True)
        kinds, kind_row = np.unique(np.stack([batch.astype(np.float64), cv]), axis=1, return_inverse=True)
        return cls(
            workers=workers,
            batch=batch,
            single_s=single_s,
            full_s=np.where(batch > 1, np.maximum(full_s, single_s), single_s),
            cv=cv,
            delays=stack([delay_row(int(size)) for size in sizes]),
            delay_row=size_row.reshape(-1),
            decays=stack([decay_row(int(b), float(v)) for b, v in kinds.T]),
            decay_row=kind_row.reshape(-1),
        )

    def __len__(self) -> int:
        return len(self.workers)

    def take(self, rows: Ints | NDArray[np.bool_]) -> Stations:
        """The stations at ``rows``."""
        names = ("workers", "batch", "single_s", "full_s", "cv", "delay_row", "decay_row")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def slowed(self, factor: Floats) -> Stations:
        """The same stations with every service ``factor`` times as long."""
        return replace(self, single_s=self.single_s * factor, full_s=self.full_s * factor)

    def distinct(self) -> tuple[Ints, Ints]:
        """Rows that are all different, and for every row which of those it equals."""
        columns = (self.workers, self.batch, self.single_s, self.full_s, self.cv)
        order = np.lexsort(columns)
        new = np.any([np.diff(column[order], prepend=-1.0) != 0 for column in columns], axis=0)
        equal = np.empty(len(order), dtype=np.int64)
        equal[order] = np.cumsum(new) - 1
        return order[new], equal

    @property
    def throughput(self) -> Floats:
        """Requests a second with every worker busy on full batches."""
        return self.workers * self.batch / self.full_s


def waiting_probability(stations: Stations, load: Floats) -> Floats:
    """Erlang C: the chance that all workers are busy, at ``load`` (0..1) per worker."""
    load = np.clip(load, 1e-12, 1.0)
    scaled = look_up(stations.delays, stations.delay_row, load)
    return np.clip(np.exp(scaled + stations.workers * np.log(load)), _NEVER, 1.0)


def sojourn_quantile(stations: Stations, rate: Floats, q: float) -> Floats:
    """Seconds from arrival to answer that a share ``q`` (0..1) of requests stays within.

    Args:
        stations: replicas.
        rate: requests a second to each, below its throughput.
        q: for example 0.99.
    """
    tail = _tail(stations, _steady(stations, rate), 1 - q)
    low = tail.floor_s
    high = low + log(2 / (1 - q)) * (1 / tail.service_rate + 1 / tail.wait_rate)
    for _ in range(40):
        middle = (low + high) / 2
        over = tail.beyond(middle) > 1 - q
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return high


def sojourn_mean(stations: Stations, rate: Floats) -> Floats:
    """Mean seconds from arrival to answer."""
    return _mean(stations, _steady(stations, rate))


def late_share(stations: Stations, rate: Floats, limit_s: float) -> Floats:
    """Share (0..1) of requests that take longer than ``limit_s``.

    The tail is right near the percentile that it is made for, so the percentile is found by iteration.
    """
    steady = _steady(stations, rate)
    limit = np.full(len(stations), limit_s)
    share = np.full(len(stations), 0.01)
    for _ in range(_ROUNDS):
        share = np.clip(_tail(stations, steady, share).beyond(limit), 1e-9, 0.999)
    return share


def busy_share(stations: Stations, rate: Floats) -> Floats:
    """Share (0..1) of their time that workers are busy: they take what waits, so batches need not be full."""
    steady = _steady(stations, rate)
    return np.minimum(rate * steady.batch_s / (steady.size * stations.workers), 1.0)


def capacity(stations: Stations, slo: Slo) -> Floats:
    """Requests a second that each replica carries within every target, 0 where none holds.

    At most ``MAX_UTILIZATION`` of the throughput.
    """
    different, equal = stations.distinct()
    return _capacity(stations.take(different), slo)[equal]


def _capacity(stations: Stations, slo: Slo) -> Floats:
    high = stations.throughput * MAX_UTILIZATION
    low = high * _NEGLIGIBLE
    found = np.where(_holds(stations, high, slo), high, 0.0)
    open_rows = np.flatnonzero((found == 0) & _holds(stations, low, slo))
    rest, low, high = stations.take(open_rows), low[open_rows], high[open_rows]
    for _ in range(_STEPS if len(open_rows) else 0):
        middle = (low + high) / 2
        holds = _holds(rest, middle, slo)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    found[open_rows] = low
    return found


def _holds(st: Stations, rate: Floats, slo: Slo) -> NDArray[np.bool_]:
    steady = _steady(st, rate)
    holds = np.ones(len(st), dtype=bool)
    for target in slo.targets:
        holds &= _meets(st, steady, target)
    return holds


def _meets(st: Stations, steady: _Steady, target: SloTarget) -> NDArray[np.bool_]:
    limit_s = target.limit_ms / 1e3
    if target.quantile is None:
        return _mean(st, steady) <= limit_s
    p = 1 - target.quantile
    return _tail(st, steady, p).beyond(np.full(len(st), limit_s)) <= p


@dataclass(frozen=True, slots=True)
class _Steady:
    """The steady state at one rate: what does not depend on the percentile."""

    load: Floats
    """Rate over throughput."""
    busy: Floats
    """Chance that a request finds all workers busy."""
    size: Floats
    """Mean batch."""
    batch_s: Floats
    """Service of a mean batch."""
    swing: Floats
    """Variance over mean of the batch size."""
    slots: Floats
    """Effective number of independent workers, for the time until the next comes free."""
    slope_s: Floats
    """Seconds that one more request adds to a batch."""
    decay: Floats
    """Rate at which the wait's far tail decays, 1/s."""
    wait_s: Floats
    """Mean wait."""


def _steady(st: Stations, rate: Floats) -> _Steady:
    load = np.clip(rate / st.throughput, 1e-12, 0.9999)
    batched = st.batch > 1
    slope_s = np.where(batched, (st.full_s - st.single_s) / np.maximum(st.batch - 1, 1), 0.0)
    fixed_s = np.maximum(st.single_s - slope_s, 0.0)
    # Busy workers collect size = rate * batch_s / workers requests from one batch to the next.
    spare = st.workers - rate * slope_s
    size = np.clip(np.where(spare > 0, rate * fixed_s / np.maximum(spare, 1e-300), np.inf), 1.0, st.batch)
    batch_s = st.single_s + slope_s * (size - 1)
    busy = waiting_probability(st, rate * st.single_s / st.workers)
    decay = np.maximum(look_up(st.decays, st.decay_row, load), 1e-9) * st.workers / st.full_s
    # The fixed part of a batch makes workers fall into step and come free together.
    slots = st.workers.astype(np.float64) ** np.where(batched, 1 - np.minimum(fixed_s / st.full_s, 1.0), 1.0)
    in_batches = busy * (batch_s / (1 + slots) + load**2 / decay)
    return _Steady(
        load=load,
        busy=busy,
        size=size,
        batch_s=batch_s,
        swing=1 / (1 - np.minimum(rate * slope_s / st.workers, 0.99) ** 2),
        slots=slots,
        slope_s=slope_s,
        decay=decay,
        wait_s=np.where(batched, in_batches, _single_wait(st, load, busy)),
    )


def _single_wait(st: Stations, load: Floats, busy: Floats) -> Floats:
    """Mean wait of M/G/c without batches: interpolated between M/M/c and M/D/c by the squared cv."""
    c, square = st.workers.astype(np.float64), st.cv * st.cv
    exponential = busy * st.single_s / (c * (1 - load))
    lift = (1 - load) * (c - 1) * (np.sqrt(4 + 5 * c) - 2) / (16 * load * c)
    constant = (1 + np.minimum(lift, (c - 1) / (c + 1))) / 2
    return exponential * np.where(square > 1, (1 + square) / 2, square + (1 - square) * constant)


def _mean(st: Stations, steady: _Steady) -> Floats:
    # A request is likelier to be in a large batch than a batch is to be large.
    own: Floats = np.minimum(steady.size - 1 + steady.swing, st.batch.astype(np.float64))
    return steady.wait_s + st.single_s + steady.slope_s * (own - 1)


@dataclass(frozen=True, slots=True)
class _Tail:
    """The sojourn near one percentile: a floor, an exponential service and, if busy, an exponential wait."""

    busy: Floats
    floor_s: Floats
    service_rate: Floats
    weight: Floats
    wait_rate: Floats

    def beyond(self, seconds: Floats) -> Floats:
        """P(sojourn > seconds)."""
        x = np.maximum(seconds - self.floor_s, 0.0)
        # Equal rates are a limit of the formula: rates closer than 1e-6 are set that far apart.
        close = np.abs(self.wait_rate - self.service_rate) < 1e-6 * self.service_rate
        wait_rate = np.where(close, self.service_rate * (1 + 1e-6), self.wait_rate)
        served, waited = np.exp(-self.service_rate * x), np.exp(-wait_rate * x)
        both = np.clip(served + self.service_rate * (served - waited) / (wait_rate - self.service_rate), served, 1.0)
        tail = self.weight * (served + self.busy * (both - served)) + (1 - self.weight) * self.busy * waited
        return np.where(seconds < self.floor_s, 1.0, tail)


def _tail(st: Stations, steady: _Steady, p: float | Floats) -> _Tail:
    """The tail whose wait is right where it is exceeded with probability ``p``."""
    level = np.minimum(p / steady.busy, 1.0)
    depth = -np.log(level)
    floor, scale, weight = service_shape(st.cv)
    batched = st.batch > 1
    stretch = steady.batch_s * np.where(batched, 1.0, 1 / (1 - steady.load / 2))
    slot_s = _residual(level ** (1 / steady.slots), floor, scale, weight) * stretch
    wait_s = np.maximum(slot_s, _far_wait(st, steady, p, depth, slot_s))
    first = steady.slots / (stretch * np.maximum(scale, 1.0))
    # Where the wait just begins to matter, depth and wait_s vanish together: this is their ratio.
    onset = np.where(batched, 1 / (1 / first + 1 / steady.decay), np.minimum(first, steady.busy / steady.wait_s))
    service_s = st.single_s + steady.slope_s * (_own_batch(st, steady, level, slot_s) - 1)
    return _Tail(
        busy=steady.busy,
        floor_s=floor * service_s,
        service_rate=1 / (scale * service_s),
        weight=weight,
        wait_rate=np.where(depth > 1e-9, depth / np.maximum(wait_s, 1e-300), onset),
    )


def _far_wait(st: Stations, steady: _Steady, p: float | Floats, depth: Floats, slot_s: Floats) -> Floats:
    """Wait exceeded with probability ``p`` when others wait ahead."""
    constant = np.maximum(np.minimum(steady.decay * steady.wait_s, 1.0), steady.busy)
    single = np.minimum(depth * steady.wait_s / steady.busy, np.log(np.maximum(constant, p) / p) / steady.decay)
    residual_s = (1 + st.cv * st.cv) / 2 * steady.batch_s
    return np.where(st.batch > 1, depth / steady.decay + np.minimum(residual_s, slot_s), single)


def _residual(level: Floats, floor: Floats, scale: Floats, weight: Floats) -> Floats:
    """What remains, with probability ``level`` or more, of a service of mean 1 met at a random time."""
    knee = weight * scale
    return np.where(level >= knee, 1 - level, floor + scale * np.log(knee / np.minimum(level, knee)))


def _own_batch(st: Stations, steady: _Steady, level: Floats, slot_s: Floats) -> Floats:
    """Size of the batch that a request which waited that long is served in."""
    t = np.sqrt(-2 * np.log(np.minimum(level, 0.5)))
    deviate = t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t)
    arrived = steady.load * st.throughput * slot_s
    size = arrived + steady.swing + np.maximum(deviate, 0.0) * np.sqrt(arrived * steady.swing)
    return np.where(level < 1, np.clip(size, 1.0, st.batch), 1.0)
