"""Whether a profile that was read can be right, and says what its own raw samples say."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from infercost.domain.mixture import mix
from infercost.domain.profile import LatencyStats
from infercost.store.hardware import load_hardware

if TYPE_CHECKING:
    from infercost.domain.model import ModelFacts
    from infercost.domain.profile import Machine, OperatorTime, Point, Profile, RawLatencies
    from infercost.domain.sizes import Sizes

MAX_SAMPLES: Final = 20_000_000
"""Most raw samples of one point that are read: a bound on what a hostile file can unpack to."""

_ARCHITECTURES: Final = {"x86_64", "aarch64"}

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
    for name, fault in (("model", _model_fault(profile.model)), ("machine", _machine_fault(profile.machine))):
        if fault is not None:
            return f"at $.{name}{fault}"
    for i, point in enumerate(profile.points):
        fault = _point_fault(point) or _by_size_fault(point, profile.sizes)
        if fault is not None:
            return f"at $.points[{i}]{fault}"
    for i, operator in enumerate(profile.operators):
        fault = _operator_fault(operator)
        if fault is not None:
            return f"at $.operators[{i}]{fault}"
    return None


def _model_fault(model: ModelFacts) -> str | None:
    for name in ("file_bytes", "parameters", "flops_per_item"):
        value = getattr(model, name)
        if value is not None and value < 0:
            return f".{name}: must not be negative"
    if not 0 <= model.flops_coverage <= 1:
        return ".flops_coverage: must lie between 0 and 1"
    dims = {
        f"{tensor.name}.{axis}" if size is None else size
        for tensor in model.inputs
        for axis, size in enumerate(tensor.shape)
        if not isinstance(size, int)
    }
    if model.batch_dim is not None and model.batch_dim not in dims:
        return f".batch_dim: {model.batch_dim!r} is no dimension of the inputs ({', '.join(sorted(dims)) or 'all are fixed'})"
    return None


def _machine_fault(machine: Machine) -> str | None:
    for name in ("logical_cpus", "threads_per_core", "memory_bytes"):
        if getattr(machine, name) < 1:
            return f".{name}: must be at least 1"
    if machine.physical_cores is not None and machine.physical_cores < 1:
        return ".physical_cores: must be at least 1"
    if machine.cpu_family is not None:
        family = load_hardware().families.get(machine.cpu_family)
        if family is not None and machine.arch in _ARCHITECTURES - {family.arch}:
            return f".cpu_family: {machine.cpu_family} is {family.arch}, the machine says {machine.arch}"
    if machine.instance_type is not None:
        provider, _, instance_type = machine.instance_type.partition(":")
        if (provider, instance_type) not in load_hardware().instances:
            example = "sagemaker:ml.c7i.xlarge"
            return (
                f".instance_type: no instance {machine.instance_type!r} is known; write provider:type, like {example}, or null"
            )
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


def _by_size_fault(point: Point, sizes: Sizes | None) -> str | None:
    """Whether the statistics over requests are those of the sizes that were measured."""
    if not point.by_size:
        return None if sizes is None else ".by_size: holds none of $.sizes, over which its latency is meant"
    if sizes is None:
        return ".by_size: the profile does not say which sizes requests have"
    for i, run in enumerate(point.by_size):
        fault = _order_fault(run.latency_ms) or (None if run.raw is None else _raw_fault(run.raw, run.latency_ms))
        if fault is not None:
            return f".by_size[{i}]{fault}"
    return _weights_fault(point, sizes) or _difference(point.latency_ms, mix(point.by_size, sizes, point.batch))


def _weights_fault(point: Point, sizes: Sizes) -> str | None:
    whole = len(sizes.values) == len(sizes.shares) and math.isclose(math.fsum(sizes.shares), 1, rel_tol=1e-6)
    if not whole or list(sizes.values) != sorted(set(sizes.values)):
        return ".by_size: $.sizes is no distribution: sizes must ascend and their shares sum to 1"
    measured = [run.size for run in point.by_size]
    if measured != sorted(set(measured)) or (measured[0], measured[-1]) != (sizes.values[0], sizes.longest):
        return ".by_size: must ascend from the smallest to the longest of $.sizes"
    weights = sizes.weights(measured, point.batch)
    if any(not math.isclose(run.weight, w, rel_tol=1e-6, abs_tol=1e-9) for run, w in zip(point.by_size, weights, strict=True)):
        return ".by_size: the weights are not those of $.sizes; the file was edited"
    return None


def _operator_fault(operator: OperatorTime) -> str | None:
    if operator.count < 0:
        return ".count: must not be negative"
    for name in ("flops", "bytes", "weight_bytes"):
        value = getattr(operator, name)
        if value is not None and value < 0:
            return f".{name}: must not be negative"
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
