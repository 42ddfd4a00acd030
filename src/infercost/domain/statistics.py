"""Order statistics of latency samples, and when a sample is large enough for them.

Pure Python on purpose: profiles are summarised by readers that need no numpy.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.99


@cache
def min_samples(percentile: float, confidence: float = CONFIDENCE) -> int:
    """Smallest sample that supports a percentile (``0 < percentile < 100``).

    MLPerf Inference early stopping: with one sample allowed above the estimate, the chance
    that at most one of ``n`` exceeds the true percentile must not pass ``1 - confidence``.
    At 99 % confidence this gives 64 for p90, 130 for p95 and 662 for p99.

    Source: MLPerf Inference rules, appendix "Early Stopping Criterion".
    """
    p = percentile / 100
    n = 2
    while p**n + n * (1 - p) * p ** (n - 1) > 1 - confidence:
        n += 1
    return n


def percentile(ordered: Sequence[float], q: float) -> float:
    """Nearest-rank percentile of samples already in ascending order; ``q`` in percent.

    Nearest-rank returns a latency that was really observed (no interpolation).
    """
    if not ordered:
        raise ValueError("percentile of an empty sample")
    return ordered[max(0, math.ceil(q / 100 * len(ordered)) - 1)]


def supported_percentile(ordered: Sequence[float], q: float) -> float | None:
    """The percentile, or None when the sample is too small to claim it."""
    return percentile(ordered, q) if len(ordered) >= min_samples(q) else None
