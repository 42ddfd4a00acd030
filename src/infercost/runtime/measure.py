"""Measure a model on this machine: batch × threads in turns, each in a process of its own; operators; scenarios."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from infercost._version import __version__
from infercost.domain.errors import NoisyMachineError
from infercost.domain.profile import OperatorCall, OperatorTime, Point, Profile, Runtime
from infercost.domain.statistics import min_samples
from infercost.runtime.doubts import OPERATOR_RUNS_WANTED, Doubts
from infercost.runtime.inputs import check_samples
from infercost.runtime.machine import fingerprint_machine, usable_cores
from infercost.runtime.neighbours import busy_cpus, neighbour_warning
from infercost.runtime.noise import MOST_BUSY_CPUS, signs, summarize
from infercost.runtime.operators import operator_calls, operator_times
from infercost.runtime.placement import Placement
from infercost.runtime.points import PointMeter
from infercost.runtime.protocol import Failure, Operators
from infercost.runtime.reasons import brief, runtime_version
from infercost.runtime.scenarios import run_load
from infercost.runtime.session import PROVIDERS
from infercost.runtime.settings import (
    Load,
    MeasureSettings,
    Progress,
    cache_key,
    choose_device,
    plan_grid,
)
from infercost.runtime.subject import Subject
from infercost.runtime.workers import ask_operators

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infercost.domain.model import ModelFacts
    from infercost.domain.scenario import Noise, ScenarioRun
    from infercost.runtime.doubts import Config
    from infercost.runtime.protocol import Device

__all__ = ["Load", "MeasureSettings", "Progress", "cache_key", "measure"]

_OPERATOR_SHARE = 0.12
"""Share of the budget kept for the profiler's pass over the operators."""
_MOST_OPERATOR_SHARE = 0.3
"""What it may take when the model is slow, so that the shares rest on enough runs."""
_SCENARIO_SHARE = 0.5
_MOST_TRACE_RUNS = 1000
_TRACE_EVENTS = 100_000
_OPERATOR_RUNS = OPERATOR_RUNS_WANTED + 4
"""With the runs that warm up."""


def measure(
    path: str | Path,
    facts: ModelFacts,
    *,
    inputs: Mapping[str, Any] | None = None,
    settings: MeasureSettings | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """Measure latency, memory and CPU use over batch sizes and threads, time the operators, run the scenarios.

    Args:
        path: the ``.onnx`` file.
        facts: what ``inspect`` said of it.
        inputs: real samples; repeated or cut to each batch size. Generated from ``facts`` when None.
        settings: how to measure.
        on_progress: called in this thread before each step and at the end.

    Raises:
        ModelError: the model does not fit into memory, or ONNX Runtime cannot run it.
        InputsError: ``inputs`` do not fit ``facts``.
        MissingExtraError: an accelerator was asked for and this ONNX Runtime has none.
        NoisyMachineError: the machine was busy, and the settings are strict.
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
    doubts: Doubts = field(default_factory=Doubts)
    steps: int = 0

    def profile(self, folder: Path) -> Profile:
        if self.samples is not None:
            check_samples(self.samples, self.facts)
        device = choose_device(self.settings.device)
        subject = Subject(self.path, self.facts, self.samples, self.settings, folder, device)
        subject.check()
        grid = plan_grid(self.facts, self.settings, device)
        self.steps = len(grid) + 1 + len(self.settings.loads)
        self.doubts.busy_cpus = busy_cpus()
        self._refuse(neighbour_warning(self.doubts.busy_cpus))
        begin = time.perf_counter()
        meter = self._meter(subject, begin)
        points = meter.measure(grid)
        self._tell("operators", len(grid), "timing operators")
        operators, calls, runs = self._operators(subject, self._least_typical_s(points))
        scenarios = self._scenarios(subject, meter, begin + self.settings.budget_s, len(grid) + 1)
        noise = self._noise(meter, grid)
        self._judge(points)
        self._tell("done", self.steps, "")
        return Profile(
            infercost_version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            model=self.facts,
            machine=fingerprint_machine(),
            runtime=self._runtime(subject, device),
            points=tuple(points),
            operators=operators,
            operator_calls=calls,
            operator_runs=runs,
            payload_in_bytes=subject.payload[0],
            payload_out_bytes=subject.payload[1],
            warnings=(*subject.warnings, *self.doubts.lines()),
            scenarios=tuple(scenarios),
            noise=noise,
        )

    def _meter(self, subject: Subject, begin: float) -> PointMeter:
        shared = _OPERATOR_SHARE + (_SCENARIO_SHARE if self.settings.loads else 0.0)
        return PointMeter(
            subject=subject,
            placement=Placement(pin=self.settings.pin and self.doubts.busy_cpus < MOST_BUSY_CPUS),
            doubts=self.doubts,
            deadline=begin + (1 - shared) * self.settings.budget_s,
            tell=lambda done, detail: self._tell("measuring", done, detail),
        )

    def _refuse(self, reason: str | None) -> None:
        """End it where the machine is busy and that is not wanted."""
        if reason is not None and self.settings.strict:
            raise NoisyMachineError(f"{reason}; without --strict it is measured all the same")

    def _noise(self, meter: PointMeter, grid: Sequence[Config]) -> Noise:
        noise = summarize(
            meter.turns,
            busy_before=self.doubts.busy_cpus,
            cpus=os.cpu_count() or 1,
            interleaved=len(grid) > 1,
            pinned=meter.pinned,
        )
        self.doubts.noise = signs(noise)
        self._refuse(self.doubts.noise_line())
        return noise

    def _judge(self, points: Sequence[Point]) -> None:
        """Note which figures are doubtful."""
        least = min_samples(50)
        self.doubts.unsettled = [(p.batch, p.threads) for p in points if not p.stable and p.latency_ms.count >= least]
        self.doubts.few = {(p.batch, p.threads): p.latency_ms.count for p in points if p.latency_ms.count < least}

    @staticmethod
    def _least_typical_s(points: Sequence[Point]) -> float:
        return min((p.latency_ms.typical / 1e3 for p in points if p.batch == 1 and p.threads == 1), default=0.0)

    def _operators(
        self, subject: Subject, typical_s: float
    ) -> tuple[tuple[OperatorTime, ...], tuple[OperatorCall, ...], int | None]:
        names, arrays = subject.feeds(1)
        nodes = max(1, sum(o.count for o in self.facts.operators))
        budget = self.settings.budget_s
        enough = 1.5 * _OPERATOR_RUNS * typical_s
        reply = ask_operators(
            Operators(
                model=subject.source(),
                names=names,
                arrays=arrays,
                level=subject.levels[0],
                threads=1,
                device=subject.device,
                budget_s=min(max(_OPERATOR_SHARE * budget, enough), _MOST_OPERATOR_SHARE * budget),
                deadline_s=self.settings.deadline_s,
                most_runs=max(_OPERATOR_RUNS, min(_MOST_TRACE_RUNS, _TRACE_EVENTS // nodes)),
            ),
            subject.folder,
        )
        if isinstance(reply, Failure):
            subject.warnings.append(f"operators could not be timed: {brief(reply.message)}")
            return (), (), None
        self.doubts.operator_runs = reply.runs
        known = {o.op_type: o for o in self.facts.operators}
        times = operator_times(reply.timed, reply.shaped, reply.runs, known)
        return times, operator_calls(reply.timed, reply.shaped, reply.runs), reply.runs

    def _scenarios(self, subject: Subject, meter: PointMeter, end: float, done: int) -> list[ScenarioRun]:
        runs = []
        for index, load in enumerate(self.settings.loads):
            self._tell("scenarios", done + index, f"{load.scenario} scenario")
            share = max(1.0, (end - time.perf_counter()) / (len(self.settings.loads) - index))
            run, turns = run_load(subject, load, meter.placement, budget_s=share, cores=usable_cores())
            runs.append(run)
            meter.turns += turns
        return runs

    def _runtime(self, subject: Subject, device: Device) -> Runtime:
        return Runtime(
            version=runtime_version(),
            execution_provider=PROVIDERS[device][0],
            graph_optimization=subject.levels[0],
            python=platform.python_version(),
            settings={
                "inter_op_threads": "1",
                "spinning": "default",
                "budget_s": f"{self.settings.budget_s:g}",
                "inputs": "samples" if self.samples is not None else f"generated, seed {self.settings.seed}",
            },
        )

    def _tell(self, stage: Literal["measuring", "operators", "scenarios", "done"], done: int, detail: str) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(stage, min(done, self.steps), self.steps, detail))
