from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.statistics import min_samples
from infercost.runtime.sampling import MAX_SAMPLES, median_interval, need, settled, target_samples, windows_agree


@given(samples=st.lists(st.floats(1e-6, 10), min_size=1, max_size=200))
def test_the_interval_holds_the_median(samples: list[float]) -> None:
    low, middle, high = median_interval(samples)
    assert low <= middle <= high
    assert {low, middle, high} <= set(samples)


def test_the_interval_covers_the_true_median_as_often_as_it_says() -> None:
    rng = random.Random(0)
    hits = 0
    for _ in range(400):
        low, _, high = median_interval([rng.lognormvariate(0, 0.5) for _ in range(60)])
        hits += low <= 1.0 <= high
    assert hits / 400 >= 0.93


def test_a_constant_sample_settles_once_it_is_large_enough() -> None:
    needed = min_samples(50)
    assert not settled([1.0] * (needed - 1))
    assert settled([1.0] * needed)


def test_scatter_does_not_settle() -> None:
    rng = random.Random(0)
    assert not settled([rng.uniform(1, 2) for _ in range(100)])


def test_drift_does_not_settle_however_tight_each_half() -> None:
    assert not settled([1.0] * 400 + [1.1] * 401)


def test_outliers_do_not_unsettle_a_median() -> None:
    assert settled(([1.0] * 19 + [50.0]) * 20)


def test_a_clock_too_coarse_for_the_model_settles() -> None:
    assert settled([0.0] * 50)


@pytest.mark.parametrize(("typical", "percentile"), [(1e-4, 99), (1e-2, 95), (2e-2, 90), (1.0, 50)])
def test_the_sample_aimed_at_is_the_largest_that_fits(typical: float, percentile: float) -> None:
    assert target_samples(typical, 2.0) == min_samples(percentile)


def test_the_time_goes_to_the_least_certain() -> None:
    rng = random.Random(0)
    empty, scattered = [], [rng.uniform(1, 2) for _ in range(50)]
    more_scattered = [rng.uniform(1, 9) for _ in range(50)]
    steady, done = [1.0] * 50, [1.0] * 200
    needs = [need(sample, target=100) for sample in (empty, more_scattered, scattered, steady, done)]
    assert needs == sorted(needs, reverse=True)
    assert needs[2] > 1 > needs[3] > needs[4] == 0


@given(samples=st.lists(st.floats(1e-6, 10), min_size=11, max_size=200), target=st.integers(11, 200))
def test_what_is_settled_and_large_enough_needs_nothing_and_what_is_not_does(samples: list[float], target: int) -> None:
    wanted = need(samples, target=target)
    assert wanted >= 0
    if settled(samples):
        assert wanted <= 1
        assert (wanted == 0) == (len(samples) >= target)
    else:
        assert wanted > 1


def test_a_full_sample_needs_no_more() -> None:
    rng = random.Random(0)
    assert need([rng.uniform(1, 9) for _ in range(MAX_SAMPLES)], target=662) == 0


def test_windows_agree_when_the_end_holds_still_whatever_the_beginning_did() -> None:
    assert windows_agree([9.0] * 40 + [1.0] * 60)
    assert not windows_agree([1.0] * 80 + [2.0] * 20)
    assert not windows_agree([1.0] * 8), "too few for three windows"
    assert windows_agree([1.0] * 9)
    assert not windows_agree([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 1.5, 1.5])
