from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.planner.bounds import Load, by_foresight, by_work, carried_rps

if TYPE_CHECKING:
    from types import SimpleNamespace


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=200))
def test_gathering_rates_loses_no_request_and_no_time(rates: list[float]) -> None:
    seconds = np.full(len(rates), 60.0)
    load = Load.of(np.array(rates), seconds)
    assert load.requests == pytest.approx(60 * sum(rates))
    assert load.duration_s == pytest.approx(60 * len(rates))
    assert (np.diff(load.rates) >= -1e-9).all()


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=60), st.integers(1, 4))
def test_foresight_never_needs_less_than_the_work(world: SimpleNamespace, rates: list[float], least: int) -> None:
    load = Load.of(np.array(rates), np.full(len(rates), 60.0))
    slo, setting = world.Slo.parse("p99=400ms"), world.setting()
    work, foresight = by_work(setting, load, slo, least), by_foresight(setting, load, slo, least)
    assert foresight >= work >= least * load.duration_s


def test_work_alone_is_the_bound_where_everything_may_be_late(world: SimpleNamespace) -> None:
    load = Load.of(np.array([0.0, 100.0]), np.array([60.0, 60.0]))
    assert by_work(world.setting(ms=100.0), load, world.Slo(), 0) == pytest.approx(600.0)


def test_what_holds_in_simulation_is_above_the_bound(world: SimpleNamespace) -> None:
    from infercost.engine.planner.play import play

    screen = world.screen()
    load = Load.of(*screen.demand.rates())
    bound = by_foresight(world.setting(), load, screen.slo, 1)
    held = 0
    for target in (300.0, 400.0, 500.0, 600.0):
        played = play(world.choice(target=target, low=2), screen, seed=0)
        if played.severity <= 1:
            held += 1
            assert played.replica_seconds > bound
    assert held


def test_a_stricter_limit_raises_the_bound(world: SimpleNamespace) -> None:
    load = Load.of(*world.demand().rates())
    bounds = [by_foresight(world.setting(), load, world.Slo.parse(slo), 1) for slo in ("p99=2s", "p99=400ms", "p99=150ms")]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[2]


def test_a_setting_over_the_limit_without_load_carries_nothing(world: SimpleNamespace) -> None:
    slo = world.Slo.parse("p99=100ms")
    assert list(carried_rps([world.setting(ms=200.0), world.setting(ms=20.0)], slo) > 0) == [False, True]
    assert len(carried_rps([], slo)) == 0
