"""Traffic: when requests arrive. Values that give the same arrivals for the same seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, isfinite
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Counts", "Drawn", "Even", "Poisson", "TrafficSource", "counts", "draw", "even", "poisson", "read_arrivals"]


@runtime_checkable
class TrafficSource(Protocol):
    """What ``simulate`` takes in place of an array of seconds."""

    @property
    def duration_s(self) -> float:
        """When the traffic ends; replicas are billed at least until then."""
        ...

    def arrivals_s(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Sorted seconds from the start."""
        ...


@runtime_checkable
class SizedSource(Protocol):
    """A traffic source whose requests differ in size."""

    def work(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Relative work of each of its ``n`` requests, 1 in the mean."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Traffic whose arrivals are fixed and checked: what many simulations share."""

    times_s: NDArray[np.float64]
    sizes: NDArray[np.float64]
    """Relative work of each request; empty where all are alike."""
    duration_s: float
    from_zero: bool
    """Whether the traffic begins at 0; else the clock starts at the tick before the first arrival."""

    def arrivals_s(self, rng: np.random.Generator) -> NDArray[np.float64]:  # noqa: ARG002 - drawn already
        """See :class:`TrafficSource`."""
        return self.times_s


@dataclass(frozen=True, slots=True)
class Even:
    """One request every ``1 / rps`` seconds."""

    rps: float
    duration_s: float

    def __post_init__(self) -> None:
        _check_rate(self.rps, self.duration_s)

    def arrivals_s(self, rng: np.random.Generator) -> NDArray[np.float64]:  # noqa: ARG002 - nothing is random here
        """See :class:`TrafficSource`."""
        times: NDArray[np.float64] = np.arange(ceil(self.rps * self.duration_s)) / self.rps
        return times[times < self.duration_s]


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent requests at a steady mean rate."""

    rps: float
    duration_s: float

    def __post_init__(self) -> None:
        _check_rate(self.rps, self.duration_s)

    def arrivals_s(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """See :class:`TrafficSource`."""
        return np.sort(rng.random(rng.poisson(self.rps * self.duration_s))) * self.duration_s


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """So many requests in each bin of ``bin_s`` seconds, independent within it: a Poisson process given its counts."""

    counts: NDArray[np.int64]
    bin_s: float

    @property
    def duration_s(self) -> float:
        """See :class:`TrafficSource`."""
        return len(self.counts) * self.bin_s

    def arrivals_s(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """See :class:`TrafficSource`."""
        starts = np.repeat(np.arange(len(self.counts), dtype=np.float64), self.counts)
        return np.sort(starts + rng.random(len(starts))) * self.bin_s


def even(rps: float, duration_s: float) -> Even:
    """One request every ``1 / rps`` seconds, the first at 0."""
    return Even(float(rps), float(duration_s))


def poisson(rps: float, duration_s: float) -> Poisson:
    """Independent requests at ``rps`` a second in the mean."""
    return Poisson(float(rps), float(duration_s))


def counts(requests: ArrayLike, bin_s: float) -> Counts:
    """Requests per bin of ``bin_s`` seconds, as traces have them; within a bin they are spread at random.

    Raises:
        UsageError: a count is negative or not whole, or the bin is not above 0.
    """
    numbers = np.asarray(requests, dtype=np.float64)
    if numbers.ndim != 1 or not np.isfinite(numbers).all() or (numbers < 0).any() or (numbers % 1 != 0).any():
        raise UsageError("requests per bin must be a list of whole numbers, none of them negative")
    if not isfinite(bin_s) or bin_s <= 0:
        raise UsageError(f"a bin must be longer than 0 seconds, got {bin_s:g}")
    return Counts(numbers.astype(np.int64), float(bin_s))


def draw(traffic: ArrayLike | TrafficSource, *, work: ArrayLike | None = None, seed: int = 0) -> Drawn:
    """Draw and check the arrivals once for many simulations: ``simulate`` gives with them what it gives with ``traffic``.

    Args:
        traffic: as of ``simulate``.
        work: likewise.
        seed: that of the simulations.

    Raises:
        UsageError: as ``simulate``.
    """
    return read_arrivals(traffic, work, streams(seed))


def streams(seed: int) -> list[np.random.SeedSequence]:
    """The independent sources of a simulation's random numbers: arrivals, services, routing, starts, sizes."""
    return np.random.SeedSequence(seed).spawn(5)


def read_arrivals(traffic: ArrayLike | TrafficSource, work: ArrayLike | None, seeds: list[np.random.SeedSequence]) -> Drawn:
    """Checked arrivals in seconds, their sizes, and when the traffic ends.

    Raises:
        UsageError: there is none, it is not sorted, finite and from 0 on, or the work does not fit it.
    """
    if isinstance(traffic, Drawn):
        return traffic if work is None else replace(traffic, sizes=_sizes(work, len(traffic.times_s)))
    if isinstance(traffic, TrafficSource):
        times, end = traffic.arrivals_s(np.random.default_rng(seeds[0])), traffic.duration_s
        if work is None and isinstance(traffic, SizedSource):
            work = traffic.work(np.random.default_rng(seeds[4]), len(times))
    else:
        times = np.require(traffic, dtype=np.float64, requirements=["C", "A"])
        if times.ndim != 1:
            raise UsageError(f"arrivals must be one list of seconds, got an array of shape {times.shape}")
        end = float(times[-1]) if len(times) else 0.0
    if not len(times) and end <= 0:
        raise UsageError("there are no arrivals to simulate")
    if len(times):
        _check_times(times)
    return Drawn(times, _sizes(work, len(times)), end, isinstance(traffic, TrafficSource))


def _sizes(work: ArrayLike | None, requests: int) -> NDArray[np.float64]:
    if work is None:
        return np.empty(0)
    sizes = np.require(work, dtype=np.float64, requirements=["C", "A"])
    if sizes.shape != (requests,):
        raise UsageError(f"work must hold one number a request: {requests} of them, got an array of shape {sizes.shape}")
    if not np.isfinite(sizes).all() or (sizes <= 0).any():
        raise UsageError("the work of a request must be a number above 0, 1 for an average one")
    return sizes


def _check_times(times: NDArray[np.float64]) -> None:
    if not np.isfinite(times[[0, -1]]).all() or times[0] < 0:
        raise UsageError("arrivals must be seconds from 0 on; subtract the first, or drop what is not a number")
    falls = times[1:] < times[:-1]
    if falls.any():
        place = int(np.argmax(falls)) + 1
        raise UsageError(
            f"arrivals must be sorted: number {place} ({times[place]:g} s) is before the one ahead of it; sort them first"
        )
    if np.isnan(times).any():
        raise UsageError("arrivals must be numbers; drop what is NaN")


def _check_rate(rps: float, duration_s: float) -> None:
    if not isfinite(rps) or rps <= 0:
        raise UsageError(f"requests per second must be above 0, got {rps:g}")
    if not isfinite(duration_s) or duration_s <= 0:
        raise UsageError(f"the duration must be above 0 seconds, got {duration_s:g}")
