"""Answers of ``infercost prices`` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from infercost.render import figures
from infercost.render._terminal import Column, columns, facts, first_that_fits, to_text
from infercost.render.price_digest import (
    MORE,
    Summary,
    catalog_line,
    change_words,
    impact_lines,
    key_of,
    percent,
    place,
    price_text,
    summaries,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from infercost.domain.price_report import PriceChange, PriceCheck, PriceDiff, PriceList, PriceRow
    from infercost.render import View


def listing(value: PriceList, view: View) -> str:
    """One row a price, then where they come from, what flags mean and how prices went."""
    rows = value.rows if view.details else value.rows[: view.top]
    parts: list[RenderableType | str] = [_rows(rows, view)]
    if len(rows) < len(value.rows):
        parts.append(
            Text(f"{len(value.rows) - len(rows):,} more: --top {len(value.rows)}, or --format csv for all.", style="dim")
        )
    sources = list(dict.fromkeys(f"{row.provider}: {row.source}" for row in rows))
    history = [text for row in rows for text in _history(row)]
    notes = list(dict.fromkeys(f"{row.flag}: {row.note}" if row.flag else row.note for row in rows if row.note))
    entries = (
        ("Prices", [catalog_line(c) for c in value.price_catalogs]),
        ("Source", [figures.clean(text) for text in sources[: view.top]]),
        ("History", history[: view.top]),
        ("Notes", [figures.clean(note) for note in notes]),
        ("Warnings", [figures.clean(text) for text in value.warnings]),
    )
    return to_text([*parts, "", facts(entries)], view)


def diff(value: PriceDiff, view: View) -> str:
    """A summary by cloud, the largest changes, and what they do to estimates."""
    by_cloud = summaries(value)
    parts: list[RenderableType | str] = [first_that_fits((_summary(by_cloud), _summary(by_cloud, short=True)), view)]
    if value.changes:
        shown = sorted(value.changes, key=lambda c: -abs(c.relative or 0))
        shown = shown if view.details else shown[: view.top]
        parts += ["", _changes(shown, view)]
        if len(shown) < len(value.changes):
            rest = len(value.changes) - len(shown)
            parts.append(Text(f"{rest:,} more: --top {len(value.changes)}, or --format csv for all.", style="dim"))
    entries = (
        ("Estimates", [line for impact in value.impacts for line in impact_lines(impact)]),
        ("Warnings", [figures.clean(text) for text in value.warnings]),
    )
    return to_text([*parts, "", facts(entries)], view)


def check(value: PriceCheck, view: View) -> str:
    """The outcome, defects in full, and how many findings are explained."""
    defects = [finding for finding in value.findings if finding.explained is None]
    explained = [finding for finding in value.findings if finding.explained is not None]
    style, word = ("bold green", "PASS") if value.outcome == "pass" else ("bold red", "FAIL")
    checked = sum(value.checked.values())
    text = f"{word}  {checked:,} prices checked, {figures.count(len(defects), 'defect')}, {len(explained):,} oddities explained"
    parts: list[RenderableType | str] = [Text(text, style=style)]
    shown = defects if view.details else defects[: max(view.top, 20)]
    if shown:
        parts += [
            "",
            columns(
                [
                    Column("cloud", [[figures.clean(f.provider)] for f in shown]),
                    Column("check", [[figures.clean(f.check)] for f in shown]),
                    Column("subject", [[figures.clean(f.subject)] for f in shown]),
                    Column("what is wrong", [[figures.clean(f.message)] for f in shown], wrap=True),
                ]
            ),
        ]
    if len(shown) < len(defects):
        parts.append(f"{len(defects) - len(shown):,} more ({MORE})")
    reasons: dict[str, int] = {}
    for finding in explained:
        label = f"{finding.provider}, {finding.check}: {finding.explained}"
        reasons[label] = reasons.get(label, 0) + 1
    entries = (
        ("Prices", [catalog_line(c) for c in value.price_catalogs]),
        ("Explained", [figures.clean(f"{count} × {label}") for label, count in reasons.items()] if view.details else []),
        ("Warnings", [figures.clean(text) for text in value.warnings]),
    )
    return to_text([*parts, "", facts(entries)], view)


def _rows(rows: Sequence[PriceRow], view: View) -> Table:
    return first_that_fits((_wide_rows(rows), _narrow_rows(rows)), view)


def _wide_rows(rows: Sequence[PriceRow]) -> Table:
    parts = [
        Column("cloud", [[figures.clean(r.provider)] for r in rows]),
        Column("region", [[place(r.region)] for r in rows]),
        Column("kind", [[figures.clean(r.kind)] for r in rows]),
        Column("name", [[figures.clean(r.name)] for r in rows], style="bold"),
        Column("price", [[price_text(r.price, r.currency)] for r in rows], justify="right", style="bold"),
        Column("per", [[_per(r)] for r in rows]),
        Column("as of", [[figures.clean(r.as_of)] for r in rows]),
    ]
    return columns([*parts, *_marks(rows)])


def _narrow_rows(rows: Sequence[PriceRow]) -> Table:
    """Two lines a row. The name gives way, never the price: a figure that is cut off is a wrong figure."""
    where = [[figures.clean(r.name), f"{figures.clean(r.provider)} {place(r.region)}, {figures.clean(r.kind)}"] for r in rows]
    parts = [
        Column("name\ncloud, region, kind", where, style="bold", wrap=True),
        Column("price\nper", [[price_text(r.price, r.currency), _per(r)] for r in rows], justify="right", style="bold"),
        Column("as of", [[figures.clean(r.as_of)] for r in rows]),
    ]
    return columns([*parts, *_marks(rows)])


def _marks(rows: Sequence[PriceRow]) -> Iterable[Column]:
    if any(r.flag for r in rows):
        yield Column("flag", [[figures.clean(r.flag)] for r in rows])
    if any(r.terms for r in rows):
        yield Column("terms", [[figures.clean(r.terms)] for r in rows], wrap=True)


def _per(row: PriceRow) -> str:
    start = row.from_quantity
    return figures.clean(row.unit) + (f" from {figures.quantity(start)}" if start else "")


def _history(row: PriceRow) -> Iterable[str]:
    """One line a price that was not always the same; a steady one says since when."""
    if not row.history:
        return
    points = [f"{point.as_of} {price_text(point.price, row.currency)}" for point in row.history]
    if len({point.price for point in row.history}) == 1:
        points = [f"{price_text(row.price, row.currency)} in {len(points)} snapshots since {row.history[0].as_of}"]
    yield f"{figures.clean(row.name)} {place(row.region)}: {'; '.join(points)}"


def _summary(rows: Sequence[Summary], *, short: bool = False) -> Table:
    parts = [
        Column("cloud", [[figures.clean(r.provider)] for r in rows], style="bold"),
        Column("before", [[r.before] for r in rows]),
        Column("after", [[r.after] for r in rows]),
        Column("added", [[f"{r.added:,}"] for r in rows], justify="right"),
        Column("removed", [[f"{r.removed:,}"] for r in rows], justify="right"),
        Column("changed", [[f"{r.changed:,}"] for r in rows], justify="right"),
    ]
    if not short:
        parts += [
            Column("dearer", [[f"{r.dearer:,}"] for r in rows], justify="right"),
            Column("cheaper", [[f"{r.cheaper:,}"] for r in rows], justify="right"),
        ]
    return columns(
        [*parts, Column("middle %" if short else "middle change", [[percent(r.median)] for r in rows], justify="right")]
    )


def _changes(changes: Sequence[PriceChange], view: View) -> Table:
    return first_that_fits((_wide_changes(changes), _narrow_changes(changes)), view)


def _wide_changes(changes: Sequence[PriceChange]) -> Table:
    return columns(
        [
            Column("cloud", [[figures.clean(c.provider)] for c in changes]),
            Column("region", [[place(c.region)] for c in changes]),
            Column("name", [[key_of(c)] for c in changes], style="bold"),
            Column("change", [[change_words(c)] for c in changes]),
            Column("old", [[_old(c)] for c in changes], justify="right"),
            Column("new", [[_new(c)] for c in changes], justify="right"),
            Column("%", [[percent(c.relative)] for c in changes], justify="right"),
        ]
    )


def _narrow_changes(changes: Sequence[PriceChange]) -> Table:
    """Two lines a row; see ``_narrow_rows``."""
    where = [[key_of(c), f"{figures.clean(c.provider)} {place(c.region)}"] for c in changes]
    return columns(
        [
            Column("name\ncloud, region", where, style="bold", wrap=True),
            Column("change\n%", [[change_words(c), percent(c.relative)] for c in changes], justify="right"),
            Column("old\nnew", [[_old(c), _new(c)] for c in changes], justify="right"),
        ]
    )


def _old(change: PriceChange) -> str:
    return price_text(change.old, "USD", blank=change.change == "added")


def _new(change: PriceChange) -> str:
    return price_text(change.new, "USD", blank=change.change == "removed")
