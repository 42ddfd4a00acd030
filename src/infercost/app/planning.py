"""From a profile and traffic that moves to a capacity plan."""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from infercost._version import __version__
from infercost.app.pricing import ask, hosting_of, place_serverless, predict_for, refuse_served, targets_of
from infercost.app.profiling import load_or_profile
from infercost.app.traffic import load_traffic
from infercost.domain.errors import TrafficError, UsageError
from infercost.domain.profile import Profile
from infercost.domain.traffic import LOG_BYTES, Slo
from infercost.engine.planner.endpoint import check_name, endpoint_of
from infercost.engine.simulate.compiled import check_compiler

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from datetime import date

    from infercost.app.pricing import Question
    from infercost.domain.calibration import Calibrations
    from infercost.domain.capacity import CapacityPlan, WorkloadFacts
    from infercost.domain.discount import Discounts
    from infercost.domain.plan import Misfit, Placement
    from infercost.domain.price import Catalog, ExchangeRate
    from infercost.domain.traffic import Traffic
    from infercost.engine.plan import Case
    from infercost.engine.planner.pools import Pool
    from infercost.engine.planner.search import Budget
    from infercost.engine.workload import Workload
    from infercost.store.hardware import HardwareTable

__all__ = ["answer_plan", "check_name", "check_traffic", "endpoint_of", "plan"]

MOST_REQUESTS: Final = 200_000_000
"""Requests that a plan takes: each is held in memory, and played many times."""


def plan(
    source: Profile | str | os.PathLike[str],
    *,
    traffic: Workload | str | os.PathLike[str],
    slo: str | Sequence[str] | Slo = (),
    regions: Sequence[str] | None = None,
    providers: Sequence[str] | None = None,
    instances: Sequence[str] | None = None,
    seed: int = 0,
    top: int = 3,
    explain: int = 0,
    payload_in_bytes: int | None = None,
    payload_out_bytes: int | None = None,
    log_bytes: int = LOG_BYTES,
    clients: Literal["internet", "in-region"] = "internet",
    overhead_ms: float | None = None,
    min_replicas: int = 1,
    include: Mapping[str, float] | None = None,
    calibration: Calibrations | str | os.PathLike[str] | None = None,
    today: date | None = None,
    catalogs: Sequence[Catalog] | None = None,
    prices: str | None = None,
    discounts: Discounts | str | os.PathLike[str] | None = None,
    currency: str | None = None,
    fx: ExchangeRate | str | None = None,
    budget: Budget | None = None,
) -> CapacityPlan:
    """Find the cheapest ways to serve traffic that moves within an SLO, by simulating each cloud's autoscaler.

    Args:
        source: a profile, the path of a saved one, or the path of a model (measured first, cached).
        traffic: what :func:`infercost.load_traffic` gives, or what it reads: a file or a shape.
        slo: promises over all requests of the traffic; none: almost all are answered within 60 s.
        regions: as of :func:`infercost.estimate`. The answer has the cheapest of them for each instance type.
        providers: likewise.
        instances: likewise.
        seed: of everything random; the same question with the same seed has the same answer.
        top: instance types of each cloud in the answer.
        explain: how many of the best policies carry their course over time.
        payload_in_bytes: as of :func:`infercost.estimate`, as are all arguments that follow.
        payload_out_bytes: likewise.
        log_bytes: likewise.
        clients: likewise.
        overhead_ms: likewise.
        min_replicas: likewise; the search may keep more.
        include: likewise.
        calibration: likewise.
        today: likewise.
        catalogs: likewise.
        prices: likewise.
        discounts: likewise.
        currency: likewise.
        fx: likewise.
        budget: how much is simulated at most; None takes the defaults.

    Raises:
        UnknownNameError: a provider, region or instance is not in the book, or a shape or column of the traffic.
        UsageError: the traffic or SLO is out of range, or a discount or exchange rate cannot be used.
        TrafficError: the traffic has no requests, or more than a plan can play.
        NoPriceError: the prices asked for or pinned are not on this machine.
        MissingExtraError: numba is not installed.
    """
    if top < 1 or explain < 0:
        raise UsageError(f"a plan shows at least one instance type of each cloud, got top={top} and explain={explain}")
    workload = load_traffic(traffic)
    check_traffic(workload)
    question = ask(
        rps=workload.mean_rps,
        slo=slo,
        regions=regions,
        providers=providers,
        instances=instances,
        payload_in_bytes=payload_in_bytes,
        payload_out_bytes=payload_out_bytes,
        log_bytes=log_bytes,
        clients=clients,
        overhead_ms=overhead_ms,
        min_replicas=min_replicas,
        include=include,
        calibration=calibration,
        today=today,
        catalogs=catalogs,
        prices=prices,
        discounts=discounts,
        currency=currency,
        fx=fx,
    )
    profile = source if isinstance(source, Profile) else load_or_profile(source)
    return answer_plan(question, profile, workload, seed=seed, top=top, explain=explain, budget=budget)


def check_traffic(workload: Workload) -> None:
    """Refuse traffic that no plan can be made for, before anything slow begins.

    Raises:
        TrafficError: it has no requests, or more than fit.
        MissingExtraError: what plays it is not installed.
    """
    check_compiler("planning for traffic that moves")
    if not workload.requests > 0:
        raise TrafficError(f"the traffic ({workload.source}) has no requests to plan for; look at it with: infercost traffic")
    if workload.requests > MOST_REQUESTS:
        hours = workload.duration_s * MOST_REQUESTS / workload.requests / 3600
        part = f"--clip 0h..{int(hours)}h" if hours >= 1 else "a lower --scale"
        raise TrafficError(
            f"the traffic ({workload.source}) has {workload.requests:,.0f} requests,"
            f" and a plan plays each of at most {MOST_REQUESTS:,}; plan for a part of it: {part}"
        )


def answer_plan(
    question: Question,
    profile: Profile,
    workload: Workload,
    *,
    seed: int = 0,
    top: int = 3,
    explain: int = 0,
    budget: Budget | None = None,
) -> CapacityPlan:
    """Predict, search and price; arguments as of :func:`plan`."""
    from dataclasses import replace

    from infercost.engine.planner.demand import Demand
    from infercost.engine.planner.planning import plan_capacity
    from infercost.store.hardware import load_hardware

    refuse_served(profile)
    table = load_hardware()
    traffic = question.traffic(profile)
    cases, placements = cases_of(question, profile, traffic, table)
    placements += _serverless(question, profile, traffic, workload.peak_rps, table)
    found = plan_capacity(
        profile=profile,
        demand=Demand(workload, seed, None if workload.starts_at is None else _moment(workload.starts_at)),
        workload=_facts(workload, traffic),
        traffic=traffic,
        slo=question.slo,
        cases=cases,
        placements=placements,
        catalogs=question.catalogs,
        providers=question.providers,
        regions=question.regions,
        min_replicas=question.min_replicas,
        load_s=median([p.load_s for p in profile.points if p.load_s is not None] or [0.0]),
        today=question.today,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        top=top,
        explain=explain,
        budget=budget,
        default_regions=question.default_regions,
        pools=_pools(question, profile, traffic, table),
    )
    return replace(found, warnings=(*question.warnings, *found.warnings)) if question.warnings else found


def cases_of(
    question: Question, profile: Profile, traffic: Traffic, table: HardwareTable
) -> tuple[list[Case], list[Placement | Misfit]]:
    """What can be simulated, and why the rest cannot serve even without load."""
    from infercost.domain.plan import Misfit
    from infercost.engine.plan import Case
    from infercost.engine.plan import plan as place

    targets, misfits = targets_of(question, table)
    hardware = {(t.provider, t.instance_type): t for t in targets}
    hosting = hosting_of(question)
    predictions = predict_for(question, profile, traffic, targets, table)
    cases = [Case.of(p, hardware[p.provider, p.instance_type], hosting[p.provider], traffic) for p in predictions]
    placed = place(predictions, hardware, traffic, question.slo, hosting)
    misfits += [p for p in placed if isinstance(p, Misfit)]
    out = {(p.provider, p.instance_type) for p in misfits}
    return [case for case in cases if (case.prediction.provider, case.prediction.instance_type) not in out], misfits


def _serverless(
    question: Question, profile: Profile, traffic: Traffic, peak_rps: float, table: HardwareTable
) -> list[Placement | Misfit]:
    """The serverless mode by formula at the mean rate, with the concurrency of the busiest minute."""
    from dataclasses import replace

    from infercost.engine.planner.serverless import with_peak

    mean = place_serverless(question, traffic, profile, table)
    return with_peak(mean, place_serverless(question, replace(traffic, rps=max(peak_rps, traffic.rps)), profile, table))


def _pools(question: Question, profile: Profile, traffic: Traffic, table: HardwareTable) -> dict[tuple[str, str], Pool]:
    """What serves a request on each serverless size in question."""
    from infercost.engine.planner.pools import Pool
    from infercost.engine.serverless import instance_of, serverless_hardware

    load_s = median([p.load_s for p in profile.points if p.load_s is not None] or [0.0])
    found = {}
    for catalog in question.catalogs:
        rules = question.providers[catalog.provider].serverless
        sizes = sorted({offer.instance_type for offer in catalog.offers if offer.mode == "serverless"})
        if rules is None or not sizes:
            continue
        hardware = serverless_hardware(catalog.provider, sizes, rules, table.families)
        for one, here in zip(predict_for(question, profile, traffic, hardware, table), hardware, strict=True):
            instance = instance_of(one, here, load_s, rules)
            if instance is not None:
                found[catalog.provider, here.instance_type] = Pool(instance, rules)
    return found


def _facts(workload: Workload, traffic: Traffic) -> WorkloadFacts:
    from infercost.domain.capacity import WorkloadFacts

    classes = (str(workload.classes),) if workload.classes is not None else ()
    return WorkloadFacts(
        source=workload.source,
        start=workload.starts_at,
        duration_s=workload.duration_s,
        requests=workload.requests,
        mean_rps=workload.mean_rps,
        peak_rps=workload.peak_rps,
        burstiness=workload.burstiness,
        payload_in_bytes=traffic.payload_in_bytes,
        payload_out_bytes=traffic.payload_out_bytes,
        log_bytes=traffic.log_bytes,
        clients=traffic.clients,
        overhead_ms=traffic.overhead_ms,
        notes=(*workload.notes, *classes),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
