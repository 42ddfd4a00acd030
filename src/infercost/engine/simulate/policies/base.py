"""What every scaling rule shares: what it remembers, what it answers, and the reading of its metric."""

from __future__ import annotations

from math import inf, isnan
from typing import TYPE_CHECKING, Final, NamedTuple

from infercost.engine.simulate.history import measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDING: Final = 1e-9
"""Keeps ceil(6.000000000000001) at 6: the metric is a sum of many floats."""


class Memory(NamedTuple):
    """What a policy remembers from tick to tick. Seconds are of the simulation's clock."""

    out_at_s: float = -inf
    """Last scale-out."""
    in_at_s: float = -inf
    """Last scale-in."""
    base: float = 0.0
    """Replicas before the scale-out that a cooldown is running for; Ray Serve's decision counter."""
    panic_at_s: float = -inf
    """Last tick at which the KPA saw reason to panic."""
    panic_peak: float = 0.0
    """Most replicas wanted during the panic."""


class Decision(NamedTuple):
    """What a policy wants."""

    desired: int
    recommended: float
    """What it would have on this tick alone, before stabilisation."""
    memory: Memory


def breached(
    history: NDArray[np.float64],
    rows: int,
    points: int,
    stride: int,
    metric: int,
    threshold: float,
    above: bool,
    inclusive: bool,
) -> bool:
    """Whether the last ``points`` points, of ``stride`` rows each, all lie beyond the threshold."""
    if rows < points * stride:
        return False
    for point in range(points):
        last = rows - point * stride
        value = measure(history, last - stride, last, metric)
        if isnan(value):
            return False
        over = value > threshold if above else value < threshold
        if not over and not (inclusive and value == threshold):
            return False
    return True
