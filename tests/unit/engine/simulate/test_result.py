from __future__ import annotations

import math

import numpy as np
import pytest

from infercost import simulate, traffic
from infercost.domain.errors import UsageError
from infercost.domain.traffic import Slo
from infercost.engine.simulate.service import exponential


@pytest.fixture(scope="module")
def lossy():
    """1000 requests of 1 s on one replica, two arriving together every 1 s: half are dropped."""
    return simulate(np.repeat(np.arange(500.0) * 2, 2), service=1.0, concurrency_limit=1)


def test_drops_count_as_late(lossy):
    assert lossy.requests == 1000
    assert lossy.dropped == 500
    assert lossy.attainment(1.0) == 0.5
    assert lossy.attainment(0.5) == 0.0
    assert lossy.holds("p50=1s")
    assert not lossy.holds("p90=10s")
    assert not lossy.holds("mean=10s")
    assert lossy.served_mask.sum() == 500


def test_slo_without_drops():
    result = simulate(np.arange(1000.0), service=[0.1, 0.3])
    assert result.served_mask is None
    assert result.holds(Slo.parse("p99=300ms,mean=250ms"))
    assert not result.holds("p99=299ms")
    assert not result.holds("mean=150ms")
    assert result.holds(Slo())


def test_percentiles_are_refused_where_the_sample_is_too_small():
    small = simulate(np.arange(661.0), service=0.1)
    assert small.percentile_s(99) is None
    assert small.summary().latency_s.p99 is None
    assert small.summary().latency_s.p90 == pytest.approx(0.1)
    assert simulate(np.arange(662.0), service=0.1).percentile_s(99) == pytest.approx(0.1)
    with pytest.raises(UsageError, match="between 0 and 100"):
        small.percentile_s(100)


def test_percentiles_are_latencies_that_occurred():
    result = simulate(traffic.poisson(5, 1000), service=exponential(0.3), replicas=3)
    ordered = np.sort(result.latency_s)
    assert result.percentile_s(95) == ordered[math.ceil(0.95 * len(ordered)) - 1]


def test_summary(lossy):
    summary = lossy.summary()
    assert (summary.requests, summary.served, summary.dropped) == (1000, 500, 500)
    assert summary.mean_batch == 1.0
    assert summary.latency_s.mean == summary.latency_s.max == 1.0
    assert summary.wait_s.mean == 0.0
    assert summary.replica_seconds == lossy.end_s == 999.0
    assert summary.idle_seconds == pytest.approx(499.0)
    assert summary.utilization == pytest.approx(500 / 999)


def test_traffic_without_requests_still_costs():
    result = simulate(traffic.counts([0, 0], 60.0), service=1.0, replicas=2)
    assert result.replica_seconds == 240.0
    summary = result.summary()
    assert summary.latency_s.mean is None
    assert summary.mean_batch is None
    assert math.isnan(result.attainment(1.0))
    assert result.holds("p99=1ms")


def test_timeline_columns(lossy):
    line = lossy.timeline
    assert len(line) == len(line.end_s) == len(line.utilization)
    assert line.end_s[-1] == lossy.end_s
    assert line.utilization.max() <= 1.0 + 1e-9
    assert (line.replicas == 1).all()
    np.testing.assert_allclose(line.mean_replicas, 1.0)
