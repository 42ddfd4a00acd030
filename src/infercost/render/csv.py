"""Flat tables for spreadsheets: candidates, their cost lines, a profile's points, a verdict's checks.

Nothing is rounded and nothing is left out. What is not known is an empty cell.
"""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from infercost.domain.estimate import Band, Candidate, Estimate
    from infercost.domain.model import Inspection
    from infercost.domain.profile import Point, Profile
    from infercost.domain.verdict import Check, Verdict, Verdicts
    from infercost.render import View

    Cell = str | int | float | Decimal | bool | None


def candidates(value: Estimate, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a candidate."""
    return text(_CANDIDATE, (_candidate(c) | {"currency": value.currency} for c in value.candidates))


def lines(value: Estimate) -> str:
    """One row a cost line, led by the candidate that it belongs to."""
    names = (
        *("name", "unit", "quantity", "price", "monthly_cost", "basis", "source", "provenance", "note"),
        *("list_price", "list_cost", "at_most"),
    )
    keys = ("rank", "provider", "region", "mode", "instance_type")
    rows = (
        {key: getattr(c, key) for key in keys} | {name: getattr(line, name) for name in names}
        for c in value.candidates
        for line in c.lines
    )
    return text((*keys, *names), rows)


def points(value: Profile, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a measured configuration."""
    return text(_POINT, (_point(p) for p in value.points))


def checks(value: Verdict, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a check."""
    return text(_CHECK, (_check(c) for c in value.checks))


def all_checks(value: Verdicts, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a check, led by the target that it belongs to."""
    rows = (_check(check) | {"target": name} for name, verdict in value.verdicts.items() for check in verdict.checks)
    return text(("target", *_CHECK), rows)


def operators(value: Inspection, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row an operator type."""
    names = ("op_type", "count", "flops", "bytes", "weight_bytes")
    return text(names, ({name: getattr(o, name) for name in names} for o in value.model.operators))


_CANDIDATE = (
    *("rank", "tie_group", "provider", "region", "mode", "instance_type", "accelerator"),
    *("replicas_min", "replicas_max", "replicas_mean", "workers", "threads", "max_batch", "max_delay_ms"),
    *("p50_ms", "p95_ms", "p99_ms", "capacity_rps", "utilization", "provenance", "band", "slo_holds"),
    *("per_million_low", "per_million_likely", "per_million_high"),
    *("per_month_low", "per_month_likely", "per_month_high"),
    *("unpriced_lines", "dominated_by", "notes", "list_per_month", "currency", "compared"),
)

_POINT = (
    *("batch", "threads", "precision", "device"),
    *("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "min_ms", "cv", "count"),
    *("throughput_per_s", "memory_bytes", "cpu_utilization", "load_s", "first_inference_s", "stable"),
)

_CHECK = ("name", "outcome", "limit", "actual_low", "actual_likely", "actual_high", "reason")


def _candidate(c: Candidate) -> dict[str, Cell]:
    same = ("rank", "tie_group", "provider", "region", "mode", "instance_type", "accelerator", "capacity_rps", "utilization")
    return (
        {name: getattr(c, name) for name in (*same, "provenance", "band", "slo_holds", "dominated_by")}
        | {f"replicas_{name}": getattr(c.replicas, name) for name in ("min", "max", "mean")}
        | {name: getattr(c.serving, name) for name in ("workers", "threads", "max_batch", "max_delay_ms")}
        | {f"{name}_ms": getattr(c.latency_ms, name) for name in ("p50", "p95", "p99")}
        | _band("per_million", c.cost.per_million)
        | _band("per_month", c.cost.per_month)
        | {
            "unpriced_lines": "; ".join(dict.fromkeys(line.name for line in c.lines if line.monthly_cost is None)),
            "notes": "; ".join(c.notes),
            "list_per_month": c.cost.list_per_month,
            "compared": c.cost.compared,
        }
    )


def _point(p: Point) -> dict[str, Cell]:
    stats = p.latency_ms
    return (
        {name: getattr(p, name) for name in (*_POINT[:4], *_POINT[12:])}
        | {f"{name}_ms": getattr(stats, name) for name in ("mean", "p50", "p90", "p95", "p99", "min")}
        | {"cv": stats.cv, "count": stats.count}
    )


def _check(c: Check) -> dict[str, Cell]:
    row: dict[str, Cell] = {name: getattr(c, name) for name in ("name", "outcome", "limit", "reason")}
    return row | (_band("actual", c.actual) if c.actual is not None else {})


def _band(prefix: str, band: Band) -> dict[str, Cell]:
    return {f"{prefix}_low": band.low, f"{prefix}_likely": band.likely, f"{prefix}_high": band.high}


def text(header: Iterable[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """A table with a header; what a row lacks is an empty cell."""
    buffer = StringIO()
    writer = csv.DictWriter(buffer, tuple(header), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: str(x).lower() if isinstance(x, bool) else x for name, x in row.items()} for row in rows)
    return buffer.getvalue()
