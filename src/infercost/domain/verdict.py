"""Budgets and what a gate says of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from infercost.domain.estimate import Band, Estimate
from infercost.domain.units import SCHEMA_VERSION

Outcome = Literal["pass", "breach", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits; None means unlimited."""

    max_monthly: Decimal | None = None
    max_per_million: Decimal | None = None
    max_p99_ms: float | None = None
    max_price_age_days: int | None = None
    """Prices older than this make the gate inconclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One budget against one figure."""

    name: str
    outcome: Outcome
    limit: str
    actual: Band | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate says: all checks, and the worst of them."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["verdict"] = "verdict"
    outcome: Outcome
    checks: tuple[Check, ...]
    budget: Budget
    estimate: Estimate
    candidate: int | None
    """Rank of the candidate that was judged; None when there was none."""
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 pass, 3 breach, 4 inconclusive."""
        return {"pass": 0, "breach": 3, "inconclusive": 4}[self.outcome]
