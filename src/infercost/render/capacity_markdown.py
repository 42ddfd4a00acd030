"""A capacity plan and its crossovers as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.render import capacity_digest as digest
from infercost.render import crossover_digest, figures
from infercost.render import digest as common
from infercost.render.markdown import bullets, document, escape, folded, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.capacity import CapacityPlan, Crossover, Policy
    from infercost.render import View
    from infercost.render.capacity_digest import PolicyRow


def plan(value: CapacityPlan, view: View) -> str:
    """The ranking as a table; the bill, the search and the simulation's rules folded away below it."""
    parts = [
        f"### {escape(value.model.name)}, {escape(figures.promises(value.slo))}",
        escape(f"Traffic: {digest.workload(value.workload)}. {value.workload.burstiness}."),
        escape(f"{digest.carried(value.workload)} Profiled on {value.model.machine}."),
    ]
    if value.policies:
        winner = value.policies[0]
        parts += [_ranking(digest.rows(value, view.top), value.currency), _bill(winner, value.currency)]
        parts.append(folded("What the simulation rests on", bullets(digest.assumptions(winner))))
    else:
        parts.append("**Nothing that was considered serves this traffic within the SLO**")
    parts.append(bullets(digest.search(value)))
    parts.append(f"Prices: {escape('; '.join(common.prices(value)))}.")
    told = [*value.workload.notes, *(f"warning: {text}" for text in value.warnings)]
    if told:
        parts.append(bullets(told))
    return document(parts)


def crossover(value: Crossover, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """Where each mode becomes the cheapest, then the whole table."""
    header, rows = crossover_digest.grid(value)
    promised = escape(figures.promises(value.slo))
    parts = [
        f"### {escape(value.model.name)}: requests a day against {value.currency} a month",
        escape(crossover_digest.traffic(value)),
        table(header, rows, right=range(2, len(header))),
        f"\\*: the cheapest of its cloud.{f' +: the cheapest that keeps {promised}.' if value.slo.targets else ''}",
        "**Cheapest**",
        bullets(crossover_digest.turns(value)),
        *_within(value),
        folded("Latency that each can promise", bullets(crossover_digest.latencies(value))),
        folded("Without a figure", bullets(crossover_digest.gaps(value))),
        folded("What the simulation rests on", bullets(crossover_digest.assumptions(value))),
        f"Prices: {escape('; '.join(common.prices(value)))}.",
    ]
    if value.warnings:
        parts.append(bullets(f"warning: {text}" for text in value.warnings))
    return document([part for part in parts if part])


def _within(value: Crossover) -> list[str]:
    lines = crossover_digest.turns_within(value)
    return [f"**Cheapest within {escape(figures.promises(value.slo))}**", bullets(lines)] if lines else []


def _ranking(rows: Sequence[PolicyRow], currency: str) -> str:
    header = ["#", "cloud", "region", "instance", "replicas", "scaling", "serving", "p99", "met", "sure", "idle"]
    return table([*header, f"{currency}/month"], [_cells(row) for row in rows], right=(0, 7, 8, 9, 10, 11))


def _cells(row: PolicyRow) -> list[str]:
    p = row.policy
    risk = " (SLO at risk)" if p.slo_holds == "at_risk" else ""
    partial = " + unpriced lines" if any(line.monthly_cost is None for line in p.lines) else ""
    return [
        *(row.label, p.provider, p.region, p.instance_type, f"{digest.replicas(p)} (mean {p.replicas.mean:.3g})"),
        *(digest.scaling(p), f"{figures.workers(p.serving)} {figures.batch(p.serving)}"),
        f"{figures.milliseconds(p.latency_ms.p99)}{risk}",
        *(digest.share(p.attainment), digest.probability(p), figures.percent(p.idle_share)),
        f"{figures.banded(p.per_month, '')}{partial}",
    ]


def _bill(policy: Policy, currency: str) -> str:
    rows = [
        [
            f"{x.name}{' (idle)' if x.basis == 'idle' else ''}",
            *(figures.quantity(x.quantity), figures.price(x.price, ""), x.unit, figures.money(x.monthly_cost, "")),
        ]
        for x in policy.lines
    ]
    lines = table(["line", "quantity", f"price, {currency}", "per", f"{currency}/month"], rows, right=(1, 2, 4))
    name = f"{policy.instance_type} × {digest.replicas(policy)} in {policy.region}"
    return folded(f"The month's bill of {name}: {figures.money(policy.per_month.likely, f'{currency} ')}", lines)
