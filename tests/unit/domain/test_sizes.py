from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.domain.sizes import Sizes, nodes, parse_sizes, place

weights = st.dictionaries(st.integers(1, 5000), st.floats(1e-3, 10.0), min_size=1, max_size=60)
sizes = st.builds(lambda w: Sizes.of("seq", "some", w), weights)


@given(sizes)
def test_shares_sum_to_one_and_sizes_ascend(some: Sizes) -> None:
    assert math.isclose(sum(some.shares), 1.0)
    assert list(some.values) == sorted(set(some.values))
    assert some.values[0] <= some.mean + 1e-9 <= some.longest + 1e-6


@given(sizes, st.integers(1, 64))
def test_the_longest_of_more_requests_is_no_shorter(some: Sizes, batch: int) -> None:
    assert math.isclose(sum(some.of_longest(batch)), 1.0)
    assert some.padding(batch) >= some.padding(max(1, batch // 2)) - 1e-9
    assert math.isclose(some.padding(1), 1.0)


@given(sizes, st.integers(1, 32), st.floats(0, 1e-3), st.floats(0, 10))
def test_weights_reproduce_the_mean_of_any_straight_line(some: Sizes, batch: int, slope: float, fixed: float) -> None:
    measured = nodes(some, 5)
    weight = some.weights(measured, batch)
    assert math.isclose(sum(weight), 1.0)
    by_weights = sum(w * (fixed + slope * size) for w, size in zip(weight, measured, strict=True))
    exact = sum(s * (fixed + slope * v) for v, s in zip(some.values, some.of_longest(batch), strict=True))
    assert math.isclose(by_weights, exact, rel_tol=1e-9, abs_tol=1e-9)


@given(sizes, st.integers(2, 8))
def test_the_ends_are_among_the_sizes_that_are_measured(some: Sizes, most: int) -> None:
    chosen = nodes(some, most)
    assert len(chosen) <= most
    assert set(chosen) <= set(some.values)
    assert (chosen[0], chosen[-1]) == (some.values[0], some.longest)


def test_the_sizes_chosen_are_the_best_of_all_choices() -> None:
    some = Sizes.of("seq", "some", {1: 5, 2: 1, 10: 1, 40: 3, 41: 3, 90: 1, 100: 1})
    weight = [(a + b) / 2 for a, b in zip(some.shares, some.of_longest(16), strict=True)]

    def error(chosen: tuple[int, ...]) -> float:
        total = 0.0
        for value, share in zip(some.values, weight, strict=True):
            low, part = place(value, chosen)
            a, b = chosen[low], chosen[min(low + 1, len(chosen) - 1)]
            total += share * (part * b * b + (1 - part) * a * a - value * value)
        return total

    every = [(1, a, b, 100) for i, a in enumerate(some.values[1:-1]) for b in some.values[1:-1][i + 1 :]]
    assert math.isclose(error(nodes(some, 4)), min(map(error, every)))


@pytest.mark.parametrize("text", ["lognormal:mean=64,p99=384", "lognormal:mean=128,cv=0.6,max=512", "uniform:low=16,high=512"])
@pytest.mark.parametrize("batch", [1, 4, 16])
def test_five_sizes_follow_a_transformer_within_two_percent_and_from_above(text: str, batch: int) -> None:
    some = parse_sizes("seq", text)
    measured = nodes(some, 5)

    def cost(size: int) -> float:
        return 1 + 0.01 * size * (1 + size / 1000)

    by_weights = sum(w * cost(size) for w, size in zip(some.weights(measured, batch), measured, strict=True))
    exact = sum(s * cost(v) for v, s in zip(some.values, some.of_longest(batch), strict=True))
    assert exact <= by_weights * (1 + 1e-9) <= 1.02 * exact


@given(st.floats(16, 500), st.floats(1.2, 10))
def test_a_lognormal_has_the_mean_and_the_percentile_it_was_asked_for(mean: float, ratio: float) -> None:
    some = parse_sizes("seq", f"lognormal:mean={mean},p99={mean * ratio}")
    assert math.isclose(some.mean, mean, rel_tol=0.02, abs_tol=0.5)
    below = sum(s for v, s in zip(some.values, some.shares, strict=True) if v <= mean * ratio + 1)
    assert 0.975 <= below <= 1.0


@pytest.mark.parametrize(
    ("text", "mean", "longest"),
    [
        ("lognormal:p50=100,p90=200", 115.7, None),
        ("lognormal:mean=100,cv=0", 100, 100),
        ("lognormal:mean=100,cv=0.5,max=128", None, 128),
        ("uniform:low=10,high=20", 15, 20),
        ("uniform:low=7,high=7", 7, 7),
        ("choice:16=3,128=1", 44, 128),
        ("choice:1-9=1", 5, 9),
        ("choice:100=1,max=64", 64, 64),
    ],
)
def test_every_form_is_read(text: str, mean: float | None, longest: int | None) -> None:
    some = parse_sizes("seq", text)
    assert (some.dim, some.given) == ("seq", text)
    assert mean is None or math.isclose(some.mean, mean, rel_tol=0.02)
    assert longest is None or some.longest == longest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "128",
        "normal:mean=3,p99=9",
        "lognormal:",
        "lognormal:mean=64",
        "lognormal:mean=64,p50=60,p99=99",
        "lognormal:mean=64,p99=one",
        "lognormal:mean=64,p99=32",
        "lognormal:mean=64,p99=6400",
        "lognormal:mean=0,p99=5",
        "lognormal:mean=64,p40=70",
        "lognormal:mean=64,mean=65,p99=99",
        "uniform:low=9,high=3",
        "uniform:low=9",
        "uniform:low=x,high=9",
        "choice:0=1",
        "choice:5=0",
        "choice:5=inf",
        "choice:5=1,max=0",
        "choice:4000000000=1",
    ],
)
def test_what_is_no_distribution_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sizes("seq", text)
    assert "\n" not in str(caught.value)
    assert "seq" in str(caught.value)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=2000))
def test_a_sample_keeps_its_mean_when_it_is_thinned(sample: list[int]) -> None:
    some = Sizes.of_sample("seq", "column", sample)
    assert len(some.values) <= 200
    assert math.isclose(some.mean, sum(sample) / len(sample), rel_tol=1e-6, abs_tol=0.51)


@given(sizes, st.integers(1, 6000))
def test_a_limit_cuts_and_never_drops(some: Sizes, limit: int) -> None:
    cut = some.capped(limit)
    assert cut.longest <= max(limit, 1)
    assert math.isclose(sum(cut.shares), 1.0)
    assert some.capped(some.longest + limit - 1) == some
