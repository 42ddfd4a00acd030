"""Serverless endpoints and jobs, against plain simulators, closed forms and hand examples."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost import affine, traffic
from infercost.domain.errors import UnknownNameError, UsageError
from infercost.engine.erlang import blocking
from infercost.engine.simulate import machine, modes
from infercost.engine.simulate.compiled import KERNELS, function_of
from infercost.engine.simulate.modes import simulate_batch_job, simulate_serverless
from infercost.engine.simulate.service import constant, exponential, lognormal

QUARTERS = st.lists(st.integers(0, 60), min_size=1, max_size=40).map(lambda ts: sorted(t / 4 for t in ts))


def plain(arrivals, seconds, *, most, keep, cold, provisioned=0):
    """Latencies (NaN when throttled) and cold starts: instances as a list of when they are free."""
    fixed, others, latencies, colds = [float("-inf")] * provisioned, [], [], 0
    for now, service in zip(arrivals, seconds, strict=True):
        others = [free for free in others if free > now or now - free <= keep]
        busy = sum(free > now for free in fixed + others)
        idle = [free for free in others if free <= now]
        wait = 0.0
        if any(free <= now for free in fixed):
            place = next(k for k, free in enumerate(fixed) if free <= now)
            fixed[place] = now + service
        elif idle:
            others.remove(max(idle))
            others.append(now + service)
        elif busy >= most:
            latencies.append(np.nan)
            continue
        else:
            wait, colds = cold, colds + 1
            others.append(now + cold + service)
        latencies.append(wait + service)
    return np.array(latencies), colds


@settings(max_examples=200, deadline=None)
@given(
    arrivals=QUARTERS,
    most=st.integers(1, 6),
    provisioned=st.integers(0, 3),
    keep=st.sampled_from([0.0, 0.5, 2.0, 100.0]),
    cold=st.sampled_from([0.0, 0.25, 1.5]),
    sizes=st.integers(0, 3),
)
def test_every_request_is_exact(arrivals, most, provisioned, keep, cold, sizes):
    provisioned = min(provisioned, most)
    work = np.random.default_rng(sizes).choice([0.5, 1.0, 4.0], len(arrivals))
    result = simulate_serverless(
        arrivals,
        service=0.5,
        work=work,
        max_concurrency=most,
        keep_alive_s=keep,
        cold_start=cold,
        provisioned=provisioned,
        granularity_s=0.0,
    )
    latencies, colds = plain(arrivals, 0.5 * work, most=most, keep=keep, cold=cold, provisioned=provisioned)
    served = ~np.isnan(latencies)
    np.testing.assert_allclose(result.sample.latency_s, latencies[served])
    assert (result.dropped, result.cold_starts) == ((~served).sum(), colds)
    assert result.billed_s + result.provisioned_used_s == pytest.approx(latencies[served].sum())
    assert result.peak_concurrency <= most
    assert result.arrivals.sum() == len(arrivals)
    assert result.throttled.sum() == result.dropped
    assert result.started.sum() == colds
    assert result.concurrency.max() == result.peak_concurrency


@pytest.mark.parametrize("servers", [1, 10])
def test_erlang_b_whatever_the_service(servers):
    arrivals = np.cumsum(np.random.default_rng(7).standard_exponential(400_000))
    for service in (exponential, constant):
        result = simulate_serverless(
            arrivals,
            service=service(0.9 * servers),
            max_concurrency=servers,
            keep_alive_s=1e9,
            cold_start=0.0,
            keep="summary",
        )
        assert result.dropped / result.requests == pytest.approx(blocking(servers, 0.9 * servers), rel=0.03)
        assert result.cold_starts == servers


def test_a_request_is_cold_when_the_only_instance_has_gone():
    # One at a time and short: cold after a gap longer than the time that an instance is kept.
    result = simulate_serverless(
        traffic.poisson(0.01, 4e6), service=1e-3, max_concurrency=5, keep_alive_s=60.0, cold_start=2.0, keep="summary"
    )
    assert result.cold_starts / result.requests == pytest.approx(np.exp(-0.6), rel=0.02)
    assert result.attainment(1.0) == pytest.approx(1 - np.exp(-0.6), rel=0.02)


def test_what_is_billed():
    def run(**changes):
        return simulate_serverless(
            [0.0, 0.05, 10.0],
            **{
                "service": 0.0301,
                "max_concurrency": 2,
                "keep_alive_s": 5.0,
                "cold_start": 1.0,
                "granularity_s": 0.01,
                **changes,
            },
        )

    assert run().cold_starts == 3, "the second comes while the first starts"
    assert run().billed_s == pytest.approx(3 * 1.04)
    assert run(bills_cold_start=False).billed_s == pytest.approx(3 * 0.04)
    kept = run(provisioned=1)
    assert kept.cold_starts == 0
    assert (kept.billed_s, kept.provisioned_used_s) == (0.0, pytest.approx(0.12))
    assert kept.provisioned_s == pytest.approx(10.0301)
    assert run(max_concurrency=1).dropped == 1


def test_more_concurrency_and_more_provisioned_never_hurt():
    common = {"service": lognormal(0.5, 1.0), "keep_alive_s": 20.0, "cold_start": 1.0, "seed": 3}
    source = traffic.draw(traffic.poisson(5.0, 2000.0), seed=3)
    drops = [simulate_serverless(source, max_concurrency=most, **common).dropped for most in range(1, 12)]
    assert drops == sorted(drops, reverse=True)
    colds = [simulate_serverless(source, max_concurrency=40, provisioned=n, **common).cold_starts for n in range(6)]
    assert colds == sorted(colds, reverse=True)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"max_concurrency": 0}, UsageError, "max_concurrency"),
        ({"provisioned": 3}, UsageError, "provisioned must be a whole number from 0 to 2"),
        ({"keep_alive_s": -1.0}, UsageError, "keep_alive_s"),
        ({"keep": "all"}, UnknownNameError, "record to keep"),
    ],
)
def test_refusals(changes, error, message):
    with pytest.raises(error, match=message):
        simulate_serverless([1.0], **{"service": 1.0, "max_concurrency": 2, "keep_alive_s": 1.0, "cold_start": 1.0, **changes})


@pytest.mark.parametrize(("instances", "workers", "batch"), [(1, 1, 1), (2, 3, 4), (4, 2, 7)])
def test_a_job_of_constant_batches(instances, workers, batch):
    job = simulate_batch_job(
        1000,
        service=affine(0.1, 0.01),
        instances=instances,
        workers=workers,
        max_batch=batch,
        start=120.0,
        minimum_billed_s=300.0,
    )
    rounds = ceil(ceil(1000 / batch) / (instances * workers))
    assert job.duration_s == pytest.approx(120.0 + rounds * (0.1 + 0.01 * batch), abs=0.1 + 0.01 * batch)
    assert job.batches == ceil(1000 / batch)
    assert job.billed_s == instances * max(ceil(job.duration_s), 300)
    assert job.busy_s == pytest.approx((job.batches * 0.1 + 10.0) / workers)


def test_instances_begin_when_they_are_ready_and_stay_to_the_end():
    job = simulate_batch_job(
        10_000, service=exponential(0.1), instances=4, start=lognormal(60.0, 0.5), granularity_s=0.0, seed=2
    )
    assert len(set(job.ready_s)) == 4
    assert job.duration_s > max(job.ready_s)
    assert job.billed_s == pytest.approx(4 * job.duration_s)
    later = simulate_batch_job(
        10_000, service=exponential(0.1), instances=4, start=lognormal(60.0, 0.5), granularity_s=0.0, seed=2, bills_start=False
    )
    assert later.billed_s == pytest.approx(4 * job.duration_s - sum(job.ready_s))


def test_sizes_and_padding_of_records():
    work = np.tile([1.0, 3.0], 50)
    mean = simulate_batch_job(100, service=1.0, max_batch=2, work=work)
    padded = simulate_batch_job(100, service=1.0, max_batch=2, work=work, padded=True)
    assert (mean.duration_s, padded.duration_s) == (pytest.approx(100.0), pytest.approx(150.0))


def test_a_job_needs_records():
    with pytest.raises(UsageError, match="records must be"):
        simulate_batch_job(0, service=1.0)


@pytest.mark.skipif(not machine.fits_here(), reason="no kernels are shipped for this platform")
def test_shipped_and_plain_agree(monkeypatch):
    common = {"service": exponential(0.4), "max_concurrency": 4, "keep_alive_s": 3.0, "cold_start": exponential(1.0), "seed": 1}
    source = traffic.draw(traffic.poisson(4.0, 200.0), seed=1)
    shipped = simulate_serverless(source, **common)

    def slow(name):
        def run(*arguments):
            with np.errstate(over="ignore"):
                return function_of(name)(*arguments)

        return run

    monkeypatch.setattr(modes, "compiled", slow)
    by_hand = simulate_serverless(source, **common)
    np.testing.assert_allclose(shipped.sample.latency_s, by_hand.sample.latency_s, rtol=1e-12)
    assert shipped.billed_s == pytest.approx(by_hand.billed_s)
    assert "serverless" in KERNELS
