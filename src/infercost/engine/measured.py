"""What a profile measured, as functions of batch and threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from infercost.domain.profile import Point, Profile

MAX_BATCH = 32
"""No prediction goes beyond this batch size."""
MAX_BATCHES = 4
MEMORY_PER_FILE_BYTE = 2.5
"""Resident bytes for each byte of model file where memory was not measured."""
PROCESS_BYTES = 80_000_000
"""Resident bytes of a worker beside the model's session, Python, NumPy and ONNX Runtime themselves, where the
profile did not record them (``Point.process_bytes``): 50 to 90 MB on Linux with ONNX Runtime 1.23 to 1.32."""
UNDISTURBED_SHARE = 0.95
"""A single thread that had the CPU for less of the wall time was kept from it by others."""
LEAST_SHARE = 0.2
"""A smaller share says nothing more: the measurement is then within five times of the truth at best."""
UNSETTLED = 1.10
"""Assumed for medians that had not settled when the time was up: as much as two machines of one kind differ."""
CV_RANGE = (0.02, 1.0)
CV_RANGE_OF_SIZES = (0.02, 4.0)
"""Where requests differ in size, most of the spread is theirs and not the clock's."""
DEFAULT_CV = 0.05


def allowed_batches(profile: Profile, batches: Iterable[int]) -> tuple[int, ...]:
    """At most four: 1, the largest up to 32, and two between."""
    if profile.model.batch_dim is None:
        return (1,)
    usable = sorted({b for b in batches if 1 <= b <= MAX_BATCH} | {1})
    if len(usable) <= MAX_BATCHES:
        return tuple(usable)
    picks = np.linspace(0, len(usable) - 1, MAX_BATCHES).round().astype(int)
    return tuple(usable[i] for i in picks)


def memory_curve(profile: Profile, points: Sequence[Point]) -> Callable[[int], int]:
    """Resident bytes of one worker's session at a batch size; measured, else from the model file."""
    measured: dict[int, int] = {}
    for point in points:
        if point.memory_bytes:
            measured[point.batch] = max(measured.get(point.batch, 0), point.memory_bytes)
    fallback = int(MEMORY_PER_FILE_BYTE * profile.model.file_bytes)
    if not measured:
        return lambda _batch: fallback
    batches = sorted(measured)
    sizes = np.maximum.accumulate([measured[b] for b in batches])
    slope = max(0.0, (sizes[-1] - sizes[0]) / (batches[-1] - batches[0])) if len(batches) > 1 else 0.0

    def memory(batch: int) -> int:
        return int(np.interp(batch, batches, sizes) + slope * max(0, batch - batches[-1]))

    return memory


def worker_memory(profile: Profile, points: Sequence[Point]) -> Callable[[int], int]:
    """Resident bytes of one CPU worker as a whole at a batch size: its own process and the model's session.

    Each worker is a process: N single-threaded ones pay for Python and ONNX Runtime N times.
    """
    session = memory_curve(profile, points)
    process = max((p.process_bytes for p in points if p.process_bytes), default=PROCESS_BYTES)
    return lambda batch: process + session(batch)


def seconds_measured(points: Sequence[Point]) -> dict[int, dict[int, float]]:
    """Typical seconds by batch, then by threads; where requests differ in size, mean seconds over them."""
    seconds: dict[int, dict[int, float]] = {}
    for point in points:
        seconds.setdefault(point.batch, {})[point.threads] = point.service_ms / 1e3
    return seconds


def typical_cv(points: Sequence[Point]) -> float:
    """Coefficient of variation of the points, median and bounded; of single requests where they differ in size."""
    if any(p.by_size for p in points):
        return cv_by_batch(points)(1)
    return float(np.clip(np.median([p.latency_ms.cv for p in points]), *CV_RANGE)) if points else DEFAULT_CV


def cv_by_batch(points: Sequence[Point]) -> Callable[[int], float]:
    """Coefficient of variation at a batch size, where requests differ in size: longest of many vary less than single ones."""
    found: dict[int, list[float]] = {}
    for point in points:
        if point.by_size:
            found.setdefault(point.batch, []).append(point.latency_ms.cv)
    batches = sorted(found)
    medians = np.clip([np.median(found[b]) for b in batches], *CV_RANGE_OF_SIZES)
    return lambda batch: float(np.interp(np.log2(batch), np.log2(batches), medians))


def disturbance(points: Iterable[Point]) -> float:
    """Factor, 1 or more, by which the measurement itself may be off; bands are widened by it.

    A single thread that had the CPU for a share of the wall time would have been done in that share of
    it: its latency times the share is the lower end. The worst point counts, as in the profile's warning.
    """
    shares, settled = [1.0], True
    for point in points:
        settled = settled and point.stable
        if point.device == "cpu" and point.threads == 1 and point.cpu_utilization is not None:
            shares.append(max(LEAST_SHARE, point.cpu_utilization))
    worst = min(shares)
    return (1 / worst if worst < UNDISTURBED_SHARE else 1.0) * (1.0 if settled else UNSETTLED)
