"""Judge an estimate against budgets: pass, breach, or inconclusive where the figures cannot tell.

docs/explanation/cost-lines.md has the rules in words.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from infercost.domain.errors import UsageError
from infercost.domain.estimate import Band
from infercost.domain.verdict import SEVERITY, Check, Outcome, Verdict
from infercost.engine.ranking import closest_misses
from infercost.engine.wording import milliseconds, money

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from infercost.domain.estimate import Candidate, Estimate
    from infercost.domain.verdict import Budget

__all__ = ["gate"]


def gate(estimate: Estimate, budget: Budget) -> Verdict:
    """Judge whether there is a way to serve the traffic within the budget.

    The first candidate, in rank order, that passes every check is the verdict; where none does, the
    cheapest is, and its worst check decides: breach, then inconclusive.

    Raises:
        UsageError: the budget limits nothing, or a limit is not above zero.
    """
    _check_budget(budget)
    judged = _first_that_passes(estimate, budget) or next(iter(estimate.candidates), None)
    checks = tuple(_no_candidate(estimate) if judged is None else _checks(estimate, judged, budget))
    if judged is not None and judged is not estimate.candidates[0]:
        cheapest = estimate.candidates[0]
        checks = tuple(_compared(checks, _checks(estimate, cheapest, budget), judged, cheapest))
    outcome = max((check.outcome for check in checks), key=SEVERITY.__getitem__)
    return Verdict(
        outcome=outcome,
        checks=checks,
        budget=budget,
        estimate=estimate,
        candidate=None if judged is None else judged.rank,
        warnings=estimate.warnings,
    )


def _first_that_passes(estimate: Estimate, budget: Budget) -> Candidate | None:
    return next(
        (c for c in estimate.candidates if all(check.outcome == "pass" for check in _checks(estimate, c, budget))), None
    )


def _compared(checks: Iterable[Check], theirs: Iterable[Check], judged: Candidate, cheapest: Candidate) -> Iterator[Check]:
    """The checks of a candidate that is not the cheapest, each with why the cheapest does not pass it."""
    name, other = (f"rank {c.rank}, {c.instance_type} in {c.region}" for c in (judged, cheapest))
    for own, their in zip(checks, theirs, strict=True):
        why = "" if their.outcome == "pass" else f"; {other}, is {their.outcome}: {their.reason}"
        yield replace(own, reason=f"{name}: {own.reason}{why}")


def _check_budget(budget: Budget) -> None:
    limits = {
        "--max-monthly": budget.max_monthly,
        "--max-per-million": budget.max_per_million,
        "--max-p99": budget.max_p99_ms,
    }
    if all(limit is None for limit in limits.values()):
        raise UsageError(f"a gate needs a budget; give at least one of {', '.join(limits)}")
    for name, limit in limits.items():
        if limit is not None and not limit > 0:
            raise UsageError(f"the budget must be above 0, got {limit}; write it like {name} 500")
    if budget.max_price_age_days is not None and budget.max_price_age_days < 0:
        raise UsageError(f"the age of prices must not be negative, got {budget.max_price_age_days}; try --max-price-age 90")


def _no_candidate(estimate: Estimate) -> Iterator[Check]:
    summary, nearest = estimate.summary, closest_misses(estimate, 1)
    outcome: Outcome = "inconclusive"
    if not summary.offers:
        reason = "no offer was considered"
    elif summary.no_price:
        reason = f"{summary.no_price} of {summary.offers} offers would serve it but have no price in the book"
    else:
        outcome = "breach"
        closest = f"; the closest, {nearest[0].instance_type}: {nearest[0].reasons[0]}" if nearest else ""
        reason = f"none of {summary.offers} offers serves the traffic within the SLO{closest}"
    yield Check(name="slo", outcome=outcome, limit=_promises(estimate), actual=None, reason=reason)


def _promises(estimate: Estimate) -> str:
    return ", ".join(f"{t.metric} ≤ {milliseconds(t.limit_ms)}" for t in estimate.slo.targets) or "a stable queue"


def _checks(estimate: Estimate, best: Candidate, budget: Budget) -> Iterator[Check]:
    for name, limit, band in (
        ("monthly", budget.max_monthly, best.cost.per_month),
        ("per_million", budget.max_per_million, best.cost.per_million),
    ):
        if limit is not None:
            outcome, reason = _judge_money(band, limit, estimate.currency, _gaps(best), at_risk=best.slo_holds == "at_risk")
            yield Check(name=name, outcome=outcome, limit=money(limit, estimate.currency), actual=band, reason=reason)
    if budget.max_p99_ms is not None:
        yield _judge_p99(best, budget.max_p99_ms)
    if estimate.slo.targets:
        yield _judge_slo(estimate, best)
    if budget.max_price_age_days is not None:
        yield _judge_age(estimate, best, budget.max_price_age_days)


def _gaps(best: Candidate) -> str:
    """A half sentence on the lines without a price; empty where there are none."""
    names = dict.fromkeys(line.name for line in best.lines if line.monthly_cost is None)
    return f", with {', '.join(names)} at the dearest price known" if names else ""


def _judge_money(band: Band, limit: Decimal, currency: str, gaps: str, *, at_risk: bool) -> tuple[Outcome, str]:
    allowed = money(limit, currency)
    if band.low > limit:
        return "breach", f"even at the band's cheap end, {money(band.low, currency)}, it is over {allowed}"
    if band.high is None:
        why = "what has no price cannot be bounded" if gaps else "the band has no upper end"
        why = "no number of replicas keeps the SLO at the band's slow end" if at_risk else why
        return "inconclusive", f"likely {money(band.likely, currency)}, but {why}; the limit is {allowed}"
    high = f"{money(band.high, currency)}{gaps}"
    if band.high > limit:
        return "inconclusive", f"likely {money(band.likely, currency)}, but the band reaches {high}; the limit is {allowed}"
    return "pass", f"at most {high}: within {allowed}"


def _judge_p99(best: Candidate, limit_ms: float) -> Check:
    likely, factor = best.latency_ms.p99, 1 + best.band
    low, high = likely / factor, likely * factor
    outcome: Outcome = "pass" if high <= limit_ms else "breach" if low > limit_ms else "inconclusive"
    words = {
        "pass": f"{milliseconds(high)} at the band's slow end is within {milliseconds(limit_ms)}",
        "breach": f"{milliseconds(low)} at the band's fast end is over {milliseconds(limit_ms)}",
        "inconclusive": f"likely {milliseconds(likely)}, between {milliseconds(low)} and {milliseconds(high)}",
    }
    actual = Band(*(Decimal(f"{value:.6g}") for value in (low, likely, high)))
    return Check(name="p99", outcome=outcome, limit=milliseconds(limit_ms), actual=actual, reason=words[outcome])


def _judge_slo(estimate: Estimate, best: Candidate) -> Check:
    holds = best.slo_holds == "yes"
    return Check(
        name="slo",
        outcome="pass" if holds else "inconclusive",
        limit=_promises(estimate),
        actual=None,
        reason="kept over the whole band" if holds else "kept at the likely prediction, not at the band's slow end",
    )


def _judge_age(estimate: Estimate, best: Candidate, limit_days: int) -> Check:
    age = max(catalog.age_days for catalog in estimate.price_catalogs if catalog.provider == best.provider)
    return Check(
        name="price_age",
        outcome="pass" if age <= limit_days else "inconclusive",
        limit=f"{limit_days} days",
        actual=None,
        reason=f"the prices of {best.provider} are {age} days old",
    )
