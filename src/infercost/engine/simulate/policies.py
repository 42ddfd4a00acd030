"""The scaling rule of each autoscaler: one plain pure function, and the numbers that it goes by.

Each function sees the history (one row a tick, see :mod:`.history`), the replicas wanted so far, what it
remembers, and the time; it says how many replicas it wants and what it will remember. The kernels run the
compiled form; the functions themselves need no compiler and can steer a real endpoint. Limits (least and
most replicas) are the caller's. Where each rule comes from stands in :mod:`.autoscalers`.
"""

from __future__ import annotations

from math import ceil, floor, inf, isnan
from typing import TYPE_CHECKING, Final, NamedTuple

from infercost.engine.simulate.history import ARRIVED, READY, RECOMMENDED, TOTAL_CONCURRENCY, UTILIZATION, mean_ready, measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIXED: Final = 0
TARGET_TRACKING: Final = 1
STEP_SCALING: Final = 2
VERTEX: Final = 3
AZURE: Final = 4
KPA: Final = 5

_ROUNDING: Final = 1e-9
"""Keeps ceil(6.000000000000001) at 6: the metric is a sum of many floats."""


class Memory(NamedTuple):
    """What a policy remembers from tick to tick. Seconds are of the simulation's clock."""

    out_at_s: float = -inf
    """Last scale-out."""
    in_at_s: float = -inf
    """Last scale-in."""
    base: float = 0.0
    """Replicas before the scale-out that a cooldown is running for."""
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


class TargetTrackingRules(NamedTuple):
    """Keep a metric per replica at a target."""

    metric: float
    target: float
    high_points: float
    """Points above the target in a row that scale out."""
    low_points: float
    """Points below ``low_share * target`` in a row that scale in."""
    low_share: float
    out_cooldown_s: float
    in_cooldown_s: float
    in_step_share: float
    """Largest share of the replicas that one scale-in takes; at least one goes."""
    lag_points: float
    """Points that are not published yet when the rule is evaluated."""


class StepScalingRules(NamedTuple):
    """Change the replicas by a step that depends on how far the metric is from a threshold."""

    metric: float
    high: float
    high_points: float
    low: float
    low_points: float
    out_cooldown_s: float
    in_cooldown_s: float
    lag_points: float


class VertexRules(NamedTuple):
    """Utilization target, with the highest recommendation of a window."""

    target: float
    """Percent."""
    window_points: float
    """Points that the utilization is averaged over."""
    stabilization_points: float
    lag_points: float


class AzureRules(NamedTuple):
    """The rules proper are rows of a table: metric, direction (+1, -1), threshold, points, change, cooldown_s."""

    lag_points: float


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


def breached(
    history: NDArray[np.float64], rows: int, points: int, metric: int, threshold: float, above: bool, inclusive: bool
) -> bool:
    """Whether the last ``points`` rows all lie beyond the threshold."""
    if rows < points:
        return False
    for row in range(rows - points, rows):
        value = measure(history, row, row + 1, metric)
        if isnan(value):
            return False
        over = value > threshold if above else value < threshold
        if not over and not (inclusive and value == threshold):
            return False
    return True


def target_tracking(
    rules: TargetTrackingRules, history: NDArray[np.float64], rows: int, desired: int, now_s: float, memory: Memory
) -> Decision:
    """SageMaker (Application Auto Scaling) target tracking: out in proportion, in gradually."""
    seen = rows - int(rules.lag_points)
    metric = int(rules.metric)
    if seen < 1:
        return Decision(desired, float(desired), memory)
    value = measure(history, seen - 1, seen, metric)
    if isnan(value):
        return Decision(desired, float(desired), memory)
    wanted = ceil(mean_ready(history, seen - 1) * value / rules.target - _ROUNDING)
    if wanted > desired and breached(history, seen, int(rules.high_points), metric, rules.target, True, False):
        # What is starting counts as there, so during the cooldown only a larger scale-out passes.
        return Decision(wanted, float(wanted), Memory(now_s, -inf, float(desired), -inf, 0.0))
    cooled = now_s - memory.in_at_s >= rules.in_cooldown_s
    low = rules.low_share * rules.target
    if cooled and wanted < desired and breached(history, seen, int(rules.low_points), metric, low, False, False):
        step = max(floor(desired * rules.in_step_share), 1)
        fewer = max(wanted, desired - step)
        return Decision(fewer, float(wanted), Memory(memory.out_at_s, now_s, memory.base, -inf, 0.0))
    return Decision(desired, float(wanted), memory)


def rounded_change(replicas: float, percent: float) -> int:
    """A percentage of the replicas as a whole number: towards zero, but at least one."""
    change = replicas * percent / 100.0
    if 0.0 < change < 1.0:
        return 1
    if -1.0 < change < 0.0:
        return -1
    return floor(change + _ROUNDING) if change > 0.0 else ceil(change - _ROUNDING)


def step_change(steps: NDArray[np.float64], replicas: float, excess: float, out: bool) -> int:
    """The change that the steps of one direction ask for at ``excess`` = metric - threshold.

    A step is (lower bound, upper bound, change, 1 if the change is in percent). On the high side the lower
    bound belongs to the step, on the low side the upper one.
    """
    for row in range(len(steps)):
        lower, upper, change, in_percent = steps[row, 0], steps[row, 1], steps[row, 2], steps[row, 3]
        inside = lower <= excess < upper if out else lower < excess <= upper
        if inside and (change > 0.0) == out:
            return rounded_change(replicas, change) if in_percent > 0.0 else int(change)
    return 0


def step_scaling(
    rules: StepScalingRules,
    steps: NDArray[np.float64],
    history: NDArray[np.float64],
    rows: int,
    desired: int,
    now_s: float,
    memory: Memory,
) -> Decision:
    """SageMaker (Application Auto Scaling) step scaling."""
    seen = rows - int(rules.lag_points)
    metric = int(rules.metric)
    same = Decision(desired, float(desired), memory)
    if seen < 1:
        return same
    value = measure(history, seen - 1, seen, metric)
    if breached(history, seen, int(rules.high_points), metric, rules.high, True, True):
        cooling = now_s - memory.out_at_s < rules.out_cooldown_s
        base = memory.base if cooling else float(desired)
        wanted = int(base) + step_change(steps, base, round(value - rules.high, 9), True)
        if wanted > desired:
            return Decision(wanted, float(wanted), Memory(now_s, -inf, base, -inf, 0.0))
        return same
    cooled = now_s - memory.in_at_s >= rules.in_cooldown_s
    if cooled and breached(history, seen, int(rules.low_points), metric, rules.low, False, True):
        wanted = desired + step_change(steps, float(desired), round(value - rules.low, 9), False)
        if wanted < desired:
            return Decision(wanted, float(wanted), Memory(memory.out_at_s, now_s, memory.base, -inf, 0.0))
    return same


def vertex(rules: VertexRules, history: NDArray[np.float64], rows: int, desired: int, memory: Memory) -> Decision:
    """Vertex AI: ceil(current * utilization / target), the highest of the last minutes."""
    seen = rows - int(rules.lag_points)
    first = max(seen - int(rules.window_points), 0)
    wanted = desired
    if seen >= 1:
        value = measure(history, first, seen, UTILIZATION)
        if not isnan(value):
            wanted = ceil(mean_ready(history, seen - 1) * value / rules.target - _ROUNDING)
        elif history[rows - 1, ARRIVED] > 0.0:
            wanted = max(desired, 1)
    past = int(rules.stabilization_points)
    highest = float(wanted)
    if rows < past:
        highest = max(highest, float(desired))
    for row in range(max(rows - past, 0), rows - 1):
        highest = max(highest, history[row, RECOMMENDED])
    return Decision(int(highest), float(wanted), memory)


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


def kpa(rules: KpaRules, history: NDArray[np.float64], rows: int, desired: int, now_s: float, memory: Memory) -> Decision:
    """Knative's pod autoscaler: a stable window, and a short one that may panic upwards."""
    ready = max(history[rows - 1, READY], 1.0)
    stable = measure(history, max(rows - int(rules.stable_points), 0), rows, TOTAL_CONCURRENCY)
    panic = measure(history, max(rows - int(rules.panic_points), 0), rows, TOTAL_CONCURRENCY)
    most, least = ceil(rules.up_rate * ready), floor(ready / rules.down_rate)
    wanted = ceil(stable / rules.target - _ROUNDING)
    urgent = ceil(panic / rules.target - _ROUNDING)
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
    r = rules
    if policy == TARGET_TRACKING:
        tracking = TargetTrackingRules(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8])
        return target_tracking(tracking, history, rows, desired, now_s, memory)
    if policy == STEP_SCALING:
        steps = StepScalingRules(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
        return step_scaling(steps, table, history, rows, desired, now_s, memory)
    if policy == VERTEX:
        return vertex(VertexRules(r[0], r[1], r[2], r[3]), history, rows, desired, memory)
    if policy == AZURE:
        return azure(AzureRules(r[0]), table, history, rows, desired, now_s, memory)
    if policy == KPA:
        return kpa(KpaRules(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]), history, rows, desired, now_s, memory)
    return Decision(desired, float(desired), memory)
