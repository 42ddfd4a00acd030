from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from infercost.domain.capacity import WorkloadFacts
from infercost.domain.provider import ServerlessRules
from infercost.engine.plan import Case
from infercost.engine.planner.planning import plan_capacity
from infercost.engine.planner.pools import Pool
from infercost.engine.planner.serverless import with_peak
from infercost.engine.serverless import Instance

SERVERLESS = "serverless-2048MB"


@pytest.fixture(scope="session")
def planned(build: SimpleNamespace, world: SimpleNamespace) -> Any:
    """Plan in a small world; every default is harmless."""

    def make(*, prices: dict[str, str] | None = None, slo: str = "p95=400ms", **changes: Any) -> Any:
        demand = changes.pop("demand", None) or world.demand()
        traffic = build.traffic(demand.requests / demand.duration_s)
        hardware = [build.hardware(name) for name in ("m.large", "m.small")]
        points = {"m.large": build.point(2, ms=80.0), "m.small": build.point(1, ms=90.0)}
        cases = [
            Case.of(
                build.prediction(points[h.instance_type], instance_type=h.instance_type, cv=0.1, band=0.3),
                h,
                build.HOSTING,
                traffic,
            )
            for h in hardware
        ]
        listed = prices or {"m.large": "0.2", "m.small": "0.11"}
        offers = [build.offer(price, name, region) for name, price in listed.items() for region in ("here", "there")]
        offers += changes.pop("offers", [])
        charges = (
            build.Charge(name="storage", item="disk", driver="endpoint_storage_gb", fixed_quantity=30.0, note="n"),
            build.Charge(name="logs", item="logs", driver="log_gb", note="n"),
        )
        rates = (build.rate("disk", "0.14", unit="GB-month"), build.rate("logs", "0.5"))
        book = build.catalog(*offers, rates=rates)
        given: dict[str, Any] = {
            "profile": build.profile(),
            "demand": demand,
            "workload": WorkloadFacts(
                source="test",
                duration_s=demand.duration_s,
                requests=float(demand.requests),
                mean_rps=traffic.rps,
                peak_rps=30.0,
                burstiness="Poisson",
                payload_in_bytes=1,
                payload_out_bytes=1,
                log_bytes=1,
                clients="internet",
                overhead_ms=0.2,
            ),
            "traffic": traffic,
            "slo": world.Slo.parse(slo) if slo else world.Slo(),
            "cases": cases,
            "placements": [],
            "catalogs": (book,),
            "providers": {"cloud": build.provider(*charges, scaling=world.rules())},
            "regions": {"cloud": ("here", "there")},
            "min_replicas": 1,
            "load_s": 0.5,
            "today": date(2026, 1, 2),
            "created": "2026-01-02T00:00:00+00:00",
            "version": "0",
        }
        return plan_capacity(**(given | changes))

    return make


@pytest.fixture(scope="session")
def plain(planned: Any) -> Any:
    return planned(explain=1)


def test_every_policy_is_the_sum_of_its_lines(plain: Any) -> None:
    assert len(plain.policies) == 2
    for policy in plain.policies:
        assert sum(line.monthly_cost for line in policy.lines) == policy.per_month.likely
        assert policy.per_month.low <= policy.per_month.likely <= policy.per_month.high
        assert policy.bound <= policy.per_month.likely
        assert policy.attainment >= 0.95
        assert 0 < policy.idle_share < 1


def test_policies_are_ranked_by_cost(plain: Any) -> None:
    assert [policy.rank for policy in plain.policies] == [1, 2]
    costs = [policy.compared for policy in plain.policies]
    assert costs == sorted(costs)
    assert {policy.instance_type for policy in plain.policies} == {"m.large", "m.small"}


def test_the_search_accounts_for_what_it_did(plain: Any) -> None:
    search = plain.search
    assert search.candidates > search.simulated > 0
    assert search.lower_bound <= plain.policies[0].per_month.likely
    gap = float(plain.policies[0].per_month.likely / search.lower_bound) - 1
    assert search.gap == pytest.approx(gap, abs=1e-3)
    assert search.seconds_simulated == 3600


def test_only_what_is_explained_has_a_course(plain: Any) -> None:
    assert [bool(policy.timeline) for policy in plain.policies] == [True, False]
    assert sum(point.late for point in plain.policies[0].timeline) > 0


def test_the_band_is_carried_into_odds(plain: Any) -> None:
    for policy in plain.policies:
        assert 0.5 <= policy.slo_probability <= 1
        assert any("the SLO breaks where services take" in note for note in policy.notes)


def test_every_fact_says_what_it_rests_on(plain: Any) -> None:
    bases = {fact.basis for fact in plain.policies[0].facts}
    assert "assumed" in bases
    assert any("lognormal" in fact.rule for fact in plain.policies[0].facts)


def test_the_same_seed_gives_the_same_plan(planned: Any, plain: Any) -> None:
    assert planned(explain=1) == plain


def test_of_regions_the_cheapest_is_shown(planned: Any, build: SimpleNamespace) -> None:
    dear = [build.offer("0.3", "m.large", "here"), build.offer("0.19", "m.large", "there")]
    found = planned(prices={"m.small": "0.11"}, offers=dear)
    where = {policy.instance_type: policy.region for policy in found.policies}
    assert where == {"m.small": "here", "m.large": "there"}


def test_a_dearer_price_never_lowers_a_cost(planned: Any) -> None:
    costs = [planned(prices={"m.large": price}).policies[0].per_month for price in ("0.1", "0.2", "0.4")]
    for end in ("low", "likely", "high"):
        figures = [getattr(cost, end) for cost in costs]
        assert figures == sorted(figures)


def test_an_offer_without_a_price_is_named_and_not_planned(planned: Any, build: SimpleNamespace) -> None:
    found = planned(prices={"m.small": "0.11"}, offers=[build.offer(None, "m.large", "here")])
    assert {policy.instance_type for policy in found.policies} == {"m.small"}


def test_hardware_that_cannot_serve_is_rejected_with_its_reason(planned: Any, build: SimpleNamespace) -> None:
    found = planned(placements=[build.misfit("m.large")], cases=[])
    assert found.policies == ()
    assert {(r.instance_type, r.region) for r in found.rejected} == {("m.large", "here"), ("m.large", "there")}
    assert found.search.gap is None


def test_without_an_slo_callers_are_not_kept_for_a_minute(planned: Any) -> None:
    found = planned(slo="")
    assert any("no SLO was given" in text for text in found.warnings)
    assert found.policies[0].per_month.likely < planned().policies[0].per_month.likely


def test_a_promise_that_none_keeps_leaves_no_policy(planned: Any) -> None:
    found = planned(slo="p95=85ms")
    assert found.policies == ()
    assert any("no policy on cloud that was simulated keeps the SLO" in text for text in found.warnings)


def test_serverless_stands_beside_by_formula(planned: Any, build: SimpleNamespace) -> None:
    placement = build.placement(SERVERLESS, mode="serverless", billed_s=(0.07, 0.08, 0.1), replicas=9)
    offer = build.offer("0.00004", SERVERLESS, "here", mode="serverless", unit="second")
    found = planned(placements=[placement], offers=[offer])
    (policy,) = [policy for policy in found.policies if policy.mode == "serverless"]
    assert sum(line.monthly_cost for line in policy.lines) == policy.per_month.likely
    assert policy.slo_probability is None
    assert any("not simulated" in fact.rule for fact in policy.facts)
    assert found.search.lower_bound <= min(p.per_month.likely for p in found.policies)


@pytest.fixture
def serverless(build: SimpleNamespace) -> SimpleNamespace:
    """A size that serves a request in 80 ms by formula, and 5 s more where it starts cold."""
    rules = ServerlessRules(
        billing_granularity_s=0.001,
        vcpus_per_gib=0.5,
        max_vcpus=3.0,
        cpu_family="x",
        keep_alive_s=300.0,
        cold_start_s=5.0,
        max_concurrency=200,
        max_payload_bytes=10**6,
        verified=False,
        source="test",
    )
    return SimpleNamespace(
        rules=rules,
        instance=Instance(instance_type=SERVERLESS, service_s=0.08, cv=0.1, cold_s=5.0),
        placement=build.placement(SERVERLESS, mode="serverless", billed_s=(0.07, 0.08, 0.1), replicas=9),
        offer=build.offer("0.00004", SERVERLESS, "here", mode="serverless", unit="second"),
    )


def play_serverless(planned: Any, serverless: SimpleNamespace, **changes: Any) -> Any:
    rules = replace(serverless.rules, **changes)
    pools = {("cloud", SERVERLESS): Pool(serverless.instance, rules)}
    return planned(placements=[serverless.placement], offers=[serverless.offer], pools=pools)


def test_serverless_is_played_where_its_instances_are_known(planned: Any, serverless: SimpleNamespace) -> None:
    found = play_serverless(planned, serverless)
    (policy,) = [policy for policy in found.policies if policy.mode == "serverless"]
    assert 0.95 <= policy.attainment < 1  # p95 holds, and some requests started cold
    assert policy.replicas.max < 200
    assert policy.latency_ms.p50 == pytest.approx(80, rel=0.05)
    assert any("every request is played" in fact.rule for fact in policy.facts)
    assert sum(line.monthly_cost for line in policy.lines) == policy.per_month.likely


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"max_concurrency": 1}, "find its concurrency used up"), ({"keep_alive_s": 0.001}, "its cold starts miss the SLO")],
)
def test_a_serverless_size_that_the_play_refutes_is_rejected(
    planned: Any, serverless: SimpleNamespace, changes: dict[str, Any], reason: str
) -> None:
    found = play_serverless(planned, serverless, **changes)
    assert all(policy.mode != "serverless" for policy in found.policies)
    (rejected,) = [offer for offer in found.rejected if offer.mode == "serverless"]
    assert reason in rejected.reasons[0]


def test_serverless_needs_the_concurrency_of_the_peak(build: SimpleNamespace) -> None:
    mean, peak = (build.placement(SERVERLESS, mode="serverless", replicas=n) for n in (3, 40))
    risky = replace(peak, slo_holds="at_risk")
    full = build.misfit(SERVERLESS, mode="serverless", reasons=("needs more",))
    assert with_peak([mean], [peak])[0].replicas == 40
    assert with_peak([mean], [risky])[0].slo_holds == "at_risk"
    assert with_peak([mean], [full]) == [full]


def test_rounding_up_of_each_replica_is_billed(planned: Any, build: SimpleNamespace, world: SimpleNamespace) -> None:
    coarse = replace(build.HOSTING, billing_granularity_s=600.0)
    fine, rounded = (
        planned(
            prices={"m.large": "0.2"},
            providers={"cloud": build.provider(scaling=world.rules(), hosting=hosting)},
        )
        for hosting in (build.HOSTING, coarse)
    )
    assert rounded.policies[0].per_month.likely > fine.policies[0].per_month.likely
    assert isinstance(fine.policies[0].per_month.likely, Decimal)
