from __future__ import annotations

import pytest

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.simulate import autoscalers, policies
from infercost.engine.simulate.autoscalers import AzureRule, Step
from infercost.engine.simulate.service import lognormal

ALL = [
    autoscalers.sagemaker_target_tracking(100, max_replicas=5),
    autoscalers.sagemaker_step_scaling([Step(1)], high=10, low=1, max_replicas=5),
    autoscalers.vertex_autoscaling(max_replicas=5),
    autoscalers.azure_autoscale(max_replicas=5),
    autoscalers.knative_kpa(max_replicas=5),
    autoscalers.ray_serve(max_replicas=5),
    autoscalers.sagemaker_target_tracking(5, metric="backlog", min_replicas=0, max_replicas=5),
    autoscalers.sagemaker_step_scaling([Step(1)], high=1, low=-1, min_replicas=0, max_replicas=5, from_zero=True),
]


@pytest.mark.parametrize("scaler", ALL, ids=lambda scaler: scaler.name)
def test_every_fact_has_a_basis_and_documented_ones_a_source(scaler):
    assert {fact.basis for fact in scaler.facts} >= {"documented", "assumed"}
    assert all(fact.rule for fact in scaler.facts)
    assert all(fact.source for fact in scaler.facts if fact.basis != "assumed")
    assert any("in service" in fact.rule for fact in scaler.facts)


def test_settings_become_the_rules_they_are_named_for():
    scaler = autoscalers.sagemaker_target_tracking(100, max_replicas=5, out_cooldown_s=1, in_cooldown_s=2, lag_s=60)
    rules = policies.TargetTrackingRules(*scaler.rules[0].numbers)
    assert (rules.target, rules.high_points, rules.low_points, rules.low_share) == (100, 3, 15, 0.9)
    assert (rules.out_cooldown_s, rules.in_cooldown_s, rules.lag_points) == (1, 2, 1)
    assert policies.VertexRules(*autoscalers.vertex_autoscaling(70, max_replicas=2).rules[0].numbers).stabilization_points == 20
    assert policies.KpaRules(*autoscalers.knative_kpa(max_replicas=2).rules[0].numbers).panic_points == 3


def test_a_start_may_be_a_distribution():
    scaler = autoscalers.vertex_autoscaling(max_replicas=5, start_s=lognormal(120, 0.4))
    assert any("as given" in fact.rule for fact in scaler.facts)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: autoscalers.sagemaker_target_tracking(0, max_replicas=5), "target must be above 0"),
        (lambda: autoscalers.sagemaker_target_tracking(9, max_replicas=5, min_replicas=0), "from zero"),
        (lambda: autoscalers.sagemaker_target_tracking(9, max_replicas=5, in_cooldown_s=-1), "in_cooldown_s"),
        (lambda: autoscalers.sagemaker_target_tracking(9, max_replicas=1, min_replicas=2), "min_replicas <= max"),
        (lambda: autoscalers.sagemaker_step_scaling([], high=2, low=1, max_replicas=5), "at least one step"),
        (lambda: autoscalers.sagemaker_step_scaling([Step(1)], high=1, low=2, max_replicas=5), "low below high"),
        (lambda: autoscalers.azure_autoscale([], max_replicas=5), "at least one rule"),
        (lambda: autoscalers.azure_autoscale([AzureRule(direction="out", threshold=-1)], max_replicas=5), "threshold"),
        (lambda: autoscalers.azure_autoscale(max_replicas=5, min_replicas=0), "from zero"),
        (lambda: autoscalers.vertex_autoscaling(max_replicas=0, min_replicas=0), "min_replicas <= max"),
        (lambda: autoscalers.vertex_autoscaling(float("nan"), max_replicas=5), "target_percent"),
        (lambda: autoscalers.ray_serve(max_replicas=5, upscaling_factor=0), "upscaling_factor"),
        (lambda: autoscalers.knative_kpa(max_replicas=5, down_rate=1), "above 1"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_an_unknown_metric_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean invocations"):
        autoscalers.sagemaker_target_tracking(1, max_replicas=2, metric="invocation")
