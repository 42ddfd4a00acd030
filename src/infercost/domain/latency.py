"""Latency samples as they are kept, and what is derived from them."""

from __future__ import annotations

import base64
import math
import zlib
from array import array
from dataclasses import dataclass
from sys import byteorder
from typing import TYPE_CHECKING, Literal

from infercost.domain.statistics import supported_percentile

if TYPE_CHECKING:
    from collections.abc import Iterable


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
class SizeRun:
    """One configuration at one size of the dimension that varies over requests."""

    size: int
    """Of the dimension, for a whole batch: what its items are padded to."""
    weight: float
    """Share (0..1) of the batches that this size stands for; the weighted mean over sizes is the mean over batches."""
    latency_ms: LatencyStats
    stable: bool = True
    raw: RawLatencies | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where a statistic of the latencies lies, by a moving-block bootstrap of the raw runs. Milliseconds."""

    metric: str
    """``mean``, ``p50``, ``p90``, ``p95`` or ``p99``."""
    low: float
    high: float
    confidence: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """A percentile that the true one does not exceed, by MLPerf's early-stopping rule. Milliseconds."""

    metric: str
    bound: float
    confidence: float = 0.99
