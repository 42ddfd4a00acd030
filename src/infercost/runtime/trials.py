"""A search for the configuration of the highest throughput: batch × threads × workers × provider × precision."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from infercost.domain.errors import ModelError, UsageError
from infercost.domain.latency import LatencyStats, RawLatencies
from infercost.domain.scenario import Search, Trial
from infercost.domain.statistics import percentile
from infercost.runtime.fleet import Fleet
from infercost.runtime.inputs import check_samples
from infercost.runtime.machine import usable_cpus
from infercost.runtime.memory import available_bytes
from infercost.runtime.neighbours import busy_cpus
from infercost.runtime.noise import MOST_BUSY_CPUS, disturbed
from infercost.runtime.placement import Placement
from infercost.runtime.protocol import Failure
from infercost.runtime.reasons import brief
from infercost.runtime.searching import BATCHES, Outcome, Setup, best_of, full_grid, most_trials, suggest, worth_it
from infercost.runtime.settings import MeasureSettings, Progress, cache_key, choose_device, precision_of, usable_devices
from infercost.runtime.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infercost.domain.model import ModelFacts
    from infercost.domain.traffic import Slo
    from infercost.runtime.protocol import Device, SliceReply

_LEAST_TRIAL_S = 0.5
_SAMPLES = 1000
"""Latencies kept of each worker of a trial."""
_WORKER_BYTES = 100 << 20
_LONGEST_RAW_S = 42.9


class Memory(Protocol):
    """Where trials are kept, so that a search that was ended goes on where it was."""

    def recall(self, key: str) -> Trial | None:
        """The trial under a key; None when there is none."""

    def keep(self, key: str, trial: Trial) -> None:
        """Keep a trial at once."""


class Forgetful:
    """Keeps nothing."""

    def recall(self, key: str) -> Trial | None:  # noqa: ARG002 - one signature
        """None."""
        return None

    def keep(self, key: str, trial: Trial) -> None:
        """Drop it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One file of the model: the same function at one precision."""

    path: Path
    facts: ModelFacts


def search(
    variants: Mapping[str, Variant],
    *,
    inputs: Mapping[str, Any] | None = None,
    settings: MeasureSettings | None = None,
    slo: Slo | None = None,
    memory: Memory | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Search:
    """Find the configuration of the highest throughput in few trials.

    Args:
        variants: the model by precision; several files where there are variants.
        inputs: real samples, for all variants.
        settings: ``budget_s`` is for all trials together, ``batches`` and ``threads`` bound the grid, ``device``
            the providers (``auto``: all that are there).
        slo: promises on the latency of a batch that the best one must keep.
        memory: keeps trials between runs.
        on_progress: called before each trial.

    Raises:
        ModelError: no configuration runs.
        InputsError: ``inputs`` do not fit a variant.
        UsageError: more than one promise, or a batch that a variant cannot take.
    """
    settings = settings or MeasureSettings()
    if slo is not None and len(slo.targets) > 1:
        raise UsageError("a search keeps one latency promise; give one --slo, such as p99=50ms")
    with TemporaryDirectory(prefix="infercost-") as folder:
        run = _Search(dict(variants), inputs, settings, slo, memory or Forgetful(), on_progress, Path(folder))
        return run.search()


@dataclass
class _Search:
    variants: dict[str, Variant]
    samples: Mapping[str, Any] | None
    settings: MeasureSettings
    slo: Slo | None
    memory: Memory
    on_progress: Callable[[Progress], None] | None
    folder: Path
    subjects: dict[tuple[str, str], Subject] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)

    def search(self) -> Search:
        devices = usable_devices() if self.settings.device == "auto" else [choose_device(self.settings.device)]
        grid = self._grid(devices)
        most, limit = most_trials(len(grid)), self._limit()
        placement = Placement(pin=self.settings.pin and busy_cpus() < MOST_BUSY_CPUS)
        end = time.perf_counter() + self.settings.budget_s
        found: dict[Setup, Outcome] = {}
        stopped = f"{most} trials are the most for {len(grid)} configurations"
        while len(found) < most:
            chosen = suggest(grid, found, limit)
            if chosen is None:
                stopped = "every configuration that can run was tried"
                break
            setup, gain = chosen
            if not worth_it(gain, len(found), most):
                stopped = "no other configuration is expected to be better"
                break
            known = self._recall(setup)
            if known is None and found and time.perf_counter() + _LEAST_TRIAL_S > end:
                stopped = "the time was up; the same command goes on from here"
                break
            self._tell(len(found), most, setup.name)
            share = max(_LEAST_TRIAL_S, (end - time.perf_counter()) / (most - len(found)))
            trial = known or self._measure(setup, share, placement)
            self.trials.append(trial)
            found[setup] = Outcome(trial.undisturbed_per_s or trial.throughput_per_s, self._promised(trial))
        return self._result(grid, found, limit, stopped)

    def _result(self, grid: Sequence[Setup], found: dict[Setup, Outcome], limit: float | None, stopped: str) -> Search:
        if found and all(outcome.failed for outcome in found.values()):
            raise ModelError(f"no configuration of the search runs: {self.trials[0].failure}; try infercost profile without it")
        best = best_of(found, limit)
        return Search(
            grid=len(grid),
            trials=tuple(self.trials),
            best=None if best is None else list(found).index(best),
            slo=None if self.slo is None or not self.slo.targets else _promise(self.slo),
            stopped=stopped,
        )

    def _grid(self, devices: Sequence[Device]) -> list[Setup]:
        grid: list[Setup] = []
        for precision, variant in self.variants.items():
            if self.samples is not None:
                check_samples(self.samples, variant.facts)
            grows = variant.facts.batch_dim is not None
            if not grows and max(self.settings.batches or (1,)) > 1:
                raise UsageError(f"{variant.facts.name} has a fixed batch; search it with --batch 1")
            batches = (self.settings.batches or BATCHES) if grows else (1,)
            for device in devices:
                folder = self.folder / f"{len(self.subjects)}"
                folder.mkdir()
                subject = Subject(variant.path, variant.facts, self.samples, self.settings, folder, device)
                subject.check()
                self.subjects[device, precision] = subject
                setups = full_grid(usable_cpus(), batches, [(device, precision)], self.settings.threads)
                grid += [setup for setup in setups if self._has_room(subject, setup)]
        return grid

    @staticmethod
    def _has_room(subject: Subject, setup: Setup) -> bool:
        return setup.workers * (subject.needed_bytes(setup.batch) + _WORKER_BYTES) <= available_bytes()

    def _limit(self) -> float | None:
        return self.slo.targets[0].limit_ms if self.slo is not None and self.slo.targets else None

    def _promised(self, trial: Trial) -> float:
        """The promised figure of a trial's latency: the sample's own percentile, for want of enough for a bound."""
        if trial.latency_ms is None:
            return float("inf")
        quantile = self.slo.targets[0].quantile if self.slo is not None and self.slo.targets else None
        if quantile is None or trial.raw is None:
            return trial.latency_ms.mean
        return 1e3 * percentile(sorted(trial.raw.seconds()), 100 * quantile)

    def _key(self, setup: Setup) -> str:
        subject = self.subjects[setup.device, setup.precision]
        plain = replace(self.settings, budget_s=1.0, batches=None, threads=None, device="auto", loads=(), strict=False)
        what = (cache_key(subject.facts, self.samples, plain), setup)
        return hashlib.sha256(repr(what).encode()).hexdigest()

    def _recall(self, setup: Setup) -> Trial | None:
        return self.memory.recall(self._key(setup))

    def _measure(self, setup: Setup, budget_s: float, placement: Placement) -> Trial:
        begin = time.perf_counter()
        subject = self.subjects[setup.device, setup.precision]
        fleet = Fleet.start(subject, setup.batch, setup.threads, setup.workers, placement)
        if isinstance(fleet, Failure):
            trial = _failed(setup, fleet)
        else:
            try:
                trial = self._run(fleet, setup, max(_LEAST_TRIAL_S / 2, budget_s - (time.perf_counter() - begin)))
            finally:
                fleet.close()
        self.memory.keep(self._key(setup), trial)
        return trial

    @staticmethod
    def _run(fleet: Fleet, setup: Setup, budget_s: float) -> Trial:
        """Two halves of the time; a third try when both were disturbed. The best half counts: others only slow down."""
        halves: list[list[SliceReply]] = []
        on_cpu = setup.device == "cpu"
        while len(halves) < 2 or (len(halves) == 2 and not any(_quiet(half, setup.threads, on_cpu) for half in halves)):
            replies = fleet.run(budget_s / 2, _SAMPLES)
            if isinstance(replies, Failure):
                return _failed(setup, replies)
            halves.append(replies)
        return _trial(setup, max(halves, key=lambda half: undisturbed(half, setup.batch, setup.threads)), halves)

    def _tell(self, done: int, total: int, detail: str) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress("search", done, total, detail))


def _quiet(replies: Sequence[SliceReply], threads: int, on_cpu: bool) -> bool:
    return not any(disturbed(reply.cost, threads, on_cpu=on_cpu) for reply in replies)


def _throughput(replies: Sequence[SliceReply], batch: int) -> float:
    return sum(reply.runs * batch / reply.cost.wall_s for reply in replies if reply.cost.wall_s > 0)


def undisturbed(replies: Sequence[SliceReply], batch: int, threads: int) -> float:
    """Items a second had no runnable thread waited for a CPU: what waiting took is left out of the time.

    Threads that spin while they wait for each other count as working; a pair of which one was held up is
    corrected by half of what it lost, so this is a lower bound of the quiet machine's throughput.
    """
    total = 0.0
    for reply in replies:
        waited = (reply.cost.waited_s or 0.0) / threads
        seconds = max(reply.cost.wall_s - waited, reply.cost.cpu_s / threads)
        total += reply.runs * batch / seconds if seconds > 0 else 0.0
    return total


def _trial(setup: Setup, chosen: Sequence[SliceReply], halves: Sequence[Sequence[SliceReply]]) -> Trial:
    seconds = [ns / 1e9 for reply in chosen for ns in reply.latencies_ns]
    raw = RawLatencies.pack(seconds) if max(seconds) < _LONGEST_RAW_S else None
    seconds = raw.seconds() if raw is not None else seconds
    host = max(sum(reply.steady_bytes for reply in half) for half in halves)
    device = max(sum(reply.memory_bytes for reply in half) for half in halves)
    return Trial(
        batch=setup.batch,
        threads=setup.threads,
        workers=setup.workers,
        device=setup.device,
        precision=setup.precision,
        throughput_per_s=_throughput(chosen, setup.batch),
        undisturbed_per_s=undisturbed(chosen, setup.batch, setup.threads) if setup.device == "cpu" else None,
        latency_ms=LatencyStats.of(seconds),
        memory_bytes=host if setup.device in ("cpu", "openvino") else device,
        raw=raw,
    )


def _failed(setup: Setup, failure: Failure) -> Trial:
    return Trial(
        batch=setup.batch,
        threads=setup.threads,
        workers=setup.workers,
        device=setup.device,
        precision=setup.precision,
        throughput_per_s=0.0,
        latency_ms=None,
        failure=brief(failure.message),
    )


def _promise(slo: Slo) -> str:
    target = slo.targets[0]
    return f"{target.metric}={target.limit_ms:g}ms"


def named_variants(main: Variant, others: Mapping[str, Variant]) -> dict[str, Variant]:
    """The model and its variants by precision: the model's own by the type of its weights.

    Raises:
        UsageError: two of one name.
    """
    own = precision_of(main.facts)
    if own in others:
        raise UsageError(f"{main.facts.name} is {own} itself; name the variant otherwise, such as --variant {own}-b=FILE")
    return {own: main, **others}
