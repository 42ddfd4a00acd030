from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.burstiness import dispersion, dispersion_within, modulate, place, split

SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.lists(st.integers(0, 300), min_size=1, max_size=30)


def edges(widths):
    return np.concatenate([[0.0], np.cumsum(widths)])


@given(COUNTS, st.floats(0.1, 4000), SEEDS)
def test_placed_requests_are_sorted_and_in_their_bins(counts, width, seed):
    numbers, ends = np.array(counts), edges([width] * len(counts))
    times = place(numbers, ends, np.random.default_rng(seed))
    assert (np.diff(times) >= 0).all()
    assert np.histogram(times, ends)[0].tolist() == counts


def test_placing_many_at_a_time_keeps_bins_apart():
    counts = np.array([0, 200_000, 3, 0, 150_000, 1])
    times = place(counts, edges([1.0, 2.0, 0.5, 9.0, 1.0, 1.0]), np.random.default_rng(1))
    assert np.histogram(times, edges([1.0, 2.0, 0.5, 9.0, 1.0, 1.0]))[0].tolist() == counts.tolist()
    assert (np.diff(times) >= 0).all()


def test_placed_requests_are_uniform():
    times = place(np.array([200_000]), np.array([0.0, 1.0]), np.random.default_rng(2))
    assert np.abs(times - np.linspace(0, 1, len(times))).max() < 0.005  # Kolmogorov-Smirnov: 0.1 % at 0.0044
    gaps = np.diff(times)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.02)


@given(COUNTS, st.floats(1.01, 1000), st.sampled_from([20.0, 60.0, 300.0]), SEEDS)
def test_bursts_keep_the_count_of_their_bin(counts, index, width, seed):
    ends = edges([width] * len(counts))
    found, cuts = split(np.array(counts), ends, index, 10.0, np.random.default_rng(seed))
    assert len(cuts) == len(found) + 1
    assert (np.diff(cuts) > 0).all()
    assert (found >= 0).all()
    assert found.reshape(len(counts), -1).sum(axis=1).tolist() == counts


@pytest.mark.parametrize("index", [1.2, 3.0, 26.0])
def test_bursts_have_the_index_that_was_asked_for(index):
    counts, ends = np.full(4000, 3000), edges([60.0] * 4000)
    seconds = np.bincount(
        place(*split(counts, ends, index, 10.0, np.random.default_rng(3)), np.random.default_rng(4)).astype(int)
    )
    assert dispersion_within(seconds.astype(float), 60) == pytest.approx(index, rel=0.03)


def test_bursts_of_rates_have_the_index_that_was_asked_for():
    expected, ends = np.full(4000, 3000.0), edges([60.0] * 4000)
    found, cuts = modulate(expected, ends, 5.0, 10.0, np.random.default_rng(3))
    seconds = np.bincount(place(found, cuts, np.random.default_rng(4)).astype(int), minlength=240_000).astype(float)
    assert dispersion(seconds) == pytest.approx(5, rel=0.03)
    assert found.sum() == pytest.approx(12e6, rel=0.005)


def test_what_cannot_be_so_bursty_comes_at_once():
    found, _ = split(np.array([5, 0, 7]), edges([60.0] * 3), 1e6, 10.0, np.random.default_rng(0))
    assert sorted(found[found > 0].tolist()) == [5, 7]


def test_bins_of_different_lengths_are_cut_into_bursts_of_about_one():
    found, cuts = split(np.array([100, 100]), np.array([0.0, 30.0, 34.0]), 2.0, 10.0, np.random.default_rng(0))
    assert cuts.tolist() == [0, 10, 20, 30, 34]
    assert found[3] == 100


def test_dispersion():
    poisson = np.random.default_rng(0).poisson(50, 100_000).astype(float)
    assert dispersion(poisson) == pytest.approx(1, abs=0.03)
    assert dispersion_within(poisson, 60) == pytest.approx(1, abs=0.03)
    waves = np.random.default_rng(0).poisson(np.repeat([20.0, 200.0] * 50, 60)).astype(float)
    assert dispersion_within(waves, 60) == pytest.approx(1, abs=0.1)
    assert dispersion(waves) > 50
    assert dispersion(np.zeros(5)) is None
    assert dispersion(np.ones(1)) is None
    assert dispersion_within(np.ones(59), 60) is None
