"""Timing one configuration, and the operators, inside a worker."""

from __future__ import annotations

import gc
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.runtime import memory, session
from infercost.runtime.accelerator import device_memory_used, gpu_load
from infercost.runtime.counters import Reading, pulse_ns
from infercost.runtime.jobs import Feeds, Tell, as_unrunnable, guarded, load_feeds, tell_nobody
from infercost.runtime.protocol import (
    LOADING,
    RUNNING,
    Operators,
    OperatorsReply,
    Point,
    PointReply,
    Serve,
    ServeReply,
    Slice,
    SliceReply,
    Step,
)
from infercost.runtime.tickets import Tickets, wait_until
from infercost.runtime.trace import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WARM_UP_RUNS = 3
_WARM_UP_SHARE = 0.1
_WARM_UP_LIMIT_S = 0.3
_REWARM_S = 0.01
"""Others ran in between: caches and thread pools wake up again."""
_GPUS = frozenset({"cuda", "tensorrt"})

OPERATOR_WARM_UP = _WARM_UP_RUNS + 1
"""Runs of the profiler that are not counted."""


@dataclass
class Loaded:
    """A configuration in memory, ready to run."""

    run: Callable[[], Any]
    feeds: Feeds
    """Held as long as the runs: a binding borrows the memory of its inputs."""
    device: str
    load_s: float
    first_s: float
    output_bytes: int
    bound: bool
    before: int
    """Resident memory before the session was made."""
    device_before: int | None
    pinned: bool = False
    shortest_s: float | None = None
    """Shortest run so far; None before the first warm-up."""

    def ready(self) -> PointReply:
        """What loading has shown."""
        return PointReply(
            load_s=self.load_s,
            first_inference_s=self.first_s,
            output_bytes=self.output_bytes,
            binding=self.bound,
            process_bytes=self.before,
            pinned=self.pinned,
        )

    def grown(self) -> int:
        """Memory over that of the process without the session, at its peak; on a GPU, the device's."""
        if self.device_before is not None:
            return max(0, (device_memory_used() or self.device_before) - self.device_before)
        return max(0, max(memory.peak_bytes(), memory.resident_bytes()) - self.before)


def load_point(request: Point, tell: Tell = tell_nobody) -> Loaded:
    """Load one configuration and run it for the first time."""
    pinned = request.cpus is not None and _stay_on(request.cpus)
    feeds = load_feeds(request.names, request.arrays)
    gc.collect()
    memory.reset_peak()
    before = memory.resident_bytes()
    device_before = device_memory_used() if request.device in _GPUS else None
    opened = _open(request, feeds, tell)
    return Loaded(
        run=opened.run,
        feeds=feeds,
        device=request.device,
        load_s=opened.load_s,
        first_s=opened.first_s,
        output_bytes=opened.output_bytes,
        bound=opened.bound,
        before=before,
        device_before=device_before,
        pinned=pinned,
    )


def _stay_on(cpus: list[int]) -> bool:
    """Keep this process, and the threads that it will start, on some CPUs; whether the system allows it."""
    try:
        os.sched_setaffinity(0, cpus)
    except (AttributeError, OSError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Opened:
    run: Callable[[], Any]
    load_s: float
    first_s: float
    output_bytes: int
    bound: bool


def _timed_runs(budget_s: float) -> Step:
    return Step("timing the runs", budget_s)


def _open(request: Point, feeds: Feeds, tell: Tell) -> _Opened:
    tell(LOADING)
    begin = time.perf_counter()
    try:
        opened = session.open_session(request.model, level=request.level, threads=request.threads, device=request.device)
    except Exception as error:
        raise as_unrunnable(error) from error
    load_s = time.perf_counter() - begin
    binding = session.bind(opened, feeds, request.device)
    if binding is not None:
        tell(RUNNING)
        run, arguments = session.bound_runner(opened, binding)
        # A partial calls with less Python in between than arguments unpacked each time.
        bound = partial(run, *arguments)
        begin = time.perf_counter()
        guarded("run", bound)
        first_s = time.perf_counter() - begin
        output_bytes = session.bound_output_bytes(binding)
        tell(RUNNING)
        if _repeats(bound):
            return _Opened(bound, load_s, first_s, output_bytes, bound=True)
    plain = session.plain_runner(opened, feeds)
    tell(RUNNING)
    begin = time.perf_counter()
    values = guarded("run", plain)
    first_s = time.perf_counter() - begin if binding is None else first_s
    output_bytes = sum(nbytes for *_, nbytes in session.describe_outputs(opened, values))
    return _Opened(plain, load_s, first_s, output_bytes, bound=False)


def _repeats(run: Callable[[], Any]) -> bool:
    """Whether a bound run can be repeated: not where the file states another shape for an output than comes out."""
    try:
        run()
    except Exception:  # noqa: BLE001 - ONNX Runtime's errors have no common base
        return False
    return True


def time_slice(loaded: Loaded, order: Slice, tell: Tell = tell_nobody) -> SliceReply:
    """Warm up, then time runs until the stretch is over."""
    ahead_s = 0.0 if order.start_ns is None else max(0.0, (order.start_ns - time.perf_counter_ns()) / 1e9)
    tell(_timed_runs(order.budget_s + ahead_s))
    shortest_s = _warm_up(loaded, order.budget_s)
    if order.start_ns is not None:
        wait_until(order.start_ns)
    with _uninterrupted():
        before = Reading.take(loaded.device)
        latencies, runs = _timed(loaded.run, order, shortest_s)
        after = Reading.take(loaded.device)
    load = gpu_load() if loaded.device in _GPUS else None
    return SliceReply(
        latencies_ns=latencies,
        runs=runs,
        cost=after.since(before, pulse_ns()),
        memory_bytes=loaded.grown(),
        steady_bytes=memory.resident_bytes(),
        gpu=load,
    )


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep Python's garbage collector out of the timed runs."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _timed(run: Callable[[], Any], order: Slice, shortest_s: float) -> tuple[list[int], int]:
    """Latencies of timed runs, and how many runs there were in all."""
    clock = time.perf_counter_ns
    # Tiny models would fill the sample in an instant: runs that are not timed spread it over the stretch.
    between = int(order.budget_s / (order.most_runs * max(shortest_s, 1e-7)))
    untimed = range(between)
    latencies: list[int] = []
    keep = latencies.append
    runs, most = 0, order.most_runs
    end = clock() + round(order.budget_s * 1e9)
    while True:
        for _ in untimed:
            run()
        start = clock()
        run()
        now = clock()
        keep(now - start)
        if now >= end or len(latencies) >= most:
            break
    runs = len(latencies) * (between + 1)
    while order.start_ns is not None and clock() < end:  # others are measured at the same time: keep up the load
        run()
        runs += 1
    return latencies, runs


def _warm_up(loaded: Loaded, budget_s: float) -> float:
    """Run until caches, clocks and thread pools are awake; the shortest run so far, in seconds."""
    clock, run = time.perf_counter, loaded.run
    if loaded.shortest_s is None:
        limit, least, shortest = min(budget_s * _WARM_UP_SHARE, _WARM_UP_LIMIT_S), _WARM_UP_RUNS, loaded.first_s
    else:
        limit, least, shortest = min(budget_s * _WARM_UP_SHARE, _REWARM_S), 1, loaded.shortest_s
    begin, runs = clock(), 0
    while (runs < least and shortest * (runs + 1) < budget_s) or clock() - begin < limit:
        start = clock()
        run()
        shortest = min(shortest, clock() - start)
        runs += 1
    loaded.shortest_s = shortest
    return shortest


def serve(loaded: Loaded, order: Serve, tell: Tell = tell_nobody) -> ServeReply:
    """Serve scheduled queries one after another; a latency counts from the arrival that was scheduled."""
    import numpy as np

    offsets: list[int] = np.load(order.offsets).tolist()
    last_ns = order.start_ns + offsets[-1] + order.give_up_ns
    tell(Step("serving the queries", max(0.0, (last_ns - time.perf_counter_ns()) / 1e9)))
    _warm_up(loaded, 1.0)
    take = Tickets(order.tickets, len(offsets)).take
    queries: list[int] = []
    latencies: list[int] = []
    service: list[int] = []
    clock, run, unserved = time.perf_counter_ns, loaded.run, 0
    with _uninterrupted():
        before = Reading.take(loaded.device)
        while (query := take()) is not None:
            due = order.start_ns + offsets[query]
            wait_until(due)
            begin = clock()
            if begin - due > order.give_up_ns:
                unserved += 1
                break
            run()
            now = clock()
            queries.append(query)
            latencies.append(now - due)
            service.append(now - begin)
        ended = clock()
        after = Reading.take(loaded.device)
    return ServeReply(
        queries=queries,
        latencies_ns=latencies,
        service_ns=service,
        unserved=unserved,
        ended_ns=ended,
        cost=after.since(before, pulse_ns()),
        steady_bytes=memory.resident_bytes(),
    )


def time_operators(request: Operators, folder: str, tell: Tell = tell_nobody) -> OperatorsReply:
    """Profile the optimized graph: once for times, once without prepacking for the weights' shapes."""
    if request.device == "cuda":
        # Kernels are launched and forgotten; with this, a node's time is its kernel's.
        os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
    feeds = load_feeds(request.names, request.arrays)
    tell(LOADING)
    opened = _opened_with_trace(request, folder, prepacking=True)
    tell(RUNNING)
    run = session.plain_runner(opened, feeds)
    begin = time.perf_counter()
    guarded("run", run)
    first_s = time.perf_counter() - begin
    runs = 1
    tell(_timed_runs(request.budget_s))
    while runs < request.most_runs and time.perf_counter() - begin + first_s < request.budget_s:
        run()
        runs += 1
    timed, counted = read_trace(end_trace(opened), skip_runs=min(OPERATOR_WARM_UP, runs // 2))
    del opened, run
    tell(LOADING)
    shaping = _opened_with_trace(request, folder, prepacking=False)
    tell(RUNNING)
    guarded("run", session.plain_runner(shaping, feeds))
    shaped, _ = read_trace(end_trace(shaping))
    return OperatorsReply(timed, shaped, counted)


def _opened_with_trace(request: Operators, folder: str, *, prepacking: bool) -> Any:
    try:
        return session.open_session(
            request.model,
            level=request.level,
            threads=request.threads,
            device=request.device,
            trace=str(Path(folder, "trace" if prepacking else "shapes")),
            prepacking=prepacking,
        )
    except Exception as error:
        raise as_unrunnable(error) from error


def end_trace(opened: Any) -> list[dict[str, Any]]:
    """Stop a session's profiler; its events. The file is removed."""
    file = Path(opened.end_profiling())
    events: list[dict[str, Any]] = json.loads(file.read_bytes())
    file.unlink()
    return events
