from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.discount import Commitment, Discounts, FreeTier, Percentage, PrivatePrice
from infercost.domain.errors import UsageError
from infercost.domain.price import Catalog, ExchangeRate, Offer, Rate, Region
from infercost.engine.currency import convert
from infercost.engine.discounts import apply_discounts
from infercost.engine.quote import tiered_cost

HERE, THERE = "here", "there"


def rate(item="egress_internet_gb", region=HERE, price="0.09", start="0") -> Rate:
    return Rate(
        item=item, region=region, unit="GB", price=Decimal(price), from_quantity=Decimal(start), source="x", as_of="2026-01"
    )


def catalog(**changes) -> Catalog:
    offers = tuple(
        Offer("cloud", region, "realtime", name, price, "hour")
        for region in (HERE, THERE)
        for name, price in (("m.large", Decimal("0.1")), ("m.xlarge", Decimal("0.2")), ("gpu.big", None))
    )
    base = Catalog(
        provider="cloud", as_of="2026-01-02", source="a list", licence="MIT", offers=offers,
        rates=(rate(), rate(price="0.08", start="1000"), rate("logs_ingest_gb", "*", "0.5")),
        regions={key: Region(key=key, location="somewhere", geography="eu") for key in (HERE, THERE)},
    )  # fmt: skip
    return replace(base, **changes)


def percentage(percent, *services, **fields) -> Percentage:
    return Percentage(provider="cloud", percent=Decimal(percent), services=services or ("*",), **fields)


def commitment(percent, coverage, **fields) -> Commitment:
    return Commitment(provider="cloud", kind="cud", term="1y", percent=Decimal(percent), coverage=Decimal(coverage), **fields)


def prices(found: Catalog, region=HERE) -> dict[str, Decimal | None]:
    return {offer.instance_type: offer.price for offer in found.offers if offer.region == region}


def test_without_discounts_the_catalog_is_the_same():
    assert apply_discounts(catalog(), Discounts()) == catalog()


def test_discounts_of_another_provider_change_nothing():
    other = Percentage(provider="other", percent=Decimal(50))
    assert apply_discounts(catalog(), Discounts(percentages=(other,))) == catalog()


def test_percentages_multiply_and_keep_the_list_price():
    found = apply_discounts(catalog(), Discounts(percentages=(percentage(10), percentage(5, "compute"))))
    assert prices(found)["m.large"] == Decimal("0.0855")
    assert found.offers[0].list_price == Decimal("0.1")
    assert found.rates[0].price == Decimal("0.081")
    assert found.rates[0].list_price == Decimal("0.09")


def test_a_percentage_of_one_service_leaves_the_others():
    found = apply_discounts(catalog(), Discounts(percentages=(percentage(50, "logs_*"),)))
    assert found.offers == catalog().offers
    assert [r.price for r in found.rates] == [Decimal("0.09"), Decimal("0.08"), Decimal("0.25")]
    assert [r.list_price for r in found.rates] == [None, None, Decimal("0.5")]


def test_a_commitment_pays_less_for_the_hours_that_it_covers():
    found = apply_discounts(catalog(), Discounts(commitments=(commitment(40, 50, instances=("m.large",), regions=(HERE,)),)))
    assert prices(found) == {"m.large": Decimal("0.08"), "m.xlarge": Decimal("0.2"), "gpu.big": None}
    assert prices(found, THERE)["m.large"] == Decimal("0.1")


def test_of_several_commitments_the_one_that_saves_most_applies():
    found = apply_discounts(catalog(), Discounts(commitments=(commitment(40, 50), commitment(30, 100), commitment(60, 10))))
    assert prices(found)["m.large"] == Decimal("0.07")


def test_a_commitment_comes_after_percentages():
    found = apply_discounts(catalog(), Discounts(percentages=(percentage(10),), commitments=(commitment(50, 100),)))
    assert prices(found)["m.large"] == Decimal("0.045")


def test_a_private_price_stands_alone():
    private = PrivatePrice(provider="cloud", price=Decimal("0.05"), instance="m.large", regions=(HERE,))
    found = apply_discounts(catalog(), Discounts(percentages=(percentage(50),), private_prices=(private,)))
    assert prices(found)["m.large"] == Decimal("0.05")
    assert found.offers[0].list_price == found.offers[3].list_price == Decimal("0.1")
    assert prices(found, THERE)["m.large"] == Decimal("0.05")  # half of the list price there


def test_a_private_price_prices_the_very_offer_that_the_book_could_not():
    private = PrivatePrice(provider="cloud", price=Decimal(3), instance="gpu.big", regions=(HERE,))
    found = apply_discounts(catalog(), Discounts(private_prices=(private,)))
    assert prices(found)["gpu.big"] == 3
    assert prices(found, THERE)["gpu.big"] is None


def test_a_private_rate():
    private = PrivatePrice(provider="cloud", price=Decimal("0.01"), service="egress_internet_gb")
    found = apply_discounts(catalog(), Discounts(private_prices=(private,)))
    assert [r.price for r in found.rates] == [Decimal("0.01"), Decimal("0.01"), Decimal("0.5")]


@pytest.mark.parametrize(("free", "starts"), [("100", [0, 100, 1000]), ("1000", [0, 1000]), ("1500", [0, 1000, 1500])])
def test_a_free_tier_is_a_tier_at_the_start(free, starts):
    tier = FreeTier(provider="cloud", service="egress_internet_gb", quantity=Decimal(free))
    found = [r for r in apply_discounts(catalog(), Discounts(free_tiers=(tier,))).rates if r.item == "egress_internet_gb"]
    assert [r.from_quantity for r in found] == starts
    for quantity in (Decimal(50), Decimal(999), Decimal(2000)):
        tiers = catalog().rates[:2]
        expected = tiered_cost(quantity, tiers) - tiered_cost(min(quantity, Decimal(free)), tiers)
        assert tiered_cost(quantity, found) == expected


def test_a_free_tier_is_off_after_percentages():
    tier = FreeTier(provider="cloud", service="logs_ingest_gb", quantity=Decimal(5))
    found = apply_discounts(catalog(), Discounts(percentages=(percentage(20),), free_tiers=(tier,))).rates[-2:]
    assert [(r.from_quantity, r.price, r.list_price) for r in found] == [
        (0, 0, Decimal("0.5")), (5, Decimal("0.4"), Decimal("0.5")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("discounts", "message"),
    [
        (
            Discounts(percentages=(percentage(1, "comptue"),), source="d.yml"),
            "d.yml: unknown service 'comptue'; did you mean comp",
        ),
        (Discounts(commitments=(commitment(1, 1, instances=("m.lrge",)),)), "unknown instance 'm.lrge'; did you mean m.large"),
        (Discounts(commitments=(commitment(1, 1, regions=("heer",)),)), "unknown region 'heer'; did you mean"),
        (Discounts(free_tiers=(FreeTier(provider="cloud", service="logs", quantity=Decimal(1)),)), "unknown service 'logs'"),
        (
            Discounts(private_prices=(PrivatePrice(provider="cloud", price=Decimal(1), instance="x"),)),
            "unknown instance 'x'; known: gpu.big",
        ),
        (
            Discounts(private_prices=(PrivatePrice(provider="cloud", price=Decimal(1), instance="m.large", currency="EUR"),)),
            "private price in EUR does not fit cloud prices in USD",
        ),
    ],
)
def test_a_discount_of_nothing_is_refused(discounts, message):
    with pytest.raises(UsageError, match=message):
        apply_discounts(catalog(), discounts)


def test_what_was_applied_is_said():
    tier = FreeTier(provider="cloud", service="logs_ingest_gb", quantity=Decimal("5.0"), note="new account")
    private = PrivatePrice(provider="cloud", price=Decimal("0.050"), instance="m.large", regions=(HERE,))
    every = Discounts(percentages=(percentage("7.50", "compute", note="EDP"),), commitments=(commitment(28, 60),),
                      free_tiers=(tier,), private_prices=(private,))  # fmt: skip
    assert apply_discounts(catalog(), every).discounts == (
        "7.5 % off compute (EDP)",
        "cud of 1y: 28 % off 60 % of the hours of everything in everything",
        "5 of logs_ingest_gb a month free (new account)",
        "private price of m.large in here: 0.05 USD",
    )


percents = st.decimals("0", "100", places=2)


@given(percents, percents, percents)
def test_effective_prices_lie_between_nothing_and_the_list(off, committed, coverage):
    found = apply_discounts(
        catalog(), Discounts(percentages=(percentage(off),), commitments=(commitment(committed, coverage),))
    )
    for before, after in zip(catalog().offers, found.offers, strict=True):
        if before.price is None:
            assert after.price is None
            assert after.list_price is None
        else:
            assert 0 <= after.price <= before.price
            assert after.list_price in (None, before.price)


RATE = ExchangeRate(currency="EUR", rate=Decimal("0.92"), as_of="2026-11-01")


def test_every_price_is_converted_and_the_rate_is_kept():
    discounted = apply_discounts(catalog(), Discounts(percentages=(percentage(10),)))
    found = convert(discounted, RATE)
    assert found.currency == "EUR"
    assert found.exchange_rate == RATE
    assert prices(found) == {"m.large": Decimal("0.0828"), "m.xlarge": Decimal("0.1656"), "gpu.big": None}
    assert found.offers[0].list_price == Decimal("0.092")
    assert [r.price for r in found.rates] == [Decimal("0.07452"), Decimal("0.06624"), Decimal("0.414")]


def test_prices_that_the_cloud_states_in_that_currency_are_not_touched():
    euros = catalog(currency="EUR")
    assert convert(euros, RATE) is euros


def test_there_is_no_cross_rate():
    with pytest.raises(ValueError, match="rates are from USD, the catalog is in GBP"):
        convert(catalog(currency="GBP"), RATE)
