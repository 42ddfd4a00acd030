"""Traffic: when requests arrive. Values that give the same arrivals for the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Counts", "Even", "Poisson", "TrafficSource", "counts", "even", "poisson", "read_arrivals"]


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


def read_arrivals(traffic: ArrayLike | TrafficSource, rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """Checked arrivals in seconds, and when the traffic ends.

    Raises:
        UsageError: there is none, or it is not sorted, finite and from 0 on.
    """
    if isinstance(traffic, TrafficSource):
        times, end = traffic.arrivals_s(rng), traffic.duration_s
    else:
        times = np.require(traffic, dtype=np.float64, requirements=["C", "A"])
        if times.ndim != 1:
            raise UsageError(f"arrivals must be one list of seconds, got an array of shape {times.shape}")
        end = float(times[-1]) if len(times) else 0.0
    if not len(times) and end <= 0:
        raise UsageError("there are no arrivals to simulate")
    if len(times):
        _check_times(times)
    return times, end


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
