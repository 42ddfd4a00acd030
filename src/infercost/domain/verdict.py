"""Budgets and what a gate says of them."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from typing import Final, Literal

from infercost.domain.estimate import Band, Estimate
from infercost.domain.units import SCHEMA_VERSION

Outcome = Literal["pass", "breach", "inconclusive"]

EXIT_CODES: Final[dict[Outcome, int]] = {"pass": 0, "breach": 3, "inconclusive": 4}
SEVERITY: Final[dict[Outcome, int]] = {"pass": 0, "inconclusive": 1, "breach": 2}
"""Of several outcomes the worst decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits; None means unlimited."""

    max_monthly: Decimal | None = None
    max_per_million: Decimal | None = None
    max_p99_ms: float | None = None
    max_price_age_days: int | None = None
    """Prices older than this make the gate inconclusive."""

    def or_else(self, other: Budget) -> Budget:
        """Each limit of this one, or the other's where this has none."""
        mine, others = (astuple(budget) for budget in (self, other))
        names = (field.name for field in fields(Budget))
        chosen = (a if a is not None else b for a, b in zip(mine, others, strict=True))
        return Budget(**dict(zip(names, chosen, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A breach that someone answers for, for a time."""

    check: str
    """Which check: ``monthly``, ``per_million``, ``p99`` or ``slo``."""
    until: str
    """The last day that it holds, ISO."""
    owner: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One budget against one figure."""

    name: str
    outcome: Outcome
    limit: str
    actual: Band | None
    reason: str
    waiver: Waiver | None = None
    """What turned a breach into a pass; None where nothing did."""


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
    """Rank of the candidate that was judged: the first that passes every check, else 1. None when there was none."""
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 pass, 3 breach, 4 inconclusive."""
        return EXIT_CODES[self.outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What a gate says of every target of a project file: the worst of them decides."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["verdicts"] = "verdicts"
    outcome: Outcome
    verdicts: dict[str, Verdict]
    """By target, in the order of the file."""

    @property
    def exit_code(self) -> int:
        """0 pass, 3 breach, 4 inconclusive."""
        return EXIT_CODES[self.outcome]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of all verdicts, each once, led by the targets that it is about unless it is about all."""
        about: dict[str, dict[str, None]] = {}
        for name, verdict in self.verdicts.items():
            for text in verdict.warnings:
                about.setdefault(text, {})[name] = None
        return tuple(
            text if len(names) == len(self.verdicts) > 1 else f"{', '.join(names)}: {text}" for text, names in about.items()
        )
