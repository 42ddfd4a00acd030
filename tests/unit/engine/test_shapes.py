from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.shapes import EXAMPLES, is_shape, parse_shape


def rates(text: str, bin_s: float = 60.0) -> np.ndarray:
    return parse_shape(text).expected_counts(bin_s) / bin_s


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_can_be_read(text):
    assert is_shape(text)
    assert parse_shape(text).source == text


@pytest.mark.parametrize(
    ("text", "duration_s", "requests"),
    [
        ("constant:rps=50", 3600, 180_000),
        ("constant:50;for=10s", 10, 500),
        ("Poisson: rate = 3000rpm , duration = 2h", 7200, 360_000),
        ("poisson:2k,for=90", 90, 180_000),
        ("stairs:50,100,200;step=10m", 1800, 210_000),
        ("stairs:1rps,2rps,each=30s", 60, 90),
        ("phases:10@5m,200@2m,10@5m", 720, 30_000),
        ("phases:0@1h;5@1h30m", 9000, 27_000),
        ("diurnal:peak=200,trough=10", 86400, 105 * 86400),
        ("diurnal:200,10,for=2d", 172800, 105 * 172800),
        ("weekly:peak=200,low=10,weekend=1", 604800, 105 * 604800),
        ("weekly:peak=200,trough=10,weekend=0", 604800, 105 * 5 * 86400),
        ("weekly:peak=200,trough=10", 604800, 105 * 6 * 86400),
        ("weekly:peak=200,trough=10,weekend=40%", 604800, 105 * 5.8 * 86400),
    ],
)
def test_length_and_requests(text, duration_s, requests):
    shape = parse_shape(text)
    assert shape.duration_s == pytest.approx(duration_s)
    assert shape.requests == pytest.approx(requests)
    assert shape.expected_counts(37.0).sum() == pytest.approx(requests)


def test_constant_is_equally_spaced_and_poisson_is_not():
    even, random = (
        parse_shape(f"{name}:rps=4,for=5m").arrivals_s(np.random.default_rng(0)) for name in ("constant", "poisson")
    )
    assert even == pytest.approx(np.arange(1200) / 4)
    assert np.diff(random).std() > 0.2


def test_a_day_has_its_peak_and_its_trough():
    day = rates("diurnal:peak=200,trough=10,peak_at=14:00")
    assert day[14 * 60] == pytest.approx(200, rel=1e-4)
    assert day[2 * 60] == pytest.approx(10, rel=1e-2)
    assert day.max() <= 200
    assert day.min() >= 10
    assert rates("diurnal:peak=200,trough=10,peak_at=9:30").argmax() in {9 * 60 + 29, 9 * 60 + 30}


def test_a_week_begins_on_monday():
    week = rates("weekly:peak=200,trough=10,weekend=0.4", 86400)
    assert week == pytest.approx([105] * 5 + [42] * 2)


def test_steps_are_steps():
    assert rates("phases:10@5m,200@90s,10@5m", 30.0)[[9, 10, 12, 13]] == pytest.approx([10, 200, 200, 10])


def test_any_shape_can_be_bursty():
    assert parse_shape("poisson:rps=50,burstiness=3").dispersion == 3
    assert parse_shape("constant:rps=50,burstiness=3").burstiness.startswith("index of dispersion 3")


RATE = st.floats(0.01, 1000)


@given(RATE, RATE, st.integers(0, 23), st.floats(0, 2))
def test_a_wave_is_never_negative_nor_above_its_peak(a, b, hour, weekend):
    peak, trough = max(a, b), min(a, b)
    rate = rates(f"weekly:peak={peak:.6f},trough={trough:.6f},peak_at={hour:02d}:00,weekend={weekend:.6f}")
    assert rate.min() >= 0
    assert rate.max() <= peak * max(1, weekend) * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("diurnel:peak=3", "unknown traffic shape 'diurnel'; did you mean diurnal"),
        ("diurnal:peak=3,thruogh=1", "unknown figure of diurnal 'thruogh'; did you mean trough"),
        ("diurnal:peak=3,trough=1,weekend=1", "unknown figure of diurnal 'weekend'"),
        ("diurnal:peak=3", "trough is missing; write it like diurnal:"),
        ("diurnal:peak=1,trough=3", "peak must be above 0 and not below trough"),
        ("diurnal:peak=0,trough=0", "peak must be above 0"),
        ("diurnal:peak=3,trough=1,peak_at=25:00", "peak_at must be a time of the day, got '25:00'"),
        ("weekly:peak=3,trough=1,weekend=few", "weekend must be a number, got 'few'"),
        ("weekly:peak=3,trough=1,weekend=-1", "weekend must not be negative"),
        ("poisson:", "rps is missing; write it like poisson:rps=50"),
        ("poisson:rps=0", "the rate must be above 0"),
        ("poisson:rps=-4", "cannot read the rate '-4'"),
        ("poisson:rps=5e9", "above 10,000,000 requests a second"),
        ("poisson:rps=5,for=0", "not between 0 and 366 days"),
        ("poisson:rps=5,for=9y", "cannot read the time '9y'; write it like 10m"),
        ("poisson:rps=5,rate=6", "rps is there twice"),
        ("poisson:5,6", "'6' has no name"),
        ("stairs:", "a rate above 0 is missing"),
        ("stairs:0,0", "a rate above 0 is missing"),
        ("phases:10", "'10' has no length"),
        ("phases:0@5m", "a rate above 0 is missing"),
        ("phases:1@300d,1@300d", "longer than 366 days"),
        ("poisson:5,burstiness=0.5", "the burstiness must be at least 1"),
        ("nothing", "write a file's path or a shape such as diurnal"),
    ],
)
def test_refusals_name_the_nearest_and_an_example(text, message):
    with pytest.raises(UsageError, match=message):
        parse_shape(text)


def test_an_unknown_shape_has_its_own_error():
    with pytest.raises(UnknownNameError) as caught:
        parse_shape("stair:1,2")
    assert caught.value.suggestions[0] == "stairs"


@pytest.mark.parametrize("text", ["C:\\logs\\access.log", "s3://bucket/t.csv", "logs/access.log", "50", "a:b"])
def test_paths_are_no_shapes(text):
    assert not is_shape(text)
