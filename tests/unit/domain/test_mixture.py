from __future__ import annotations

import math

import numpy as np
import pytest

from infercost.domain.latency import LatencyStats, RawLatencies, SizeRun
from infercost.domain.mixture import mix
from infercost.domain.profile import Point
from infercost.domain.sizes import Sizes, nodes, parse_sizes


def runs(sizes: Sizes, batch: int, cost_ms, *, spread: float = 0.0, count: int = 700) -> tuple[SizeRun, ...]:
    """What five sizes would measure if a batch of a size took so long."""
    measured, rng = nodes(sizes, 5), np.random.default_rng(0)
    made = []
    for size, weight in zip(measured, sizes.weights(measured, batch), strict=True):
        raw = RawLatencies.pack(cost_ms(size) / 1e3 * rng.lognormal(0.0, spread, size=count))
        made.append(SizeRun(size=size, weight=weight, latency_ms=LatencyStats.of(raw.seconds()), raw=raw))
    return tuple(made)


def point(sizes: Sizes, batch: int, found: tuple[SizeRun, ...]) -> Point:
    stats = mix(found, sizes, batch)
    return Point(batch=batch, threads=1, precision="fp32", latency_ms=stats, throughput_per_s=batch * 1e3 / stats.mean,
                 memory_bytes=None, cpu_utilization=None, by_size=found)  # fmt: skip


LENGTHS = parse_sizes("seq", "lognormal:mean=64,p99=384")


@pytest.mark.parametrize("batch", [1, 4, 16])
def test_the_mixture_is_what_drawing_requests_and_padding_batches_gives(batch: int) -> None:
    def cost(size: int) -> float:
        return 0.2 + 0.01 * size * batch

    rng = np.random.default_rng(1)
    drawn = rng.choice(LENGTHS.values, p=LENGTHS.shares, size=(200_000, batch)).max(axis=1)
    latencies = 0.2 + 0.01 * drawn * batch
    stats = mix(runs(LENGTHS, batch, cost), LENGTHS, batch)
    assert math.isclose(stats.mean, latencies.mean(), rel_tol=0.01)
    assert math.isclose(stats.cv, latencies.std() / latencies.mean(), rel_tol=0.02)
    for q in (50, 90, 99):
        assert math.isclose(getattr(stats, f"p{q}"), np.percentile(latencies, q), rel_tol=0.03)


def test_noise_of_the_clock_adds_to_the_spread_of_the_sizes() -> None:
    still = mix(runs(LENGTHS, 1, lambda size: size), LENGTHS, 1)
    noisy = mix(runs(LENGTHS, 1, lambda size: size, spread=0.5), LENGTHS, 1)
    cv = math.sqrt(math.expm1(0.25))
    assert math.isclose(noisy.cv, math.sqrt((1 + still.cv**2) * (1 + cv**2) - 1), rel_tol=0.1)


def test_one_size_is_that_size() -> None:
    one = Sizes.of("seq", "one", {64: 1.0})
    found = runs(one, 4, lambda size: 2.0, spread=0.1)
    stats = mix(found, one, 4)
    assert len(found) == 1
    assert found[0].weight == 1.0
    assert math.isclose(stats.mean, found[0].latency_ms.mean, rel_tol=1e-9)
    assert point(one, 4, found).service_ms == found[0].latency_ms.typical


def test_a_percentile_needs_its_samples_over_all_sizes() -> None:
    few = mix(runs(LENGTHS, 1, lambda size: size, count=20), LENGTHS, 1)
    assert few.count == 100
    assert few.p50 is not None
    assert few.p99 is None


def test_the_service_is_the_weighted_mean_of_the_sizes() -> None:
    found = runs(LENGTHS, 16, lambda size: 1 + size)
    made = point(LENGTHS, 16, found)
    assert math.isclose(made.service_ms, 1 + LENGTHS.mean * LENGTHS.padding(16), rel_tol=1e-4)
