"""Latency over requests of different sizes, from what was measured at a few of them."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from infercost.domain.latency import LatencyStats
from infercost.domain.sizes import place
from infercost.domain.statistics import min_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.latency import SizeRun
    from infercost.domain.sizes import Sizes

__all__ = ["mix"]

_QUANTILES = 40
"""Of each size's own spread, so many are kept."""


def mix(runs: Sequence[SizeRun], sizes: Sizes, batch: int) -> LatencyStats:
    """Latency of a batch over requests whose sizes vary, each batch padded to its longest item.

    Between two measured sizes the typical latency is taken as linear in the size, and the spread around it as
    that of the nearer one. ``count`` is of all runs; a percentile that so many cannot support is None.

    Args:
        runs: ascending by size, from the smallest to the longest of ``sizes``.
        sizes: what sizes requests have.
        batch: requests a batch.
    """
    typical = [run.latency_ms.typical for run in runs]
    spreads = [_spread(run) for run in runs]
    measured = [run.size for run in runs]
    found: list[tuple[float, float]] = []
    for value, share in zip(sizes.values, sizes.of_longest(batch), strict=True):
        low, part = place(value, measured)
        high = min(low + 1, len(runs) - 1)
        centre = typical[low] + part * (typical[high] - typical[low])
        spread = spreads[high if part > 0.5 else low]
        found += [(centre * factor, share * part) for factor, part in spread]
    return _stats(sorted(found), sum(run.latency_ms.count for run in runs))


def _spread(run: SizeRun) -> list[tuple[float, float]]:
    """Stretches of one size's latencies: their mean over the typical latency, and their share of the runs."""
    typical = run.latency_ms.typical
    if run.raw is None or not typical > 0:
        return [(run.latency_ms.mean / typical if typical > 0 else 1.0, 1.0)]
    ordered = sorted(run.raw.seconds())
    count = min(_QUANTILES, len(ordered))
    edges = [i * len(ordered) // count for i in range(count + 1)]
    # The mean of each stretch, so that mean and most of the variance stay.
    return [(math.fsum(ordered[a:b]) / (b - a) * 1e3 / typical, (b - a) / len(ordered)) for a, b in pairwise(edges)]


def _stats(weighted: Sequence[tuple[float, float]], count: int) -> LatencyStats:
    total = math.fsum(weight for _, weight in weighted)
    mean = math.fsum(value * weight for value, weight in weighted) / total
    variance = math.fsum(weight * (value - mean) ** 2 for value, weight in weighted) / total
    reached = list(accumulate(weight for _, weight in weighted))

    def percentile(q: float) -> float | None:
        if count < min_samples(q):
            return None
        return next((value for (value, _), r in zip(weighted, reached, strict=True) if r >= q / 100 * total), weighted[-1][0])

    p50, p90, p95, p99 = (percentile(q) for q in (50, 90, 95, 99))
    cv = math.sqrt(variance) / mean if mean > 0 else 0.0
    return LatencyStats(mean=mean, p50=p50, p90=p90, p95=p95, p99=p99, count=count, cv=cv, min=weighted[0][0])
