from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import infercost
from infercost.domain.errors import MissingExtraError, TrafficError, UsageError
from infercost.engine.planner.search import Budget

PROFILE = Path(__file__).parents[3] / "profiles" / "resnet50.json"
TRAFFIC = "phases:2@15m,20@15m,2@15m,10@15m"
SMALL = Budget(requests=2e6, probed=8)


@pytest.fixture(scope="module")
def plan():
    return infercost.plan(
        PROFILE,
        traffic=TRAFFIC,
        slo="p95=500ms",
        instances=["ml.c7i.large", "ml.c7i.xlarge", "n2-standard-4", "Standard_F4s_v2"],
        explain=1,
        budget=SMALL,
    )


def test_each_cloud_is_planned_on_its_own_rules(plan):
    kinds = {policy.provider: {scaling.kind for scaling in policy.scaling} for policy in plan.policies}
    assert set(kinds) == {"sagemaker", "vertex", "azureml"}
    allowed = {"sagemaker": "target_tracking", "vertex": "vertex", "azureml": "azure"}
    assert all(found <= {allowed[provider]} for provider, found in kinds.items())
    assert all(policy.attainment >= 0.95 for policy in plan.policies)


def test_the_traffic_is_told(plan):
    assert plan.workload.duration_s == 3600
    assert plan.workload.peak_rps == pytest.approx(20, rel=0.05)
    assert any("less than a day" in text for text in plan.warnings)


def test_lines_sum_to_totals(plan):
    for policy in plan.policies:
        known = [line.monthly_cost for line in policy.lines if line.monthly_cost is not None]
        assert sum(known) == policy.per_month.likely


def test_a_plan_becomes_an_endpoint_of_its_cloud(plan):
    for provider in ("sagemaker", "vertex", "azureml"):
        made = infercost.endpoint_of(plan, provider=provider)
        assert made.provider == provider
        assert made.replicas.min >= 1


def test_the_same_question_has_the_same_answer(plan):
    again = infercost.plan(
        PROFILE,
        traffic=TRAFFIC,
        slo="p95=500ms",
        instances=["ml.c7i.large", "ml.c7i.xlarge", "n2-standard-4", "Standard_F4s_v2"],
        explain=1,
        budget=SMALL,
    )
    assert replace(again, created=plan.created) == plan


def test_one_instance_type_of_each_cloud_at_least():
    with pytest.raises(UsageError, match="top=0"):
        infercost.plan(PROFILE, traffic="constant:rps=5", top=0)


def test_traffic_without_requests_is_said_to_be_so(tmp_path):
    quiet = tmp_path / "quiet.csv"
    quiet.write_text("timestamp,requests\n2024-01-01T00:00:00,0\n2024-01-01T00:01:00,0\n2024-01-01T00:02:00,7\n")
    nothing = infercost.load_traffic(quiet, clip="0m..2m")
    with pytest.raises(TrafficError, match=r"has no requests to plan for"):
        infercost.plan(PROFILE, traffic=nothing)


@pytest.mark.parametrize(
    ("shape", "way_out"), [("poisson:rps=1000000,for=1d", "a lower --scale"), ("poisson:rps=9000,for=1d", "--clip 0h..6h")]
)
def test_more_requests_than_fit_are_refused_before_they_are_drawn(shape, way_out):
    with pytest.raises(TrafficError, match=re.escape(way_out)):
        infercost.plan(PROFILE, traffic=shape)


@pytest.mark.parametrize("asks", ["plan", "modes"])
def test_a_missing_extra_is_said_before_a_model_is_measured(monkeypatch, tmp_path, asks):
    from infercost.engine.simulate import compiled

    monkeypatch.setattr(compiled, "find_spec", lambda name: None)
    unread = tmp_path / "never-opened.onnx"
    with pytest.raises(MissingExtraError, match=r"pip install 'infercost\[plan\]'"):
        infercost.plan(unread, traffic="constant:rps=5,for=1m") if asks == "plan" else infercost.modes(unread)
