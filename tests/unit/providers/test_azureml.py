from __future__ import annotations

from decimal import Decimal
from functools import cache

import pytest

from infercost.providers.azureml import PROVIDER
from infercost.store.pricebook import load_catalog, load_manifest

catalog = cache(lambda: load_catalog(PROVIDER.catalog_package))


def offers(**wanted):
    return [o for o in catalog().offers if all(getattr(o, key) == value for key, value in wanted.items())]


def rate(item: str, region: str) -> list[Decimal]:
    return [r.price for r in catalog().rates if (r.item, r.region) == (item, region)]


def test_covers_57_regions_and_85_skus():
    assert len(catalog().regions) == 57
    assert len({offer.instance_type for offer in catalog().offers}) == 85


@pytest.mark.parametrize(("sku", "expected"), [("Standard_DS3_v2", "0.293"), ("Standard_NC4as_T4_v3", "0.526")])
def test_prices_are_the_published_ones(sku, expected):
    (offer,) = offers(region="eastus", instance_type=sku)
    assert offer.price == Decimal(expected)
    assert offer.unit == "hour"


def test_a_retired_sku_counts_once_and_has_no_price():
    found = offers(flag="N")
    assert {offer.instance_type for offer in found} == {"Standard_NC6s_v2", "Standard_NC12s_v2", "Standard_NC24s_v2"}
    assert all(offer.price is None and offer.region == PROVIDER.default_region for offer in found)


def test_a_zero_in_the_source_is_no_price():
    found = [offer for offer in offers(region="spaincentral") if offer.instance_type.startswith("Standard_L")]
    unpriced = [offer for offer in found if offer.price is None]
    assert len(unpriced) == 6
    assert all(offer.flag == "S" for offer in unpriced)


def test_only_doubtful_flags_warn():
    assert set(catalog().flags) == {"S", "U"}
    assert set(load_manifest(PROVIDER.catalog_package).flags) == {"", "S", "U", "H", "F", "L", "N", "V"}
    assert len(offers(flag="S")) == 14


def test_egress_follows_the_zones():
    assert rate("egress_internet_gb", "eastus") == [Decimal("0.087")]
    assert rate("egress_internet_gb", "uaenorth") == rate("egress_internet_gb", "brazilsouth") == [Decimal("0.181")]
    assert rate("egress_internet_gb", "japaneast") == []


def test_logs_are_priced_where_a_source_is():
    assert rate("logs_ingest_gb", "eastus") == [Decimal("2.3")]
    assert rate("logs_ingest_gb", "westeurope") == [Decimal("2.99")]
    assert rate("logs_ingest_gb", "westus") == []
