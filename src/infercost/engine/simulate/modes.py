"""Endpoints that are not replicas behind a queue: serverless functions, and jobs over records that lie ready."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, isfinite
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from infercost.domain.errors import UsageError
from infercost.engine.simulate import serverless as kernel
from infercost.engine.simulate.arrivals import read_arrivals, streams
from infercost.engine.simulate.books import BATCHES, BUSY_TOTAL, END_S, longer, open_books
from infercost.engine.simulate.compiled import compiled
from infercost.engine.simulate.fleet import found
from infercost.engine.simulate.result import Answers, Binned, Kept
from infercost.engine.simulate.service import as_service
from infercost.engine.simulate.serving import MORE_ROWS, Queue, Serving
from infercost.engine.simulate.simulation import (
    check_count,
    check_keep,
    frozen,
    grid_s,
    open_records,
    open_scaling,
)
from infercost.engine.simulate.tournament import plant
from infercost.engine.simulate.variates import draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from infercost.engine.simulate.arrivals import TrafficSource
    from infercost.engine.simulate.service import Samples, Service
    from infercost.engine.simulate.serving import Records

__all__ = ["BatchJob", "Serverless", "simulate_batch_job", "simulate_serverless"]

_MOST: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Serverless(Answers):
    """A simulated serverless endpoint."""

    cold_starts: int
    peak_concurrency: int
    billed_s: float
    """Instance-seconds of requests on on-demand instances, each request rounded up."""
    provisioned_used_s: float
    """The same on provisioned instances."""
    provisioned_s: float
    """Instance-seconds that provisioned instances were kept, used or not."""
    busy_s: float
    """Seconds of requests at work, cold starts included, not rounded."""
    end_s: float
    bucket_s: float
    """Seconds of an entry of the arrays below."""
    arrivals: NDArray[np.int64]
    started: NDArray[np.int64]
    """Cold starts."""
    throttled: NDArray[np.int64]
    concurrency: NDArray[np.int64]
    """Most requests at work at once."""
    sample: Kept | Binned

    def _sample(self) -> Kept | Binned:
        return self.sample


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A simulated job."""

    duration_s: float
    """From its submission to its last record."""
    billed_s: float
    """Instance-seconds, of every instance until the job ends."""
    busy_s: float
    """Instance-seconds at work: worker-seconds over the workers of an instance."""
    ready_s: tuple[float, ...]
    """When each instance began."""
    batches: int


def simulate_serverless(
    arrivals_s: ArrayLike | TrafficSource,
    *,
    service: Service | float | Samples | Mapping[int, Samples],
    max_concurrency: int,
    keep_alive_s: float,
    cold_start: Service | float | Samples,
    provisioned: int = 0,
    granularity_s: float = 0.001,
    bills_cold_start: bool = True,
    work: ArrayLike | None = None,
    seed: int = 0,
    keep: Literal["requests", "summary"] = "requests",
    limit_s: float | None = None,
) -> Serverless:
    """Simulate a serverless endpoint, request by request: concurrency, cold starts, throttles.

    Which idle instance takes a request (the one used last) is assumed; clouds do not say.

    Args:
        arrivals_s: as of :func:`.simulation.simulate`.
        service: seconds of a request on a warm instance.
        max_concurrency: most requests at work at once, provisioned instances among them; more are turned away.
        keep_alive_s: how long an on-demand instance idles before it is gone.
        cold_start: seconds that a request waits for an instance to start.
        provisioned: instances that are always warm; they are used first.
        granularity_s: what a request is billed for is rounded up to multiples of this.
        bills_cold_start: whether the start is billed.
        work: relative work of each request.
        seed: of everything random.
        keep: as of ``simulate``.
        limit_s: likewise.

    Raises:
        UsageError: an argument that cannot be.
        MissingExtraError: neither llvmlite nor numba is installed.
    """
    check_keep(keep)
    check_count("max_concurrency", max_concurrency, 1, _MOST)
    check_count("provisioned", provisioned, 0, max_concurrency)
    for name, value in (("keep_alive_s", keep_alive_s), ("granularity_s", granularity_s)):
        if not isfinite(value) or value < 0:
            raise UsageError(f"{name} must be a number of seconds from 0 on, got {value!r}")
    seeds = streams(seed)
    traffic = read_arrivals(arrivals_s, work, seeds)
    times = traffic.times_s
    origin = float(times[0]) if len(times) and not traffic.from_zero else 0.0
    horizon_s = traffic.duration_s - origin
    bucket_s = grid_s(horizon_s)
    keys = [np.uint64(stream.generate_state(1, np.uint64)[0]) for stream in seeds[1:4]]
    calls = kernel.Calls(
        arrivals=frozen(times - origin if origin else times),
        work=frozen(traffic.sizes),
        service=as_service(service).draws(1),
        service_key=keys[0],
        cold=as_service(cold_start).draws(1),
        cold_key=keys[2],
        granularity_s=float(granularity_s),
        bills_cold=bool(bills_cold_start),
        keep_alive_s=float(keep_alive_s),
        provisioned=int(provisioned),
        most=int(max_concurrency),
        bucket_s=bucket_s,
    )
    pool = kernel.Pool(
        np.full(int(max_concurrency), -inf),
        np.zeros(kernel.SUMS),
        np.zeros(kernel.COUNTS, dtype=np.int64),
        np.zeros((max(ceil(horizon_s / bucket_s), 1), kernel.BUCKET)),
    )
    records = open_records(len(times), 1, keep, limit_s)
    compiled("serverless")(calls, pool, records)
    return _serverless(calls, pool, records, origin, horizon_s, limit_s)


def _serverless(
    calls: kernel.Calls, pool: kernel.Pool, records: Records, origin: float, horizon_s: float, limit_s: float | None
) -> Serverless:
    requests, dropped = len(calls.arrivals), int(pool.counts[kernel.THROTTLED])
    sample: Kept | Binned
    if len(records.histogram):
        sample = Binned(records.histogram, records.totals, requests - dropped, limit_s)
    else:
        served = ~np.isnan(records.latency_s)
        sample = Kept(records.latency_s[served], records.wait_s[served])
    end_s = max(float(pool.sums[kernel.END_S]), horizon_s)
    columns = np.rint(pool.timeline).astype(np.int64)
    return Serverless(
        requests=requests,
        dropped=dropped,
        cold_starts=int(pool.counts[kernel.COLD]),
        peak_concurrency=int(pool.counts[kernel.PEAK]),
        billed_s=float(pool.sums[kernel.BILLED_S]),
        provisioned_used_s=float(pool.sums[kernel.PROVISIONED_S]),
        provisioned_s=calls.provisioned * end_s,
        busy_s=float(pool.sums[kernel.BUSY_S]),
        end_s=end_s + origin,
        bucket_s=calls.bucket_s,
        arrivals=columns[:, kernel.CAME],
        started=columns[:, kernel.STARTED],
        throttled=columns[:, kernel.REFUSED],
        concurrency=columns[:, kernel.BUSIEST],
        sample=sample,
    )


def simulate_batch_job(
    records: int,
    *,
    service: Service | float | Samples | Mapping[int, Samples],
    instances: int = 1,
    workers: int = 1,
    max_batch: int = 1,
    start: Service | float | Samples = 0.0,
    granularity_s: float = 1.0,
    minimum_billed_s: float = 0.0,
    bills_start: bool = True,
    work: ArrayLike | None = None,
    padded: bool = False,
    seed: int = 0,
) -> BatchJob:
    """Simulate a job over records that all lie ready: a batch transform, a batch prediction.

    Workers of all instances take the next batch from the same heap; a split by files would end later. Instances run,
    and are billed, until the job ends.

    Args:
        records: how many.
        service: seconds of a batch.
        instances: that the job asks for.
        workers: of each.
        max_batch: records in a batch.
        start: seconds until an instance is ready.
        granularity_s: each instance's time is billed in multiples of this.
        minimum_billed_s: at least this much of each.
        bills_start: whether the start is billed.
        work: relative work of each record.
        padded: a batch takes as long as if every record in it were its largest.
        seed: of everything random.

    Raises:
        UsageError: an argument that cannot be.
        MissingExtraError: neither llvmlite nor numba is installed.
    """
    check_count("records", records, 1, 2**40)
    for name, value in (("instances", instances), ("workers", workers), ("max_batch", max_batch)):
        check_count(name, value, 1, _MOST)
    seeds = streams(seed)
    traffic = read_arrivals(np.zeros(int(records)), work, seeds)
    keys = [np.uint64(stream.generate_state(1, np.uint64)[0]) for stream in seeds[1:4]]
    starts = as_service(start).draws(1)
    with np.errstate(over="ignore"):  # the counter of random numbers goes round
        ready = tuple(draw(starts, keys[2], number, 1) for number in range(1, int(instances) + 1))
    serving = Serving(
        arrivals=frozen(traffic.times_s),
        work=frozen(traffic.sizes),
        service=as_service(service).draws(max_batch),
        service_key=keys[0],
        routing_key=keys[1],
        max_batch=int(max_batch),
        max_delay_s=0.0,
        padded=bool(padded),
        limit=2**62,
        refuses_at_zero=False,
        least_outstanding=False,
        horizon_s=0.0,
    )
    duration_s, busy_s, batches = _play(serving, ready, int(workers))
    return BatchJob(
        duration_s=duration_s,
        billed_s=sum(_rounded(duration_s - (0.0 if bills_start else at), granularity_s, minimum_billed_s) for at in ready),
        busy_s=busy_s,
        ready_s=ready,
        batches=batches,
    )


def _play(serving: Serving, ready: tuple[float, ...], workers: int) -> tuple[float, float, int]:
    """Run the kernel of one queue with workers that become free when their instances are ready."""
    fleet = found(len(ready), workers, False)
    for instance, at in enumerate(ready):
        slots = slice(instance * workers, (instance + 1) * workers)
        fleet.key[slots] = fleet.done[slots] = at
    fleet.tree[:] = plant(fleet.key)
    scaling = open_scaling(None, 1e9, 0.0, len(ready), np.uint64(0))
    books = open_books(len(ready), scaling.most, 4)
    kept = open_records(len(serving.arrivals), serving.max_batch, "summary", None)
    nothing = Queue(np.empty(0), np.empty(0, dtype=np.int64))
    while compiled("central")(serving, scaling, fleet, books, kept, nothing) == MORE_ROWS:
        books = longer(books)
    return float(books.sums[END_S]), float(books.sums[BUSY_TOTAL]), int(books.counts[BATCHES])


def _rounded(seconds: float, granularity_s: float, minimum_s: float) -> float:
    """What is billed of a time: at least the minimum, in whole steps."""
    least = max(seconds, minimum_s, 0.0)
    return ceil(least / granularity_s - 1e-9) * granularity_s if granularity_s > 0 else least
