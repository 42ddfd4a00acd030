"""Percentiles that a sample supports."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.statistics import allowed_above, min_samples, percentile, percentile_bound, supported_percentile


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


@pytest.mark.parametrize(("count", "q", "allowed"), [(458, 99, -1), (459, 99, 0), (661, 99, 0), (662, 99, 1), (64, 90, 1)])
def test_allowed_exceptions_are_those_of_early_stopping(count, q, allowed):
    assert allowed_above(count, q) == allowed


@given(st.integers(1, 400), st.sampled_from([50.0, 90.0, 95.0, 99.0]))
def test_the_allowed_are_the_most_that_chance_would_hardly_give(count, q):
    def at_most(t: int) -> float:
        p = q / 100
        return math.fsum(math.comb(count, k) * (1 - p) ** k * p ** (count - k) for k in range(t + 1))

    allowed = allowed_above(count, q)
    assert allowed < 0 or at_most(allowed) <= 0.01 + 1e-12
    assert at_most(allowed + 1) > 0.01 - 1e-12


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.sampled_from([50.0, 90.0]))
def test_a_bound_lies_at_or_above_the_percentile_that_the_sample_supports(values, q):
    ordered = sorted(values)
    bound = percentile_bound(ordered, q)
    assert (bound is None) == (supported_percentile(ordered, q) is None)
    assert bound is None or bound >= percentile(ordered, q)


def test_a_long_sample_needs_no_small_numbers():
    assert allowed_above(200_000, 99) > 1800
