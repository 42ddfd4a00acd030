"""From rows to a trace: requests gathered in bounded memory, counts put on their grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.errors import TrafficError
from infercost.domain.workload import Trace
from infercost.store.traffic_files.timestamps import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["MAX_TIMES", "Requests", "Tally", "on_grid"]

MAX_TIMES: Final = 10_000_000
"""Single requests whose times are kept; more become counts a second."""
_MAX_WORKS: Final = 1_000_000
"""Sizes of requests that are kept beside counts; of more, a random sample."""
_LONGEST_S: Final = 20 * 366 * 86400
_FINE_S: Final = 1 << 22
"""A record longer than this (48 days), too large or too coarse for single times, is counted by the minute."""
_MAX_BINS: Final = 50_000_000
_NEAR: Final = 0.05
"""How far a bin may be off its grid, in bins."""


class Tally:
    """Requests a second, in an array that grows to both sides as times come."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._base = 0
        self._counts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._low: int | None = None
        self._high = 0
        self._step = 1

    def add(self, seconds: NDArray[np.int64], counts: NDArray[np.int64] | None = None) -> None:
        """Count requests at whole seconds; ``counts`` of them at each, one if it is None."""
        if not len(seconds):
            return
        low, high = int(seconds.min()), int(seconds.max())
        self._low, self._high = (low, high) if self._low is None else (min(low, self._low), max(high, self._high))
        if self._high - self._low > _LONGEST_S:
            raise TrafficError(
                f"{self._source} spans {iso(self._low)} to {iso(self._high)}, over 20 years; is a time wrong? drop such lines"
            )
        if self._step == 1 and self._high - self._low > _FINE_S:
            self._coarsen()
        self._reserve()
        np.add.at(self._counts, seconds // self._step - self._base, 1 if counts is None else counts)

    def _coarsen(self) -> None:
        places = np.flatnonzero(self._counts)
        kept, at = self._counts[places], (places + self._base) // 60
        self._step, self._base, self._counts = 60, 0, np.zeros(0, dtype=np.int64)
        if len(at):
            self._base = int(at[0])
            self._counts = np.bincount(at - self._base, kept).astype(np.int64)

    def _reserve(self) -> None:
        first, last = (self._low or 0) // self._step, self._high // self._step
        if not len(self._counts):
            self._base = first
        before = self._base - first
        after = last - self._base - len(self._counts) + 1
        if before > 0 or after > 0:
            room = max(len(self._counts) // 2, 4096)
            front, back = (before + room if before > 0 else 0), (after + room if after > 0 else 0)
            self._counts = np.concatenate([np.zeros(front, np.int64), self._counts, np.zeros(back, np.int64)])
            self._base -= front

    def trace(self, *, absolute: bool, notes: tuple[str, ...], work: NDArray[np.float64] | None = None) -> Trace:
        """What was counted."""
        if self._low is None:
            raise TrafficError(f"{self._source} has no requests; give a file with some, or a shape such as poisson:rps=50")
        first, last = self._low // self._step, self._high // self._step
        counts = self._counts[first - self._base : last - self._base + 1].astype(np.float64)
        if self._step > 1:
            notes = (*notes, "longer than 48 days: requests are counted by the minute")
        start = first * self._step
        if not absolute and start > 0:
            notes = (*notes, f"the first request is at {start} s; time is counted from there")
        return Trace(
            source=self._source,
            start=iso(start) if absolute else None,
            counts=counts,
            bin_s=float(self._step),
            duration_s=float(len(counts) * self._step),
            work=work,
            notes=notes,
        )


@dataclass
class Requests:
    """Rows that are requests: their times, or counts a second once there are too many."""

    source: str
    absolute: bool
    sure: bool = True
    """Whether the unit of the times is known and not assumed."""
    _times: list[NDArray[np.float64]] = field(default_factory=list)
    _works: list[NDArray[np.float64]] = field(default_factory=list)
    _tally: Tally | None = None
    _count: int = 0
    _falls: int = 0
    _last: float = -np.inf
    _whole_s: int = 60
    _kept: float = 1.0
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def add(self, times: NDArray[np.float64], works: NDArray[np.float64] | None) -> None:
        """Take the next rows."""
        if not len(times):
            return
        self._falls += int((np.diff(times, prepend=self._last) < 0).sum())
        self._last = float(times[-1])
        self._count += len(times)
        while self._whole_s and (times % self._whole_s).any():
            self._whole_s = {60: 1, 1: 0}[self._whole_s]
        if works is not None:
            self._works.append(works if self._tally is None else works[self._rng.random(len(works)) < self._kept])
        if self._tally is None:
            self._times.append(times)
            if self._count > MAX_TIMES:
                self._fold()
        else:
            self._tally.add(np.floor(times).astype(np.int64))
        if self._tally is not None:
            self._thin()

    def _fold(self) -> None:
        self._tally = Tally(self.source)
        for times in self._times:
            self._tally.add(np.floor(times).astype(np.int64))
        self._times = []

    def _thin(self) -> None:
        while sum(len(part) for part in self._works) > _MAX_WORKS:
            works = np.concatenate(self._works)
            self._works = [works[self._rng.random(len(works)) < 0.5]]
            self._kept /= 2

    def trace(self, notes: tuple[str, ...]) -> Trace:
        """What came together."""
        notes = (*notes, *self._doubts())
        if self._tally is None and self._whole_s == 1 and self._count:
            self._fold()
            notes = (*notes, "the times are whole seconds: requests are spread at random within theirs")
        elif self._tally is not None:
            notes = (*notes, f"more than {MAX_TIMES:,} requests: counted by the second")
        works = np.concatenate(self._works) if self._works else None
        if self._tally is not None:
            return self._tally.trace(absolute=self.absolute, notes=notes, work=_relative(works))
        if not self._count:
            raise TrafficError(f"{self.source} has no rows below its header; give a file with requests, or a shape")
        return self._minutes(notes, works) if self._whole_s == 60 and self._count > 1 else self._single(notes, works)

    def _doubts(self) -> tuple[str, ...]:
        """Whole numbers without a unit, far apart for seconds."""
        if self.sure or not self._whole_s or self._count < 100 or self._tally is not None:
            return ()
        length = max(float(part.max()) for part in self._times) - min(float(part.min()) for part in self._times)
        if length < 10 * self._count:
            return ()
        days = f"{length / 86400:.3g} days"
        return (f"the times are taken as seconds, {days} of them; if they are milliseconds: --traffic-column unit=ms",)

    def _single(self, notes: tuple[str, ...], works: NDArray[np.float64] | None) -> Trace:
        times = np.concatenate(self._times)
        self._times = []
        if self._falls:
            order = np.argsort(times, kind="stable")
            times, works = times[order], None if works is None else works[order]
            notes = (*notes, f"{self._falls:,} rows were earlier than the one before: sorted")
        origin = float(np.floor(times[0]))
        if times[-1] - origin > _LONGEST_S:
            raise TrafficError(
                f"{self.source} spans {(times[-1] - origin) / 31_557_600:.0f} years; say the unit of its times: "
                "--traffic-column unit=ms (s, ms, us or ns)"
            )
        if not self.absolute and origin > 0:
            notes = (*notes, f"the first request is at {times[0]:g} s; time is counted from there")
        return Trace(
            source=self.source,
            start=iso(origin) if self.absolute else None,
            times_s=times - origin,
            duration_s=float(np.floor(times[-1] - origin)) + 1,
            work=_relative(works),
            notes=notes,
        )

    def _minutes(self, notes: tuple[str, ...], works: NDArray[np.float64] | None) -> Trace:
        places = np.concatenate(self._times) // 60
        first = float(places.min())
        if places.max() - first > _LONGEST_S // 60:
            raise TrafficError(f"{self.source} spans more than 20 years; is a time wrong? drop such lines")
        counts = np.bincount((places - first).astype(np.int64)).astype(np.float64)
        return Trace(
            source=self.source,
            start=iso(first * 60) if self.absolute else None,
            counts=counts,
            bin_s=60.0,
            duration_s=60.0 * len(counts),
            work=_relative(works),
            notes=(*notes, "the times are whole minutes: requests are spread at random within theirs"),
        )


def _relative(works: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    return None if works is None or not works.mean() > 0 else works / works.mean()


def on_grid(
    source: str,
    times: NDArray[np.float64],
    counts: NDArray[np.float64],
    where: Callable[[int], str],
    *,
    absolute: bool,
    sure: bool,
    bin_s: float | None,
    rate_s: float | None,
    notes: tuple[str, ...],
) -> Trace:
    """Counts on an even grid, what is missing filled with zeros and said.

    Args:
        source: the file.
        times: beginning of each bin, in the file's order.
        counts: requests, or rates where ``rate_s`` is given.
        where: names the line of a place, for messages.
        absolute: whether times are since 1970.
        sure: whether the unit of the times is known and not assumed.
        bin_s: length of a bin, where it was given.
        rate_s: the seconds that rates are over.
        notes: what was said so far.

    Raises:
        TrafficError: bins out of order, twice, or on no grid; one alone without a length.
    """
    if not len(times):
        raise TrafficError(f"{source} has no rows below its header; give a file with requests, or a shape")
    if len(times) > 1 and (np.diff(times) < 0).all():
        times, counts = times[::-1], counts[::-1]
        rows = len(times)
        forward = where
        where = lambda i: forward(rows - 1 - i)  # noqa: E731 - the same, from the other end
        notes = (*notes, "the newest bin came first: reversed")
    _check_order(times, where)
    if bin_s is None:
        bin_s = _step(source, times)
        if not sure and bin_s >= 1000 and bin_s % 1000 == 0:
            raise TrafficError(
                f"{source}: its times step by {bin_s:g}; are they milliseconds? say it: --traffic-column unit=ms (or unit=s)"
            )
    steps = (times - times[0]) / bin_s
    places = np.rint(steps)
    off = np.abs(steps - places) > _NEAR
    if off.any() or (np.diff(places) == 0).any():
        place = int(np.argmax(off)) if off.any() else int(np.argmax(np.diff(places) == 0)) + 1
        raise TrafficError(
            f"{where(place)}: the time is not on the grid of {bin_s:g} s that the others are on; mend it, or say what a count "
            "covers: --traffic-column bin=1m"
        )
    bins = int(places[-1]) + 1
    if bins > min(_MAX_BINS, 1000 + 1000 * len(times)):
        gap = int(np.argmax(np.diff(places))) + 1
        raise TrafficError(
            f"{where(gap)}: the time is {(times[gap] - times[gap - 1]) / 86400:,.0f} days after the line before; is it wrong?"
        )
    filled = np.zeros(bins)
    filled[places.astype(np.int64)] = counts * (bin_s / rate_s if rate_s else 1.0)
    return Trace(
        source=source,
        start=iso(float(times[0])) if absolute else None,
        counts=filled,
        bin_s=bin_s,
        duration_s=bins * bin_s,
        notes=(*notes, *_gaps(places, times, bin_s, absolute=absolute), *_fractions(filled, rate_s)),
    )


def _check_order(times: NDArray[np.float64], where: Callable[[int], str]) -> None:
    steps = np.diff(times)
    if (steps < 0).any():
        raise TrafficError(
            f"{where(int(np.argmax(steps < 0)) + 1)}: the time is before that of the line above, and bins cannot be sorted by "
            "guess; sort the file by its times, in UTC if a clock was put back"
        )
    if (steps == 0).any():
        raise TrafficError(
            f"{where(int(np.argmax(steps == 0)) + 1)}: the bin of the line above is there again; add the two up, or drop one"
        )


def _step(source: str, times: NDArray[np.float64]) -> float:
    """The bin: the smallest step if all are multiples of it, else the most common one."""
    if len(times) < 2:
        raise TrafficError(f"{source} has a single bin, whose length it does not say; say it: --traffic-column bin=1m")
    steps = np.round(np.diff(times), 6)
    least = float(steps.min())
    if (np.abs(steps / least - np.rint(steps / least)) <= _NEAR).all():
        return least
    values, numbers = np.unique(steps, return_counts=True)
    return float(values[np.argmax(numbers)])


def _gaps(places: NDArray[np.float64], times: NDArray[np.float64], bin_s: float, *, absolute: bool) -> tuple[str, ...]:
    holes = np.diff(places) - 1
    missing = int(holes.sum())
    if not missing:
        return ()
    at = int(np.argmax(holes > 0))
    begin = float(times[at]) + bin_s
    first = iso(begin) if absolute else f"{begin:g} s"
    total = int(places[-1]) + 1
    return (f"{missing:,} of {total:,} bins are missing, the first at {first}: filled with zeros",)


def _fractions(counts: NDArray[np.float64], rate_s: float | None) -> tuple[str, ...]:
    if rate_s is None and (np.abs(counts - np.rint(counts)) > 1e-6).any():
        return ("some counts are not whole: their fractions are rounded at random",)
    return ()
