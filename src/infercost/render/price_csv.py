"""Answers of ``infercost prices`` as flat tables. What is not known is an empty cell, never 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.render.csv import text

if TYPE_CHECKING:
    from infercost.domain.price_report import PriceCheck, PriceDiff, PriceList
    from infercost.render import View

_ROW = (
    "provider",
    "region",
    "kind",
    "name",
    "price",
    "unit",
    "currency",
    "as_of",
    "source",
    "from_quantity",
    "terms",
    "flag",
    "note",
)
_CHANGE = ("provider", "region", "kind", "name", "unit", "change", "old", "new", "relative", "from_quantity")
_FINDING = ("provider", "check", "subject", "message", "explained")


def rows(value: PriceList, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a price."""
    return text(_ROW, ({name: getattr(row, name) for name in _ROW} for row in value.rows))


def changes(value: PriceDiff, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a change."""
    return text(_CHANGE, ({name: getattr(change, name) for name in _CHANGE} for change in value.changes))


def findings(value: PriceCheck, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a finding; ``explained`` is empty for a defect."""
    return text(_FINDING, ({name: getattr(finding, name) for name in _FINDING} for finding in value.findings))
