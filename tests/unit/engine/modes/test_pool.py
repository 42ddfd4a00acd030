"""Serverless instances: by hand where a handful of requests tells all, against Erlang B and the formula for many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.erlang import blocking
from infercost.engine.modes.compiled import compiled_pool
from infercost.engine.modes.pool import COLD, PROVISIONED, TURNED_AWAY, WARM, serve_pool
from infercost.engine.serverless import cold_share

FOREVER = 1e12


def served(times, service, *, cold_s=5.0, keep_alive_s=300.0, limit=200, provisioned=0, kernel=serve_pool):
    times = np.array(times, dtype=float)
    service = np.broadcast_to(np.array(service, dtype=float), times.shape).copy()
    latency, fates = np.empty(len(times)), np.empty(len(times))
    peak = kernel(times, service, cold_s, keep_alive_s, limit, provisioned, latency, fates)
    return latency, fates, peak


def test_by_hand():
    # 0 starts cold (done at 6), 1 finds it busy and starts cold (done at 7), 7 finds both free and takes the later one,
    # 7.5 takes the other, and 400 finds that both are gone.
    latency, fates, peak = served([0, 1, 7, 7.5, 400], 1.0)
    assert latency.tolist() == [6, 6, 1, 1, 6]
    assert fates.tolist() == [COLD, COLD, WARM, WARM, COLD]
    assert peak == 2


def test_an_instance_stays_until_it_was_free_for_so_long_and_no_longer():
    _, fates, _ = served([0, 306, 606.9, 907], 1.0, keep_alive_s=300.0)
    assert fates.tolist() == [COLD, WARM, WARM, WARM]
    _, fates, _ = served([0, 306.1], 1.0, keep_alive_s=300.0)
    assert fates.tolist() == [COLD, COLD]


def test_the_one_that_is_used_last_is_used_first_so_that_the_others_age():
    # Two instances; then one request a minute keeps one of them, and the other is gone when two come at once.
    times = [0, 0.5, *range(60, 600, 60), 600, 600.1]
    _, fates, _ = served(times, 1.0, keep_alive_s=300.0)
    assert fates[:2].tolist() == [COLD, COLD]
    assert set(fates[2:-1].tolist()) == {WARM}
    assert fates[-1] == COLD


def test_beyond_the_limit_requests_are_turned_away():
    latency, fates, peak = served([0, 0.1, 0.2, 10], 1.0, limit=2)
    assert fates.tolist() == [COLD, COLD, TURNED_AWAY, WARM]
    assert np.isinf(latency[2])
    assert peak == 2


def test_provisioned_instances_are_warm_from_the_first_request_and_never_go():
    latency, fates, _ = served([0, 0.5, 1000], 1.0, provisioned=1)
    assert fates.tolist() == [PROVISIONED, COLD, PROVISIONED]
    assert latency.tolist() == [1, 6, 1]


@pytest.mark.parametrize(("offered", "limit"), [(0.5, 1), (2.0, 3), (8.0, 10), (20.0, 18)])
def test_who_is_turned_away_is_as_erlang_b_says(offered, limit):
    rng = np.random.default_rng(11)
    requests = 400_000
    times = np.cumsum(rng.exponential(1.0, requests))
    service = rng.exponential(offered, requests)
    _, fates, _ = served(times, service, cold_s=0.0, keep_alive_s=FOREVER, limit=limit, kernel=compiled_pool())
    assert np.mean(fates == TURNED_AWAY) == pytest.approx(blocking(limit, offered), rel=0.03)


@pytest.mark.parametrize(("rps", "service_s"), [(0.001, 0.1), (0.003, 0.1), (0.05, 2.0), (1.0, 1.0)])
def test_cold_starts_are_within_the_formula_s_stated_error(rps, service_s):
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.exponential(1 / rps, 300_000))
    service = rng.exponential(service_s, len(times))
    _, fates, _ = served(times, service, cold_s=0.0, keep_alive_s=300.0, kernel=compiled_pool())
    ratio = cold_share(rps, service_s, 300.0, 200) / np.mean(fates == COLD)
    assert 0.8 <= ratio <= 1.6


def test_rare_requests_start_cold_as_the_exponential_says():
    rng = np.random.default_rng(6)
    times = np.cumsum(rng.exponential(1000.0, 200_000))
    _, fates, _ = served(times, 0.01, cold_s=0.0, keep_alive_s=300.0, kernel=compiled_pool())
    assert np.mean(fates == COLD) == pytest.approx(np.exp(-0.3), rel=0.01)


@given(
    gaps=st.lists(st.floats(0, 400), min_size=1, max_size=60),
    service=st.lists(st.floats(0.01, 50), min_size=60, max_size=60),
    limit=st.integers(1, 6),
    provisioned=st.integers(0, 3),
)
def test_laws(gaps, service, limit, provisioned):
    times, service = np.cumsum(gaps), np.array(service[: len(gaps)])
    provisioned = min(provisioned, limit)
    latency, fates, peak = served(times, service, limit=limit, provisioned=provisioned)
    taken = fates != TURNED_AWAY
    assert np.array_equal(latency[fates == COLD], service[fates == COLD] + 5.0)
    assert np.array_equal(latency[taken & (fates != COLD)], service[taken & (fates != COLD)])
    ends = times + latency
    for k in np.flatnonzero(taken):
        busy = np.count_nonzero(taken[:k] & (ends[:k] > times[k]))
        assert busy < limit
    for k in np.flatnonzero(~taken):
        assert np.count_nonzero(taken[:k] & (ends[:k] > times[k])) == limit
    assert peak <= limit
    compiled = served(times, service, limit=limit, provisioned=provisioned, kernel=compiled_pool())
    assert np.array_equal(compiled[1], fates)
