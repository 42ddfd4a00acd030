"""Answers of ``infercost prices`` as Markdown, fit for a pull request that changes prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.render.markdown import MARKS, bullets, document, escape, table
from infercost.render.price_digest import (
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
    from collections.abc import Sequence
    from decimal import Decimal

    from infercost.domain.price_report import PriceChange, PriceCheck, PriceDiff, PriceList
    from infercost.render import View


def listing(value: PriceList, view: View) -> str:
    """The prices as a table, then their dates and sources."""
    shown = value.rows if view.details else value.rows[: view.top]
    header = ["cloud", "region", "kind", "name", "price", "per", "as of", "flag", "source"]
    rows = [
        [r.provider, place(r.region), r.kind, r.name, _price(r.price, r.currency), r.unit, r.as_of, r.flag, r.source]
        for r in shown
    ]
    parts = [table(header, rows, right=(4,))]
    if len(shown) < len(value.rows):
        parts.append(f"{len(value.rows) - len(shown):,} more.")
    parts.append(f"Prices: {escape('; '.join(catalog_line(c) for c in value.price_catalogs))}.")
    if value.warnings:
        parts.append(bullets(f"warning: {text}" for text in value.warnings))
    return document(parts)


def diff(value: PriceDiff, view: View) -> str:
    """A summary by cloud, then the changes cloud by cloud, folded away."""
    header = ["cloud", "before", "after", "added", "removed", "changed", "dearer", "cheaper", "middle change"]
    rows = [
        [
            s.provider,
            s.before,
            s.after,
            *(f"{n:,}" for n in (s.added, s.removed, s.changed, s.dearer, s.cheaper)),
            percent(s.median),
        ]
        for s in summaries(value)
    ]
    total = len(value.changes)
    parts = [f"### Prices: {total:,} {'change' if total == 1 else 'changes'}", table(header, rows, right=range(3, 9))]
    parts += [bullets(line for impact in value.impacts for line in impact_lines(impact, "USD "))] if value.impacts else []
    for summary in summaries(value):
        own = sorted((c for c in value.changes if c.provider == summary.provider), key=lambda c: -abs(c.relative or 0))
        if own:
            parts.append(_folded(summary.provider, own, len(own) if view.details else view.top))
    if value.warnings:
        parts.append(bullets(f"warning: {text}" for text in value.warnings))
    return document(parts)


def check(value: PriceCheck, view: View) -> str:
    """The outcome and every defect."""
    defects = [f for f in value.findings if f.explained is None]
    mark = MARKS["pass" if value.outcome == "pass" else "breach"]
    checked = sum(value.checked.values())
    parts = [f"### {mark} {checked:,} prices checked: {len(defects):,} defects"]
    shown = defects if view.details else defects[: max(view.top, 20)]
    if shown:
        parts.append(
            table(["cloud", "check", "subject", "what is wrong"], [[f.provider, f.check, f.subject, f.message] for f in shown])
        )
    parts.append(f"Prices: {escape('; '.join(catalog_line(c) for c in value.price_catalogs))}.")
    if value.warnings:
        parts.append(bullets(f"warning: {text}" for text in value.warnings))
    return document(parts)


def _folded(provider: str, changes: Sequence[PriceChange], top: int) -> str:
    header = ["region", "name", "change", "old", "new", "%", "per"]
    rows = [
        [
            *(place(c.region), key_of(c), change_words(c)),
            *(_price(c.old, "USD", blank=c.change == "added"), _price(c.new, "USD", blank=c.change == "removed")),
            *(percent(c.relative), c.unit),
        ]
        for c in changes[:top]
    ]
    rest = f"\n\n{len(changes) - top:,} more." if len(changes) > top else ""
    body = table(header, rows, right=(3, 4, 5))
    return f"<details><summary>{provider}: {len(changes):,}</summary>\n\n{body}{rest}\n\n</details>"


def _price(value: Decimal | None, currency: str, *, blank: bool = False) -> str:
    """With the currency's code and never a dollar sign; see ``infercost.render.markdown``."""
    return price_text(value, currency, blank=blank).replace("$", "USD ")
