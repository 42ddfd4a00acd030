"""What a user measured where it counts, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infercost.render import figures
from infercost.render._terminal import Column, columns, facts, to_text
from infercost.render.csv import text as csv_text
from infercost.render.markdown import bullets, document
from infercost.render.markdown import table as markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from infercost.domain.calibration import Calibrations, FamilyCalibration, Observation
    from infercost.render import View

__all__ = ["document_of", "observations_csv", "table"]

_HEADER: Final = ["id", "instance", "model", "measured", "predicted", "ratio", "date", "source"]
_RIGHT: Final = (3, 4, 5)
_WIDE: Final = 72
"""Characters from which instance and source have room beside the figures."""


def table(value: Calibrations, view: View) -> str:
    """Every measurement with its id, then what each family's predictions become."""
    parts: list[RenderableType | str] = []
    if value.observations:
        rows = [_row(o) for o in value.observations]
        parts.append(columns(_wide(rows) if view.width >= _WIDE else _narrow(rows)))
    else:
        parts.append("No measurement of a model.")
    entries = (
        ("Microbenchmarks", _machines(value)),
        ("Predictions", [_family(f) for f in value.families]),
        ("Notes", list(dict.fromkeys(figures.clean(o.note) for o in value.observations if o.note))),
        ("File", [figures.clean(value.path)] if value.path else []),
    )
    return to_text([*parts, "", facts(entries)], view)


def _wide(rows: Sequence[Sequence[str]]) -> list[Column]:
    return [
        Column("id", [[row[0]] for row in rows], style="bold"),
        Column("instance\nmodel", [row[1:3] for row in rows], wrap=True),
        *(Column(_HEADER[i], [[row[i]] for row in rows], justify="right") for i in _RIGHT),
        Column("date\nsource", [row[6:8] for row in rows], wrap=True),
    ]


def _narrow(rows: Sequence[Sequence[str]]) -> list[Column]:
    return [
        Column("id\ninstance\nmodel\ndate\nsource", [[*row[:3], *row[6:8]] for row in rows], wrap=True),
        Column("measured\npredicted\nratio", [row[3:6] for row in rows], justify="right"),
    ]


def document_of(value: Calibrations, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """The same as Markdown."""
    parts = ["### Calibration", markdown_table(_HEADER, [_row(o) for o in value.observations], right=_RIGHT)]
    told = [*_machines(value), *(_family(f) for f in value.families)]
    return document([*parts, *([bullets(told)] if told else [])])


def observations_csv(value: Calibrations, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a measurement."""
    names = (
        *("id", "instance", "family", "reference", "model", "sha256", "precision", "metric", "measured", "predicted", "ratio"),
        *("batch", "threads", "noise", "source", "date", "note"),
    )
    return csv_text(names, ({name: getattr(o, name) for name in names} for o in value.observations))


def _row(o: Observation) -> Sequence[str]:
    what = figures.milliseconds if o.metric == "latency_ms" else _per_second
    threads = "" if o.threads is None else f" x {figures.count(o.threads, 'thread')}"
    config = f"batch {o.batch}{threads}" if o.metric == "latency_ms" else "saturated"
    return (
        o.id,
        o.instance,
        f"{figures.clean(o.model)}, {config}",
        what(o.measured),
        what(o.predicted),
        f"x{o.ratio:.2f}",
        o.date,
        figures.clean(o.source),
    )


def _per_second(value: float) -> str:
    return f"{value:.4g}/s"


def _machines(value: Calibrations) -> list[str]:
    return [
        f"{m.instance}: {m.ceilings.gemm_gflops.get('fp32', 0):g} GFLOP/s fp32 on one thread, of {m.date}"
        for m in value.machines
    ]


def _family(f: FamilyCalibration) -> str:
    if not f.n:
        return f"{f.family}: nothing measured at {f.precision}; ±{f.band_before:.0%} as published"
    doubt = "; the measurements contradict the published errors" if f.surprising else ""
    count = figures.count(f.n, "measurement")
    return f"{f.family}: x{f.ratio:.2f}, ±{f.band_before:.0%} becomes ±{f.band:.0%} by {count}{doubt}"
