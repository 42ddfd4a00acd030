"""When requests arrive: single times as recorded, or counts by bin, from which times are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.engine.burstiness import BURST_S, dispersion, dispersion_within, modulate, place, split

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MINUTE_S", "Bins", "Pattern", "Times", "measured", "regular"]

MINUTE_S: Final = 60.0
_SLACK: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Single requests at recorded times, of which a share is kept."""

    times_s: NDArray[np.float64]
    """Sorted, from 0 on."""
    duration_s: float
    keep: float = 1.0
    """Probability of each request to be there: below 1 after scaling down."""

    @property
    def total(self) -> float:
        """Expected requests."""
        return len(self.times_s) * self.keep

    @property
    def finest_s(self) -> float:
        """The shortest stretch whose requests are known; 0 for single times."""
        return 0.0

    def before(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Requests expected before each time; all of them at the end."""
        found = np.searchsorted(self.times_s, at_s).astype(np.float64)
        found[at_s >= self.duration_s] = len(self.times_s)
        return found * self.keep

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Sorted seconds."""
        return self.times_s if self.keep >= 1 else self.times_s[rng.random(len(self.times_s)) < self.keep]

    def scaled(self, factor: float) -> Pattern:
        """``factor`` times the rate at every instant; above the recorded one, seconds are drawn anew."""
        if self.keep * factor <= 1:
            return replace(self, keep=self.keep * factor)
        return replace(self, keep=1.0).binned(1.0).scaled(self.keep * factor)

    def clipped(self, start_s: float, end_s: float) -> Times:
        """What lies from ``start_s`` to before ``end_s``, counted from ``start_s``."""
        first, last = self.within(start_s, end_s)
        return replace(self, times_s=self.times_s[first:last] - start_s, duration_s=end_s - start_s)

    def within(self, start_s: float, end_s: float) -> tuple[int, int]:
        """Places of the first request from ``start_s`` on, and of the first from ``end_s`` on."""
        first, last = np.searchsorted(self.times_s, [start_s, end_s])
        return int(first), len(self.times_s) if end_s >= self.duration_s else int(last)

    def repeated(self, times: int) -> Times:
        """The same one after another."""
        shifts = np.repeat(np.arange(times) * self.duration_s, len(self.times_s))
        return replace(self, times_s=np.tile(self.times_s, times) + shifts, duration_s=self.duration_s * times)

    def binned(self, bin_s: float) -> Bins:
        """Counts by bin instead of times."""
        edges = regular(self.duration_s, bin_s)
        return Bins(edges, np.diff(self.before(edges)) / self.keep, keep=self.keep)


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """So many requests in each bin, counted or expected."""

    edges_s: NDArray[np.float64]
    """Of the bins; one more than there are bins, the first 0."""
    counts: NDArray[np.float64]
    keep: float = 1.0
    """Probability of each request to be there: below 1 after scaling down."""
    counted: bool = True
    """The counts are those of a record and are kept, fractions rounded at random; else they are what is expected,
    and vary around it as a Poisson process does."""
    even: bool = False
    """Requests of a bin come one after another, equally spaced."""
    dispersion: float = 1.0
    """Index at one second that is modelled within the bins; 1: none, independent requests."""
    burst_s: float = BURST_S

    @property
    def duration_s(self) -> float:
        """Where the last bin ends."""
        return float(self.edges_s[-1])

    @property
    def total(self) -> float:
        """Expected requests."""
        return float(self.counts.sum()) * self.keep

    @property
    def finest_s(self) -> float:
        """The shortest stretch whose requests are known: the usual bin."""
        return float(np.median(np.diff(self.edges_s)))

    def before(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Requests expected before each time."""
        reached = np.concatenate([[0.0], np.cumsum(self.counts)])
        found: NDArray[np.float64] = np.interp(at_s, self.edges_s, reached) * self.keep
        return found

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Sorted seconds."""
        if self.even:
            return self._evenly()
        bursts = self.dispersion > 1
        if not self.counted:
            expected = self.counts * self.keep
            if bursts:
                return place(*modulate(expected, self.edges_s, self.dispersion, self.burst_s, rng), rng)
            return place(rng.poisson(expected).astype(np.int64), self.edges_s, rng)
        counts = self._whole(rng)
        return place(
            *(split(counts, self.edges_s, self.dispersion, self.burst_s, rng) if bursts else (counts, self.edges_s)), rng
        )

    def _whole(self, rng: np.random.Generator) -> NDArray[np.int64]:
        low = np.floor(self.counts + _SLACK)
        counts = (low + (rng.random(len(low)) < self.counts - low)).astype(np.int64)
        return counts if self.keep >= 1 else rng.binomial(counts, self.keep).astype(np.int64)

    def _evenly(self) -> NDArray[np.float64]:
        times = []
        for start, end, count in zip(self.edges_s[:-1], self.edges_s[1:], self.counts * self.keep, strict=True):
            inside = start + np.arange(int(np.ceil(count - _SLACK))) * ((end - start) / count if count else 1.0)
            times.append(inside[inside < end])
        return np.concatenate(times)

    def scaled(self, factor: float) -> Bins:
        """``factor`` times the rate at every instant, bursts included.

        Less: each request stays with that probability. More: counts of a minute or longer are multiplied. Shorter
        ones hold much chance, which must not be multiplied with them: see :meth:`_rates`.
        """
        index = 1 + factor * (self.dispersion - 1)
        if not self.counted or self.even:
            return replace(self, counts=self.counts * factor, dispersion=index)
        if self.keep * factor <= 1:
            return replace(self, keep=self.keep * factor, dispersion=index)
        base = replace(self, keep=1.0) if self.finest_s >= MINUTE_S else self._rates()
        return replace(base, counts=base.counts * (self.keep * factor), dispersion=index)

    def _rates(self) -> Bins:
        """The rate behind each short count: between the count and its minute's level, by how much is chance.

        Of the variance of counts around their level, the Poisson share is 1 / D. Deviations are shrunk so that the
        rates have the rest of the variance.
        """
        widths = np.diff(self.edges_s)
        minute = (self.edges_s[:-1] // MINUTE_S).astype(np.int64)
        level = (np.bincount(minute, self.counts) / np.maximum(np.bincount(minute, widths), _SLACK))[minute] * widths
        index = dispersion_within(self.counts, max(round(MINUTE_S / self.finest_s), 1)) or 1.0
        kept = sqrt(1 - 1 / max(index, 1.0))
        return replace(self, counts=level + kept * (self.counts - level), keep=1.0, counted=False)

    def clipped(self, start_s: float, end_s: float) -> Bins:
        """What lies from ``start_s`` to before ``end_s``, counted from ``start_s``; parts of bins by their length."""
        first = int(np.searchsorted(self.edges_s, start_s, side="right")) - 1
        last = int(np.searchsorted(self.edges_s, end_s))
        old, edges, counts = (
            np.diff(self.edges_s[first : last + 1]),
            self.edges_s[first : last + 1].copy(),
            self.counts[first:last],
        )
        edges[0], edges[-1] = start_s, end_s
        return replace(self, edges_s=edges - start_s, counts=counts * (np.diff(edges) / old))

    def repeated(self, times: int) -> Bins:
        """The same one after another."""
        shifts = np.repeat(np.arange(times) * self.duration_s, len(self.counts))
        edges = np.append(np.tile(self.edges_s[:-1], times) + shifts, self.duration_s * times)
        return replace(self, edges_s=edges, counts=np.tile(self.counts, times))

    def binned(self, bin_s: float) -> Bins:
        """The same in longer bins; one that lies across an edge is shared by length."""
        edges = regular(self.duration_s, bin_s)
        return replace(self, edges_s=edges, counts=np.diff(self.before(edges)) / self.keep)


Pattern = Times | Bins


def measured(seconds: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Index of dispersion of counts a second: around the minutes' levels, and around the mean of the whole."""
    return dispersion_within(seconds, round(MINUTE_S)), dispersion(seconds)


def regular(duration_s: float, bin_s: float) -> NDArray[np.float64]:
    """Edges of bins of ``bin_s``; the last may be shorter."""
    count = max(1, int(np.ceil(duration_s / bin_s - _SLACK)))
    edges = np.arange(count + 1, dtype=np.float64) * bin_s
    edges[-1] = duration_s
    return edges
