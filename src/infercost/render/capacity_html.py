"""A capacity plan as one HTML page that needs no network: the ranking, and charts to zoom into."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from infercost.render import capacity_digest as digest
from infercost.render import digest as common
from infercost.render import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infercost.domain.capacity import CapacityPlan, Policy
    from infercost.render import View

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{library_style}</style>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{introduction}
{ranking}
{charts}
{bill}
{notes}
</main>
<script>{library}</script>
<script>const plans = {data};
{script}</script>
</body>
</html>
"""

_PANELS: Final = (
    ("rps", "requests a second"),
    ("replicas", "replicas in service"),
    ("desired", "replicas wanted"),
    ("waiting", "requests waiting"),
    ("utilization", "busy, %"),
    ("cost", "compute an hour"),
)


def plan(value: CapacityPlan, view: View) -> str:
    """The page."""
    name = f"{figures.clean(value.model.name)}, {figures.promises(value.slo)}"
    explained = [p for p in value.policies if len(p.timeline) > 1]
    return _PAGE.format(
        title=escape(name),
        library_style=_asset("uPlot.min.css"),
        style=_asset("page.css"),
        introduction=_paragraphs(
            f"Traffic: {digest.workload(value.workload)}. {value.workload.burstiness}.",
            f"{digest.carried(value.workload)} Profiled on {value.model.machine}.",
        ),
        ranking=_ranking(value, view),
        charts=_charts(explained),
        bill=_bill(value.policies[0], value.currency) if value.policies else "",
        notes=_notes(value),
        library=_asset("uPlot.iife.min.js"),
        # "</" would end the script element wherever it stands, also within a string.
        data=json.dumps([_series(p) for p in explained]).replace("</", "<\\/"),
        script=_asset("timeline.js"),
    )


def _asset(name: str) -> str:
    return (files("infercost.render") / "assets" / name).read_text(encoding="utf-8")


def _paragraphs(*texts: str) -> str:
    return "\n".join(f"<p>{escape(figures.clean(text))}</p>" for text in texts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """A table whose first ``words`` columns hold words, the others figures."""

    def cells(tag: str, row: Sequence[str]) -> str:
        kinds = ("" if i < words else ' class="figure"' for i in range(len(row)))
        return "".join(f"<{tag}{kind}>{escape(figures.clean(cell))}</{tag}>" for cell, kind in zip(row, kinds, strict=True))

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{cells("th", header)}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _ranking(value: CapacityPlan, view: View) -> str:
    if not value.policies:
        return "<p><strong>Nothing that was considered serves this traffic within the SLO.</strong></p>"
    money = figures.symbol(value.currency)
    header = ["#", "cloud", "region", "instance", "scaling", "serving", "replicas", "mean", "p99", "met", "sure", "idle"]
    rows = []
    for row in digest.rows(value, view.top):
        p = row.policy
        partial = " +" if any(line.monthly_cost is None for line in p.lines) else ""
        risk = " !" if p.slo_holds == "at_risk" else ""
        rows.append(
            [
                *(row.label, p.provider, p.region, p.instance_type, digest.scaling(p)),
                *(f"{figures.workers(p.serving)} {figures.batch(p.serving)}", digest.replicas(p), f"{p.replicas.mean:.3g}"),
                f"{figures.milliseconds(p.latency_ms.p99)}{risk}",
                *(digest.share(p.attainment), digest.probability(p), figures.percent(p.idle_share)),
                f"{figures.banded(p.per_month, money)}{partial}",
            ]
        )
    legend = (
        f"{digest.meaning_of_met(value)}. sure: probability that the SLO holds, by the prediction's "
        "band. idle: share of the compute bill that no request used. =: a tie. "
        "!: nothing on this hardware keeps the SLO at the slow end of its band. +: lines without a price are not in it."
    )
    return f'<h2>The cheapest of each cloud</h2>\n{_table([*header, "a month"], rows, 6)}\n<p class="legend">{legend}</p>'


def _charts(explained: Sequence[Policy]) -> str:
    if not explained:
        return ""
    options = "".join(
        f'<option value="{i}">{escape(figures.clean(f"{p.instance_type} × {digest.replicas(p)}, {p.provider} {p.region}"))}'
        "</option>"
        for i, p in enumerate(explained)
    )
    return (
        f'<h2>Over the traffic given</h2>\n<p><label>Policy: <select id="policy">{options}</select></label> '
        '<span class="legend">Drag over a chart to zoom in, double-click to zoom out.</span></p>\n<div id="charts"></div>'
    )


def _series(policy: Policy) -> dict[str, object]:
    """Columns of a policy's timeline, and the panels that show them."""
    points = policy.timeline
    length_s = points[1].at_s - points[0].at_s
    return {
        "at": [p.at_s for p in points],
        "panels": [{"title": title, "values": [_read(p, key, length_s) for p in points]} for key, title in _PANELS]
        + [{"title": "requests late", "values": [p.late for p in points]}],
    }


def _read(point: object, key: str, length_s: float) -> float | None:
    value = getattr(point, key)
    if value is None:
        return None
    if key == "cost":
        return float(value) * 3600 / length_s if length_s else None
    return round(float(value) * (100 if key == "utilization" else 1), 4)


def _bill(policy: Policy, currency: str) -> str:
    money = figures.symbol(currency)
    name = f"{policy.instance_type} × {digest.replicas(policy)}, {policy.provider} {policy.region}"
    rows = [
        [
            f"{x.name}{' (idle)' if x.basis == 'idle' else ''}",
            *(figures.quantity(x.quantity), figures.price(x.price, money), x.unit, figures.money(x.monthly_cost, money)),
        ]
        for x in policy.lines
    ]
    table = _table(["line", "quantity", "price", "per", "a month"], rows, 1)
    return f"<h2>The month's bill of {escape(figures.clean(name))}</h2>\n{table}"


def _notes(value: CapacityPlan) -> str:
    parts: list[tuple[str, Sequence[str]]] = [
        ("Search", digest.search(value)),
        ("Prices", common.prices(value)),
    ]
    if value.policies:
        parts.append(("What the simulation rests on", digest.assumptions(value.policies[0])))
    parts += [("Traffic", value.workload.notes), ("Not priced", value.not_priced), ("Warnings", value.warnings)]
    return "\n".join(
        f"<h2>{title}</h2>\n<ul>{''.join(f'<li>{escape(figures.clean(text))}</li>' for text in texts)}</ul>"
        for title, texts in parts
        if texts
    )
