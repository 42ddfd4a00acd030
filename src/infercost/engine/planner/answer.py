"""The search's findings as a capacity plan: every policy with its bill, its odds and what it rests on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from infercost.domain.capacity import Fact, PlannedReplicas, Policy
from infercost.domain.estimate import Band
from infercost.engine.money import unit_cost
from infercost.engine.planner.bill import MonthlyBill, Shares, bill, month_of
from infercost.engine.planner.play import replayed, tightest
from infercost.engine.planner.search import billed
from infercost.engine.planner.timeline import course
from infercost.engine.ranking import Contender, rank
from infercost.engine.wording import amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.capacity import TimelinePoint
    from infercost.domain.price import Offer
    from infercost.domain.provider import Provider
    from infercost.domain.traffic import Slo, Traffic
    from infercost.engine.planner.outlook import Outlook
    from infercost.engine.planner.pools import PlayedPool
    from infercost.engine.planner.screening import Screen
    from infercost.engine.planner.search import Confirmed
    from infercost.engine.planner.serverless import Serverless
    from infercost.engine.planner.sites import Place, Site

__all__ = ["Planned", "policies", "priced", "serverless_policy"]

_START: Final = re.compile(r"from the decision to a replica in service")
_PLAYED: Final = (
    "every request is played on a pool that starts empty, with the platform's concurrency; what a request is billed for while"
    " it starts cold counts at the upper end"
)
_BY_FORMULA: Final = (
    "by formula at the mean rate, not simulated: bursts start more instances cold than is counted here; the share within"
    " the SLO is what the formula promises at least"
)
_MILLION: Final = Decimal(1_000_000)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Planned:
    """A policy before its rank is known, and what ranks it."""

    policy: Policy
    offer: Offer
    unknown: Decimal | None
    unpriced: frozenset[str]
    confirmed: Confirmed | None = None
    price: Decimal | None = None
    """Of a replica-hour."""


def priced(
    confirmed: Confirmed,
    outlook: Outlook,
    site: Site,
    screen: Screen,
    provider: Provider,
    requests: Decimal,
    bound: float,
) -> Planned:
    """A played policy with its bill.

    Args:
        confirmed: the policy and its play.
        outlook: over the band of the prediction.
        site: where its instance type is sold.
        screen: whose demand was played.
        provider: its cloud.
        requests: in a month.
        bound: monthly cost under which nothing on this hardware can serve the traffic.
    """
    choice, played = confirmed.found.choice, confirmed.played
    screened = confirmed.found.screened
    duration = screen.demand.duration_s
    shares = Shares(
        billed=billed(confirmed.found, played, screen),
        busy=played.busy_seconds / duration,
        starting=screened.flow.starting_s / duration,
        tail=screened.flow.tail_s / duration,
    )
    place = site.cheapest(shares.billed)
    setting = choice.setting
    made = bill(place, shares, setting.provenance, f"{shares.billed:.4g} replicas in the mean × 730 h, the part that was busy")
    month = _band(place, made, outlook, screened.mean_replicas, shares.billed)
    policy = Policy(
        rank=0,
        tie_group=0,
        provider=setting.provider,
        region=place.offer.region,
        mode="realtime",
        instance_type=setting.instance_type,
        accelerator=setting.accelerator,
        serving=setting.serving,
        routing=choice.routing,
        replicas=PlannedReplicas(
            min=choice.limits.min,
            max=choice.limits.max,
            initial=choice.initial,
            mean=shares.billed,
            peak=screened.flow.peak,
        ),
        scaling=choice.scaling,
        schedule=choice.limits.schedule,
        latency_ms=played.latency_ms,
        attainment=played.attainment,
        dropped=played.dropped,
        slo_holds="at_risk" if outlook.high is None else "yes",
        slo_probability=round(outlook.probability, 6),
        utilization=min(shares.busy / shares.billed, 1.0) if shares.billed else 0.0,
        idle_share=_idle_share(made),
        provenance=setting.provenance,
        band=setting.band,
        per_month=month,
        per_million=_each(month, requests / _MILLION),
        compared=made.cost + (made.unknown or 0),
        lines=made.lines,
        bound=Decimal(repr(bound)).quantize(_CENT, ROUND_FLOOR),
        facts=_facts(confirmed, screen, provider),
        notes=_notes(confirmed, outlook, place, provider),
    )
    return Planned(policy, place.offer, made.unknown, place.quote.unpriced, confirmed, place.offer.price)


def _band(place: Place, made: MonthlyBill, outlook: Outlook, screened: float, played: float) -> Band:
    """The bill at both ends; the fluid model's small error at the likely end is taken out of them."""
    low, _ = month_of(place, outlook.low * played / screened)
    high = None
    if outlook.high is not None:
        known, missing = month_of(place, outlook.high * played / screened)
        high = None if missing is None else max(known + missing, made.cost)
    return Band(min(low, made.cost), made.cost, high)


def _each(month: Band, millions: Decimal) -> Band:
    return Band(
        unit_cost(month.low, millions),
        unit_cost(month.likely, millions),
        None if month.high is None else unit_cost(month.high, millions),
    )


def _idle_share(made: MonthlyBill) -> float:
    compute = [line for line in made.lines if line.unit == "hour" and line.name in ("compute", "scale-in tail", "starting")]
    total = sum((line.monthly_cost or Decimal(0) for line in compute), Decimal(0))
    idle = sum((line.monthly_cost or Decimal(0) for line in compute if line.basis == "idle"), Decimal(0))
    return float(idle / total) if total else 0.0


def _facts(confirmed: Confirmed, screen: Screen, provider: Provider) -> tuple[Fact, ...]:
    choice = confirmed.found.choice
    rules = provider.scaling
    found = [
        Fact(rule=f.rule, basis=f.basis, source=f.source)
        for f in confirmed.played.facts
        if "in service: as given" not in f.rule
    ]
    if rules is not None and (choice.scaling or choice.limits.schedule):
        start = rules.start_s + screen.load_s
        spread = f"lognormal, cv {rules.start_spread:g}"
        found.append(
            Fact(
                rule=f"from the decision to a replica in service: {amount(start)} s in the mean ({spread}),"
                f" of which {amount(screen.load_s)} s load the model as measured",
                basis="documented" if rules.verified else "assumed",
                source=rules.source,
            )
        )
    spread_over = choice.routing.replace("_", " ")
    found.append(
        Fact(
            rule=f"requests are spread over replicas: {spread_over}",
            basis="documented" if rules is not None and len(rules.routings) > 1 else "assumed",
            source=rules.source if rules is not None else "",
        )
    )
    setting = choice.setting
    found.append(
        Fact(
            rule=f"a service is lognormal with a coefficient of variation of {setting.cv:.2g} around the prediction,"
            " and grows in a straight line with the batch",
            basis="assumed",
            source="the spread is the profile's, the shape is assumed",
        )
    )
    hosting = provider.hosting
    found.append(
        Fact(
            rule=f"each replica is billed in steps of {hosting.billing_granularity_s:g} s",
            basis="assumed",
            source=hosting.source,
        )
    )
    return tuple(dict.fromkeys(found))


def _notes(confirmed: Confirmed, outlook: Outlook, place: Place, provider: Provider) -> tuple[str, ...]:
    choice = confirmed.found.choice
    setting = choice.setting
    notes = [setting.basis] if setting.basis else []
    notes.append(_odds(outlook, setting.band))
    if outlook.high is None:
        notes.append("at the band's slow end nothing that was tried on this instance type keeps the SLO")
    wanted = provider.hosting.recommended_min_replicas
    if choice.limits.min < wanted:
        notes.append(f"{provider.title} recommends {wanted} replicas for availability")
    notes += place.quote.notes
    meaning = place.catalog.flags.get(place.offer.flag)
    if meaning:
        notes.append(f"price: {meaning}")
    return tuple(notes)


def _odds(outlook: Outlook, band: float) -> str:
    how = "by simulation at that factor" if outlook.played else "by the fluid model, set to the simulation"
    return (
        f"the SLO breaks where services take {outlook.breaks_at:.2f} times the predicted ({how}); 90 % of the truth is"
        f" expected within a factor of {1 + band:.2f}. The ends of the cost are with the target tuned to them"
    )


def serverless_policy(
    found: Serverless, slo: Slo, traffic: Traffic, requests: Decimal, played: PlayedPool | None = None
) -> Planned:
    """The serverless mode as a policy: played on the traffic, or by formula."""
    placement, fixed = found.usage.placement, found.quote.fixed
    high = None
    if found.bill.high is not None and fixed.unknown is not None:
        high = found.bill.high + fixed.cost + fixed.unknown
    month = Band(found.bill.low + fixed.cost, found.known, high)
    goal = tightest(slo)
    note = _PLAYED if played is not None else _BY_FORMULA
    policy = Policy(
        rank=0,
        tie_group=0,
        provider=found.offer.provider,
        region=found.offer.region,
        mode="serverless",
        instance_type=found.offer.instance_type,
        serving=placement.serving,
        routing="central",
        replicas=PlannedReplicas(
            min=0, max=placement.replicas, initial=0, mean=found.usage.replicas.mean, peak=placement.replicas
        ),
        scaling=(),
        latency_ms=placement.latency_ms,
        attainment=played.attainment if played is not None else 1.0 if goal is None else (goal.quantile or 1.0),
        dropped=0.0 if played is None else played.dropped,
        slo_holds=placement.slo_holds,
        slo_probability=None,
        utilization=1.0,
        idle_share=0.0,
        provenance=placement.provenance,
        band=placement.band,
        per_month=month,
        per_million=_each(month, requests / _MILLION),
        compared=found.compared,
        lines=(*found.bill.lines, *fixed.lines),
        facts=(
            Fact(rule=note, basis="assumed"),
            Fact(rule=f"{amount(traffic.rps)} requests a second in the mean", basis="given"),
        ),
        notes=(*placement.notes, note, *found.quote.notes),
    )
    return Planned(policy, found.offer, fixed.unknown, found.quote.unpriced)


def policies(planned: Sequence[Planned], screen: Screen, *, explain: int) -> tuple[Policy, ...]:
    """Policies in rank order; the first few that were played with their course over time."""
    contenders = [Contender(p.offer, p.policy.per_month, p.unknown, p.unpriced) for p in planned]
    ordered = []
    for place in rank(contenders):
        one = planned[place.at]
        explained = explain > 0 and one.confirmed is not None
        if explained and one.confirmed is not None:
            explain -= 1
            policy = replace(one.policy, timeline=_course(one.confirmed, screen, one.price))
        else:
            policy = one.policy
        ordered.append(replace(policy, rank=place.rank, tie_group=place.tie_group))
    return tuple(ordered)


def _course(confirmed: Confirmed, screen: Screen, price: Decimal | None) -> tuple[TimelinePoint, ...]:
    run = replayed(confirmed.found.choice, screen)
    return course(run, screen.demand.drawn().times_s, tightest(screen.slo), price)
