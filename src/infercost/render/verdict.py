"""A gate's verdicts for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from infercost.render import digest, figures
from infercost.render._terminal import Column, columns, facts, to_text
from infercost.render.table import ranking

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from infercost.domain.verdict import Check, Verdict, Verdicts
    from infercost.render import View

COLORS: Final = {"pass": "bold green", "breach": "bold red", "inconclusive": "bold yellow"}
WORDS: Final = {"pass": "PASS", "breach": "BREACH", "inconclusive": "INCONCLUSIVE"}


def verdict(value: Verdict, view: View) -> str:
    """The outcome, each check, and the candidate that was judged."""
    estimate = value.estimate
    asked = figures.question(estimate.model.name, estimate.traffic, estimate.slo)
    parts: list[RenderableType | str] = [Text(f"{WORDS[value.outcome]}  {asked}", style=COLORS[value.outcome])]
    if value.checks:
        parts += ["", checks(value.checks, estimate.currency)]
    row = digest.judged(value)
    if row is not None:
        parts += ["", Text("Judged:"), ranking([row], view, estimate.currency)]
    elif not estimate.candidates:
        parts += ["", digest.headline(estimate)]
    return to_text([*parts, "", facts(_facts(value, view))], view)


def verdicts(value: Verdicts, view: View) -> str:
    """The worst outcome, then one row a target with what decided it."""
    rows = list(value.verdicts.items())
    judged = [digest.judged(verdict) for _, verdict in rows]
    parts: list[RenderableType | str] = [
        Text(f"{WORDS[value.outcome]}  {digest.tally(value.verdicts.values())}", style=COLORS[value.outcome]),
        "",
        columns(
            [
                Column("target", [[figures.clean(name)] for name, _ in rows], style="bold", wrap=True),
                Column("outcome", [[verdict.outcome] for _, verdict in rows], style="bold"),
                Column(
                    "a month", [[digest.monthly(verdict, row)] for (_, verdict), row in zip(rows, judged, strict=True)], "right"
                ),
                Column("why", [[figures.clean("; ".join(digest.reasons_of(verdict)))] for _, verdict in rows], wrap=True),
            ]
        ),
    ]
    entries = (
        ("Prices", list(dict.fromkeys(line for _, verdict in rows for line in digest.prices(verdict.estimate)))),
        ("Discounts", list(dict.fromkeys(line for _, verdict in rows for line in digest.discounts(verdict.estimate)))),
        ("Warnings", digest.shorten(value.warnings, len(value.warnings) if view.details else digest.FEW, digest.MORE)),
    )
    return to_text([*parts, "", facts(entries)], view)


def checks(all_checks: Sequence[Check], currency: str = "USD") -> RenderableType:
    """One row a check."""
    symbol = figures.symbol(currency)
    return columns(
        [
            Column("check", [[figures.clean(c.name)] for c in all_checks]),
            Column("limit", [[figures.clean(c.limit)] for c in all_checks], justify="right"),
            Column("estimate", [[digest.actual(c, symbol)] for c in all_checks], justify="right"),
            Column("outcome", [[c.outcome] for c in all_checks], style="bold"),
            Column("why", [[figures.clean(c.reason)] for c in all_checks], wrap=True),
        ]
    )


def _facts(value: Verdict, view: View) -> Iterable[tuple[str, Sequence[str]]]:
    yield "Prices", digest.prices(value.estimate)
    yield "Discounts", digest.discounts(value.estimate)
    yield "Regions", [digest.regions(value.estimate)]
    warnings = list(dict.fromkeys((*value.warnings, *value.estimate.warnings)))
    yield "Warnings", digest.shorten(warnings, len(warnings) if view.details else digest.FEW, digest.MORE)
