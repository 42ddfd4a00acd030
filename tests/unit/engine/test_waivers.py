from __future__ import annotations

from datetime import date

import pytest

from infercost.domain.verdict import Budget, Check, Verdict, Waiver
from infercost.engine.waivers import waive

TODAY = date(2026, 11, 24)


def check(name: str, outcome: str) -> Check:
    return Check(name=name, outcome=outcome, limit="$1", actual=None, reason="over $1")


def verdict(*checks: Check) -> Verdict:
    worst = "breach" if any(c.outcome == "breach" for c in checks) else checks[0].outcome
    return Verdict(outcome=worst, checks=checks, budget=Budget(), estimate=None, candidate=1, warnings=("old prices",))


def waiver(check: str = "monthly", until: str = "2026-12-31", reason: str = "migration") -> Waiver:
    return Waiver(check=check, until=until, owner="ana@example.com", reason=reason)


def test_a_breach_that_is_waived_passes_and_says_so():
    found = waive(verdict(check("monthly", "breach")), [waiver()], TODAY)
    assert found.outcome == "pass"
    assert found.checks[0].waiver == waiver()
    assert found.checks[0].reason == "waived until 2026-12-31 by ana@example.com (migration): over $1"
    assert found.warnings == ("old prices",)


def test_it_holds_on_its_last_day_and_not_after():
    breached, last = verdict(check("monthly", "breach")), waiver(until=TODAY.isoformat(), reason="")
    assert waive(breached, [last], TODAY).outcome == "pass"
    after = waive(breached, [last], date(2026, 11, 25))
    assert after.outcome == "breach"
    assert after.checks[0].waiver is None
    assert after.checks[0].reason == "over $1; the waiver by ana@example.com expired on 2026-11-24"
    assert "expired on 2026-11-24" in after.warnings[-1]


def test_an_expired_waiver_is_told_even_when_nothing_is_breached():
    found = waive(verdict(check("monthly", "pass")), [waiver(until="2026-01-01")], TODAY)
    assert (found.outcome, found.checks[0].reason) == ("pass", "over $1")
    assert found.warnings[-1] == "the waiver by ana@example.com of monthly expired on 2026-01-01; fix it or renew it"


def test_a_renewed_waiver_hides_the_expired_one():
    both = [waiver(until="2026-01-01"), waiver()]
    assert waive(verdict(check("monthly", "breach")), both, TODAY).warnings == ("old prices",)


def test_only_its_own_check_is_waived():
    found = waive(verdict(check("monthly", "breach"), check("p99", "breach")), [waiver()], TODAY)
    assert [c.outcome for c in found.checks] == ["pass", "breach"]
    assert found.outcome == "breach"


@pytest.mark.parametrize("outcome", ["pass", "inconclusive"])
def test_what_is_not_a_breach_stays_as_it_is(outcome):
    given = verdict(check("monthly", outcome))
    assert waive(given, [waiver()], TODAY) == given


def test_without_waivers_nothing_changes():
    given = verdict(check("monthly", "breach"))
    assert waive(given, (), TODAY) == given
