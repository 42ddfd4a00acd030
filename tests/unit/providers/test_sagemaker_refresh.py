from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from infercost.domain.errors import ProviderError, UnknownNameError, UsageError
from infercost.domain.price import Catalog, Offer, Rate, Region
from infercost.providers._http import RetryPolicy
from infercost.providers.sagemaker.refresh import refresh
from infercost.testing.price_servers import AwsPriceListServer, Fault, RegionOffer
from infercost.testing.price_servers.aws import on_demand, sku_of

if TYPE_CHECKING:
    from infercost.domain.refresh import Refreshed

POLICY = RetryPolicy(sleep=lambda _: None, now=lambda: datetime(2026, 11, 24, tzinfo=UTC), read_timeout_s=5.0)

SHIPPED = Catalog(
    provider="sagemaker",
    as_of="2026-09-22",
    source="shipped",
    licence="MIT",
    sha256="0" * 64,
    derived=False,
    offers=(
        Offer("sagemaker", "us-east-1", "realtime", "ml.m5.large", Decimal("0.12"), "hour"),
        Offer("sagemaker", "eu-west-1", "realtime", "ml.m5.large", Decimal("0.13"), "hour"),
    ),
    rates=tuple(
        Rate(item=item, region=region, unit="GB", price=Decimal("0.5"), from_quantity=Decimal(0), source="old", as_of="2024-07")
        for item in ("data_in_gb", "logs_ingest_gb")
        for region in ("us-east-1", "eu-west-1")
    ),
    regions={
        "us-east-1": Region(key="us-east-1", location="N. Virginia", geography="us"),
        "eu-west-1": Region(key="eu-west-1", location="Ireland", geography="eu"),
    },
)

VIRGINIA = RegionOffer(
    region="us-east-1",
    hosting={"ml.m5.large": "0.1150000000", "ml.g5.xlarge": "1.4080000000", "ml.eia2.medium": "0.1680000000"},
    asynchronous={"ml.m5.large": "0.1160000000"},
    batch={"ml.m5.large": "0.1170000000"},
    serverless={1: "0.0000200000", 2: "0.0000400000"},
    provisioned={2: ("0.0000100000", "0.0000233000")},
    savings={"ml.m5.large": "0.0800000000"},
)
IRELAND = RegionOffer(
    region="eu-west-1", location="EU (Ireland)", prefix="EU", hosting={"ml.m5.large": "0.1280000000"}, data=None, storage=None
)


@pytest.fixture
def server():
    with AwsPriceListServer([VIRGINIA, IRELAND]) as running:
        yield running


@pytest.fixture
def run(server, tmp_path):
    def call(**options: Any) -> Refreshed:
        return refresh(shipped=SHIPPED, folder=tmp_path, endpoint=server.url, policy=POLICY, **options)

    return call


def price_of(refreshed: Refreshed, region: str, name: str) -> Decimal | None:
    (offer,) = [o for o in refreshed.catalog.offers if (o.region, o.instance_type) == (region, name) and o.answers]
    return offer.price


def usage(server: AwsPriceListServer, region: str, usage_type: str) -> tuple[dict[str, Any], str]:
    """A region's document, and the SKU of a usage type in it."""
    document = server.offers[region]
    (sku,) = [sku for sku, p in document["products"].items() if p["attributes"]["usagetype"] == usage_type]
    return document, sku


def test_offers_are_what_serves_models_only(run):
    offers = [(o.region, o.mode, o.instance_type, str(o.price), o.unit, o.flag) for o in run().catalog.offers]
    assert offers == [
        ("eu-west-1", "realtime", "ml.m5.large", "0.128", "hour", ""),
        ("us-east-1", "async", "ml.m5.large", "0.116", "hour", ""),
        ("us-east-1", "batch", "ml.m5.large", "0.117", "hour", ""),
        ("us-east-1", "realtime", "ml.eia2.medium", "0.168", "hour", "E"),
        ("us-east-1", "realtime", "ml.g5.xlarge", "1.408", "hour", ""),
        ("us-east-1", "realtime", "ml.m5.large", "0.115", "hour", ""),
        ("us-east-1", "serverless", "serverless-1024MB", "0.00002", "second", ""),
        ("us-east-1", "serverless", "serverless-2048MB", "0.00004", "second", ""),
    ]


def test_the_catalog_says_what_it_is(run, server):
    catalog = run().catalog
    assert (catalog.provider, catalog.as_of, catalog.currency, catalog.derived) == ("sagemaker", "2026-11-20", "USD", False)
    assert f"{server.url}/offers/v1.0/aws/AmazonSageMaker/current/region_index.json" in catalog.source
    assert catalog.regions == SHIPPED.regions
    assert catalog.sha256 == ""


def test_provisioned_concurrency_and_savings_plans_are_returned_beside_it(run):
    told = {(e.kind, e.applies_to, e.region, e.instance_type, str(e.price), e.unit, e.term, e.payment) for e in run().extras}
    assert told == {
        ("serverless_provisioned", "serverless", "us-east-1", "serverless-2048MB", "0.00001", "second", "", ""),
        ("serverless_provisioned_duration", "serverless", "us-east-1", "serverless-2048MB", "0.0000233", "second", "", ""),
        ("savings_plan", "realtime", "us-east-1", "ml.m5.large", "0.0800000000", "hour", "1y", "no upfront"),
    }


def test_rates_are_read_where_stated_and_kept_with_their_own_date_elsewhere(run):
    rates = {(r.item, r.region): (str(r.price), r.unit, r.as_of) for r in run().catalog.rates}
    assert rates == {
        ("data_in_gb", "us-east-1"): ("0.0160000000", "GB", "2026-11-20"),
        ("data_out_gb", "us-east-1"): ("0.0160000000", "GB", "2026-11-20"),
        ("endpoint_storage_gb_month", "us-east-1"): ("0.1400000000", "GB-month", "2026-11-20"),
        ("data_in_gb", "eu-west-1"): ("0.5", "GB", "2024-07"),
        ("logs_ingest_gb", "us-east-1"): ("0.5", "GB", "2024-07"),
        ("logs_ingest_gb", "eu-west-1"): ("0.5", "GB", "2024-07"),
    }


def test_named_regions_alone_are_read(run, server):
    refreshed = run(regions=["eu-west-1"])
    assert {offer.region for offer in refreshed.catalog.offers} == {"eu-west-1"}
    assert set(refreshed.catalog.regions) == {"eu-west-1"}
    assert {rate.region for rate in refreshed.catalog.rates} == {"eu-west-1"}
    assert not any("us-east-1" in path for path in server.paths())


def test_an_unknown_region_has_a_suggestion(run):
    with pytest.raises(UnknownNameError, match="did you mean eu-west-1"):
        run(regions=["eu-west-9"])


def test_another_currency_is_refused(run):
    with pytest.raises(UsageError, match="USD only, not EUR"):
        run(currency="EUR")


def test_regions_that_come_and_go_are_findings(tmp_path):
    new = RegionOffer(region="mars-north-1", hosting={"ml.m5.large": "1"})
    with AwsPriceListServer([VIRGINIA, new]) as server:
        refreshed = refresh(shipped=SHIPPED, folder=tmp_path, endpoint=server.url, policy=POLICY)
    assert set(refreshed.catalog.regions) == {"us-east-1"}
    reasons = {f.subject: f.reason for f in refreshed.findings}
    assert "does not place yet" in reasons["mars-north-1"]
    assert "no longer has this region" in reasons["eu-west-1"]


def test_a_price_of_zero_is_no_price(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    document["terms"]["OnDemand"][sku] = {"t": on_demand(sku, "Hrs", [("0", "Inf", "0.0000000000")])}
    refreshed = run()
    assert price_of(refreshed, "us-east-1", "ml.m5.large") is None
    assert ("us-east-1/ml.m5.large", "the source states a price of 0") in {(f.subject, f.reason) for f in refreshed.findings}


def test_the_term_in_force_is_taken_not_the_one_to_come(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    terms = {"old": ("2025-01-01", "0.5"), "current": ("2026-11-02", "0.4"), "next": ("2026-12-01", "0.3")}
    document["terms"]["OnDemand"][sku] = {
        code: on_demand(sku, "Hrs", [("0", "Inf", price)], f"{day}T00:00:00Z") for code, (day, price) in terms.items()
    }
    assert price_of(run(), "us-east-1", "ml.m5.large") == Decimal("0.4")


def test_a_price_that_only_begins_later_is_no_price_yet(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    document["terms"]["OnDemand"][sku] = {"next": on_demand(sku, "Hrs", [("0", "Inf", "1")], "2027-01-01T00:00:00Z")}
    refreshed = run()
    assert price_of(refreshed, "us-east-1", "ml.m5.large") is None
    assert "no price is in force" in {f.reason for f in refreshed.findings}


def test_a_product_without_terms_is_no_price(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    del document["terms"]["OnDemand"][sku]
    assert price_of(run(), "us-east-1", "ml.m5.large") is None


def test_an_unexpected_unit_is_no_price(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    document["terms"]["OnDemand"][sku] = {"t": on_demand(sku, "Seconds", [("0", "Inf", "0.115")])}
    refreshed = run()
    assert price_of(refreshed, "us-east-1", "ml.m5.large") is None
    assert "the unit is Seconds, not hour" in {f.reason for f in refreshed.findings}


def test_a_price_in_another_currency_is_no_price(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    (term,) = document["terms"]["OnDemand"][sku].values()
    (dimension,) = term["priceDimensions"].values()
    dimension["pricePerUnit"] = {"CNY": "0.9"}
    assert price_of(run(), "us-east-1", "ml.m5.large") is None


def test_two_prices_for_one_thing_are_none(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    twin = sku_of("twin")
    document["products"][twin] = document["products"][sku] | {"sku": twin}
    document["terms"]["OnDemand"][twin] = {"t": on_demand(twin, "Hrs", [("0", "Inf", "0.2")])}
    refreshed = run()
    assert price_of(refreshed, "us-east-1", "ml.m5.large") is None
    assert "the source states several prices: 0.115, 0.2" in {f.reason for f in refreshed.findings}


def test_the_same_price_twice_is_one_price(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    twin = sku_of("twin")
    document["products"][twin] = document["products"][sku] | {"sku": twin}
    document["terms"]["OnDemand"][twin] = document["terms"]["OnDemand"][sku]
    assert price_of(run(), "us-east-1", "ml.m5.large") == Decimal("0.115")


def test_a_price_that_falls_with_volume_says_so(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    tiers = [("0", "100", "0.2"), ("100", "Inf", "0.1")]
    document["terms"]["OnDemand"][sku] = {"t": on_demand(sku, "Hrs", tiers)}
    refreshed = run()
    assert price_of(refreshed, "us-east-1", "ml.m5.large") == Decimal("0.2")
    assert any("over 2 tiers" in f.reason for f in refreshed.findings)


def test_tiers_of_a_rate_are_kept_and_its_free_tier_is_not(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Data-Bytes-In")
    tiers = [("100", "Inf", "0.01"), ("0", "10", "0"), ("10", "100", "0.02")]
    document["terms"]["OnDemand"][sku] = {"t": on_demand(sku, "GB", tiers)}
    rates = [r for r in run().catalog.rates if (r.item, r.region) == ("data_in_gb", "us-east-1")]
    assert [(int(r.from_quantity), str(r.price)) for r in rates] == [(10, "0.02"), (100, "0.01")]


def test_rows_of_another_region_are_left_out(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    document["products"][sku]["attributes"]["regionCode"] = "us-west-2"
    names = {o.instance_type for o in run().catalog.offers_of("realtime") if o.region == "us-east-1"}
    assert "ml.m5.large" not in names
    assert "ml.g5.xlarge" in names


def test_names_come_from_the_instance_type_where_there_is_no_instance_name(run, server):
    document, sku = usage(server, "us-east-1", "USE1-Host:ml.m5.large")
    del document["products"][sku]["attributes"]["instanceName"]
    assert price_of(run(), "us-east-1", "ml.m5.large") == Decimal("0.115")


@pytest.mark.parametrize("lost", ["products", "terms"])
def test_a_file_without_its_parts_has_changed(run, server, lost):
    del server.offers["us-east-1"][lost]
    with pytest.raises(ProviderError, match=f"changed its format: Object missing required field `{lost}`"):
        run()


def test_rows_without_their_parts_have_changed(run, server):
    for product in server.offers["us-east-1"]["products"].values():
        product["details"] = product.pop("attributes")
    with pytest.raises(ProviderError, match="changed its format: Object missing required field `attributes`"):
        run()


def test_hosting_that_is_gone_from_a_region_means_a_changed_source(run, server):
    for product in server.offers["us-east-1"]["products"].values():
        product["attributes"].pop("component", None)
    with pytest.raises(ProviderError, match="the source has changed: no product of the family ML Instance") as caught:
        run()
    assert caught.value.exit_code == 5


def test_savings_plans_that_fail_do_not_block_list_prices(run, server):
    server.inject("savingsPlan", *[Fault(status=500)] * 6)
    refreshed = run()
    assert price_of(refreshed, "us-east-1", "ml.m5.large") == Decimal("0.115")
    assert [f.subject for f in refreshed.findings] == ["savings plans"]
    assert not any(extra.kind == "savings_plan" for extra in refreshed.extras)


def test_a_second_run_transfers_nothing(run, server):
    first = run()
    before = len(server.seen)
    assert run() == first
    again = server.seen[before:]
    assert {seen.status for seen in again} == {304}
    assert sum(seen.sent_bytes for seen in again) == 0


def test_progress_counts_documents(run):
    steps = []
    run(on_progress=steps.append)
    assert {step.document for step in steps} >= {"index", "us-east-1", "eu-west-1"}
    assert steps[-1].total is not None
    assert steps[-1].done <= steps[-1].total


def test_a_mode_without_a_usable_price_is_a_finding(run, server):
    document, sku = usage(server, "us-east-1", "USE1-AsyncInf:ml.m5.large")
    document["terms"]["OnDemand"][sku] = {"t": on_demand(sku, "Hrs", [("0", "Inf", "0")])}
    refreshed = run()
    assert not any(extra.kind == "async" for extra in refreshed.extras)
    assert ("us-east-1/ml.m5.large (async)", "the source states a price of 0") in {
        (f.subject, f.reason) for f in refreshed.findings
    }


@pytest.mark.parametrize(
    ("unit", "price", "reason"), [("Requests", "0.01", "states no rate by GB"), ("GB", "0.02", "states several rates")]
)
def test_a_rate_that_is_not_clear_keeps_the_shipped_one(run, server, unit, price, reason):
    document, sku = usage(server, "us-east-1", "USE1-Data-Bytes-In")
    document["terms"]["OnDemand"][sku] = {"t": on_demand(sku, unit, [("0", "Inf", price)])}
    if unit == "GB":
        twin = sku_of("twin")
        document["products"][twin] = document["products"][sku]
        document["terms"]["OnDemand"][twin] = {"t": on_demand(twin, unit, [("0", "Inf", "0.03")])}
    refreshed = run()
    (rate,) = [r for r in refreshed.catalog.rates if (r.item, r.region) == ("data_in_gb", "us-east-1")]
    assert (str(rate.price), rate.as_of) == ("0.5", "2024-07")
    assert any(f.subject == "us-east-1/data_in_gb" and reason in f.reason for f in refreshed.findings)
