"""What an estimate makes of requests whose sizes vary: the same mean size does not mean the same cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infercost import app
from infercost.domain.latency import LatencyStats, RawLatencies, SizeRun
from infercost.domain.mixture import mix
from infercost.domain.sizes import Sizes, nodes, parse_sizes
from infercost.engine.measured import cv_by_batch, seconds_measured, typical_cv

if TYPE_CHECKING:
    from infercost.domain.profile import Profile

RECORDED = Path(__file__).parents[3] / "profiles" / "minilm-l6.json"
CONSTANT = Sizes.of("sequence", "64", {64: 1.0})
VARYING = parse_sizes("sequence", "lognormal:mean=64,p99=384")


def served(sizes: Sizes, per_item_ms, batches=(1, 4, 16)) -> Profile:
    """The recorded profile as if a batch of a size took ``2 + batch * per_item_ms(size)`` milliseconds."""
    base = app.load_profile(RECORDED)
    points = []
    for batch in batches:
        measured = nodes(sizes, 5)
        found = []
        for size, weight in zip(measured, sizes.weights(measured, batch), strict=True):
            raw = RawLatencies.pack([(2 + batch * per_item_ms(size)) / 1e3] * 700)
            found.append(SizeRun(size=size, weight=weight, latency_ms=LatencyStats.of(raw.seconds()), raw=raw))
        stats = mix(found, sizes, batch)
        model = next(p for p in base.points if p.threads == 1)
        points.append(replace(model, batch=batch, latency_ms=stats, raw=None, by_size=tuple(found), intervals=(),
                              throughput_per_s=batch * 1e3 / stats.mean))  # fmt: skip
    return replace(base, points=tuple(points), sizes=sizes)


def cheapest(profile: Profile, rps: float, slo: str = ""):
    found = app.estimate(
        profile, rps=rps, slo=slo or (), regions=["us-east-1"], providers=["sagemaker"], instances=["ml.c7i.xlarge"]
    )
    return next(c for c in found.candidates if c.mode == "realtime")


def linear(size: int) -> float:
    return size / 8


def test_with_a_promise_varying_lengths_need_more_of_the_same_machine() -> None:
    same, varied = served(CONSTANT, linear, (1,)), served(VARYING, linear, (1,))
    assert seconds_measured(same.points)[1][1] == pytest.approx(seconds_measured(varied.points)[1][1], rel=1e-3)
    a, b = cheapest(same, 5000, "p99=100ms"), cheapest(varied, 5000, "p99=100ms")
    assert b.replicas.mean > a.replicas.mean
    assert b.cost.per_month.likely > a.cost.per_month.likely
    assert b.latency_ms.p99 > a.latency_ms.p99


def test_without_a_promise_only_the_mean_counts() -> None:
    a, b = cheapest(served(CONSTANT, linear, (1,)), 600), cheapest(served(VARYING, linear, (1,)), 600)
    assert a.replicas.mean == b.replicas.mean
    assert a.cost.per_month.likely == b.cost.per_month.likely


def test_attention_makes_long_requests_cost_more_than_short_ones_save() -> None:
    def quadratic(size: int) -> float:
        return size / 8 + size * size / 2000

    a, b = cheapest(served(CONSTANT, quadratic, (1,)), 600), cheapest(served(VARYING, quadratic, (1,)), 600)
    assert b.cost.per_month.likely > a.cost.per_month.likely


def test_batches_are_padded_to_their_longest() -> None:
    varied = served(VARYING, linear)
    seconds = seconds_measured(varied.points)
    assert seconds[16][1] == pytest.approx((2 + 16 * linear(1) * VARYING.mean * VARYING.padding(16)) / 1e3, rel=1e-3)
    assert seconds[16][1] / 16 > seconds[1][1], "padding costs more than batching saves here"
    cv = cv_by_batch(varied.points)
    assert cv(1) > cv(4) > cv(16) > 0.1
    assert typical_cv(varied.points) == cv(1)


def test_the_estimate_says_what_the_lengths_were(tmp_path) -> None:
    file = tmp_path / "varied.json"
    app.save(served(VARYING, linear), file)
    again = app.load_profile(file)
    assert again.sizes == VARYING
    assert again.points[0].by_size[0].raw is not None
