"""What of a capacity plan a person needs to see. Pure, format-free."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infercost.render import figures

if TYPE_CHECKING:
    from decimal import Decimal

    from infercost.domain.capacity import CapacityPlan, Policy, WorkloadFacts
    from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity

_METRICS: Final = {
    "invocations": "{} requests/min each",
    "utilization": "{} % busy",
    "concurrency": "{} in flight each",
    "backlog": "{} waiting each",
}
_KINDS: Final = {
    "target_tracking": "target",
    "step": "steps at",
    "vertex": "target",
    "azure": "out at",
    "kpa": "KPA",
    "ray": "Ray",
}


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One line of the ranking."""

    label: str
    """``1``, or ``1=`` when others cannot be told apart from it."""
    policy: Policy


def rows(plan: CapacityPlan, top: int) -> list[PolicyRow]:
    """The cheapest ``top`` policies of each cloud, in the order of the ranking."""
    ties = Counter(policy.tie_group for policy in plan.policies)
    first: dict[int, int] = {}
    shown: Counter[str] = Counter()
    chosen = []
    for policy in plan.policies:
        place = first.setdefault(policy.tie_group, policy.rank)
        shown[policy.provider] += 1
        if shown[policy.provider] <= top:
            chosen.append(PolicyRow(f"{place}=" if ties[policy.tie_group] > 1 else str(place), policy))
    return chosen


def workload(facts: WorkloadFacts) -> str:
    """What was planned for, in one line."""
    peak = figures.rate(facts.peak_rps)
    return (
        f"{figures.clean(facts.source)}: {figures.quantity(round(facts.requests))} requests in {duration(facts.duration_s)}, "
        f"mean {figures.rate(facts.mean_rps)}/s, busiest minute {peak}/s"
    )


def carried(facts: WorkloadFacts) -> str:
    """What a request carries, where callers are."""
    where = {"internet": "callers on the internet", "in-region": "callers in the region"}[facts.clients]
    sizes = f"{figures.size(facts.payload_in_bytes)} in, {figures.size(facts.payload_out_bytes)} out"
    return f"A request carries {sizes} and {figures.milliseconds(facts.overhead_ms)} of server time beside the model, {where}."


def duration(seconds: float) -> str:
    """``90 s``, ``45 min``, ``24 h``, ``7 days``."""
    for unit, length, enough in (("days", 86_400.0, 2.0), ("h", 3600.0, 2.0), ("min", 60.0, 2.0)):
        if seconds >= length * enough:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def clock(seconds: float, *, fine: bool = False) -> str:
    """A time of the simulation: ``0:00``, ``14:30``, ``day 3 14:30``; with seconds (``0:00:40``) where they count."""
    day, rest = divmod(int(seconds), 86_400)
    time = f"{rest // 3600}:{rest % 3600 // 60:02d}" + (f":{rest % 60:02d}" if fine else "")
    return f"day {day + 1} {time}" if day else time


def replicas(policy: Policy) -> str:
    """``2``, or ``1–6``."""
    limits = policy.replicas
    return f"{limits.min:,}" if limits.min == limits.max else f"{limits.min:,}–{limits.max:,}"


def scaling(policy: Policy) -> str:
    """How the replicas follow the traffic, in a few words."""
    return ", ".join(scaling_parts(policy))


def scaling_parts(policy: Policy) -> list[str]:
    """The same, a part a rule."""
    if policy.mode == "serverless":
        return ["scales by request"]
    parts = [rule(one) for one in policy.scaling] or ["no scaling"]
    if policy.schedule:
        parts.append(figures.count(len(policy.schedule), "scheduled change"))
    return parts


def rule(policy: ScalingPolicy) -> str:
    """``target 1,180 requests/min each``; ``out at 70 % busy, in at 30``."""
    goal = _METRICS[policy.metric].format(_figure(policy.target))
    low = policy.settings.get("low")
    name = _KINDS.get(policy.kind, policy.kind)
    return f"{name} {goal}" if low is None else f"{name} {goal}, in at {_figure(low)}"


def _figure(value: float) -> str:
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def change(entry: ScheduledCapacity) -> str:
    """``from 08:00 UTC (mon tue) 2–6``."""
    days = "" if len(entry.days) == 7 else f" ({' '.join(entry.days)})"
    return f"from {entry.at} UTC{days} {entry.min_replicas}–{entry.max_replicas}"


def meaning_of_met(plan: CapacityPlan) -> str:
    """What the share of each policy is a share of, which depends on the promises."""
    if any(target.quantile is not None for target in plan.slo.targets):
        return "met: share of the requests within the tightest promise"
    if plan.slo.targets:
        return "met: nothing to count, a promised mean is kept or not"
    return "met: nothing to count without an SLO"


def _counts_unpriced(plan: CapacityPlan) -> bool:
    """Whether the best found has lines without a price: ranks and bounds count what they cost at most."""
    return bool(plan.policies) and any(line.monthly_cost is None for line in plan.policies[0].lines)


def share(value: float) -> str:
    """A share near one without rounding a miss away: ``99.97 %``, ``100 %``."""
    percent = value * 100
    if percent >= 100:
        return "100 %"
    if percent >= 99.995:
        return "99.99 %"
    return f"{percent:.2f} %" if percent >= 90 else f"{percent:.0f} %"


def probability(policy: Policy) -> str:
    """The probability that the SLO holds; ``?`` where it was not worked out."""
    if policy.slo_probability is None:
        return "?"
    percent = policy.slo_probability * 100
    return "over 99 %" if percent > 99 else "under 1 %" if percent < 1 else f"{percent:.0f} %"


def search(plan: CapacityPlan) -> list[str]:
    """How the plan was found, and how good it can be known to be."""
    value = plan.search
    considered, out = figures.count(value.candidates, "configuration"), f"{value.pruned:,} ruled out by bounds"
    lines = [
        f"{considered} considered: {out}, {value.screened:,} by the fluid model, {value.simulated:,} played request by request"
    ]
    if value.gap is not None and value.lower_bound is not None:
        least = figures.money(value.lower_bound, figures.symbol(plan.currency))
        counted = "; lines without a price are counted at their most" if _counts_unpriced(plan) else ""
        lines.append(
            f"the cheapest costs at most {value.gap * 100:.1f} % more than {least} a month, "
            f"under which nothing that was considered can serve this{counted}"
        )
    return lines


def assumptions(policy: Policy) -> list[str]:
    """What the simulation assumed, was given or was measured by someone, in that order."""
    order = {"assumed": 0, "given": 1, "measured": 2, "documented": 3}
    facts = sorted(policy.facts, key=lambda fact: order[fact.basis])
    return [f"{fact.basis}: {fact.rule}{f' ({fact.source})' if fact.source else ''}" for fact in facts]


def totals(policy: Policy) -> tuple[Decimal, Decimal]:
    """Billed and idle, of the lines that have a price."""
    from decimal import Decimal

    known = [line for line in policy.lines if line.monthly_cost is not None]
    billed = sum((line.monthly_cost for line in known if line.monthly_cost is not None), Decimal(0))
    idle = sum((line.monthly_cost for line in known if line.monthly_cost is not None and line.basis == "idle"), Decimal(0))
    return billed, idle
