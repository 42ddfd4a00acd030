from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infercost.runtime.noise import Turn, disturbed, signs, summarize
from infercost.runtime.protocol import Counters


def cost(**more: Any) -> Counters:
    fields = {"wall_s": 1.0, "cpu_s": 1.0, "waited_s": 0.0, "throttled_s": 0.0, "stolen_s": 0.0, "busy_s": 1.0, "pulse_ns": 100}
    return Counters(**{**fields, "energy_j": None, **more})


QUIET = {"busy_before": 0.0, "cpus": 2, "interleaved": True, "pinned": True}


@pytest.mark.parametrize(
    ("counters", "threads", "on_cpu", "expected"),
    [
        (cost(), 1, True, False),
        (cost(cpu_s=0.8), 1, True, True),
        (cost(cpu_s=0.8), 1, False, False),
        (cost(cpu_s=0.8), 2, True, False),
        (cost(cpu_s=2.0, waited_s=0.3), 2, True, True),
        (cost(waited_s=0.05), 1, True, False),
        (cost(throttled_s=0.1), 1, True, True),
        (cost(waited_s=None, throttled_s=None), 1, True, False),
        (cost(wall_s=0.0, cpu_s=0.0), 1, True, False),
    ],
    ids=str,
)
def test_a_turn_is_disturbed_when_others_kept_it_from_the_cpu(
    counters: Counters, threads: int, on_cpu: bool, expected: bool
) -> None:
    assert disturbed(counters, threads, on_cpu=on_cpu) is expected


def test_a_quiet_machine_shows_no_sign() -> None:
    noise = summarize([Turn(1, cost(), on_cpu=True), Turn(2, cost(cpu_s=1.9, busy_s=1.9), on_cpu=True)], **QUIET)
    assert signs(noise) == []
    assert noise.on_cpu_share == 1.0
    assert noise.busy_cpus_during == 0.0
    assert noise.speed_drift == 0.0
    assert (noise.slices, noise.disturbed_slices) == (2, 0)


def test_each_kind_of_noise_has_its_sign() -> None:
    turns = [
        Turn(1, cost(cpu_s=0.5, busy_s=1.5, stolen_s=0.12, throttled_s=0.2), on_cpu=True),
        Turn(1, cost(pulse_ns=130), on_cpu=True),
    ]
    noise = summarize(turns, **QUIET)
    assert signs(noise) == [
        "other processes used 0.5 CPUs during the measurement",
        "the hypervisor took 3% of the CPUs' time",
        "the container's CPU quota stopped it for 0.2 s",
        "the CPU's speed drifted by 30% (clock changes or a shared core)",
        "1 of 2 turns were disturbed",
    ]
    assert noise.on_cpu_share == 0.5


def test_a_neighbour_known_before_is_told_once() -> None:
    noise = summarize([Turn(1, cost(busy_s=2.0), on_cpu=True)], **{**QUIET, "busy_before": 1.0})
    assert not any("during" in sign for sign in signs(noise))


def test_turns_left_out_do_not_count_against_what_was_kept() -> None:
    turns = [Turn(1, cost(cpu_s=0.4), on_cpu=True, kept=False), Turn(1, cost(cpu_s=0.99), on_cpu=True)]
    assert summarize(turns, **QUIET).on_cpu_share == 0.99


def test_counters_that_a_system_lacks_are_not_known() -> None:
    bare = cost(waited_s=None, throttled_s=None, stolen_s=None, busy_s=None, pulse_ns=0)
    noise = summarize([Turn(2, bare, on_cpu=True)], **QUIET)
    assert replace(noise, slices=0) == replace(summarize([], **QUIET), slices=0)
    assert noise.waited_share is None
    assert signs(noise) == []
