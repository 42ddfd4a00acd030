"""A profile: what was measured, where, and how. Raw runs kept; statistics derived."""

from __future__ import annotations

import base64
import math
import zlib
from array import array
from dataclasses import dataclass, field
from sys import byteorder
from typing import TYPE_CHECKING, Literal

from infercost.domain.model import ModelFacts, TensorFacts
from infercost.domain.statistics import supported_percentile
from infercost.domain.units import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "LatencyStats",
    "Machine",
    "ModelFacts",
    "OperatorTime",
    "Point",
    "Profile",
    "RawLatencies",
    "Runtime",
    "TensorFacts",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLatencies:
    """Every latency of one point, in order of measurement: uint32 nanosecond-tens, little-endian,
    zlib, base64. One unit is 10 ns, so a uint32 holds up to 42.9 s.
    """

    count: int
    data: str
    unit: Literal["10ns"] = "10ns"
    encoding: Literal["zlib+base64:<u4"] = "zlib+base64:<u4"

    @classmethod
    def pack(cls, seconds: Iterable[float]) -> RawLatencies:
        """Pack latencies given in seconds; one longer than 42.9 s is stored as that."""
        units = array("I", (min(0xFFFFFFFF, max(0, round(s * 1e8))) for s in seconds))
        if byteorder == "big":
            units.byteswap()
        return cls(count=len(units), data=base64.b64encode(zlib.compress(units.tobytes(), 9)).decode("ascii"))

    def seconds(self) -> list[float]:
        """The latencies in seconds, in order of measurement."""
        units = array("I")
        units.frombytes(zlib.decompress(base64.b64decode(self.data)))
        if byteorder == "big":
            units.byteswap()
        if len(units) != self.count:
            raise ValueError(f"raw latencies hold {len(units)} values, header says {self.count}")
        return [u * 1e-8 for u in units]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyStats:
    """Milliseconds. A percentile is None when ``count`` cannot support it at 99 % confidence."""

    mean: float
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    count: int
    cv: float
    """Coefficient of variation: standard deviation / mean."""
    min: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> LatencyStats:
        """Summarise latencies given in seconds (at least one)."""
        ordered = sorted(s * 1e3 for s in seconds)
        if not ordered:
            raise ValueError("no latencies to summarise")
        n = len(ordered)
        mean = math.fsum(ordered) / n
        variance = math.fsum((x - mean) ** 2 for x in ordered) / (n - 1) if n > 1 else 0.0
        p50, p90, p95, p99 = (supported_percentile(ordered, q) for q in (50, 90, 95, 99))
        cv = math.sqrt(variance) / mean if mean > 0 else 0.0
        return cls(mean=mean, p50=p50, p90=p90, p95=p95, p99=p99, count=n, cv=cv, min=ordered[0])

    @property
    def typical(self) -> float:
        """p50 where supported, else the mean. Milliseconds."""
        return self.p50 if self.p50 is not None else self.mean


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
