from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.domain.estimate import LatencyMs
from infercost.domain.verdict import Budget
from infercost.engine.gate import gate

if TYPE_CHECKING:
    from types import SimpleNamespace

    from infercost.domain.verdict import Check, Verdict


def budget(monthly: str | None = None, per_million: str | None = None, **limits: Any) -> Budget:
    return Budget(
        max_monthly=None if monthly is None else Decimal(monthly),
        max_per_million=None if per_million is None else Decimal(per_million),
        **limits,
    )


def check(verdict: Verdict, name: str) -> Check:
    (found,) = [c for c in verdict.checks if c.name == name]
    return found


@pytest.mark.parametrize(
    ("limit", "outcome", "code"),
    [("219", "pass", 0), ("218.99", "inconclusive", 4), ("73", "inconclusive", 4), ("72.99", "breach", 3)],
)
def test_the_whole_band_must_be_within_the_budget(build: SimpleNamespace, limit: str, outcome: str, code: int) -> None:
    verdict = gate(build.estimate(build.offer("0.10")), budget(limit))
    assert (verdict.outcome, verdict.exit_code, verdict.candidate) == (outcome, code, 1)
    found = check(verdict, "monthly")
    assert found.outcome == outcome
    assert found.limit == f"${limit}" + ("" if "." in limit else ".00")
    assert found.actual is not None
    assert found.actual.likely == 146


def test_per_million_is_judged_alike(build: SimpleNamespace) -> None:
    estimate = build.estimate(build.offer("0.10"))
    million = estimate.candidates[0].cost.per_million
    assert gate(estimate, budget(per_million=str(million.high))).outcome == "pass"
    assert gate(estimate, budget(per_million=str(million.likely))).outcome == "inconclusive"
    assert gate(estimate, budget(per_million=str(million.low / 2))).outcome == "breach"


def test_the_cheapest_candidate_is_judged(build: SimpleNamespace) -> None:
    estimate = build.estimate(build.offer("9"), build.offer("0.10", region="there"))
    verdict = gate(estimate, budget("300"))
    assert (verdict.outcome, verdict.candidate) == ("pass", 1)
    assert check(verdict, "monthly").reason == "at most $219.00: within $300.00"


def test_the_first_that_passes_is_the_verdict_and_says_why_not_the_cheapest(build: SimpleNamespace) -> None:
    wide = build.placement("wide", replicas=1, replicas_low=1, replicas_high=None, slo_holds="at_risk")
    narrow = build.placement("narrow", replicas=1, replicas_low=1, replicas_high=1)
    offers = (build.offer("0.10", "wide"), build.offer("0.12", "narrow"), build.offer("0.13", "narrow", "there"))
    estimate = build.estimate(*offers, placements=(wide, narrow))
    verdict = gate(estimate, budget("90"))
    assert (verdict.outcome, verdict.candidate) == ("pass", 2)
    assert check(verdict, "monthly").reason == (
        "rank 2, narrow in here: at most $87.60: within $90.00; rank 1, wide in here, is inconclusive: likely $73.00,"
        " but no number of replicas keeps the SLO at the band's slow end; the limit is $90.00"
    )
    assert check(verdict, "slo").reason.startswith("rank 2, narrow in here: kept over the whole band; rank 1, wide in here, is")
    none = gate(estimate, budget("80"))
    assert (none.outcome, none.candidate) == ("inconclusive", 1)
    assert "rank" not in check(none, "monthly").reason


def test_a_dearer_candidate_that_keeps_every_limit_passes_outside_the_leading_ties_too(build: SimpleNamespace) -> None:
    slow = build.placement("slow", replicas_low=2, replicas_high=2, latency_ms=LatencyMs(p50=1, p95=2, p99=60.0))
    fast = build.placement("fast", replicas_low=2, replicas_high=2, latency_ms=LatencyMs(p50=1, p95=2, p99=6.0))
    estimate = build.estimate(build.offer("0.10", "slow"), build.offer("0.30", "fast"), placements=(slow, fast))
    assert [c.tie_group for c in estimate.candidates] == [1, 2]
    verdict = gate(estimate, budget("500", max_p99_ms=10.0))
    assert (verdict.outcome, verdict.candidate) == ("pass", 2)
    assert check(verdict, "monthly").reason == "rank 2, fast in here: at most $438.00: within $500.00"
    assert "rank 1, slow in here, is breach" in check(verdict, "p99").reason


@pytest.mark.parametrize(
    ("limit", "outcome"), [(37.5, "pass"), (37.4, "inconclusive"), (24.0, "inconclusive"), (23.9, "breach")]
)
def test_p99_is_judged_over_its_band(build: SimpleNamespace, limit: float, outcome: str) -> None:
    estimate = build.estimate(build.offer(), placements=(build.placement(latency_ms=LatencyMs(p50=1, p95=2, p99=30.0)),))
    found = check(gate(estimate, budget(max_p99_ms=limit)), "p99")
    assert found.outcome == outcome
    assert found.actual is not None
    assert (found.actual.low, found.actual.high) == (24, Decimal("37.5"))


def test_an_slo_at_risk_is_inconclusive_by_itself(build: SimpleNamespace) -> None:
    estimate = build.estimate(build.offer(), placements=(build.placement(slo_holds="at_risk"),))
    verdict = gate(estimate, budget("100000"))
    assert verdict.outcome == "inconclusive"
    assert check(verdict, "slo").limit == "p99 ≤ 100 ms"
    assert gate(estimate, budget("1")).outcome == "breach", "never hides a breach"


def test_without_a_promise_there_is_no_slo_check(build: SimpleNamespace) -> None:
    verdict = gate(build.estimate(build.offer(), slo=""), budget("100000"))
    assert [c.name for c in verdict.checks] == ["monthly"]


def test_an_open_band_cannot_pass(build: SimpleNamespace) -> None:
    estimate = build.estimate(build.offer(), placements=(build.placement(replicas_high=None),))
    verdict = gate(estimate, budget("1000000"))
    assert verdict.outcome == "inconclusive"
    assert "no upper end" in check(verdict, "monthly").reason


def test_gaps_count_at_the_dearest_price_known(build: SimpleNamespace) -> None:
    charge = build.Charge(name="logs", item="log", driver="registry_gb", fixed_quantity=100.0)
    estimate = build.estimate(build.offer("0.10"), charges=(charge,), rates=(build.rate("log", "0.5", region="there"),))
    assert gate(estimate, budget("269")).outcome == "pass"
    verdict = gate(estimate, budget("268"))
    assert verdict.outcome == "inconclusive"
    assert "logs" in check(verdict, "monthly").reason
    unbounded = gate(build.estimate(build.offer("0.10"), charges=(charge,)), budget("100000"))
    assert unbounded.outcome == "inconclusive"
    assert "cannot be bounded" in check(unbounded, "monthly").reason


def test_old_prices_are_inconclusive_and_never_hide_a_breach(build: SimpleNamespace) -> None:
    estimate = build.estimate(build.offer("0.10"), today=date(2026, 1, 11))
    assert gate(estimate, budget("500", max_price_age_days=10)).outcome == "pass"
    assert gate(estimate, budget("500", max_price_age_days=9)).outcome == "inconclusive"
    assert gate(estimate, budget("50", max_price_age_days=9)).outcome == "breach"


def test_an_slo_that_nothing_meets_is_a_breach_with_the_closest(build: SimpleNamespace) -> None:
    estimate = build.estimate(build.offer(), placements=(build.misfit(),))
    verdict = gate(estimate, budget("500"))
    assert (verdict.outcome, verdict.candidate, verdict.exit_code) == ("breach", None, 3)
    assert "the closest, m.large: p99 is 200 ms" in check(verdict, "slo").reason


def test_what_might_fit_but_has_no_price_is_inconclusive(build: SimpleNamespace) -> None:
    offers = (build.offer(None, "a"), build.offer("1", "b"))
    estimate = build.estimate(*offers, placements=(build.placement("a"), build.misfit("b")))
    verdict = gate(estimate, budget("500"))
    assert verdict.outcome == "inconclusive"
    assert "1 of 2 offers" in check(verdict, "slo").reason
    assert gate(build.estimate(), budget("500")).outcome == "inconclusive"


@pytest.mark.parametrize(
    "wrong",
    [
        Budget(),
        Budget(max_price_age_days=9),
        budget("0"),
        budget("-5"),
        budget(max_p99_ms=0.0),
        budget("5", max_price_age_days=-1),
    ],
)
def test_budgets_that_limit_nothing_are_refused(build: SimpleNamespace, wrong: Budget) -> None:
    with pytest.raises(UsageError, match="--max-"):
        gate(build.estimate(build.offer()), wrong)


def test_money_is_in_the_estimates_currency(build: SimpleNamespace) -> None:
    found = check(gate(build.estimate(build.offer("0.10"), currency="EUR"), budget("500")), "monthly")
    assert found.limit == "500.00 EUR"


ORDER = {"pass": 0, "inconclusive": 1, "breach": 2}


@given(
    limit=st.decimals("0.01", 500, places=2),
    more=st.decimals(0, 500, places=2),
    p99=st.floats(1, 100),
    slower=st.floats(0, 100),
    low=st.integers(1, 3),
    likely=st.integers(0, 3),
    high=st.none() | st.integers(0, 3),
    holds=st.sampled_from(["yes", "at_risk"]),
)
def test_a_larger_budget_is_never_judged_worse(
    build: SimpleNamespace, limit: Decimal, more: Decimal, p99: float, slower: float, **p: Any
) -> None:
    low, likely, high = p["low"], p["low"] + p["likely"], p["high"]
    placement = build.placement(
        replicas_low=low, replicas=likely, replicas_high=None if high is None else likely + high, slo_holds=p["holds"]
    )
    other = build.placement("other", replicas_low=likely, replicas=likely, replicas_high=likely)
    estimate = build.estimate(build.offer("0.10"), build.offer("0.15", "other"), placements=(placement, other))
    tight = gate(estimate, Budget(max_monthly=limit, max_p99_ms=p99))
    loose = gate(estimate, Budget(max_monthly=limit + more, max_p99_ms=p99 + slower))
    assert ORDER[loose.outcome] <= ORDER[tight.outcome]
    assert tight.outcome == max((c.outcome for c in tight.checks), key=ORDER.__getitem__)
    assert gate(estimate, tight.budget) == tight
    only_money = gate(estimate, replace(tight.budget, max_p99_ms=None))
    assert ORDER[only_money.outcome] <= ORDER[tight.outcome], "one budget fewer is never worse"
