"""Which rule runs for which number, and what several rules on one endpoint do together."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from infercost.engine.simulate.policies.aws import StepScalingRules, TargetTrackingRules, step_scaling, target_tracking
from infercost.engine.simulate.policies.azure import AzureRules, azure
from infercost.engine.simulate.policies.base import Decision, Memory
from infercost.engine.simulate.policies.knative import KpaRules, kpa
from infercost.engine.simulate.policies.ray import RayRules, ray
from infercost.engine.simulate.policies.vertex import VertexRules, vertex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIXED: Final = 0
TARGET_TRACKING: Final = 1
STEP_SCALING: Final = 2
VERTEX: Final = 3
AZURE: Final = 4
KPA: Final = 5
RAY: Final = 6

WIDTH: Final = 10
"""Most numbers that a rule goes by."""
MEMORY: Final = 5
"""Numbers of a memory."""


def decide(
    policy: int,
    rules: NDArray[np.float64],
    table: NDArray[np.float64],
    history: NDArray[np.float64],
    rows: int,
    desired: int,
    now_s: float,
    memory: Memory,
) -> Decision:
    """The decision of policy number ``policy``, whose rules are the fields of its NamedTuple in order."""
    r, decision = rules, Decision(desired, float(desired), memory)
    if policy == TARGET_TRACKING:
        tracking = TargetTrackingRules(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9])
        decision = target_tracking(tracking, history, rows, desired, now_s, memory)
    elif policy == STEP_SCALING:
        steps = StepScalingRules(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8])
        decision = step_scaling(steps, table, history, rows, desired, now_s, memory)
    elif policy == VERTEX:
        decision = vertex(VertexRules(r[0], r[1], r[2], r[3], r[4], r[5], r[6]), history, rows, desired, now_s, memory)
    elif policy == AZURE:
        decision = azure(AzureRules(r[0]), table, history, rows, desired, now_s, memory)
    elif policy == KPA:
        decision = kpa(KpaRules(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]), history, rows, desired, now_s, memory)
    elif policy == RAY:
        decision = ray(RayRules(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]), history, rows, desired, memory)
    return decision


def remember(memories: NDArray[np.float64], row: int, memory: Memory) -> None:
    """Write a memory into its row."""
    memories[row, 0], memories[row, 1], memories[row, 2] = memory.out_at_s, memory.in_at_s, memory.base
    memories[row, 3], memories[row, 4] = memory.panic_at_s, memory.panic_peak


def decide_all(
    kinds: NDArray[np.int64],
    rules: NDArray[np.float64],
    tables: NDArray[np.float64],
    firsts: NDArray[np.int64],
    memories: NDArray[np.float64],
    wishes: NDArray[np.int64],
    history: NDArray[np.float64],
    rows: int,
    desired: int,
    now_s: float,
) -> tuple[int, float]:
    """What the policies of an endpoint want together, and the highest that any would have on this tick alone.

    The highest wish counts. Target tracking policies scale in only when all of them would; a step policy whose
    alarm is silent asks for nothing. What a policy of Application Auto Scaling wished and did not get, it does
    not remember. ``memories`` has two rows a policy: what it remembers, and what it would.
    """
    count = len(kinds)
    final, tracked, recommended = -1, -1, 0.0
    for p in range(count):
        m = memories[p]
        table = tables[firsts[p] : firsts[p + 1]]
        decision = decide(kinds[p], rules[p], table, history, rows, desired, now_s, Memory(m[0], m[1], m[2], m[3], m[4]))
        wishes[p] = decision.desired
        remember(memories, count + p, decision.memory)
        recommended = max(recommended, decision.recommended)
        if kinds[p] == TARGET_TRACKING:
            tracked = max(tracked, decision.desired)
        elif kinds[p] != STEP_SCALING or decision.desired != desired:
            final = max(final, decision.desired)
    if tracked >= 0 and tracked != desired:
        final = max(final, tracked)
    if final < 0:
        final = desired
    for p in range(count):
        aws = kinds[p] == TARGET_TRACKING or kinds[p] == STEP_SCALING
        denied = wishes[p] < desired and (final >= desired or (kinds[p] == TARGET_TRACKING and tracked >= desired))
        if not (aws and denied):
            for field in range(MEMORY):
                memories[p, field] = memories[count + p, field]
        if aws and final > desired:
            memories[p, 1] = -inf
    return final, recommended
