"""A profile: what was measured, where, and how. Raw runs kept; statistics derived."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from infercost.domain.hardware import Ceilings
from infercost.domain.latency import Interval, LatencyStats, RawLatencies, SizeRun, Tail
from infercost.domain.model import ModelFacts, TensorFacts
from infercost.domain.scenario import GpuLoad, Noise, ScenarioRun, Search, Trial
from infercost.domain.sizes import Sizes
from infercost.domain.units import SCHEMA_VERSION

__all__ = [
    "GpuLoad",
    "Interval",
    "LatencyStats",
    "Machine",
    "ModelFacts",
    "Noise",
    "OperatorCall",
    "OperatorTime",
    "Point",
    "Profile",
    "RawLatencies",
    "Runtime",
    "ScenarioRun",
    "Search",
    "SizeRun",
    "Tail",
    "TensorFacts",
    "Trial",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measured configuration. Latency is of a whole batch; throughput counts items."""

    batch: int
    threads: int
    precision: str
    device: str = "cpu"
    latency_ms: LatencyStats
    throughput_per_s: float
    memory_bytes: int | None
    """Growth of resident memory over the process before the session was made; None if unknown."""
    cpu_utilization: float | None
    """CPU time / (wall time x threads), 0..1."""
    load_s: float | None = None
    """Time to create the session."""
    first_inference_s: float | None = None
    stable: bool = True
    """False when the time budget ended before the statistic settled."""
    raw: RawLatencies | None = None
    by_size: tuple[SizeRun, ...] = ()
    """Where a dimension varies over requests: what was measured, size by size. ``latency_ms`` is then over
    requests (batches padded to their longest), derived from these, and ``raw`` is None."""
    intervals: tuple[Interval, ...] = ()
    """Bootstrap intervals of the mean and of each percentile that the sample supports."""
    process_bytes: int | None = None
    """Resident memory of the process before the session was made: Python, NumPy and ONNX Runtime themselves.
    Each worker of an endpoint pays it beside ``memory_bytes``. None where it was not recorded."""
    steady_bytes: int | None = None
    """Resident memory of the whole process after the runs: what one worker keeps. None where not recorded."""
    slices: int | None = None
    """Turns in which this point was measured, others in between; None where points were measured in blocks."""
    disturbed_slices: int = 0
    """Turns that others disturbed: repeated while the budget lasted, left out where enough quiet ones remain."""
    energy_j: float | None = None
    """Joules of the whole package or GPU per run of the batch, idle included; None without a counter."""
    gpu: GpuLoad | None = None

    @property
    def service_ms(self) -> float:
        """What one batch takes on average over requests: typical of the one size, or of all by their weights."""
        if not self.by_size:
            return self.latency_ms.typical
        return math.fsum(run.weight * run.latency_ms.typical for run in self.by_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """One operator type: its share of the time inside operators, and its arithmetic at batch 1."""

    op_type: str
    count: int
    time_share: float
    flops: int | None
    bytes: int | None
    weight_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCall:
    """One operator type with one set of input shapes, at batch 1, as the optimized graph runs it."""

    op_type: str
    inputs: tuple[str, ...]
    """Element type and shape of each input, as ``float32[1,64,56,56]``; weights included where kernels show them."""
    calls: int
    """Calls in one run."""
    mean_us: float
    """Microseconds of one call, mean over the runs."""
    time_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a profile was taken. No host name and no user name: profiles are shared."""

    cpu_model: str
    cpu_vendor: str = ""
    cpu_family: str | None = None
    """Key into the hardware table (``intel-icelake``, ``amd-epyc-milan`` …); None if unrecognised."""
    cpu_family_id: int | None = None
    """The CPU's own family number (x86), as in /proc/cpuinfo; tells generations apart when the name is masked."""
    cpu_model_id: int | None = None
    arch: str
    isa: tuple[str, ...] = ()
    logical_cpus: int
    """CPUs that this process may use (affinity and cgroup quota applied)."""
    physical_cores: int | None = None
    threads_per_core: int = 1
    max_mhz: float | None = None
    memory_bytes: int
    virtualized: bool | None = None
    instance_type: str | None = None
    """``provider:instance``, when the user or the firmware says so."""
    accelerator: str | None = None
    os: str
    fingerprint: str = ""
    """Hash of the fields that change speed; part of the profile cache key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The software that ran the model."""

    name: str = "onnxruntime"
    version: str
    execution_provider: str
    graph_optimization: str = "all"
    python: str
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What answered, where a profile is of an endpoint: its latencies have network and server in them.

    No host name: profiles are shared.
    """

    protocol: str
    """``open-inference-v2``."""
    path: str
    """Of the model on its server: ``/v2/models/digits``."""
    server: str
    """Name and version, as the server says."""
    platform: str
    """Of the model, as the server says: ``onnxruntime_onnx``."""
    loopback: bool
    """Whether the server is this very machine."""
    requests: int
    """Sent while measuring, warm-up left out."""
    errors: dict[str, int] = field(default_factory=dict)
    """Requests that failed, by reason. Their latencies are in no statistic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A model measured on one machine."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["profile"] = "profile"
    infercost_version: str
    created: str
    """UTC, ISO 8601."""
    model: ModelFacts
    machine: Machine
    runtime: Runtime
    points: tuple[Point, ...]
    operators: tuple[OperatorTime, ...]
    payload_in_bytes: int
    """Bytes of the input tensors of one item."""
    payload_out_bytes: int
    warnings: tuple[str, ...] = ()
    operator_calls: tuple[OperatorCall, ...] = ()
    """The calls that take most of the time, slowest first; at most 60."""
    operator_runs: int | None = None
    """Runs of the model that the operators' times rest on."""
    scenarios: tuple[ScenarioRun, ...] = ()
    search: Search | None = None
    noise: Noise | None = None
    sizes: Sizes | None = None
    """The sizes of the dimension that varies over requests; None where every request has the same."""
    served: Served | None = None
    """Set where an endpoint was measured from outside; None where the model ran here."""
    ceilings: Ceilings | None = None
    """What the machine attains, where ``infercost doctor`` has measured it."""
