from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from infercost.engine.planner.play import play, replayed, tightest
from infercost.engine.planner.timeline import MOST_POINTS, course

if TYPE_CHECKING:
    from types import SimpleNamespace


def test_the_course_adds_up_to_the_simulation(world: SimpleNamespace) -> None:
    screen, choice = world.screen(), world.choice(target=500.0)
    run, price = replayed(choice, screen), Decimal("0.2")
    goal = tightest(screen.slo)
    points = course(run, screen.demand.drawn().times_s, goal, price)
    limit = 0.4
    assert sum(point.late for point in points) == run.requests - round(run.attainment(limit) * run.requests)
    assert float(sum(point.cost for point in points)) == pytest.approx(float(price) * run.replica_seconds / 3600, rel=1e-4)
    assert [point.at_s for point in points] == sorted(point.at_s for point in points)
    assert max(point.replicas for point in points) > min(point.replicas for point in points)
    assert all(0 <= point.utilization <= 1 for point in points)


def test_a_long_course_is_thinned(world: SimpleNamespace) -> None:
    screen = world.screen(world.demand([20] * 2000))
    run = replayed(world.choice(target=500.0), screen)
    points = course(run, screen.demand.drawn().times_s, None, None)
    assert 150 <= len(points) <= MOST_POINTS
    assert points[0].cost is None
    assert points[3].rps == pytest.approx(20 / 60, rel=0.2)


def test_the_kept_simulation_is_the_one_that_was_judged(world: SimpleNamespace) -> None:
    screen, choice = world.screen(), world.choice(target=500.0)
    run, played = replayed(choice, screen), play(choice, screen, seed=0)
    assert run.replica_seconds == played.replica_seconds
    assert run.attainment(0.4) == played.attainment


def test_the_tightest_promise_is_the_highest_percentile(world: SimpleNamespace) -> None:
    slo = world.Slo.parse("p50=10ms,p99=100ms,mean=20ms")
    assert tightest(slo).metric == "p99"
    assert tightest(world.Slo.parse("mean=20ms")) is None
