"""Percentiles that a sample supports."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.statistics import min_samples, percentile, supported_percentile


@pytest.mark.parametrize(("q", "n"), [(50, 11), (90, 64), (95, 130), (99, 662)])
def test_sample_sizes_are_those_of_mlperf_early_stopping(q, n):
    assert min_samples(q) == n


@given(st.floats(50, 99.5), st.floats(50, 99.5))
def test_a_higher_percentile_never_needs_fewer_samples(a, b):
    low, high = sorted((a, b))
    assert min_samples(low) <= min_samples(high)


@given(st.floats(50, 99.5))
def test_the_size_is_the_smallest_that_holds(q):
    def miss(n: int) -> float:
        p = q / 100
        return p**n + n * (1 - p) * p ** (n - 1)

    n = min_samples(q)
    assert miss(n) <= 0.01
    assert n == 2 or miss(n - 1) > 0.01


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_an_observed_value_with_enough_at_or_below(values, q):
    ordered = sorted(values)
    value = percentile(ordered, q)
    assert value in values
    assert sum(v <= value for v in ordered) >= math.floor(q / 100 * len(ordered))


def test_a_small_sample_claims_no_tail():
    assert supported_percentile(range(661), 99) is None
    assert supported_percentile(range(662), 99) == 655


def test_an_empty_sample_has_no_percentile():
    with pytest.raises(ValueError, match="empty"):
        percentile([], 50)
