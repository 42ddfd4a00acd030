from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infercost.app.pricing import estimate
from infercost.app.profiling import load_profile

PROFILE = Path(__file__).parents[3] / "profiles" / "resnet50.json"


@pytest.mark.parametrize(("instance", "slo"), [("e2-highcpu-16", "p99=400ms"), ("c2d-highcpu-32", "p99=100ms")])
def test_no_end_of_a_types_cost_falls_as_traffic_grows(instance, slo):
    measured = load_profile(PROFILE)
    quiet = replace(measured, points=tuple(replace(p, stable=True, cpu_utilization=1.0) for p in measured.points))
    ends, holds = [], set()
    for rps in (1e-6, 0.5, 1, 2, 5, 10, 20, 40, 80, 500):
        (found,) = estimate(quiet, rps=rps, slo=slo, instances=[instance], providers=["vertex"]).candidates
        month = found.cost.per_month
        ends.append((month.low, month.likely, month.high or 0))
        holds.add((found.slo_holds, month.high is None))
    for end in zip(*ends, strict=True):
        assert list(end) == sorted(end)
    assert holds in ({("yes", False)}, {("at_risk", True)})
