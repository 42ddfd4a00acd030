"""Vertex AI: a target for a metric, evaluated every 15 s, the highest of five minutes applied."""

from __future__ import annotations

from math import ceil, isnan
from typing import TYPE_CHECKING, NamedTuple

from infercost.engine.simulate.history import ARRIVED, RECOMMENDED, mean_ready, measure
from infercost.engine.simulate.policies.base import ROUNDING, Decision, Memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VertexRules(NamedTuple):
    """A target per replica, with the highest recommendation of a window."""

    target: float
    window_points: float
    """Points that the metric is averaged over."""
    stabilization_points: float
    lag_points: float
    metric: float
    idle_points: float
    """Points without a request before the last replica goes."""
    awake_s: float
    """How long what was woken from zero stays at least."""


def quiet(history: NDArray[np.float64], rows: int, points: int) -> bool:
    """Whether no request arrived in the last ``points`` rows."""
    if rows < points:
        return False
    arrived = 0.0
    for row in range(rows - points, rows):
        arrived += history[row, ARRIVED]
    return arrived == 0.0


def vertex(rules: VertexRules, history: NDArray[np.float64], rows: int, desired: int, now_s: float, memory: Memory) -> Decision:
    """Vertex AI: ceil(current * value / target), the highest of the last minutes."""
    seen = rows - int(rules.lag_points)
    first = max(seen - int(rules.window_points), 0)
    wanted = desired
    if seen >= 1:
        value = measure(history, first, seen, int(rules.metric))
        if not isnan(value):
            wanted = ceil(mean_ready(history, seen - 1) * value / rules.target - ROUNDING)
        elif history[rows - 1, ARRIVED] > 0.0:
            wanted = max(desired, 1)
    past = int(rules.stabilization_points)
    highest = float(wanted)
    if rows < past:
        highest = max(highest, float(desired))
    for row in range(max(rows - past, 0), rows - 1):
        highest = max(highest, history[row, RECOMMENDED])
    if highest < 1.0 and desired > 0:
        # To zero only after a while without requests, and not soon after waking.
        awake = now_s - memory.out_at_s < rules.awake_s
        if awake or not quiet(history, rows, int(rules.idle_points)):
            highest = 1.0
    if desired == 0 and highest >= 1.0:
        memory = Memory(now_s, memory.in_at_s, 0.0, memory.panic_at_s, 0.0)
    return Decision(int(highest), float(wanted), memory)
