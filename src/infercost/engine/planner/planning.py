"""``plan_capacity``: predictions, prices and traffic in, a capacity plan out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from infercost.domain.capacity import CapacityPlan, Search
from infercost.domain.estimate import ProfiledModel, Rejected
from infercost.domain.plan import Misfit, Placement
from infercost.domain.traffic import Slo, SloTarget
from infercost.engine.caveats import caveats, name_catalog
from infercost.engine.estimate import common_currency, uncovered
from infercost.engine.planner.answer import policies, priced, serverless_policy
from infercost.engine.planner.outlook import outlook
from infercost.engine.planner.pools import play_pools
from infercost.engine.planner.screening import Cloud, Screen
from infercost.engine.planner.search import THREADS, Budget, hunt
from infercost.engine.planner.settings import settings_of
from infercost.engine.planner.sites import sites
from infercost.engine.quote import Quoter, monthly_requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from infercost.domain.capacity import WorkloadFacts
    from infercost.domain.price import Catalog, Offer
    from infercost.domain.profile import Profile
    from infercost.domain.provider import Provider
    from infercost.domain.traffic import Traffic
    from infercost.engine.plan import Case
    from infercost.engine.planner.answer import Planned
    from infercost.engine.planner.demand import Demand
    from infercost.engine.planner.pools import Pool
    from infercost.engine.planner.search import Confirmed, Outcome
    from infercost.engine.planner.settings import Setting
    from infercost.engine.planner.sites import Key, Site

__all__ = ["TIMEOUT", "plan_capacity"]

TIMEOUT: Final = SloTarget(metric="p99.9", limit_ms=60_000.0)
"""What stands for an SLO where none was given: almost every request is answered before callers give up."""
_LEADER_PLAYS: Final = 2
"""Simulations for the odds of the cheapest policy of each cloud."""


def plan_capacity(
    *,
    profile: Profile,
    demand: Demand,
    workload: WorkloadFacts,
    traffic: Traffic,
    slo: Slo,
    cases: Sequence[Case],
    placements: Sequence[Placement | Misfit],
    catalogs: Sequence[Catalog],
    providers: Mapping[str, Provider],
    regions: Mapping[str, Sequence[str]],
    min_replicas: int,
    load_s: float,
    today: date,
    created: str,
    version: str,
    top: int = 3,
    explain: int = 0,
    budget: Budget | None = None,
    default_regions: bool = False,
    pools: Mapping[tuple[str, str], Pool] | None = None,
) -> CapacityPlan:
    """Search the cheapest policies of each cloud for traffic that moves.

    Args:
        profile: the model that was measured.
        demand: the traffic, request by request.
        workload: the same in words and few numbers.
        traffic: its mean rate and payloads, for what is billed by request.
        slo: promises over all requests of the traffic; empty: see ``TIMEOUT``.
        cases: predictions on the hardware that they fit.
        placements: why other hardware cannot serve at all, and the serverless mode by formula.
        catalogs: prices, one a provider, in one currency.
        providers: rules and charges by provider.
        regions: chosen region keys by provider.
        min_replicas: fewest replicas that the user wants.
        load_s: seconds that loading the model takes.
        today: the day that ages of prices are counted to.
        created: time stamp, ISO 8601.
        version: of infercost.
        top: instance types of each cloud in the answer.
        explain: how many of the best policies carry their course over time.
        budget: how much is simulated.
        default_regions: whether the user left the regions to us.
        pools: what serves a request on each serverless size, so that it can be played; else its formula counts.

    Raises:
        UsageError: the catalogs are in several currencies.
        MissingExtraError: numba is not installed.
    """
    currency = common_currency(catalogs)
    goal = slo if slo.targets else Slo(targets=(TIMEOUT,))
    quoters = {catalog.provider: Quoter(providers[catalog.provider], catalog, traffic, profile) for catalog in catalogs}
    site_of, unpriced = sites(catalogs, quoters, regions)
    clouds = {name: _cloud(provider, min_replicas) for name, provider in providers.items()}
    settings = _settings(cases, clouds, slo, demand, site_of)
    screen = Screen(demand, goal, clouds, load_s)
    spend = budget or Budget()
    outcome = hunt(settings, site_of, screen, top=top, budget=spend)
    requests = monthly_requests(traffic)
    planned = _planned(outcome, settings, site_of, screen, providers, requests, spend)
    fitting = [p for p in placements if isinstance(p, Placement) and p.mode == "serverless"]
    serverless, played, missed = play_pools(
        fitting, pools or {}, demand, goal, catalogs=catalogs, quoters=quoters, regions=regions, requests=requests
    )
    planned += [
        serverless_policy(found, goal, traffic, requests, played.get((found.offer.provider, found.offer.instance_type)))
        for found in serverless
    ]
    books = tuple(name_catalog(catalog, regions.get(catalog.provider, ()), today) for catalog in catalogs)
    ranked = policies(planned, screen, explain=explain)
    return CapacityPlan(
        currency=currency,
        created=created,
        infercost_version=version,
        model=ProfiledModel(name=profile.model.name, sha256=profile.model.sha256, machine=profile.machine.cpu_model),
        price_catalogs=books,
        regions=tuple(region for catalog in catalogs for region in regions.get(catalog.provider, ())),
        default_regions=default_regions,
        workload=workload,
        slo=slo,
        policies=ranked,
        rejected=tuple(_rejected([*placements, *missed], catalogs, regions)),
        search=_search(outcome, demand, planned, [s.compared for s in serverless]),
        not_priced=uncovered(catalogs, providers, traffic),
        warnings=(
            *caveats(
                catalogs,
                {book.provider: book.age_days for book in books},
                {name: quoter.gaps() for name, quoter in quoters.items()},
                [p.offer for p in planned],
                unpriced,
            ),
            *_remarks(outcome, slo, demand),
            *(f"profile: {text}" for text in dict.fromkeys((*profile.model.warnings, *profile.warnings))),
        ),
    )


def _cloud(provider: Provider, min_replicas: int) -> Cloud:
    least = max(min_replicas, provider.hosting.min_replicas)
    return Cloud(hosting=provider.hosting, scaling=provider.scaling, min_replicas=least)


def _settings(
    cases: Sequence[Case], clouds: Mapping[str, Cloud], slo: Slo, demand: Demand, site_of: Mapping[Key, Site]
) -> list[Setting]:
    spread = demand.squared_cv_of_work
    return [
        setting
        for case in cases
        if (case.prediction.provider, case.prediction.instance_type) in site_of
        for setting in settings_of(case, clouds[case.prediction.provider].scaling, slo, spread)
    ]


def _planned(
    outcome: Outcome,
    settings: Sequence[Setting],
    site_of: Mapping[Key, Site],
    screen: Screen,
    providers: Mapping[str, Provider],
    requests: Decimal,
    budget: Budget,
) -> list[Planned]:
    """The confirmed policies with their bills; the cheapest of each cloud with its odds played out."""
    wanted: list[tuple[float, Confirmed, int]] = []
    room = budget.room(screen.demand.requests) - outcome.simulated
    for one in outcome.hunts:
        best = sorted(one.confirmed.items(), key=lambda item: item[1].order)[: one.top]
        for place, (key, confirmed) in enumerate(best):
            plays = min(_LEADER_PLAYS, max(room, 0)) if place == 0 else 0
            room -= plays
            wanted.append((one.explored.bounds[key], confirmed, plays))
    by_key: dict[Key, list[Setting]] = {}
    for setting in settings:
        by_key.setdefault((setting.provider, setting.instance_type), []).append(setting)

    def made(item: tuple[float, Confirmed, int]) -> tuple[Planned, int]:
        bound, confirmed, plays = item
        setting = confirmed.found.choice.setting
        key = (setting.provider, setting.instance_type)
        seen = outlook(confirmed, by_key[key], site_of[key], screen, plays=plays)
        return priced(confirmed, seen, site_of[key], screen, providers[key[0]], requests, bound), seen.played

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(made, wanted))
    outcome.simulated += sum(plays for _, plays in found)
    return [planned for planned, _ in found]


def _search(outcome: Outcome, demand: Demand, planned: Sequence[Planned], others: Sequence[Decimal]) -> Search:
    """How the search went, and how far its best can be from the bound."""
    bounds = [] if outcome.lower_bound is None else [Decimal(repr(round(outcome.lower_bound, 6)))]
    costs = [p.policy.compared for p in planned if p.policy.compared is not None]
    lowest = min([*bounds, *others, *costs], default=None)
    best = min(costs, default=None)
    screened = outcome.candidates - outcome.pruned - sum(one.played + len(one.tried) for one in outcome.hunts)
    return Search(
        candidates=outcome.candidates,
        pruned=outcome.pruned,
        screened=max(screened, 0),
        simulated=outcome.simulated,
        lower_bound=None if lowest is None else lowest.quantize(Decimal("0.01"), ROUND_FLOOR),
        gap=None if best is None or not lowest else max(float(best / lowest) - 1, 0.0),
        seed=demand.seed,
        seconds_simulated=demand.duration_s,
    )


def _rejected(
    placements: Sequence[Placement | Misfit], catalogs: Sequence[Catalog], regions: Mapping[str, Sequence[str]]
) -> list[Rejected]:
    """Offers that cannot serve this traffic by any policy, and why."""
    misfits = {(p.provider, p.instance_type, p.mode): p for p in placements if isinstance(p, Misfit)}

    def reject(offer: Offer) -> Rejected | None:
        misfit = misfits.get((offer.provider, offer.instance_type, offer.mode))
        if misfit is None:
            return None
        where = (offer.provider, offer.region, offer.instance_type)
        return Rejected(*where, misfit.reasons, offer.mode, misfit.best_latency_ms)

    chosen = [o for c in catalogs for o in c.offers if o.region in set(regions.get(c.provider, ()))]
    return [found for offer in chosen if (found := reject(offer)) is not None]


def _remarks(outcome: Outcome, slo: Slo, demand: Demand) -> list[str]:
    remarks = []
    if not slo.targets:
        remarks.append("no SLO was given: planned so that 99.9 % of the requests are answered within 60 s")
    remarks += [
        f"no policy on {one.explored.provider} that was simulated keeps the SLO" for one in outcome.hunts if not one.confirmed
    ]
    if demand.duration_s < 86_400:
        remarks.append("the traffic covers less than a day: the month's cost takes it to go on like that")
    return remarks
