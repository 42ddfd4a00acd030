from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.latency import LatencyStats
from infercost.runtime.bootstrap import block_length, intervals, tails


@given(st.lists(st.floats(1e-6, 10), min_size=5, max_size=150))
def test_intervals_are_of_what_the_sample_supports_and_within_its_range(seconds: list[float]) -> None:
    bands = intervals(seconds, resamples=50)
    stats = LatencyStats.of(seconds)
    assert bands[0].metric == "mean"
    assert {b.metric for b in bands[1:]} == {f"p{q}" for q in (50, 90, 95, 99) if getattr(stats, f"p{q}") is not None}
    low, high = min(seconds) * 1e3, max(seconds) * 1e3
    assert all(low * (1 - 1e-9) <= b.low <= b.high <= high * (1 + 1e-9) for b in bands)


def test_the_same_sample_gives_the_same_intervals() -> None:
    rng = random.Random(0)
    sample = [rng.lognormvariate(0, 0.3) for _ in range(300)]
    assert intervals(sample) == intervals(sample)


def test_too_few_say_nothing() -> None:
    assert intervals([1.0] * 4) == ()


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(150):
        mean = next(b for b in intervals(rng.exponential(1.0, 200), resamples=200) if b.metric == "mean")
        hits += mean.low <= 1000 <= mean.high
    assert hits / 150 >= 0.85


def test_latencies_that_hang_together_are_drawn_together_and_make_the_interval_wider() -> None:
    rng = np.random.default_rng(0)
    alone = rng.normal(10, 1, 1000)
    slow = np.repeat(rng.normal(10, 1, 20), 50)
    assert block_length(slow) > 3 * block_length(alone)
    widths = [next(b.high - b.low for b in intervals(sample) if b.metric == "mean") for sample in (alone, slow)]
    assert widths[1] > 3 * widths[0]


def test_a_constant_sample_is_certain() -> None:
    assert all(b.low == b.high == 1000 for b in intervals([1.0] * 100))
    assert block_length(np.ones(100)) == 5


def test_tails_are_what_the_sample_can_bound() -> None:
    assert [t.metric for t in tails([1.0] * 63)] == []
    assert [t.metric for t in tails([1.0] * 130)] == ["p90", "p95"]
    (p90, p95, p99) = tails([float(n) for n in range(1, 663)])
    assert (p90.metric, p95.metric, p99.metric) == ("p90", "p95", "p99")
    assert p99.bound == 662_000
    assert p90.bound < p95.bound < p99.bound
