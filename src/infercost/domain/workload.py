"""What a traffic file says, before anything random happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Trace"]


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
    """Relative work of each request (mean 1) where the file has a size or class column; one a request."""
    notes: tuple[str, ...] = ()
    """What was found and done: gaps, units guessed, lines skipped."""
