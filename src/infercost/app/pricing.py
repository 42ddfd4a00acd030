"""From a profile to a priced, ranked answer, and to a verdict on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal

from infercost._version import __version__
from infercost.app.calibrated import open_calibrations, predict_calibrated
from infercost.app.pricebook import choose_currency, discounted, exchanged, open_book, stale_rate
from infercost.app.profiling import load_or_profile
from infercost.app.selection import choose_providers, choose_regions, restrict
from infercost.domain.errors import UnknownNameError, UsageError
from infercost.domain.plan import Misfit
from infercost.domain.profile import Profile
from infercost.domain.traffic import LOG_BYTES, Slo, Traffic

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from infercost.domain.calibration import Calibrations
    from infercost.domain.discount import Discounts
    from infercost.domain.estimate import Estimate
    from infercost.domain.hardware import Hardware
    from infercost.domain.plan import Placement
    from infercost.domain.prediction import Prediction
    from infercost.domain.price import Catalog, ExchangeRate
    from infercost.domain.provider import HostingRules, Provider
    from infercost.store.hardware import HardwareTable

Clients = Literal["internet", "in-region"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A checked question: what is asked of which offers. Made by :func:`ask`."""

    rps: float
    slo: Slo
    providers: Mapping[str, Provider]
    catalogs: tuple[Catalog, ...]
    regions: Mapping[str, tuple[str, ...]]
    default_regions: bool
    payload_in_bytes: int | None
    payload_out_bytes: int | None
    log_bytes: int
    clients: Clients
    overhead_ms: float | None
    min_replicas: int
    today: date
    include: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    """What is to be said of the prices that were chosen."""
    calibrations: Calibrations | None = None
    """What the user measured where it counts."""

    def traffic(self, profile: Profile) -> Traffic:
        """The traffic, its payload sizes taken from the profile where the user gave none."""
        from infercost.engine.overhead import assumed_overhead_ms

        sizes = (self.payload_in_bytes, self.payload_out_bytes)
        request, response = (
            measured if given is None else given
            for given, measured in zip(sizes, (profile.payload_in_bytes, profile.payload_out_bytes), strict=True)
        )
        return Traffic(
            rps=self.rps,
            payload_in_bytes=request,
            payload_out_bytes=response,
            log_bytes=self.log_bytes,
            clients=self.clients,
            overhead_ms=assumed_overhead_ms(request + response) if self.overhead_ms is None else self.overhead_ms,
            include=dict(self.include),
        )


def ask(
    *,
    rps: float,
    slo: str | Sequence[str] | Slo = (),
    regions: Sequence[str] | None = None,
    providers: Sequence[str] | None = None,
    instances: Sequence[str] | None = None,
    payload_in_bytes: int | None = None,
    payload_out_bytes: int | None = None,
    log_bytes: int = LOG_BYTES,
    clients: Clients = "internet",
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
    every_mode: bool = False,
) -> Question:
    """Check a question before anything slow begins; arguments as in :func:`estimate`.

    With ``every_mode``, the question has the offers too that do not answer while the caller waits.
    """
    from infercost.registry import all_providers

    Traffic(
        rps=rps,
        payload_in_bytes=payload_in_bytes or 0,
        payload_out_bytes=payload_out_bytes or 0,
        log_bytes=log_bytes,
        overhead_ms=overhead_ms or 0.0,
        include=dict(include or {}),
    )
    if min_replicas < 1:
        raise UsageError(f"the fewest replicas must be at least 1, got {min_replicas}; try --min-replicas 1")
    promises = slo if isinstance(slo, Slo) else Slo.parse(slo if isinstance(slo, str) else list(slo))
    chosen = choose_providers(all_providers(), providers)
    calibrations = open_calibrations(calibration)
    day = today or datetime.now(UTC).date()
    money, rate = choose_currency(currency, fx, day)
    books, warnings = _load_catalogs(chosen, catalogs, prices, money, every_mode=every_mode)
    books = discounted(books, discounts, search=catalogs is None)
    warnings += stale_rate(rate, day)
    _check_included(include or {}, books, chosen)
    where = choose_regions(chosen, books, regions)
    return Question(
        rps=rps,
        slo=promises,
        providers={name: provider for name, provider in chosen.items() if where[name]},
        catalogs=tuple(exchanged(restrict(books, where, instances), money, rate)),
        regions={name: keys for name, keys in where.items() if keys},
        default_regions=not regions,
        payload_in_bytes=payload_in_bytes,
        payload_out_bytes=payload_out_bytes,
        log_bytes=log_bytes,
        clients=clients,
        overhead_ms=overhead_ms,
        min_replicas=min_replicas,
        today=day,
        include=dict(include or {}),
        warnings=warnings,
        calibrations=calibrations,
    )


def refuse_served(profile: Profile) -> None:
    """Refuse a profile that was taken from outside.

    Raises:
        UsageError: it is of an endpoint.
    """
    if profile.served is not None:
        raise UsageError(
            f"this is the profile of an endpoint ({profile.served.path}): its latencies have network and server in them and "
            "hold for that endpoint only; profile the model file itself: infercost profile MODEL"
        )


def answer(question: Question, profile: Profile) -> Estimate:
    """Predict, place, price and rank every offer in question."""
    from infercost.engine.estimate import estimate as price

    refuse_served(profile)
    traffic = question.traffic(profile)
    priced = price(
        profile=profile,
        traffic=traffic,
        slo=question.slo,
        placements=_place(question, traffic, profile),
        catalogs=question.catalogs,
        providers=question.providers,
        regions=question.regions,
        default_regions=question.default_regions,
        today=question.today,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
    )
    return replace(priced, warnings=(*question.warnings, *priced.warnings)) if question.warnings else priced


def estimate(
    source: Profile | str | os.PathLike[str],
    *,
    rps: float,
    slo: str | Sequence[str] | Slo = (),
    regions: Sequence[str] | None = None,
    providers: Sequence[str] | None = None,
    instances: Sequence[str] | None = None,
    payload_in_bytes: int | None = None,
    payload_out_bytes: int | None = None,
    log_bytes: int = LOG_BYTES,
    clients: Clients = "internet",
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
) -> Estimate:
    """Price every offer that can serve the traffic, and rank what keeps the SLO.

    Args:
        source: a profile, the path of a saved one, or the path of a model (measured first, cached).
        rps: mean requests a second, Poisson arrivals.
        slo: ``"p99=100ms"``, several such, or an :class:`~infercost.domain.traffic.Slo`.
        regions: region names (``us-east-1``, ``vertex:us-central1``) or ``all``. None takes one
            default region a cloud; a cloud without a named region is left out.
        providers: restrict to these clouds; None means all that are installed.
        instances: restrict to instance types that match these names or globs (``ml.c7i.*``).
        payload_in_bytes: request size; None takes the model's input tensors.
        payload_out_bytes: response size; None takes the model's output tensors.
        log_bytes: log volume a request.
        clients: ``internet`` pays egress on responses, ``in-region`` does not.
        overhead_ms: CPU time that a request costs the serving stack beside the model; None takes
            :func:`~infercost.engine.overhead.assumed_overhead_ms` of the payloads.
        min_replicas: fewest replicas of an always-on endpoint, for example 2 for availability.
        include: quantities a month of rates that no traffic tells of, ``{"nat_hour": 730, "nat_gb": 50}``; each becomes a
            line of every bill. ``infercost prices show --kind rate`` lists the rates.
        calibration: what you measured where it counts, or the file that says it. None takes
            ``infercost-calibration.yml`` in the working directory, if it is there.
        today: the day that the ages of prices are counted to; None means today (UTC).
        catalogs: price catalogs to use instead of the price book; then discounts apply only where they are given.
        prices: an ISO date (the newest prices of that day or before) or ``latest``. None takes what
            ``infercost-prices.lock`` in the working directory pins, else the newest on this machine.
        discounts: what you pay less than the list, or the file that says it. None takes
            ``infercost-discounts.yml`` in the working directory, if it is there.
        currency: of the answer; None means that of ``fx``, else USD.
        fx: your dated rate from USD, ``"EUR=0.92@2026-11-01"``, for clouds that state no prices in ``currency``.

    Raises:
        UnknownNameError: a provider, region or instance is not in the book.
        UsageError: the traffic or SLO is out of range, or a discount or exchange rate cannot be used.
        NoPriceError: the prices asked for or pinned are not on this machine.
    """
    question = ask(
        rps=rps,
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
    return answer(question, source if isinstance(source, Profile) else load_or_profile(source))


def _check_included(include: Mapping[str, float], catalogs: Sequence[Catalog], providers: Mapping[str, Provider]) -> None:
    known = {rate.item for catalog in catalogs for rate in catalog.rates}
    charged = {charge.item: charge.name for provider in providers.values() for charge in provider.charges}
    for item in include:
        if item in charged:
            raise UsageError(f"{item} is in the bills already (the line {charged[item]!r}); leave --include {item} out")
        if item not in known:
            raise UnknownNameError("rate", item, known - set(charged))


def _load_catalogs(
    providers: Mapping[str, Provider],
    given: Sequence[Catalog] | None,
    prices: str | None,
    currency: str,
    *,
    every_mode: bool,
) -> tuple[list[Catalog], tuple[str, ...]]:
    """One catalog a provider, and what is to be said of the choice."""
    if given is not None:
        return [catalog for catalog in given if catalog.provider in providers], ()
    book = open_book(providers.values(), prices=prices, currency=currency, every_mode=every_mode)
    return book.catalogs, book.warnings


def _place(question: Question, traffic: Traffic, profile: Profile) -> list[Placement | Misfit]:
    """The cheapest placement on every hardware that the offers in question name."""
    from infercost.engine.plan import plan
    from infercost.store.hardware import load_hardware

    table = load_hardware()
    targets, placements = targets_of(question, table)
    placements += plan(
        predict_for(question, profile, traffic, targets, table),
        {(t.provider, t.instance_type): t for t in targets},
        traffic,
        question.slo,
        hosting_of(question),
    )
    return placements + place_serverless(question, traffic, profile, table)


def hosting_of(question: Question) -> dict[str, HostingRules]:
    """Rules of the always-on mode by cloud, with the fewest replicas that the user wants."""
    return {
        name: replace(provider.hosting, min_replicas=max(question.min_replicas, provider.hosting.min_replicas))
        for name, provider in question.providers.items()
    }


def predict_for(
    question: Question, profile: Profile, traffic: Traffic, targets: Sequence[Hardware], table: HardwareTable
) -> list[Prediction]:
    """Predictions of the served model on hardware: calibrated, with the serving stack around it."""
    from infercost.engine.overhead import add_overhead
    from infercost.store.hardware import describe_machine

    source = replace(describe_machine(profile.machine, table), measured=profile.ceilings)
    predicted = predict_calibrated(question.calibrations, profile, source, targets)
    return add_overhead(predicted, {(t.provider, t.instance_type): t for t in targets}, traffic)


def place_serverless(question: Question, traffic: Traffic, profile: Profile, table: HardwareTable) -> list[Placement | Misfit]:
    """Placements on every serverless size in question."""
    from infercost.engine.serverless import plan_serverless, serverless_hardware

    placements: list[Placement | Misfit] = []
    for provider in question.providers.values():
        sizes = sorted(
            {
                o.instance_type
                for c in question.catalogs
                if c.provider == provider.name
                for o in c.offers
                if o.mode == "serverless"
            }
        )
        if provider.serverless is not None and sizes:
            hardware = serverless_hardware(provider.name, sizes, provider.serverless, table.families)
            predictions = predict_for(question, profile, traffic, hardware, table)
            placements += plan_serverless(predictions, hardware, profile, traffic, question.slo, provider.serverless)
    return placements


def targets_of(question: Question, table: HardwareTable) -> tuple[list[Hardware], list[Placement | Misfit]]:
    """Hardware behind the always-on offers; a type that the table lacks is said, not guessed."""
    keys = dict.fromkeys(
        (offer.provider, offer.instance_type) for c in question.catalogs for offer in c.offers if offer.mode == "realtime"
    )
    known = [table.instances[key] for key in keys if key in table.instances]
    unknown: list[Placement | Misfit] = [
        Misfit(provider=provider, instance_type=name, mode="realtime", reasons=("no hardware facts for this instance type",))
        for provider, name in keys
        if (provider, name) not in table.instances
    ]
    return known, unknown
