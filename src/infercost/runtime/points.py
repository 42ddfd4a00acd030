"""Latency by batch and threads: every configuration in a process of its own, in turns."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infercost.domain.latency import LatencyStats, RawLatencies
from infercost.domain.profile import Point
from infercost.domain.statistics import min_samples
from infercost.runtime.bootstrap import intervals
from infercost.runtime.doubts import Doubts, config_name
from infercost.runtime.memory import available_bytes
from infercost.runtime.noise import Turn, disturbed
from infercost.runtime.protocol import Failure, Slice, SliceReply
from infercost.runtime.sampling import MAX_SAMPLES, need, settled, target_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infercost.runtime.doubts import Config
    from infercost.runtime.placement import Placement
    from infercost.runtime.protocol import Device, PointReply
    from infercost.runtime.subject import Subject
    from infercost.runtime.workers import Worker

START_S = 0.5
"""First guess of what starting a worker takes."""
LEAST_SLICE_S = 0.2
"""Shortest turn: a sample of one instant says nothing of the next."""
_LONGEST_SLICE_S = 2.0
_TURNS = 4
"""A point's time is cut into so many turns, where the model is fast enough."""
_RUNS_WANTED = 15
"""A point that cannot make so many runs is not begun, batch 1 excepted: a few to warm up, and a median's worth."""
_RUNS_A_SLICE = 5
_MOST_TOGETHER = 12
"""Workers that wait in memory for their turns."""
_WORKER_BYTES = 120 << 20
"""What a worker takes beside its session, rounded up."""
_LONGEST_RAW_S = 42.9
"""``RawLatencies`` cuts longer ones."""


@dataclass
class Gathered:
    """What the turns of one configuration have brought."""

    batch: int
    threads: int
    worker: Worker
    ready: PointReply
    device: Device
    slices: list[SliceReply] = field(default_factory=list)
    failure: Failure | None = None
    target: int = 0
    """Samples wanted."""

    def quiet(self, reply: SliceReply) -> bool:
        """Whether nothing kept a turn from the CPU."""
        return not disturbed(reply.cost, self.threads, on_cpu=self.device == "cpu")

    def kept(self) -> list[SliceReply]:
        """The quiet turns; all of them where the quiet ones are too few for a median."""
        quiet = [reply for reply in self.slices if self.quiet(reply)]
        return quiet if sum(len(reply.latencies_ns) for reply in quiet) >= min_samples(50) else self.slices

    def latencies(self) -> list[int]:
        """Nanoseconds, in order of measurement."""
        return [ns for reply in self.kept() for ns in reply.latencies_ns]

    def typical_s(self) -> float:
        """Median seconds of a run so far."""
        ordered = sorted(self.latencies())
        return ordered[(len(ordered) - 1) // 2] / 1e9

    def need(self) -> float:
        """How much it wants another turn; 0 when it has all."""
        if self.failure is not None:
            return 0.0
        wanted = need(self.latencies(), target=self.target)
        if len(self.slices) >= 2 and wanted > 0 and len(self.latencies()) >= MAX_SAMPLES:
            return 0.0
        # Noise asks for a repetition, and a single turn has seen only one mood of the machine.
        noisy = self.kept() is self.slices and not all(map(self.quiet, self.slices))
        return max(wanted, 1.0 if noisy else 0.0, 0.5 if len(self.slices) < 2 else 0.0)

    def point(self, precision: str) -> Point:
        """The measured point."""
        kept = self.kept()
        seconds = [ns / 1e9 for ns in self.latencies()]
        raw = RawLatencies.pack(seconds) if max(seconds) < _LONGEST_RAW_S else None
        # What is stored is rounded; figures taken from it are those that a reader finds again.
        seconds = raw.seconds() if raw is not None else seconds
        stats = LatencyStats.of(seconds)
        wall = sum(reply.cost.wall_s for reply in kept)
        cpu = sum(reply.cost.cpu_s for reply in kept)
        joules = [reply.cost.energy_j for reply in kept]
        energy = sum(j for j in joules if j is not None)
        runs = sum(reply.runs for reply in kept)
        return Point(
            batch=self.batch,
            threads=self.threads,
            precision=precision,
            device=self.device,
            latency_ms=stats,
            throughput_per_s=self.batch * 1e3 / stats.mean if stats.mean > 0 else 0.0,
            memory_bytes=max(reply.memory_bytes for reply in self.slices),
            cpu_utilization=min(1.0, cpu / (wall * self.threads)) if wall > 0 else None,
            load_s=self.ready.load_s,
            first_inference_s=self.ready.first_inference_s,
            stable=settled(self.latencies()),
            raw=raw,
            intervals=intervals(seconds),
            process_bytes=self.ready.process_bytes,
            steady_bytes=self.slices[-1].steady_bytes,
            slices=len(self.slices),
            disturbed_slices=sum(not self.quiet(reply) for reply in self.slices),
            energy_j=energy / runs if energy > 0 and None not in joules else None,
            gpu=self.slices[-1].gpu,
        )

    def turns(self) -> list[Turn]:
        """The counters of all turns."""
        kept = self.kept()
        return [
            Turn(self.threads, reply.cost, self.device == "cpu", any(reply is one for one in kept)) for reply in self.slices
        ]


@dataclass
class PointMeter:
    """Measures a grid within a time: first each once, then whichever is least certain."""

    subject: Subject
    placement: Placement
    doubts: Doubts
    deadline: float
    """On ``time.perf_counter``."""
    tell: Callable[[int, str], None]
    """Hears how many configurations are begun, and which one is measured."""
    item_s: dict[int, float] = field(default_factory=dict)
    """Shortest time that an item took so far, by threads."""
    start_s: float = START_S
    begun: int = 0
    turns: list[Turn] = field(default_factory=list)
    pinned: bool = False

    def measure(self, grid: Sequence[Config]) -> list[Point]:
        """Points in the order of the grid; what is left out is among the doubts.

        Raises:
            ModelError: the model does not run at batch 1.
        """
        points: list[Point] = []
        rest = list(grid)
        while rest := self._drop_what_does_not_fit(rest):
            together, rest = self._split(rest)
            points += self._together(together, rest)
        return points

    def _split(self, rest: list[Config]) -> tuple[list[Config], list[Config]]:
        """Those that memory has room for at the same time, and the others."""
        free, count = available_bytes(), 0
        for batch, _ in rest[:_MOST_TOGETHER]:
            free -= self.subject.needed_bytes(batch) + _WORKER_BYTES
            if free < 0:
                break
            count += 1
        return rest[: max(1, count)], rest[max(1, count) :]

    def _together(self, configs: list[Config], later: list[Config]) -> list[Point]:
        """Measure configurations in turns; ``later`` ones need time, too."""
        gathered: list[Gathered] = []
        waiting = list(configs)
        try:
            while waiting := self._drop_what_does_not_fit(waiting, [*later]):
                config = waiting.pop(0)
                one = self._begin(config, [*waiting, *later])
                if one is not None:
                    gathered.append(one)
            share = len(configs) / (len(configs) + len(later))
            self._settle(gathered, time.perf_counter() + share * self._time_left())
        finally:
            for one in gathered:
                one.worker.close()
        for one in gathered:
            self.turns += one.turns()
            if one.threads == 1 and one.device == "cpu":
                kept = one.kept()
                wall = sum(reply.cost.wall_s for reply in kept)
                self.doubts.on_cpu.append(sum(reply.cost.cpu_s for reply in kept) / wall if wall > 0 else 1.0)
        return [one.point(self.subject.precision) for one in gathered]

    def _begin(self, config: Config, others: Sequence[Config]) -> Gathered | None:
        """Start a worker and give it its first turn."""
        batch, threads = config
        self.tell(self.begun, config_name(batch, threads))
        self.begun += 1
        slack = max(0.0, self._time_left() - sum(self._least_s(*other) for other in (config, *others)))
        budget = max(LEAST_SLICE_S, self._least_s(batch, threads) - self.start_s + slack / (len(others) + 1))
        begin = time.perf_counter()
        (cpus,) = self.placement.cpus(threads)
        started = self.subject.start(self.subject.request(batch, threads, cpus), first=not self.item_s)
        if isinstance(started, Failure):
            self._give_up(started, batch)
            return None
        worker, ready = started
        self.pinned = self.pinned or ready.pinned
        one = Gathered(batch, threads, worker, ready, self.subject.device)
        guess = max(self._predicted_s(batch, threads), ready.first_inference_s / 4)
        first = max(LEAST_SLICE_S, min(budget, max(budget / _TURNS, _RUNS_WANTED * guess), 2 * _LONGEST_SLICE_S))
        self._turn(one, first)
        if one.failure is not None or not one.slices:
            worker.close()
            self._give_up(one.failure or Failure("run", "no run ended"), batch)
            return None
        self.start_s = max(0.05, time.perf_counter() - begin - one.slices[0].cost.wall_s)
        typical = one.typical_s()
        one.target = target_samples(typical, 0.9 * budget)
        self.item_s[threads] = min(self.item_s.get(threads, typical), typical / batch)
        if batch == 1:
            self.subject.payload = (self.subject.payload[0], ready.output_bytes)
        return one

    def _settle(self, gathered: list[Gathered], end: float) -> None:
        """Spend the time left where the uncertainty is."""
        share = max(0.0, end - time.perf_counter()) / max(1, len(gathered))
        while True:
            left = end - time.perf_counter()
            pending = [one for one in gathered if one.need() > 0 and _RUNS_A_SLICE * one.typical_s() <= left]
            if left < LEAST_SLICE_S or not pending:
                return
            one = max(pending, key=lambda candidate: (candidate.need(), -len(candidate.slices)))
            self.tell(self.begun, f"{config_name(one.batch, one.threads)}, again")
            wanted = max(LEAST_SLICE_S, min(_LONGEST_SLICE_S, share / _TURNS), _RUNS_A_SLICE * one.typical_s())
            self._turn(one, min(wanted, left))

    def _turn(self, one: Gathered, budget_s: float) -> None:
        most = max(_RUNS_A_SLICE, (MAX_SAMPLES - sum(len(s.latencies_ns) for s in one.slices)) // 2)
        reply = one.worker.obey(Slice(budget_s=budget_s, most_runs=min(most, MAX_SAMPLES // _TURNS)))
        if isinstance(reply, SliceReply) and reply.latencies_ns:
            one.slices.append(reply)
        elif isinstance(reply, Failure):
            one.failure = reply

    def _time_left(self) -> float:
        return self.deadline - time.perf_counter()

    def _predicted_s(self, batch: int, threads: int) -> float:
        """What one run should take, from the points measured so far."""
        return batch * self.item_s.get(threads, max(self.item_s.values(), default=0.0))

    def _least_s(self, batch: int, threads: int) -> float:
        """Time below which a point is not worth starting."""
        return max(LEAST_SLICE_S, _RUNS_WANTED * self._predicted_s(batch, threads)) + self.start_s

    def _drop_what_does_not_fit(self, rest: list[Config], later: Sequence[Config] = ()) -> list[Config]:
        """Give up the largest batches that memory or the time left has no room for; single items stay."""
        kept = [point for point in rest if point[0] == 1 or not self._lacks_memory(point[0])]
        while sum(self._least_s(*point) for point in (*kept, *later)) > self._time_left():
            slow = [point for point in kept if point[0] > 1 and _RUNS_WANTED * self._predicted_s(*point) > LEAST_SLICE_S]
            if not slow:
                break
            batch, threads = max(slow, key=lambda point: (point[0], self._predicted_s(*point)))
            kept.remove((batch, threads))
            self.doubts.slow[batch, threads] = self._predicted_s(batch, threads)
        return kept

    def _lacks_memory(self, batch: int) -> bool:
        need_bytes, free = self.subject.needed_bytes(batch), available_bytes()
        if need_bytes > free:
            self.doubts.large[batch] = (need_bytes, free)
        return need_bytes > free

    def _give_up(self, failure: Failure, batch: int) -> None:
        """End the measurement, unless only a larger batch is at fault."""
        error = self.subject.error(failure, batch)
        if batch == 1:
            raise error
        self.doubts.failed[batch] = str(error)
