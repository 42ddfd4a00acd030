"""The kernels, compiled and not, against a plain simulator and each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity
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


def timed(s0, s1, work, padded):
    """Seconds of a batch by the rule of ``simulate``; of powers of two, so that sums are exact."""

    def seconds(batch):
        works = [1.0 if work is None else work[request] for request in batch]
        return (s0 + s1 * len(batch)) * (max(works) if padded else sum(works) / len(works))

    return seconds


SIZES = st.sampled_from([None, 1, 2])
"""Seed of the relative work of requests; None: all alike."""


def works(seed, count):
    return None if seed is None else np.random.default_rng(seed).choice([0.5, 1.0, 2.0], count)


@settings(max_examples=200, deadline=None)
@given(
    arrivals=QUARTERS,
    replicas=st.integers(1, 4),
    workers=st.integers(1, 3),
    max_batch=st.integers(1, 5),
    max_delay=st.sampled_from([0.0, 0.25, 1.0, 3.5]),
    s0=st.sampled_from([0.5, 1.25]),
    sizes=SIZES,
    padded=st.booleans(),
    limit=st.sampled_from([None, None, 1, 4, 9]),
)
def test_one_queue_is_exact(reference, arrivals, replicas, workers, max_batch, max_delay, s0, sizes, padded, limit):
    work = works(sizes, len(arrivals))
    result = simulate(
        arrivals,
        service=affine(s0, 0.25),
        replicas=replicas,
        workers=workers,
        max_batch=max_batch,
        max_delay_s=max_delay,
        work=work,
        padded=padded,
        concurrency_limit=limit,
    )
    expected = reference(
        arrivals,
        timed(s0, 0.25, work, padded),
        replicas=replicas,
        workers=workers,
        max_batch=max_batch,
        max_delay=max_delay,
        limit=limit or np.inf,
    )
    assert_same(result, expected)


@settings(max_examples=200, deadline=None)
@given(
    arrivals=QUARTERS,
    replicas=st.sampled_from([1, 2, 3, 50]),
    workers=st.integers(1, 3),
    max_batch=st.integers(1, 4),
    max_delay=st.sampled_from([0.0, 0.25, 0.75, 3.5]),
    limit=st.sampled_from([None, None, 3, 8]),
    routing=st.sampled_from(["random", "least_outstanding"]),
    sizes=SIZES,
    padded=st.booleans(),
)
def test_own_queues_are_exact(reference, arrivals, replicas, workers, max_batch, max_delay, limit, routing, sizes, padded):
    keys = [np.uint64(s.generate_state(1, np.uint64)[0]) for s in np.random.SeedSequence(5).spawn(5)]
    work = works(sizes, len(arrivals))

    def choose(request, outstanding):
        if routing == "least_outstanding":
            return outstanding.index(min(outstanding))
        return min(int(uniform(keys[2], request) * replicas), replicas - 1)

    with np.errstate(over="ignore"):
        expected = reference(
            arrivals,
            timed(0.5, 0.25, work, padded),
            replicas=replicas,
            workers=workers,
            max_batch=max_batch,
            max_delay=max_delay,
            limit=limit or np.inf,
            choose=choose,
        )
    result = simulate(
        arrivals,
        service=affine(0.5, 0.25),
        replicas=replicas,
        workers=workers,
        max_batch=max_batch,
        max_delay_s=max_delay,
        concurrency_limit=limit,
        routing=routing,
        work=work,
        padded=padded,
        seed=5,
    )
    assert sorted(result.batch_sizes) == sorted(expected[2])
    assert_same(result, (expected[0], expected[1], result.batch_sizes.tolist()))


def test_random_services_are_drawn_by_the_first_request_of_a_batch(reference):
    arrivals = np.cumsum(np.random.default_rng(0).exponential(0.3, 200))
    service, keys = exponential(affine(0.4, 0.2)), np.random.SeedSequence(5).spawn(5)
    draws, key = service.draws(3), np.uint64(keys[1].generate_state(1, np.uint64)[0])
    with np.errstate(over="ignore"):
        expected = reference(
            arrivals.tolist(), lambda batch: draw(draws, key, batch[0], len(batch)), replicas=2, max_batch=3, max_delay=0.2
        )
    assert_same(simulate(arrivals, service=service, replicas=2, max_batch=3, max_delay_s=0.2, seed=5), expected)


def test_many_workers_stand_in_a_line_and_more_in_a_tree(reference):
    arrivals = np.cumsum(np.random.default_rng(1).integers(0, 3, 900) / 64)
    for replicas in (1, 3, 16, 63, 64, 65, 130):
        result = simulate(arrivals, service=affine(0.5, 0.0), replicas=replicas)
        assert_same(result, reference(arrivals.tolist(), lambda _: 0.5, replicas=replicas))


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
    "ray": autoscalers.ray_serve(2.0, max_replicas=6, downscale_delay_s=60, start_s=5),
    "several": autoscalers.build(
        [
            ScalingPolicy(kind="target_tracking", metric="invocations", target=30, settings={"in_cooldown_s": 60}),
            ScalingPolicy(kind="target_tracking", metric="concurrency", target=2, settings={"high_resolution": 1}),
            ScalingPolicy(kind="step", metric="backlog", target=1, settings={"from_zero": 1}),
        ],
        min_replicas=0,
        max_replicas=6,
        start_s=30,
        schedule=[
            ScheduledCapacity(name="a", at="00:10", min_replicas=2, max_replicas=5),
            ScheduledCapacity(name="b", at="00:20", min_replicas=0, max_replicas=6),
        ],
    ),
}


def traffic(seed=0):
    rng = np.random.default_rng(seed)
    quiet, busy = np.cumsum(rng.exponential(4.0, 60)), np.cumsum(rng.exponential(0.4, 900))
    rest = np.cumsum(rng.exponential(60.0, 25))
    busy += quiet[-1]
    return np.concatenate([quiet, busy, busy[-1] + rest])


@pytest.mark.parametrize("routing", ["central", "random", "least_outstanding"])
@pytest.mark.parametrize("limit", [None, 12])
@pytest.mark.parametrize(("batch", "workers"), [(1, 1), (3, 1), (1, 2)])
@pytest.mark.parametrize("scaler", SCALERS)
def test_compiled_and_plain_agree(request, routing, limit, batch, workers, scaler):
    settings = {
        "service": lognormal(affine(0.6 * workers, 0.2), 0.5),
        "replicas": 1,
        "workers": workers,
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
