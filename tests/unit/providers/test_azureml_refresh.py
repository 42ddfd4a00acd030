from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from infercost.domain.errors import ProviderError, UnknownNameError
from infercost.domain.price import Catalog, Offer, Rate, Region
from infercost.providers._http import RetryPolicy
from infercost.providers.azureml.refresh import refresh
from infercost.testing.price_servers import Fault, RetailPricesServer, vm_item

if TYPE_CHECKING:
    from infercost.domain.refresh import Refreshed

NOW = datetime.now(UTC)
POLICY = RetryPolicy(sleep=lambda _: None, now=lambda: NOW, read_timeout_s=5.0)
D2, D4, NC6 = "Standard_D2as_v4", "Standard_D4as_v4", "Standard_NC6s_v2"

SHIPPED = Catalog(
    provider="azureml",
    as_of="2026-06-18",
    source="shipped",
    licence="Apache-2.0",
    offers=(
        Offer("azureml", "eastus", "realtime", D2, Decimal("0.1"), "hour"),
        Offer("azureml", "eastus", "realtime", D4, Decimal("0.2"), "hour", "S"),
        Offer("azureml", "westeurope", "realtime", D2, Decimal("0.11"), "hour"),
        Offer("azureml", "eastus", "realtime", NC6, None, "hour", "N"),
    ),
    rates=(
        Rate(
            item="logs_ingest_gb",
            region="eastus",
            unit="GB",
            price=Decimal("2.3"),
            from_quantity=Decimal(0),
            source="old",
            as_of="2024-07",
        ),
    ),
    regions={
        "eastus": Region(key="eastus", location="Virginia", geography="us"),
        "westeurope": Region(key="westeurope", location="Netherlands", geography="eu"),
    },
    flags={"S": "seen once"},
)

ITEMS = (
    vm_item(D2, "eastus", 0.096, savingsPlan=[{"retailPrice": 0.07, "unitPrice": 0.07, "term": "1 Year"}]),
    vm_item(D2, "westeurope", 0.115),
    vm_item(D4, "eastus", 0.192),
)


@pytest.fixture
def server():
    with RetailPricesServer(ITEMS, exchange={"EUR": 0.5}) as running:
        yield running


@pytest.fixture
def run(server, tmp_path):
    def call(**options: Any) -> Refreshed:
        options = {"shipped": SHIPPED} | options
        return refresh(folder=tmp_path, endpoint=server.url, policy=POLICY, **options)

    return call


def prices(refreshed: Refreshed) -> dict[tuple[str, str], str | None]:
    return {(o.region, o.instance_type): o.price if o.price is None else str(o.price) for o in refreshed.catalog.offers}


LISTED = {("eastus", D2): "0.096", ("eastus", D4): "0.192", ("westeurope", D2): "0.115", ("eastus", NC6): None}


def test_prices_are_the_vm_s_exactly_as_written(run):
    assert prices(run()) == LISTED


def test_the_catalog_says_what_it_is(run, server):
    catalog = run().catalog
    assert (catalog.as_of, catalog.currency, catalog.derived) == (NOW.date().isoformat(), "USD", False)
    assert server.url in catalog.source
    assert catalog.flags == {}
    assert catalog.rates == SHIPPED.rates
    assert {o.instance_type: o.flag for o in catalog.offers} == {D2: "", D4: "", NC6: "N"}


@pytest.mark.parametrize(
    "changes",
    [
        {"productName": "Virtual Machines Dasv4 Series Windows"},
        {"productName": "Virtual Machines Dasv4 Series Win"},
        {"skuName": "D2as v4 Spot", "meterName": "D2as v4 Spot"},
        {"meterName": "D2as v4 Spot"},
        {"skuName": "D2as v4 Low Priority", "meterName": "D2as v4 Low Priority"},
        {"type": "DevTestConsumption"},
        {"type": "Reservation", "reservationTerm": "1 Year"},
        {"effectiveStartDate": "2999-01-01T00:00:00Z"},
        {"effectiveEndDate": "2020-01-01T00:00:00Z"},
        {"isPrimaryMeterRegion": False},
        {"effectiveStartDate": "2020-01-01T00:00:00Z"},
        {"serviceName": "Cloud Services"},
        {"armSkuName": "standard_d2as_v4"},
        {"skuName": "D2as v4 Expired"},
    ],
)
def test_what_is_not_the_list_price_is_not_taken_for_it(run, server, changes):
    server.items.insert(0, vm_item(D2, "eastus", 0.001, **changes))
    server.items.append(vm_item(D2, "eastus", 0.002, **changes))
    assert prices(run()) == LISTED


def test_a_meter_that_is_never_primary_is_still_a_price(run, server):
    server.items = [item | {"isPrimaryMeterRegion": False} for item in server.items]
    assert prices(run()) == LISTED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"retailPrice": 0.3}, "the source states several prices: 0.096 (Virtual Machines D2as Series), 0.3"),
        ({"retailPrice": 0.0, "only": True}, "the source states a price of 0"),
        ({"unitOfMeasure": "1 GB", "only": True}, "the source prices it by 1 GB, not by the hour"),
    ],
)
def test_a_price_that_is_not_clear_is_none(run, server, changes, reason):
    if changes.pop("only", False):
        server.items = [item for item in server.items if (item["armSkuName"], item["armRegionName"]) != (D2, "eastus")]
    server.items.append(vm_item(D2, "eastus", 0.096) | changes)
    refreshed = run()
    assert prices(refreshed) == LISTED | {("eastus", D2): None}
    (finding,) = [f for f in refreshed.findings if f.subject == f"eastus/{D2}"]
    assert finding.reason.startswith(reason)


def test_pages_are_followed_to_the_end(run, server):
    server.page_size = 1
    assert prices(run()) == LISTED
    assert len(server.seen) == 3


def test_pages_that_come_twice_change_nothing(run, server):
    expected = run()
    server.page_size = 1
    server.repeat_pages = True
    refreshed = run()
    assert (refreshed.catalog.offers, refreshed.extras) == (expected.catalog.offers, expected.extras)
    assert len(server.seen) > 4


def test_pages_in_a_circle_are_noticed(run, server):
    old = server.answer

    def answer(path, headers):
        body = old(path, headers).body.replace(b'"NextPageLink": null', f'"NextPageLink": "{server.url}{path}"'.encode())
        return type(old(path, headers))(body=body)

    server.answer = answer
    with pytest.raises(ProviderError, match="do not end"):
        run()


def test_a_next_page_elsewhere_is_not_followed(run, server):
    body = b'{"Items": [], "NextPageLink": "http://elsewhere.example/next"}'
    server.inject("retail", Fault(body=body))
    with pytest.raises(ProviderError, match="on another host, which is not followed"):
        run()


def test_an_interrupted_run_does_not_read_its_pages_again(run, server, tmp_path):
    server.page_size = 1
    server.inject("skip=2", *[Fault(status=503)] * POLICY.attempts)
    with pytest.raises(ProviderError, match="HTTP 503"):
        run()
    before = len(server.seen)
    assert prices(run()) == LISTED
    assert len(server.seen) - before == 1
    assert list(tmp_path.iterdir()) == []


def test_only_named_regions_are_asked_for(run, server):
    refreshed = run(regions=["westeurope"])
    assert prices(refreshed) == {("westeurope", D2): "0.115"}
    assert set(refreshed.catalog.regions) == {"westeurope"}
    assert refreshed.catalog.rates == ()
    assert all("armRegionName%20eq%20%27westeurope%27" in path for path in server.paths())


def test_an_unknown_region_is_refused_before_anything_is_asked(run, server):
    with pytest.raises(UnknownNameError, match="did you mean westeurope"):
        run(regions=["westeurop"])
    assert server.seen == []


def test_a_new_region_is_a_finding(run, server):
    server.items.append(vm_item(D2, "marsnorth", 1.0))
    refreshed = run()
    assert prices(refreshed) == LISTED
    assert ("marsnorth", True) in {(f.subject, "does not place yet" in f.reason) for f in refreshed.findings}


def test_sizes_are_asked_for_a_few_at_a_time_so_that_the_url_stays_short(server, tmp_path):
    names = [f"Standard_D{n}as_v4" for n in range(2, 87)]
    offers = tuple(Offer("azureml", "eastus", "realtime", name, Decimal(1), "hour") for name in names)
    refresh(shipped=replace(SHIPPED, offers=offers), folder=tmp_path, endpoint=server.url, policy=POLICY)
    assert len(server.seen) == 9
    assert max(len(path) for path in server.paths()) < 2000


def test_prices_in_another_currency_are_azure_s_own(run):
    refreshed = run(currency="EUR")
    assert refreshed.catalog.currency == "EUR"
    assert prices(refreshed)["eastus", D2] == "0.048"
    assert {extra.currency for extra in refreshed.extras} == {"EUR"}
    assert refreshed.catalog.rates == ()
    assert any("no rate in EUR" in f.reason for f in refreshed.findings)


def test_a_currency_that_azure_does_not_know_is_refused_in_its_words(run):
    with pytest.raises(ProviderError, match="HTTP 400"):
        run(currency="XXX")


def test_a_page_that_does_not_say_whether_it_is_the_last_means_a_changed_source(run, server):
    server.inject("retail", Fault(body=b'{"Items": []}'))
    with pytest.raises(ProviderError, match="changed its format: Object missing required field `NextPageLink`"):
        run()


def test_an_answer_in_another_currency_is_refused(run, server):
    server._in_currency = lambda item, currency: item
    with pytest.raises(ProviderError, match="asked for EUR, got USD"):
        run(currency="EUR")


def test_spot_reservations_and_savings_plans_are_returned_beside_it(run, server):
    server.items += [
        vm_item(D2, "eastus", 0.02, skuName="D2as v4 Spot", meterName="D2as v4 Spot"),
        vm_item(D2, "eastus", 500.0, type="Reservation", reservationTerm="1 Year"),
        vm_item(D2, "eastus", 1000.0, type="Reservation", reservationTerm="3 Years"),
        vm_item(
            D2, "eastus", 0.01, skuName="D2as v4 Spot", meterName="x Spot", productName="Virtual Machines D Series Windows"
        ),
    ]
    told = {(e.kind, e.instance_type, str(e.price), e.unit, e.term) for e in run().extras}
    assert told == {
        ("spot", D2, "0.02", "hour", ""),
        ("reservation", D2, "500.0", "term", "1y"),
        ("reservation", D2, "1000.0", "term", "3y"),
        ("savings_plan", D2, "0.07", "hour", "1y"),
    }


CLUSTERS = replace(SHIPPED, offers=(*SHIPPED.offers, Offer("azureml", "eastus", "batch", D2, Decimal("0.1"), "hour", "V")))


def test_what_a_cluster_takes_is_offered_for_batch_and_on_surplus_capacity(run, server):
    server.items += [
        vm_item(D2, "eastus", 0.03, skuName="D2as v4 Low Priority", meterName="D2as v4 Low Priority"),
        vm_item(D4, "eastus", 0.05, skuName="D4as v4 Low Priority", meterName="D4as v4 Low Priority"),
    ]
    refreshed = run(shipped=CLUSTERS)
    offers = {(o.kind, o.region, o.instance_type): str(o.price) for o in refreshed.catalog.offers if not o.answers}
    assert offers == {
        ("batch", "eastus", D2): "0.096",
        ("batch", "westeurope", D2): "0.115",
        ("batch_spot", "eastus", D2): "0.03",
    }
    assert refreshed.extras == run().extras


def test_a_low_priority_price_that_is_not_clear_is_no_price(run, server):
    low = {"skuName": "D2as v4 Low Priority", "meterName": "D2as v4 Low Priority"}
    server.items += [vm_item(D2, "eastus", 0.03, **low), vm_item(D2, "eastus", 0.04, **low)]
    refreshed = run(shipped=CLUSTERS)
    assert [o.price for o in refreshed.catalog.offers_of("batch", spot=True)] == [None]
    assert any("low priority" in f.subject and "several prices" in f.reason for f in refreshed.findings)


@pytest.mark.parametrize("field", ["retailPrice", "armRegionName", "productName", "type", "unitOfMeasure"])
def test_items_without_an_expected_field_mean_a_changed_source(run, server, field):
    for item in server.items:
        item.pop(field)
    with pytest.raises(ProviderError, match=f"changed its format: Object missing required field `{field}`"):
        run()


def test_no_price_at_all_means_a_changed_source(run, server):
    server.items = [item | {"serviceName": "virtual machines"} for item in server.items]
    with pytest.raises(ProviderError, match="no hourly Linux price for any of 3 VM sizes") as caught:
        run()
    assert caught.value.exit_code == 5
