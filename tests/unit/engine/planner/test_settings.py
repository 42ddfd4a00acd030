from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from infercost.engine.plan import Case
from infercost.engine.planner.screening import severity
from infercost.engine.planner.settings import settings_of, tables
from infercost.engine.simulate.arrivals import poisson
from infercost.engine.simulate.simulation import simulate

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.mark.parametrize("cv", [0.0, 0.1, 0.8])
def test_services_have_the_predicted_mean_and_spread(world: SimpleNamespace, cv: float) -> None:
    run = simulate(poisson(1.0, 50_000.0), service=world.setting(cv=cv).service, replicas=1)
    served = run.latency_s - run.wait_s
    assert served.mean() == pytest.approx(0.08, rel=0.01)
    assert served.std() / served.mean() == pytest.approx(cv, rel=0.05, abs=1e-9)


def test_a_batch_grows_in_a_straight_line(world: SimpleNamespace) -> None:
    setting = world.setting(batch=4, ms=40.0, full_ms=100.0, workers=2)
    assert setting.slope_s == pytest.approx(0.02)
    assert setting.capacity_rps == pytest.approx(2 * 4 / 0.1)
    assert setting.slowed(2.0).capacity_rps == pytest.approx(40)
    assert setting.slowed(1.0) is setting


@pytest.mark.parametrize("batch", [1, 4])
def test_tables_grow_with_the_load(world: SimpleNamespace, batch: int) -> None:
    slo = world.Slo.parse("p99=300ms,mean=200ms")
    station = tables(world.setting(batch=batch, full_ms=80.0 if batch == 1 else 140.0), slo, pooled=False)
    assert station.misses.shape[0] == 2
    for row in (station.busy, *station.misses[:, 0], station.sojourn_s[0]):
        assert (np.diff(row) >= -0.02 * np.abs(row[1:])).all()
    assert station.slack_s[1] == np.inf


def test_more_replicas_that_share_a_queue_are_late_less(world: SimpleNamespace) -> None:
    station = tables(world.setting(), world.Slo.parse("p99=200ms"), pooled=True)
    few, many = station.row_of[1], station.row_of[16]
    assert station.misses[0, many, 48] < station.misses[0, few, 48]


def test_tables_of_batches_are_those_of_the_simulation(world: SimpleNamespace) -> None:
    setting, limit_s = world.setting(batch=4, full_ms=140.0), 0.25
    station = tables(setting, world.Slo.parse("p99=250ms"), pooled=False)
    rate = 0.7 * setting.capacity_rps
    run = simulate(poisson(rate, 60_000 / rate), service=setting.service, replicas=1, max_batch=4, seed=7)
    cell = round(0.7 * 64)
    assert station.misses[0, 0, cell] == pytest.approx(1 - run.attainment(limit_s), rel=0.25)
    assert station.busy[cell] == pytest.approx(run.busy_seconds / run.replica_seconds, rel=0.03)


def test_a_delay_is_tried_where_replicas_scale_by_how_busy_they_are(build: SimpleNamespace, world: SimpleNamespace) -> None:
    prediction = build.prediction(build.point(2, batch=1), build.point(2, batch=8, ms=30.0, single_ms=10.0))
    case = Case.of(prediction, build.hardware(), build.HOSTING, build.traffic())
    slo = world.Slo.parse("p99=130ms")
    counted, busy = (settings_of(case, world.rules(option), slo) for option in (world.INVOCATIONS, world.BUSY))
    assert [s.serving.max_delay_ms for s in counted] == [0.0, 0.0]
    assert [s.serving.max_delay_ms for s in busy] == [0.0, 0.0, 40.0]


def test_requests_of_different_sizes_widen_the_spread(build: SimpleNamespace, world: SimpleNamespace) -> None:
    case = Case.of(build.prediction(build.point(2), cv=0.3), build.hardware(), build.HOSTING, build.traffic())
    (plain,) = settings_of(case, None, world.Slo())
    (mixed,) = settings_of(case, None, world.Slo(), 0.5)
    assert plain.spread == pytest.approx(0.3)
    assert mixed.spread == pytest.approx((1.09 * 1.5 - 1) ** 0.5)
    assert mixed.cv == plain.cv


def test_severity_is_the_worst_promise(world: SimpleNamespace) -> None:
    slo = world.Slo.parse("p99=100ms,p50=20ms,mean=50ms")
    assert severity(slo, np.array([5.0, 100.0, 10.0]), 1000) == pytest.approx(0.5)
    assert severity(slo, np.array([20.0, 100.0, 10.0]), 1000) == pytest.approx(2.0)
    assert severity(slo, np.array([0.0, 0.0, 200.0]), 1000) == pytest.approx(4.0)
    assert severity(world.Slo(), np.zeros(0), 1000) == 0
