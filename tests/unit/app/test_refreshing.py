"""Refreshing through real HTTP, from servers that speak like the clouds' own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase

import pytest

from infercost.app.pricebook import open_book
from infercost.app.prices import check_prices, compare_prices, show_prices
from infercost.app.refreshing import merge_regions, refresh_prices
from infercost.domain.errors import ProviderError, UnknownNameError
from infercost.domain.price import Catalog, Offer, Rate, Region
from infercost.registry import get_provider
from infercost.store.pricebook import load_catalog
from infercost.store.snapshots import Source, list_snapshots
from infercost.testing.price_servers import AwsPriceListServer, RegionOffer, RetailPricesServer, vm_item

SAGEMAKER = load_catalog("infercost.providers.sagemaker")
AZURE = load_catalog("infercost.providers.azureml")
SOURCE = Source("sagemaker", "infercost.providers.sagemaker")
TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def region_offer(region, prefix="USE1", location="US East (N. Virginia)", *, drop="", factor="1", **changes) -> RegionOffer:
    """The shipped prices of a region as AWS would state them."""
    hosting = {
        o.instance_type: f"{o.price * Decimal(factor):.10f}"
        for o in SAGEMAKER.offers
        if (o.region, o.mode) == (region, "realtime") and not (drop and fnmatchcase(o.instance_type, drop))
    }
    hosting |= changes.pop("hosting", {})
    return RegionOffer(
        region=region, prefix=prefix, location=location, hosting=hosting, serverless={2: "0.0000400000"}, **changes
    )


def serve(*offers):
    return AwsPriceListServer(offers)


def refresh_virginia(server, **options):
    return refresh_prices(providers=["sagemaker"], regions=["us-east-1"], endpoints={"sagemaker": server.url}, **options)


def prices(catalog, region, name):
    return [o.price for o in catalog.offers_of("realtime") if (o.region, o.instance_type) == (region, name)]


def test_a_region_is_refreshed_and_the_others_keep_prices_and_date():
    with serve(
        region_offer("us-east-1", hosting={"ml.g5.xlarge": "1.3000000000"}, batch={"ml.g5.xlarge": "1.2500000000"})
    ) as server:
        (outcome,) = refresh_virginia(server)
    assert outcome.error is None
    assert [(c.name, c.change, c.new) for c in outcome.changes if c.kind == "realtime"] == [
        ("ml.g5.xlarge", "changed", Decimal("1.3"))
    ]
    catalog = open_book([get_provider("sagemaker")], every_mode=True).catalogs[0]
    assert catalog.as_of > SAGEMAKER.as_of
    assert [(o.instance_type, o.price) for o in catalog.offers_of("batch") if o.region == "us-east-1"] == [
        ("ml.g5.xlarge", Decimal("1.25"))
    ]
    assert [o for o in catalog.offers_of("batch") if o.region == "eu-west-1"]
    assert prices(catalog, "us-east-1", "ml.g5.xlarge") == [Decimal("1.3")]
    assert prices(catalog, "eu-west-1", "ml.g5.xlarge") == prices(SAGEMAKER, "eu-west-1", "ml.g5.xlarge")
    assert catalog.regions["us-east-1"].as_of == ""
    assert catalog.regions["eu-west-1"].as_of == SAGEMAKER.as_of


def test_what_was_refreshed_can_be_shown_compared_and_checked():
    with serve(
        region_offer("us-east-1", hosting={"ml.g5.xlarge": "1.3000000000"}, batch={"ml.g5.xlarge": "1.2500000000"})
    ) as server:
        refresh_virginia(server)
    rows = {row.kind: row for row in show_prices(providers=["sagemaker"], names=["ml.g5.xlarge"]).rows}
    assert [(p.as_of, p.price) for p in rows["realtime"].history] == [
        (SAGEMAKER.as_of, Decimal("1.408")), (rows["realtime"].as_of, Decimal("1.3")),
    ]  # fmt: skip
    assert rows["batch"].price == Decimal("1.25")
    diff = compare_prices(providers=["sagemaker"], regions=["us-east-1"])
    changed = {c.name: c for c in diff.changes if c.kind == "realtime"}
    assert set(changed) == {"ml.g5.xlarge"}
    assert changed["ml.g5.xlarge"].relative == pytest.approx(1.3 / 1.408 - 1)
    assert check_prices(providers=["sagemaker"]).outcome == "pass"


def test_the_same_answer_is_kept_once_and_the_shipped_book_beside_it():
    with serve(region_offer("us-east-1")) as server:
        (first,) = refresh_virginia(server)
        (again,) = refresh_virginia(server)
    assert again.snapshot.location.title == first.snapshot.location.title
    assert again.changes == ()
    assert [s.serial for s in list_snapshots(SOURCE)] == [0, 1]


def test_one_that_fails_stops_no_other():
    said = []
    with serve(region_offer("us-east-1")) as server:
        outcomes = refresh_prices(
            providers=["sagemaker", "vertex"],
            regions=["us-east-1", "us-central1"],
            endpoints={"sagemaker": server.url, "vertex": "http://127.0.0.1:9"},
            on_outcome=said.append,
        )
    assert tuple(said) == outcomes
    by_name = {outcome.provider: outcome for outcome in outcomes}
    assert by_name["sagemaker"].error is None
    assert isinstance(by_name["vertex"].error, ProviderError)
    assert "GOOGLE_API_KEY" in str(by_name["vertex"].error)
    assert open_book([get_provider("vertex")]).volumes["vertex"].snapshot.is_shipped


def test_a_source_that_lost_half_of_its_prices_is_not_believed():
    with serve(region_offer("us-east-1", drop="ml.[cmr]*")) as server:
        (outcome,) = refresh_virginia(server)
    assert "which is not believed; the last prices are kept" in str(outcome.error)
    assert open_book([get_provider("sagemaker")]).volumes["sagemaker"].snapshot.is_shipped


def test_prices_that_cannot_be_right_are_not_kept():
    with serve(region_offer("us-east-1", hosting={"ml.g5.xlarge": "14080.0000000000"})) as server:
        (outcome,) = refresh_virginia(server)
    assert "cannot be right (price: us-east-1/ml.g5.xlarge" in str(outcome.error)


def test_odd_prices_are_kept_and_found_by_verify():
    with serve(region_offer("us-east-1", hosting={"ml.g5.xlarge": "2.9000000000"})) as server:
        (outcome,) = refresh_virginia(server)
    assert outcome.error is None
    found = {
        f.check
        for f in check_prices(providers=["sagemaker"]).findings
        if f.subject == "us-east-1/ml.g5.xlarge" and not f.explained
    }
    assert "size ratio" in found


def test_prices_in_another_currency_are_kept_apart():
    items = [
        vm_item(o.instance_type, o.region, float(o.price))
        for o in AZURE.offers
        if o.region == "westeurope" and o.price is not None
    ]
    with RetailPricesServer(items, exchange={"EUR": 0.9}) as server:
        (outcome,) = refresh_prices(
            providers=["azureml"], regions=["westeurope"], currency="EUR", endpoints={"azureml": server.url}
        )
    assert outcome.error is None
    provider = get_provider("azureml")
    assert open_book([provider], currency="EUR").catalogs[0].currency == "EUR"
    assert open_book([provider]).catalogs[0] == AZURE


def test_a_cloud_without_that_currency_says_so():
    with serve(region_offer("us-east-1")) as server:
        (outcome,) = refresh_virginia(server, currency="EUR")
    assert "the AWS price list states USD only" in str(outcome.error)


def test_names_that_are_not_known_are_refused_before_anything_is_read():
    with pytest.raises(UnknownNameError, match="did you mean sagemaker"):
        refresh_prices(providers=["sagemakr"])
    with pytest.raises(UnknownNameError, match="unknown region"):
        refresh_prices(providers=["sagemaker"], regions=["us-east-11"])


REFRESH = """
import sys
from infercost.app.refreshing import refresh_prices
(outcome,) = refresh_prices(providers=["sagemaker"], regions=["us-east-1"], endpoints={"sagemaker": sys.argv[1]})
assert outcome.error is None, outcome.error
print(outcome.snapshot.serial)
"""


def test_two_processes_may_refresh_at_once():
    with serve(region_offer("us-east-1")) as server:
        run = [sys.executable, "-c", REFRESH, server.url]
        both = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert [process.communicate(timeout=120)[0] for process in both] == ["1\n", "1\n"]
    assert [s.serial for s in list_snapshots(SOURCE)] == [0, 1]


def market(as_of, price, *regions, **changes) -> Catalog:
    fields = {
        "provider": "cloud", "as_of": as_of, "source": as_of, "licence": "MIT",
        "offers": tuple(Offer("cloud", r, "realtime", "m.large", Decimal(price), "hour") for r in regions),
        "rates": tuple(
            Rate(item=item, region=r, unit="GB", price=Decimal(price), from_quantity=Decimal(0), source="x", as_of=as_of)
            for item, r in (("logs", "*"), *(("out", r) for r in regions))
        ),
        "regions": {r: Region(key=r, location=r, geography="eu") for r in regions},
    }  # fmt: skip
    return Catalog(**fields | changes)


def test_merging_takes_only_the_refreshed_regions():
    before, fresh = market("2026-01-01", "1", "a", "b"), market("2026-02-01", "2", "a")
    merged = merge_regions(before, fresh, ["a"])
    assert merged.as_of == "2026-02-01"
    assert {o.region: o.price for o in merged.offers} == {"a": 2, "b": 1}
    assert {(r.item, r.region): r.price for r in merged.rates} == {("logs", "*"): 2, ("out", "a"): 2, ("out", "b"): 1}
    assert {key: region.as_of for key, region in merged.regions.items()} == {"a": "", "b": "2026-01-01"}
    assert merged.source == "2026-02-01; other regions: 2026-01-01"


def test_merging_again_keeps_each_regions_own_date():
    first = merge_regions(market("2026-01-01", "1", "a", "b", "c"), market("2026-02-01", "2", "a"), ["a"])
    second = merge_regions(first, market("2026-03-01", "3", "b"), ["b"])
    assert {key: region.as_of for key, region in second.regions.items()} == {"a": "2026-02-01", "b": "", "c": "2026-01-01"}
    assert second.source == "2026-03-01; other regions: 2026-02-01; other regions: 2026-01-01"
    assert {o.region: o.price for o in second.offers} == {"a": 2, "b": 3, "c": 1}


def test_a_region_that_the_source_no_longer_sells_is_gone():
    merged = merge_regions(market("2026-01-01", "1", "a", "b"), market("2026-02-01", "2"), ["a"])
    assert set(merged.regions) == {"b"}
    assert replace(merged.offers[0], price=None).region == "b"
