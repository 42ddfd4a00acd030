"""When a latency sample is settled, and how large it should be. Pure."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

from infercost.domain.statistics import min_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

TOLERANCE = 0.01
"""Relative half-width of the median's confidence interval at which a sample is settled."""

MAX_SAMPLES = 5000
"""Beyond this a raw sample grows the profile and tells little more."""

WINDOW_TOLERANCE = 0.10
"""Three windows in a row may differ so much from their mean."""

_MOST_WINDOWS = 5
"""A long run is cut into so many windows, of which the last three must agree."""

_Z95 = 1.96
_DRIFT = 2 * TOLERANCE


def median_interval(samples: Sequence[float]) -> tuple[float, float, float]:
    """Low end, median and high end of the distribution-free 95 % interval of the median.

    Order statistics ``n/2 ± 0.98 √n`` (binomial in its normal form): no assumption on the shape of
    the latencies. Source: Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2.
    """
    ordered = sorted(samples)
    n = len(ordered)
    reach = _Z95 * sqrt(n) / 2
    low = max(0, ceil(n / 2 - reach) - 1)
    high = min(n - 1, ceil(n / 2 + reach))
    return ordered[low], ordered[(n - 1) // 2], ordered[high]


def settled(samples: Sequence[float], tolerance: float = TOLERANCE) -> bool:
    """Whether the median is known within the tolerance and does not drift between the halves of the sample."""
    n = len(samples)
    if n < min_samples(50):
        return False
    low, middle, high = median_interval(samples)
    if middle <= 0:
        return True
    if (high - low) / 2 / middle > tolerance:
        return False
    first, second = median_interval(samples[: n // 2])[1], median_interval(samples[n // 2 :])[1]
    return abs(first - second) <= max(_DRIFT, 2 * tolerance) * middle


def need(samples: Sequence[float], *, target: int, tolerance: float = TOLERANCE) -> float:
    """How much a sample is in need of more: above 1 its median is not settled, 0 it has all that is wanted. Pure.

    The measurement's time goes to the sample in the greatest need.
    """
    n, least = len(samples), min_samples(50)
    if n < least:
        return 1e6 * (1 - n / least) + 1
    if n >= MAX_SAMPLES:
        return 0.0
    low, middle, high = median_interval(samples)
    if middle > 0:
        spread = (high - low) / 2 / middle / tolerance
        first, second = median_interval(samples[: n // 2])[1], median_interval(samples[n // 2 :])[1]
        drift = abs(first - second) / middle / max(_DRIFT, 2 * tolerance)
        if max(spread, drift) > 1:
            return max(spread, drift)
    return max(0.0, 1 - n / target)


def windows_agree(samples: Sequence[float], windows: int = 3, tolerance: float = WINDOW_TOLERANCE) -> bool:
    """Whether the mean latencies of the last windows of equal count lie within the tolerance of their mean.

    perf_analyzer's rule of stability, three windows within 10 % (client parameters ``--stability-percentage``).
    Too few samples to fill them with three each do not agree.
    """
    size = len(samples) // max(windows, _MOST_WINDOWS)
    size = max(size, len(samples) // windows if len(samples) < windows * _MOST_WINDOWS * 3 else size)
    if size < 3:
        return False
    tail = samples[len(samples) - size * windows :]
    means = [sum(tail[i * size : (i + 1) * size]) / size for i in range(windows)]
    middle = sum(means) / windows
    return all(abs(mean - middle) <= tolerance * middle for mean in means)


def target_samples(typical_s: float, budget_s: float) -> int:
    """The largest useful sample that fits the budget: enough for p99, p95, p90 or p50."""
    for percentile in (99, 95, 90):
        if min_samples(percentile) * typical_s <= budget_s:
            return min_samples(percentile)
    return min_samples(50)
