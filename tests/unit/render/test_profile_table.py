from __future__ import annotations

from dataclasses import replace

import pytest

from infercost.domain.profile import Interval, LatencyStats, OperatorCall, ScenarioRun, Search, Tail, Trial
from infercost.render import render


@pytest.mark.parametrize("width", [20, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal(profile, width):
    assert max(map(len, render(profile, "table", width=width).splitlines())) <= width


def test_a_percentile_that_the_sample_cannot_support_is_not_shown(profile):
    text = render(profile, "table", width=80)
    assert "-: too few samples for that percentile (p99 needs 662)" in text
    supported = replace(profile, points=profile.points[:2])
    assert "too few samples" not in render(supported, "table", width=80)


def test_a_point_that_did_not_settle_is_marked(profile):
    assert "186 ms ~" in render(profile, "table", width=80)
    assert "~:" not in render(replace(profile, points=profile.points[:2]), "table", width=80)


def test_a_wide_terminal_gets_all_percentiles(profile):
    wide, narrow = (render(profile, "table", width=width) for width in (120, 80))
    assert "p95" in wide
    assert "p95" not in narrow


def test_operators_come_busiest_first_and_the_rest_is_summed_up(profile):
    text = render(profile, "table", width=80, top=1)
    assert "Conv" in text
    assert "MaxPool" not in text
    assert "3 more operator types, 9 % of the time." in text
    assert "MaxPool" in render(profile, "table", width=80, top=1, details=True)


def test_what_is_not_known_is_a_question_mark(profile):
    unknown = replace(
        profile,
        model=replace(profile.model, flops_per_item=None),
        points=(replace(profile.points[0], memory_bytes=None, cpu_utilization=None),),
    )
    text = render(unknown, "table", width=80)
    assert "FLOPs unknown" in text
    assert text.split("\n\n")[2].splitlines()[2].split()[-2:] == ["?", "?"]


def test_partial_flops_say_how_partial(profile):
    partial = replace(profile, model=replace(profile.model, flops_coverage=0.8))
    assert "(from 80 % of the nodes)" in " ".join(render(partial, "table", width=80).split())


def test_an_instance_and_an_accelerator_are_named(profile):
    machine = replace(profile.machine, instance_type="sagemaker:ml.g5.xlarge", accelerator="NVIDIA A10G")
    text = render(replace(profile, machine=machine), "table", width=100)
    assert "sagemaker:ml.g5.xlarge, 2 logical CPUs" in text
    assert "NVIDIA A10G" in text


def test_a_profile_without_operator_times_has_no_such_table(profile):
    assert "operator" not in render(replace(profile, operators=()), "table", width=80)


RUN = ScenarioRun(
    scenario="server",
    samples_per_query=1,
    workers=2,
    threads=1,
    queries=900,
    duration_s=9.0,
    target_rps=100.0,
    achieved_rps=99.5,
    throughput_per_s=99.5,
    latency_ms=LatencyStats.of([0.01 + n / 1e5 for n in range(900)]),
    tails=(Tail(metric="p99", bound=19.0),),
    stable=True,
    verdict="valid",
    reason="p99 at most 50 ms: 0 of 900 queries took longer, 2 may",
)
TRIALS = tuple(
    Trial(
        batch=batch,
        threads=1,
        workers=2,
        precision="int8",
        throughput_per_s=rate,
        latency_ms=LatencyStats.of([0.02] * 20) if rate else None,
        memory_bytes=140_000_000,
        failure=None if rate else "out of memory",
    )
    for batch, rate in ((8, 320.0), (16, 300.0), (64, 0.0))
)


def test_scenarios_come_with_their_verdict_and_why(profile):
    text = render(replace(profile, scenarios=(RUN,)), "table", width=80)
    assert "server 2 × 1t" in " ".join(text.split())
    assert "server: valid; p99 at most 50 ms: 0 of 900 queries took longer, 2 may." in " ".join(text.split())
    assert "p99 at most" in render(replace(profile, scenarios=(RUN,)), "table", width=160).split("server: valid")[0]


def test_a_search_shows_the_best_first_and_what_it_took(profile):
    found = Search(grid=36, trials=TRIALS, best=1, slo="p99=50ms", stopped="the time was up")
    text = " ".join(render(replace(profile, search=found), "table", width=100).split())
    assert text.index("best 16 2 × 1t cpu int8 300") < text.index("8 2 × 1t cpu int8 320")
    assert "within p99=50ms: 3 of 36 configurations tried; the time was up." in text
    none = replace(found, best=None)
    assert "None keeps p99=50ms." in " ".join(render(replace(profile, search=none), "table", width=100).split())


def test_what_a_worker_keeps_is_said_where_it_was_recorded(profile):
    points = tuple(replace(p, process_bytes=50_000_000, energy_j=0.5) for p in profile.points)
    text = " ".join(render(replace(profile, points=points), "table", width=120).split())
    assert "a worker keeps 270 MB: 50 MB of its own and the session" in text
    assert "J an item at best" in text
    assert "Worker" not in render(profile, "table", width=120)


def test_how_sure_a_mean_is_stands_beside_it_where_there_is_room(profile):
    points = tuple(replace(p, intervals=(Interval(metric="mean", low=0.98, high=1.02),)) for p in profile.points)
    assert "±" in render(replace(profile, points=points), "table", width=120)
    assert "±" not in render(replace(profile, points=points), "table", width=80)
    assert "±" not in render(profile, "table", width=120)


def test_calls_with_their_shapes_are_among_the_details(profile):
    call = OperatorCall(op_type="Conv", inputs=("float32[1,3,8,8]",), calls=2, mean_us=81.5, time_share=0.7)
    with_calls = replace(profile, operator_calls=(call,))
    assert "float32[1,3,8,8]" in render(with_calls, "table", width=120, details=True)
    assert "float32[1,3,8,8]" not in render(with_calls, "table", width=120)
