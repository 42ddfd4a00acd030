"""Timing one configuration, and the operators, inside a worker."""

from __future__ import annotations

import gc
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from infercost.runtime import memory, session
from infercost.runtime.accelerator import device_memory_used
from infercost.runtime.jobs import Feeds, Tell, as_unrunnable, guarded, load_feeds, tell_nobody
from infercost.runtime.protocol import LOADING, RUNNING, Operators, OperatorsReply, Point, PointReply, Step
from infercost.runtime.sampling import MAX_SAMPLES, settled, target_samples
from infercost.runtime.trace import read_trace

if TYPE_CHECKING:
    from collections.abc import Callable

_WARM_UP_RUNS = 3
_WARM_UP_SHARE = 0.1
_WARM_UP_LIMIT_S = 0.3
_LEAST_S = 0.2
"""Shortest span of a measurement: a sample of one instant says nothing of the next."""
_CHECK_S = 0.05


def measure_point(request: Point, tell: Tell = tell_nobody) -> PointReply:
    """Load, warm up and time one configuration."""
    feeds = load_feeds(request.names, request.arrays)
    gc.collect()
    memory.reset_peak()
    before = memory.resident_bytes()
    device_before = device_memory_used() if request.device == "cuda" else None
    opened = _open(request, feeds, tell)
    tell(_timed_runs(request.budget_s))
    loop = _loop(opened, request.budget_s)
    grown = max(memory.peak_bytes(), memory.resident_bytes()) - before
    if device_before is not None:
        grown = (device_memory_used() or device_before) - device_before
    return PointReply(
        latencies_ns=loop.latencies,
        settled=loop.settled,
        load_s=opened.load_s,
        first_inference_s=opened.first_s,
        wall_s=loop.wall_s,
        cpu_s=loop.cpu_s,
        memory_bytes=max(0, grown),
        output_bytes=opened.output_bytes,
        binding=opened.bound,
    )


class _Opened(msgspec.Struct, frozen=True):
    run: Any
    arguments: tuple[Any, ...]
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
        begin = time.perf_counter()
        guarded("run", run, *arguments)
        first_s = time.perf_counter() - begin
        output_bytes = session.bound_output_bytes(binding)
        tell(RUNNING)
        if _repeats(run, arguments):
            return _Opened(run, arguments, load_s, first_s, output_bytes, bound=True)
    plain = session.plain_runner(opened, feeds)
    tell(RUNNING)
    begin = time.perf_counter()
    values = guarded("run", plain)
    first_s = time.perf_counter() - begin if binding is None else first_s
    output_bytes = sum(nbytes for *_, nbytes in session.describe_outputs(opened, values))
    return _Opened(plain, (), load_s, first_s, output_bytes, bound=False)


def _repeats(run: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Whether a bound run can be repeated: not where the file states another shape for an output than comes out."""
    try:
        run(*arguments)
    except Exception:  # noqa: BLE001 - ONNX Runtime's errors have no common base
        return False
    return True


class _Loop(msgspec.Struct, frozen=True):
    latencies: list[int]
    settled: bool
    wall_s: float
    cpu_s: float


def _loop(opened: _Opened, budget_s: float) -> _Loop:
    """Warm up, then time runs until the sample is settled and large enough, or the budget ends."""
    run, arguments, clock = opened.run, opened.arguments, time.perf_counter_ns
    end = clock() + round(budget_s * 1e9)
    typical_s = _warm_up(run, arguments, budget_s, opened.first_s)
    target = target_samples(typical_s, budget_s * (1 - _WARM_UP_SHARE))
    # Tiny models would fill the sample in an instant: let runs that are not timed stretch it.
    untimed = range(int(_LEAST_S / (MAX_SAMPLES * max(typical_s, 1e-7))))
    latencies: list[int] = []
    gc.disable()
    begin, cpu = clock(), time.process_time_ns()
    check, done = begin, False
    while True:
        for _ in untimed:
            run(*arguments)
        start = clock()
        run(*arguments)
        now = clock()
        latencies.append(now - start)
        if now < check and len(latencies) < MAX_SAMPLES:
            continue
        count = len(latencies)
        done = now - begin >= _LEAST_S * 1e9 and count >= target and settled(latencies)
        if done or now >= end or count >= MAX_SAMPLES:
            break
        check = min(clock() + round(_CHECK_S * 1e9), max(end, now))
    wall, used = clock() - begin, time.process_time_ns() - cpu
    gc.enable()
    return _Loop(latencies, done or settled(latencies), wall / 1e9, used / 1e9)


def _warm_up(run: Callable[..., Any], arguments: tuple[Any, ...], budget_s: float, first_s: float) -> float:
    """Run until caches, clocks and thread pools are awake; the shortest run, in seconds."""
    begin = time.perf_counter()
    limit = min(budget_s * _WARM_UP_SHARE, _WARM_UP_LIMIT_S)
    shortest, runs = first_s, 0
    while (runs < _WARM_UP_RUNS and shortest * (runs + 1) < budget_s) or time.perf_counter() - begin < limit:
        start = time.perf_counter()
        run(*arguments)
        shortest = min(shortest, time.perf_counter() - start)
        runs += 1
    return shortest


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
    timed, counted = read_trace(end_trace(opened), skip_runs=min(_WARM_UP_RUNS + 1, runs // 2))
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
