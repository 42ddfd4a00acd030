"""Measure a model on this machine: batch × threads, each in a process of its own."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from infercost._version import __version__
from infercost.domain.errors import ModelError
from infercost.domain.profile import LatencyStats, OperatorTime, Point, Profile, RawLatencies, Runtime
from infercost.domain.statistics import min_samples
from infercost.runtime.doubts import OPERATOR_RUNS_WANTED, Doubts, config_name
from infercost.runtime.inputs import check_samples, generate_inputs, save_arrays, tile_inputs
from infercost.runtime.machine import fingerprint_machine
from infercost.runtime.memory import available_bytes, needed_bytes
from infercost.runtime.names import openable, shown
from infercost.runtime.neighbours import busy_cpus
from infercost.runtime.operators import operator_times
from infercost.runtime.protocol import Failure, Operators, PointReply
from infercost.runtime.protocol import Point as PointRequest
from infercost.runtime.reasons import brief, model_error, runtime_version
from infercost.runtime.settings import (
    MeasureSettings,
    Progress,
    activation_bytes,
    cache_key,
    choose_device,
    plan_grid,
    precision_of,
)
from infercost.runtime.workers import ask_operators, ask_point

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infercost.domain.model import ModelFacts
    from infercost.runtime.protocol import Device, Level, ModelSource

__all__ = ["MeasureSettings", "Progress", "cache_key", "measure"]

_OPERATOR_SHARE = 0.12
"""Share of the budget kept for the profiler's pass over the operators."""
_START_S = 0.5
"""First guess of what starting a worker takes."""
_LEAST_POINT_S = 0.25
_RUNS_WANTED = 15
"""A point that cannot make so many runs is not begun, batch 1 excepted: a few to warm up, and a median's worth."""
_MOST_TRACE_RUNS = 1000
_TRACE_EVENTS = 100_000
_LONGEST_RAW_S = 42.9
"""``RawLatencies`` cuts longer ones."""


def measure(
    path: str | Path,
    facts: ModelFacts,
    *,
    inputs: Mapping[str, Any] | None = None,
    settings: MeasureSettings | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """Measure latency, memory and CPU use over batch sizes and threads, and time the operators.

    Args:
        path: the ``.onnx`` file.
        facts: what ``inspect`` said of it.
        inputs: real samples; repeated or cut to each batch size. Generated from ``facts`` when None.
        settings: how to measure.
        on_progress: called in this thread before each step and at the end.

    Raises:
        ModelError: the model does not fit into memory, or ONNX Runtime cannot run it.
        InputsError: ``inputs`` do not fit ``facts``.
        MissingExtraError: CUDA was asked for and this ONNX Runtime has none.
    """
    run = _Run(Path(path).resolve(), facts, inputs, settings or MeasureSettings(), on_progress)
    with TemporaryDirectory(prefix="infercost-") as folder:
        return run.profile(Path(folder))


@dataclass
class _Run:
    """One measurement under way."""

    path: Path
    facts: ModelFacts
    samples: Mapping[str, Any] | None
    settings: MeasureSettings
    on_progress: Callable[[Progress], None] | None
    levels: list[Level] = field(default_factory=lambda: ["all", "basic", "none"])
    warnings: list[str] = field(default_factory=list)
    item_s: dict[int, float] = field(default_factory=dict)
    """Shortest time that an item took so far, by threads."""
    start_s: float = _START_S
    doubts: Doubts = field(default_factory=Doubts)
    payload: tuple[int, int] = (0, 0)
    """Bytes of one item's inputs and outputs."""
    deadline: float = 0.0

    def profile(self, folder: Path) -> Profile:
        self._check()
        device = choose_device(self.settings.device)
        grid = plan_grid(self.facts, self.settings, device)
        self.doubts.busy_cpus = busy_cpus()
        self.deadline = time.perf_counter() + self.settings.budget_s
        points = self._points(grid, device, folder)
        self._tell("operators", len(grid), len(grid) + 1, "timing operators")
        operators = self._operators(device, folder)
        self._judge(points)
        self._tell("done", len(grid) + 1, len(grid) + 1, "")
        return Profile(
            infercost_version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            model=self.facts,
            machine=fingerprint_machine(),
            runtime=self._runtime(device),
            points=tuple(points),
            operators=operators,
            payload_in_bytes=self.payload[0],
            payload_out_bytes=self.payload[1],
            warnings=(*self.warnings, *self.doubts.lines()),
        )

    def _check(self) -> None:
        if self.samples is not None:
            check_samples(self.samples, self.facts)
        if not self.path.is_file():
            raise ModelError(f"no such model file: {shown(self.path)}; give the path of an .onnx file")
        need, free = needed_bytes(self.facts.file_bytes, activation_bytes(self.facts, 1)), available_bytes()
        if need > free:
            raise ModelError(
                f"{self.facts.name} needs about {need / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB is free; "
                "free some, or profile it on a larger machine"
            )

    def _points(self, grid: Sequence[tuple[int, int]], device: Device, folder: Path) -> list[Point]:
        points: list[Point] = []
        rest = list(grid)
        while rest:
            rest = self._drop_what_does_not_fit(rest)
            if not rest:
                break
            slack = max(0.0, self._time_left() - sum(self._least_s(*point) for point in rest))
            (batch, threads), rest = rest[0], rest[1:]
            self._tell("measuring", len(grid) - len(rest) - 1, len(grid) + 1, config_name(batch, threads))
            budget = max(_LEAST_POINT_S, self._least_s(batch, threads) - self.start_s + slack / (len(rest) + 1))
            point = self._point(batch, threads, device, budget, folder)
            if point is not None:
                points.append(point)
        return points

    def _time_left(self) -> float:
        return self.deadline - time.perf_counter() - _OPERATOR_SHARE * self.settings.budget_s

    def _predicted_s(self, batch: int, threads: int) -> float:
        """What one run should take, from the points measured so far."""
        return batch * self.item_s.get(threads, max(self.item_s.values(), default=0.0))

    def _least_s(self, batch: int, threads: int) -> float:
        """Time below which a point is not worth starting."""
        return max(_LEAST_POINT_S, _RUNS_WANTED * self._predicted_s(batch, threads)) + self.start_s

    def _drop_what_does_not_fit(self, rest: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Give up the largest batches that memory or the time left has no room for; single items stay."""
        kept = [point for point in rest if point[0] == 1 or not self._lacks_memory(point[0])]
        while sum(self._least_s(*point) for point in kept) > self._time_left():
            slow = [point for point in kept if point[0] > 1 and _RUNS_WANTED * self._predicted_s(*point) > _LEAST_POINT_S]
            if not slow:
                break
            batch, threads = max(slow, key=lambda point: (point[0], self._predicted_s(*point)))
            kept.remove((batch, threads))
            self.doubts.slow[batch, threads] = self._predicted_s(batch, threads)
        return kept

    def _lacks_memory(self, batch: int) -> bool:
        need, free = needed_bytes(self.facts.file_bytes, activation_bytes(self.facts, batch)), available_bytes()
        if need > free:
            self.doubts.large[batch] = (need, free)
        return need > free

    def _point(self, batch: int, threads: int, device: Device, budget: float, folder: Path) -> Point | None:
        names, arrays = self._feeds(batch, folder)
        request = PointRequest(
            model=self._source(folder),
            names=names,
            arrays=arrays,
            level=self.levels[0],
            threads=threads,
            device=device,
            budget_s=budget,
            deadline_s=self.settings.deadline_s,
        )
        begin = time.perf_counter()
        reply = ask_point(request, folder)
        if isinstance(reply, Failure) and not self.item_s:
            reply = self._lower_level(request, reply, folder)
        if isinstance(reply, Failure):
            self._give_up(reply, batch)
            return None
        self.start_s = max(0.05, time.perf_counter() - begin - reply.wall_s)
        self._learn(reply, batch, threads, device)
        return _point_of(reply, batch, threads, precision_of(self.facts), device)

    def _lower_level(self, request: PointRequest, failure: Failure, folder: Path) -> PointReply | Failure:
        """Try lower graph optimization: some valid graphs fail when ONNX Runtime optimizes them fully."""
        for level in self.levels[1:] if failure.stage in ("load", "run", "crash") else []:
            reply = ask_point(msgspec.structs.replace(request, level=level), folder)
            if not isinstance(reply, Failure):
                self.levels = self.levels[self.levels.index(level) :]
                self.warnings.append(
                    f"ran at {level.upper()} graph optimization; full optimization fails: {brief(failure.message)}"
                )
                return reply
        return failure

    def _give_up(self, failure: Failure, batch: int) -> None:
        """End the measurement, unless only a larger batch is at fault."""
        error = model_error(self.facts.name, failure, doing=f"running batch {batch} of", hint=_run_hint(failure))
        if batch == 1:
            raise error
        self.doubts.failed[batch] = str(error)

    def _learn(self, reply: PointReply, batch: int, threads: int, device: Device) -> None:
        typical = sorted(reply.latencies_ns)[(len(reply.latencies_ns) - 1) // 2] / 1e9
        self.item_s[threads] = min(self.item_s.get(threads, typical), typical / batch)
        if batch == 1:
            self.payload = (self.payload[0], reply.output_bytes)
        if threads == 1 and device == "cpu":
            self.doubts.on_cpu.append(reply.cpu_s / reply.wall_s if reply.wall_s > 0 else 1.0)

    def _judge(self, points: Sequence[Point]) -> None:
        """Note which figures are doubtful."""
        least = min_samples(50)
        self.doubts.unsettled = [(p.batch, p.threads) for p in points if not p.stable and p.latency_ms.count >= least]
        self.doubts.few = {(p.batch, p.threads): p.latency_ms.count for p in points if p.latency_ms.count < least}

    def _feeds(self, batch: int, folder: Path) -> tuple[list[str], str]:
        """Write the inputs for a batch where a worker finds them."""
        if self.samples is None:
            arrays = generate_inputs(self.facts, batch, self.settings.seed)
        else:
            arrays = tile_inputs(self.samples, self.facts.inputs, batch)
        names = [tensor.name for tensor in self.facts.inputs]
        file = folder / f"inputs-{batch}.npz"
        if not file.exists():
            save_arrays(file, [arrays[name] for name in names])
        if batch == 1:
            self.payload = (sum(_payload(arrays[name]) for name in names), self.payload[1])
        return names, str(file)

    def _source(self, folder: Path) -> ModelSource:
        return openable(self.path, folder, external_data=self.facts.file_bytes > self.path.stat().st_size)

    def _operators(self, device: Device, folder: Path) -> tuple[OperatorTime, ...]:
        names, arrays = self._feeds(1, folder)
        calls = max(1, sum(o.count for o in self.facts.operators))
        reply = ask_operators(
            Operators(
                model=self._source(folder),
                names=names,
                arrays=arrays,
                level=self.levels[0],
                threads=1,
                device=device,
                budget_s=_OPERATOR_SHARE * self.settings.budget_s,
                deadline_s=self.settings.deadline_s,
                most_runs=max(OPERATOR_RUNS_WANTED, min(_MOST_TRACE_RUNS, _TRACE_EVENTS // calls)),
            ),
            folder,
        )
        if isinstance(reply, Failure):
            self.warnings.append(f"operators could not be timed: {brief(reply.message)}")
            return ()
        self.doubts.operator_runs = reply.runs
        return operator_times(reply.timed, reply.shaped, reply.runs, {o.op_type: o for o in self.facts.operators})

    def _runtime(self, device: Device) -> Runtime:
        return Runtime(
            version=runtime_version(),
            execution_provider="CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider",
            graph_optimization=self.levels[0],
            python=platform.python_version(),
            settings={
                "inter_op_threads": "1",
                "spinning": "default",
                "budget_s": f"{self.settings.budget_s:g}",
                "inputs": "samples" if self.samples is not None else f"generated, seed {self.settings.seed}",
            },
        )

    def _tell(self, stage: Literal["measuring", "operators", "done"], done: int, total: int, detail: str) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(stage, done, total, detail))


def _point_of(reply: PointReply, batch: int, threads: int, precision: str, device: Device) -> Point:
    seconds = [ns / 1e9 for ns in reply.latencies_ns]
    raw = RawLatencies.pack(seconds) if max(seconds) < _LONGEST_RAW_S else None
    # What is stored is rounded; figures taken from it are those that a reader finds again.
    stats = LatencyStats.of(raw.seconds() if raw is not None else seconds)
    share = reply.cpu_s / (reply.wall_s * threads) if reply.wall_s > 0 else None
    return Point(
        batch=batch,
        threads=threads,
        precision=precision,
        device=device,
        latency_ms=stats,
        throughput_per_s=batch * 1e3 / stats.mean if stats.mean > 0 else 0.0,
        memory_bytes=reply.memory_bytes,
        cpu_utilization=None if share is None else min(1.0, share),
        load_s=reply.load_s,
        first_inference_s=reply.first_inference_s,
        stable=reply.settled,
        raw=raw,
    )


def _payload(array: Any) -> int:
    if array.dtype == object or array.dtype.kind == "U":
        return sum(len(str(text).encode()) for text in array.flat)
    return int(array.nbytes)


def _run_hint(failure: Failure) -> str:
    if failure.stage == "deadline":
        return "check it for a loop without end, or raise --budget if it is only slow"
    return "inspect it with other --dim sizes, or give real inputs with --inputs sample.npz" if failure.stage == "run" else ""
