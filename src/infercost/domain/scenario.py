"""What was measured beside the grid: load scenarios, a search over configurations, and how quiet the machine was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infercost.domain.latency import Interval, LatencyStats, RawLatencies, Tail

ScenarioName = Literal["single", "multi", "offline", "server"]
"""As MLPerf LoadGen's: one query after another; several samples a query; all samples at once; Poisson arrivals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLoad:
    """The first GPU while it worked, as NVIDIA's management library tells. None: the library does not say."""

    utilization: float | None
    """Share of the time that a kernel ran, 0..1."""
    memory_bytes: int | None
    """In use by all processes."""
    power_w: float | None
    sm_mhz: float | None
    max_sm_mhz: float | None
    temperature_c: float | None
    throttled: tuple[str, ...] = ()
    """Why the clocks were below what they could be: ``power``, ``thermal``, ``hardware`` …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRun:
    """One load scenario, measured. A query is what one latency belongs to; it carries one sample or several."""

    scenario: ScenarioName
    samples_per_query: int
    workers: int
    threads: int
    """Intra-op threads of each worker."""
    device: str = "cpu"
    queries: int
    duration_s: float
    target_rps: float | None = None
    """Scheduled queries a second (server); None where the next query waits for the one before."""
    achieved_rps: float
    """Completed queries a second, from the first arrival to the last completion."""
    throughput_per_s: float
    """Samples a second."""
    latency_ms: LatencyStats
    """Of a query. Server: from the *scheduled* arrival to completion, so that queueing cannot hide."""
    service_ms: LatencyStats | None = None
    """Server: the model's own time within the latency."""
    intervals: tuple[Interval, ...] = ()
    tails: tuple[Tail, ...] = ()
    stable: bool
    """Whether the last three of the windows agree, in rate and in mean latency."""
    slo: str | None = None
    verdict: Literal["valid", "invalid", "inconclusive"]
    reason: str
    seed: int = 0
    """Of the arrivals."""
    raw: RawLatencies | None = None
    """Latencies in order of arrival."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One configuration of a search, measured with all of its workers at once."""

    batch: int
    threads: int
    workers: int
    device: str = "cpu"
    precision: str
    throughput_per_s: float
    """Items a second of all workers together; 0 when it failed."""
    undisturbed_per_s: float | None = None
    """What it would have been had no runnable thread waited for a CPU, by the scheduler's own count. The search
    goes by it; on a quiet machine it is the same. None: as measured."""
    latency_ms: LatencyStats | None
    """Of a batch, all workers' runs together."""
    memory_bytes: int | None = None
    """Resident memory of all workers, their own Python and ONNX Runtime included; device memory on a GPU."""
    failure: str | None = None
    raw: RawLatencies | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search for the configuration of the highest throughput."""

    grid: int
    """Configurations that there are."""
    trials: tuple[Trial, ...]
    """In order of measurement."""
    best: int | None
    """Index of the best trial that keeps the SLO; None when none does."""
    slo: str | None = None
    stopped: str
    """Why the search ended, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How quiet the machine was. Shares are 0..1; None: this system does not say."""

    busy_cpus_before: float
    """CPUs that others kept busy before the measurement."""
    busy_cpus_during: float | None = None
    """CPUs that others kept busy while it went on."""
    on_cpu_share: float | None = None
    """Least CPU time / wall time of a single-threaded turn that was kept."""
    waited_share: float | None = None
    """Time that our runnable threads waited for a CPU, of the wall time."""
    stolen_share: float | None = None
    """Time that the hypervisor took from this machine, of all CPUs' time."""
    throttled_s: float | None = None
    """Seconds that the container's CPU quota held us up."""
    speed_drift: float | None = None
    """Slowest / fastest turn by a fixed piece of work in CPU time, less 1: clock changes and shared cores."""
    slices: int = 0
    disturbed_slices: int = 0
    interleaved: bool = False
    pinned: bool = False
    """Whether workers were kept on CPUs of their own."""
