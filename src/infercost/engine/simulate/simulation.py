"""``simulate``: arrivals and settings in, every request's fate out."""

from __future__ import annotations

from math import floor, isfinite
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.simulate import history as columns
from infercost.engine.simulate.arrivals import TrafficSource, read_arrivals
from infercost.engine.simulate.central import Records, Serving
from infercost.engine.simulate.compiled import compiled
from infercost.engine.simulate.fleet import BUSY_TOTAL, Scaling, found, open_books
from infercost.engine.simulate.result import Simulation, timeline_of
from infercost.engine.simulate.service import as_service, constant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from infercost.engine.simulate.autoscalers import Autoscaler
    from infercost.engine.simulate.central import Outcome
    from infercost.engine.simulate.fleet import Books
    from infercost.engine.simulate.service import Samples, Service

Routing = Literal["central", "random", "least_outstanding"]

_ROUTINGS: Final = ("central", "random", "least_outstanding")
_NO_LIMIT: Final = 2**62
_GRID_S: Final = 60.0
_BUCKETS: Final = (100, 100_000)
"""Fewest and most buckets of the timeline without an autoscaler, where the 60 s grid is outside them."""
_MAX_COUNT: Final = 1_000_000


def simulate(
    arrivals_s: ArrayLike | TrafficSource,
    *,
    service: Service | float | Samples | Mapping[int, Samples],
    replicas: int = 1,
    max_batch: int = 1,
    max_delay_s: float = 0.0,
    routing: Routing = "central",
    concurrency_limit: int | None = None,
    autoscaler: Autoscaler | None = None,
    seed: int = 0,
) -> Simulation:
    """Simulate an endpoint, request by request, exactly; the same arguments give the same result.

    A free replica starts a batch when ``max_batch`` requests wait or the first has waited ``max_delay_s``.

    Args:
        arrivals_s: when requests arrive, seconds in ascending order; or a traffic value (``infercost.traffic``).
        service: seconds that a batch takes: a number, ``infercost.affine(s0, s1)``, a distribution of
            ``infercost.service``, measured samples, or measured samples by batch size.
        replicas: in service at the start; each serves one batch at a time.
        max_batch: most requests in a batch.
        max_delay_s: how long a request may wait for its batch to fill while a replica is free.
        routing: ``central``: one queue that free replicas take from. ``random``, ``least_outstanding``: a queue
            a replica, chosen on arrival.
        concurrency_limit: most requests in the system, waiting or in service; one that arrives beyond is dropped.
        autoscaler: changes the replicas over time; one of ``infercost.autoscalers``. None: they stay.
        seed: of everything random. The service of a request does not depend on the other settings, so
            simulations that differ in one of them compare like with like.

    Returns:
        Latencies, waits, batches, drops, billed replica-seconds and a timeline.

    Raises:
        UsageError: an argument that cannot be.
        MissingExtraError: numba is not installed.
    """
    _check_routing(routing)
    _check(replicas, max_batch, max_delay_s, concurrency_limit, autoscaler)
    streams = np.random.SeedSequence(seed).spawn(4)
    times, horizon = read_arrivals(arrivals_s, np.random.default_rng(streams[0]))
    clock_s = autoscaler.tick_s if autoscaler else _GRID_S
    origin = floor(float(times[0]) / clock_s) * clock_s if len(times) and not isinstance(arrivals_s, TrafficSource) else 0.0
    tick_s = autoscaler.tick_s if autoscaler else _grid_s(horizon - origin)
    times = times - origin if origin else times.view()
    times.flags.writeable = False  # the kernels are compiled for this alone, whatever the caller's array is
    refuses = autoscaler is not None and autoscaler.refuses_at_zero and autoscaler.min_replicas == 0
    keys = [np.uint64(stream.generate_state(1, np.uint64)[0]) for stream in streams[1:]]
    serving = Serving(
        service=as_service(service).draws(max_batch),
        service_key=keys[0],
        routing_key=keys[1],
        max_batch=int(max_batch),
        max_delay_s=float(max_delay_s),
        replicas=int(replicas),
        limit=_NO_LIMIT if concurrency_limit is None else int(concurrency_limit),
        refuses_at_zero=refuses,
        least_outstanding=routing == "least_outstanding",
        horizon_s=horizon - origin,
    )
    scaling = _scaling(autoscaler, tick_s, replicas, keys[2])
    records = Records(*_room(len(times), max_batch))
    own_queues = routing != "central"
    books = open_books(scaling, replicas)
    kernel = compiled("routed" if own_queues else "central" if concurrency_limit is None and not refuses else "limited")
    outcome = kernel(times, serving, scaling, found(replicas, own_queues), books, records)
    if not outcome.ended:
        raise UsageError(
            f"requests still waited after {outcome.end_s:g} simulated seconds; are times in seconds, and can replicas start?"
        )
    return _result(outcome, books, records, len(times), origin, autoscaler)


def _check_routing(routing: str) -> None:
    if routing not in _ROUTINGS:
        raise UnknownNameError("routing", routing, _ROUTINGS)


def _result(
    outcome: Outcome, books: Books, records: Records, requests: int, origin: float, autoscaler: Autoscaler | None
) -> Simulation:
    dropped = int(np.rint(outcome.history[:, columns.DROPPED].sum()))
    mask: NDArray[np.bool_] | None = None
    wait_s, latency_s = records.wait_s, records.latency_s
    if dropped:
        mask = ~np.isnan(latency_s)
        wait_s, latency_s = wait_s[mask], latency_s[mask]
    sizes = records.batch_sizes[: outcome.batches]
    if not len(records.batch_sizes):
        sizes = np.broadcast_to(np.int32(1), outcome.batches)
    elif 2 * len(sizes) < len(records.batch_sizes):
        sizes = sizes.copy()
    return Simulation(
        requests=requests,
        latency_s=latency_s,
        wait_s=wait_s,
        batch_sizes=sizes,
        dropped=dropped,
        served_mask=mask,
        replica_seconds=outcome.billed_s,
        busy_seconds=float(books.sums[BUSY_TOTAL]),
        end_s=outcome.end_s + origin,
        start_s=origin,
        timeline=timeline_of(outcome.history, origin),
        assumptions=autoscaler.facts if autoscaler else (),
    )


def _room(requests: int, max_batch: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    return np.empty(requests), np.empty(requests), np.empty(requests if max_batch > 1 else 0, dtype=np.int32)


def _grid_s(horizon_s: float) -> float:
    few, many = _BUCKETS
    return max(min(_GRID_S, horizon_s / few), horizon_s / many) or _GRID_S


def _scaling(autoscaler: Autoscaler | None, tick_s: float, replicas: int, key: np.uint64) -> Scaling:
    if autoscaler is None:
        start = constant(0.0).draws(1)
        return Scaling(tick_s, 0, np.zeros(1), np.zeros((0, 1)), replicas, replicas, start, key, True)
    table = np.array(autoscaler.table or np.zeros((0, 1)), dtype=np.float64)
    return Scaling(
        tick_s,
        autoscaler.policy,
        np.array(autoscaler.rules, dtype=np.float64),
        table,
        autoscaler.min_replicas,
        autoscaler.max_replicas,
        autoscaler.start.draws(1),
        key,
        autoscaler.bills_start,
    )


def _check(replicas: int, max_batch: int, max_delay_s: float, limit: int | None, autoscaler: Autoscaler | None) -> None:
    empty = autoscaler is not None and autoscaler.min_replicas == 0
    _check_count("replicas", replicas, 0 if empty else 1, _MAX_COUNT)
    _check_count("max_batch", max_batch, 1, _MAX_COUNT)
    if limit is not None:
        _check_count("concurrency_limit", limit, 1, _NO_LIMIT)
    if not isfinite(max_delay_s) or max_delay_s < 0:
        raise UsageError(f"max_delay_s must be a number of seconds from 0 on, got {max_delay_s!r}")
    if autoscaler is not None and not autoscaler.min_replicas <= replicas <= autoscaler.max_replicas:
        raise UsageError(
            f"replicas={replicas} is outside the autoscaler's {autoscaler.min_replicas} to {autoscaler.max_replicas}"
        )


def _check_count(name: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isfinite(value) or int(value) != value or not least <= value <= most:
        raise UsageError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
