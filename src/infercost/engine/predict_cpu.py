"""CPU predictions: measured latencies, split by the roofline and scaled part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from infercost.domain.prediction import PredictedPoint, Serving
from infercost.engine.measured import allowed_batches, seconds_measured, typical_cv, worker_memory
from infercost.engine.roofline import NO_FIT, SERIAL_PRIOR, Core, Operators, Parts, combine, graph_seconds, slowdown, split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infercost.domain.coefficients import Coefficients, Stratum
    from infercost.domain.hardware import CpuFamily, Hardware
    from infercost.domain.profile import Profile
    from infercost.engine.roofline import Floats

MAX_SHAPES = 6
MAX_THREADS = 32
"""More threads to one worker gain nothing in any of the data behind docs/accuracy.md."""
MAX_RESIDUAL = 0.25
"""What the thread law misses on the measured machine (log) is carried to other hardware up to this."""
DISTURBED = 1.1
"""More threads that take this much longer than fewer say that the machine was busy, not how the model scales."""
EFFICIENCY_CORES = ("intel-core-hybrid", "apple-")
"""Families whose threads run at two speeds: their own stratum."""
MAX_MISSED = float(np.log(4))
"""A model that is further from its graph's figures is not of the kind that was fitted; more is not drawn towards them."""
RESIDUAL_REACH = 8
"""Beyond this multiple of the most threads measured, nothing is left of what the thread law missed."""


def serving_shapes(target: Hardware) -> list[tuple[int, int]]:
    """Sensible (workers, threads): one thread each, all threads to one, pairs, whole cores, powers between."""
    n = max(1, target.vcpus)
    cores = max(1, int(target.cores))
    threads = [t for t in (1, n, 2, 4, 16, 8, MAX_THREADS) if t <= min(n, MAX_THREADS)]
    shapes = [(n // t, t) for t in threads] + [(cores, 1), (1, min(cores, MAX_THREADS))]
    return list(dict.fromkeys(shapes))[:MAX_SHAPES]


@dataclass(frozen=True, slots=True)
class BatchLaw:
    """One measured batch size: its time by parts, and how threads divide it."""

    size: int
    parts: Parts
    serial: float
    residual_at: Floats
    """log2 of the thread counts at which ``residual`` holds."""
    residual: Floats
    """Log of measured over modelled seconds on the measured machine."""
    disturbed: bool
    """The thread measurements were not believed."""
    missed: float
    """Log of measured over modelled single-thread seconds: what the graph's figures do not say of this model."""

    @classmethod
    def fit(
        cls, size: int, seconds: Mapping[int, float], base: int, *, operators: Operators, source: Hardware, core: Core
    ) -> BatchLaw:
        """Fit to seconds by thread count; ``base`` is the fewest threads measured."""
        most = max(seconds)
        disturbed = seconds[most] > DISTURBED * seconds[base]
        serial = SERIAL_PRIOR if disturbed else _serial_share(base, seconds[base], most, seconds[most])
        single = seconds[base] / (serial + (1 - serial) / base)
        parts = split(single, size, operators, core=core, hardware=source)
        counts = np.array(sorted(seconds), dtype=float)
        law = slowdown(source, source, np.ones_like(counts), counts, cores=(core, core))
        modelled = combine(parts, law, counts, serial, operators.nodes)
        missed = np.log(np.array([seconds[int(t)] for t in counts]) / modelled)
        return cls(
            size=size,
            parts=parts,
            serial=serial,
            residual_at=np.append(np.log2(counts), np.log2(RESIDUAL_REACH * counts[-1])),
            residual=np.append(missed, 0.0),
            disturbed=disturbed,
            missed=_missed(single, graph_seconds(size, operators, source, core)),
        )

    def correction(self, threads: Floats, *, here: bool) -> Floats:
        """Factor for what the law misses at measured thread counts, fading out beyond them.

        On the measured machine itself (``here``) it is exact; elsewhere it is bounded.
        """
        if self.disturbed and not here:
            return np.ones_like(threads)
        reach = np.inf if here else MAX_RESIDUAL
        return np.asarray(np.exp(np.interp(np.log2(threads), self.residual_at, np.clip(self.residual, -reach, reach))))


def filled(seconds: Mapping[int, Mapping[int, float]], base: int) -> dict[int, Mapping[int, float]]:
    """Where a batch was measured on ``base`` threads alone, its gain from more is interpolated between other batches."""
    known: dict[int, dict[int, float]] = {}
    for batch, by_threads in sorted(seconds.items()):
        for threads, value in by_threads.items():
            if threads != base:
                known.setdefault(threads, {})[batch] = float(np.log(value / by_threads[base]))
    full: dict[int, Mapping[int, float]] = {}
    for batch, by_threads in seconds.items():
        full[batch] = by_threads
        if len(by_threads) == 1:
            gains = {t: np.interp(np.log(batch), np.log(list(at)), list(at.values())) for t, at in known.items()}
            full[batch] = {base: by_threads[base], **{t: by_threads[base] * float(np.exp(g)) for t, g in gains.items()}}
    return full


def _missed(measured: float, modelled: float | None) -> float:
    return 0.0 if modelled is None else float(np.clip(np.log(measured / modelled), -MAX_MISSED, MAX_MISSED))


def _serial_share(base: int, at_base: float, most: int, at_most: float) -> float:
    """Amdahl's serial share from two thread counts, drawn towards the prior where they are close."""
    if most == base:
        return SERIAL_PRIOR
    step = base / most
    fitted = float(np.clip((at_most / at_base - step) / (1 - step), 0.01, 1.0))
    return (1 - step) * fitted + step * SERIAL_PRIOR


@dataclass(frozen=True, slots=True)
class CpuModel:
    """A profile's CPU points, ready to be scaled."""

    source: Hardware
    operators: Operators
    batches: tuple[BatchLaw, ...]
    memory: Callable[[int], int]
    cv: float
    fit: Coefficients
    cores: dict[str, Core]
    """Ceilings of the families met so far, by key."""

    @classmethod
    def of(cls, profile: Profile, source: Hardware, fit: Coefficients = NO_FIT) -> CpuModel:
        """Fit the laws of every batch size measured on the CPU."""
        points = [p for p in profile.points if p.device == "cpu" and p.latency_ms.typical > 0]
        operators = Operators.of(profile.operators)
        measured = seconds_measured(points)
        batches: tuple[BatchLaw, ...] = ()
        if measured and source.cpu is not None:
            base = min(t for by_threads in measured.values() for t in by_threads)
            usable = filled({batch: by_threads for batch, by_threads in measured.items() if base in by_threads}, base)
            sizes = [b for b in allowed_batches(profile, usable) if b in usable]
            core = Core.of(source.cpu, fit, intensity=operators.intensity)
            batches = tuple(BatchLaw.fit(b, usable[b], base, operators=operators, source=source, core=core) for b in sizes)
        return cls(source, operators, batches, worker_memory(profile, points), typical_cv(points), fit, {})

    def core(self, cpu: CpuFamily) -> Core:
        """Ceilings of a core of a family."""
        # By identity: a table holds each family once, and a family of the same key may be clocked otherwise.
        key = f"{cpu.key} {id(cpu)}"
        if key not in self.cores:
            self.cores[key] = Core.of(cpu, self.fit, intensity=self.operators.intensity)
        return self.cores[key]

    @property
    def has_measurement(self) -> bool:
        """Whether the profile holds a CPU latency."""
        return bool(self.batches)

    @property
    def thread_scaling(self) -> str:
        """What thread scaling rests on, where that is an assumption; empty where it was measured."""
        # One residual is the anchor beyond the measured range.
        if all(len(law.residual) <= 2 for law in self.batches):
            return "; one thread count measured, thread scaling assumed"
        if any(law.disturbed for law in self.batches):
            return "; more threads measured slower than fewer, thread scaling assumed"
        return ""

    @property
    def int8_share(self) -> float:
        """Share of the measured time at the smallest batch that 8-bit arithmetic takes."""
        parts = self.batches[0].parts if self.batches else None
        return parts.int8 / parts.total if parts is not None else 0.0

    def declines(self, target: Hardware) -> tuple[str, ...]:
        """Why a target cannot be predicted; empty when it can."""
        if target.cpu is None:
            return (f"no CPU to predict: {target.note or 'the cloud does not say which one it is'}",)
        if not self.batches or self.batches[0].size != 1:
            return ("the profile holds no CPU latency at batch 1; run: infercost profile MODEL --device cpu",)
        return ()

    def stratum(self, target: Hardware) -> Stratum:
        """What evidence a prediction for a target rests on."""
        assert target.cpu is not None  # noqa: S101 - callers decline hardware without a CPU
        here = "" if self.source.cpu is None else self.source.cpu.key
        if here.startswith(EFFICIENCY_CORES) or target.cpu.key.startswith(EFFICIENCY_CORES):
            return "CPU with efficiency cores"
        if here == target.cpu.key:
            return "same family"
        known = all(cpu is not None and self.fit.evidence.get(cpu.key, 0) for cpu in (self.source.cpu, target.cpu))
        return "CPU to known CPU" if known else "CPU to new CPU"

    def seconds(self, target: Hardware, workers: Floats, threads: Floats) -> Floats:
        """Seconds of one batch, [batch size, configuration], while all workers are busy."""
        assert self.source.cpu is not None  # noqa: S101 - there is no law without it
        assert target.cpu is not None  # noqa: S101 - callers decline hardware without a CPU
        here, there = self.core(self.source.cpu), self.core(target.cpu)
        ours = (self.source.cpu, self.source.vcpus, self.source.threads_per_core)
        same = ours == (target.cpu, target.vcpus, target.threads_per_core)
        trust = self.fit.anchors.get(self.stratum(target), 1.0)
        curves = []
        for law in self.batches:
            touched = float(self.operators.traffic(law.size).sum()) or None
            factor = slowdown(self.source, target, workers, threads, cores=(here, there), working_set=touched)
            scaled = combine(law.parts, factor, threads, law.serial, self.operators.nodes)
            curves.append(scaled * law.correction(threads, here=same) * np.exp((trust - 1) * law.missed))
        return np.maximum.accumulate(np.array(curves), axis=0)

    def seconds_at(self, target: Hardware, batch: int, workers: int, threads: int) -> float:
        """Seconds of a batch that may not have been measured: straight between measured sizes, and on from the last two.

        Batch 1 alone says nothing of larger ones: then time is taken as proportional.
        """
        seconds = self.seconds(target, np.array([float(workers)]), np.array([float(threads)]))[:, 0]
        sizes = np.array([law.size for law in self.batches], dtype=float)
        if batch <= sizes[-1]:
            return float(np.interp(batch, sizes, seconds))
        slope = (seconds[-1] - seconds[-2]) / (sizes[-1] - sizes[-2]) if len(sizes) > 1 else seconds[-1] / sizes[-1]
        return float(seconds[-1] + slope * (batch - sizes[-1]))

    def points(self, target: Hardware) -> tuple[PredictedPoint, ...]:
        """Every serving shape at every batch size."""
        shapes = serving_shapes(target)
        workers = np.array([w for w, _ in shapes], dtype=float)
        threads = np.array([t for _, t in shapes], dtype=float)
        seconds = self.seconds(target, workers, threads).tolist()
        sizes = [(law.size, self.memory(law.size)) for law in self.batches]
        return tuple(
            PredictedPoint(
                serving=Serving(workers=w, threads=t, max_batch=size),
                service_s=seconds[row][column],
                single_s=seconds[0][column],
                memory_bytes=w * memory,
            )
            for column, (w, t) in enumerate(shapes)
            for row, (size, memory) in enumerate(sizes)
        )

    def basis(self, target: Hardware) -> str:
        """One line: what a prediction rests on."""
        here = self.source.cpu.key if self.source.cpu else "an unknown CPU"
        there = target.cpu.key if target.cpu else "an unknown CPU"
        both = self.source.measured is not None and target.measured is not None
        by = "microbenchmarks of both machines" if both else "roofline ratios"
        how = f"measured on {here}" + ("" if here == there and not both else f", scaled to {there} by {by}")
        burst = "; burstable: holds while CPU credits last" if target.burstable else ""
        return f"CPU latency {how}{self.thread_scaling}{burst}"
