"""Traffic that moves: what a file or a shape says, ready to be simulated, planned for, scaled and cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, isfinite, isinf
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from infercost.domain.errors import UsageError
from infercost.engine.arrival_patterns import MINUTE_S, Bins, Pattern, Times, measured, regular
from infercost.engine.burstiness import BURST_S
from infercost.engine.wording import amount, span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infercost.domain.workload import Trace
    from infercost.engine.request_classes import RequestClasses

__all__ = ["Workload"]

_LEAST_WORK: Final = 1e-6
"""Of a request whose recorded size is 0: no request is for nothing."""
_MOST_REPEATED_S: Final = 20 * 366 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workload:
    """Traffic: when requests arrive, and how much work each is. A traffic value of the simulator.

    What is random is drawn from the generator that each call is given: the same seed, the same requests.
    """

    source: str
    """The file or shape, and what was done to it, in words."""
    pattern: Pattern
    starts_at: str | None = None
    """ISO time (UTC) of second 0; None where there is none."""
    dispersion: float | None = 1.0
    """Variance over mean of the requests in a second around the level of their minute (or bin); 1 is Poisson."""
    basis: Literal["recorded", "given", "assumed", "shape"] = "shape"
    """What the spread of requests within a bin rests on."""
    dispersion_overall: float | None = None
    """As ``dispersion``, around the mean of the whole; None where it was not measured."""
    sizes: NDArray[np.float64] | None = None
    """Relative work of recorded requests, mean 1."""
    classes: RequestClasses | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_trace(cls, trace: Trace) -> Workload:
        """The traffic of a file; without finer knowledge, requests are independent within its bins."""
        pattern: Pattern
        if trace.times_s is not None:
            pattern = Times(trace.times_s, trace.duration_s)
        elif trace.counts is not None and trace.bin_s is not None and len(trace.counts):
            pattern = Bins(regular(len(trace.counts) * trace.bin_s, trace.bin_s), np.asarray(trace.counts, dtype=np.float64))
        else:
            raise UsageError(f"{trace.source} has neither times nor counts; give a file of requests, or a shape")
        fine = pattern.finest_s <= 1
        made = cls(
            source=trace.source,
            pattern=pattern,
            starts_at=trace.start,
            basis="recorded" if fine else "assumed",
            sizes=None if trace.work is None else np.maximum(trace.work, _LEAST_WORK),
            notes=trace.notes,
        )
        return made._measured()

    @property
    def duration_s(self) -> float:
        """When the traffic ends."""
        return self.pattern.duration_s

    @property
    def requests(self) -> float:
        """Expected requests."""
        return self.pattern.total

    @property
    def mean_rps(self) -> float:
        """Requests a second over the whole."""
        return self.requests / self.duration_s

    @property
    def peak_rps(self) -> float:
        """Requests a second in the busiest minute; in the busiest bin, where bins are longer."""
        return self.peak()[1]

    def peak(self) -> tuple[float, float]:
        """When the busiest minute (or longer bin) begins, and its requests a second."""
        counts = self.expected_counts(MINUTE_S)
        busiest = int(np.argmax(counts))
        return busiest * MINUTE_S, float(counts[busiest]) / min(MINUTE_S, self.duration_s)

    @property
    def burstiness(self) -> str:
        """How requests are spread within a bin, in one line."""
        pattern = self.pattern
        index = "" if self.dispersion is None else f"index of dispersion {amount(self.dispersion)} at one second"
        if isinstance(pattern, Times):
            return f"single requests as recorded{f', {index} within minutes (measured)' if index else ''}"
        if pattern.even:
            return "equally spaced"
        if pattern.dispersion > 1:
            kept = f"each {_each(pattern.finest_s)}'s count kept" if pattern.counted else "Poisson given the rate"
            return f"{index} ({self.basis}), in bursts of {span(pattern.burst_s)}; {kept}"
        if self.basis == "recorded":
            kept = "each second's count as recorded" if pattern.counted else "each second's rate from the record"
            return f"{kept}, Poisson within it{f'; {index} within minutes (measured)' if index else ''}"
        if self.basis == "assumed":
            return f"Poisson within each {_each(pattern.finest_s)} (assumed: the file has nothing finer)"
        return "Poisson given the rate"

    def arrivals_s(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Sorted seconds from the start."""
        return self.pattern.draw(rng)

    def expected_counts(self, bin_s: float) -> NDArray[np.float64]:
        """Expected requests in each bin of ``bin_s`` seconds; the last may be shorter."""
        if not isfinite(bin_s) or bin_s <= 0:
            raise UsageError(f"a bin must be longer than 0 seconds, got {bin_s:g}")
        counts: NDArray[np.float64] = np.diff(self.pattern.before(regular(self.duration_s, bin_s)))
        return np.maximum(counts, 0.0)

    @property
    def varies(self) -> bool:
        """Whether requests differ in their work."""
        return self.classes is not None or self.sizes is not None

    def work(self, rng: np.random.Generator, n: int) -> NDArray[np.float64] | None:
        """Relative work of ``n`` requests in the order of their arrival, mean 1; None where all are alike.

        Recorded requests that are replayed as they were have their own; others draw from the recorded ones, or
        from the classes.
        """
        if self.classes is not None:
            return self.classes.work(rng, n)
        if self.sizes is None:
            return None
        if isinstance(self.pattern, Times) and self.pattern.keep >= 1 and n == len(self.sizes):
            return self.sizes
        return self.sizes[rng.integers(len(self.sizes), size=n)]

    def scaled(self, factor: float) -> Workload:
        """``factor`` times the rate at every instant: peaks, lulls and bursts keep their proportions.

        Less: each request stays with that probability. More: counts of bins of a minute or longer are multiplied;
        shorter ones, and single requests, are taken as chance around a rate, which is multiplied.
        """
        if not isfinite(factor) or factor <= 0:
            raise UsageError(f"traffic can be scaled by a number above 0, got {factor:g}; try --scale 10x")
        if factor == 1:
            return self
        index = None if self.dispersion is None else 1 + factor * (self.dispersion - 1)
        return replace(
            self,
            source=f"{self.source}, scaled {factor:.4g} times",
            pattern=self.pattern.scaled(factor),
            dispersion=None if index is None else max(index, 0.0),
            dispersion_overall=None if self.dispersion_overall is None else 1 + factor * (self.dispersion_overall - 1),
        )

    def at_peak(self, rps: float) -> Workload:
        """Scaled so that the busiest minute has ``rps`` requests a second."""
        if not isfinite(rps) or rps <= 0:
            raise UsageError(f"the peak must be above 0 requests a second, got {rps:g}; try --peak 500rps")
        if not self.peak_rps > 0:
            raise UsageError(f"{self.source} has no requests to scale; look at it with: infercost traffic")
        return self.scaled(rps / self.peak_rps)

    def clipped(self, start_s: float, end_s: float) -> Workload:
        """What lies from ``start_s`` to before ``end_s`` (or the end of the traffic), counted from ``start_s``."""
        if not 0 <= start_s < min(end_s, self.duration_s):
            asked = f"from {span(start_s)} on" if isinf(end_s) else f"{span(start_s)} to {span(end_s)}"
            raise UsageError(
                f"{asked} is not within the {span(self.duration_s)} of the traffic;"
                f" try --clip 0s..{max(int(self.duration_s), 1)}s"
            )
        end_s = min(end_s, self.duration_s)
        sizes = self.sizes
        if sizes is not None and isinstance(self.pattern, Times) and len(sizes) == len(self.pattern.times_s):
            first, last = self.pattern.within(start_s, end_s)
            part = sizes[first:last]
            sizes = part / part.mean() if len(part) and part.mean() > 0 else None
        made = replace(
            self,
            source=f"{self.source}, {span(start_s)} to {span(end_s)}",
            pattern=self.pattern.clipped(start_s, end_s),
            starts_at=None if self.starts_at is None else _later(self.starts_at, start_s),
            sizes=sizes,
        )
        return made._measured()

    def repeated(self, times: int) -> Workload:
        """The same traffic so many times, one after another."""
        if times < 1 or times != int(times):
            raise UsageError(f"traffic can be repeated a whole number of times, got {times}; try --repeat 2")
        if times == 1:
            return self
        if self.duration_s * times > _MOST_REPEATED_S:
            raise UsageError(f"{span(self.duration_s)} repeated {times} times is longer than 20 years; try --repeat 2")
        sizes = self.sizes
        if sizes is not None and isinstance(self.pattern, Times):
            sizes = np.tile(sizes, times)
        return replace(self, source=f"{self.source}, {times} times over", pattern=self.pattern.repeated(times), sizes=sizes)

    def bursty(self, dispersion: float, burst_s: float = BURST_S) -> Workload:
        """The same counts, but requests within a bin come in bursts.

        Args:
            dispersion: variance over mean of the requests in one second, around the level of their bin; 1 is Poisson.
            burst_s: how long the rate stays up or down.

        What is finer than a minute in the record is given up for it.
        """
        if not isfinite(dispersion) or not 1 <= dispersion <= 1e6:
            raise UsageError(f"the burstiness must be at least 1, which is Poisson, got {dispersion:g}; try --burstiness 2")
        pattern, notes = self.pattern, self.notes
        if isinstance(pattern, Times) or pattern.even or (pattern.counted and pattern.finest_s < MINUTE_S):
            pattern = replace(pattern.binned(MINUTE_S), even=False)
            notes = (*notes, "the burstiness that was given replaces what the record has below a minute")
        if burst_s < 1 or (dispersion > 1 and pattern.counted and burst_s * 2 > pattern.finest_s):
            raise UsageError(
                f"bursts must last at least 1s and at most half a bin ({span(pattern.finest_s)}), got {span(burst_s)}; "
                "try --burstiness 2@10s"
            )
        return replace(
            self,
            pattern=replace(pattern, dispersion=float(dispersion), burst_s=float(burst_s)),
            dispersion=float(dispersion),
            dispersion_overall=None,
            basis="given",
            notes=notes,
        )

    def with_classes(self, classes: RequestClasses) -> Workload:
        """The same arrivals, of requests of these classes."""
        return replace(self, classes=classes, sizes=None)

    def _measured(self) -> Workload:
        """With the index of dispersion of the record, where it has seconds and they are whole."""
        pattern = self.pattern
        if self.basis != "recorded" or pattern.keep < 1 or (isinstance(pattern, Bins) and not pattern.counted):
            return self
        within, overall = measured(pattern.binned(1.0).counts[: int(pattern.duration_s)])
        return replace(self, dispersion=within, dispersion_overall=overall)


def _each(seconds: float) -> str:
    """``minute``, ``hour``, ``5 minutes``: what stands after *each*."""
    return "hour" if seconds == 3600 else span(seconds).removeprefix("1 ")


def _later(start: str, seconds: float) -> str:
    moment = datetime.fromisoformat(start) + timedelta(seconds=ceil(seconds * 1e6) / 1e6)
    return moment.isoformat().replace("+00:00", "Z")
