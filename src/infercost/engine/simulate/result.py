"""What a simulation found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.errors import UsageError
from infercost.domain.statistics import min_samples
from infercost.domain.traffic import Slo
from infercost.engine.simulate import history as columns
from infercost.engine.simulate.serving import LATENCY_MAX, LATENCY_SUM, WAIT_MAX, WAIT_SUM, WITHIN_LIMIT, middles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infercost.engine.simulate.autoscalers import ScalingFact

__all__ = ["Simulation", "SimulationTotals", "Spread", "Summary", "Timeline"]

NANOSECOND: Final = 1e-9
"""A latency is a difference of two times: 12.3 s - 12 s is above 0.3 s by rounding alone."""
_QUANTILES: Final = (50, 90, 95, 99, 99.9)


@dataclass(frozen=True, slots=True)
class Spread:
    """A sample of seconds in few numbers. A percentile is None where the sample is too small to support it."""

    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A simulation in few numbers."""

    requests: int
    served: int
    dropped: int
    latency_s: Spread
    wait_s: Spread
    mean_batch: float | None
    replica_seconds: float
    idle_seconds: float
    mean_replicas: float
    utilization: float
    """Busy share of the replica-seconds, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """One entry a tick of the autoscaler's clock; without an autoscaler, of a regular grid."""

    end_s: NDArray[np.float64]
    seconds: NDArray[np.float64]
    """Length of each bucket; the last may be shorter."""
    arrivals: NDArray[np.int64]
    served: NDArray[np.int64]
    dropped: NDArray[np.int64]
    waiting: NDArray[np.int64]
    """Requests waiting at the end."""
    concurrency: NDArray[np.float64]
    """Mean requests in the system, waiting or in service."""
    replicas: NDArray[np.int64]
    """In service at the end."""
    mean_replicas: NDArray[np.float64]
    """In service during the bucket."""
    desired: NDArray[np.int64]
    """Wanted after the decision at the end: in service or starting."""
    busy_seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.end_s)

    @property
    def utilization(self) -> NDArray[np.float64]:
        """Busy share of the replicas in service, 0..1; NaN where there were none. Draining ones may lift it above 1."""
        ready = self.mean_replicas * self.seconds
        out: NDArray[np.float64] = np.divide(self.busy_seconds, ready, out=np.full(len(ready), np.nan), where=ready > 0)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The latencies and waits of the requests served."""

    latency_s: NDArray[np.float64]
    wait_s: NDArray[np.float64]

    def percentiles(self, wanted: tuple[float, ...]) -> list[float | None]:
        """Nearest ranks; None where the sample is too small."""
        return _percentiles(self.latency_s, wanted)

    def within(self, limit_s: float) -> int:
        """Requests answered within a limit."""
        return int(np.count_nonzero(self.latency_s <= limit_s + NANOSECOND))

    def spreads(self) -> tuple[Spread, Spread]:
        """Of latencies and of waits."""
        return _spread(self.latency_s), _spread(self.wait_s)


@dataclass(frozen=True, slots=True, eq=False)
class Binned:
    """A histogram of latencies and exact totals, where no request was kept."""

    histogram: NDArray[np.int64]
    totals: NDArray[np.float64]
    served: int
    limit_s: float | None

    def percentiles(self, wanted: tuple[float, ...]) -> list[float | None]:
        """Within 0.05 % of the nearest rank."""
        up_to, largest = np.cumsum(self.histogram), float(self.totals[LATENCY_MAX])
        values, ranks = middles(), _ranks(self.served, wanted)
        places = [None if rank is None else int(np.searchsorted(up_to, rank, side="right")) for rank in ranks]
        return [None if place is None else min(float(values[place]), largest) for place in places]

    def within(self, limit_s: float) -> int:
        """Exact for ``limit_s``; for another limit, but for requests within 0.05 % of it."""
        if self.limit_s is not None and limit_s == self.limit_s:
            return int(self.totals[WITHIN_LIMIT])
        return int(self.histogram[middles() <= limit_s + NANOSECOND].sum())

    def spreads(self) -> tuple[Spread, Spread]:
        """Of latencies and, without percentiles, of waits."""
        if not self.served:
            return _spread(np.empty(0)), _spread(np.empty(0))
        p50, p90, p95, p99, p999 = self.percentiles(_QUANTILES)
        totals, served = self.totals, self.served
        latency = Spread(float(totals[LATENCY_SUM] / served), p50, p90, p95, p99, p999, float(totals[LATENCY_MAX]))
        return latency, Spread(float(totals[WAIT_SUM] / served), None, None, None, None, None, float(totals[WAIT_MAX]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers(ABC):
    """How requests were answered."""

    requests: int
    dropped: int
    """Requests turned away."""

    @property
    def served(self) -> int:
        """Requests answered."""
        return self.requests - self.dropped

    def percentile_s(self, q: float) -> float | None:
        """Nearest-rank percentile of the latency, ``0 < q < 100``; None when the sample is too small for it."""
        if not 0 < q < 100:
            raise UsageError(f"a percentile lies between 0 and 100, got {q:g}")
        return self._sample().percentiles((q,))[0]

    def attainment(self, limit_s: float) -> float:
        """Share (0..1) of all requests answered within ``limit_s``; a dropped one was not. NaN without requests."""
        return self._sample().within(limit_s) / self.requests if self.requests else float("nan")

    def holds(self, slo: Slo | str) -> bool:
        """Whether every latency promise was kept, dropped requests counting as late (for ``mean``: none may be)."""
        targets = (Slo.parse(slo) if isinstance(slo, str) else slo).targets
        if not self.requests:
            return True
        for target in targets:
            limit_s = target.limit_ms / 1e3
            if target.quantile is not None:
                kept = self.attainment(limit_s) >= target.quantile
            else:
                mean = self._sample().spreads()[0].mean
                kept = not self.dropped and mean is not None and mean <= limit_s + NANOSECOND
            if not kept:
                return False
        return True

    @abstractmethod
    def _sample(self) -> Kept | Binned:
        """What is kept of the requests."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run(Answers):
    """What every simulation of replicas finds, however much is kept of its requests."""

    batches: int
    replica_seconds: float
    """Billed: each replica from its start (or from its coming into service) to its end, draining included."""
    busy_seconds: float
    """Replica-seconds spent serving: worker-seconds over the workers of a replica."""
    end_s: float
    """When the traffic had ended and the last request was answered."""
    start_s: float
    """Start of the clock: 0, or the last tick (without an autoscaler: the last whole minute) before the first arrival."""
    timeline: Timeline
    assumptions: tuple[ScalingFact, ...] = ()
    """The rules of the autoscaler with their sources, assumed ones among them."""

    @property
    def idle_seconds(self) -> float:
        """Replica-seconds billed without serving: idle or starting."""
        return max(self.replica_seconds - self.busy_seconds, 0.0)

    @property
    def mean_replicas(self) -> float:
        """Replica-seconds over the length of the simulation."""
        return self.replica_seconds / (self.end_s - self.start_s) if self.end_s > self.start_s else 0.0

    def summary(self) -> Summary:
        """The simulation in few numbers."""
        latency, wait = self._sample().spreads()
        return Summary(
            requests=self.requests,
            served=self.served,
            dropped=self.dropped,
            latency_s=latency,
            wait_s=wait,
            mean_batch=self.served / self.batches if self.batches else None,
            replica_seconds=self.replica_seconds,
            idle_seconds=self.idle_seconds,
            mean_replicas=self.mean_replicas,
            utilization=min(self.busy_seconds / self.replica_seconds, 1.0) if self.replica_seconds else 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulation(Run):
    """Every request of a simulated endpoint, and the replicas that served them."""

    latency_s: NDArray[np.float64]
    """From arrival to answer, of the requests served, in the order of their arrival."""
    wait_s: NDArray[np.float64]
    """From arrival to the start of service, likewise."""
    batch_sizes: NDArray[np.int32]
    """Of every batch: with one queue in the order in which they started, else in no particular order."""
    served_mask: NDArray[np.bool_] | None
    """Which arrivals were served; None when all were."""

    def _sample(self) -> Kept:
        return Kept(self.latency_s, self.wait_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulationTotals(Run):
    """A simulation of which no single request was kept.

    Counts, means, maxima and what is billed are exact, and so is the attainment of ``limit_s``. Percentiles and the
    attainment of other limits come from a histogram: they are within 0.05 % of a latency that occurred.
    """

    histogram: NDArray[np.int64]
    totals: NDArray[np.float64]
    limit_s: float | None

    def _sample(self) -> Binned:
        return Binned(self.histogram, self.totals, self.served, self.limit_s)


def timeline_of(history: NDArray[np.float64], start_s: float) -> Timeline:
    """The rows that a kernel wrote, as columns on the caller's clock."""

    def whole(column: int) -> NDArray[np.int64]:
        return np.rint(history[:, column]).astype(np.int64)

    seconds = history[:, columns.SECONDS].copy()
    return Timeline(
        end_s=history[:, columns.END] + start_s,
        seconds=seconds,
        arrivals=whole(columns.ARRIVED),
        served=whole(columns.SERVED),
        dropped=whole(columns.DROPPED),
        waiting=whole(columns.WAITING),
        concurrency=np.maximum(history[:, columns.INSIDE_S] / seconds, 0.0),
        replicas=whole(columns.READY),
        mean_replicas=history[:, columns.READY_S] / seconds,
        desired=whole(columns.DESIRED),
        busy_seconds=history[:, columns.BUSY_S].copy(),
    )


def _spread(values: NDArray[np.float64]) -> Spread:
    if not len(values):
        return Spread(None, None, None, None, None, None, None)
    p50, p90, p95, p99, p999 = _percentiles(values, _QUANTILES)
    return Spread(float(values.mean()), p50, p90, p95, p99, p999, float(values.max()))


def _ranks(count: int, wanted: tuple[float, ...]) -> list[int | None]:
    """Nearest ranks from 0; None where the sample cannot support the percentile."""
    return [max(0, ceil(q / 100 * count) - 1) if count >= min_samples(q) else None for q in wanted]


def _percentiles(values: NDArray[np.float64], wanted: tuple[float, ...]) -> list[float | None]:
    ranks = _ranks(len(values), wanted)
    known = sorted({rank for rank in ranks if rank is not None})
    ordered = np.partition(values, known) if known else values
    return [None if rank is None else float(ordered[rank]) for rank in ranks]
