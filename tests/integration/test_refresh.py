"""Refreshes of the shipped book over real HTTP, through faults, and what they are worth against it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from infercost.domain.errors import ProviderError
from infercost.providers._http import RetryPolicy
from infercost.providers.refreshing import load_refresh
from infercost.registry import all_providers, get_provider
from infercost.store.hardware import load_hardware
from infercost.store.pricebook import load_catalog
from infercost.testing.price_servers import (
    AwsPriceListServer,
    BillingCatalogServer,
    Fault,
    PriceServer,
    RegionOffer,
    RetailPricesServer,
    sku,
    vm_item,
)

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from infercost.domain.price import Catalog
    from infercost.domain.refresh import Refreshed

KEY = "AIza-canary-1111111111"
AWS_REGIONS = ("af-south-1", "ap-east-1", "eu-west-1", "us-west-1")
FAULTS = (
    Fault(status=429, headers={"Retry-After": "3"}),
    Fault(truncate_at=100),
    Fault(reset=True),
    Fault(truncate_at=20, hide_length=True),
    Fault(status=503),
)
Prices = dict[tuple[str, str, str], "Decimal | None"]


def shipped(name: str) -> Catalog:
    return load_catalog(get_provider(name).catalog_package)


def priced(catalog: Catalog) -> Prices:
    return {(o.region, o.mode, o.instance_type): o.price for o in catalog.offers}


def aws_server() -> PriceServer:
    """Sells what the book says, in a few regions."""
    by_region: dict[str, dict[str, str]] = {region: {} for region in AWS_REGIONS}
    serverless: dict[str, dict[int, str]] = {region: {} for region in AWS_REGIONS}
    for offer in shipped("sagemaker").offers:
        if offer.region not in by_region:
            continue
        if offer.mode == "realtime":
            by_region[offer.region][offer.instance_type] = f"{offer.price:.10f}"
        else:
            memory_mb = offer.instance_type.removeprefix("serverless-").removesuffix("MB")
            serverless[offer.region][int(memory_mb) // 1024] = f"{offer.price:.10f}"
    return AwsPriceListServer(
        RegionOffer(region=region, prefix=region.upper(), hosting=by_region[region], serverless=serverless[region])
        for region in AWS_REGIONS
    )


def azure_server() -> PriceServer:
    """Sells what the book says, and Windows, Spot and a second meter beside each."""
    items = []
    for offer in shipped("azureml").offers:
        if offer.flag == "N":
            continue
        price = float(offer.price or 0)
        items += [
            vm_item(offer.instance_type, offer.region, price * 2, productName="Virtual Machines Series Win"),
            vm_item(offer.instance_type, offer.region, price),
            vm_item(offer.instance_type, offer.region, price / 5, meterName="x Spot"),
            vm_item(offer.instance_type, offer.region, price * 3, isPrimaryMeterRegion=False),
        ]
    return RetailPricesServer(items, page_size=1000)


def google_server() -> PriceServer:
    prefix = "Vertex AI: Online/Batch Prediction"
    regions = sorted(shipped("vertex").regions)
    skus = [
        sku(f"{prefix} {words} {part} running in Everywhere", regions, (0, price), unit=unit)
        for words in ("E2 Instance", "N1 Predefined Instance", "N2D AMD Instance", "Compute optimized", "G2 Instance")
        for part, unit, price in (("Core", "h", "0.025"), ("Ram", "GiBy.h", "0.003"))
    ]
    skus.append(sku(f"{prefix} Nvidia L4 GPU running in Iowa", ["us-central1"], (0, "0.65")))
    return BillingCatalogServer(skus, key=KEY, page_size=5)


SERVERS = {"sagemaker": aws_server, "azureml": azure_server, "vertex": google_server}


def run(name: str, endpoint: str, folder: Path, waits: list[float] | None = None, **options: Any) -> Refreshed:
    refresh = load_refresh(get_provider(name))
    assert refresh is not None
    policy = RetryPolicy(sleep=(waits if waits is not None else []).append, chance=lambda: 1.0, read_timeout_s=10.0)
    hardware = {kind: found for (provider, kind), found in load_hardware().instances.items() if provider == name}
    extra: dict[str, Any] = {"policy": policy, **options}
    return refresh(shipped=shipped(name), folder=folder, hardware=hardware, endpoint=endpoint, api_key=KEY, **extra)


def test_every_shipped_provider_can_refresh():
    assert {provider.name for provider in all_providers()} == set(SERVERS)
    assert all(load_refresh(provider) is not None for provider in all_providers())


@pytest.mark.parametrize("name", SERVERS)
def test_faults_change_nothing_but_the_time_it_takes(name, tmp_path):
    with SERVERS[name]() as server:
        smooth = run(name, server.url, tmp_path / "smooth")
        server.inject("/", *FAULTS)
        waits: list[float] = []
        rough = run(name, server.url, tmp_path / "rough", waits)
    assert rough.catalog.offers == smooth.catalog.offers
    assert rough.extras == smooth.extras
    assert rough.findings == smooth.findings
    assert len(waits) == len(FAULTS)
    assert 3.0 in waits


def test_sagemaker_prices_line_up_with_the_shipped_ones(tmp_path):
    with aws_server() as server:
        refreshed = run("sagemaker", server.url, tmp_path)
    expected = {key: price for key, price in priced(shipped("sagemaker")).items() if key[0] in AWS_REGIONS}
    assert len(expected) > 300
    assert priced(refreshed.catalog) == expected
    assert {o.instance_type for o in refreshed.catalog.offers if o.flag} == {
        o.instance_type for o in shipped("sagemaker").offers if o.region in AWS_REGIONS and o.flag
    }


def test_azure_prices_line_up_with_the_shipped_ones(tmp_path):
    with azure_server() as server:
        refreshed = run("azureml", server.url, tmp_path)
    assert priced(refreshed.catalog) == priced(shipped("azureml"))
    assert refreshed.catalog.rates == shipped("azureml").rates
    assert len([extra for extra in refreshed.extras if extra.kind == "spot"]) > 3000


def test_vertex_offers_line_up_with_the_shipped_ones(tmp_path):
    with google_server() as server:
        refreshed = run("vertex", server.url, tmp_path)
    prices, expected = priced(refreshed.catalog), priced(shipped("vertex"))
    assert set(expected) <= set(prices)
    assert f"{prices['us-central1', 'realtime', 'g2-standard-24']:f}" == "2.188"  # 24 x 0.025 + 96 x 0.003 + 2 x 0.65
    assert prices["us-east1", "realtime", "g2-standard-24"] is None
    assert prices["us-central1", "realtime", "c3-highcpu-4"] is None
    # What a machine costs without its GPU is not its price.
    assert all(prices[key] is None for key in prices if key[2].startswith(("a2", "a3", "g4")))


def test_a_failing_source_blocks_no_other(tmp_path):
    with SERVERS["sagemaker"]() as aws, SERVERS["azureml"]() as azure, SERVERS["vertex"]() as google:
        google.inject("/", Fault(status=500, body=b"down"), *[Fault(status=500)] * 10)
        urls = {"sagemaker": aws.url, "azureml": azure.url, "vertex": google.url}
        with ThreadPoolExecutor(3) as pool:
            jobs = {name: pool.submit(run, name, url, tmp_path) for name, url in urls.items()}
        assert jobs["sagemaker"].result().catalog.offers
        assert jobs["azureml"].result().catalog.offers
        with pytest.raises(ProviderError, match=r"vertex: .*HTTP 500") as caught:
            jobs["vertex"].result()
    assert KEY not in str(caught.value)


def test_dates_are_those_of_the_data(tmp_path):
    today = {datetime.now(UTC).date().isoformat()}
    with SERVERS["sagemaker"]() as aws, SERVERS["azureml"]() as azure:
        assert run("sagemaker", aws.url, tmp_path).catalog.as_of == "2026-11-20"
        as_of = run("azureml", azure.url, tmp_path).catalog.as_of
    assert as_of in today | {datetime.now(UTC).date().isoformat()}
