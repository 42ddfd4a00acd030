from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.money import significant, to_micros, unit_cost
from infercost.engine.quote import Quoter, monthly_requests, tiered_cost

if TYPE_CHECKING:
    from types import SimpleNamespace

    from infercost.domain.estimate import CostLine


@pytest.fixture(scope="session")
def quoter(build: SimpleNamespace) -> Any:
    def make(*charges: Any, rates: tuple[Any, ...] = (), traffic: Any = None, **profile: Any) -> Quoter:
        return Quoter(
            build.provider(*charges), build.catalog(rates=rates), traffic or build.traffic(50), build.profile(**profile)
        )

    return make


def only(quoter: Quoter, region: str = "here") -> CostLine:
    (line,) = quoter.quote(region, "realtime").fixed.lines
    return line


def test_a_month_has_730_hours(build: SimpleNamespace) -> None:
    assert monthly_requests(build.traffic(50)) == 50 * 730 * 3600
    assert monthly_requests(build.traffic(0.1)) == Decimal("262800.0"), "the rate as written, not its binary neighbour"


@pytest.mark.parametrize(
    ("driver", "gigabytes"),
    [("request_gb", "131.4"), ("response_gb", "0.5256"), ("egress_gb", "0.5256"), ("log_gb", "0.0336384")],
)
def test_quantities_follow_the_traffic(build: SimpleNamespace, quoter: Any, driver: Any, gigabytes: str) -> None:
    line = only(
        quoter(build.Charge(name="x", item="x", driver=driver), rates=(build.rate("x", "1"),), traffic=build.traffic(0.05))
    )
    assert line.quantity == Decimal(gigabytes)
    assert line.monthly_cost == to_micros(Decimal(gigabytes))
    assert line.source == "list (2026-01-01)"


def test_callers_in_the_region_pay_no_egress(build: SimpleNamespace, quoter: Any) -> None:
    charge = build.Charge(name="egress", item="x", driver="egress_gb")
    inside = quoter(charge, rates=(build.rate("x", "1"),), traffic=build.traffic(50, clients="in-region"))
    assert inside.quote("here", "realtime").fixed.lines == ()


def test_artifact_registry_and_load_balancer(build: SimpleNamespace, quoter: Any) -> None:
    charges = (
        build.Charge(name="artifact", item="x", driver="artifact_gb"),
        build.Charge(name="registry", item="x", driver="registry_gb", fixed_quantity=2.0),
        build.Charge(name="balancer", item="h", driver="load_balancer_hours"),
        build.Charge(name="registry of nothing", item="x", driver="registry_gb"),
    )
    rates = (build.rate("x", "0.10", unit="GB-month"), build.rate("h", "0.02", unit="hour"))
    lines = {
        line.name: line for line in quoter(*charges, rates=rates, file_bytes=50_000_000).quote("here", "realtime").fixed.lines
    }
    assert lines["artifact"].quantity == Decimal("0.05")
    assert lines["registry"].monthly_cost == Decimal("0.20")
    assert lines["registry"].provenance == "assumed"
    assert lines["balancer"].quantity == 730
    assert "registry of nothing" not in lines


def test_a_tier_that_the_book_lacks_is_said(build: SimpleNamespace, quoter: Any) -> None:
    charge = build.Charge(name="egress", item="x", driver="egress_gb", last_tier_from=100.0, note="why")
    few, many = build.traffic(50, payload_out_bytes=700), build.traffic(50, payload_out_bytes=800)
    rates = (build.rate("x", "1"), build.rate("x", "0.5", start="10"))
    assert "beyond" not in (only(quoter(charge, rates=rates, traffic=few)).note or "")
    beyond = only(quoter(charge, rates=rates, traffic=many))
    assert beyond.note == (
        "average over 2 price tiers; beyond the last tier in the book: the cloud has another price from 100 GB,"
        " the last known is used; why"
    )
    complete = (*rates, build.rate("x", "0.2", start="100"))
    assert "beyond" not in (only(quoter(charge, rates=complete, traffic=many)).note or "")


def test_gibibytes_where_the_rate_says_so(build: SimpleNamespace, quoter: Any) -> None:
    charge = build.Charge(name="logs", item="x", driver="request_gb")
    line = only(quoter(charge, rates=(build.rate("x", "1", unit="GiB"),)))
    assert line.unit == "GiB"
    assert float(line.quantity) == pytest.approx(131_400 * 1e9 / 2**30, rel=1e-7)


def test_a_regions_own_rate_comes_before_the_general_one(build: SimpleNamespace, quoter: Any) -> None:
    made = quoter(
        build.Charge(name="x", item="x", driver="registry_gb", fixed_quantity=1.0),
        rates=(build.rate("x", "5"), build.rate("x", "7", region="here")),
    )
    assert only(made).price == 7
    assert only(made, "there").price == 5


def test_what_the_user_includes_is_a_line_of_every_mode(build: SimpleNamespace, quoter: Any) -> None:
    traffic = build.traffic(50, include={"nat_hour": 730.0, "own_item": 2.0})
    made = quoter(rates=(build.rate("nat_hour", "0.045", unit="hour"), build.rate("own_item", "3")), traffic=traffic)
    for mode in ("realtime", "serverless", "async", "batch"):
        nat, own = made.quote("here", mode).fixed.lines
        assert (nat.name, nat.unit, nat.quantity, nat.monthly_cost) == ("NAT gateway", "hour", 730, Decimal("32.85"))
        assert nat.provenance == "given"
        assert (own.name, own.monthly_cost) == ("own_item", 6)


def test_what_is_included_and_has_no_rate_there_has_no_price(build: SimpleNamespace, quoter: Any) -> None:
    rates = (build.rate("nat_hour", "0.045", region="there", unit="hour"),)
    quote = quoter(rates=rates, traffic=build.traffic(50, include={"nat_hour": 730.0})).quote("here", "realtime")
    (line,) = quote.fixed.lines
    assert (line.price, line.monthly_cost, line.unit) == (None, None, "hour")
    assert line.at_most == Decimal("32.85")
    assert quote.unpriced == {"NAT gateway"}


def test_tiers_share_the_quantity(build: SimpleNamespace, quoter: Any) -> None:
    tiers = (build.rate("x", "0.05", start="100"), build.rate("x", "0.09"), build.rate("x", "0.01", start="1000"))
    line = only(quoter(build.Charge(name="x", item="x", driver="registry_gb", fixed_quantity=1500.0), rates=tiers))
    assert line.monthly_cost == Decimal("9") + 45 + 5
    assert float(line.price or 0) == pytest.approx(59 / 1500)
    assert line.note is not None
    assert "3 price tiers" in line.note
    first = only(quoter(build.Charge(name="x", item="x", driver="registry_gb", fixed_quantity=40.0), rates=tiers))
    assert (first.price, first.note) == (Decimal("0.09"), None)


def test_without_a_rate_there_is_no_price_but_a_reason_and_a_bound(build: SimpleNamespace, quoter: Any) -> None:
    charge = build.Charge(name="logs", item="log", driver="registry_gb", fixed_quantity=10.0)
    rates = (build.rate("log", "0.5", region="there"), build.rate("log", "0.7", region="yonder"))
    quote = quoter(charge, rates=rates).quote("here", "realtime")
    (line,) = quote.fixed.lines
    assert (line.price, line.monthly_cost, line.source) == (None, None, None)
    assert line.note is not None
    assert "no log for here" in line.note
    assert "$7.00" in line.note
    assert quote.fixed.cost == 0
    assert quote.fixed.unknown == 7
    assert quote.unpriced == {"logs"}
    assert "logs" in quote.notes[0]


def test_what_no_region_has_a_price_for_is_unbounded(build: SimpleNamespace, quoter: Any) -> None:
    quote = quoter(build.Charge(name="logs", item="log", driver="log_gb")).quote("here", "realtime")
    assert quote.fixed.unknown is None
    assert "nor has it one anywhere" in (quote.fixed.lines[0].note or "")


def test_tiers_that_begin_above_zero_are_no_price(build: SimpleNamespace, quoter: Any) -> None:
    made = quoter(build.Charge(name="x", item="x", driver="log_gb"), rates=(build.rate("x", "1", start="100"),))
    assert only(made).price is None


def test_storage_grows_with_the_replicas_of_its_mode(build: SimpleNamespace, quoter: Any) -> None:
    charge = build.Charge(
        name="storage", item="x", driver="endpoint_storage_gb", fixed_quantity=30.0, modes=("realtime",), note="disk"
    )
    made = quoter(charge, rates=(build.rate("x", "0.1"),))
    bill = made.quote("here", "realtime").for_replicas(3)
    assert bill.cost == 9
    assert bill.lines[0].quantity == 90
    assert bill.lines[0].note == "3 × 30; disk"
    assert made.quote("here", "realtime").for_replicas(3) is bill
    assert made.quote("here", "serverless").for_replicas(3).lines == ()


def test_storage_without_a_price_is_named_and_bounded_by_replicas(build: SimpleNamespace, quoter: Any) -> None:
    charge = build.Charge(name="storage", item="x", driver="endpoint_storage_gb", fixed_quantity=30.0)
    quote = quoter(charge, rates=(build.rate("x", "0.1", region="there"),)).quote("here", "realtime")
    assert quote.unpriced == {"storage"}
    assert (quote.for_replicas(2).unknown, quote.for_replicas(2).cost) == (6, 0)


def test_gaps_name_the_regions_that_were_asked_for(build: SimpleNamespace, quoter: Any) -> None:
    made = quoter(build.Charge(name="logs", item="log", driver="log_gb"), rates=(build.rate("log", "1", region="there"),))
    for region in ("b", "a", "there"):
        made.quote(region, "realtime")
    assert made.gaps() == {"logs": ["a", "b"]}


def test_list_prices_stand_beside_what_is_paid(build: SimpleNamespace, quoter: Any) -> None:
    rates = (replace(build.rate("x", "0.8"), list_price=Decimal(1)), replace(build.rate("x", "0.5", start="10")))
    made = quoter(build.Charge(name="x", item="x", driver="registry_gb", fixed_quantity=20.0), rates=rates)
    line = only(made)
    assert (line.monthly_cost, line.list_cost) == (13, 15)
    assert line.list_price == Decimal("0.75")
    assert made.quote("here", "realtime").fixed.listed == 15


prices = st.decimals(0, 100, places=4)


@given(
    quantity=st.decimals(0, 10_000, places=3),
    more=st.decimals(0, 1000, places=3),
    steps=st.lists(st.tuples(st.decimals("0.001", 2000, places=3), prices), max_size=4),
    first=prices,
    region=st.just("*"),
)
def test_tiered_cost_is_additive_and_monotone(
    build: SimpleNamespace, quantity: Decimal, more: Decimal, steps: list[Any], first: Decimal, region: str
) -> None:
    start, tiers = Decimal(0), [build.rate("x", str(first), region)]
    for width, price in steps:
        start += width
        tiers.append(build.rate("x", str(price), region, start=str(start)))
    cost = tiered_cost(quantity, tiers)
    prices_used = [tier.price for tier in tiers]
    assert tiered_cost(quantity + more, tiers) >= cost
    assert quantity * min(prices_used) <= cost <= quantity * max(prices_used)
    assert tiered_cost(quantity, tiers[:1]) == quantity * first


@given(value=st.decimals("1e-9", "1e12", allow_nan=False))
def test_rounding_keeps_eight_digits_or_cents(value: Decimal) -> None:
    for rounded in (significant(value), unit_cost(value * 3, Decimal(3))):
        assert abs(rounded - value) <= max(abs(value) * Decimal("5e-8"), Decimal("0.005")) if value >= 1 else True
        assert abs(rounded / value - 1) <= Decimal("6e-8")
        assert "E+" not in str(rounded)
    assert abs(to_micros(value) - value) <= Decimal("5e-7")


def test_gaps_are_counted_in_the_unit_of_their_kind(build: SimpleNamespace, quoter: Any) -> None:
    charges = [
        build.Charge(name="balancer", item="x", driver="load_balancer_hours"),
        build.Charge(name="image", item="x", driver="registry_gb", fixed_quantity=2.0),
        build.Charge(name="logs", item="x", driver="log_gb"),
    ]
    assert [line.unit for line in quoter(*charges).quote("here", "realtime").fixed.lines] == ["hour", "GB-month", "GB"]
