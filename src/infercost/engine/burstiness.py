"""How requests bunch within a bin of which only the number is known.

The index of dispersion at one second is the variance of the requests in a second over their mean, taken around
the level of their minute (or bin): 1 for a Poisson process, more where requests come in bursts. Bursts are
modelled as a Poisson process whose rate is itself random (doubly stochastic): for some seconds, ten unless said
otherwise, the rate is multiplied by a gamma variate of mean 1. In the public trace of Twitter's stream of August
2021 the fluctuations within a minute are correlated over about that long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BURST_S", "dispersion", "dispersion_within", "modulate", "place", "split"]

BURST_S: Final = 10.0
"""How long a burst lasts unless said otherwise."""

_AT_ONCE: Final = 1 << 17
"""Arrivals made together: what fits a processor's cache."""


def dispersion(counts: NDArray[np.float64]) -> float | None:
    """Variance over mean around the mean of the whole; None without two bins and a request."""
    if len(counts) < 2 or not counts.any():
        return None
    return float(counts.var(ddof=1) / counts.mean())


def dispersion_within(counts: NDArray[np.float64], window: int) -> float | None:
    """Variance over mean around the means of ``window`` bins each, pooled; None without a full window and a request.

    The slow rise and fall of the traffic, which the windows' means follow, is not in it.
    """
    whole = counts[: len(counts) // window * window].reshape(-1, window) if window > 1 else counts[:0]
    if not whole.any():
        return None
    return float(whole.var(axis=1, ddof=1).sum() / whole.mean(axis=1).sum())


def split(
    counts: NDArray[np.int64], edges_s: NDArray[np.float64], index: float, burst_s: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts of the bursts in each bin, and their edges; every bin keeps its count.

    The gamma variates of a bin, given its count, share it out as a Dirichlet-multinomial distribution. Its parameter
    is such that :func:`dispersion_within` of the result, by bin, is ``index`` in expectation; a bin with too few
    requests for that puts all of them into one burst.
    """
    parts, widths = _parts(edges_s, burst_s), np.diff(edges_s)
    excess = np.divide((index - 1) * widths, counts, out=np.full(len(counts), np.inf), where=counts > 0)
    found = np.empty(int(parts.sum()), dtype=np.int64)
    ends = np.cumsum(parts)
    for size in np.unique(parts):
        rows = np.flatnonzero(parts == size)
        spread = (size - 1) * widths[rows] / (excess[rows] * np.maximum(widths[rows] - 1, 1e-9))
        shares = _shares(np.maximum((spread - 1) / size, 0.0), int(size), rng)
        found[(ends[rows] - size)[:, None] + np.arange(size)] = rng.multinomial(counts[rows], shares)
    return found, _edges(edges_s, parts)


def modulate(
    expected: NDArray[np.float64], edges_s: NDArray[np.float64], index: float, burst_s: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts of the bursts in each bin, and their edges, where only the expected counts are known."""
    parts = _parts(edges_s, burst_s)
    mean = np.repeat(expected / parts, parts)
    shape = np.repeat(expected / np.diff(edges_s), parts) / (index - 1)
    factor = np.divide(rng.standard_gamma(shape), shape, out=np.zeros(len(shape)), where=shape > 0)
    return rng.poisson(mean * factor).astype(np.int64), _edges(edges_s, parts)


def place(counts: NDArray[np.int64], edges_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Sorted seconds of so many requests in each bin, independent and uniform within it.

    Order statistics of n uniforms are the partial sums of n + 1 exponentials over their total (Devroye, Non-Uniform
    Random Variate Generation, 1986, chapter V), so nothing is sorted.
    """
    before = np.concatenate([[0], np.cumsum(counts)])
    times = np.empty(int(before[-1]))
    first, bins = 0, len(counts)
    while first < bins:
        last = max(first + 1, int(np.searchsorted(before, before[first] + _AT_ONCE, side="right")) - 1)
        times[before[first] : before[last]] = _place_some(counts[first:last], edges_s[first : last + 1], rng)
        first = last
    return times


def _place_some(counts: NDArray[np.int64], edges_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    sums = np.cumsum(rng.standard_exponential(int(counts.sum()) + len(counts)))
    last = np.cumsum(counts + 1) - 1
    totals = sums[last]
    starts = np.concatenate([[0.0], totals[:-1]])
    inside = np.ones(len(sums), dtype=np.bool_)
    inside[last] = False
    times: NDArray[np.float64] = sums[inside]
    times -= np.repeat(starts, counts)
    times *= np.repeat(np.diff(edges_s) / (totals - starts), counts)
    times += np.repeat(edges_s[:-1], counts)
    return times


def _parts(edges_s: NDArray[np.float64], burst_s: float) -> NDArray[np.int64]:
    """Into how many bursts of equal length each bin is cut."""
    return np.maximum(np.rint(np.diff(edges_s) / burst_s), 1).astype(np.int64)


def _edges(edges_s: NDArray[np.float64], parts: NDArray[np.int64]) -> NDArray[np.float64]:
    step = np.repeat(np.diff(edges_s) / parts, parts)
    place_in_bin = np.arange(int(parts.sum())) - np.repeat(np.cumsum(parts) - parts, parts)
    return np.append(np.repeat(edges_s[:-1], parts) + place_in_bin * step, edges_s[-1])


def _shares(alpha: NDArray[np.float64], size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Rows of a Dirichlet distribution; in the limit of no alpha at all, one part has everything."""
    weights = rng.standard_gamma(np.broadcast_to(alpha[:, None], (len(alpha), size)))
    alone = rng.integers(size, size=len(alpha))
    total = weights.sum(axis=1)
    empty = np.flatnonzero(total <= 0)
    weights[empty, alone[empty]] = 1.0
    shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares
