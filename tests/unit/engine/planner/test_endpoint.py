from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from infercost.domain.capacity import CapacityPlan, PlannedReplicas, Policy, Search, WorkloadFacts
from infercost.domain.errors import UsageError
from infercost.domain.estimate import Band, LatencyMs, ProfiledModel
from infercost.domain.prediction import Serving
from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity
from infercost.domain.traffic import Slo
from infercost.engine.planner.endpoint import check_name, endpoint_name, endpoint_of

POLICY = Policy(
    rank=1,
    tie_group=1,
    provider="sagemaker",
    region="us-east-1",
    mode="realtime",
    instance_type="ml.c7i.large",
    serving=Serving(workers=2, threads=1),
    routing="least_outstanding",
    replicas=PlannedReplicas(min=1, max=6, initial=2, mean=2.5, peak=5),
    scaling=(ScalingPolicy(kind="target_tracking", metric="invocations", target=900.0),),
    schedule=(ScheduledCapacity(name="day", at="08:00", min_replicas=2, max_replicas=6),),
    latency_ms=LatencyMs(p50=10.0, p95=20.0, p99=30.0),
    attainment=0.995,
    dropped=0.0,
    slo_holds="yes",
    slo_probability=0.8,
    utilization=0.5,
    idle_share=0.5,
    provenance="modelled",
    band=0.4,
    per_month=Band(Decimal(1), Decimal(2), Decimal(3)),
    per_million=Band(Decimal(1), Decimal(2), Decimal(3)),
    lines=(),
)


@pytest.fixture
def plan() -> CapacityPlan:
    return CapacityPlan(
        created="2026-01-02T00:00:00+00:00",
        infercost_version="1",
        model=ProfiledModel(name="My Net.onnx", sha256="f" * 64, machine="cpu"),
        price_catalogs=(),
        regions=("us-east-1",),
        workload=WorkloadFacts(
            source="shop.csv",
            duration_s=3600.0,
            requests=1e4,
            mean_rps=3.0,
            peak_rps=9.0,
            burstiness="Poisson",
            payload_in_bytes=1,
            payload_out_bytes=1,
            log_bytes=1,
            clients="internet",
            overhead_ms=0.2,
        ),
        slo=Slo.parse("p99=100ms,mean=0.04s"),
        policies=(POLICY, replace(POLICY, rank=2, provider="vertex", region="us-central1", routing="random")),
        search=Search(
            candidates=1, pruned=0, screened=0, simulated=1, lower_bound=None, gap=None, seed=0, seconds_simulated=3600.0
        ),
    )


def test_an_endpoint_has_what_the_policy_has(plan: CapacityPlan) -> None:
    made = endpoint_of(plan, model_path="net.onnx")
    assert (made.provider, made.region, made.instance) == ("sagemaker", "us-east-1", "ml.c7i.large")
    assert (made.scaling, made.schedule, made.serving) == (POLICY.scaling, POLICY.schedule, POLICY.serving)
    assert (made.replicas.min, made.replicas.max, made.replicas.initial) == (1, 6, 2)
    assert made.routing == "least_outstanding"
    assert made.model.path == "net.onnx"
    assert made.model.sha256 == "f" * 64
    assert made.planned_for is not None
    assert made.planned_for.slo == "p99=100ms, mean=40ms"
    assert made.planned_for.monthly == POLICY.per_month


def test_a_cloud_is_chosen_by_name_and_a_rank_within_it(plan: CapacityPlan) -> None:
    assert endpoint_of(plan, provider="vertex").region == "us-central1"
    assert endpoint_of(plan, rank=2).provider == "vertex"
    with pytest.raises(UsageError, match="1 policies of vertex, not one at rank 2"):
        endpoint_of(plan, rank=2, provider="vertex")
    with pytest.raises(UsageError, match="try --rank 1"):
        endpoint_of(plan, rank=0)


@pytest.mark.parametrize(
    ("text", "name"),
    [("My Net.onnx", "my-net-onnx"), ("3d/unet", "model-3d-unet"), ("--", "model"), ("a" * 50, "a" * 32), ("über", "ber")],
)
def test_names_are_such_that_every_cloud_takes_them(text: str, name: str) -> None:
    assert endpoint_name(text) == name


def test_an_endpoint_can_be_named(plan: CapacityPlan) -> None:
    assert endpoint_of(plan, name="prod").name == "prod"


@pytest.mark.parametrize("name", ["my model!", "", "1st", "-a", "a" * 64, "a\n", "modèle"])
def test_a_name_that_its_file_would_not_be_read_with_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"try {endpoint_name(name)}"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "My-Model-2", "a" * 63])
def test_other_names_are_taken(name: str) -> None:
    check_name(name)
