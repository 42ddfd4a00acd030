from __future__ import annotations

import numpy as np
import pytest

from infercost.domain.errors import UsageError
from infercost.engine.simulate.arrivals import TrafficSource, counts, draw, even, poisson


def rng():
    return np.random.default_rng(3)


def test_poisson_has_its_rate_and_its_gaps():
    source = poisson(50.0, 2000.0)
    times = source.arrivals_s(rng())
    assert isinstance(source, TrafficSource)
    assert len(times) == pytest.approx(100_000, rel=0.02)
    gaps = np.diff(times)
    assert (gaps >= 0).all()
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.02)
    assert times[-1] < source.duration_s


def test_even():
    assert even(4.0, 1.0).arrivals_s(rng()).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert len(even(0.1, 5.0).arrivals_s(rng())) == 1


def test_counts_are_kept_bin_by_bin():
    source = counts([3, 0, 5], 60.0)
    times = source.arrivals_s(rng())
    assert np.histogram(times, [0, 60, 120, 180])[0].tolist() == [3, 0, 5]
    assert (np.diff(times) >= 0).all()
    assert source.duration_s == 180


def test_reading():
    drawn = draw([1, 2, 2, 5])
    assert drawn.times_s.tolist() == [1.0, 2.0, 2.0, 5.0]
    assert drawn.duration_s == 5.0
    assert draw(counts([0, 0], 30.0)).duration_s == 60.0


@pytest.mark.parametrize(
    ("arrivals", "message"),
    [
        ([], "no arrivals"),
        ([[1.0, 2.0]], "one list"),
        ([-1.0, 2.0], "from 0 on"),
        ([1.0, float("inf")], "from 0 on"),
        ([1.0, float("nan"), 2.0], "NaN"),
        ([1.0, 3.0, 2.0], r"sorted: number 2 \(2 s\)"),
    ],
)
def test_refusals(arrivals, message):
    with pytest.raises(UsageError, match=message):
        draw(arrivals)


@pytest.mark.parametrize(
    "make",
    [
        lambda: poisson(0, 1),
        lambda: poisson(1, -1),
        lambda: even(float("nan"), 1),
        lambda: counts([1.5], 60),
        lambda: counts([-1], 60),
        lambda: counts([1], 0),
    ],
)
def test_impossible_traffic_is_refused(make):
    with pytest.raises(UsageError):
        make()
