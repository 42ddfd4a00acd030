from __future__ import annotations

import heapq
import math
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.domain.traffic import Slo
from infercost.engine.erlang import blocking
from infercost.engine.queueing import (
    MAX_UTILIZATION,
    Stations,
    capacity,
    sojourn_mean,
    sojourn_quantile,
    waiting_probability,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def station(workers: int = 1, batch: int = 1, full_s: float = 1.0, single_s: float | None = None, cv: float = 0.0) -> Stations:
    return Stations.of(
        np.array([workers]),
        np.array([batch]),
        np.array([full_s if single_s is None else single_s]),
        np.array([full_s]),
        np.array([cv]),
    )


def quantile(one: Stations, load: float, q: float) -> float:
    return float(sojourn_quantile(one, load * one.throughput, q)[0])


def invert(beyond: Callable[[float], float], p: float) -> float:
    low, high = 0.0, 200.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > p else (low, middle)
    return high


def exact_mmc(workers: int, load: float, q: float) -> float:
    """Quantile of the sojourn in M/M/c with mean service 1."""
    blocked = blocking(workers, workers * load)
    busy = blocked / (1 - load * (1 - blocked))
    rate = workers * (1 - load)
    if math.isclose(rate, 1):
        rate += 1e-9
    return invert(lambda t: (1 - busy) * math.exp(-t) + busy * (rate * math.exp(-t) - math.exp(-rate * t)) / (rate - 1), 1 - q)


def exact_md1(load: float, q: float) -> float:
    """Quantile of the sojourn in M/D/1 with service 1: Erlang's alternating sum, in exact enough arithmetic."""

    def waits_beyond(t: float) -> float:
        with localcontext() as context:
            context.prec = 60
            rate, total = Decimal(load), Decimal(0)
            for k in range(math.floor(t) + 1):
                x = rate * (Decimal(k) - Decimal(t))
                total += x**k / math.factorial(k) * (-x).exp() if k or x else Decimal(1)
            return float(1 - (1 - rate) * total)

    return 1 + invert(waits_beyond, 1 - q)


def simulate(
    workers: int, batch: int, single_s: float, cv: float, load: float, *, requests: int = 120_000, seed: int = 7
) -> NDArray[np.float64]:
    """Sojourns under Poisson arrivals; a free worker takes what waits, at most ``batch``. Full service is 1."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / (load * workers * batch), requests)).tolist()
    factors = ((1 - cv) + cv * rng.exponential(1, requests)).tolist()
    slope = (1 - single_s) / (batch - 1) if batch > 1 else 0.0
    free = [0.0] * workers
    sojourns: list[float] = []
    i = 0
    while i < requests:
        start = max(heapq.heappop(free), arrivals[i])
        j, last = i + 1, min(i + batch, requests)
        while j < last and arrivals[j] <= start:
            j += 1
        end = start + (single_s + slope * (j - i - 1)) * factors[i]
        sojourns += [end - arrival for arrival in arrivals[i:j]]
        heapq.heappush(free, end)
        i = j
    return np.array(sojourns[requests // 20 :])


@pytest.mark.parametrize("workers", [1, 2, 8, 48])
@pytest.mark.parametrize("load", [0.3, 0.6, 0.8, 0.9])
def test_matches_exact_mmc(workers: int, load: float) -> None:
    for q in (0.5, 0.9, 0.99, 0.999):
        assert quantile(station(workers, cv=1.0), load, q) == pytest.approx(exact_mmc(workers, load, q), rel=0.002)


@pytest.mark.parametrize("load", [0.2, 0.4, 0.6, 0.8])
def test_matches_exact_md1(load: float) -> None:
    for q in (0.9, 0.95, 0.99, 0.999):
        assert quantile(station(1), load, q) == pytest.approx(exact_md1(load, q), rel=0.05)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_mean_matches_pollaczek_khinchine(load: float) -> None:
    for cv in (0.0, 0.5, 1.0, 2.0):
        one = station(1, cv=cv)
        exact = 1 + load / (1 - load) * (1 + cv * cv) / 2
        assert sojourn_mean(one, load * one.throughput)[0] == pytest.approx(exact, rel=0.002)


@pytest.mark.parametrize(
    ("workers", "cv", "load"),
    [(1, 0.2, 0.5), (2, 0.0, 0.7), (4, 0.0, 0.5), (4, 0.1, 0.75), (8, 0.0, 0.7), (16, 0.3, 0.8), (4, 0.6, 0.6)],
)
def test_within_five_per_cent_of_simulation(workers: int, cv: float, load: float) -> None:
    sojourns = simulate(workers, 1, 1.0, cv, load)
    for q in (0.9, 0.95, 0.99):
        assert quantile(station(workers, cv=cv), load, q) == pytest.approx(float(np.quantile(sojourns, q)), rel=0.05)


@pytest.mark.parametrize(
    ("workers", "batch", "single_s", "load"),
    [(1, 4, 0.5, 0.6), (1, 8, 0.3, 0.8), (1, 16, 0.9, 0.7), (2, 8, 0.5, 0.7), (4, 4, 0.9, 0.6)],
)
def test_batches_are_estimated_on_the_safe_side(workers: int, batch: int, single_s: float, load: float) -> None:
    sojourns = simulate(workers, batch, single_s, 0.05, load)
    for q in (0.95, 0.99):
        ratio = quantile(station(workers, batch, 1.0, single_s, 0.05), load, q) / float(np.quantile(sojourns, q))
        assert 0.95 < ratio < 1.30


def test_a_batch_of_identical_service_carries_as_many_times_more() -> None:
    free = station(1, 8, 1.0, 1.0)
    assert capacity(free, Slo())[0] == pytest.approx(8 * capacity(station(1), Slo())[0])


def test_waiting_probability_of_one_worker_is_its_load() -> None:
    one = station(1)
    for load in (0.1, 0.5, 0.95, 1.0):
        assert waiting_probability(one, np.array([load]))[0] == pytest.approx(load, rel=1e-3)


def test_idle_stations_answer_in_their_service_time() -> None:
    one = station(4, cv=0.0, full_s=0.01)
    assert quantile(one, 1e-6, 0.99) == pytest.approx(0.01, rel=0.01)


def test_capacity_without_promises_is_the_utilization_cap() -> None:
    one = station(4, full_s=0.01)
    assert capacity(one, Slo())[0] == pytest.approx(MAX_UTILIZATION * 400)
    assert capacity(one, Slo.parse("p99=60s"))[0] == pytest.approx(MAX_UTILIZATION * 400)


def test_capacity_is_none_where_the_service_alone_is_too_long() -> None:
    assert capacity(station(4, full_s=0.2), Slo.parse("p50=100ms"))[0] == 0


def test_no_stations_are_no_trouble() -> None:
    none: Any = np.array([], dtype=np.int64)
    empty = Stations.of(none, none, none.astype(float), none.astype(float), none.astype(float))
    assert len(empty) == 0
    assert len(capacity(empty, Slo.parse("p99=100ms"))) == 0


stations = st.builds(
    lambda workers, batch, share, cv, full_s: station(workers, batch, full_s, full_s * max(share, 1 / batch), cv),
    workers=st.integers(1, 64),
    batch=st.sampled_from([1, 2, 4, 16]),
    share=st.floats(0.05, 1.0),
    cv=st.floats(0.0, 1.5),
    full_s=st.floats(1e-4, 2.0),
)
loads = st.floats(0.001, 0.95)
quantiles = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999])

DIP = 0.994
"""Where waiting just begins to reach a percentile, the formula dips by up to 0.6 %: docs/explanation/queueing.md."""


@given(one=stations, a=loads, b=loads, q=quantiles)
def test_more_load_never_lowers_latency(one: Stations, a: float, b: float, q: float) -> None:
    low, high = sorted((a, b))
    assert quantile(one, high, q) >= quantile(one, low, q) * DIP
    assert sojourn_mean(one, high * one.throughput)[0] >= sojourn_mean(one, low * one.throughput)[0] * (1 - 1e-9)


@given(one=stations, load=loads, replicas=st.integers(1, 20), more=st.integers(1, 20), q=quantiles)
def test_more_replicas_never_hurt(one: Stations, load: float, replicas: int, more: int, q: float) -> None:
    few, many = load, load * replicas / (replicas + more)
    assert quantile(one, many, q) <= quantile(one, few, q) / DIP


@given(one=stations, load=loads, q=quantiles)
def test_latency_is_at_least_a_floor_and_percentiles_are_ordered(one: Stations, load: float, q: float) -> None:
    found = quantile(one, load, q)
    assert math.isfinite(found)
    assert found >= one.single_s[0] * max(0.0, 1 - one.cv[0])
    assert quantile(one, load, 0.999) >= found * (1 - 1e-9)


@given(one=stations, load=loads, q=quantiles, factor=st.floats(0.01, 100))
def test_time_has_no_preferred_unit(one: Stations, load: float, q: float, factor: float) -> None:
    assert quantile(one.slowed(np.array([factor])), load, q) == pytest.approx(factor * quantile(one, load, q), rel=1e-6)


@settings(max_examples=60)
@given(one=stations, limit=st.floats(1.0, 30.0), metric=st.sampled_from(["p50", "p95", "p99", "mean"]))
def test_capacity_keeps_the_promise_and_no_more_would(one: Stations, limit: float, metric: str) -> None:
    limit_s = limit * float(one.full_s[0])
    slo = Slo.parse(f"{metric}={limit_s * 1e3:.9f}ms")
    carried = capacity(one, slo)
    top = MAX_UTILIZATION * one.throughput

    def reached(rate: NDArray[np.float64]) -> float:
        return float((sojourn_mean(one, rate) if metric == "mean" else sojourn_quantile(one, rate, float(metric[1:]) / 100))[0])

    assert 0 <= carried[0] <= top[0] * (1 + 1e-12)
    if carried[0]:
        assert reached(carried) <= limit_s * 1.001
    if carried[0] < top[0] * 0.98:
        assert reached(np.maximum(carried * 1.02, top * 1e-5)) >= limit_s * DIP


@given(one=stations, limit=st.floats(1.0, 30.0), tighter=st.floats(0.1, 1.0))
def test_a_tighter_promise_never_raises_capacity(one: Stations, limit: float, tighter: float) -> None:
    limit_ms = limit * float(one.full_s[0]) * 1e3
    loose = capacity(one, Slo.parse(f"p99={limit_ms:.9f}ms"))[0]
    tight = capacity(one, Slo.parse(f"p99={limit_ms * tighter:.9f}ms"))[0]
    assert tight <= loose * 1.02 + 1e-9
