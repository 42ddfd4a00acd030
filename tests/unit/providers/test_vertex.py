from __future__ import annotations

from decimal import Decimal
from functools import cache

import pytest

from infercost.providers.vertex import PROVIDER
from infercost.store.pricebook import load_catalog

catalog = cache(lambda: load_catalog(PROVIDER.catalog_package))


def prices(instance: str) -> dict[str, Decimal | None]:
    return {o.region: o.price for o in catalog().offers if o.instance_type == instance}


def test_says_that_its_prices_are_derived():
    assert catalog().derived
    assert "1.15" in (catalog().derivation or "")
    assert catalog().as_of == "2026-07-30"
    assert len(catalog().regions) == 42


@pytest.mark.parametrize(
    ("instance", "observed"),
    [
        ("e2-standard-2", "0.0770564"),  # published table, 2026-09-08
        ("n1-standard-2", "0.1095"),  # published table, 2026-09-08
        ("a3-highgpu-1g", "12.6259190"),  # a bill, 2025-08-15: H100 + 26 cores + 234 GiB
    ],
)
def test_observed_rates_lie_within_half_a_percent(instance, observed):
    price = prices(instance)["us-central1"]
    assert abs(price / Decimal(observed) - 1) < Decimal("0.005")


@pytest.mark.parametrize(
    "instance", ["n1-standard-1", "n1-standard-96", "c3-standard-4", "g4-standard-12", "c4-standard-8", "e2-micro"]
)
def test_machines_that_vertex_does_not_accept_are_left_out(instance):
    assert prices(instance) == {}


@pytest.mark.parametrize(
    "instance", ["n1-standard-2", "c3-highcpu-4", "g2-standard-4", "a2-ultragpu-1g", "a3-megagpu-8g", "g4-standard-48"]
)
def test_machines_that_vertex_accepts_are_priced(instance):
    assert prices(instance)
    assert all(prices(instance).values())


def test_accepted_machines_without_a_price_count_once():
    unpriced = {o.instance_type: o.region for o in catalog().offers if o.price is None}
    assert unpriced == dict.fromkeys(("a3-edgegpu-8g", "a3-ultragpu-8g", "a4-highgpu-8g", "a4x-highgpu-4g"), "us-central1")


def test_local_ssd_is_left_out():
    # Compute Engine lists a2-ultragpu-1g at 5.0687978904 with 375 GB of local SSD.
    assert prices("a2-ultragpu-1g")["us-central1"] < Decimal("5.0687978904") * Decimal("1.15")


def test_logs_and_registry_have_one_price_for_all_regions():
    everywhere = {r.item: (r.unit, r.price) for r in catalog().rates if r.region == "*"}
    assert everywhere == {
        "logs_ingest_gb": ("GiB", Decimal("0.5")),
        "registry_gb_month": ("GiB-month", Decimal("0.1")),
        "egress_inter_zone_gb": ("GiB", Decimal("0.01")),
    }


def test_batch_prediction_costs_what_a_node_does():
    every = load_catalog(PROVIDER.catalog_package, every_mode=True)
    nodes = {(o.region, o.instance_type): o.price for o in every.offers_of("realtime") if o.price is not None}
    assert {(o.region, o.instance_type): o.price for o in every.offers_of("batch")} == nodes


def test_egress_and_object_storage_are_priced_in_every_region():
    for item in ("egress_internet_gb", "object_storage_gb_month"):
        assert {r.region for r in catalog().rates if r.item == item} == set(catalog().regions)
