"""``cross``: predictions, prices and levels of traffic in, every mode's cost and promise out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from infercost.domain.capacity import Crossover, Fact
from infercost.domain.estimate import ProfiledModel
from infercost.domain.plan import Misfit
from infercost.domain.provider import EVERY_MODE
from infercost.domain.traffic import Slo
from infercost.engine.caveats import caveats, name_catalog
from infercost.engine.estimate import common_currency, uncovered
from infercost.engine.modes import points
from infercost.engine.modes.jobs import MORNING_S, JobRules, cheapest_job
from infercost.engine.modes.replicas import cheapest_always_on, cheapest_to_zero, within, without_promise
from infercost.engine.modes.serverless import Provisioned, cheapest_provisioned, placed, simulate_pool
from infercost.engine.planner.planning import TIMEOUT
from infercost.engine.planner.screening import Cloud, Screen
from infercost.engine.planner.serverless import cheapest_serverless
from infercost.engine.planner.settings import settings_of
from infercost.engine.planner.sites import sites
from infercost.engine.quote import Quoter, monthly_requests
from infercost.engine.serverless import instance_of, plan_serverless
from infercost.engine.wording import amount, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from infercost.domain.capacity import ModePoint
    from infercost.domain.hardware import Hardware
    from infercost.domain.plan import Placement
    from infercost.domain.prediction import Prediction
    from infercost.domain.price import Catalog, Mode, Offer
    from infercost.domain.profile import Profile
    from infercost.domain.provider import Provider, ServingMode
    from infercost.domain.refresh import ExtraPrice
    from infercost.domain.scaling import ScalingRules
    from infercost.domain.traffic import Traffic
    from infercost.engine.modes.levels import Level
    from infercost.engine.modes.replicas import Carrying, PricedPolicy
    from infercost.engine.modes.serverless import PoolRun
    from infercost.engine.plan import Case
    from infercost.engine.planner.settings import Setting
    from infercost.engine.planner.sites import Key, Site
    from infercost.engine.serverless import Instance

__all__ = ["Subject", "cheapest_from", "cross"]

_NOT_SOLD: Final = "not sold by this cloud, as far as is known here"
_NO_OFFER: Final = "no price in the book for the regions and instances asked for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is compared, before any level of traffic."""

    profile: Profile
    traffic: Traffic
    """Payloads; its rate is each level's."""
    slo: Slo
    cases: Sequence[Case]
    """Predictions on the instance types that they fit."""
    serverless: Mapping[str, tuple[Sequence[Prediction], Sequence[Hardware]]]
    """By provider, a prediction for each memory size."""
    catalogs: Sequence[Catalog]
    """With the offers of every mode, in one currency."""
    providers: Mapping[str, Provider]
    regions: Mapping[str, Sequence[str]]
    extras: Mapping[str, Sequence[ExtraPrice]]
    """Prices of provisioned concurrency, by provider."""
    min_replicas: int
    load_s: float
    """Seconds that loading the model takes."""


def cross(subject: Subject, levels: Sequence[Level], *, source: str, today: date, created: str, version: str) -> Crossover:
    """Compare the modes of every cloud at every level.

    Args:
        subject: what is compared.
        levels: ascending.
        source: the shape of the traffic in words.
        today: the day that ages of prices are counted to.
        created: time stamp, ISO 8601.
        version: of infercost.

    Raises:
        UsageError: the catalogs are in several currencies.
        MissingExtraError: numba is not installed.
    """
    currency = common_currency(subject.catalogs)
    clouds = [_Cloud.of(subject, name) for name in subject.providers]
    gaps: dict[str, dict[str, list[str]]] = {}
    found: list[ModePoint] = []
    for level in levels:
        shelf = _Shelf(subject, level)
        for cloud in clouds:
            found += _Asked(cloud, shelf, level).points()
        for name, quoter in shelf.quoters.items():
            for line, regions in quoter.gaps().items():
                known = gaps.setdefault(name, {}).setdefault(line, [])
                known += [region for region in regions if region not in known]
    order = {name: place for place, name in enumerate(subject.providers)}
    ordered = tuple(sorted(found, key=lambda p: (order[p.provider], _ORDER[p.mode])))
    books = tuple(name_catalog(catalog, subject.regions.get(catalog.provider, ()), today) for catalog in subject.catalogs)
    used = list(dict.fromkeys(offer for cloud in clouds for offer in cloud.used))
    return Crossover(
        currency=currency,
        created=created,
        infercost_version=version,
        model=ProfiledModel(
            name=subject.profile.model.name,
            sha256=subject.profile.model.sha256,
            machine=subject.profile.machine.cpu_model,
        ),
        price_catalogs=books,
        requests_per_day=tuple(level.requests_per_day for level in levels),
        points=ordered,
        cheapest_from=cheapest_from(ordered, lambda _point: True),
        cheapest_within_slo=cheapest_from(ordered, lambda point: point.keeps_slo is True),
        slo=subject.slo,
        traffic=source,
        seed=levels[0].demand.seed if levels else 0,
        facts=tuple(dict.fromkeys(fact for cloud in clouds for fact in cloud.facts)),
        not_priced=uncovered(subject.catalogs, subject.providers, subject.traffic),
        warnings=(
            *caveats(subject.catalogs, {book.provider: book.age_days for book in books}, gaps, used, []),
            *dict.fromkeys(level.note for level in levels if level.note),
            *(f"profile: {text}" for text in dict.fromkeys((*subject.profile.model.warnings, *subject.profile.warnings))),
        ),
    )


_ORDER: Final = {
    mode: place
    for place, mode in enumerate(("realtime", "serverless", "serverless_provisioned", "async", "batch", "scale_to_zero"))
}


def cheapest_from(found: Sequence[ModePoint], keep: Callable[[ModePoint], bool]) -> tuple[ModePoint, ...]:
    """By cloud, where a mode becomes the cheapest, each mode once, ascending.

    Args:
        found: points of all clouds, modes and levels.
        keep: which may be the cheapest.
    """
    turns: list[ModePoint] = []
    priced = [p for p in found if p.per_month is not None and keep(p)]
    for provider in dict.fromkeys(p.provider for p in found):
        seen: set[str] = set()
        for level in sorted({p.requests_per_day for p in priced}):
            here = [p for p in priced if p.provider == provider and p.requests_per_day == level]
            best = min(here, key=lambda p: (p.per_month.likely if p.per_month else 0, _ORDER[p.mode]), default=None)
            if best is not None and best.mode not in seen:
                seen.add(best.mode)
                turns.append(best)
    return tuple(turns)


@dataclass(slots=True)
class _Cloud:
    """One cloud, with what does not change with the level."""

    subject: Subject
    provider: Provider
    modes: Mapping[str, ServingMode]
    settings: list[Setting]
    carrying: list[Carrying]
    """Within the SLO."""
    instances: dict[str, Instance]
    """Of each serverless memory size."""
    facts: list[Fact] = field(default_factory=list)
    used: list[Offer] = field(default_factory=list)

    @classmethod
    def of(cls, subject: Subject, name: str) -> _Cloud:
        provider = subject.providers[name]
        modes: tuple[ServingMode, ...] = getattr(provider, "modes", ())
        sold = {(o.provider, o.instance_type) for c in subject.catalogs for o in c.offers if o.provider == name}
        goal = subject.slo if subject.slo.targets else Slo(targets=(TIMEOUT,))
        settings = [
            setting
            for case in subject.cases
            if (name, case.prediction.instance_type) in sold and case.prediction.provider == name
            for setting in settings_of(case, provider.scaling, goal)
            if setting.serving.max_delay_ms == 0
        ]
        instances: dict[str, Instance] = {}
        rules = provider.serverless
        if rules is not None and name in subject.serverless:
            for prediction, hardware in zip(*subject.serverless[name], strict=True):
                made = instance_of(prediction, hardware, subject.load_s, rules)
                if made is not None:
                    instances[made.instance_type] = made
        return cls(subject, provider, {m.name: m for m in modes}, settings, within(settings, goal), instances)

    @property
    def to_zero(self) -> ServingMode | None:
        """The always-on mode that can scale to zero."""
        return next((m for m in self.modes.values() if m.scaling is not None and m.name not in EVERY_MODE), None)

    def rest_on(self, mode: str, rules: Sequence[tuple[str, str, str]]) -> None:
        """Note what a mode's figures rest on: rule, basis, source."""
        for rule, basis, source in rules:
            self.facts.append(Fact(rule=f"{self.provider.name} {mode}: {rule}", basis=basis, source=source))  # type: ignore[arg-type]


@dataclass(slots=True)
class _Shelf:
    """Prices at one level: tiers and charges go with the traffic."""

    subject: Subject
    level: Level
    quoters: dict[str, Quoter] = field(init=False)
    traffic: Traffic = field(init=False)
    _sites: dict[str, dict[Key, Site]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        subject = self.subject
        self.traffic = replace(subject.traffic, rps=self.level.mean_rps)
        self.quoters = {
            catalog.provider: Quoter(subject.providers[catalog.provider], catalog, self.traffic, subject.profile)
            for catalog in subject.catalogs
        }

    def sites(self, mode: Mode) -> dict[Key, Site]:
        """Priced instance types of a mode."""
        if mode not in self._sites:
            self._sites[mode], _ = sites(self.subject.catalogs, self.quoters, self.subject.regions, mode)
        return self._sites[mode]


@dataclass(slots=True)
class _Asked:
    """One cloud at one level."""

    cloud: _Cloud
    shelf: _Shelf
    level: Level

    @property
    def name(self) -> str:
        """Of the cloud."""
        return self.cloud.provider.name

    def points(self) -> list[ModePoint]:
        """A point of every mode."""
        return [self.realtime(), *self.serverless(), self.asynchronous(), self.batch(), self.scale_to_zero()]

    def gap(self, mode: str, reason: str) -> ModePoint:
        """A mode without a figure."""
        return points.gap(self.name, mode, self.level.requests_per_day, reason)

    def priced(self, mode: Mode) -> bool:
        """Whether the book prices an offer of this cloud in a mode."""
        return any(provider == self.name for provider, _ in self.shelf.sites(mode))

    def screen(self, scaling: ScalingRules | None, least: int) -> Screen:
        """The traffic under the rules of a mode."""
        subject = self.cloud.subject
        goal = subject.slo if subject.slo.targets else Slo(targets=(TIMEOUT,))
        cloud = Cloud(hosting=self.cloud.provider.hosting, scaling=scaling, min_replicas=least)
        return Screen(self.level.demand, goal, {self.name: cloud}, subject.load_s)

    def realtime(self) -> ModePoint:
        if not self.priced("realtime"):
            return self.gap("realtime", _NO_OFFER if "realtime" in self.cloud.modes else _NOT_SOLD)
        if not self.cloud.carrying:
            return self.gap("realtime", "no instance type keeps the SLO")
        least = max(self.cloud.subject.min_replicas, self.cloud.provider.hosting.min_replicas)
        screen = self.screen(self.cloud.provider.scaling, least)
        found = cheapest_always_on(self.level, self.cloud.carrying, self.shelf.sites("realtime"), screen, self.name)
        if found is None:
            return self.gap("realtime", "no policy that was played keeps the SLO; infercost plan searches further")
        return self.policy("realtime", found)

    def asynchronous(self) -> ModePoint:
        mode = self.cloud.modes.get("async")
        if mode is None or not self.priced("async"):
            return self.gap("async", _NOT_SOLD if mode is None else _NO_OFFER)
        if mode.scaling is None:
            return self.gap("async", "how it scales is not known here")
        return self.zero("async", without_promise(self.cloud.settings), self.shelf.sites("async"), mode.scaling)

    def scale_to_zero(self) -> ModePoint:
        mode = self.cloud.to_zero
        if mode is None or mode.scaling is None or not self.priced("realtime"):
            return self.gap("scale_to_zero", _NOT_SOLD if mode is None else _NO_OFFER)
        carrying = self.cloud.carrying or without_promise(self.cloud.settings)
        return self.zero("scale_to_zero", carrying, self.shelf.sites("realtime"), mode.scaling)

    def zero(self, mode: str, carrying: Sequence[Carrying], site_of: Mapping[Key, Site], rules: ScalingRules) -> ModePoint:
        found = cheapest_to_zero(self.level, carrying, site_of, self.screen(rules, 0), rules)
        if found is None:
            return self.gap(mode, f"needs more than the {rules.max_replicas} instances of an endpoint, or none fits the model")
        start = rules.start_s + self.cloud.subject.load_s
        basis = "documented" if rules.verified else "assumed"
        self.cloud.rest_on(
            _words(mode),
            [
                (f"{amount(start)} s from the decision to a replica in service, loading included", basis, rules.source),
                ("instances are billed while they start", "assumed", "the dearer reading"),
                *([] if mode == "async" else [("a request that is refused does not come again", "assumed", "")]),
                ("charges by request count all requests, refused ones too", "assumed", "the dearer reading"),
            ],
        )
        return self.policy(mode, found)

    def policy(self, mode: str, found: PricedPolicy) -> ModePoint:
        self.cloud.used.append(found.place.offer)
        self.cloud.rest_on(
            _words(mode), [(f.rule, f.basis, f.source) for f in found.played.facts if "in service: as given" not in f.rule]
        )
        hosting = self.cloud.provider.hosting
        step = f"each replica is billed in steps of {hosting.billing_granularity_s:g} s"
        self.cloud.rest_on(_words(mode), [(step, "assumed", hosting.source)])
        return points.of_policy(mode, self.level.requests_per_day, found, self.cloud.subject.slo)

    def batch(self) -> ModePoint:
        mode = self.cloud.modes.get("batch")
        if mode is None or not self.priced("batch"):
            return self.gap("batch", _NOT_SOLD if mode is None else _NO_OFFER)
        rules = self.job_rules(mode)
        found = cheapest_job(self.level.requests_per_day, self.cloud.settings, self.shelf.sites("batch"), rules)
        if found is None:
            return self.gap("batch", f"not done in {MORNING_S / 3600:g} h by {rules.most_instances} instances, or none fits it")
        self.cloud.used.append(found.place.offer)
        starting = "documented" if mode.starting != "unknown" else "assumed"
        self.cloud.rest_on(
            "batch",
            [
                (f"a job a day, on as few instances as are done in {MORNING_S / 3600:g} h", "assumed", ""),
                (f"{amount(rules.start_s)} s to start an instance, as for an endpoint", "assumed", mode.source),
                ("instances are billed while they start" if rules.bills_start else "starting is free", starting, mode.source),
                (f"billed in steps of {rules.granularity_s:g} s", "assumed" if mode.granularity_s is None else "documented",
                 mode.source),
            ],
        )  # fmt: skip
        return points.of_job(self.level.requests_per_day, found, self.cloud.subject.slo)

    def job_rules(self, mode: ServingMode) -> JobRules:
        """Of the cloud's batch mode; what it does not say is as of its endpoints."""
        hosting, scaling = self.cloud.provider.hosting, self.cloud.provider.scaling
        return JobRules(
            start_s=scaling.start_s if scaling is not None else 300.0,
            load_s=self.cloud.subject.load_s,
            granularity_s=hosting.billing_granularity_s if mode.granularity_s is None else mode.granularity_s,
            minimum_s=hosting.minimum_billed_s if mode.minimum_s is None else mode.minimum_s,
            bills_start=mode.starting != "free",
            most_instances=scaling.max_replicas if scaling is not None else 100,
        )

    def serverless(self) -> list[ModePoint]:
        """On demand, and with provisioned concurrency where the cloud has it."""
        provisions = "serverless, provisioned" in self.cloud.modes
        runs, fitting, reason = self.pools()
        if not fitting:
            return [self.gap(mode, reason) for mode in ("serverless", "serverless_provisioned")[: 1 + provisions]]
        slo = self.cloud.subject.slo
        keeping = [p for p in fitting if slo.targets and runs[p.instance_type].severity(slo) <= 1]
        subject = self.cloud.subject
        requests = monthly_requests(self.shelf.traffic)
        found = cheapest_serverless(keeping or fitting, subject.catalogs, self.shelf.quoters, subject.regions, requests)
        if not found:
            return [self.gap(mode, _NO_OFFER) for mode in ("serverless", "serverless_provisioned")[: 1 + provisions]]
        self.cloud.used.append(found[0].offer)
        self.serverless_facts()
        level = self.level.requests_per_day
        made = [points.of_pool(level, found[0], runs[found[0].offer.instance_type], slo)]
        return [*made, self.provisioned(fitting)] if provisions else made

    def pools(self) -> tuple[dict[str, PoolRun], list[Placement], str]:
        """Plays by memory size, those that serve the traffic with what is billed, and why none does."""
        subject, rules = self.cloud.subject, self.cloud.provider.serverless
        if rules is None or self.name not in subject.serverless:
            return {}, [], _NOT_SOLD if rules is None else _NO_OFFER
        predictions, hardware = subject.serverless[self.name]
        runs: dict[str, PoolRun] = {}
        fitting: list[Placement] = []
        reasons: list[str] = []
        for one in plan_serverless(predictions, hardware, subject.profile, self.shelf.traffic, Slo(), rules):
            if isinstance(one, Misfit):
                reasons += one.reasons
                continue
            instance = self.cloud.instances[one.instance_type]
            run = runs[one.instance_type] = simulate_pool(self.level, instance, rules)
            billed = placed(one, run, instance, rules)
            if billed is None:
                reasons.append(f"more than the {rules.max_concurrency} concurrent requests allowed are needed at the peak")
            else:
                fitting.append(billed)
        return runs, fitting, listed(list(dict.fromkeys(reasons)), 1) or _NO_OFFER

    def provisioned(self, fitting: Sequence[Placement]) -> ModePoint:
        """The cheapest size with instances kept warm."""
        subject, rules = self.cloud.subject, self.cloud.provider.serverless
        assert rules is not None  # noqa: S101 - the cloud has serverless sizes
        goal = subject.slo if subject.slo.targets else Slo(targets=(TIMEOUT,))
        requests = monthly_requests(self.shelf.traffic)
        catalog = next(c for c in subject.catalogs if c.provider == self.name)
        best: ModePoint | None = None
        reasons: list[str] = []
        for placement in fitting:
            for found in cheapest_serverless([placement], [catalog], self.shelf.quoters, subject.regions, requests):
                instance = self.cloud.instances[placement.instance_type]
                extras = subject.extras.get(self.name, ())
                made = cheapest_provisioned(self.level, found, instance, rules, goal, extras=extras, requests=requests)
                if not isinstance(made, Provisioned):
                    reasons.append(made)
                    continue
                point = points.of_provisioned(self.level.requests_per_day, found, made, subject.slo)
                if best is None or _likely(point) < _likely(best):
                    best = point
        return best or self.gap("serverless_provisioned", reasons[0] if reasons else _NO_OFFER)

    def serverless_facts(self) -> None:
        rules = self.cloud.provider.serverless
        if rules is not None:
            basis = "documented" if rules.verified else "assumed"
            self.cloud.rest_on(
                "serverless",
                [
                    (f"an instance is gone after {rules.keep_alive_s:g} s without a request", basis, rules.source),
                    (f"a container starts in {rules.cold_start_s:g} s, and then loads the model", basis, rules.source),
                    ("cold starts are billed at the upper end alone", "assumed", "no source says whether they are billed"),
                ],
            )


def _likely(point: ModePoint) -> float:
    return float(point.per_month.likely) if point.per_month is not None else float("inf")


def _words(mode: str) -> str:
    return mode.replace("_", " ")
