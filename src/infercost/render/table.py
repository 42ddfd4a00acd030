"""An estimate as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from infercost.render import digest, figures
from infercost.render._terminal import Column, columns, facts, first_that_fits, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from infercost.domain.estimate import Candidate, CostLine, Estimate
    from infercost.render import View
    from infercost.render.digest import Row


def estimate(value: Estimate, view: View) -> str:
    """The ranking, why the others lost, the winner's bill, and what the prices rest on."""
    parts: list[RenderableType | str] = [
        Text(figures.question(value.model.name, value.traffic, value.slo), style="bold"),
        f"Profiled on {value.model.machine}. A request carries {figures.payload(value.traffic)}.",
        f"Regions: {digest.regions(value)}",
        "",
    ]
    parts += _ranked(value, view) if value.candidates else _missed(value, view)
    parts += ["", facts(_explanations(value, view))]
    return to_text(parts, view)


def ranking(rows: Sequence[Row], view: View, currency: str = "USD") -> Table:
    """The ranking in the richest layout that fits the terminal."""
    money = figures.symbol(currency)
    return first_that_fits((_wide(rows, money, band=True), _wide(rows, money, band=False), *_narrow(rows, money)), view)


def bill(candidate: Candidate, *, notes: bool, currency: str = "USD") -> Table:
    """The lines of a candidate's month; with list prices beside them where a discount applies."""
    lines, money = candidate.lines, figures.symbol(currency)
    names = digest.line_names(candidate)
    parts = [
        Column("  line", [[f"  {name}"] for name in names]),
        Column("quantity", [[_quantity(x)] for x in lines], justify="right"),
        Column("price", [[figures.price(x.price, money)] for x in lines], justify="right"),
        Column("per", [[figures.clean(x.unit)] for x in lines]),
        Column(f"{money.strip()}/month", [[figures.money(x.monthly_cost, money)] for x in lines], justify="right"),
    ]
    if any(x.list_price is not None for x in lines):
        listed = [[figures.price(x.price if x.list_price is None else x.list_price, money)] for x in lines]
        parts.insert(2, Column("list price", listed, justify="right"))
    if notes:
        parts.append(Column("", [[figures.clean(x.note or "")] for x in lines], wrap=True))
    return columns(parts)


def _ranked(value: Estimate, view: View) -> list[RenderableType | str]:
    rows = digest.ranking(value)
    shown = rows[: view.top]
    winner = rows[0].candidate
    total = digest.bill(winner)
    parts: list[RenderableType | str] = [
        ranking(shown, view, value.currency),
        Text(_legend(value, rows, shown), style="dim"),
        "",
    ]
    if value.runner_up:
        parts += [figures.clean(value.runner_up), ""]
    parts.append(Text(f"The month's bill of {_name(winner)}", style="bold"))
    parts.append(bill(winner, notes=view.details, currency=value.currency))
    parts.append(f"  {digest.totals(total, figures.symbol(value.currency))}")
    if any(line.provenance == "assumed" for line in winner.lines):
        parts.append("  ~: an assumed quantity; --details says which and why.")
    if winner.notes:
        parts += ["", facts([("Basis", [figures.clean(note) for note in winner.notes])])]
    return parts


def _quantity(line: CostLine) -> str:
    return f"{'~' if line.provenance == 'assumed' else ''}{figures.quantity(line.quantity)}"


def _missed(value: Estimate, view: View) -> list[RenderableType | str]:
    parts: list[RenderableType | str] = [Text(digest.headline(value), style="bold red")]
    closest = digest.nearest(value, view.top if view.details else min(view.top, 5))
    if closest:
        best = [figures.milliseconds(offer.best_latency_ms or 0.0) for offer in closest]
        parts += [
            "",
            Text("The closest, each at its best configuration and negligible load:"),
            columns(
                [
                    Column("instance", [[figures.clean(offer.instance_type)] for offer in closest]),
                    Column("where", [[f"{offer.provider} {offer.region}"] for offer in closest]),
                    Column(_metric(value), [[text] for text in best], justify="right"),
                    Column("", [[digest.miss(value, offer)] for offer in closest], wrap=True),
                ]
            ),
        ]
    return parts


def _metric(value: Estimate) -> str:
    return value.slo.targets[0].metric if len(value.slo.targets) == 1 else "best"


def _explanations(value: Estimate, view: View) -> Iterable[tuple[str, Sequence[str]]]:
    few = 10**9 if view.details else digest.FEW
    s = value.summary
    groups = digest.ruled_out(value.rejected)
    if groups:
        lines = [f"{figures.count(s.rejected, 'offer')} of {s.offers:,}", *digest.reasons(groups[:few])]
        rest = sum(group.offers for group in groups[few:])
        yield "Ruled out", [*lines, *([f"{rest:,} for other reasons ({digest.MORE})"] if rest else [])]
    if s.no_price:
        yield "No price", [f"{figures.count(s.no_price, 'offer')}, listed without one: not ranked, not counted as free"]
    yield "Prices", digest.prices(value)
    yield "Discounts", digest.discounts(value)
    if view.details:
        yield "Sources", [f"{figures.clean(c.provider)}: {figures.clean(c.source)}" for c in value.price_catalogs]
    yield "Not priced", ["; ".join(digest.shorten(value.not_priced, few, digest.MORE))] if value.not_priced else []
    yield "Warnings", digest.shorten(value.warnings, few, digest.MORE)


def _legend(value: Estimate, rows: Sequence[Row], shown: Sequence[Row]) -> str:
    parts = [f"{figures.symbol(value.currency).strip()}/1M: per million inferences", "serving: w workers of t threads"]
    if any(row.label.endswith("=") for row in shown):
        parts.append("=: a tie, inside each other's band")
    if any(row.candidate.slo_holds == "at_risk" for row in shown):
        parts.append("!: may miss the SLO at the slow end of its band, whatever the replicas")
    if any(not figures.span(row.candidate.cost.per_month) for row in shown):
        parts.append("no band: the same replicas at both ends")
    if any(digest.bill(row.candidate).unpriced for row in shown):
        parts.append(
            "+: lines without a price are not in it, at most: with them at the dearest price known, by which they rank"
        )
    text = "; ".join(parts) + "."
    if digest.is_condensed(value):
        text += " Each instance once, in its cheapest region."
    if len(rows) > len(shown):
        text += f" {len(rows) - len(shown):,} more can serve it: --top {len(rows)}, or --format csv for all."
    return text


def _name(candidate: Candidate) -> str:
    return f"{_times(candidate)}, {_where(candidate)}"


def _wide(rows: Sequence[Row], money: str, *, band: bool) -> Table:
    """One line a row."""
    chosen = [row.candidate for row in rows]
    instances = [[_times(c), *_extras(row)] for row, c in zip(rows, chosen, strict=True)]
    parts = [
        Column("#", [[row.label] for row in rows], justify="right", style="bold"),
        Column("cloud", [[figures.clean(c.provider)] for c in chosen]),
        Column("region", [[figures.clean(c.region)] for c in chosen]),
        Column("instance × replicas", instances, style="bold"),
        Column("serving", [[f"{figures.workers(c.serving)} {figures.batch(c.serving)}"] for c in chosen]),
        Column("p99", [[_p99(c)] for c in chosen], justify="right"),
        Column(f"{money.strip()}/1M (90 % band)", [[figures.banded(c.cost.per_million, money)] for c in chosen], style="bold"),
        Column(f"{money.strip()}/month", [_monthly(c, money) for c in chosen], justify="right"),
        Column("basis", [[figures.certainty(c) if band else c.provenance] for c in chosen]),
    ]
    return columns(parts)


def _narrow(rows: Sequence[Row], money: str) -> Iterable[Table]:
    """Two lines a row, giving up the monthly band, then the gaps, then how it is served."""
    chosen = [row.candidate for row in rows]
    instances = [[_times(c), _where(c), *_extras(row)] for row, c in zip(rows, chosen, strict=True)]
    millions = [[figures.money(c.cost.per_million.likely, money), figures.span(c.cost.per_million)] for c in chosen]
    months = [[known, figures.span(c.cost.per_month), *most] for c in chosen for known, *most in [_monthly(c, money)]]
    rank = Column("#", [[row.label] for row in rows], justify="right", style="bold")
    what = Column("instance × replicas\ncloud, region", instances, wrap=True, style="bold")
    serving = Column("serving", [[figures.workers(c.serving), figures.batch(c.serving)] for c in chosen])
    p99 = Column("p99\nbasis", [[_p99(c), c.provenance] for c in chosen], justify="right")
    unit = money.strip()
    million = Column(f"{unit}/1M\n90 % band", millions, justify="right", style="bold")
    month = Column(f"{unit}/month", [_monthly(c, money) for c in chosen], justify="right")
    yield columns([rank, what, serving, p99, million, Column(f"{unit}/month\n90 % band", months, justify="right")])
    yield columns([rank, what, serving, p99, million, month])
    yield columns([rank, what, serving, p99, million, month], gap=1)
    yield columns([rank, what, p99, million, month], gap=1)


def _times(candidate: Candidate) -> str:
    return f"{figures.instance(candidate)} × {figures.replicas(candidate.replicas)}"


def _where(candidate: Candidate) -> str:
    return f"{figures.clean(candidate.provider)} {figures.clean(candidate.region)}"


def _extras(row: Row) -> list[str]:
    accelerator = row.candidate.accelerator
    return [text for text in (figures.clean(accelerator or ""), row.elsewhere) if text]


def _p99(candidate: Candidate) -> str:
    text = figures.milliseconds(candidate.latency_ms.p99)
    return f"{text} !" if candidate.slo_holds == "at_risk" else text


def _monthly(candidate: Candidate, money: str) -> list[str]:
    """The month's bill and, where lines without a price are missing from it, what it comes to at most."""
    text, bill = figures.money(candidate.cost.per_month.likely, money), digest.bill(candidate)
    if not bill.unpriced:
        return [text]
    most = figures.money(bill.at_most, money)
    return [f"{text} +", *([] if bill.at_most is None else [f"at most {most}"])]
