"""The rules that steer a real endpoint are those of the simulator: fed with its timeline, they decide the same."""

from __future__ import annotations

import numpy as np
import pytest

import infercost
from infercost import autoscalers
from infercost.engine.simulate.controller import Controller
from infercost.engine.simulate.service import lognormal

DAY = [600] * 20 + [6000] * 30 + [900] * 40

SCALERS = {
    "target": autoscalers.sagemaker_target_tracking(1200, max_replicas=10, start_s=120.0),
    "vertex": autoscalers.vertex_autoscaling(60.0, max_replicas=10, start_s=90.0),
    "azure": autoscalers.azure_autoscale(max_replicas=10, start_s=90.0),
    "kpa": autoscalers.knative_kpa(2.0, max_replicas=10, start_s=8.0),
    "ray": autoscalers.ray_serve(2.0, max_replicas=10, start_s=8.0),
}


def replay(scaler, result, replicas, rows):
    """Decisions of a controller that sees what the simulation saw."""
    line = result.timeline
    controller, decided = Controller(scaler, replicas), []
    wanted = replicas
    for row in range(rows):
        seconds = line.seconds[row]
        wanted = controller.tick(
            float(line.end_s[row]),
            arrived=int(line.arrivals[row]),
            dropped=int(line.dropped[row]),
            busy_s=float(line.busy_seconds[row]),
            ready_s=float(line.mean_replicas[row] * seconds),
            inside_s=float(line.concurrency[row] * seconds),
            waiting=int(line.waiting[row]),
            ready=int(line.replicas[row]),
            wanted=wanted,
        )
        decided.append(wanted)
    return decided


@pytest.mark.parametrize("name", SCALERS)
def test_a_controller_decides_what_the_simulation_decided(name):
    scaler = SCALERS[name]
    traffic = infercost.traffic.counts(DAY, bin_s=60)
    result = infercost.simulate(traffic, service=lognormal(0.03, 0.3), replicas=1, autoscaler=scaler)
    rows = len(result.timeline) - 1  # the last bucket is shorter, and nothing is decided at its end
    decided = replay(scaler, result, 1, rows)
    assert decided == result.timeline.desired[:rows].tolist()
    assert len(set(decided)) > 2


def test_history_is_bounded_and_forgets_nothing_that_a_rule_looks_back_at():
    scaler = autoscalers.vertex_autoscaling(60.0, max_replicas=4)
    controller = Controller(scaler, 1)
    size = controller._history.nbytes
    busy = {"arrived": 10, "busy_s": 14.0, "ready_s": 15.0, "inside_s": 20.0, "waiting": 0, "ready": 1}
    for row in range(20_000):
        wanted = controller.tick(15.0 * (row + 1), **busy, wanted=controller.desired)
    assert controller._history.nbytes == size
    assert wanted == 2
    assert np.isfinite(controller._history).all()


def test_limits_hold_whatever_the_rule_wants():
    controller = Controller(autoscalers.knative_kpa(1.0, max_replicas=3), 1)
    for row in range(40):
        wanted = controller.tick(
            2.0 * (row + 1), arrived=500, busy_s=2.0, ready_s=2.0, inside_s=900.0, waiting=400, ready=1, wanted=1
        )
    assert wanted == 3
