"""Raw latencies survive packing; statistics follow from them."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.profile import LatencyStats, RawLatencies

seconds = st.lists(st.floats(1e-7, 40.0), min_size=1, max_size=300)


@given(seconds)
def test_raw_latencies_come_back_in_order_to_10_ns(values):
    back = RawLatencies.pack(values).seconds()
    assert back == pytest.approx(values, abs=5.1e-9, rel=0)


def test_a_latency_past_the_range_is_kept_at_its_end():
    assert RawLatencies.pack([100.0]).seconds() == pytest.approx([42.94967295])


def test_a_wrong_count_is_noticed():
    packed = RawLatencies.pack([0.1, 0.2])
    forged = RawLatencies(count=3, data=packed.data)
    with pytest.raises(ValueError, match="hold 2 values, header says 3"):
        forged.seconds()


@given(seconds)
def test_statistics_are_those_of_the_sample(values):
    stats = LatencyStats.of(values)
    ms = [v * 1e3 for v in values]
    assert stats.count == len(values)
    assert stats.mean == pytest.approx(statistics.fmean(ms))
    assert stats.min == pytest.approx(min(ms))
    if len(ms) > 1:
        assert stats.cv * stats.mean == pytest.approx(statistics.stdev(ms), rel=1e-6, abs=1e-9)
    assert stats.typical == pytest.approx(min(max(stats.typical, min(ms)), max(ms)))


def test_percentiles_appear_as_the_sample_grows():
    known = [
        tuple(q is not None for q in (s.p50, s.p90, s.p95, s.p99))
        for s in (LatencyStats.of([0.01] * n) for n in (10, 11, 64, 130, 662))
    ]
    assert known == [
        (False, False, False, False),
        (True, False, False, False),
        (True, True, False, False),
        (True, True, True, False),
        (True, True, True, True),
    ]


def test_nothing_measured_is_an_error():
    with pytest.raises(ValueError, match="no latencies"):
        LatencyStats.of([])
