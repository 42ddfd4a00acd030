"""The kernels, compiled and not, against a plain simulator and each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.engine.simulate import autoscalers, compiled, simulation
from infercost.engine.simulate.central import serve_central
from infercost.engine.simulate.limited import serve_limited
from infercost.engine.simulate.routed import serve_routed
from infercost.engine.simulate.service import affine, empirical, exponential, lognormal
from infercost.engine.simulate.simulation import simulate
from infercost.engine.simulate.variates import draw, uniform

QUARTERS = st.lists(st.integers(0, 40), min_size=1, max_size=40).map(lambda ts: sorted(t / 4 for t in ts))
"""Arrivals with many ties, on a grid that floats hold exactly."""


@pytest.fixture
def uncompiled(monkeypatch):
    """Run the kernels as plain Python."""
    kernels = {"central": serve_central, "limited": serve_limited, "routed": serve_routed}

    def plain(name):
        def run(*arguments):
            with np.errstate(over="ignore"):
                return kernels[name](*arguments)

        return run

    monkeypatch.setattr(simulation, "compiled", plain)
    assert simulation.compiled is not compiled.compiled


def assert_same(result, expected):
    wait, latency, sizes = expected
    served = ~np.isnan(latency)
    assert result.dropped == int((~served).sum())
    np.testing.assert_allclose(result.wait_s, wait[served], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(result.latency_s, latency[served], rtol=1e-12, atol=1e-12)
    assert result.batch_sizes.tolist() == sizes


@settings(max_examples=150, deadline=None)
@given(QUARTERS, st.integers(1, 4), st.integers(1, 5), st.sampled_from([0.0, 0.25, 1.0, 3.5]), st.sampled_from([0.5, 1.25]))
def test_one_queue_is_exact(reference, arrivals, replicas, max_batch, max_delay, s0):
    result = simulate(arrivals, service=affine(s0, 0.25), replicas=replicas, max_batch=max_batch, max_delay_s=max_delay)
    expected = reference(
        arrivals, lambda _, size: s0 + 0.25 * size, replicas=replicas, max_batch=max_batch, max_delay=max_delay
    )
    assert_same(result, expected)


@settings(max_examples=150, deadline=None)
@given(QUARTERS, st.integers(1, 4), st.integers(1, 5), st.sampled_from([0.0, 0.25, 3.5]), st.integers(1, 9))
def test_one_queue_with_a_limit_is_exact(reference, arrivals, replicas, max_batch, max_delay, limit):
    result = simulate(
        arrivals,
        service=affine(0.5, 0.25),
        replicas=replicas,
        max_batch=max_batch,
        max_delay_s=max_delay,
        concurrency_limit=limit,
    )
    expected = reference(
        arrivals,
        lambda _, size: 0.5 + 0.25 * size,
        replicas=replicas,
        max_batch=max_batch,
        max_delay=max_delay,
        limit=limit,
    )
    assert_same(result, expected)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.7]),
    st.sampled_from([None, 3, 8]),
    st.sampled_from(["random", "least_outstanding"]),
)
def test_own_queues_are_exact(reference, seed, replicas, max_batch, max_delay, limit, routing):
    arrivals = np.cumsum(np.random.default_rng(seed).exponential(0.3, 60))
    service = exponential(affine(0.4, 0.2))
    keys = [np.uint64(s.generate_state(1, np.uint64)[0]) for s in np.random.SeedSequence(5).spawn(4)]
    draws = service.draws(max_batch)

    def choose(request, outstanding):
        if routing == "least_outstanding":
            return outstanding.index(min(outstanding))
        return min(int(uniform(keys[2], request) * replicas), replicas - 1)

    def seconds(first, size):
        return draw(draws, keys[1], first, size)

    with np.errstate(over="ignore"):
        expected = reference(
            arrivals.tolist(),
            seconds,
            replicas=replicas,
            max_batch=max_batch,
            max_delay=max_delay,
            limit=limit or np.inf,
            choose=choose,
        )
    result = simulate(
        arrivals,
        service=service,
        replicas=replicas,
        max_batch=max_batch,
        max_delay_s=max_delay,
        concurrency_limit=limit,
        routing=routing,
        seed=5,
    )
    assert sorted(result.batch_sizes) == sorted(expected[2])
    assert_same(result, (expected[0], expected[1], result.batch_sizes.tolist()))


SCALERS = {
    "tracking": autoscalers.sagemaker_target_tracking(30, max_replicas=6, start_s=exponential(20.0)),
    "fast tracking": autoscalers.sagemaker_target_tracking(
        2, metric="concurrency", high_resolution=True, max_replicas=6, start_s=15
    ),
    "steps": autoscalers.sagemaker_step_scaling(
        [autoscalers.Step(1, 0, 20), autoscalers.Step(50, 20, percent=True), autoscalers.Step(-1)],
        metric="utilization",
        high=70,
        low=30,
        max_replicas=6,
        start_s=30,
    ),
    "vertex": autoscalers.vertex_autoscaling(max_replicas=6, start_s=30),
    "vertex from zero": autoscalers.vertex_autoscaling(max_replicas=6, min_replicas=0, start_s=30),
    "azure": autoscalers.azure_autoscale(
        [
            autoscalers.AzureRule(direction="out", threshold=70, window_s=120),
            autoscalers.AzureRule(direction="in", threshold=30),
        ],
        max_replicas=6,
        start_s=30,
    ),
    "kpa": autoscalers.knative_kpa(2.0, max_replicas=6, min_replicas=0, start_s=5),
}


def traffic(seed=0):
    rng = np.random.default_rng(seed)
    quiet, busy = np.cumsum(rng.exponential(4.0, 60)), np.cumsum(rng.exponential(0.4, 900))
    rest = np.cumsum(rng.exponential(60.0, 25))
    busy += quiet[-1]
    return np.concatenate([quiet, busy, busy[-1] + rest])


@pytest.mark.parametrize("routing", ["central", "random", "least_outstanding"])
@pytest.mark.parametrize("limit", [None, 12])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("scaler", SCALERS)
def test_compiled_and_plain_agree(monkeypatch, request, routing, limit, batch, scaler):
    settings = {
        "service": lognormal(affine(0.6, 0.2), 0.5),
        "replicas": 1,
        "max_batch": batch,
        "max_delay_s": 0.1,
        "routing": routing,
        "concurrency_limit": limit,
        "autoscaler": SCALERS[scaler],
        "seed": 3,
    }
    fast = simulate(traffic(), **settings)
    request.getfixturevalue("uncompiled")
    slow = simulate(traffic(), **settings)
    np.testing.assert_allclose(fast.latency_s, slow.latency_s, rtol=1e-9)
    np.testing.assert_array_equal(fast.batch_sizes, slow.batch_sizes)
    np.testing.assert_array_equal(fast.timeline.desired, slow.timeline.desired)
    assert fast.dropped == slow.dropped
    assert fast.replica_seconds == pytest.approx(slow.replica_seconds)
    assert fast.timeline.desired.max() > 1, "the traffic should make every autoscaler act"


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("scaler", SCALERS)
def test_a_limit_that_never_binds_changes_nothing(batch, scaler):
    common = {"service": exponential(1.0), "max_batch": batch, "max_delay_s": 0.1, "autoscaler": SCALERS[scaler], "seed": 1}
    free = simulate(traffic(), **common)
    limited = simulate(traffic(), concurrency_limit=10**6, **common)
    np.testing.assert_array_equal(free.latency_s, limited.latency_s)
    np.testing.assert_array_equal(free.timeline.desired, limited.timeline.desired)
    np.testing.assert_allclose(free.timeline.concurrency, limited.timeline.concurrency, atol=1e-9)
    assert free.replica_seconds == pytest.approx(limited.replica_seconds)


def test_one_replica_is_the_same_under_every_routing():
    results = [
        simulate(traffic(), service=empirical([0.2, 0.5, 0.9]), max_batch=4, max_delay_s=0.3, routing=routing, seed=2)
        for routing in ("central", "random", "least_outstanding")
    ]
    for other in results[1:]:
        np.testing.assert_allclose(other.latency_s, results[0].latency_s, rtol=1e-12)
