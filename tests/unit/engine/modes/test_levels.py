from __future__ import annotations

import pytest

from infercost.domain.errors import UsageError
from infercost.engine.modes.levels import DAY_S, level_of, parse_levels
from infercost.engine.shapes import parse_shape


def test_levels_are_read_once_each_and_ascending():
    assert parse_levels("1M, 100,10k,1e2,2.5k") == (100.0, 2500.0, 10_000.0, 1_000_000.0)
    assert parse_levels("0.1G") == (1e8,)


@pytest.mark.parametrize("text", ["", "ten", "-5", "0", "2G", "10kk", "nan", "inf"])
def test_what_is_no_level_is_said(text):
    with pytest.raises(UsageError, match="--levels 100,10k,1M"):
        parse_levels(text)


@pytest.mark.parametrize("requests", [100.0, 1e4, 1e6])
def test_steady_traffic_has_its_rate_and_enough_requests(requests):
    level = level_of(requests, None, 3)
    assert level.mean_rps == requests / DAY_S
    assert level.steady
    assert level.demand.requests >= 2_800
    assert level.demand.requests / level.demand.duration_s == pytest.approx(level.mean_rps, rel=0.07)


def test_a_shape_keeps_its_proportions_and_is_repeated_until_there_are_enough():
    level = level_of(1000.0, parse_shape("diurnal:peak=20,trough=2"), 0)
    assert not level.steady
    assert level.demand.duration_s == 3 * DAY_S
    assert level.peak_rps / level.mean_rps == pytest.approx(20 / 11, rel=0.02)
    assert level.demand.requests == pytest.approx(3000, rel=0.1)


def test_of_much_traffic_over_days_only_the_first_is_played_at_the_level():
    level = level_of(1e7, parse_shape("weekly:peak=20,trough=2"), 0)
    assert level.demand.duration_s == DAY_S
    assert level.demand.source.mean_rps == pytest.approx(1e7 / DAY_S)
    assert "first day" in level.note


def test_the_same_seed_has_the_same_requests():
    first, second, other = (level_of(1e4, None, seed).demand.drawn().times_s for seed in (1, 1, 2))
    assert first.tolist() == second.tolist()
    assert first.tolist() != other.tolist()
