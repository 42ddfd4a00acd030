"""What of an estimate a person needs to see: rows, bill, what lost and why. Pure, format-free."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from infercost.render import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infercost.domain.capacity import CapacityPlan, Crossover
    from infercost.domain.estimate import Candidate, Estimate, Rejected
    from infercost.domain.price import PriceCatalog
    from infercost.domain.verdict import Check, Verdict

MANY_REGIONS: Final = 3
"""Regions of one cloud above which an instance is shown once, in its cheapest region."""

FEW: Final = 4
"""Lines shown of a list that may be long."""

MORE: Final = "--format json has all"

_VARYING = re.compile(r"(?!p\d)\b[\w.-]*\d[\w.,-]*(?: (?:µs|ms|s|MB|GB|GiB)\b)?")
"""A figure with its unit, or a name with a number in it, but not a percentile."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the ranking."""

    label: str
    """``1``, or ``1=`` when others in the ranking cannot be told apart from it."""
    candidate: Candidate
    more_regions: int = 0
    """Regions beside this one in which the same is offered and not shown."""
    more_sizes: int = 0
    """Sizes beside this one of the same serverless offer that are not shown."""
    dearest: float = 0.0
    """How much more the dearest of those costs, relative to this one."""

    @property
    def elsewhere(self) -> str:
        """``+36 regions, up to +48 %``; empty where the row stands for itself."""
        more = [(self.more_sizes, "size"), (self.more_regions, "region")]
        names = " and ".join(figures.count(number, word) for number, word in more if number)
        if not names:
            return ""
        return f"+{names}" + (f", up to +{self.dearest * 100:.0f} %" if self.dearest >= 0.005 else ", same cost")


@dataclass(frozen=True, slots=True)
class Group:
    """Offers ruled out for the same reason."""

    reason: str
    """In the words of one member, which is named where the others' figures differ."""
    offers: int


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's bill: all of it, and the part that the traffic used. Lines without a price are apart."""

    used: Decimal
    idle: Decimal
    unpriced: tuple[str, ...]
    listed: Decimal | None = None
    """All of it at list prices; None where no discount changed it."""
    at_most: Decimal | None = None
    """All of it with the lines without a price at the dearest rate known; None without such lines, or where
    nothing bounds one."""

    @property
    def billed(self) -> Decimal:
        """What is paid."""
        return self.used + self.idle

    @property
    def idle_share(self) -> float:
        """Idle waste as a share of what is paid."""
        return float(self.idle / self.billed) if self.billed else 0.0


def ranking(estimate: Estimate) -> list[Row]:
    """All rows, cheapest first; what is offered in very many regions or serverless sizes is one row."""
    kept = _folded(estimate.candidates, regions=is_condensed(estimate))
    renumbered = len(kept) < len(estimate.candidates)
    ties = Counter(members[0].tie_group for members in kept)
    first: dict[int, int] = {}
    rows = []
    for position, members in enumerate(kept, 1):
        best = members[0]
        # Ranks of the whole list have gaps once candidates are folded, so positions are counted anew.
        place = first.setdefault(best.tie_group, position if renumbered else best.rank)
        label = f"{place}=" if ties[best.tie_group] > 1 else str(place)
        regions, sizes = (len(set(names)) - 1 for names in ([m.region for m in members], [m.instance_type for m in members]))
        rows.append(Row(label, best, regions, sizes, _excess(members)))
    return rows


def is_condensed(estimate: Estimate) -> bool:
    """Whether the ranking folds regions: one cloud is there with more than a few."""
    pairs = {(candidate.provider, candidate.region) for candidate in estimate.candidates}
    return max(Counter(provider for provider, _ in pairs).values(), default=0) > MANY_REGIONS


def bill(candidate: Candidate) -> Bill:
    """Totals of a candidate's lines."""
    totals = {"used": Decimal(0), "idle": Decimal(0)}
    for line in candidate.lines:
        if line.monthly_cost is not None:
            totals[line.basis] += line.monthly_cost
    missing = [line for line in candidate.lines if line.monthly_cost is None]
    bounds = [line.at_most for line in missing if line.at_most is not None]
    bounded = bool(missing) and len(bounds) == len(missing)
    return Bill(
        totals["used"],
        totals["idle"],
        tuple(dict.fromkeys(line.name for line in missing)),
        candidate.cost.list_per_month,
        sum(bounds, totals["used"] + totals["idle"]) if bounded else None,
    )


def ruled_out(rejected: Iterable[Rejected]) -> list[Group]:
    """Rejected offers by their first reason, most frequent first.

    Reasons that differ in their figures, or in names such as an accelerator's, are one group.
    """
    groups: dict[str, list[Rejected]] = {}
    for offer in rejected:
        groups.setdefault(_VARYING.sub("#", _first_reason(offer)), []).append(offer)
    return sorted((_group(members) for members in groups.values()), key=lambda group: -group.offers)


def nearest(estimate: Estimate, limit: int) -> list[Rejected]:
    """The offers that come closest to the SLO without meeting it, each instance once."""
    missed = sorted((o for o in estimate.rejected if o.best_latency_ms is not None), key=lambda o: o.best_latency_ms or 0.0)
    once: dict[tuple[str, str, str], Rejected] = {}
    for offer in missed:
        once.setdefault((offer.provider, offer.mode, offer.instance_type), offer)
    return list(once.values())[:limit]


def miss(estimate: Estimate, offer: Rejected) -> str:
    """By how much an offer misses the SLO; the offer's own words where several promises were made."""
    targets = estimate.slo.targets
    if len(targets) == 1 and offer.best_latency_ms is not None and offer.best_latency_ms > targets[0].limit_ms:
        over, ratio = offer.best_latency_ms - targets[0].limit_ms, offer.best_latency_ms / targets[0].limit_ms
        return f"over by {figures.milliseconds(over)} ({ratio:.3g}× the limit)"
    return figures.clean("; ".join(offer.reasons))


def prices(answer: Estimate | CapacityPlan | Crossover) -> list[str]:
    """One line a catalog: date, age, whether derived."""
    return [
        f"{figures.clean(c.provider)} of {figures.clean(c.as_of)} ({figures.count(c.age_days, 'day')} old)"
        + (", derived from other list prices" if c.derived else "")
        + _currency(c)
        for c in answer.price_catalogs
    ]


def _currency(catalog: PriceCatalog) -> str:
    rate = catalog.exchange_rate
    if rate is not None:
        return f", in {rate.currency} by your rate of {rate.rate.normalize():f} {rate.currency} a USD ({rate.as_of})"
    return "" if catalog.currency == "USD" else f", in {catalog.currency} as the cloud states them"


def discounts(estimate: Estimate) -> list[str]:
    """One line a discount of the user's that changed prices."""
    return [f"{figures.clean(c.provider)}: {figures.clean(text)}" for c in estimate.price_catalogs for text in c.discounts]


def regions(estimate: Estimate) -> str:
    """Which regions were priced, and how to choose others."""
    names = [figures.clean(region) for region in estimate.regions]
    if estimate.default_regions:
        return f"{', '.join(names)} (each cloud's default; choose with --region, or --region all)"
    return ", ".join(names) if len(names) <= 8 else f"{len(names)} in {figures.count(len(estimate.price_catalogs), 'cloud')}"


def headline(estimate: Estimate) -> str:
    """Why there is no ranking, when there is none."""
    s = estimate.summary
    if not s.offers:
        return "No offer matches these regions, clouds and instances."
    if s.no_price and not s.rejected:
        return f"None of the {figures.count(s.offers, 'offer')} has a price in the book."
    asked = f"{estimate.traffic.rps:,.6g} requests/s"
    if estimate.slo.targets:
        asked += f" with {figures.promises(estimate.slo)}"
    tail = f", no price for {s.no_price:,} more" if s.no_price else ""
    return f"Nothing serves {asked}: {figures.count(s.rejected, 'offer')} ruled out{tail}."


def shorten(items: Sequence[str], limit: int, where: str) -> list[str]:
    """The first few of a list, and how many more there are where."""
    if len(items) <= limit:
        return [figures.clean(item) for item in items]
    return [*(figures.clean(item) for item in items[:limit]), f"and {len(items) - limit} more ({where})"]


def reasons(groups: Iterable[Group]) -> list[str]:
    """One line a group: how many, and why."""
    return [f"{group.offers:,} × {group.reason}" for group in groups]


def totals(total: Bill, symbol: str = "$") -> str:
    """Billed against used, and what no price was known for."""
    billed, used, idle = (figures.money(x, symbol) for x in (total.billed, total.used, total.idle))
    share = figures.percent(total.idle_share)
    text = f"Billed {billed}: {used} used, {idle} idle ({share})." if total.idle else f"Billed {billed}, all of it used."
    if total.listed is not None:
        saved, share = figures.money(total.listed - total.billed, symbol), figures.percent(_saved_share(total))
        text += f" At list prices {figures.money(total.listed, symbol)}: your discounts save {saved} ({share})."
    if not total.unpriced:
        return text
    most = "nothing bounds it" if total.at_most is None else f"at most {figures.money(total.at_most, symbol)} with it"
    return f"{text} Without a price, so not in it: {', '.join(total.unpriced)} ({most})."


def _saved_share(total: Bill) -> float:
    return float((total.listed - total.billed) / total.listed) if total.listed else 0.0


def line_names(candidate: Candidate) -> list[str]:
    """Names of the cost lines; the basis is added where one item is split into used and idle."""
    split = {line.name for line in candidate.lines if line.basis == "idle"}
    return [f"{figures.clean(x.name)}, {x.basis}" if x.name in split else figures.clean(x.name) for x in candidate.lines]


def judged(verdict: Verdict) -> Row | None:
    """The candidate that a gate judged, as a row of the ranking."""
    found = next((c for c in verdict.estimate.candidates if c.rank == verdict.candidate), None)
    return None if found is None else Row(str(found.rank), found)


def actual(check: Check, symbol: str = "$") -> str:
    """The figure that a gate judged, with its band and unit."""
    if check.actual is None:
        return "unknown"
    if "p99" not in check.name and "ms" not in check.name.split("_"):
        return figures.banded(check.actual, symbol)
    return figures.banded_milliseconds(check.actual)


def _folded(candidates: Iterable[Candidate], *, regions: bool) -> list[list[Candidate]]:
    """Candidates that share a row, in rank order, each list's cheapest first.

    Serverless sizes always do: they are one service with a knob. Regions do where ``regions`` says so.
    """
    grouped: dict[tuple[str, str, str, str], list[Candidate]] = {}
    for candidate in candidates:
        size = candidate.instance_type if candidate.mode != "serverless" else ""
        place = "" if regions else candidate.region
        grouped.setdefault((candidate.provider, candidate.mode, size, place), []).append(candidate)
    return list(grouped.values())


def _excess(members: Sequence[Candidate]) -> float:
    best = members[0].cost.per_month.likely
    dearest = max(member.cost.per_month.likely for member in members)
    return float(dearest / best) - 1 if best else 0.0


def _group(members: Sequence[Rejected]) -> Group:
    """Word a group by its member that comes closest to the SLO, else by its first."""
    closest = min(members, key=lambda m: math.inf if m.best_latency_ms is None else m.best_latency_ms)
    reason = _first_reason(closest)
    name, best = figures.clean(closest.instance_type), closest.best_latency_ms
    varied = len({_first_reason(member) for member in members}) > 1
    if best is not None:
        figure = "" if varied else f", {figures.milliseconds(best)}"
        return Group(f"{reason} (closest: {name}{figure})", len(members))
    return Group(f"{reason} ({name}; the others alike)" if varied else reason, len(members))


def _first_reason(offer: Rejected) -> str:
    return figures.clean(offer.reasons[0]) if offer.reasons else "no reason given"


def reasons_of(verdict: Verdict) -> list[str]:
    """What decides a verdict: each check that did not pass or was waived; the limits kept, when that is all."""
    told = [f"{check.name}: {check.reason}" for check in verdict.checks if check.outcome != "pass" or check.waiver is not None]
    return told or [f"within {', '.join(f'{check.name} {check.limit}' for check in verdict.checks)}"]


def tally(verdicts: Iterable[Verdict]) -> str:
    """``3 targets: 1 breach, 2 pass``, the worst first."""
    outcomes = [verdict.outcome for verdict in verdicts]
    counted = ((outcomes.count(outcome), outcome) for outcome in ("breach", "inconclusive", "pass"))
    return f"{figures.count(len(outcomes), 'target')}: {', '.join(f'{n} {outcome}' for n, outcome in counted if n)}"


def monthly(verdict: Verdict, row: Row | None, symbol: str | None = None) -> str:
    """What the judged candidate costs a month; ``-`` where there is none."""
    if row is None:
        return "-"
    return figures.money(row.candidate.cost.per_month.likely, symbol or figures.symbol(verdict.estimate.currency))
