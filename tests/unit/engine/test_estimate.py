from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.domain.estimate import Band, Replicas
from infercost.domain.price import ExchangeRate
from infercost.engine.caveats import STALE_AFTER_DAYS
from infercost.engine.ranking import tied
from infercost.store.artifacts import encode

if TYPE_CHECKING:
    from types import SimpleNamespace

    from infercost.domain.estimate import Candidate, Estimate

HOUR = Decimal(730)


def total(candidate: Candidate) -> Decimal:
    return sum((line.monthly_cost for line in candidate.lines if line.monthly_cost is not None), Decimal(0))


def line(candidate: Candidate, name: str, basis: str = "used") -> Any:
    (found,) = [x for x in candidate.lines if x.name == name and x.basis == basis]
    return found


def test_compute_is_split_into_used_and_idle(build: SimpleNamespace) -> None:
    (c,) = build.estimate(build.offer("0.10")).candidates
    used, idle = line(c, "compute"), line(c, "compute", "idle")
    assert used.quantity + idle.quantity == 2 * HOUR
    assert used.quantity == Decimal("584")
    assert used.monthly_cost == Decimal("58.4")
    assert used.monthly_cost + idle.monthly_cost == Decimal("146")
    assert used.unit == idle.unit == "hour"
    assert used.provenance == "modelled"
    assert used.source == "price list"


def test_what_promises_something_else_is_no_candidate(build: SimpleNamespace) -> None:
    others = (build.offer("0.01", mode="batch"), build.offer("0.01", mode="async"), build.offer("0.01", spot=True))
    estimate = build.estimate(build.offer("0.10"), *others, placements=(build.placement(),))
    assert [(c.mode, line(c, "compute").price) for c in estimate.candidates] == [("realtime", Decimal("0.1"))]
    assert estimate.rejected == ()
    assert estimate.summary.offers == 1


def test_what_is_not_priced_names_the_rates_that_are_in_no_bill(build: SimpleNamespace) -> None:
    charge = build.Charge(name="logs", item="logs", driver="log_gb")
    rates = (build.rate("logs", "1"), build.rate("nat_hour", "1"), build.rate("nat_gb", "1"))
    asked = {"charges": (charge,), "rates": rates}
    assert build.estimate(build.offer(), **asked).not_priced[-1].endswith("--include ITEM=QUANTITY: nat_gb, nat_hour")
    partly = build.estimate(build.offer(), **asked, traffic_changes={"include": {"nat_gb": 1.0}})
    assert partly.not_priced[-1].endswith("--include ITEM=QUANTITY: nat_hour")
    wholly = build.estimate(build.offer(), **asked, traffic_changes={"include": {"nat_gb": 1.0, "nat_hour": 1.0}})
    assert not any("--include" in text for text in wholly.not_priced)


def test_the_band_comes_from_the_replicas(build: SimpleNamespace) -> None:
    (c,) = build.estimate(build.offer("0.10")).candidates
    month = c.cost.per_month
    assert (month.low, month.likely, month.high) == (73, 146, 219)
    requests = Decimal(50) * 730 * 3600 / 1_000_000
    assert abs(c.cost.per_million.likely * requests - 146) < Decimal("0.0001")
    assert c.replicas == Replicas(min=2, max=2, mean=2.0)


def test_without_an_upper_number_of_replicas_the_band_is_open(build: SimpleNamespace) -> None:
    (c,) = build.estimate(build.offer(), placements=(build.placement(replicas_high=None),)).candidates
    assert c.cost.per_month.high is None
    assert c.cost.per_million.high is None


def test_storage_grows_with_the_replicas_in_the_band_too(build: SimpleNamespace) -> None:
    charge = build.Charge(name="storage", item="s", driver="endpoint_storage_gb", fixed_quantity=10.0)
    (c,) = build.estimate(build.offer("0.10"), charges=(charge,), rates=(build.rate("s", "0.1"),)).candidates
    month = c.cost.per_month
    assert (month.low, month.likely, month.high) == (74, 148, 222)
    assert line(c, "storage").quantity == 20


def test_serverless_bills_seconds_and_never_idles(build: SimpleNamespace) -> None:
    offer = build.offer("0.0001", "serverless-1024MB", mode="serverless", unit="second")
    placement = build.placement(
        "serverless-1024MB", mode="serverless", billed_s=(0.01, 0.02, 0.03), replicas=4, utilization=0.25
    )
    (c,) = build.estimate(offer, placements=(placement,)).candidates
    assert [x.basis for x in c.lines] == ["used"]
    assert line(c, "compute").quantity == Decimal(50 * 730 * 3600) * Decimal("0.02")
    assert c.cost.per_month.likely == Decimal("262.8")
    assert c.cost.per_month.high == Decimal("394.2")
    assert c.replicas == Replicas(min=0, max=4, mean=1.0)
    open_end = replace(placement, billed_s=(0.01, 0.02, None), replicas_high=None, slo_holds="at_risk")
    (c,) = build.estimate(offer, placements=(open_end,)).candidates
    assert (c.cost.per_month.low, c.cost.per_month.likely, c.cost.per_month.high) == (Decimal("131.4"), Decimal("262.8"), None)


def test_every_offer_is_accounted_for(build: SimpleNamespace) -> None:
    offers = (
        build.offer("1", "fits"),
        build.offer(None, "unpriced"),
        build.offer("1", "slow"),
        build.offer("1", "unknown"),
        build.offer(None, "slow", "there"),
        build.offer("1", "fits", "elsewhere"),
    )
    placements = (build.placement("fits"), build.placement("unpriced"), build.misfit("slow"))
    found = build.estimate(*offers, placements=placements, regions=("here", "there"))
    assert (found.summary.offers, found.summary.feasible, found.summary.rejected, found.summary.no_price) == (5, 1, 3, 1)
    assert {(r.instance_type, r.region) for r in found.rejected} == {("slow", "here"), ("unknown", "here"), ("slow", "there")}
    assert next(r for r in found.rejected if r.instance_type == "unknown").reasons == (
        "no hardware facts for this instance type",
    )
    assert next(r for r in found.rejected if r.instance_type == "slow").best_latency_ms == 200
    assert any("unpriced in here" in warning for warning in found.warnings)
    assert found.regions == ("here", "there")


def test_lines_without_a_price_are_outside_the_total_and_inside_the_band(build: SimpleNamespace) -> None:
    charge = build.Charge(name="logs", item="log", driver="registry_gb", fixed_quantity=100.0)
    rates = (build.rate("log", "0.5", region="there"),)
    found = build.estimate(build.offer("0.10"), charges=(charge,), rates=rates)
    (c,) = found.candidates
    assert (c.cost.per_month.likely, c.cost.per_month.high) == (146, 219 + 50)
    assert line(c, "logs").monthly_cost is None
    assert any("logs" in note for note in c.notes)
    assert any("no price for logs (here)" in warning for warning in found.warnings)
    (c,) = build.estimate(build.offer("0.10"), charges=(charge,)).candidates
    assert c.cost.per_month.high is None


def test_what_a_gap_comes_to_at_most_is_on_its_line_and_in_what_ranks(build: SimpleNamespace) -> None:
    charge = build.Charge(name="logs", item="log", driver="registry_gb", fixed_quantity=100.0)
    offers = (build.offer("0.10"), build.offer("0.10", region="there"))
    found = build.estimate(*offers, charges=(charge,), rates=(build.rate("log", "0.5", region="there"),)).candidates
    bills = {c.region: (line(c, "logs").at_most, c.cost.per_month.likely, c.cost.compared) for c in found}
    assert bills == {"here": (50, 146, 196), "there": (None, 196, 196)}
    (c,) = build.estimate(build.offer("0.10"), charges=(charge,)).candidates
    assert (line(c, "logs").at_most, c.cost.compared) == (None, 146)


def test_what_the_profile_warns_of_is_in_the_estimate(build: SimpleNamespace) -> None:
    plain = build.profile()
    noisy = replace(plain, warnings=("busy", "busy"), model=replace(plain.model, warnings=("measured at sequence=128",)))
    assert build.estimate(build.offer(), measured=noisy).warnings == ("profile: measured at sequence=128", "profile: busy")


def test_a_region_does_not_look_cheap_for_want_of_prices(build: SimpleNamespace) -> None:
    charge = build.Charge(name="logs", item="log", driver="registry_gb", fixed_quantity=1000.0)
    offers = (build.offer("0.10", region="known"), build.offer("0.11", region="gap"))
    found = build.estimate(*offers, charges=(charge,), rates=(build.rate("log", "0.5", region="known"),))
    assert [c.region for c in found.candidates] == ["known", "gap"]
    assert found.candidates[1].cost.per_month.likely < found.candidates[0].cost.per_month.likely
    assert found.candidates[0].dominated_by is None


def test_old_derived_and_flagged_prices_warn(build: SimpleNamespace) -> None:
    offers = (build.offer(flag="W"), build.offer(flag="q", region="there"))
    found = build.estimate(
        *offers,
        today=date(2026, 1, 1) + timedelta(days=STALE_AFTER_DAYS),
        derived=True,
        derivation="1.15 × list",
        flags={"W": "may be a Windows rate"},
    )
    assert any("derived" in w and "1.15 × list" in w for w in found.warnings)
    assert any("1 candidate with a doubtful price: may be a Windows rate" in w for w in found.warnings)
    assert not any("old prices" in w for w in found.warnings)
    assert [c.region for c in found.candidates if any("Windows" in note for note in c.notes)] == ["here"]
    late = build.estimate(build.offer(), today=date(2026, 2, 28))
    assert any("old prices: " in w and "58 days" in w for w in late.warnings)
    assert late.price_catalogs[0].age_days == 58


def test_prices_are_as_old_as_the_oldest_chosen_region(build: SimpleNamespace) -> None:
    book = build.catalog(build.offer(), build.offer(region="there"))
    regions = {**book.regions, "there": replace(book.regions["there"], as_of="2025-12-01")}
    found = build.estimate(build.offer(), build.offer(region="there"), regions=("here", "there"))
    assert found.price_catalogs[0].age_days == 1
    from infercost.engine.caveats import name_catalog

    old = replace(book, regions=regions)
    assert name_catalog(old, ("here", "there"), date(2026, 1, 2)).age_days == 32
    assert name_catalog(old, ("here",), date(2026, 1, 2)).age_days == 1
    assert name_catalog(old, (), date(2026, 1, 2)).age_days == 1


def test_recommended_replicas_are_said_and_not_imposed(build: SimpleNamespace) -> None:
    hosting = replace(build.HOSTING, recommended_min_replicas=3)
    (c,) = build.estimate(build.offer(), provider_changes={"hosting": hosting}).candidates
    assert "Cloud recommends 3 replicas for availability" in c.notes
    assert c.replicas.max == 2


def test_discounts_keep_the_list_price_beside_them(build: SimpleNamespace) -> None:
    (c,) = build.estimate(replace(build.offer("0.08"), list_price=Decimal("0.10"))).candidates
    assert c.cost.per_month.likely == Decimal("116.8")
    assert c.cost.list_per_month == 146
    assert sum(x.list_cost for x in c.lines) == 146
    assert line(c, "compute").list_price == Decimal("0.10")
    (c,) = build.estimate(build.offer("0.08")).candidates
    assert c.cost.list_per_month is None


def test_the_currency_is_the_catalogs(build: SimpleNamespace) -> None:
    rate = ExchangeRate(currency="EUR", rate=Decimal("0.9"), as_of="2026-01-01")
    found = build.estimate(build.offer(), currency="EUR", exchange_rate=rate, discounts=("10 % off",))
    assert found.currency == found.price_catalogs[0].currency == "EUR"
    assert found.price_catalogs[0].exchange_rate == rate
    assert found.price_catalogs[0].discounts == ("10 % off",)


def test_currencies_do_not_mix(build: SimpleNamespace) -> None:
    from infercost.engine.estimate import estimate

    books = (build.catalog(build.offer()), build.catalog(build.offer(provider="other"), provider="other", currency="EUR"))
    with pytest.raises(UsageError, match="EUR and USD"):
        estimate(
            profile=build.profile(),
            traffic=build.traffic(),
            slo=build.Slo(),
            placements=(),
            catalogs=books,
            providers={},
            regions={},
            today=date(2026, 1, 1),
            created="",
            version="",
        )


def test_what_is_not_priced_is_named_once(build: SimpleNamespace) -> None:
    found = build.estimate(build.offer(), provider_changes={"not_priced": ("taxes", "support", "taxes")})
    assert found.not_priced == ("taxes", "support")


CHARGES = [
    ("storage", "s", "endpoint_storage_gb", 30.0),
    ("request", "r", "request_gb", None),
    ("egress", "e", "egress_gb", None),
    ("logs", "l", "log_gb", None),
    ("registry", "g", "registry_gb", 2.0),
]
price = st.decimals("0.0001", 50, places=4)


@st.composite
def worlds(draw: Any) -> dict[str, Any]:
    """Offers over regions and types, some without a price; rates for some items and regions."""
    regions = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4, unique=True))
    types = draw(st.lists(st.sampled_from(["s", "m", "l"]), min_size=1, max_size=3, unique=True))
    offers = {(t, r): draw(st.none() | price) for t in types for r in regions}
    rates = {(item, region): draw(price) for _, item, _, _ in CHARGES for region in [*regions, "other"] if draw(st.booleans())}
    placements = {
        t: draw(st.none() | st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(0, 5), st.floats(0.01, 1)))
        for t in types
    }
    return {"offers": offers, "rates": rates, "placements": placements, "rps": draw(st.floats(0.01, 5000))}


def make(build: SimpleNamespace, world: dict[str, Any]) -> Estimate:
    placements = [
        build.misfit(t)
        if p is None
        else build.placement(t, replicas_low=p[0], replicas=p[0] + p[1], replicas_high=p[0] + p[1] + p[2], utilization=p[3])
        for t, p in world["placements"].items()
    ]
    found: Estimate = build.estimate(
        *(build.offer(None if cost is None else str(cost), t, r) for (t, r), cost in world["offers"].items()),
        placements=tuple(placements),
        charges=tuple(build.Charge(name=n, item=i, driver=d, fixed_quantity=q) for n, i, d, q in CHARGES),
        rates=tuple(build.rate(item, str(cost), region) for (item, region), cost in world["rates"].items()),
        rps=world["rps"],
    )
    return found


@settings(max_examples=80)
@given(world=worlds())
def test_laws_of_an_estimate(build: SimpleNamespace, world: dict[str, Any]) -> None:
    found = make(build, world)
    assert found == make(build, world)
    s = found.summary
    assert s.offers == len(world["offers"]) == s.feasible + s.rejected + s.no_price
    assert (s.feasible, s.rejected) == (len(found.candidates), len(found.rejected))
    for c in found.candidates:
        month = c.cost.per_month
        assert total(c) == month.likely
        assert month.low <= month.likely
        assert month.high is None or month.likely <= month.high
        assert c.cost.per_million.low <= c.cost.per_million.likely
        for x in c.lines:
            assert (x.price is None) == (x.monthly_cost is None)
            if x.price is None:
                assert x.note
            else:
                assert x.monthly_cost is not None
                assert abs(x.price * x.quantity - x.monthly_cost) <= max(Decimal("0.000001"), x.monthly_cost * Decimal("1e-7"))


@settings(max_examples=60)
@given(world=worlds(), data=st.data())
def test_a_removed_price_is_a_gap_and_nothing_else(build: SimpleNamespace, world: dict[str, Any], data: Any) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(world["rates"]))) if world["rates"] else st.just(set()))
    lost = data.draw(st.sets(st.sampled_from(sorted(world["offers"]))))
    fewer = {
        **world,
        "rates": {key: value for key, value in world["rates"].items() if key not in gone},
        "offers": {key: None if key in lost else value for key, value in world["offers"].items()},
    }
    before, after = make(build, world), make(build, fewer)
    assert after.summary.offers == before.summary.offers
    assert after.summary.feasible <= before.summary.feasible
    items = {name: item for name, item, _, _ in CHARGES}
    known = {(c.instance_type, c.region): c for c in before.candidates}
    for c in after.candidates:
        was = {x.name: x for x in known[c.instance_type, c.region].lines if x.name in items}
        for x in c.lines:
            if x.name in items and (items[x.name], c.region) in gone:
                assert x.price is None
                assert x.monthly_cost is None
            elif x.name in items:
                assert x.price == was[x.name].price
                assert x.monthly_cost == was[x.name].monthly_cost
    assert not {(c.instance_type, c.region) for c in after.candidates} & lost


@settings(max_examples=40)
@given(world=worlds(), factor=st.decimals(1, 5, places=2), more=st.floats(1, 20))
def test_cost_is_monotone_in_price_and_traffic(
    build: SimpleNamespace, world: dict[str, Any], factor: Decimal, more: float
) -> None:
    def costs(changed: dict[str, Any]) -> dict[Any, Decimal]:
        return {(c.instance_type, c.region): c.cost.per_month.likely for c in make(build, changed).candidates}

    base = costs(world)
    dearer = costs({**world, "offers": {k: v if v is None else v * factor for k, v in world["offers"].items()}})
    rates = costs({**world, "rates": {k: v * factor for k, v in world["rates"].items()}})
    busier = costs({**world, "rps": world["rps"] * more})
    for key, cost in base.items():
        assert dearer[key] >= cost
        assert rates[key] >= cost
        assert busier[key] >= cost


@settings(max_examples=60)
@given(world=worlds())
def test_ranks_and_ties_follow_from_what_the_json_shows(build: SimpleNamespace, world: dict[str, Any]) -> None:
    found = json.loads(encode(make(build, world)))["candidates"]

    def compared(c: Any) -> Band:
        month, figure = c["cost"]["per_month"], Decimal(c["cost"]["compared"])
        gaps = [x["at_most"] for x in c["lines"] if x["monthly_cost"] is None]
        assert figure == Decimal(month["likely"]) + (0 if None in gaps else sum(map(Decimal, gaps)))
        return Band(Decimal(month["low"]), figure, None if month["high"] is None else Decimal(month["high"]))

    def key(c: Any) -> tuple[Any, ...]:
        unpriced = {x["name"] for x in c["lines"] if x["monthly_cost"] is None}
        return compared(c).likely, len(unpriced), c["provider"], c["region"], c["instance_type"], c["mode"]

    assert [key(c) for c in found] == sorted(key(c) for c in found)
    assert [c["rank"] for c in found] == list(range(1, len(found) + 1))
    group, leader = 0, None
    for c in found:
        if leader is None or not tied(leader, compared(c)):
            group, leader = group + 1, compared(c)
        assert c["tie_group"] == group


@settings(max_examples=60)
@given(world=worlds())
def test_ranking_of_an_estimate(build: SimpleNamespace, world: dict[str, Any]) -> None:
    found = make(build, world).candidates
    assert [c.rank for c in found] == list(range(1, len(found) + 1))
    groups = [c.tie_group for c in found]
    assert groups == sorted(groups)
    assert sorted(set(groups)) == list(range(1, len(set(groups)) + 1))
    members: dict[int, list[Candidate]] = defaultdict(list)
    for c in found:
        members[c.tie_group].append(c)
    complete = [c for c in found if all(x.price is not None for x in c.lines)]
    assert [c.cost.per_month.likely for c in complete] == sorted(c.cost.per_month.likely for c in complete)
    for group in members.values():
        if all(c in complete for c in group):
            leader = group[0].cost.per_month
            assert all(c.cost.per_month.low <= leader.likely for c in group)
            assert all(leader.high is None or c.cost.per_month.likely <= leader.high for c in group)
    for c in found:
        if c.dominated_by:
            better = next(o for o in found if o.region == c.dominated_by and o.instance_type == c.instance_type)
            assert better.cost.per_month.likely < c.cost.per_month.likely
            assert better.rank < c.rank
