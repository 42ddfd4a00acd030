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
    parts: list[RenderableType | str] = [
        Text(f"{figures.clean(value.model.name)}: requests a day against {money} a month", style="bold"),
        f"{figures.promises(value.slo).capitalize()} where a mode can promise it. *: the cheapest of its cloud.",
        "",
        first_that_fits(_layouts(value), view),
        "",
    ]
    few = 10**9 if view.details else 8
    entries = [
        ("Cheapest", digest.turns(value)),
        ("Latency", common.shorten(digest.latencies(value), few, "--details has all")),
        ("No figure", common.shorten(digest.gaps(value), few, "--details has all")),
        ("Prices", common.prices(value)),
        ("Warnings", common.shorten(value.warnings, few, "--details has all")),
    ]
    return to_text([*parts, facts(entries)], view)


def _layouts(value: Crossover) -> Iterator[Table]:
    """All levels, then every other, then one a thousandfold; the narrowest last."""
    header, rows = digest.grid(value)
    for step in (1, 2, 3, 6):
        kept = [0, 1, *range(2, len(header), step)]
        for gap in (2, 1):
            yield columns(
                [Column(header[i], [[row[i]] for row in rows], justify="right" if i > 1 else "left") for i in kept], gap=gap
            )
