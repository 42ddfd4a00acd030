"""Whether a profile that was read says what its own raw samples say."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from infercost.domain.profile import LatencyStats

if TYPE_CHECKING:
    from infercost.domain.profile import OperatorTime, Point, Profile, RawLatencies

MAX_SAMPLES: Final = 20_000_000
"""Most raw samples of one point that are read: a bound on what a hostile file can unpack to."""

_TICK_MS: Final = 1e-5
"""One unit of the raw samples, 10 ns."""

_CAP_S: Final = 0xFFFFFFFF * 1e-8
"""Longest latency that the raw samples can hold; longer ones were cut to this."""


def find_fault(profile: Profile) -> str | None:
    """The first thing wrong with a profile as ``at $.path: reason``; None when it holds together."""
    if not profile.points:
        return "at $.points: it holds no measured points"
    for name in ("payload_in_bytes", "payload_out_bytes"):
        if getattr(profile, name) < 0:
            return f"at $.{name}: must not be negative"
    for i, point in enumerate(profile.points):
        fault = _point_fault(point)
        if fault is not None:
            return f"at $.points[{i}]{fault}"
    for i, operator in enumerate(profile.operators):
        fault = _operator_fault(operator)
        if fault is not None:
            return f"at $.operators[{i}]{fault}"
    return None


def _point_fault(point: Point) -> str | None:
    for name in ("batch", "threads"):
        if getattr(point, name) < 1:
            return f".{name}: must be at least 1"
    if not point.throughput_per_s > 0:
        return ".throughput_per_s: must be above 0"
    for name in ("memory_bytes", "cpu_utilization", "load_s", "first_inference_s"):
        value = getattr(point, name)
        if value is not None and value < 0:
            return f".{name}: must not be negative"
    fault = _order_fault(point.latency_ms)
    if fault is None and point.raw is not None:
        fault = _raw_fault(point.raw, point.latency_ms)
    return fault


def _operator_fault(operator: OperatorTime) -> str | None:
    if operator.count < 0:
        return ".count: must not be negative"
    if not 0 <= operator.time_share <= 1 + 1e-9:
        return ".time_share: must lie between 0 and 1"
    return None


def _order_fault(stats: LatencyStats) -> str | None:
    if stats.count < 1:
        return ".latency_ms.count: must be at least 1"
    for name in ("mean", "min"):
        if not getattr(stats, name) > 0:
            return f".latency_ms.{name}: a latency must be above 0"
    if stats.cv < 0:
        return ".latency_ms.cv: must not be negative"
    known = [(name, value) for name in ("min", "p50", "p90", "p95", "p99") if (value := getattr(stats, name)) is not None]
    for (low, a), (high, b) in pairwise(known):
        if b < a - _TICK_MS:
            return f".latency_ms.{high}: lies below {low}"
    return None


def _raw_fault(raw: RawLatencies, stated: LatencyStats) -> str | None:
    if not 1 <= raw.count <= MAX_SAMPLES:
        return f".raw.count: must lie between 1 and {MAX_SAMPLES}"
    try:
        # Bounded: a few bytes of zlib can unpack to gigabytes.
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(base64.b64decode(raw.data, validate=True), raw.count * 4 + 1)
    except (binascii.Error, ValueError, zlib.error):
        return ".raw.data: cannot be unpacked, the file is damaged"
    if len(unpacked) != raw.count * 4 or not unpacking.eof:
        return f".raw.data: does not hold the {raw.count} samples that .raw.count states"
    seconds = raw.seconds()
    if min(seconds) <= 0:
        return ".raw.data: a latency must be above 0"
    if max(seconds) >= _CAP_S:
        return None
    return _difference(stated, LatencyStats.of(seconds))


def _difference(stated: LatencyStats, derived: LatencyStats) -> str | None:
    """Where stated statistics are not those of the samples, beyond the rounding of the samples."""
    for name in ("count", "mean", "p50", "p90", "p95", "p99", "min", "cv"):
        a, b = getattr(stated, name), getattr(derived, name)
        # Rounding each sample to a tick moves the spread by at most a tick, relative to the mean.
        slack = 2 * _TICK_MS / derived.mean if name == "cv" else _TICK_MS
        if a is None and b is None:
            continue
        if a is None or b is None or not math.isclose(a, b, rel_tol=1e-6, abs_tol=slack):
            says = "null" if a is None else f"{a:g}"
            holds = "none that the sample supports" if b is None else f"{b:g}"
            return f".latency_ms.{name}: says {says}, its raw samples give {holds}; the file was edited"
    return None
