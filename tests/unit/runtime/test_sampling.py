from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.statistics import min_samples
from infercost.runtime.sampling import median_interval, settled, target_samples


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
