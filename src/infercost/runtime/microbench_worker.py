"""The process that runs the microbenchmarks: reads one request from stdin, writes one reply to stdout.

All kernels share one process, since starting one for each would cost more than measuring; they are
interleaved, so that a drift of clocks or a neighbour's burst touches all alike.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import msgspec

from infercost.runtime import session
from infercost.runtime.microbench_kernels import build, kernels
from infercost.runtime.protocol import ModelSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infercost.runtime.microbench_kernels import Kernel

TOLERANCE = 0.02
LEAST_ROUNDS = 5
_ENOUGH_ROUNDS = 10
_MOST_ROUNDS = 60
_BLOCK_S = 0.01
_MOST_RUNS = 400
_SLOW_S = 0.01
"""A run longer than this needs no other to warm it up."""
_PAUSE_S = 0.01
"""ONNX Runtime's idle threads spin a while: they must not do so in the next kernel's block."""


class Request(msgspec.Struct, frozen=True):
    """What to run for how long."""

    cores: int
    memory_bytes: int
    budget_s: float
    folder: str


class Block(msgspec.Struct, frozen=True):
    """A few runs of one kernel, back to back."""

    seconds: float
    """A run. On one thread the median, or the mean CPU time where that is less, for then others had the CPU;
    on several the least, for any one of them that waits holds up the others.
    """
    share: float
    """CPU time over wall time and threads, 0..1."""


class Reply(msgspec.Struct, frozen=True):
    """Blocks of every kernel by its place in ``kernels``, one a round; what does not run here has none."""

    blocks: list[list[Block]]
    seconds: float


class _Opened(msgspec.Struct):
    kernel: Any
    run: Any
    arguments: tuple[Any, ...]
    keep: Any
    """What the run refers to."""
    typical_s: float
    blocks: list[Block]


def main() -> None:
    """Answer one request."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    reply = measure(msgspec.json.decode(sys.stdin.buffer.read(), type=Request))
    out.write(msgspec.json.encode(reply) + b"\n")
    out.flush()
    os._exit(0)


def measure(request: Request) -> Reply:
    """Run every kernel once a round, until all figures hold still or the budget is spent.

    Kernels that hold still go on: what disturbs a machine comes and goes within seconds, and a figure
    must not rest on the one second in which it was taken.
    """
    session.silence()
    begin = time.perf_counter()
    opened = [_open(kernel, Path(request.folder)) for kernel in kernels(request.cores, request.memory_bytes)]
    ready = [one for one in opened if one is not None]
    gc.disable()
    round_s = 0.0
    for number in range(_MOST_ROUNDS):
        start = time.perf_counter()
        if number >= LEAST_ROUNDS and start - begin + round_s > request.budget_s:
            break
        for one in ready:
            one.blocks.append(_block(one))
        round_s = time.perf_counter() - start
        if number >= _ENOUGH_ROUNDS and all(spread_of([b.seconds for b in one.blocks]) <= TOLERANCE for one in ready):
            break
    return Reply([[] if one is None else one.blocks for one in opened], time.perf_counter() - begin)


def spread_of(seconds: Sequence[float]) -> float:
    """Half the distance between the quartiles, relative to the median."""
    if len(seconds) < 2:
        return 1.0
    low, middle, high = quantiles(seconds, n=4, method="inclusive")
    return (high - low) / 2 / middle if middle > 0 else 0.0


def _open(kernel: Kernel, folder: Path) -> _Opened | None:
    """A session and its binding, run once; None where ONNX Runtime has no such kernel here."""
    model, arrays = build(kernel)
    file = folder / f"{kernel.name}-{kernel.threads}.onnx"
    file.write_bytes(model.SerializeToString())
    try:
        inference = session.open_session(ModelSource(str(file)), level="all", threads=kernel.threads)
        binding = session.bind(inference, arrays, "cpu")
        run, arguments = session.bound_runner(inference, binding)
        run(*arguments)
    except Exception:  # noqa: BLE001 - ONNX Runtime's errors have no common base
        return None
    finally:
        file.unlink()
    start = time.perf_counter()
    run(*arguments)
    return _Opened(kernel, run, arguments, (inference, binding), max(time.perf_counter() - start, 1e-7), [])


def _block(one: _Opened) -> Block:
    if one.typical_s < _SLOW_S:
        one.run(*one.arguments)
    runs = max(1, min(_MOST_RUNS, round(_BLOCK_S / one.typical_s)))
    timed = _timed(one.run, one.arguments, runs, time.thread_time if one.kernel.threads == 1 else time.process_time)
    threads = one.kernel.threads
    one.typical_s = max(min(timed.runs) if threads > 1 else min(median(timed.runs), timed.cpu / runs), 1e-7)
    if threads > 1:
        time.sleep(_PAUSE_S)
    share = timed.cpu / (timed.wall * threads) if timed.wall > 0 else 1.0
    return Block(one.typical_s, min(1.0, share))


class _Timed(msgspec.Struct, frozen=True):
    runs: list[float]
    wall: float
    cpu: float


def _timed(run: Callable[..., Any], arguments: tuple[Any, ...], count: int, cpu_clock: Callable[[], float]) -> _Timed:
    clock, seconds = time.perf_counter, []
    begin, cpu = clock(), cpu_clock()
    for _ in range(count):
        start = clock()
        run(*arguments)
        seconds.append(clock() - start)
    return _Timed(seconds, clock() - begin, cpu_clock() - cpu)
