"""CPU predictions: measured latencies, split by the roofline and scaled part by part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from infercost.domain.prediction import PredictedPoint, Serving
from infercost.engine.measured import allowed_batches, seconds_measured, typical_cv, worker_memory
from infercost.engine.roofline import SERIAL_PRIOR, Operators, Parts, combine, slowdown, split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infercost.domain.hardware import Hardware
    from infercost.domain.profile import Profile
    from infercost.engine.roofline import Floats

MAX_SHAPES = 6
MAX_THREADS = 32
"""More threads to one worker gain nothing in any of the data behind docs/accuracy.md."""
MAX_RESIDUAL = 0.25
"""What the thread law misses on the measured machine (log) is carried to other hardware up to this."""
DISTURBED = 1.1
"""More threads that take this much longer than fewer say that the machine was busy, not how the model scales."""
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

    @classmethod
    def fit(cls, size: int, seconds: Mapping[int, float], base: int, operators: Operators, source: Hardware) -> BatchLaw:
        """Fit to seconds by thread count; ``base`` is the fewest threads measured."""
        most = max(seconds)
        disturbed = seconds[most] > DISTURBED * seconds[base]
        serial = SERIAL_PRIOR if disturbed else _serial_share(base, seconds[base], most, seconds[most])
        single = seconds[base] / (serial + (1 - serial) / base)
        parts = split(single, size, operators, source)
        counts = np.array(sorted(seconds), dtype=float)
        law = slowdown(source, source, np.ones_like(counts), counts)
        modelled = combine(parts, law, counts, serial, operators.nodes)
        missed = np.log(np.array([seconds[int(t)] for t in counts]) / modelled)
        return cls(
            size=size,
            parts=parts,
            serial=serial,
            residual_at=np.append(np.log2(counts), np.log2(RESIDUAL_REACH * counts[-1])),
            residual=np.append(missed, 0.0),
            disturbed=disturbed,
        )

    def correction(self, threads: Floats, *, here: bool) -> Floats:
        """Factor for what the law misses at measured thread counts, fading out beyond them.

        On the measured machine itself (``here``) it is exact; elsewhere it is bounded.
        """
        if self.disturbed and not here:
            return np.ones_like(threads)
        reach = np.inf if here else MAX_RESIDUAL
        return np.asarray(np.exp(np.interp(np.log2(threads), self.residual_at, np.clip(self.residual, -reach, reach))))


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

    @classmethod
    def of(cls, profile: Profile, source: Hardware) -> CpuModel:
        """Fit the laws of every batch size measured on the CPU."""
        points = [p for p in profile.points if p.device == "cpu" and p.latency_ms.typical > 0]
        operators = Operators.of(profile.operators)
        measured = seconds_measured(points)
        batches: tuple[BatchLaw, ...] = ()
        if measured and source.cpu is not None:
            base = min(t for by_threads in measured.values() for t in by_threads)
            usable = {batch: by_threads for batch, by_threads in measured.items() if base in by_threads}
            sizes = [b for b in allowed_batches(profile, usable) if b in usable]
            batches = tuple(BatchLaw.fit(b, usable[b], base, operators, source) for b in sizes)
        return cls(source, operators, batches, worker_memory(profile, points), typical_cv(points))

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

    def seconds(self, target: Hardware, workers: Floats, threads: Floats) -> Floats:
        """Seconds of one batch, [batch size, configuration], while all workers are busy."""
        factor = slowdown(self.source, target, workers, threads)
        ours = (self.source.cpu, self.source.vcpus, self.source.threads_per_core)
        here = ours == (target.cpu, target.vcpus, target.threads_per_core)
        curves = [
            combine(law.parts, factor, threads, law.serial, self.operators.nodes) * law.correction(threads, here=here)
            for law in self.batches
        ]
        return np.maximum.accumulate(np.array(curves), axis=0)

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
        how = f"measured on {here}" + ("" if here == there else f", scaled to {there} by roofline ratios")
        burst = "; burstable: holds while CPU credits last" if target.burstable else ""
        return f"CPU latency {how}{self.thread_scaling}{burst}"
