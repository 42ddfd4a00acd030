"""What a traffic file says, before anything random happens to it, and what was understood of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infercost.domain.units import SCHEMA_VERSION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Trace", "TrafficColumns", "TrafficReport"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Times of single requests, or counts by bin: one of the two."""

    source: str
    """The file, in words."""
    start: str | None = None
    """ISO time (UTC) of second 0, where the file has absolute times."""
    times_s: NDArray[np.float64] | None = None
    """Sorted seconds from the start, one a request."""
    counts: NDArray[np.float64] | None = None
    """Requests in each bin; bins that the file lacks are 0 and said in ``notes``."""
    bin_s: float | None = None
    duration_s: float = 0.0
    work: NDArray[np.float64] | None = None
    """Relative work of each request (mean 1) where the file has a size column; one a request, in the order of
    ``times_s``. Beside ``counts`` it is a sample of the requests instead."""
    notes: tuple[str, ...] = ()
    """What was found and done: gaps, units guessed, lines skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficColumns:
    """Which columns of a traffic file mean what, where their names do not say it. None: as they are named."""

    time: str | None = None
    count: str | None = None
    """Requests in the bin that begins at ``time``; ``none``: every row is one request."""
    work: str | None = None
    """Relative work of the row's request; several columns are added with ``+``."""
    unit: Literal["s", "ms", "us", "ns"] | None = None
    """Of times that are numbers."""
    bin_s: float | None = None
    """Seconds that one count covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficReport:
    """What was understood of a traffic file or shape."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["traffic"] = "traffic"
    source: str
    """The file or shape as given, with what was done to it (scaled, clipped, repeated)."""
    start: str | None = None
    """ISO time (UTC) of its beginning; None where it has none."""
    duration_s: float
    requests: float
    """Expected."""
    mean_rps: float
    peak_rps: float
    """Busiest minute; the busiest bin where bins are longer."""
    peak_at_s: float
    """Beginning of that minute or bin, seconds from the start."""
    resolution: str
    """``single requests``, ``counts of 5 minutes`` or ``rates of the shape``."""
    burstiness: str
    """How requests are spread within a bin, in one line."""
    dispersion: float | None
    """Variance over mean of the requests in one second, around the level of their minute (or bin): 1 is Poisson.
    Measured where the file has seconds, else what is modelled; None where it is neither (even spacing)."""
    dispersion_overall: float | None
    """The same around the mean of the whole, so with its daily rise and fall; None where the file has no seconds."""
    work: str | None = None
    """Request classes or sizes, in one line; None where all requests are alike."""
    stretch_s: float
    """Length of each entry of ``rps``; the last may be shorter."""
    rps: tuple[float, ...]
    """Mean requests a second, stretch by stretch."""
    notes: tuple[str, ...] = ()
