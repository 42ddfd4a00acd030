"""How sure the figures of a latency sample are: moving-block bootstrap."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from infercost.domain.latency import Interval, Tail
from infercost.domain.statistics import CONFIDENCE, min_samples, percentile_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

RESAMPLES = 400
PERCENTILES = (50, 90, 95, 99)
_LEAST = 5
_CHUNK = 2_000_000
"""Samples drawn at once: bounds the memory."""


def intervals(seconds: Sequence[float], *, confidence: float = 0.95, resamples: int = RESAMPLES) -> tuple[Interval, ...]:
    """Intervals of the mean and of every percentile that the sample supports, in milliseconds.

    Latencies that follow each other are alike: a neighbour or a queue slows many in a row. Blocks of neighbours
    are drawn instead of single latencies, long enough to hold what lasts (Künsch 1989; block length from the
    autocorrelation, at least the cube root of the count). The same sample gives the same intervals.
    """
    import numpy as np

    values = np.asarray(seconds, dtype=float) * 1e3
    n = len(values)
    if n < _LEAST:
        return ()
    kept = [q for q in PERCENTILES if n >= min_samples(q)]
    rows = _resampled(values, block_length(values), resamples, kept)
    tail = (1 - confidence) / 2
    low, high = np.quantile(rows, [tail, 1 - tail], axis=0)
    names = ["mean", *(f"p{q}" for q in kept)]
    return tuple(
        Interval(metric=name, low=float(a), high=float(b), confidence=confidence)
        for name, a, b in zip(names, low, high, strict=True)
    )


def block_length(values: Any) -> int:
    """Neighbours that stay together: twice the integrated autocorrelation time, within n^(1/3) and n/4."""
    import numpy as np

    n: int = len(values)
    centred = values - values.mean()
    spread = float(centred @ centred)
    least: int = ceil(n ** (1 / 3))
    if spread <= 0:
        return least
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum), size)[:n] / spread
    # Pairs of lags, summed while they are positive (Geyer 1992): beyond that there is only noise.
    pairs = correlation[: n - n % 2].reshape(-1, 2).sum(axis=1)
    ended = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs)
    time = max(1.0, 2 * float(pairs[:ended].sum()) - 1)
    return min(max(least, ceil(2 * time)), max(1, n // 4))


def _resampled(values: Any, block: int, resamples: int, percentiles: Sequence[int]) -> Any:
    """The statistics of each resample: one row each, the mean first."""
    import numpy as np

    n = len(values)
    blocks = ceil(n / block)
    rng = np.random.default_rng(0)
    ranks = [max(0, ceil(q / 100 * n) - 1) for q in percentiles]
    rows = []
    step = max(1, _CHUNK // n)
    for begin in range(0, resamples, step):
        count = min(step, resamples - begin)
        starts = rng.integers(0, n - block + 1, size=(count, blocks))
        drawn = values[(starts[:, :, None] + np.arange(block)).reshape(count, -1)[:, :n]]
        means = drawn.mean(axis=1, keepdims=True)
        if ranks:
            ordered = np.partition(drawn, sorted(set(ranks)), axis=1)
            means = np.concatenate([means, ordered[:, ranks]], axis=1)
        rows.append(means)
    return np.concatenate(rows)


def tails(seconds: Sequence[float]) -> tuple[Tail, ...]:
    """What p90, p95 and p99 do not exceed at 99 % confidence; those that the sample cannot bound are left out."""
    ordered = sorted(s * 1e3 for s in seconds)
    found = [(q, percentile_bound(ordered, q)) for q in PERCENTILES[1:]]
    return tuple(Tail(metric=f"p{q}", bound=bound, confidence=CONFIDENCE) for q, bound in found if bound is not None)
