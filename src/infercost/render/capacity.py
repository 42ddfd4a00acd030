"""A capacity plan and a table of crossovers for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from infercost.render import capacity_digest as digest
from infercost.render import digest as common
from infercost.render import figures
from infercost.render._terminal import Column, columns, facts, first_that_fits, to_text
from infercost.render.timeline import strips

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from infercost.domain.capacity import CapacityPlan, Policy
    from infercost.render import View
    from infercost.render.capacity_digest import PolicyRow


_SHORT: Final = 2
"""Columns of the short bill."""


def plan(value: CapacityPlan, view: View) -> str:
    """The ranking by cloud, the winner's bill, its course over time, and what the search can promise."""
    facts_of = value.workload
    parts: list[RenderableType | str] = [
        Text(f"{figures.clean(value.model.name)}, {figures.promises(value.slo)}", style="bold"),
        f"Traffic: {digest.workload(facts_of)}. {facts_of.burstiness}.",
        f"{digest.carried(facts_of)} Profiled on {value.model.machine}.",
        "",
    ]
    if value.policies:
        parts += _ranked(value, view)
    else:
        parts.append(Text("Nothing that was considered serves this traffic within the SLO", style="bold red"))
    parts += ["", facts(_explanations(value, view))]
    return to_text(parts, view)


def _ranked(value: CapacityPlan, view: View) -> list[RenderableType | str]:
    rows = digest.rows(value, view.top)
    money = figures.symbol(value.currency)
    winner = value.policies[0]
    parts: list[RenderableType | str] = [
        first_that_fits((_wide(rows, money), _narrow(rows, money), _narrow(rows, money, gap=1), _slim(rows, money)), view),
        Text(_legend(value, rows), style="dim"),
        "",
        Text(f"The month's bill of {_name(winner)}", style="bold"),
        _bill_that_fits(winner, money, view),
        f"  {_totals(winner, money)}",
    ]
    explained = [p for p in value.policies if p.timeline][: view.top]
    if explained and not winner.timeline:
        parts += ["", Text(f"{_name(winner)} scales by request and has no course over time; the next has.", style="dim")]
    for policy in explained:
        parts += ["", Text(f"{_name(policy)} over the traffic given", style="bold")]
        parts += [Text(line) for line in strips(policy, view)]
    if winner.notes:
        parts += ["", facts([("Basis", [figures.clean(note) for note in winner.notes])])]
    return parts


def _bill(policy: Policy, money: str, *, notes: bool) -> Table:
    lines = policy.lines
    cells = [
        Column("  line", [[f"  {line.name}{' (idle)' if line.basis == 'idle' else ''}"] for line in lines]),
        Column("quantity", [[_quantity(line.provenance, figures.quantity(line.quantity))] for line in lines], justify="right"),
        Column("price", [[figures.price(line.price, money)] for line in lines], justify="right"),
        Column("per", [[figures.clean(line.unit)] for line in lines]),
        Column(f"{money.strip()}/month", [[figures.money(line.monthly_cost, money)] for line in lines], justify="right"),
    ]
    if notes:
        cells.append(Column("", [[figures.clean(line.note or "")] for line in lines], wrap=True))
    return columns(cells)


def _bill_that_fits(policy: Policy, money: str, view: View) -> Table:
    layout = first_that_fits((_bill(policy, money, notes=False), _short_bill(policy, money)), view)
    return _bill(policy, money, notes=True) if view.details and len(layout.columns) > _SHORT else layout


def _short_bill(policy: Policy, money: str) -> Table:
    """For narrow terminals, where figures cut short would be read as others."""
    lines = policy.lines
    return columns(
        [
            Column("line", [[f"{line.name}{' (idle)' if line.basis == 'idle' else ''}"] for line in lines], wrap=True),
            Column(f"{money.strip()}/month", [[figures.money(line.monthly_cost, money)] for line in lines], justify="right"),
        ]
    )


def _quantity(provenance: str, text: str) -> str:
    return f"~{text}" if provenance == "assumed" else text


def _totals(policy: Policy, money: str) -> str:
    billed, idle = digest.totals(policy)
    text = f"Billed {figures.money(billed, money)}"
    if idle:
        text += f", {figures.money(idle, money)} of it ({figures.percent(float(idle / billed))}) idle or starting"
    missing = [line.name for line in policy.lines if line.monthly_cost is None]
    return f"{text}; no price for {', '.join(dict.fromkeys(missing))}." if missing else f"{text}."


def _explanations(value: CapacityPlan, view: View) -> Iterable[tuple[str, Sequence[str]]]:
    few = 10**9 if view.details else common.FEW
    yield "Search", digest.search(value)
    groups = common.ruled_out(value.rejected)
    if groups:
        lines = [figures.count(len(value.rejected), "offer"), *common.reasons(groups[:few])]
        yield "Ruled out", lines
    yield "Prices", common.prices(value)
    if value.policies:
        known = digest.assumptions(value.policies[0])
        yield "Simulation", common.shorten(known, few, "--details has all")
    yield "Traffic", common.shorten(value.workload.notes, few, common.MORE)
    yield "Not priced", ["; ".join(common.shorten(value.not_priced, few, common.MORE))] if value.not_priced else []
    yield "Warnings", common.shorten(value.warnings, few, common.MORE)


def _legend(value: CapacityPlan, rows: Sequence[PolicyRow]) -> str:
    parts = [
        digest.meaning_of_met(value),
        "sure: probability that the SLO holds, by the prediction's band",
        "idle: share of the compute bill that no request used",
    ]
    if any(row.label.endswith("=") for row in rows):
        parts.append("=: a tie, inside each other's band")
    if any(row.policy.slo_holds == "at_risk" for row in rows):
        parts.append("!: nothing on this hardware keeps the SLO at the slow end of its band")
    if any(line.monthly_cost is None for row in rows for line in row.policy.lines):
        parts.append("+: lines without a price are not in it")
    text = "; ".join(parts) + "."
    if len(rows) < len(value.policies):
        text += f" {len(value.policies) - len(rows):,} more: --top {len(value.policies)}, or --format csv for all."
    return text


def _name(policy: Policy) -> str:
    return (
        f"{figures.clean(policy.instance_type)} × {digest.replicas(policy)}, "
        f"{figures.clean(policy.provider)} {figures.clean(policy.region)}"
    )


def _wide(rows: Sequence[PolicyRow], money: str) -> Table:
    chosen = [row.policy for row in rows]
    unit = money.strip()
    return columns(
        [
            Column("#", [[row.label] for row in rows], justify="right", style="bold"),
            Column("cloud, region", [[f"{figures.clean(p.provider)} {figures.clean(p.region)}"] for p in chosen]),
            Column("instance × replicas (mean)", [[f"{_times(p)} ({p.replicas.mean:.3g})"] for p in chosen], style="bold"),
            Column("scaling", [digest.scaling_parts(p) for p in chosen], wrap=True),
            Column("serving", [[f"{figures.workers(p.serving)} {figures.batch(p.serving)}"] for p in chosen]),
            *_figures(chosen),
            Column(f"{unit}/month", [[_money(p, money), figures.span(p.per_month)] for p in chosen], justify="right"),
        ]
    )


def _narrow(rows: Sequence[PolicyRow], money: str, *, gap: int = 2) -> Table:
    chosen = [row.policy for row in rows]
    unit = money.strip()
    what = [[_times(p), _where(p), *digest.scaling_parts(p)] for p in chosen]
    return columns(
        [
            Column("#", [[row.label] for row in rows], justify="right", style="bold"),
            Column("instance × replicas\ncloud, region\nscaling", what, wrap=True, style="bold"),
            Column("serving", [[figures.workers(p.serving), figures.batch(p.serving)] for p in chosen]),
            *_figures(chosen),
            Column(
                f"{unit}/month\n90 % band", [[_money(p, money), figures.span(p.per_month)] for p in chosen], justify="right"
            ),
        ],
        gap=gap,
    )


def _slim(rows: Sequence[PolicyRow], money: str) -> Table:
    chosen = [row.policy for row in rows]
    what = [[_times(p), _where(p)] for p in chosen]
    return columns(
        [
            Column("#", [[row.label] for row in rows], justify="right", style="bold"),
            Column("instance × replicas\ncloud, region", what, wrap=True, style="bold"),
            Column("p99\nmet", [[_p99(p), digest.share(p.attainment)] for p in chosen], justify="right"),
            Column(f"{money.strip()}/month", [[_money(p, money)] for p in chosen], justify="right"),
        ],
        gap=1,
    )


def _figures(chosen: Sequence[Policy]) -> tuple[Column, Column]:
    return (
        Column("p99\nmet", [[_p99(p), digest.share(p.attainment)] for p in chosen], justify="right"),
        Column("sure\nidle", [[digest.probability(p), figures.percent(p.idle_share)] for p in chosen], justify="right"),
    )


def _times(policy: Policy) -> str:
    return f"{figures.clean(policy.instance_type)} × {digest.replicas(policy)}"


def _where(policy: Policy) -> str:
    return f"{figures.clean(policy.provider)} {figures.clean(policy.region)}"


def _p99(policy: Policy) -> str:
    text = figures.milliseconds(policy.latency_ms.p99)
    return f"{text} !" if policy.slo_holds == "at_risk" else text


def _money(policy: Policy, money: str) -> str:
    text = figures.money(policy.per_month.likely, money)
    return f"{text} +" if any(line.monthly_cost is None for line in policy.lines) else text
