"""The fluid model of an endpoint under its autoscaler: the control loop exactly, the requests as a flow.

The loop is the simulator's own: the same clock, the same rules on the same history rows, the same start-up
times. What arrives in a step is the count of the very requests that would be played; only what happens to
them within a step is a formula instead of an event each. So replicas and cost come out as in the simulation
wherever a metric counts requests, and close to it where it measures how busy replicas are, a thousand times faster.

Plain functions over numpy arrays; :mod:`.compiled` compiles them.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from infercost.engine.simulate.history import (
    ARRIVED,
    BUSY_S,
    COLUMNS,
    DESIRED,
    DROPPED,
    END,
    INSIDE_S,
    READY,
    READY_S,
    RECOMMENDED,
    SECONDS,
    SERVED,
    WAITING,
)
from infercost.engine.simulate.policies.deciding import decide_all
from infercost.engine.simulate.ticking import limits_at
from infercost.engine.simulate.variates import draw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from infercost.engine.simulate.fleet import Scaling


class Station(NamedTuple):
    """What one replica does with its load, as tables over load 0 … 1 of its capacity."""

    capacity_rps: float
    """Requests a second of one replica with every batch full."""
    pooled: bool
    """Whether a request goes where it is served soonest; else it stays with the replica it was sent to."""
    row_of: NDArray[np.int64]
    """Row of the tables for each number of replicas; the last entry stands for all beyond."""
    misses: NDArray[np.float64]
    """[promise, row, load]: share of requests beyond a percentile's limit, or mean seconds where the promise is a mean."""
    slack_s: NDArray[np.float64]
    """By promise, the wait from which every request is late; infinite where the promise is a mean."""
    busy: NDArray[np.float64]
    """[load]: busy share of a replica."""
    sojourn_s: NDArray[np.float64]
    """[row, load]: mean seconds in the system."""


BACKLOG: Final = 0
"""Requests that wait beyond what queueing at random explains."""
HOLDERS: Final = 1
"""Replicas at which they wait."""
WORKING: Final = 2
"""Replica-seconds busy in the bucket."""
WITHIN: Final = 3
"""Request-seconds in the system in the bucket."""
STATE: Final = 4


class Flow(NamedTuple):
    """What came of it. Replica-seconds, over the whole traffic."""

    billed_s: float
    ready_s: float
    busy_s: float
    starting_s: float
    tail_s: float
    """In service beyond what the rule would have on that tick alone, and beyond the limit's least."""
    started: int
    """Replicas started after the beginning."""
    ended: int
    """Replicas taken away, those that were still starting among them."""
    peak: int


def look_up(row: NDArray[np.float64], load: float) -> float:
    """Interpolate a row over load 0 … 1."""
    last = len(row) - 1
    at = load * last
    if at >= last:
        return float(row[last])
    cell = int(at)
    part = at - cell
    return float(row[cell] * (1.0 - part) + row[cell + 1] * part)


def drain(backlog: float, rate: float, capacity: float, hold: float, seconds: float) -> tuple[float, float, float, float]:
    """A flow through a queue for a while: the backlog left, how long there was one, how long above ``hold``, its area."""
    net = rate - capacity
    if backlog <= 0.0 and net <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    queued = seconds if net >= 0.0 else min(seconds, backlog / -net)
    left = max(backlog + net * queued, 0.0)
    if net > 0.0:
        above = queued if backlog >= hold else max(queued - (hold - backlog) / net, 0.0)
    elif net < 0.0:
        above = min(queued, max(backlog - hold, 0.0) / -net)
    else:
        above = queued if backlog > hold else 0.0
    return left, queued, above, (backlog + left) / 2.0 * queued


def serve(
    rate: float,
    seconds: float,
    replicas: int,
    station: Station,
    state: NDArray[np.float64],
    late: NDArray[np.float64],
) -> None:
    """Serve a steady rate by steady replicas for a while.

    A replica that joins while others hold a backlog takes its share of new requests; where requests are pooled it
    evens out the queues, too.

    Args:
        rate: requests a second.
        seconds: how long.
        replicas: in service.
        station: what each does.
        state: by the constants above; changed.
        late: by promise, requests beyond its limit (or seconds, where it is a mean); added to.
    """
    came = rate * seconds
    if replicas == 0:
        for promise in range(len(station.slack_s)):
            if station.slack_s[promise] < inf:
                late[promise] += came
        return
    capacity = replicas * station.capacity_rps
    row = station.row_of[min(replicas, len(station.row_of) - 1)]
    if station.pooled or state[BACKLOG] <= 0.0 or state[HOLDERS] > replicas:
        state[HOLDERS] = replicas
    holders = state[HOLDERS]
    kept = rate * holders / replicas
    held = holders * station.capacity_rps
    left, queued, _, area = drain(state[BACKLOG], kept, held, inf, seconds)
    load = min(rate / capacity, 1.0)
    for promise in range(len(station.slack_s)):
        slack = station.slack_s[promise]
        usual = look_up(station.misses[promise, row], load)
        if slack < inf:
            _, _, above, _ = drain(state[BACKLOG], kept, held, slack * held, seconds)
            near = look_up(station.misses[promise, row], 1.0)
            late[promise] += kept * (above + (queued - above) * near) + (came - kept * queued) * usual
        else:
            late[promise] += kept * area / held + came * usual
    working = look_up(station.busy, load)
    state[WORKING] += holders * queued + (replicas - holders) * queued * working + replicas * (seconds - queued) * working
    state[WITHIN] += area + came * look_up(station.sojourn_s[row], load)
    state[BACKLOG] = left


def soonest(pending: NDArray[np.float64], count: int) -> int:
    """Index of the starting replica that will be ready first."""
    first = 0
    for k in range(1, count):
        if pending[k] < pending[first]:
            first = k
    return first


def latest(pending: NDArray[np.float64], count: int) -> int:
    """Index of the starting replica that will be ready last."""
    last = 0
    for k in range(1, count):
        if pending[k] > pending[last]:
            last = k
    return last


def flow(
    arrived: NDArray[np.float64],
    step_s: float,
    steps_a_tick: int,
    end_s: float,
    station: Station,
    scaling: Scaling,
    replicas: int,
    history: NDArray[np.float64],
    pending: NDArray[np.float64],
    state: NDArray[np.float64],
    late: NDArray[np.float64],
) -> Flow:
    """Let traffic flow through an endpoint.

    Args:
        arrived: requests in each step; the last step may be cut short by ``end_s``.
        step_s: seconds of a step.
        steps_a_tick: steps from one evaluation of the autoscaler to the next.
        end_s: when the traffic ends.
        station: what a replica does.
        scaling: the autoscaler, as the simulator's kernels read it.
        replicas: in service at the start.
        history: scratch, a row a tick.
        pending: scratch, an entry a replica that may start at once.
        state: scratch, ``STATE`` entries.
        late: by promise, out; see :func:`serve`.
    """
    state[:] = 0.0
    late[:] = 0.0
    active, starting, started, ended, peak, rows = replicas, 0, 0, 0, replicas, 0
    billed = ready_s = busy_s = starting_s = tail_s = 0.0
    bucket_s, bucket_ready, bucket_came = 0.0, 0.0, 0.0
    for step in range(len(arrived)):
        now, until = step * step_s, min((step + 1) * step_s, end_s)
        rate = arrived[step] / (until - now) if until > now else 0.0
        while now < until:
            pause, joins = until, -1
            if starting > 0:
                joins = soonest(pending, starting)
                pause = min(until, pending[joins])
            if pause > now:
                serve(rate, pause - now, active, station, state, late)
                bucket_ready += active * (pause - now)
                starting_s += starting * (pause - now)
            if joins >= 0 and pending[joins] <= pause:
                starting -= 1
                pending[joins] = pending[starting]
                active += 1
                peak = max(peak, active)
                if not scaling.bills_start:
                    billed -= pause
            now = pause
        bucket_came += arrived[step]
        if (step + 1) % steps_a_tick and step + 1 < len(arrived):
            continue
        row = history[rows]
        row[END], row[SECONDS] = until, until - bucket_s
        row[ARRIVED], row[DROPPED], row[SERVED], row[WAITING] = bucket_came, 0.0, bucket_came, state[BACKLOG]
        row[BUSY_S], row[READY_S], row[INSIDE_S], row[READY] = state[WORKING], bucket_ready, state[WITHIN], active
        row[DESIRED] = row[RECOMMENDED] = active + starting
        ready_s += bucket_ready
        busy_s += state[WORKING]
        least, most = limits_at(scaling, until)
        if (step + 1) % steps_a_tick == 0:
            wanted = active + starting
            ideal = float(wanted)
            if len(scaling.kinds) > 0 or len(scaling.schedule) > 0:
                desired, ideal = decide_all(
                    scaling.kinds,
                    scaling.rules,
                    scaling.tables,
                    scaling.firsts,
                    scaling.memories,
                    scaling.wishes,
                    history,
                    rows + 1,
                    wanted,
                    until,
                )
                wanted = min(max(desired, least), most)
            row[DESIRED], row[RECOMMENDED] = wanted, ideal
            tail_s += max(bucket_ready - max(ideal, least) * row[SECONDS], 0.0)
            while active + starting < wanted:
                started += 1
                pending[starting] = until + draw(scaling.start, scaling.start_key, started, 1)
                starting += 1
                if scaling.bills_start:
                    billed -= until
            while active + starting > wanted:
                ended += 1
                if starting > 0:
                    gone = latest(pending, starting)
                    starting -= 1
                    pending[gone] = pending[starting]
                    if scaling.bills_start:
                        billed += until
                else:
                    active -= 1
                    billed += until
        rows += 1
        bucket_s, bucket_ready, bucket_came, state[WORKING], state[WITHIN] = until, 0.0, 0.0, 0.0, 0.0
    billed += (active + (starting if scaling.bills_start else 0)) * end_s
    return Flow(billed, ready_s, busy_s, starting_s if scaling.bills_start else 0.0, tail_s, started, ended, peak)


def rows_needed(steps: int, steps_a_tick: int) -> tuple[int, int]:
    """Shape of the history that :func:`flow` writes."""
    return -(-steps // steps_a_tick) + 1, COLUMNS
