"""``simulate``: arrivals and settings in, every request's fate out."""

from __future__ import annotations

from math import floor, inf, isfinite
from typing import TYPE_CHECKING, Final, Literal, overload

import numpy as np

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.simulate import history as columns
from infercost.engine.simulate.arrivals import read_arrivals, streams
from infercost.engine.simulate.books import BATCHES, BUSY_TOTAL, END_S, ROWS, longer, open_books
from infercost.engine.simulate.compiled import compiled
from infercost.engine.simulate.fleet import Scaling, enlarged, found, settle
from infercost.engine.simulate.policies import MEMORY, WIDTH, Memory
from infercost.engine.simulate.result import NANOSECOND, Simulation, SimulationTotals, timeline_of
from infercost.engine.simulate.service import as_service, constant
from infercost.engine.simulate.serving import BINS, GAVE_UP, MORE_REPLICAS, MORE_ROWS, TOTALS, Queue, Records, Serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from infercost.engine.simulate.arrivals import TrafficSource
    from infercost.engine.simulate.autoscalers import Autoscaler
    from infercost.engine.simulate.books import Books
    from infercost.engine.simulate.service import Samples, Service

Routing = Literal["central", "random", "least_outstanding"]
Keep = Literal["requests", "summary"]

_ROUTINGS: Final = ("central", "random", "least_outstanding")
_KEEPS: Final = ("requests", "summary")
_NO_LIMIT: Final = 2**62
_GRID_S: Final = 60.0
_BUCKETS: Final = (100, 100_000)
"""Fewest and most buckets of the timeline without an autoscaler, where the 60 s grid is outside them."""
_ROWS: Final = (256, 1_000_000)
"""Fewest and most rows of history to begin with."""
_MAX_COUNT: Final = 1_000_000


@overload
def simulate(
    arrivals_s: ArrayLike | TrafficSource,
    *,
    service: Service | float | Samples | Mapping[int, Samples],
    replicas: int = ...,
    workers: int = ...,
    max_batch: int = ...,
    max_delay_s: float = ...,
    routing: Routing = ...,
    concurrency_limit: int | None = ...,
    autoscaler: Autoscaler | None = ...,
    work: ArrayLike | None = ...,
    padded: bool = ...,
    seed: int = ...,
    keep: Literal["requests"] = ...,
    limit_s: float | None = ...,
) -> Simulation: ...


@overload
def simulate(
    arrivals_s: ArrayLike | TrafficSource,
    *,
    service: Service | float | Samples | Mapping[int, Samples],
    replicas: int = ...,
    workers: int = ...,
    max_batch: int = ...,
    max_delay_s: float = ...,
    routing: Routing = ...,
    concurrency_limit: int | None = ...,
    autoscaler: Autoscaler | None = ...,
    work: ArrayLike | None = ...,
    padded: bool = ...,
    seed: int = ...,
    keep: Literal["summary"],
    limit_s: float | None = ...,
) -> SimulationTotals: ...


def simulate(
    arrivals_s: ArrayLike | TrafficSource,
    *,
    service: Service | float | Samples | Mapping[int, Samples],
    replicas: int = 1,
    workers: int = 1,
    max_batch: int = 1,
    max_delay_s: float = 0.0,
    routing: Routing = "central",
    concurrency_limit: int | None = None,
    autoscaler: Autoscaler | None = None,
    work: ArrayLike | None = None,
    padded: bool = False,
    seed: int = 0,
    keep: Keep = "requests",
    limit_s: float | None = None,
) -> Simulation | SimulationTotals:
    """Simulate an endpoint, request by request, exactly; the same arguments give the same result.

    A free worker starts a batch when ``max_batch`` requests wait or the first has waited ``max_delay_s``.

    Args:
        arrivals_s: when requests arrive, seconds in ascending order; or a traffic value (``infercost.traffic``).
        service: seconds that a batch takes: a number, ``infercost.affine(s0, s1)``, a distribution of
            ``infercost.service``, measured samples, or measured samples by batch size.
        replicas: in service at the start; what the autoscaler counts and the bill is by.
        workers: of each replica: they share its queue, and each serves one batch at a time.
        max_batch: most requests in a batch.
        max_delay_s: how long a request may wait for its batch to fill while a worker is free.
        routing: ``central``: one queue that free workers take from. ``random``, ``least_outstanding``: a queue
            a replica, chosen on arrival.
        concurrency_limit: most requests in the system, waiting or in service; one that arrives beyond is dropped.
        autoscaler: changes the replicas over time; one of ``infercost.autoscalers``. None: they stay.
        work: relative work of each request, 1 in the mean: a batch takes ``service`` times the mean of its
            requests' work. None: all alike, unless the traffic value says otherwise.
        padded: a batch takes as long as if every request in it were its largest.
        seed: of everything random. The service of a request does not depend on the other settings, so
            simulations that differ in one of them compare like with like.
        keep: ``requests``: each one's wait and latency. ``summary``: their number within ``limit_s``, means and
            a fine histogram instead, in memory that does not grow with the requests.
        limit_s: for ``summary``: the latency whose attainment is counted exactly.

    Returns:
        Latencies, waits, batches, drops, billed replica-seconds and a timeline.

    Raises:
        UsageError: an argument that cannot be.
        MissingExtraError: numba is not installed.
    """
    check_keep(keep)
    _check_routing(routing)
    _check(replicas, workers, max_batch, max_delay_s, concurrency_limit, autoscaler)
    seeds = streams(seed)
    traffic = read_arrivals(arrivals_s, work, seeds)
    clock_s = autoscaler.tick_s if autoscaler else _GRID_S
    times = traffic.times_s
    origin = floor(float(times[0]) / clock_s) * clock_s if len(times) and not traffic.from_zero else 0.0
    horizon_s = traffic.duration_s - origin
    tick_s = autoscaler.tick_s if autoscaler else grid_s(horizon_s)
    keys = [np.uint64(stream.generate_state(1, np.uint64)[0]) for stream in seeds[1:4]]
    refuses = autoscaler is not None and autoscaler.refuses_at_zero and _may_be_empty(autoscaler)
    serving = Serving(
        arrivals=frozen(times - origin if origin else times),
        work=frozen(traffic.sizes),
        service=as_service(service).draws(max_batch),
        service_key=keys[0],
        routing_key=keys[1],
        max_batch=int(max_batch),
        max_delay_s=float(max_delay_s),
        padded=bool(padded),
        limit=_NO_LIMIT if concurrency_limit is None else int(concurrency_limit),
        refuses_at_zero=refuses,
        least_outstanding=routing == "least_outstanding",
        horizon_s=horizon_s,
    )
    scaling = open_scaling(autoscaler, tick_s, origin, replicas, keys[2])
    records = open_records(len(times), max_batch, keep, limit_s)
    kernel = "routed" if routing != "central" else "central" if concurrency_limit is None and not refuses else "limited"
    books = _run(kernel, serving, scaling, records, int(replicas), int(workers))
    common = _common(books, scaling, len(times), origin, autoscaler)
    if keep == "summary":
        return SimulationTotals(**common, histogram=records.histogram, totals=records.totals, limit_s=limit_s)
    return _simulation(common, records)


def _run(kernel: str, serving: Serving, scaling: Scaling, records: Records, replicas: int, workers: int) -> Books:
    """Run a kernel to its end; where it runs out of room, give it more and let it go on."""
    requests = len(serving.arrivals)
    fleet = found(replicas, workers, kernel == "routed")
    few, many = _ROWS
    books = open_books(replicas, scaling.most, min(max(int(serving.horizon_s / scaling.tick_s) + 2, few), many))
    queue = Queue(
        np.empty(requests if kernel == "limited" else 0),
        np.empty(requests if kernel != "central" else 0, dtype=np.int64),
    )
    run = compiled(kernel)
    while True:
        state = run(serving, scaling, fleet, books, records, queue)
        if state == MORE_ROWS:
            books = longer(books)
        elif state == MORE_REPLICAS:
            fleet = enlarged(fleet)
        elif state == GAVE_UP:
            raise UsageError(
                f"requests still waited after {books.history[books.counts[ROWS] - 1, columns.END]:g} simulated seconds; "
                "are times in seconds, and can replicas start?"
            )
        else:
            return books


def _common(books: Books, scaling: Scaling, requests: int, origin: float, autoscaler: Autoscaler | None) -> dict[str, Any]:
    end_s = float(books.sums[END_S])
    history = books.history[: books.counts[ROWS]]
    return {
        "requests": requests,
        "batches": int(books.counts[BATCHES]),
        "dropped": int(np.rint(history[:, columns.DROPPED].sum())),
        "replica_seconds": settle(scaling, books, end_s),
        "busy_seconds": float(books.sums[BUSY_TOTAL]),
        "end_s": end_s + origin,
        "start_s": origin,
        "timeline": timeline_of(history, origin),
        "assumptions": autoscaler.facts if autoscaler else (),
    }


def _simulation(common: dict[str, Any], records: Records) -> Simulation:
    mask: NDArray[np.bool_] | None = None
    wait_s, latency_s = records.wait_s, records.latency_s
    if common["dropped"]:
        mask = ~np.isnan(latency_s)
        wait_s, latency_s = wait_s[mask], latency_s[mask]
    batches = common["batches"]
    sizes = records.batch_sizes[:batches]
    if not len(records.batch_sizes):
        sizes = np.broadcast_to(np.int32(1), batches)
    elif 2 * len(sizes) < len(records.batch_sizes):
        sizes = sizes.copy()
    return Simulation(**common, latency_s=latency_s, wait_s=wait_s, batch_sizes=sizes, served_mask=mask)


def frozen(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A read-only view: the kernels are compiled for this alone, whatever the caller's array is."""
    view = values.view()
    view.flags.writeable = False
    return view


def open_records(requests: int, max_batch: int, keep: str, limit_s: float | None) -> Records:
    """Room for what is kept."""
    kept = requests if keep == "requests" else 0
    return Records(
        np.empty(kept),
        np.empty(kept),
        np.empty(kept if max_batch > 1 else 0, dtype=np.int32),
        np.zeros(0 if keep == "requests" else BINS, dtype=np.int64),
        np.zeros(TOTALS),
        inf if limit_s is None else float(limit_s) + NANOSECOND,
    )


def grid_s(horizon_s: float) -> float:
    """Seconds of a bucket of a timeline that no autoscaler gives one."""
    few, many = _BUCKETS
    return max(min(_GRID_S, horizon_s / few), horizon_s / many) or _GRID_S


def _may_be_empty(autoscaler: Autoscaler) -> bool:
    return autoscaler.min_replicas == 0


def open_scaling(autoscaler: Autoscaler | None, tick_s: float, origin: float, replicas: int, key: np.uint64) -> Scaling:
    """An autoscaler as the kernels read it, with an empty memory, on a clock whose 0 is ``origin`` of the arrivals'."""
    rules = autoscaler.rules if autoscaler else ()
    numbers = np.zeros((len(rules), WIDTH))
    for row, rule in enumerate(rules):
        numbers[row, : len(rule.numbers)] = rule.numbers
    rows = [line for rule in rules for line in rule.table]
    tables = np.zeros((len(rows), max((len(line) for line in rows), default=1)))
    for row, line in enumerate(rows):
        tables[row, : len(line)] = line
    schedule = autoscaler.schedule if autoscaler else ()
    return Scaling(
        tick_s=float(tick_s),
        kinds=np.array([rule.policy for rule in rules], dtype=np.int64),
        rules=numbers,
        tables=tables,
        firsts=np.cumsum([0, *(len(rule.table) for rule in rules)], dtype=np.int64),
        memories=np.tile(np.array(Memory(), dtype=np.float64), (2 * len(rules), 1)).reshape(2 * len(rules), MEMORY),
        wishes=np.zeros(len(rules), dtype=np.int64),
        schedule=np.array(schedule, dtype=np.float64).reshape(-1, 3),
        week_s=(autoscaler.week_s if autoscaler else 0.0) + origin,
        least=autoscaler.min_replicas if autoscaler else int(replicas),
        most=autoscaler.max_replicas if autoscaler else int(replicas),
        start=(autoscaler.start if autoscaler else constant(0.0)).draws(1),
        start_key=key,
        bills_start=autoscaler.bills_start if autoscaler else True,
    )


def check_keep(keep: str) -> None:
    """Refuse what is no record to keep."""
    if keep not in _KEEPS:
        raise UnknownNameError("record to keep", keep, _KEEPS)


def _check_routing(routing: str) -> None:
    if routing not in _ROUTINGS:
        raise UnknownNameError("routing", routing, _ROUTINGS)


def _check(
    replicas: int, workers: int, max_batch: int, max_delay_s: float, limit: int | None, autoscaler: Autoscaler | None
) -> None:
    empty = autoscaler is not None and autoscaler.min_replicas == 0
    check_count("replicas", replicas, 0 if empty else 1, _MAX_COUNT)
    check_count("workers", workers, 1, _MAX_COUNT)
    check_count("max_batch", max_batch, 1, _MAX_COUNT)
    if limit is not None:
        check_count("concurrency_limit", limit, 1, _NO_LIMIT)
    if not isfinite(max_delay_s) or max_delay_s < 0:
        raise UsageError(f"max_delay_s must be a number of seconds from 0 on, got {max_delay_s!r}")
    if autoscaler is not None and not autoscaler.min_replicas <= replicas <= autoscaler.max_replicas:
        raise UsageError(
            f"replicas={replicas} is outside the autoscaler's {autoscaler.min_replicas} to {autoscaler.max_replicas}"
        )


def check_count(name: str, value: int, least: int, most: int) -> None:
    """Refuse what is no whole number within limits."""
    if isinstance(value, bool) or not isfinite(value) or int(value) != value or not least <= value <= most:
        raise UsageError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
