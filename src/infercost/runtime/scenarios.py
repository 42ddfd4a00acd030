"""Load scenarios, as MLPerf LoadGen defines them: single stream, multi stream, offline and server."""

from __future__ import annotations

import time
from math import ceil
from typing import TYPE_CHECKING

from infercost.domain.errors import UsageError
from infercost.domain.latency import LatencyStats, RawLatencies
from infercost.domain.scenario import ScenarioRun
from infercost.domain.statistics import min_samples
from infercost.runtime.bootstrap import intervals, tails
from infercost.runtime.fleet import Fleet
from infercost.runtime.judging import judge
from infercost.runtime.noise import Turn
from infercost.runtime.protocol import Failure
from infercost.runtime.sampling import MAX_SAMPLES, windows_agree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.traffic import Slo
    from infercost.runtime.placement import Placement
    from infercost.runtime.protocol import SliceReply
    from infercost.runtime.settings import Load
    from infercost.runtime.subject import Subject

MULTI_SAMPLES = 8
"""Samples a query of the multi stream, as in MLPerf."""
OFFLINE_BATCH = 16
MOST_QUERIES = 200_000
"""Raw latencies of one run: bounds the profile's size."""
_WINDOWS = 5
_LEAST_WINDOW_S = 0.2
_GIVE_UP_S = (1.0, 5.0)
"""Backlog beyond which a server run ends: ten times the promise, within these."""
_LONGEST_RAW_S = 42.9


def run_load(
    subject: Subject, load: Load, placement: Placement, *, budget_s: float, cores: int
) -> tuple[ScenarioRun, list[Turn]]:
    """Measure one scenario.

    Args:
        subject: the model.
        load: the scenario.
        placement: the CPUs that workers get.
        budget_s: wall time, worker starts included.
        cores: physical cores to share where the load does not say its threads.

    Raises:
        ModelError: the model does not run so.
        UsageError: a fixed batch with several samples a query, or several workers where one query is under way.
    """
    samples = _samples(subject, load)
    threads = load.threads or max(1, cores // load.workers)
    begin = time.perf_counter()
    fleet = Fleet.start(subject, samples, threads, load.workers, placement)
    if isinstance(fleet, Failure):
        raise subject.error(fleet, samples)
    try:
        left = max(_LEAST_WINDOW_S, budget_s - (time.perf_counter() - begin))
        return _serve(fleet, load, left) if load.scenario == "server" else _stream(fleet, load, left)
    finally:
        fleet.close()


def _samples(subject: Subject, load: Load) -> int:
    if load.scenario in ("single", "multi") and load.workers > 1:
        raise UsageError(f"the {load.scenario} stream has one query under way; use offline or server for several workers")
    grows = subject.facts.batch_dim is not None
    usual = {"multi": MULTI_SAMPLES, "offline": max(subject.settings.batches or (OFFLINE_BATCH,))}.get(load.scenario, 1)
    samples = load.samples or (usual if grows else 1)
    if samples > 1 and not grows:
        raise UsageError(f"{subject.facts.name} has a fixed batch; measure the scenario with --samples 1")
    return samples


def arrivals(rps: float, count: int, seed: int) -> list[int]:
    """Poisson arrivals in nanoseconds after the start: ``count`` of them, the same for the same seed."""
    import numpy as np

    gaps = np.random.default_rng(seed).exponential(1e9 / rps, size=count)
    return [int(ns) for ns in np.cumsum(gaps)]


def _serve(fleet: Fleet, load: Load, budget_s: float) -> tuple[ScenarioRun, list[Turn]]:
    assert load.rps is not None  # noqa: S101 - a Load of this scenario has a rate
    limits = [target.limit_ms for target in load.slo.targets]
    give_up_s = min(_GIVE_UP_S[1], max(_GIVE_UP_S[0], 10 * max(limits, default=0.0) / 1e3))
    count = min(MOST_QUERIES, max(1, ceil(0.9 * budget_s * load.rps)))
    seed = fleet.subject.settings.seed
    offsets = arrivals(load.rps, count, seed)
    answer = fleet.serve(offsets, give_up_s)
    if isinstance(answer, Failure):
        raise fleet.subject.error(answer, fleet.batch)
    replies, _ = answer
    served = sorted(
        (query, latency, service)
        for reply in replies
        for query, latency, service in zip(reply.queries, reply.latencies_ns, reply.service_ns, strict=True)
    )
    if not served:
        raise fleet.subject.error(
            Failure("deadline", f"no query was served within {give_up_s:g} s of its arrival"), fleet.batch
        )
    last = max(offsets[query] + latency for query, latency, _ in served)
    duration = last / 1e9
    offered = len(served) / (offsets[served[-1][0]] / 1e9)
    run = _result(
        fleet,
        load,
        [latency / 1e9 for _, latency, _ in served],
        duration_s=duration,
        samples=len(served) * fleet.batch,
        service=[service / 1e9 for *_, service in served],
        unserved=count - len(served),
        kept_up=min(1.0, len(served) / duration / offered),
    )
    return run, [Turn(fleet.threads, reply.cost, on_cpu=False) for reply in replies]


def _stream(fleet: Fleet, load: Load, budget_s: float) -> tuple[ScenarioRun, list[Turn]]:
    """Windows until the last three agree and the tail is supported, or the time is up."""
    end = time.perf_counter() + budget_s
    window_s = max(_LEAST_WINDOW_S, budget_s / (_WINDOWS + 1))
    windows: list[list[SliceReply]] = []
    latencies: list[int] = []
    while True:
        window = fleet.run(window_s, MAX_SAMPLES)
        if isinstance(window, Failure):
            raise fleet.subject.error(window, fleet.batch)
        windows.append(window)
        latencies += [ns for reply in window for ns in reply.latencies_ns]
        enough = len(windows) >= 3 and len(latencies) >= _wanted(load.slo) and _agree(windows)
        if enough or len(windows) >= _WINDOWS or time.perf_counter() + window_s > end:
            break
    runs = sum(reply.runs for window in windows for reply in window)
    duration = sum(max(reply.cost.wall_s for reply in window) for window in windows)
    run = _result(
        fleet,
        load,
        [ns / 1e9 for ns in latencies],
        duration_s=duration,
        samples=runs * fleet.batch,
        queries=runs,
        stable=_agree(windows),
    )
    on_cpu = fleet.subject.device == "cpu"
    return run, [Turn(fleet.threads, reply.cost, on_cpu) for window in windows for reply in window]


def _wanted(slo: Slo) -> int:
    """Samples that the promise needs; p99's without one."""
    quantiles = [100 * target.quantile for target in slo.targets if target.quantile is not None]
    return max((min_samples(q) for q in quantiles), default=min_samples(99))


def _agree(windows: Sequence[Sequence[SliceReply]]) -> bool:
    """Whether the last three windows agree in rate and in mean latency, within 10 %."""
    if len(windows) < 3:
        return False
    tail = windows[-3:]
    rates = [sum(reply.runs / reply.cost.wall_s for reply in window if reply.cost.wall_s > 0) for window in tail]
    means = [_mean([ns for reply in window for ns in reply.latencies_ns]) for window in tail]
    return all(max(figures) - min(figures) <= 0.1 * _mean(figures) for figures in (rates, means))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _result(
    fleet: Fleet,
    load: Load,
    seconds: list[float],
    *,
    duration_s: float,
    samples: int,
    queries: int | None = None,
    stable: bool | None = None,
    service: list[float] | None = None,
    unserved: int = 0,
    kept_up: float = 1.0,
) -> ScenarioRun:
    raw = RawLatencies.pack(seconds) if max(seconds) < _LONGEST_RAW_S else None
    seconds = raw.seconds() if raw is not None else seconds
    steady = windows_agree(seconds) if stable is None else stable
    bands = intervals(seconds)
    verdict, reason = judge([s * 1e3 for s in seconds], load.slo, bands, stable=steady, unserved=unserved, kept_up=kept_up)
    done = len(seconds) if queries is None else queries
    return ScenarioRun(
        scenario=load.scenario,
        samples_per_query=fleet.batch,
        workers=len(fleet.workers),
        threads=fleet.threads,
        device=fleet.subject.device,
        queries=done,
        duration_s=duration_s,
        target_rps=load.rps if load.scenario == "server" else None,
        achieved_rps=done / duration_s if duration_s > 0 else 0.0,
        throughput_per_s=samples / duration_s if duration_s > 0 else 0.0,
        latency_ms=LatencyStats.of(seconds),
        service_ms=LatencyStats.of(service) if service else None,
        intervals=bands,
        tails=tails(seconds),
        stable=steady,
        slo=",".join(f"{t.metric}={t.limit_ms:g}ms" for t in load.slo.targets) or None,
        verdict=verdict,
        reason=reason,
        seed=fleet.subject.settings.seed,
        raw=raw,
    )
