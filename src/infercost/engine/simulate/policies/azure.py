"""Azure Monitor autoscale: rules of a profile, out if any is met, in only if all are and it would not flap."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from infercost.engine.simulate.history import measure
from infercost.engine.simulate.policies.base import Decision, Memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class AzureRules(NamedTuple):
    """The rules proper are rows of a table: metric, direction (+1, -1), threshold, points, change, cooldown_s."""

    lag_points: float


def projected(value: float, replicas: int, change: int) -> float:
    """A per-replica metric after ``change`` replicas are gone and the load is shared by the rest."""
    return round(value * replicas / (replicas - change), 9)


def azure_scale_in(table: NDArray[np.float64], history: NDArray[np.float64], seen: int, desired: int, change: int) -> int:
    """The largest decrease up to ``change`` after which no scale-out rule would act: 0 if there is none."""
    for fewer in range(min(change, desired - 1), 0, -1):
        flaps = False
        for row in range(len(table)):
            if table[row, 1] > 0.0:
                value = measure(history, max(seen - int(table[row, 3]), 0), seen, int(table[row, 0]))
                flaps = flaps or projected(value, desired, fewer) >= table[row, 2]
        if not flaps:
            return fewer
    return 0


def azure(
    rules: AzureRules,
    table: NDArray[np.float64],
    history: NDArray[np.float64],
    rows: int,
    desired: int,
    now_s: float,
    memory: Memory,
) -> Decision:
    """Azure Monitor autoscale: out if any rule says so, in only if all do and it would not flap."""
    seen = rows - int(rules.lag_points)
    out, fewer, all_in = 0, -1, True
    for row in range(len(table)):
        points = int(table[row, 3])
        waited = now_s - max(memory.out_at_s, memory.in_at_s) >= table[row, 5]
        met = False
        if seen >= points and waited:
            value = measure(history, seen - points, seen, int(table[row, 0]))
            met = value >= table[row, 2] if table[row, 1] > 0.0 else value <= table[row, 2]
        change = int(table[row, 4])
        if table[row, 1] > 0.0:
            out = max(out, change) if met else out
        elif met:
            fewer = change if fewer < 0 else min(fewer, change)
        else:
            all_in = False
    if out > 0:
        return Decision(desired + out, float(desired + out), Memory(now_s, memory.in_at_s, float(desired), -inf, 0.0))
    if all_in and fewer > 0:
        fewer = azure_scale_in(table, history, seen, desired, fewer)
        if fewer > 0:
            return Decision(desired - fewer, float(desired - fewer), Memory(memory.out_at_s, now_s, memory.base, -inf, 0.0))
    return Decision(desired, float(desired), memory)
