from __future__ import annotations

from decimal import Decimal

from infercost.domain.verdict import Budget, Verdict, Verdicts


def verdict(*warnings: str) -> Verdict:
    return Verdict(outcome="pass", checks=(), budget=Budget(), estimate=None, candidate=None, warnings=warnings)


def test_each_limit_is_this_ones_or_else_the_others():
    mine, other = Budget(max_monthly=Decimal(5)), Budget(max_monthly=Decimal(9), max_p99_ms=80.0, max_price_age_days=0)
    assert mine.or_else(other) == Budget(max_monthly=Decimal(5), max_p99_ms=80.0, max_price_age_days=0)
    assert Budget().or_else(mine) == mine.or_else(Budget()) == mine


def test_a_warning_names_the_targets_that_it_is_about():
    found = Verdicts(outcome="pass", verdicts={"a": verdict("old", "slow"), "b": verdict("old"), "c": verdict("old", "slow")})
    assert found.warnings == ("old", "a, c: slow")


def test_a_single_target_is_named():
    assert Verdicts(outcome="pass", verdicts={"a": verdict("old")}).warnings == ("a: old",)


def test_exit_codes():
    assert [Verdicts(outcome=o, verdicts={}).exit_code for o in ("pass", "breach", "inconclusive")] == [0, 3, 4]
