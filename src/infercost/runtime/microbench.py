"""What this machine attains through ONNX Runtime itself: products, a convolution, memory, dispatch.

Each figure is the lower quartile of the medians of short blocks, one a round: what disturbs a block
only ever slows it down, and a single lucky block proves nothing. Rounds in which even a chain of
trivial nodes ran slower than it can (a neighbour on the same core, a lower clock) do not count, nor do
blocks of a single thread that others kept from the CPU.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import msgspec

from infercost._version import __version__
from infercost.domain.errors import InfercostError
from infercost.domain.hardware import Ceilings
from infercost.domain.microbench import Microbenchmark, Microbenchmarks
from infercost.runtime.machine import fingerprint_machine, usable_cores
from infercost.runtime.memory import available_bytes
from infercost.runtime.microbench_kernels import DISPATCH_NODES, kernels
from infercost.runtime.microbench_worker import Reply, Request, spread_of
from infercost.runtime.neighbours import busy_cpus
from infercost.runtime.reasons import runtime_version
from infercost.runtime.workers import QUIET_RUNTIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.runtime.microbench_kernels import Kernel
    from infercost.runtime.microbench_worker import Block

__all__ = ["BUDGET_S", "microbenchmark"]

BUDGET_S = 10.0
"""Seconds of measuring at most; a quiet machine needs about half."""
_GRACE_S = 60.0
_ON_CPU = 0.9
"""CPU time over wall time and threads; below it, others had the CPU. Threads that wait spin."""
_CANARY = 1.1
"""A round whose trivial nodes took this many times the least was disturbed."""
_LEAST_BLOCKS = 3
_BUSY_CPUS = 0.25
_DISTURBED = 0.5
"""From this share of blocks on that others disturbed, a warning is due."""
_ROOT = Path(__file__).parents[2]
_BOOT = "import sys; sys.path.append(sys.argv[1]); from infercost.runtime.microbench_worker import main; main()"


@dataclass(frozen=True, slots=True)
class _Result:
    kernel: Kernel
    seconds: float
    """One run, without what calling a session costs."""
    spread: float
    blocks: int
    disturbed: float


def microbenchmark(*, measured_on: str = "", budget_s: float = BUDGET_S) -> Microbenchmarks:
    """Measure this machine, in a process of its own.

    Args:
        measured_on: how to call the machine: its CPU family or instance type; its CPU's name if empty.
        budget_s: seconds after which no further round is begun.

    Raises:
        InfercostError: ONNX Runtime cannot run the kernels here.
    """
    begin = time.perf_counter()
    machine = fingerprint_machine()
    busy = busy_cpus()
    cores, memory = usable_cores(), available_bytes()
    with TemporaryDirectory(prefix="infercost-") as folder:
        reply = _ask(Request(cores, memory, budget_s, folder))
    figures, ceilings = assemble(kernels(cores, memory), reply.blocks, cores, measured_on or machine.cpu_model)
    return Microbenchmarks(
        infercost_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        fingerprint=machine.fingerprint,
        seconds=round(time.perf_counter() - begin, 2),
        ceilings=ceilings,
        figures=figures,
        warnings=_warnings(busy, figures),
    )


def assemble(
    ran: Sequence[Kernel], blocks: Sequence[Sequence[Block]], cores: int, measured_on: str
) -> tuple[tuple[Microbenchmark, ...], Ceilings]:
    """Figures and ceilings from the raw blocks.

    Raises:
        InfercostError: a kernel without which nothing can be said did not run.
    """
    quiet = _quiet_rounds(ran, blocks)
    results = [_result(kernel, of_kernel, quiet) for kernel, of_kernel in zip(ran, blocks, strict=True) if of_kernel]
    chains = {r.kernel.size: r for r in results if r.kernel.kind == "dispatch"}
    if not set(DISPATCH_NODES) <= set(chains) or not any(r.kernel.name == "gemm_fp32" for r in results):
        raise InfercostError(
            f"ONNX Runtime {runtime_version()} cannot run the microbenchmarks here; run: pip install -U onnxruntime"
        )
    short, long = (chains[nodes] for nodes in DISPATCH_NODES)
    node_s = max(1e-9, (long.seconds - short.seconds) / (long.kernel.size - short.kernel.size))
    call_s = max(0.0, short.seconds - short.kernel.size * node_s)
    figures = [_figure(r, node_s, call_s) for r in results if r.kernel.kind != "dispatch"]
    figures += [_clock_figure("dispatch", node_s * 1e6, long), _clock_figure("call", call_s * 1e6, short)]
    return tuple(figures), _ceilings(results, node_s, call_s, cores, measured_on)


def _quiet_rounds(ran: Sequence[Kernel], blocks: Sequence[Sequence[Block]]) -> frozenset[int]:
    """Rounds in which the longest chain of trivial nodes ran as fast as it can here."""
    canary = max((pair for pair in zip(ran, blocks, strict=True) if pair[0].kind == "dispatch"), key=lambda p: p[0].size)[1]
    least = min((block.seconds for block in canary), default=0.0)
    return frozenset(i for i, block in enumerate(canary) if block.seconds <= _CANARY * least)


def _result(kernel: Kernel, blocks: Sequence[Block], quiet: frozenset[int]) -> _Result:
    kept = [block.seconds for i, block in enumerate(blocks) if i in quiet and block.share >= _ON_CPU]
    disturbed = 1 - len(kept) / len(blocks)
    enough = len(kept) >= _LEAST_BLOCKS
    used = kept if enough else [block.seconds for block in blocks]
    # Where every block was slowed down, the fastest is the nearest to the truth.
    seconds = quantiles(used, n=4, method="inclusive")[0] if enough else min(used)
    return _Result(kernel, seconds, spread_of(used), len(used), disturbed)


def _rate(result: _Result, node_s: float, call_s: float) -> float:
    """GFLOP/s or GB/s, without what dispatch and the call take."""
    own = result.seconds - call_s - result.kernel.nodes * node_s
    return result.kernel.work / max(own, 0.1 * result.seconds) / 1e9


def _figure(result: _Result, node_s: float, call_s: float) -> Microbenchmark:
    return Microbenchmark(
        name=result.kernel.name,
        unit="GB/s" if result.kernel.kind == "bandwidth" else "GFLOP/s",
        threads=result.kernel.threads,
        value=_round(_rate(result, node_s, call_s)),
        spread=_round(result.spread),
        blocks=result.blocks,
        disturbed=_round(result.disturbed),
    )


def _clock_figure(name: Literal["dispatch", "call"], microseconds: float, result: _Result) -> Microbenchmark:
    return Microbenchmark(
        name=name,
        unit="us",
        threads=1,
        value=_round(microseconds),
        spread=_round(result.spread),
        blocks=result.blocks,
        disturbed=_round(result.disturbed),
    )


def _ceilings(results: Sequence[_Result], node_s: float, call_s: float, cores: int, measured_on: str) -> Ceilings:
    def rates(kind: str, threads: int) -> dict[str, float]:
        chosen = [r for r in results if r.kernel.kind == kind and r.kernel.threads == threads]
        return {r.kernel.precision: _round(_rate(r, node_s, call_s)) for r in chosen}

    sweep = [r for r in results if r.kernel.kind == "bandwidth"]
    alone = {r.kernel.size: _round(_rate(r, node_s, call_s)) for r in sweep if r.kernel.threads == 1}
    one, together = rates("gemm", 1), [_round(_rate(r, node_s, call_s)) for r in sweep if r.kernel.threads == cores]
    largest = alone[max(alone)] if alone else 0.0
    return Ceilings(
        gemm_gflops=one,
        conv_gflops=rates("conv", 1),
        bandwidth_gbps=tuple(sorted(alone.items())),
        dispatch_us=_round(node_s * 1e6),
        skinny_gemm_gflops=rates("skinny", 1),
        threads=cores,
        # All cores attain at least what one does; a lower figure only says that they were not all free.
        all_threads_gemm_gflops={key: max(rate, one.get(key, 0.0)) for key, rate in rates("gemm", cores).items()},
        all_threads_bandwidth_gbps=max(together[-1], largest) if together else None,
        source=f"infercost {__version__} microbenchmarks on ONNX Runtime {runtime_version()}",
        measured_on=measured_on,
    )


def _round(value: float) -> float:
    """Four digits: more would be noise."""
    return float(f"{value:.4g}")


def _warnings(busy: float, figures: Sequence[Microbenchmark]) -> tuple[str, ...]:
    lost = sum(figure.disturbed for figure in figures) / len(figures)
    facts = []
    if busy >= _BUSY_CPUS:
        facts.append(f"other processes were using {busy:.1f} CPUs when it began")
    if lost >= _DISTURBED:
        facts.append(f"{lost:.0%} of the blocks were disturbed")
    if not facts:
        return ()
    return (f"the machine was busy: {' and '.join(facts)}; figures may be too low, quiet it and run: infercost doctor --fresh",)


def _ask(request: Request) -> Reply:
    """Run the worker; see ``microbench_worker``."""
    command = [sys.executable, "-P", "-c", _BOOT, str(_ROOT)]
    try:
        done = subprocess.run(
            command,
            input=msgspec.json.encode(request),
            capture_output=True,
            env={**QUIET_RUNTIME, **environ},
            timeout=request.budget_s + _GRACE_S,
            check=False,
        )
        return msgspec.json.decode(done.stdout, type=Reply)
    except (subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        reason = "they did not end in time"
        if isinstance(error, msgspec.DecodeError):
            lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
            reason = lines[-1].strip() if lines else f"exit status {done.returncode}"
        raise InfercostError(f"the microbenchmarks failed: {reason}; run: infercost doctor --no-bench") from None
