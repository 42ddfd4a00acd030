from __future__ import annotations

from dataclasses import replace

import pytest

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
