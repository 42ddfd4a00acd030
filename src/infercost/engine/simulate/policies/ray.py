"""Ray Serve's autoscaler: ongoing requests a replica, acted on when the same wish lasted for a delay."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from infercost.engine.simulate.history import READY, TOTAL_CONCURRENCY, measure
from infercost.engine.simulate.policies.base import ROUNDING, Decision, Memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class RayRules(NamedTuple):
    """Ray Serve's request-queue policy."""

    target: float
    """Requests waiting and in service, a replica."""
    look_back_points: float
    up_ticks: float
    """Ticks in a row that must want more before there are more; one more than the delay holds."""
    down_ticks: float
    zero_ticks: float
    """The same from one replica to none."""
    up_factor: float
    down_factor: float
    least: float
    """The limits are applied before the delays, so the rule needs them."""
    most: float


def smoothed(desired: float, running: int, rules: RayRules) -> int:
    """``desired`` with the up- or downscaling factor applied to the difference; never stuck on the way down."""
    factor = rules.up_factor if desired > running else rules.down_factor
    scaled = ceil(running + factor * (desired - running) - ROUNDING)
    if ceil(desired - ROUNDING) < running and scaled == running:
        scaled -= 1
    return scaled


def ray(rules: RayRules, history: NDArray[np.float64], rows: int, desired: int, memory: Memory) -> Decision:
    """Ray Serve: running x (ongoing / target), once wanted for long enough; from zero at once."""
    running = int(history[rows - 1, READY])
    ongoing = measure(history, max(rows - int(rules.look_back_points), 0), rows, TOTAL_CONCURRENCY)
    if running == 0:
        woken = max(ceil(rules.up_factor), desired) if ongoing > 0.0 else desired
        return Decision(woken, float(woken), memory)
    wanted = smoothed(ongoing / rules.target, running, rules)
    wanted = int(min(max(float(wanted), rules.least), rules.most))
    counter, final = memory.base, desired
    if wanted > desired:
        counter = max(counter, 0.0) + 1.0
        if counter > rules.up_ticks:
            counter, final = 0.0, wanted
    elif wanted < desired:
        counter = min(counter, 0.0) - 1.0
        to_zero = desired == 1
        if counter < -(rules.zero_ticks if to_zero else rules.down_ticks):
            counter, final = 0.0, wanted if to_zero else max(wanted, 1)
    else:
        counter = 0.0
    return Decision(final, float(wanted), Memory(memory.out_at_s, memory.in_at_s, counter, memory.panic_at_s, 0.0))
