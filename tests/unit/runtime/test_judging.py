from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.latency import Interval
from infercost.domain.traffic import Slo
from infercost.runtime.judging import judge

P99 = Slo.parse("p99=10ms")
FINE = {"stable": True, "unserved": 0, "kept_up": 1.0}


@pytest.mark.parametrize(
    ("latencies", "verdict", "words"),
    [
        ([1.0] * 1000, "valid", "0 of 1,000 queries took longer, 2 may"),
        ([1.0] * 100, "inconclusive", "662 at least are needed"),
        ([1.0] * 995 + [20.0] * 5, "inconclusive", "5 of 1,000 queries took longer, too close to tell; more are needed"),
        ([1.0] * 900 + [20.0] * 100, "invalid", "it was 20 ms"),
    ],
)
def test_a_percentile_holds_at_99_percent_confidence_or_not_or_cannot_be_told(
    latencies: list[float], verdict: str, words: str
) -> None:
    found, reason = judge(latencies, P99, (), **FINE)
    assert found == verdict
    assert reason.startswith("p99 at most 10 ms: ")
    assert words in reason


@given(st.integers(0, 40), st.integers(1, 3000))
def test_a_slower_query_never_makes_a_verdict_better(over: int, under: int) -> None:
    order = ["invalid", "inconclusive", "valid"]
    ranks = [order.index(judge([1.0] * under + [20.0] * n, P99, (), **FINE)[0]) for n in (over, over + 1)]
    assert ranks[1] <= ranks[0]


def test_the_worst_promise_decides() -> None:
    both = Slo.parse("p50=5ms,p99=10ms")
    assert judge([6.0] * 1000, both, (), **FINE)[0] == "invalid"


def test_a_mean_is_judged_by_its_interval() -> None:
    slo, rng = Slo.parse("mean=10ms"), random.Random(0)
    sample = [rng.uniform(9, 11) for _ in range(50)]
    assert judge(sample, slo, [Interval(metric="mean", low=9.8, high=10.2)], **FINE)[0] == "inconclusive"
    assert judge(sample, slo, [Interval(metric="mean", low=10.1, high=10.2)], **FINE)[0] in ("valid", "invalid")
    assert judge([9.0] * 50, slo, (), **FINE)[0] == "valid"
    assert judge([11.0] * 50, slo, (), **FINE)[0] == "invalid"


def test_a_queue_that_grows_is_invalid_whatever_the_promise() -> None:
    assert judge([1.0] * 1000, P99, (), **{**FINE, "unserved": 500}) == (
        "invalid",
        "the queue outgrew all limits: 1,000 of 1,500 queries were served",
    )
    assert judge([1.0] * 1000, P99, (), **{**FINE, "kept_up": 0.8})[0] == "invalid"


def test_without_a_promise_the_figures_must_hold_still() -> None:
    assert judge([1.0], Slo(), (), **FINE)[0] == "valid"
    assert judge([1.0], Slo(), (), **{**FINE, "stable": False})[0] == "inconclusive"
