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


@cache
def allowed_above(count: int, percentile: float, confidence: float = CONFIDENCE) -> int:
    """How many of ``count`` samples may lie above a limit for the percentile to be under it, with confidence.

    The largest ``t`` with ``P(Binomial(count, 1 - p) <= t) <= 1 - confidence``; -1 when not even
    ``t = 0`` is enough.

    Source: MLPerf Inference rules, appendix "Early Stopping Criterion".
    """
    p = percentile / 100
    allowed, total = -1, 0.0
    log_pmf = count * math.log(p)
    odds = math.log((1 - p) / p)
    for t in range(count + 1):
        total += math.exp(log_pmf)
        if total > 1 - confidence:
            break
        allowed = t
        log_pmf += math.log((count - t) / (t + 1)) + odds if t < count else 0.0
    return allowed


def percentile_bound(ordered: Sequence[float], q: float, confidence: float = CONFIDENCE) -> float | None:
    """What the true percentile does not exceed, with confidence; None when the sample is too small to say.

    MLPerf's early-stopping estimate: the ``t``-th largest sample, ``t`` of them being allowed above the
    percentile. ``ordered`` ascends; ``q`` in percent. Needs the :func:`min_samples` of the percentile.
    """
    t = allowed_above(len(ordered), q, confidence)
    return ordered[len(ordered) - t] if t >= 1 else None


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
