"""Knative's pod autoscaler (KPA), KServe's default: concurrency over a stable and a panic window."""

from __future__ import annotations

from math import ceil, floor, inf
from typing import TYPE_CHECKING, NamedTuple

from infercost.engine.simulate.history import READY, TOTAL_CONCURRENCY, measure
from infercost.engine.simulate.policies.base import ROUNDING, Decision, Memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class KpaRules(NamedTuple):
    """Knative's pod autoscaler on concurrency."""

    target: float
    """Requests a replica: container target times target utilization."""
    stable_points: float
    panic_points: float
    panic_share: float
    """Panic when the panic window wants this many times the replicas in service."""
    stable_window_s: float
    up_rate: float
    down_rate: float
    zero_grace_s: float


def kpa(rules: KpaRules, history: NDArray[np.float64], rows: int, desired: int, now_s: float, memory: Memory) -> Decision:
    """Knative's pod autoscaler: a stable window, and a short one that may panic upwards."""
    ready = max(history[rows - 1, READY], 1.0)
    stable = measure(history, max(rows - int(rules.stable_points), 0), rows, TOTAL_CONCURRENCY)
    panic = measure(history, max(rows - int(rules.panic_points), 0), rows, TOTAL_CONCURRENCY)
    most, least = ceil(rules.up_rate * ready), floor(ready / rules.down_rate)
    wanted = ceil(stable / rules.target - ROUNDING)
    urgent = ceil(panic / rules.target - ROUNDING)
    over = urgent >= rules.panic_share * ready
    if rows == 1 and ready > 1.0:
        # Without a history it begins in panic, so as not to scale in blindly.
        memory = Memory(memory.out_at_s, -inf, 0.0, now_s, ready)
    panic_at = now_s if over else memory.panic_at_s
    wanted = min(max(wanted, least), most)
    urgent = min(max(urgent, least), most)
    if now_s - panic_at <= rules.stable_window_s:
        peak = max(memory.panic_peak, float(max(wanted, urgent)))
        return Decision(int(peak), float(urgent), Memory(memory.out_at_s, -inf, 0.0, panic_at, peak))
    if wanted == 0.0:
        # The last replica stays for a grace period after the window emptied.
        empty_since = memory.in_at_s if memory.in_at_s > -inf else now_s
        calm = Memory(memory.out_at_s, empty_since, 0.0, -inf, 0.0)
        zero = 0 if now_s - empty_since >= rules.zero_grace_s else min(desired, 1)
        return Decision(zero, 0.0, calm)
    return Decision(int(wanted), float(wanted), Memory(memory.out_at_s, -inf, 0.0, -inf, 0.0))
