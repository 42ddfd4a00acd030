"""Two simulations of a serverless pool were written apart from each other: they must find the same."""

from __future__ import annotations

import numpy as np
import pytest

import infercost
from infercost.engine.modes.compiled import compiled_pool
from infercost.engine.modes.pool import COLD, TURNED_AWAY


@pytest.mark.parametrize(("rps", "limit", "keep_alive_s"), [(0.02, 5, 30.0), (5.0, 20, 60.0), (40.0, 6, 10.0)])
def test_cold_starts_and_throttles_are_the_same(rps, limit, keep_alive_s):
    times = infercost.traffic.poisson(rps, 2000.0 if rps > 1 else 100_000.0).arrivals_s(np.random.default_rng(7))
    latency, fates = np.empty(len(times)), np.empty(len(times))
    compiled_pool()(times, np.full(len(times), 0.2), 3.0, keep_alive_s, limit, 0, latency, fates)
    other = infercost.simulate_serverless(times, service=0.2, max_concurrency=limit, keep_alive_s=keep_alive_s, cold_start=3.0)
    assert other.cold_starts == int((fates == COLD).sum()) > 0
    assert other.dropped == int((fates == TURNED_AWAY).sum())
    np.testing.assert_allclose(np.sort(other.sample.latency_s), np.sort(latency[fates != TURNED_AWAY]), atol=1e-9)
