"""Budgets, and what a gate says of an estimate."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from infercost.domain.errors import UsageError
from infercost.domain.verdict import Budget

if TYPE_CHECKING:
    from infercost.domain.estimate import Estimate
    from infercost.domain.verdict import Verdict


def gate(
    estimated: Estimate,
    *,
    max_monthly: Decimal | float | str | None = None,
    max_per_million: Decimal | float | str | None = None,
    max_p99_ms: float | None = None,
    max_price_age_days: int | None = None,
) -> Verdict:
    """Judge whether an estimate holds a way to serve within budgets (in its currency, milliseconds, days).

    Raises:
        UsageError: no budget is given, or one is not above zero.
    """
    return judge(estimated, budget(max_monthly, max_per_million, max_p99_ms, max_price_age_days))


def judge(estimated: Estimate, limits: Budget) -> Verdict:
    """Judge an estimate against a budget made by :func:`budget`."""
    from infercost.engine.gate import gate as judge_candidate

    return judge_candidate(estimated, limits)


def budget(
    max_monthly: Decimal | float | str | None = None,
    max_per_million: Decimal | float | str | None = None,
    max_p99_ms: float | None = None,
    max_price_age_days: int | None = None,
) -> Budget:
    """A checked budget; see :func:`gate`."""
    if max_monthly is None and max_per_million is None and max_p99_ms is None:
        raise UsageError("a gate needs a budget; give --max-monthly, --max-per-million or --max-p99")
    return limits(max_monthly, max_per_million, max_p99_ms, max_price_age_days)


def limits(
    max_monthly: Decimal | float | str | None = None,
    max_per_million: Decimal | float | str | None = None,
    max_p99_ms: float | None = None,
    max_price_age_days: int | None = None,
) -> Budget:
    """Checked limits, of which there may be none: a target of a project file may have its own."""
    if max_p99_ms is not None and not 0 < max_p99_ms < float("inf"):
        raise UsageError(f"--max-p99 must be above 0, got {max_p99_ms:g} ms")
    if max_price_age_days is not None and max_price_age_days < 0:
        raise UsageError(f"--max-price-age must not be negative, got {max_price_age_days}")
    return Budget(
        max_monthly=_money("--max-monthly", max_monthly),
        max_per_million=_money("--max-per-million", max_per_million),
        max_p99_ms=max_p99_ms,
        max_price_age_days=max_price_age_days,
    )


def _money(name: str, value: Decimal | float | str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise UsageError(f"{name} must be an amount of money, got {value!r}; write it like {name} 500") from None
    if not amount.is_finite() or amount <= 0:
        raise UsageError(f"{name} must be above 0, got {value}")
    return amount
