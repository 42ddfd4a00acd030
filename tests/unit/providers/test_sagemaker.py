from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import cache

import pytest

from infercost.domain.provider import EVERY_MODE
from infercost.providers.sagemaker import PROVIDER
from infercost.store.pricebook import load_catalog, load_manifest

catalog = cache(lambda: load_catalog(PROVIDER.catalog_package))


def price(region: str, instance: str) -> Decimal | None:
    (found,) = [o.price for o in catalog().offers if (o.region, o.instance_type) == (region, instance)]
    return found


def rates(item: str, region: str) -> list[tuple[Decimal, Decimal]]:
    return [(r.from_quantity, r.price) for r in catalog().rates if (r.item, r.region) == (item, region)]


def test_covers_hosting_and_serverless():
    assert Counter(offer.mode for offer in catalog().offers) == {"realtime": 4003, "serverless": 126}
    assert len(catalog().regions) == 37
    assert len({o.instance_type for o in catalog().offers if o.mode == "realtime"}) == 298
    assert catalog().as_of == "2026-09-22"


@pytest.mark.parametrize(
    ("region", "instance", "expected"),
    [
        ("us-east-1", "ml.m5.xlarge", "0.23"),
        ("us-east-1", "ml.p5.48xlarge", "63.296"),
        ("us-east-1", "serverless-2048MB", "0.00004"),
        ("us-gov-east-1", "ml.m5.xlarge", "0.3432"),
    ],
)
def test_prices_are_the_published_ones(region, instance, expected):
    assert price(region, instance) == Decimal(expected)


def test_nothing_is_listed_without_a_price():
    assert all(offer.price is not None for offer in catalog().offers)


def test_serverless_comes_in_six_sizes_and_scales_with_memory():
    sizes = {o.instance_type: o.price for o in catalog().offers if o.mode == "serverless" and o.region == "us-east-1"}
    assert set(sizes) == {f"serverless-{gb * 1024}MB" for gb in range(1, 7)}
    assert all(sizes[f"serverless-{gb * 1024}MB"] == gb * sizes["serverless-1024MB"] for gb in range(1, 7))


def test_elastic_inference_accelerators_are_marked_as_no_instances():
    marked = {o.instance_type for o in catalog().offers if o.flag == "E"}
    assert marked == {o.instance_type for o in catalog().offers if o.instance_type.startswith("ml.eia")}
    assert "E" in load_manifest(PROVIDER.catalog_package).flags
    assert set(catalog().flags) == {"D"}


def test_egress_falls_in_tiers():
    assert rates("egress_internet_gb", "eu-west-1") == [
        (Decimal(0), Decimal("0.09")), (Decimal(10240), Decimal("0.085")),
        (Decimal(51200), Decimal("0.07")), (Decimal(153600), Decimal("0.05")),
    ]  # fmt: skip


def test_a_region_without_a_source_has_no_rate():
    assert rates("logs_ingest_gb", "eu-west-1") == []
    assert rates("egress_internet_gb", "us-east-1-atl-1") == []


def test_every_charge_is_priced_in_the_default_region():
    assert all(rates(charge.item, PROVIDER.default_region) for charge in PROVIDER.charges)


def test_sources_name_no_private_index():
    assert not [r.source for r in catalog().rates if "stored code" in r.source or "index" in r.source]


def test_each_mode_is_billed_what_it_uses():
    billed = {mode: {c.name for c in PROVIDER.charges if mode in c.modes} for mode in EVERY_MODE}
    everywhere = {"logs", "registry", "artifact"}
    answering = {"request data", "response data", "egress"}
    assert billed["realtime"] == everywhere | answering | {"storage"}
    assert billed["serverless"] == everywhere | answering
    assert billed["async"] == everywhere | {"storage", "queued request data", "queued response data"}
    assert billed["batch"] == everywhere


def test_other_modes_cost_what_real_time_does_where_both_are_known():
    every = load_catalog(PROVIDER.catalog_package, every_mode=True)
    realtime = {(o.region, o.instance_type): o.price for o in every.offers_of("realtime")}
    for mode in ("async", "batch"):
        offers = every.offers_of(mode)
        assert len(offers) > 1000
        assert {o.flag for o in offers} == {"D", "P"}
        assert all(abs(o.price / realtime[o.region, o.instance_type] - 1) < Decimal("0.0001") for o in offers)
    assert ("ml.g4dn.xlarge", "eu-west-3") not in {(o.instance_type, o.region) for o in every.offers_of("async")}
    assert not [o for o in every.offers if o.spot]
