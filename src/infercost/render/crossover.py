"""Requests a day against monthly cost, by cloud and serving mode, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from infercost.render import crossover_digest as digest
from infercost.render import digest as common
from infercost.render import figures
from infercost.render._terminal import Column, columns, facts, first_that_fits, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.table import Table

    from infercost.domain.capacity import Crossover
    from infercost.render import View


def crossover(value: Crossover, view: View) -> str:
    """The table, where each mode becomes the cheapest, and what each can promise."""
    money = figures.symbol(value.currency).strip()
    promised = f" {figures.promises(value.slo).capitalize()}: +, the cheapest that keeps it." if value.slo.targets else ""
    parts: list[RenderableType | str] = [
        Text(f"{figures.clean(value.model.name)}: requests a day against {money} a month", style="bold"),
        f"{digest.traffic(value)} *: the cheapest of its cloud.{promised}".strip(),
        "",
        first_that_fits(_layouts(value), view),
        "",
    ]
    few = 10**9 if view.details else 8
    entries = [
        ("Cheapest", digest.turns(value)),
        ("Within SLO", digest.turns_within(value)),
        ("Latency", common.shorten(digest.latencies(value), 10**9 if view.details else 16, "--details has all")),
        ("No figure", common.shorten(digest.gaps(value), few, "--details has all")),
        ("Rests on", digest.assumptions(value) if view.details else _count(value)),
        ("Not priced", list(value.not_priced) if view.details else []),
        ("Prices", common.prices(value)),
        ("Warnings", common.shorten(value.warnings, few, "--details has all")),
    ]
    return to_text([*parts, facts([(name, lines) for name, lines in entries if lines])], view)


def _count(value: Crossover) -> list[str]:
    assumed = sum(fact.basis == "assumed" for fact in value.facts)
    return [f"{len(value.facts)} rules, {assumed} of them assumed (--details has all)"] if value.facts else []


def _layouts(value: Crossover) -> Iterator[Table]:
    """All levels, then every other, then one a thousandfold; the narrowest last."""
    header, rows = digest.grid(value)
    for step in (1, 2, 3, 6):
        kept = [0, 1, *range(2, len(header), step)]
        for gap in (2, 1):
            yield columns(
                [Column(header[i], [[row[i]] for row in rows], justify="right" if i > 1 else "left") for i in kept], gap=gap
            )
