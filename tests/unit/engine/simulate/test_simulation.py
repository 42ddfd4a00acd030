"""Closed forms, laws, and refusals. Tolerances are for a million requests; the benchmark holds ten million to 1 % and 3 %."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import exp, factorial, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infercost
from infercost import affine, autoscalers, simulate, traffic
from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.erlang import blocking
from infercost.engine.simulate.service import constant, empirical, exponential, lognormal

COUNT = 1_000_000


@pytest.fixture(scope="module")
def unit_arrivals():
    """Poisson arrivals at rate 1."""
    return np.cumsum(np.random.default_rng(7).standard_exponential(COUNT))


def erlang_c(servers, offered):
    b = blocking(servers, offered)
    return b / (1 - offered / servers * (1 - b))


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (4, 0.7), (10, 0.8)])
def test_mmc(unit_arrivals, servers, load):
    result = simulate(unit_arrivals, service=exponential(load * servers), replicas=servers)
    mean = load * servers
    wait = erlang_c(servers, load * servers) * mean / (servers * (1 - load))
    assert result.latency_s.mean() == pytest.approx(mean + wait, rel=0.02)
    assert result.wait_s.mean() == pytest.approx(wait, rel=0.06)
    assert result.summary().utilization == pytest.approx(load, rel=0.01)
    depth = servers * (1 - load) / mean
    far = log(erlang_c(servers, load * servers) / 0.01) / depth
    assert float(np.quantile(result.wait_s, 0.99)) == pytest.approx(far, rel=0.05)


@pytest.mark.parametrize("cv", [0.0, 0.5, 1.5])
def test_mg1(unit_arrivals, cv):
    result = simulate(unit_arrivals, service=lognormal(0.6, cv))
    wait = 0.6 * 0.6 * (1 + cv * cv) / (2 * 0.4)
    assert result.wait_s.mean() == pytest.approx(wait, rel=0.05)
    assert (result.latency_s - result.wait_s).std() / 0.6 == pytest.approx(cv, abs=0.03)


def test_mg1_of_measured_samples(unit_arrivals):
    samples = np.array([0.1, 0.2, 0.9, 1.0])
    result = simulate(unit_arrivals, service=empirical(samples))
    wait = (samples**2).mean() / (2 * (1 - samples.mean()))
    assert result.wait_s.mean() == pytest.approx(wait, rel=0.03)


def test_md1_waits_follow_the_exact_distribution(unit_arrivals):
    load, at = 0.7, 3.0
    result = simulate(unit_arrivals, service=constant(load))
    # Erlang's distribution of the wait in M/D/1, with the service as the unit of time.
    terms = [(load * (k - at)) ** k / factorial(k) * exp(load * (at - k)) for k in range(int(at) + 1)]
    assert (result.wait_s <= at * load).mean() == pytest.approx((1 - load) * sum(terms), rel=0.01)


@pytest.mark.parametrize("servers", [1, 10])
@pytest.mark.parametrize("service", [exponential, constant])
def test_erlang_b_whatever_the_service(unit_arrivals, servers, service):
    result = simulate(unit_arrivals, service=service(0.9 * servers), replicas=servers, concurrency_limit=servers)
    assert result.dropped / COUNT == pytest.approx(blocking(servers, 0.9 * servers), rel=0.02)
    assert not result.wait_s.any()


def test_full_batches_of_constant_service():
    arrivals = np.arange(16 * 1000) * 0.01
    result = simulate(arrivals, service=affine(0.05, 0.002), max_batch=16, max_delay_s=1.0)
    assert (result.batch_sizes == 16).all()
    expected = 0.01 * np.arange(15, -1, -1)
    np.testing.assert_allclose(result.wait_s.reshape(-1, 16), np.broadcast_to(expected, (1000, 16)), atol=1e-9)
    assert result.busy_seconds == pytest.approx(1000 * 0.082)


def test_batch_windows(unit_arrivals):
    # With a replica always free, a window opens at an arrival and collects for one delay.
    result = simulate(unit_arrivals, service=constant(0.001), replicas=50, max_batch=1000, max_delay_s=4.0)
    assert result.batch_sizes.mean() == pytest.approx(5.0, rel=0.01)
    assert result.wait_s.mean() == pytest.approx((4.0 + 4.0 * 2.0) / 5.0, rel=0.01)


def test_random_routing_splits_into_single_queues(unit_arrivals):
    result = simulate(unit_arrivals, service=exponential(2.0), replicas=4, routing="random")
    assert result.latency_s.mean() == pytest.approx(2.0 / (1 - 0.5), rel=0.03)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    routing=st.sampled_from(["central", "random", "least_outstanding"]),
    replicas=st.integers(1, 5),
    batch=st.integers(1, 6),
    limit=st.sampled_from([None, 4, 30]),
    scaled=st.booleans(),
)
def test_the_books_balance(seed, routing, replicas, batch, limit, scaled):
    source = traffic.counts(np.random.default_rng(seed).integers(0, 400, 12), 60.0)
    result = simulate(
        source,
        service=lognormal(affine(0.2, 0.1), 1.0),
        replicas=replicas,
        max_batch=batch,
        max_delay_s=0.2,
        routing=routing,
        concurrency_limit=limit,
        autoscaler=autoscalers.vertex_autoscaling(max_replicas=9, start_s=20) if scaled else None,
        seed=seed,
    )
    line = result.timeline
    served = len(result.latency_s)
    assert result.requests == source.counts.sum() == served + result.dropped == line.arrivals.sum()
    assert line.served.sum() == served == result.batch_sizes.sum()
    assert line.dropped.sum() == result.dropped
    assert (line.waiting >= 0).all()
    assert line.waiting[-1] == 0
    assert line.seconds.sum() == pytest.approx(result.end_s)
    assert line.busy_seconds.sum() == pytest.approx(result.busy_seconds)
    # Little's law holds exactly over the whole run.
    assert (line.concurrency * line.seconds).sum() == pytest.approx(result.latency_s.sum(), rel=1e-9, abs=1e-6)
    assert result.busy_seconds <= result.replica_seconds * (1 + 1e-9)
    assert (result.wait_s >= 0).all()
    assert result.end_s >= source.duration_s
    if not scaled:
        assert result.replica_seconds == pytest.approx(replicas * result.end_s)
    else:
        assert line.desired.max() <= 9
        assert result.replica_seconds >= (line.mean_replicas * line.seconds).sum() - 1e-6


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    replicas=st.integers(1, 4),
    workers=st.integers(1, 3),
    more=st.sampled_from(["replicas", "workers"]),
    rps=st.floats(0.5, 8.0),
    sized=st.booleans(),
)
def test_one_more_server_never_hurts_anyone(seed, replicas, workers, more, rps, sized):
    source = traffic.draw(traffic.poisson(rps, 200.0), seed=seed)
    work = np.random.default_rng(seed).gamma(2.0, 0.5, len(source.times_s)) + 1e-9 if sized else None
    common = {"service": exponential(1.0), "seed": seed, "work": work}
    few = simulate(source, replicas=replicas, workers=workers, **common)
    many = simulate(
        source, **{"replicas": replicas, "workers": workers, more: (replicas if more == "replicas" else workers) + 1}, **common
    )
    # One queue, the same service for the same request: every start is at least as early.
    assert (many.wait_s <= few.wait_s + 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    replicas=st.integers(1, 4),
    workers=st.integers(1, 3),
    rps=st.floats(0.5, 8.0),
    routing=st.sampled_from(["central", "random", "least_outstanding"]),
)
def test_no_worker_idles_while_a_request_waits_for_it(seed, replicas, workers, rps, routing):
    source = traffic.draw(traffic.poisson(rps, 100.0), seed=seed)
    common = {"service": exponential(1.0), "seed": seed}
    result = simulate(source, replicas=replicas, workers=workers, routing=routing, **common)
    starts, ends = source.times_s + result.wait_s, source.times_s + result.latency_s
    servers = workers * (replicas if routing == "central" else 1)
    for request in np.flatnonzero(result.wait_s > 1e-9):
        middle = source.times_s[request] + result.wait_s[request] / 2
        assert ((starts <= middle) & (middle < ends)).sum() >= servers
    # Work is neither made nor lost: the services of the requests are the same however they are served.
    alone = simulate(source, replicas=500, **common)
    np.testing.assert_allclose(result.latency_s - result.wait_s, alone.latency_s - alone.wait_s, atol=1e-9)
    assert result.busy_seconds == pytest.approx((result.latency_s - result.wait_s).sum() / workers)


@pytest.mark.parametrize("routing", ["central", "random", "least_outstanding"])
def test_workers_of_one_replica_are_a_shared_queue(routing):
    source = traffic.draw(traffic.poisson(9.0, 2000.0))
    pool = simulate(source, service=exponential(1.0), replicas=10)
    one = simulate(source, service=exponential(1.0), replicas=1, workers=10, routing=routing)
    np.testing.assert_allclose(one.latency_s, pool.latency_s, rtol=1e-12)
    assert one.replica_seconds == pytest.approx(pool.replica_seconds / 10)
    assert one.summary().utilization == pytest.approx(pool.summary().utilization)


class TestWork:
    def test_a_batch_takes_the_mean_of_its_work_or_the_largest(self):
        arrivals, work = [0.0, 0.0, 10.0, 10.0], [1.0, 3.0, 0.5, 0.5]
        for padded, expected in ((False, [4.0, 4.0, 1.0, 1.0]), (True, [6.0, 6.0, 1.0, 1.0])):
            for routing in ("central", "random"):
                result = simulate(
                    arrivals, service=affine(1.0, 0.5), max_batch=2, max_delay_s=1.0, work=work, padded=padded, routing=routing
                )
                np.testing.assert_allclose(result.latency_s, expected)

    def test_mg1_of_sizes(self, unit_arrivals):
        # The sizes of the requests are the service distribution: Pollaczek-Khinchine.
        work = np.random.default_rng(5).lognormal(-0.32, 0.8, COUNT)
        result = simulate(unit_arrivals, service=0.6, work=work)
        wait = 0.36 * (work**2).mean() / (2 * (1 - 0.6 * work.mean()))
        assert result.wait_s.mean() == pytest.approx(wait, rel=0.05)

    def test_a_traffic_value_may_bring_its_own(self):
        class Sized:
            duration_s = 100.0

            def arrivals_s(self, rng):
                return np.arange(100.0)

            def work(self, rng, n):
                return rng.choice([0.5, 1.5], n)

        result = simulate(Sized(), service=0.2, seed=3)
        assert set(np.round(result.latency_s, 9)) == {0.1, 0.3}
        again = simulate(traffic.draw(Sized(), seed=3), service=0.2, seed=3)
        np.testing.assert_array_equal(result.latency_s, again.latency_s)
        assert simulate(Sized(), service=0.2, work=np.ones(100)).latency_s.std() < 1e-9

    @pytest.mark.parametrize(("work", "message"), [([1.0], "one number a request: 2"), ([1.0, 0.0], "above 0")])
    def test_refusals(self, work, message):
        with pytest.raises(UsageError, match=message):
            simulate([1.0, 2.0], service=1.0, work=work)


class TestSummary:
    @pytest.mark.parametrize("routing", ["central", "random", "least_outstanding"])
    @pytest.mark.parametrize(("limit", "batch"), [(None, 1), (60, 1), (None, 4)])
    def test_counts_the_same_in_bounded_memory(self, routing, limit, batch):
        common = {
            "service": exponential(affine(0.8, 0.2)),
            "replicas": 5,
            "workers": 2,
            "routing": routing,
            "concurrency_limit": limit,
            "max_batch": batch,
            "max_delay_s": 0.05,
            "autoscaler": autoscalers.vertex_autoscaling(80, max_replicas=9),
        }
        source = traffic.draw(traffic.poisson(9.0, 3000.0))
        full, lean = simulate(source, **common), simulate(source, **common, keep="summary", limit_s=2.5)
        assert (lean.requests, lean.dropped, lean.served) == (full.requests, full.dropped, full.served)
        assert lean.batches == full.batches == len(full.batch_sizes)
        assert lean.attainment(2.5) == full.attainment(2.5)
        assert lean.attainment(1.0) == pytest.approx(full.attainment(1.0), abs=1e-3)
        assert lean.replica_seconds == full.replica_seconds
        np.testing.assert_array_equal(lean.timeline.desired, full.timeline.desired)
        for q in (50, 90, 99):
            assert lean.percentile_s(q) == pytest.approx(full.percentile_s(q), rel=5e-4)
        ours, theirs = lean.summary(), full.summary()
        assert ours.latency_s.mean == pytest.approx(theirs.latency_s.mean)
        assert ours.latency_s.max == theirs.latency_s.max
        assert ours.wait_s.mean == pytest.approx(theirs.wait_s.mean)
        assert ours.mean_batch == pytest.approx(theirs.mean_batch)
        assert lean.holds("p50=2s") == full.holds("p50=2s")
        assert lean.holds("mean=1ms") is full.holds("mean=1ms") is False

    def test_without_requests(self):
        lean = simulate(traffic.counts([0], 60.0), service=1.0, keep="summary")
        assert lean.summary().latency_s.mean is None
        assert lean.percentile_s(50) is None

    def test_something_else_cannot_be_kept(self):
        with pytest.raises(UnknownNameError, match="did you mean summary"):
            simulate([1.0], service=1.0, keep="sumary")


def test_drawn_traffic_gives_what_the_traffic_gives():
    for source in (traffic.poisson(5.0, 500.0), np.arange(100.0) + 1e9):
        first = simulate(source, service=exponential(0.3), seed=2)
        drawn = simulate(traffic.draw(source, seed=2), service=exponential(0.3), seed=2)
        np.testing.assert_array_equal(first.latency_s, drawn.latency_s)
        assert first.start_s == drawn.start_s


def test_simulations_may_run_in_threads():
    source = traffic.draw(traffic.poisson(50.0, 2000.0))

    def run(seed):
        return simulate(source, service=exponential(0.3), replicas=20, routing=("central", "random")[seed % 2], seed=seed)

    alone = [run(seed).latency_s.sum() for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = [result.latency_s.sum() for result in pool.map(run, range(8))]
    assert together == alone


def test_a_seed_fixes_everything():
    def run(seed):
        return simulate(
            traffic.poisson(20.0, 600.0),
            service=lognormal(0.3, 1.0),
            replicas=3,
            routing="random",
            autoscaler=autoscalers.knative_kpa(2.0, max_replicas=30, start_s=exponential(10.0)),
            seed=seed,
        )

    one, again, other = run(4), run(4), run(5)
    np.testing.assert_array_equal(one.latency_s, again.latency_s)
    np.testing.assert_array_equal(one.timeline.desired, again.timeline.desired)
    assert one.replica_seconds == again.replica_seconds
    assert one.replica_seconds != other.replica_seconds


class TestScaling:
    def test_a_replica_serves_once_it_has_started_and_is_billed_from_the_decision(self):
        # Two requests a second of 1 s each: one replica is always busy and the queue grows by one a second.
        scaler = autoscalers.vertex_autoscaling(100, max_replicas=2, window_s=15, start_s=7)
        result = simulate(np.arange(0, 60, 0.5), service=1.0, autoscaler=scaler)
        assert result.timeline.desired[0] == 1, "a replica cannot be more than 100 % busy"
        eager = autoscalers.vertex_autoscaling(50, max_replicas=2, window_s=15, start_s=7)
        result = simulate(np.arange(0, 60, 0.5), service=1.0, autoscaler=eager)
        assert result.timeline.desired[0] == 2
        # At 22 s the 23rd second's request starts on the first replica; the second takes the next at once.
        starts = np.arange(0, 60, 0.5) + result.wait_s
        assert np.count_nonzero(starts < 22.0) == 22
        assert np.count_nonzero(starts == 22.0) == 2
        assert result.replica_seconds == pytest.approx(result.end_s + result.end_s - 15)

    def test_scale_in_drains(self):
        # One long request occupies each replica when the only other is taken away.
        scaler = autoscalers.azure_autoscale(
            [autoscalers.AzureRule(direction="in", threshold=100, window_s=60, cooldown_s=0)], max_replicas=2, start_s=1
        )
        result = simulate([50.0, 50.5], service=100.0, replicas=2, autoscaler=scaler)
        assert result.timeline.desired[0] == 1
        np.testing.assert_allclose(result.latency_s, 100.0)
        # The replica that ends first goes at 150 s; the other stays to the end.
        assert result.replica_seconds == pytest.approx(150.0 + 150.5)

    @pytest.mark.parametrize("routing", ["central", "least_outstanding"])
    def test_a_replica_is_billed_until_its_last_worker_ends(self, routing):
        scaler = autoscalers.azure_autoscale(
            [autoscalers.AzureRule(direction="in", threshold=100, window_s=60, cooldown_s=0)], max_replicas=2, start_s=1
        )
        arrivals = [50.0, 50.5, 51.0]
        result = simulate(arrivals, service=100.0, replicas=2, workers=2, routing=routing, autoscaler=scaler)
        assert result.timeline.desired[0] == 1
        np.testing.assert_allclose(result.latency_s, 100.0)
        # The first two are at one replica (one queue: of four free workers the lowest; else: the last makes it two),
        # and the replica that goes at 60 s is the one whose last service ends at 150.5 s.
        assert result.replica_seconds == pytest.approx(150.5 + 151.0)
        assert result.timeline.utilization[0] == pytest.approx((10 + 9.5 + 9) / 2 / (2 * 60))

    def test_requests_wait_or_fail_at_zero(self):
        waiting = autoscalers.knative_kpa(1.0, min_replicas=0, max_replicas=3, start_s=10)
        result = simulate([5.0, 6.0], service=1.0, replicas=0, autoscaler=waiting)
        assert result.dropped == 0
        assert result.wait_s[0] == pytest.approx(11.0), "decided at 6 s, in service at 16 s"
        refusing = autoscalers.vertex_autoscaling(min_replicas=0, max_replicas=3, start_s=10)
        result = simulate([5.0, 6.0, 40.0], service=1.0, replicas=0, autoscaler=refusing)
        assert result.dropped == 2
        assert result.served_mask.tolist() == [False, False, True]
        assert result.latency_s.tolist() == [1.0]

    def test_the_clock_starts_at_the_tick_before_the_first_arrival(self):
        scaler = autoscalers.sagemaker_target_tracking(60, max_replicas=5)
        early = simulate(np.arange(7.0, 3000.0), service=0.2, autoscaler=scaler)
        late = simulate(np.arange(7.0, 3000.0) + 1.7e9, service=0.2, autoscaler=scaler)
        assert late.start_s == 1.7e9 - 1.7e9 % 60
        shift = int(1.7e9 % 60)
        assert late.timeline.end_s[0] - late.start_s == 60
        assert late.mean_replicas == pytest.approx(early.mean_replicas, rel=0.1)
        assert shift == 20


def test_times_of_day_are_counted_from_the_minute_before_the_first():
    epoch = 1_700_000_000.0
    result = simulate(np.arange(1000.0) + epoch, service=0.5, replicas=2)
    assert result.start_s == epoch - epoch % 60
    assert result.replica_seconds == pytest.approx(2 * (epoch % 60 + 999.5))
    assert result.timeline.seconds[0] == pytest.approx((epoch % 60 + 999) / 100)
    assert result.timeline.end_s[-1] == result.end_s == epoch + 999.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replicas": 0}, "replicas must be"),
        ({"replicas": 1.5}, "replicas must be"),
        ({"replicas": True}, "replicas must be"),
        ({"workers": 0}, "workers must be"),
        ({"max_batch": 0}, "max_batch must be"),
        ({"max_delay_s": -1.0}, "max_delay_s must be"),
        ({"max_delay_s": float("inf")}, "max_delay_s must be"),
        ({"concurrency_limit": 0}, "concurrency_limit must be"),
        ({"service": -1.0}, "must not be negative"),
        ({"service": "fast"}, "cannot read the service"),
        ({"replicas": 9, "autoscaler": autoscalers.vertex_autoscaling(max_replicas=5)}, "outside the autoscaler"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(UsageError, match=message):
        simulate([1.0, 2.0], **{"service": 1.0, **change})


def test_an_unknown_routing_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean random"):
        simulate([1.0], service=1.0, routing="randon")


def test_the_public_names():
    assert infercost.simulate is simulate
    assert {"affine", "autoscalers", "service", "simulate", "traffic"} <= set(dir(infercost))
