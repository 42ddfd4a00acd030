"""Artifacts as GitHub-flavoured Markdown, fit for a pull-request comment.

Amounts carry their currency's code and never a dollar sign: two dollar signs in one paragraph
open mathematics on the platforms that render such comments.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from infercost.domain.statistics import min_samples
from infercost.render import digest, figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infercost.domain.estimate import Candidate, CostLine, Estimate
    from infercost.domain.model import Inspection
    from infercost.domain.profile import Point, Profile
    from infercost.domain.verdict import Verdict, Verdicts
    from infercost.render import View
    from infercost.render.digest import Row

UNKNOWN: Final = "?"
MARKS: Final = {"pass": "✅", "breach": "❌", "inconclusive": "⚠️"}

_SPECIAL = re.compile(r"([\\|*\[\]<>`~$])")


def escape(text: str) -> str:
    """Text that Markdown shows as it is, also inside a table cell."""
    return _SPECIAL.sub(r"\\\1", figures.clean(text))


def estimate(value: Estimate, view: View) -> str:
    """The ranking as a table; the bill and what was ruled out folded away below it."""
    asked = figures.question(value.model.name, value.traffic, value.slo)
    told = f"Profiled on {value.model.machine}. A request carries {figures.payload(value.traffic)}."
    parts = [f"### {escape(asked)}", escape(told), f"Regions: {escape(digest.regions(value))}."]
    if value.candidates:
        rows = digest.ranking(value)
        parts += [_ranking(rows[: view.top], value.currency), *_below(value, rows, view)]
        parts.append(_bill(rows[0].candidate, value.currency))
    else:
        parts += [f"**{escape(digest.headline(value))}**", *_nearest(value, view)]
    return document([*parts, *_ruled_out(value, view), *_closing(value, value.warnings, view)])


def verdict(value: Verdict, view: View) -> str:
    """The outcome first, then each check, then the candidate that was judged."""
    answered = value.estimate
    asked = figures.question(answered.model.name, answered.traffic, answered.slo)
    parts = [f"### {MARKS[value.outcome]} {value.outcome.capitalize()}: {escape(asked)}"]
    if value.checks:
        rows = [[c.name, c.limit, digest.actual(c, f"{answered.currency} "), c.outcome, c.reason] for c in value.checks]
        parts.append(table(["check", "limit", "estimate", "outcome", "why"], rows, right=(1, 2)))
    row = digest.judged(value)
    if row is not None:
        parts += [_ranking([row], answered.currency), _bill(row.candidate, answered.currency)]
    elif not answered.candidates:
        parts += [f"**{escape(digest.headline(answered))}**", *_nearest(answered, view)]
    return document([*parts, *_closing(answered, (*value.warnings, *answered.warnings), view)])


def verdicts(value: Verdicts, view: View) -> str:
    """The worst outcome and a row a target; each verdict in full folded away below."""
    rows = []
    for name, one in value.verdicts.items():
        cost = digest.monthly(one, digest.judged(one), f"{one.estimate.currency} ")
        rows.append([name, f"{MARKS[one.outcome]} {one.outcome}", cost, "; ".join(digest.reasons_of(one))])
    parts = [
        f"### {MARKS[value.outcome]} {value.outcome.capitalize()}: {digest.tally(value.verdicts.values())}",
        table(["target", "outcome", "a month", "why"], rows, right=(2,)),
    ]
    return document([*parts, *(folded(name, verdict(one, view).rstrip()) for name, one in value.verdicts.items())])


def inspection(value: Inspection, view: View) -> str:
    """Inputs, outputs, and the arithmetic of every operator type."""
    model = value.model
    heaviest = sorted(model.operators, key=lambda o: (-(o.flops or 0), -(o.bytes or 0), o.op_type))[: view.top]
    facts = [
        figures.model_line(model),
        *figures.conversion_lines(model),
        *(f"input {figures.tensor(t)}" for t in model.inputs),
        *(f"output {figures.tensor(t)}" for t in model.outputs),
        *model.warnings,
    ]
    rows = [[o.op_type, f"{o.count:,}", _known(o.flops), _size(o.bytes)] for o in heaviest]
    operators = [table(["operator", "nodes", "FLOPs", "bytes"], rows, right=(1, 2, 3))] if rows else []
    return document([f"### {escape(model.name)}", bullets(facts), *operators])


def profile(value: Profile, view: View) -> str:
    """What was measured, on what, and where the time goes."""
    busiest = sorted(value.operators, key=lambda operator: -operator.time_share)[: view.top]
    facts = [
        *([figures.model_line(value.model)] if value.served is None else figures.served_lines(value.served)),
        *figures.conversion_lines(value.model),
        *(f"input {figures.tensor(t)}" for t in value.model.inputs),
        *(f"output {figures.tensor(t)}" for t in value.model.outputs),
        f"{value.runtime.name} {value.runtime.version}, {value.runtime.execution_provider}",
        *value.model.warnings,
        *value.warnings,
    ]
    operators = [[o.op_type, f"{o.count:,}", figures.percent(o.time_share), _known(o.flops), _size(o.bytes)] for o in busiest]
    parts = [
        f"### {escape(figures.measured_on(value))}",
        bullets(facts),
        _points(value.points),
    ]
    if operators:
        parts.append(table(["operator", "nodes", "time", "FLOPs", "bytes"], operators, right=(1, 2, 3, 4)))
    return document(parts)


def _points(points: Sequence[Point]) -> str:
    header = ["batch", "threads", "mean", "p50", "p95", "p99", "samples", "items/s", "memory", "CPU"]
    rows = [
        [
            *(str(p.batch), str(p.threads), figures.milliseconds(p.latency_ms.mean)),
            *(_percentile(x) for x in (p.latency_ms.p50, p.latency_ms.p95, p.latency_ms.p99)),
            *(f"{p.latency_ms.count:,}", figures.rate(p.throughput_per_s), _size(p.memory_bytes)),
            UNKNOWN if p.cpu_utilization is None else figures.percent(p.cpu_utilization),
        ]
        for p in points
    ]
    text = table(header, rows, right=range(len(header)))
    if any(p.latency_ms.p99 is None for p in points):
        text += f"\n\n`-`: too few samples for that percentile (p99 needs {min_samples(99)})."
    return text


def _ranking(rows: Sequence[Row], currency: str) -> str:
    money = (f"{currency}/1M", f"{currency}/month")
    header = ["#", "cloud", "region", "instance", "replicas", "serving", "p99", *money, "basis"]
    return table(header, [_cells(row) for row in rows], right=(0, 4, 6, 7, 8))


def _cells(row: Row) -> list[str]:
    c = row.candidate
    accelerator = f", {c.accelerator}" if c.accelerator else ""
    elsewhere = f" ({row.elsewhere})" if row.elsewhere else ""
    risk = " (SLO at risk)" if c.slo_holds == "at_risk" else ""
    total = digest.bill(c)
    most = "" if total.at_most is None else f", at most {figures.money(total.at_most, '')}"
    partial = f" + unpriced lines{most}" if total.unpriced else ""
    return [
        *(row.label, c.provider, f"{c.region}{elsewhere}", f"{figures.instance(c)}{accelerator}"),
        *(figures.replicas(c.replicas), f"{figures.workers(c.serving)} {figures.batch(c.serving)}"),
        f"{figures.milliseconds(c.latency_ms.p99)}{risk}",
        figures.banded(c.cost.per_million, ""),
        f"{figures.banded(c.cost.per_month, '')}{partial}",
        figures.certainty(c),
    ]


def _below(value: Estimate, rows: Sequence[Row], view: View) -> Iterable[str]:
    shown = rows[: view.top]
    notes = []
    if any(row.label.endswith("=") for row in shown):
        notes.append("`=` marks a tie: inside each other's band.")
    if digest.is_condensed(value):
        notes.append("Each instance once, in its cheapest region.")
    if len(rows) > len(shown):
        notes.append(f"{len(rows) - len(shown):,} more can serve it.")
    if notes:
        yield " ".join(notes)
    if value.runner_up:
        yield escape(value.runner_up)


def _bill(candidate: Candidate, currency: str) -> str:
    rows = [
        [name, figures.quantity(x.quantity), _price(x), x.unit, figures.money(x.monthly_cost, "")]
        for name, x in zip(digest.line_names(candidate), candidate.lines, strict=True)
    ]
    name = f"{figures.instance(candidate)} × {figures.replicas(candidate.replicas)} in {candidate.region}"
    title = f"The month's bill of {name}: {figures.money(candidate.cost.per_month.likely, f'{currency} ')}"
    lines = table(["line", "quantity", f"price, {currency}", "per", f"{currency}/month"], rows, right=(1, 2, 4))
    told = " ".join((digest.totals(digest.bill(candidate), f"{currency} "), *candidate.notes))
    return folded(title, f"{lines}\n\n{escape(told)}")


def _price(line: CostLine) -> str:
    effective = figures.price(line.price, "")
    return effective if line.list_price is None else f"{effective} (list {figures.price(line.list_price, '')})"


def _nearest(value: Estimate, view: View) -> list[str]:
    offers = digest.nearest(value, view.top)
    rows = [
        [o.instance_type, o.provider, o.region, figures.milliseconds(o.best_latency_ms or 0.0), digest.miss(value, o)]
        for o in offers
    ]
    return [table(["closest", "cloud", "region", "at its best", "misses"], rows, right=(3,))] if rows else []


def _ruled_out(value: Estimate, view: View) -> list[str]:
    groups = digest.ruled_out(value.rejected)
    few = groups if view.details else groups[: digest.FEW]
    items = digest.reasons(few)
    rest = sum(group.offers for group in groups[len(few) :])
    if rest:
        items.append(f"{rest:,} for other reasons")
    if value.summary.no_price:
        items.append(f"{figures.count(value.summary.no_price, 'offer')} without a price: not ranked, not counted as free")
    return (
        [folded(f"Ruled out: {value.summary.rejected:,} of {value.summary.offers:,} offers", bullets(items))] if items else []
    )


def _closing(value: Estimate, warnings: Sequence[str], view: View) -> list[str]:
    parts = [f"Prices: {escape('; '.join(digest.prices(value)))}."]
    applied = digest.discounts(value)
    if applied:
        parts.append(f"Discounts: {escape('; '.join(applied))}.")
    limit = 10**9 if view.details else digest.FEW
    if value.not_priced:
        parts.append(f"Not priced: {escape('; '.join(digest.shorten(value.not_priced, limit, 'in the JSON')))}.")
    distinct = digest.shorten(list(dict.fromkeys(warnings)), limit, "in the JSON")
    if distinct:
        parts.append(bullets(f"warning: {text}" for text in distinct))
    return parts


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """A table; ``right`` are the columns to align so."""
    aligned = set(right)
    rule = ["--:" if i in aligned else "---" for i in range(len(header))]
    lines = [header, rule, *([escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {escape(item)}" for item in items)


def folded(title: str, body: str) -> str:
    """A part that opens when its title is clicked."""
    # Markdown is not read inside the summary's line, so HTML's own escapes serve there.
    return f"<details><summary>{html.escape(figures.clean(title), quote=False)}</summary>\n\n{body}\n\n</details>"


def document(parts: Iterable[str]) -> str:
    """Paragraphs."""
    return "\n\n".join(parts) + "\n"


def _percentile(value: float | None) -> str:
    return "-" if value is None else figures.milliseconds(value)


def _known(value: int | None) -> str:
    return UNKNOWN if value is None else figures.quantity(value)


def _size(value: int | None) -> str:
    return UNKNOWN if value is None else figures.size(value)
