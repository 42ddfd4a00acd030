"""From a profile and levels of traffic to what each serving mode costs and promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Literal

from infercost._version import __version__
from infercost.app.planning import cases_of
from infercost.app.pricebook import open_book
from infercost.app.pricing import ask, predict_for, refuse_served
from infercost.app.profiling import load_or_profile
from infercost.app.traffic import load_traffic
from infercost.domain.profile import Profile
from infercost.domain.traffic import LOG_BYTES, Slo

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from datetime import date

    from infercost.app.pricing import Question
    from infercost.domain.calibration import Calibrations
    from infercost.domain.capacity import Crossover
    from infercost.domain.discount import Discounts
    from infercost.domain.hardware import Hardware
    from infercost.domain.prediction import Prediction
    from infercost.domain.price import Catalog, ExchangeRate
    from infercost.domain.refresh import ExtraPrice
    from infercost.domain.traffic import Traffic
    from infercost.engine.workload import Workload
    from infercost.store.hardware import HardwareTable

__all__ = ["answer_modes", "modes"]

STEADY = "steady, Poisson"


def modes(
    source: Profile | str | os.PathLike[str],
    *,
    levels: Sequence[float] | str | None = None,
    traffic: Workload | str | os.PathLike[str] | None = None,
    slo: str | Sequence[str] | Slo = (),
    regions: Sequence[str] | None = None,
    providers: Sequence[str] | None = None,
    instances: Sequence[str] | None = None,
    seed: int = 0,
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
) -> Crossover:
    """Compare real-time, serverless, asynchronous, batch and scaled-to-zero serving by requests a day.

    Args:
        source: a profile, the path of a saved one, or the path of a model (measured first, cached).
        levels: requests a day, numbers or ``"100,1k,1M"``; None: 100 to 10 million in steps of ten.
        traffic: a shape or file that is scaled to each level; None: steady Poisson arrivals.
        slo: promises; each point says whether it keeps them, and the always-on mode must.
        regions: as of :func:`infercost.estimate`; each mode is in the cheapest of them.
        providers: likewise.
        instances: likewise.
        seed: of everything random; the same question with the same seed has the same answer.
        payload_in_bytes: as of :func:`infercost.estimate`, as are all arguments that follow.
        payload_out_bytes: likewise.
        log_bytes: likewise.
        clients: likewise.
        overhead_ms: likewise.
        min_replicas: of the always-on mode.
        include: likewise.
        calibration: likewise.
        today: likewise.
        catalogs: likewise; with the offers of every mode.
        prices: likewise.
        discounts: likewise.
        currency: likewise.
        fx: likewise.

    Raises:
        UnknownNameError: a provider, region or instance is not in the book, or a shape or column of the traffic.
        UsageError: a level, the traffic or the SLO is out of range, or a discount or exchange rate cannot be used.
        NoPriceError: the prices asked for or pinned are not on this machine.
        MissingExtraError: numba is not installed.
    """
    from infercost.engine.modes.levels import DAY_S

    chosen = read_levels(levels)
    shape = None if traffic is None else load_traffic(traffic)
    question = ask(
        rps=chosen[0] / DAY_S,
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
        every_mode=True,
    )
    extras = {} if catalogs is not None else provisioned_prices(question, prices)
    profile = source if isinstance(source, Profile) else load_or_profile(source)
    return answer_modes(question, profile, chosen, shape, seed=seed, extras=extras)


def read_levels(levels: Sequence[float] | str | None) -> tuple[float, ...]:
    """Levels as given, or the usual ones; refused before anything slow begins where nothing could play them.

    Raises:
        UsageError: one cannot be read or is out of range.
        MissingExtraError: numba is not installed.
    """
    from infercost.engine.modes.levels import LEVELS, check_levels, parse_levels
    from infercost.engine.simulate.compiled import check_compiler

    check_compiler("comparing serving modes")
    if levels is None:
        return LEVELS
    return parse_levels(levels) if isinstance(levels, str) else check_levels(levels)


def answer_modes(
    question: Question,
    profile: Profile,
    levels: Sequence[float],
    shape: Workload | None,
    *,
    seed: int = 0,
    extras: Mapping[str, Sequence[ExtraPrice]] | None = None,
) -> Crossover:
    """Predict, play and price; arguments as of :func:`modes`, ``extras`` as of :func:`provisioned_prices`."""
    from infercost.engine.modes.crossing import Subject, cross
    from infercost.engine.modes.levels import level_of
    from infercost.store.hardware import load_hardware

    refuse_served(profile)
    table = load_hardware()
    traffic = question.traffic(profile)
    # Without the SLO: a queue or a job is served by what is too slow to answer at once.
    cases, _ = cases_of(replace(question, slo=Slo()), profile, traffic, table)
    subject = Subject(
        profile=profile,
        traffic=traffic,
        slo=question.slo,
        cases=cases,
        serverless=_serverless(question, profile, traffic, table),
        catalogs=question.catalogs,
        providers=question.providers,
        regions=question.regions,
        extras=extras or {},
        min_replicas=question.min_replicas,
        load_s=median([p.load_s for p in profile.points if p.load_s is not None] or [0.0]),
    )
    found = cross(
        subject,
        [level_of(level, shape, seed) for level in levels],
        source=STEADY if shape is None else shape.source,
        today=question.today,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )
    return replace(found, warnings=(*question.warnings, *found.warnings)) if question.warnings else found


def provisioned_prices(question: Question, prices: str | None) -> dict[str, tuple[ExtraPrice, ...]]:
    """Prices of provisioned concurrency by provider, where the book states them in the question's currency.

    They are list prices: of a catalog that was discounted or converted, none are taken.
    """
    from infercost.store.extras import read_extras

    plain = {c.provider: c for c in question.catalogs if c.exchange_rate is None and not c.discounts}
    able = [p for name, p in question.providers.items() if name in plain and p.serverless is not None]
    if not able:
        return {}
    book = open_book(able, prices=prices, currency=next(iter(plain.values())).currency)
    return {
        name: tuple(
            extra
            for extra in read_extras(volume.snapshot.location)
            if extra.kind.startswith("serverless_provisioned") and extra.currency == plain[name].currency
        )
        for name, volume in book.volumes.items()
    }


def _serverless(
    question: Question, profile: Profile, traffic: Traffic, table: HardwareTable
) -> dict[str, tuple[list[Prediction], list[Hardware]]]:
    """Predictions on the memory sizes of every cloud that has some."""
    from infercost.engine.serverless import serverless_hardware

    found = {}
    for catalog in question.catalogs:
        rules = question.providers[catalog.provider].serverless
        sizes = sorted({offer.instance_type for offer in catalog.offers if offer.mode == "serverless"})
        if rules is not None and sizes:
            hardware = serverless_hardware(catalog.provider, sizes, rules, table.families)
            found[catalog.provider] = (predict_for(question, profile, traffic, hardware, table), hardware)
    return found
