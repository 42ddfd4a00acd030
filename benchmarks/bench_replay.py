"""Simulation against reality: ten minutes of traffic played to real ONNX Runtime workers, then simulated.

A pool of worker processes, each with one session of one thread and pinned to a core, serves requests from one queue.
The pool is scaled by the very policy functions that the simulator runs, on what really happens; a replica takes as
long to start as its process and its session need. First some minutes of like traffic are served to learn the
distribution of service and start-up times; then the traffic is replayed and each request's latency is counted from
the time at which it should have arrived. The simulator is given those two distributions and the same arrivals, and
nothing of the replay. Exits 1 where p50, p99 or replica-seconds are further apart than the bar.

Needs a quiet machine with a core for each replica. ``--plot FILE`` draws both courses (needs matplotlib).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

import infercost
from infercost import autoscalers, simulate
from infercost.engine.simulate.controller import Controller
from infercost.engine.simulate.service import empirical
from infercost.runtime.inputs import generate_inputs
from infercost.runtime.inspect import inspect

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

BAR = 0.09


def serve(pipe: Connection, model: str, dims: dict[str, int], core: int) -> None:
    """A replica: load the model, say so, then answer one request after another."""
    os.sched_setaffinity(0, {core})
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feeds = generate_inputs(inspect(model, dims=dims), 1)
    session.run(None, feeds)
    pipe.send(-1)
    while True:
        request = pipe.recv()
        if request is None:
            return
        session.run(None, feeds)
        pipe.send(request)


@dataclass
class Replica:
    """A worker process as the pool sees it."""

    process: multiprocessing.Process
    pipe: Connection
    core: int
    asked_at: float
    ready_at: float | None = None
    request: int | None = None
    sent_at: float = 0.0
    draining: bool = False


@dataclass
class Bucket:
    """What happened since the last tick."""

    arrived: int = 0
    busy_s: float = 0.0
    ready_s: float = 0.0
    inside_s: float = 0.0


@dataclass
class Replay:
    """What the pool did."""

    latency_s: list[float]
    service_s: list[float] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)
    replica_seconds: float = 0.0
    at_s: list[float] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)


class Pool:
    """One queue, some replicas, and an autoscaler."""

    def __init__(self, model: str, dims: dict[str, int], cores: list[int]) -> None:
        self.model, self.dims, self.cores = model, dims, cores
        self.context = multiprocessing.get_context("spawn")
        self.replicas: list[Replica] = []

    def start(self, now: float) -> None:
        mine, theirs = self.context.Pipe()
        taken = {r.core for r in self.replicas}
        core = next(c for c in self.cores if c not in taken)
        process = self.context.Process(target=serve, args=(theirs, self.model, self.dims, core), daemon=True)
        process.start()
        theirs.close()
        self.replicas.append(Replica(process, mine, core, now))

    def stop(self, replica: Replica) -> None:
        replica.pipe.send(None)
        replica.process.join()
        self.replicas.remove(replica)

    def play(self, arrivals: np.ndarray, scaler: autoscalers.Autoscaler, initial: int) -> Replay:
        """Serve the arrivals to their end."""
        for _ in range(initial):
            self.start(time.monotonic())
        for replica in self.replicas:
            assert replica.pipe.recv() == -1
        begin = time.monotonic() + 0.5
        for replica in self.replicas:
            replica.ready_at = replica.asked_at = begin
        found, controller, bucket = Replay([np.nan] * len(arrivals)), Controller(scaler, initial), Bucket()
        queue: deque[int] = deque()
        upcoming, answered, last, tick_at = 0, 0, 0.0, scaler.tick_s
        while answered < len(arrivals):
            target = min(arrivals[upcoming] if upcoming < len(arrivals) else np.inf, tick_at)
            pipes = [r.pipe for r in self.replicas]
            woken = wait(pipes, max(target - (time.monotonic() - begin), 0.0))
            now = time.monotonic() - begin
            active = [r for r in self.replicas if r.ready_at is not None and not r.draining]
            step = now - last
            bucket.ready_s += step * len(active)
            bucket.inside_s += step * (upcoming - answered)
            bucket.busy_s += step * sum(r.request is not None for r in self.replicas)
            last = now
            for replica in [r for r in self.replicas if r.pipe in woken]:
                message = replica.pipe.recv()
                if message == -1:
                    replica.ready_at = now + begin
                    found.start_s.append(replica.ready_at - replica.asked_at)
                    continue
                found.latency_s[message] = now - arrivals[message]
                found.service_s.append(now - replica.sent_at)
                replica.request = None
                answered += 1
                if replica.draining:
                    found.replica_seconds += now + begin - replica.asked_at
                    self.stop(replica)
            while upcoming < len(arrivals) and arrivals[upcoming] <= now:
                queue.append(upcoming)
                upcoming += 1
                bucket.arrived += 1
            for replica in self.replicas:
                if queue and replica.ready_at is not None and replica.request is None and not replica.draining:
                    replica.request, replica.sent_at = queue.popleft(), time.monotonic() - begin
                    replica.pipe.send(replica.request)
            if now >= tick_at:
                self._scale(controller, bucket, found, now, begin, len(queue))
                bucket, tick_at = Bucket(), tick_at + scaler.tick_s
        end = time.monotonic()
        for replica in list(self.replicas):
            if replica.ready_at is None:
                replica.pipe.recv()
            found.replica_seconds += end - replica.asked_at
            self.stop(replica)
        return found

    def _scale(self, controller: Controller, bucket: Bucket, found: Replay, now: float, begin: float, waiting: int) -> None:
        wanted = [r for r in self.replicas if not r.draining]
        ready = sum(r.ready_at is not None for r in wanted)
        desired = controller.tick(
            now,
            arrived=bucket.arrived,
            busy_s=bucket.busy_s,
            ready_s=bucket.ready_s,
            inside_s=bucket.inside_s,
            waiting=waiting,
            ready=ready,
            wanted=len(wanted),
        )
        found.at_s.append(now)
        found.ready.append(ready)
        found.waiting.append(waiting)
        for _ in range(min(desired - len(wanted), len(self.cores) - len(self.replicas))):
            self.start(now + begin)
        for replica in [r for r in reversed(wanted) if r.ready_at is not None][: max(len(wanted) - desired, 0)]:
            replica.draining = True
            if replica.request is None:
                found.replica_seconds += now + begin - replica.asked_at
                self.stop(replica)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("traffic", help="a file or a shape of infercost traffic")
    parser.add_argument("--dim", action="append", default=[])
    parser.add_argument("--load", type=float, default=1.3, help="busiest minute, in replicas kept busy")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--learn", type=float, default=2.0, help="minutes served beforehand to learn the service time")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    dims = {name: int(size) for name, _, size in (text.partition("=") for text in options.dim)}
    cores = sorted(os.sched_getaffinity(0))[: options.cores]

    pool = Pool(options.model, dims, cores)
    warm = pool.play(np.arange(100) * 0.2, fixed(), 1)  # how long a request takes at all, to scale the traffic by
    busiest = options.load / float(np.median(warm.service_s))
    traffic = infercost.load_traffic(options.traffic, peak_rps=busiest)
    rng = np.random.default_rng(options.seed)
    arrivals = traffic.arrivals_s(rng)
    arrivals = arrivals[arrivals < options.minutes * 60]
    learning = infercost.traffic.poisson(float(len(arrivals)) / (options.minutes * 60), options.learn * 60).arrivals_s(rng)
    learnt = pool.play(learning, scaler(len(cores), 5.0), 1)
    starts = learnt.start_s or warm.start_s or [measure_start(options.model, dims, cores)]
    real = pool.play(arrivals, scaler(len(cores), 5.0), 1)
    model = simulate(
        arrivals,
        service=empirical({1: learnt.service_s}),
        replicas=1,
        autoscaler=scaler(len(cores), empirical({1: starts})),
        seed=options.seed,
    )
    report = compare(real, model, learnt, starts)
    print(f"{len(arrivals):,} requests in {options.minutes:g} min, busiest minute {busiest:.1f}/s, {Path(options.model).name}")
    for name, (there, here, share) in report.items():
        print(f"{name:16s} real {there:10.4f}  simulated {here:10.4f}  {share:+.1%}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))
    if options.plot:
        draw(options.plot, real, model, Path(options.model).name)
    return 1 if any(abs(report[name][2]) > BAR for name in ("p50_ms", "p99_ms", "replica_seconds")) else 0


def fixed() -> autoscalers.Autoscaler:
    return autoscalers.knative_kpa(70.0, max_replicas=1)


def scaler(most: int, start_s: object) -> autoscalers.Autoscaler:
    """KPA on requests in flight, windows shortened so that ten minutes see several changes."""
    return autoscalers.knative_kpa(1.0, max_replicas=most, stable_window_s=30.0, start_s=start_s)


def measure_start(model: str, dims: dict[str, int], cores: list[int]) -> float:
    pool = Pool(model, dims, cores)
    began = time.monotonic()
    pool.start(began)
    pool.replicas[0].pipe.recv()
    taken = time.monotonic() - began
    pool.stop(pool.replicas[0])
    return taken


def compare(real: Replay, model: infercost.Simulation, learnt: Replay, starts: list[float]) -> dict[str, tuple]:
    there = np.sort(np.array(real.latency_s)) * 1e3
    pairs = {
        "p50_ms": (float(np.quantile(there, 0.5)), model.percentile_s(50) * 1e3),
        "p95_ms": (float(np.quantile(there, 0.95)), model.percentile_s(95) * 1e3),
        "p99_ms": (float(np.quantile(there, 0.99)), model.percentile_s(99) * 1e3),
        "mean_ms": (float(there.mean()), float(model.latency_s.mean()) * 1e3),
        "replica_seconds": (real.replica_seconds, model.replica_seconds),
        "service_ms": (float(np.mean(real.service_s)) * 1e3, float(np.mean(learnt.service_s)) * 1e3),
        "start_s": (float(np.mean(real.start_s or starts)), float(np.mean(starts))),
    }
    return {name: (a, b, b / a - 1) for name, (a, b) in pairs.items()}


def draw(path: Path, real: Replay, model: infercost.Simulation, name: str) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only --plot needs it

    figure, (top, bottom) = plt.subplots(1, 2, figsize=(11, 3.6))
    line = model.timeline
    top.step(real.at_s, real.ready, where="post", label="real", linewidth=1.2)
    top.step(line.end_s, line.replicas, where="post", label="simulated", linewidth=1.2, linestyle="--")
    top.set(xlabel="seconds", ylabel="replicas in service", title=f"{name}: replicas")
    top.set_yticks(range(max(*real.ready, 1) + 1))
    for label, latencies, style in (("real", real.latency_s, "-"), ("simulated", model.latency_s, "--")):
        values = np.sort(np.asarray(latencies)) * 1e3
        bottom.plot(values, np.linspace(0, 1, len(values)), style, label=label, linewidth=1.2)
    bottom.set(xscale="log", xlabel="latency, ms", ylabel="share of the requests", title="latency")
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    sys.exit(main())
