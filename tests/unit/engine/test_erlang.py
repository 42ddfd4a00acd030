from __future__ import annotations

import math

import numpy as np
import pytest

from infercost.engine.erlang import blocking, decay_row, delay_row, look_up, service_shape, stack


def exact_erlang_c(servers: int, load: float) -> float:
    blocked = blocking(servers, servers * load)
    return blocked / (1 - load * (1 - blocked))


def test_blocking_is_erlang_b() -> None:
    assert blocking(1, 0.5) == pytest.approx(1 / 3)
    assert blocking(3, 2.0) == pytest.approx((8 / 6) / (1 + 2 + 2 + 8 / 6))
    assert blocking(100, 84.06) == pytest.approx(0.01, rel=0.01)  # the textbook table: 84.1 Erlangs at 1 %


@pytest.mark.parametrize("servers", [1, 2, 5, 16, 96, 192])
def test_delay_rows_hold_erlang_c(servers: int) -> None:
    loads = np.array([0.003, 0.05, 0.2, 0.45, 0.7, 0.9, 0.99])
    found = look_up(stack([delay_row(servers)]), np.zeros(len(loads), dtype=np.int64), loads) + servers * np.log(loads)
    for load, value in zip(loads, found, strict=True):
        exact = exact_erlang_c(servers, float(load))
        if exact > 1e-200:
            assert math.exp(value) == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("cv", [0.01, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("load", [0.2, 0.5, 0.8, 0.95])
def test_decay_rows_solve_their_equation(batch: int, cv: float, load: float) -> None:
    x = float(look_up(stack([decay_row(batch, cv)]), np.zeros(1, dtype=np.int64), np.array([load]))[0])
    floor, scale, weight = (float(part) for part in service_shape(np.array(cv)))
    moment = math.exp(floor * x) * (1 + weight * scale * x / (1 - scale * x))
    assert (1 + x / (batch * load)) ** batch == pytest.approx(moment, rel=2e-3)


def test_decay_of_exponential_service_is_known() -> None:
    row = decay_row(1, 1.0)
    found = look_up(stack([row]), np.zeros(1, dtype=np.int64), np.array([0.7]))
    assert found[0] == pytest.approx(1 - 0.7, rel=1e-3)


@pytest.mark.parametrize("cv", [0.0, 0.2, 1.0, 1.7])
def test_service_shape_has_mean_one_and_the_cv(cv: float) -> None:
    floor, scale, weight = (float(part) for part in service_shape(np.array(cv)))
    assert floor + weight * scale == pytest.approx(1)
    second = floor**2 + 2 * floor * weight * scale + weight * 2 * scale**2
    assert math.sqrt(second - 1) == pytest.approx(cv, abs=1e-7)
