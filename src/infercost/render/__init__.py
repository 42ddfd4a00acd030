"""Artifacts for people and programs: one function, ``render``, and a module a format.

Renderers are found by kind and format in one table and imported when used.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from infercost.domain.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infercost.domain.calibration import Calibrations
    from infercost.domain.capacity import CapacityPlan, Crossover
    from infercost.domain.diagnosis import Diagnosis
    from infercost.domain.estimate import Estimate
    from infercost.domain.model import Inspection
    from infercost.domain.price_report import PriceCheck, PriceDiff, PriceList
    from infercost.domain.profile import Profile
    from infercost.domain.verdict import Verdict, Verdicts
    from infercost.domain.workload import TrafficReport

    Artifact = (
        Estimate
        | Profile
        | Verdict
        | Verdicts
        | Inspection
        | PriceList
        | PriceDiff
        | PriceCheck
        | CapacityPlan
        | Crossover
        | TrafficReport
        | Diagnosis
        | Calibrations
    )

__all__ = ["FORMATS", "View", "render"]

_RENDERERS: Final[dict[str, dict[str, str]]] = {
    "table": {
        "estimate": "table:estimate",
        "profile": "profile_table:profile",
        "verdict": "verdict:verdict",
        "verdicts": "verdict:verdicts",
        "inspection": "inspection_table:inspection",
        "prices": "prices:listing",
        "price_diff": "prices:diff",
        "price_check": "prices:check",
        "capacity_plan": "capacity:plan",
        "traffic": "traffic:table",
        "crossover": "crossover:crossover",
        "diagnosis": "doctor:table",
        "calibrations": "calibrations:table",
    },
    "json": dict.fromkeys(
        (
            *("estimate", "profile", "verdict", "verdicts", "inspection", "prices", "price_diff", "price_check"),
            *("capacity_plan", "crossover", "traffic", "diagnosis", "calibrations"),
        ),
        "json:artifact",
    ),
    "markdown": {
        "estimate": "markdown:estimate",
        "profile": "markdown:profile",
        "verdict": "markdown:verdict",
        "verdicts": "markdown:verdicts",
        "inspection": "markdown:inspection",
        "prices": "price_markdown:listing",
        "price_diff": "price_markdown:diff",
        "price_check": "price_markdown:check",
        "capacity_plan": "capacity_markdown:plan",
        "traffic": "traffic:document",
        "crossover": "capacity_markdown:crossover",
        "diagnosis": "doctor:document_of",
        "calibrations": "calibrations:document_of",
    },
    "csv": {
        "estimate": "csv:candidates",
        "profile": "csv:points",
        "verdict": "csv:checks",
        "verdicts": "csv:all_checks",
        "inspection": "csv:operators",
        "prices": "price_csv:rows",
        "price_diff": "price_csv:changes",
        "price_check": "price_csv:findings",
        "capacity_plan": "capacity_csv:policies",
        "traffic": "traffic:rows",
        "crossover": "capacity_csv:points",
        "diagnosis": "doctor:findings_csv",
        "calibrations": "calibrations:observations_csv",
    },
    "html": {"capacity_plan": "capacity_html:plan"},
}
"""Format, then kind of artifact, to ``module:function`` in this package."""

FORMATS: Final = ("table", "json", "markdown", "csv")
"""What every kind of artifact is offered in. Some have ``html`` beside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a reader wants to see an artifact; formats use what concerns them."""

    width: int
    """Columns of the terminal."""
    color: bool = False
    top: int = 10
    """Candidates shown; JSON and CSV hold all."""
    details: bool = False
    """Show everything that is shortened otherwise."""


def render(
    value: Artifact,
    format: str,
    *,
    width: int | None = None,
    color: bool = False,
    top: int = 10,
    details: bool = False,
) -> str:
    """An artifact as text that ends with a newline.

    Args:
        value: what to show.
        format: one of :data:`FORMATS`, or ``html`` where the kind has a page.
        width: columns of a table; None asks the terminal (``COLUMNS``, else 80).
        color: whether tables may hold ANSI codes; the caller knows the terminal and ``NO_COLOR``.
        top: candidates shown in tables and Markdown; JSON and CSV hold all.
        details: show all warnings, reasons and notes instead of the first few.

    Raises:
        UnknownNameError: there is no such format.
        UsageError: ``top`` or ``width`` is not above 0.
    """
    if format not in _RENDERERS:
        raise UnknownNameError("format", format, FORMATS)
    if top < 1:
        raise UsageError(f"the number of candidates to show must be at least 1, got {top}; try --top 10")
    if width is not None and width < 1:
        raise UsageError(f"the width must be at least 1 column, got {width}; leave it out to use the terminal's")
    if value.kind not in _RENDERERS[format]:
        offered = ", ".join(name for name, kinds in _RENDERERS.items() if value.kind in kinds)
        raise UsageError(f"there is no {format} of this; --format has {offered}")
    columns = width if width is not None else shutil.get_terminal_size((80, 24)).columns
    module, _, function = _RENDERERS[format][value.kind].partition(":")
    renderer: Callable[..., str] = getattr(import_module(f"{__name__}.{module}"), function)
    return renderer(value, View(width=columns, color=color, top=top, details=details))
