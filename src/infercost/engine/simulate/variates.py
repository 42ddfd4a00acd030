"""Random numbers that are pure functions of a key and a counter.

The n-th number of a stream does not depend on what else was drawn, so two simulations that differ in
one setting see the same services (common random numbers), and no generator state is carried along.
"""

from __future__ import annotations

from math import cos, exp, log, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONSTANT: Final = 0
EXPONENTIAL: Final = 1
LOGNORMAL: Final = 2
EMPIRICAL: Final = 3

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_30: Final = np.uint64(30)
_27: Final = np.uint64(27)
_31: Final = np.uint64(31)
_11: Final = np.uint64(11)
_UNIT: Final = 2.0**-53
_TURN: Final = 6.283185307179586


class Draws(NamedTuple):
    """A distribution of seconds for each batch size, as the kernels read it."""

    kind: int
    scale_s: NDArray[np.float64]
    """By batch size: the constant, the mean (exponential) or the median (lognormal)."""
    sigma: float
    """Of the lognormal's logarithm."""
    samples_s: NDArray[np.float64]
    offsets: NDArray[np.int64]
    """The samples of batch size b are ``samples_s[offsets[b]:offsets[b + 1]]``."""


def uniform(key: np.uint64, counter: int) -> float:
    """Number ``counter`` of stream ``key``, uniform in (0, 1].

    SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), which passes BigCrush, read at any place.
    """
    x = key + np.uint64(counter) * _STEP
    x = (x ^ (x >> _30)) * _FIRST
    x = (x ^ (x >> _27)) * _SECOND
    x = x ^ (x >> _31)
    return (np.int64(x >> _11) + 1) * _UNIT


def draw(draws: Draws, key: np.uint64, counter: int, batch: int) -> float:
    """Number ``counter`` of stream ``key`` from the distribution at ``batch``, in seconds."""
    if draws.kind == CONSTANT:
        return float(draws.scale_s[batch])
    if draws.kind == EXPONENTIAL:
        return float(-log(uniform(key, counter)) * draws.scale_s[batch])
    if draws.kind == LOGNORMAL:
        radius = sqrt(-2.0 * log(uniform(key, 2 * counter)))
        return float(draws.scale_s[batch] * exp(draws.sigma * radius * cos(_TURN * uniform(key, 2 * counter + 1))))
    first = draws.offsets[batch]
    count = draws.offsets[batch + 1] - first
    return float(draws.samples_s[first + min(int(uniform(key, counter) * count), count - 1)])
