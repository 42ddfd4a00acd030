"""How long serving a batch takes: distributions of seconds, each of which may depend on the batch size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isfinite, log1p, sqrt
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import numpy as np

from infercost.domain.errors import UsageError
from infercost.engine.simulate.variates import CONSTANT, EMPIRICAL, EXPONENTIAL, LOGNORMAL, Draws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Affine", "Distribution", "Service", "affine", "as_service", "constant", "empirical", "exponential", "lognormal"]

_GRID: Final = 4096
"""Quantiles kept of a batch size that was not measured itself."""


class Service(Protocol):
    """A distribution of seconds for each batch size."""

    def draws(self, max_batch: int) -> Draws:
        """The distributions of batch sizes 0 (unused) to ``max_batch``."""
        ...


@dataclass(frozen=True, slots=True)
class Affine:
    """``s0 + s1 * b`` seconds for a batch of b. As a service: exactly that long."""

    s0: float
    s1: float

    def __post_init__(self) -> None:
        if not (isfinite(self.s0) and isfinite(self.s1)) or self.s1 < 0 or self.s0 + self.s1 < 0:
            raise UsageError(
                f"seconds of a batch must not be negative or shrink as it grows, got affine({self.s0:g}, {self.s1:g})"
            )

    def of(self, max_batch: int) -> NDArray[np.float64]:
        """Seconds of batches of 0 to ``max_batch``."""
        sizes: NDArray[np.float64] = np.arange(max_batch + 1, dtype=np.float64)
        return np.maximum(self.s0 + self.s1 * sizes, 0.0)

    def draws(self, max_batch: int) -> Draws:
        """See :class:`Service`."""
        return _parametric(CONSTANT, self.of(max_batch))


@dataclass(frozen=True, slots=True)
class Distribution:
    """A named distribution around a mean that may depend on the batch size."""

    kind: int
    mean: Affine
    cv: float = 0.0
    """Coefficient of variation (lognormal only)."""

    def draws(self, max_batch: int) -> Draws:
        """See :class:`Service`."""
        means = self.mean.of(max_batch)
        if self.kind != LOGNORMAL:
            return _parametric(self.kind, means)
        sigma = sqrt(log1p(self.cv * self.cv))
        return _parametric(LOGNORMAL, means * exp(-sigma * sigma / 2), sigma)


@dataclass(frozen=True, slots=True, eq=False)
class Empirical:
    """Measured seconds by batch size, drawn with replacement.

    A batch size between two measured ones takes, at each quantile, the value on the line between theirs; one
    below the smallest takes the smallest's.
    """

    samples_s: Mapping[int, NDArray[np.float64]]
    """Sorted."""

    def draws(self, max_batch: int) -> Draws:
        """See :class:`Service`."""
        largest = max(self.samples_s)
        if max_batch > largest and len(self.samples_s) > 1:
            raise UsageError(
                f"no service times for batches above {largest}; measure them, or simulate with max_batch={largest}"
            )
        parts = [self._at(size) for size in range(1, max_batch + 1)]
        offsets = np.concatenate([[0, 0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return Draws(EMPIRICAL, np.zeros(1), 0.0, np.concatenate(parts), offsets)

    def _at(self, size: int) -> NDArray[np.float64]:
        if size in self.samples_s:
            return self.samples_s[size]
        below = max((b for b in self.samples_s if b < size), default=None)
        above = min((b for b in self.samples_s if b > size), default=None)
        if below is None or above is None:
            return self.samples_s[above if below is None else below]  # type: ignore[index]
        low, high = self.samples_s[below], self.samples_s[above]
        middles = (np.arange(min(max(len(low), len(high)), _GRID)) + 0.5) / min(max(len(low), len(high)), _GRID)
        part = (size - below) / (above - below)
        mixed: NDArray[np.float64] = (1 - part) * np.quantile(low, middles) + part * np.quantile(high, middles)
        return mixed


def affine(s0: float, s1: float) -> Affine:
    """``s0 + s1 * b`` seconds for a batch of b: exactly, or as the mean of another distribution."""
    return Affine(float(s0), float(s1))


def constant(seconds: float | Affine) -> Affine:
    """Always that long."""
    return _mean(seconds)


def exponential(mean: float | Affine) -> Distribution:
    """Exponential: cv 1."""
    return Distribution(EXPONENTIAL, _mean(mean))


def lognormal(mean: float | Affine, cv: float) -> Distribution:
    """Lognormal of that mean and coefficient of variation."""
    if not isfinite(cv) or cv < 0:
        raise UsageError(f"the coefficient of variation must not be negative, got {cv:g}")
    return Distribution(LOGNORMAL, _mean(mean), float(cv))


Samples: TypeAlias = "Sequence[float] | NDArray[np.float64]"


def empirical(samples_s: Samples | Mapping[int, Samples]) -> Empirical:
    """Measured seconds: one sample for every batch size, or one for each size measured.

    Raises:
        UsageError: a sample is empty or holds what is no duration, or a batch size is below 1.
    """
    if not isinstance(samples_s, Mapping):
        return Empirical({1: _sorted(samples_s, "every batch")})
    if not samples_s:
        raise UsageError("no service times; give some for at least one batch size")
    wrong = [size for size in samples_s if isinstance(size, bool) or int(size) != size or size < 1]
    if wrong:
        raise UsageError(f"batch sizes are whole numbers from 1, got {wrong[0]!r}")
    return Empirical({int(size): _sorted(samples_s[size], f"batches of {size}") for size in sorted(samples_s)})


def as_service(service: Service | float | Samples | Mapping[int, Samples]) -> Service:
    """A service from what a user may give: seconds, samples, samples by batch size, or a distribution.

    Raises:
        UsageError: it is none of these.
    """
    if hasattr(service, "draws"):
        return service
    if isinstance(service, int | float):
        return constant(float(service))
    if isinstance(service, Mapping | list | tuple | np.ndarray):
        return empirical(service)
    raise UsageError(f"cannot read the service {service!r}; give seconds, measured samples or infercost.affine(s0, s1)")


def _parametric(kind: int, scale_s: NDArray[np.float64], sigma: float = 0.0) -> Draws:
    return Draws(kind, scale_s, sigma, np.zeros(1), np.zeros(2, dtype=np.int64))


def _mean(seconds: float | Affine) -> Affine:
    return seconds if isinstance(seconds, Affine) else Affine(float(seconds), 0.0)


def _sorted(samples: ArrayLike, of: str) -> NDArray[np.float64]:
    values = np.sort(np.atleast_1d(np.asarray(samples, dtype=np.float64)).reshape(-1))
    if not len(values) or not np.isfinite(values).all() or values[0] < 0:
        raise UsageError(f"service times of {of} must be at least one finite number of seconds, none of them negative")
    return values
