"""Traffic and promises: what is accepted, and the line when it is not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.domain.traffic import MIN_RPS, Slo, SloTarget, Traffic


@pytest.mark.parametrize("rps", [0, -1, math.nan, math.inf, -math.inf])
def test_rates_that_mean_nothing_are_refused(rps):
    with pytest.raises(UsageError, match="must be above 0"):
        Traffic(rps=rps, payload_in_bytes=1, payload_out_bytes=1)


def test_a_huge_rate_says_what_to_do():
    with pytest.raises(UsageError, match="split the traffic"):
        Traffic(rps=1e9, payload_in_bytes=1, payload_out_bytes=1)


def test_a_tiny_rate_names_the_least():
    with pytest.raises(UsageError, match=r"1e-25 requests per second is less than is modelled .* try --rps 1e-06"):
        Traffic(rps=1e-25, payload_in_bytes=1, payload_out_bytes=1)
    assert Traffic(rps=MIN_RPS, payload_in_bytes=1, payload_out_bytes=1).rps == MIN_RPS


@pytest.mark.parametrize("field", ["payload_in_bytes", "payload_out_bytes", "log_bytes"])
def test_negative_sizes_are_refused(field):
    with pytest.raises(UsageError, match=field):
        Traffic(**{"rps": 1, "payload_in_bytes": 1, "payload_out_bytes": 1, field: -1})


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("p99=100ms", [("p99", 100)]),
        ("p50=0.02s, P99.9<=1500us", [("p50", 20), ("p99.9", 1.5)]),
        ("mean=12", [("mean", 12)]),
        (["p95=1s", "p99=2s"], [("p95", 1000), ("p99", 2000)]),
        ([], []),
    ],
)
def test_promises_are_read(text, targets):
    parsed = [(t.metric, t.limit_ms) for t in Slo.parse(text).targets]
    assert parsed == [(metric, pytest.approx(limit)) for metric, limit in targets]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p99",
        "p99=",
        "p99=0ms",
        "p99=-5ms",
        "p99=fast",
        "p999=1ms",
        "p9=1ms",
        "99=1ms",
        "p99=1h",
        "p99=1.2.3ms",
        "p99=1e999ms",
    ],
)
def test_a_bad_promise_shows_the_form(text):
    with pytest.raises(UsageError, match="SLO"):
        Slo.parse(text)


def test_a_promise_given_twice_is_refused():
    with pytest.raises(UsageError, match="p99 twice"):
        Slo.parse("p99=1ms,p99=2ms")


@given(st.sampled_from(["p50", "p90", "p99", "p99.9"]))
def test_a_quantile_is_a_share(metric):
    assert 0 < (SloTarget(metric=metric, limit_ms=1).quantile or 0) < 1
    assert SloTarget(metric="mean", limit_ms=1).quantile is None
