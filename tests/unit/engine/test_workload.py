from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.domain.workload import Trace
from infercost.engine.burstiness import dispersion_within
from infercost.engine.request_classes import RequestClasses
from infercost.engine.shapes import parse_shape
from infercost.engine.simulate.arrivals import TrafficSource
from infercost.engine.workload import Workload

MONDAY = "2026-08-03T00:00:00Z"
SEEDS = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def counted(counts, bin_s: float = 60.0, **more) -> Workload:
    return Workload.from_trace(Trace(source="t.csv", counts=np.array(counts, dtype=float), bin_s=bin_s, **more))


def timed(times, duration_s: float | None = None, **more) -> Workload:
    end = float(np.floor(times[-1]) + 1) if duration_s is None else duration_s
    return Workload.from_trace(Trace(source="t.csv", times_s=np.array(times, dtype=float), duration_s=end, **more))


def seconds(workload: Workload, seed: int = 0) -> np.ndarray:
    times = workload.arrivals_s(rng(seed))
    return np.bincount(times.astype(int), minlength=int(workload.duration_s)).astype(float)


COUNTS = st.lists(st.integers(0, 500), min_size=1, max_size=40).filter(any)
BINS = st.sampled_from([1.0, 5.0, 60.0, 300.0, 1800.0])
TIMES = st.lists(st.floats(0, 500), min_size=1, max_size=80).map(sorted)


@given(COUNTS, BINS, SEEDS)
def test_counts_are_kept_and_times_sorted(counts, bin_s, seed):
    load = counted(counts, bin_s)
    times = load.arrivals_s(rng(seed))
    assert isinstance(load, TrafficSource)
    assert (np.diff(times) >= 0).all()
    assert load.duration_s == pytest.approx(bin_s * len(counts))
    assert np.histogram(times, np.arange(len(counts) + 1) * bin_s)[0].tolist() == counts
    assert load.expected_counts(bin_s) == pytest.approx(counts)
    assert load.requests == sum(counts)


@given(TIMES, SEEDS)
def test_recorded_times_are_replayed(times, seed):
    load = timed(times)
    assert load.arrivals_s(rng(seed)).tolist() == times
    assert load.expected_counts(7.0).sum() == pytest.approx(len(times))


def any_load(counts, bin_s, seed) -> list[Workload]:
    drawn = np.sort(rng(seed).random(sum(counts) + 1) * 200)
    return [counted(counts, bin_s), timed(drawn, 200.0), parse_shape("phases:3@1m,9@90s"), parse_shape("constant:7,for=80s")]


@given(COUNTS, BINS, st.floats(0.01, 20), SEEDS)
@settings(max_examples=40)
def test_scaling_scales_every_expectation(counts, bin_s, factor, seed):
    for load in any_load(counts, bin_s, seed):
        scaled = load.scaled(factor)
        assert scaled.duration_s == load.duration_s
        assert scaled.requests == pytest.approx(load.requests * factor)
        assert scaled.expected_counts(60.0) == pytest.approx(load.expected_counts(60.0) * factor)
        times = scaled.arrivals_s(rng(seed))
        assert (np.diff(times) >= 0).all()
        assert len(times) == 0 or (times[0] >= 0 and times[-1] < load.duration_s)


@given(COUNTS, st.sampled_from([60.0, 300.0]), st.integers(2, 30), SEEDS)
def test_counts_of_minutes_are_multiplied_exactly(counts, bin_s, factor, seed):
    times = counted(counts, bin_s).scaled(factor).arrivals_s(rng(seed))
    edges = np.arange(len(counts) + 1) * bin_s
    assert np.histogram(times, edges)[0].tolist() == [factor * count for count in counts]


@given(COUNTS, BINS, st.floats(0.1, 5), st.floats(0.1, 5), SEEDS)
@settings(max_examples=30)
def test_scaling_twice_is_scaling_once(counts, bin_s, first, second, seed):
    for load in any_load(counts, bin_s, seed):
        assert load.scaled(first).scaled(second).requests == pytest.approx(load.scaled(first * second).requests)


@given(COUNTS, BINS, st.floats(0.5, 2000), SEEDS)
@settings(max_examples=30)
def test_at_peak_has_that_peak(counts, bin_s, peak, seed):
    for load in any_load(counts, bin_s, seed):
        assert load.at_peak(peak).peak_rps == pytest.approx(peak)


@given(COUNTS, BINS, st.floats(0, 1), st.floats(0.01, 1), SEEDS)
@settings(max_examples=40)
def test_clipping_parts_the_traffic(counts, bin_s, at, scale, seed):
    for load in any_load(counts, bin_s, seed):
        cut = load.duration_s * min(max(at, 0.01), 0.99)
        before, after = load.clipped(0, cut), load.clipped(cut, float("inf"))
        assert before.duration_s + after.duration_s == pytest.approx(load.duration_s)
        assert before.requests + after.requests == pytest.approx(load.requests)
        thinned = load.scaled(scale).clipped(0, cut)
        assert thinned.requests == pytest.approx(before.requests * scale)


@given(COUNTS, BINS, st.integers(1, 4), SEEDS)
@settings(max_examples=30)
def test_repeating_repeats(counts, bin_s, times, seed):
    for load in any_load(counts, bin_s, seed):
        again = load.repeated(times)
        assert again.duration_s == pytest.approx(times * load.duration_s)
        assert again.requests == pytest.approx(times * load.requests)
        assert again.clipped(load.duration_s * (times - 1), np.inf).requests == pytest.approx(load.requests, rel=1e-6, abs=1.5)
        assert (np.diff(again.arrivals_s(rng(seed))) >= 0).all()


@given(COUNTS, st.sampled_from([60.0, 1800.0]), st.sampled_from([1.0, 3.5, 26.0]), SEEDS)
@settings(max_examples=30)
def test_the_same_seed_gives_the_same_requests(counts, bin_s, index, seed):
    for load in any_load(counts, bin_s, seed):
        bursty = load.bursty(index, 1.0).scaled(0.7)
        assert bursty.arrivals_s(rng(seed)).tolist() == bursty.arrivals_s(rng(seed)).tolist()
        assert (np.diff(bursty.arrivals_s(rng(seed))) >= 0).all()


@given(COUNTS, st.sampled_from([60.0, 300.0]), st.floats(1, 50), SEEDS)
def test_bursts_keep_the_counts(counts, bin_s, index, seed):
    times = counted(counts, bin_s).bursty(index).arrivals_s(rng(seed))
    assert np.histogram(times, np.arange(len(counts) + 1) * bin_s)[0].tolist() == counts


@pytest.mark.parametrize("factor", [0.2, 0.5, 3.0])
def test_bursts_scale_with_the_traffic(factor):
    rates = rng(1).gamma(20, 2, 6000)  # D = 1 + 40 / 20 = 3
    recorded = counted(rng(2).poisson(np.repeat(rates, 10)), 1.0)
    assert recorded.dispersion == pytest.approx(3, rel=0.1)
    scaled = recorded.scaled(factor)
    assert scaled.dispersion == pytest.approx(1 + factor * (recorded.dispersion - 1))
    assert dispersion_within(seconds(scaled), 60) == pytest.approx(scaled.dispersion, rel=0.05)


def test_chance_is_not_multiplied():
    sparse = timed(np.sort(rng(1).random(4000)) * 8000, 8000.0)
    assert sparse.dispersion == pytest.approx(1, abs=0.05)
    assert dispersion_within(seconds(sparse.scaled(100)), 60) == pytest.approx(1, abs=5)


def test_facts():
    load = counted([60, 600, 120], start=MONDAY, notes=("said",))
    assert (load.requests, load.duration_s, load.mean_rps, load.peak_rps) == (780, 180, pytest.approx(780 / 180), 10)
    assert load.peak() == (60, 10)
    assert load.notes == ("said",)
    assert load.clipped(90, 150).starts_at == "2026-08-03T00:01:30Z"
    assert load.clipped(90, 150).requests == pytest.approx(360)
    assert load.clipped(90, 1e9).source == "t.csv, 90 s to 3 minutes"
    assert load.scaled(2.5).repeated(2).source == "t.csv, scaled 2.5 times, 2 times over"
    assert load.scaled(1) is load
    assert load.repeated(1) is load


def test_the_peak_of_long_bins_is_that_of_a_bin():
    assert counted([300, 900], 300.0).peak() == (300, 3)
    assert timed([0.5, 1.5, 2.5], 3.0).peak_rps == 1


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (counted([5, 6]), "Poisson within each minute (assumed: the file has nothing finer)"),
        (counted([5, 6], 300.0), "Poisson within each 5 minutes (assumed: the file has nothing finer)"),
        (counted([5, 6], 3600.0), "Poisson within each hour (assumed: the file has nothing finer)"),
        (counted([5, 6]).bursty(2.5),
         "index of dispersion 2.5 at one second (given), in bursts of 10 s; each minute's count kept"),
        (counted([5, 6]).bursty(2.5, 20).scaled(2),
         "index of dispersion 4 at one second (given), in bursts of 20 s; each minute's count kept"),
        (counted([5, 6], 1.0), "each second's count as recorded, Poisson within it"),
        (counted([1, 1] * 60, 1.0),
         "each second's count as recorded, Poisson within it; index of dispersion 0 at one second within minutes (measured)"),
        (timed([0.5]), "single requests as recorded"),
        (timed([0.5, 119.5]),
         "single requests as recorded, index of dispersion 1 at one second within minutes (measured)"),
        (parse_shape("poisson:5"), "Poisson given the rate"),
        (parse_shape("constant:5"), "equally spaced"),
        (parse_shape("poisson:5,burstiness=3"),
         "index of dispersion 3 at one second (given), in bursts of 10 s; Poisson given the rate"),
    ],
)  # fmt: skip
def test_burstiness_in_words(load, words):
    assert load.burstiness == words


def test_a_given_burstiness_replaces_what_is_recorded_below_a_minute():
    load = counted([1, 9] * 90, 1.0).bursty(4.0)
    assert load.notes == ("the burstiness that was given replaces what the record has below a minute",)
    assert load.expected_counts(60.0) == pytest.approx([300, 300, 300])


def test_work():
    sizes = np.array([0.5, 0.5, 2.0])
    load = timed([0.5, 1.5, 2.5], work=sizes)
    assert load.varies
    assert load.work(rng(), 3).tolist() == [0.5, 0.5, 2.0]
    assert set(load.scaled(5).work(rng(), 100).tolist()) == {0.5, 2.0}
    assert set(load.scaled(0.5).work(rng(), 100).tolist()) == {0.5, 2.0}
    assert load.repeated(2).work(rng(), 6).tolist() == [0.5, 0.5, 2.0] * 2
    assert load.clipped(1, 3).work(rng(), 2).tolist() == [0.4, 1.6]
    plain = counted([5])
    assert not plain.varies
    assert plain.work(rng(), 3) is None
    assert timed([0.5, 1.5], work=np.array([0.0, 2.0])).work(rng(), 2).min() > 0
    assert set(plain.with_classes(RequestClasses.parse("a=1x1,b=1x3")).work(rng(), 100).tolist()) == {0.5, 1.5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda load: load.scaled(0), "scaled by a number above 0"),
        (lambda load: load.scaled(float("nan")), "try --scale 10x"),
        (lambda load: load.at_peak(-1), "try --peak 500rps"),
        (lambda load: load.clipped(200, 300), "not within the 3 minutes of the traffic; try --clip"),
        (lambda load: load.clipped(60, 60), "not within"),
        (lambda load: load.repeated(0), "try --repeat 2"),
        (lambda load: load.repeated(10**9), "longer than 20 years"),
        (lambda load: load.bursty(0.5), "at least 1, which is Poisson"),
        (lambda load: load.bursty(2, 40), "at most half a bin"),
        (lambda load: load.bursty(2, 0.5), "at least 1s"),
        (lambda load: load.expected_counts(0), "longer than 0 seconds"),
        (lambda load: counted([0, 0]).at_peak(5), "no requests to scale"),
        (lambda load: Workload.from_trace(Trace(source="t.csv")), "neither times nor counts"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(UsageError, match=message):
        change(counted([60, 600, 120]))


@pytest.mark.parametrize(
    ("start_s", "end_s", "said"),
    [
        (36000.0, 72000.0, "10 h to 20 h is not within the 5 minutes"),
        (600.0, float("inf"), "from 10 minutes on is not within"),
    ],
)
def test_a_clip_outside_names_what_was_asked_and_one_that_works(start_s, end_s, said):
    short = parse_shape("constant:rps=5,for=5m")
    with pytest.raises(UsageError, match=said) as caught:
        short.clipped(start_s, end_s)
    assert str(caught.value).endswith("--clip 0s..300s")
    assert short.clipped(0.0, 300.0).duration_s == 300
