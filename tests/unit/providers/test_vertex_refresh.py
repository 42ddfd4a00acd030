from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import ProviderError, UnknownNameError
from infercost.domain.hardware import Accelerator, Hardware
from infercost.domain.price import Catalog, Offer, Rate, Region
from infercost.providers._http import RetryPolicy
from infercost.providers.vertex._skus import Part, read_description
from infercost.providers.vertex.refresh import refresh
from infercost.testing.price_servers import BillingCatalogServer, Fault, sku

if TYPE_CHECKING:
    from infercost.domain.refresh import Refreshed

NOW = datetime.now(UTC)
POLICY = RetryPolicy(sleep=lambda _: None, now=lambda: NOW, read_timeout_s=5.0)
KEY = "AIza-canary-9876543210"
PREFIX = "Vertex AI: Online/Batch Prediction"
IOWA, OREGON = "us-central1", "us-west1"


def offer(region: str, name: str, flag: str = "") -> Offer:
    return Offer("vertex", region, "realtime", name, Decimal(1), "hour", flag)


SHIPPED = Catalog(
    provider="vertex",
    as_of="2026-07-30",
    source="Compute Engine x 1.15",
    licence="Apache-2.0",
    derived=True,
    derivation="(Compute Engine - local SSD) x 1.15",
    offers=(
        offer(IOWA, "a3-highgpu-1g"),
        offer(IOWA, "n1-standard-2"),
        offer(OREGON, "n1-standard-2"),
        offer(IOWA, "e2-standard-2"),
    ),
    rates=(
        Rate(
            item="logs_ingest_gb",
            region="*",
            unit="GiB",
            price=Decimal("0.5"),
            from_quantity=Decimal(0),
            source="old",
            as_of="2024-07",
        ),
    ),
    regions={
        IOWA: Region(key=IOWA, location="Iowa", geography="us"),
        OREGON: Region(key=OREGON, location="Oregon", geography="us"),
    },
)

H100 = Accelerator(
    key="H100-SXM5-80GB",
    vendor="nvidia",
    fp32_tflops=None,
    tf32_tflops=None,
    fp16_tflops=None,
    int8_tops=None,
    memory_gib=80,
    memory_bandwidth_gbs=3350,
    onnxruntime_provider=None,
    source="",
)


def machine(name: str, vcpus: int, memory_gib: float, gpus: int = 0) -> Hardware:
    return Hardware(
        provider="vertex",
        instance_type=name,
        family=name.rpartition("-")[0],
        vcpus=vcpus,
        memory_gib=memory_gib,
        cpu=None,
        accelerator=H100 if gpus else None,
        accelerator_count=gpus,
    )


HARDWARE = {
    m.instance_type: m
    for m in (machine("a3-highgpu-1g", 26, 234, 1), machine("n1-standard-2", 2, 7.5), machine("e2-standard-2", 2, 8))
}

N1_CORE = sku(f"{PREFIX} N1 Predefined Instance Core running in Americas", [IOWA, OREGON], (0, "0.036354075"))
N1_RAM = sku(f"{PREFIX} N1 Predefined Instance Ram running in Americas", [IOWA, OREGON], (0, "0.00487255"), unit="GiBy.h")
# As billed in August 2025: 12.625919 USD an hour for a3-highgpu-1g.
A3 = (
    sku(f"{PREFIX} Nvidia H100 80gb GPU running in Iowa", [IOWA], (0, "11.2660332")),
    sku(f"{PREFIX} A3 Predefined Instance Core running in Iowa", [IOWA], (0, "0.0293227")),
    sku(f"{PREFIX} A3 Predefined Instance Ram running in Iowa", [IOWA], (0, "0.0025534"), unit="GiBy.h"),
)
E2 = (
    sku(f"{PREFIX} E2 Instance Core running in Iowa", [IOWA], (0, "0.025")),
    sku(f"{PREFIX} E2 Instance Ram running in Iowa", [IOWA], (0, "0.003"), unit="GiBy.h"),
)
TRAPS = (
    sku(f"{PREFIX} management fee on A3 Predefined Instance Core in Iowa", [IOWA], (0, "0.0001")),
    sku(
        f"{PREFIX} Spot Preemptible A3 Predefined Instance Core running in Iowa",
        [IOWA],
        (0, "0.0001"),
        usage_type="Preemptible",
    ),
    sku("Vertex AI: Training/Pipelines on A3 Predefined Instance Core running in Iowa", [IOWA], (0, "0.0001")),
    sku(f"{PREFIX} A3 Predefined Instance Core running in Iowa for 1 Year", [IOWA], (0, "0.0001"), usage_type="Commit1Yr"),
    sku("A3 Instance Core running in Iowa", [IOWA], (0, "0.0001")),
    sku("Gemini 2.5 Pro Text Input", ["global"], (0, "0.0000001"), unit="count"),
)
SKUS = (*TRAPS, N1_CORE, N1_RAM, *A3, *E2)


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch):
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    for name in ("google.auth", "google.auth.exceptions", "google.auth.transport.urllib3"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def server():
    with BillingCatalogServer(SKUS, key=KEY) as running:
        yield running


@pytest.fixture
def run(server, tmp_path):
    def call(**options: Any) -> Refreshed:
        options = {"hardware": HARDWARE, "api_key": KEY, "policy": POLICY} | options
        return refresh(shipped=SHIPPED, folder=tmp_path, endpoint=server.url, **options)

    return call


def prices(refreshed: Refreshed) -> dict[tuple[str, str], str | None]:
    return {(o.region, o.instance_type): o.price if o.price is None else f"{o.price:f}" for o in refreshed.catalog.offers}


LISTED = {
    (IOWA, "a3-highgpu-1g"): "12.6259190",
    (IOWA, "e2-standard-2"): "0.074",
    (IOWA, "n1-standard-2"): "0.109252275",
    (OREGON, "n1-standard-2"): "0.109252275",
}


def same(refreshed: Refreshed, expected: dict[tuple[str, str], str | None]) -> bool:
    numbers = {key: None if text is None else Decimal(text) for key, text in expected.items()}
    return {(o.region, o.instance_type): o.price for o in refreshed.catalog.offers} == numbers


def test_a_node_is_the_sum_of_its_parts(run):
    assert same(run(), LISTED)


def test_the_catalog_is_no_longer_derived(run, server):
    catalog = run().catalog
    assert (catalog.as_of, catalog.derived, catalog.derivation, catalog.currency) == (
        NOW.date().isoformat(),
        False,
        None,
        "USD",
    )
    assert server.url in catalog.source
    assert catalog.rates == SHIPPED.rates


@pytest.mark.parametrize("gone", range(6, len(SKUS)))
def test_without_one_part_there_is_no_price(run, server, gone):
    lost = server.skus.pop(gone)
    refreshed = run()
    missing = {o.instance_type for o in refreshed.catalog.offers if o.price is None}
    word = lost["description"].removeprefix(PREFIX).split()[0]
    expected = {"N1": "n1-standard-2", "Nvidia": "a3-highgpu-1g", "A3": "a3-highgpu-1g", "E2": "e2-standard-2"}[word]
    assert missing == {expected}
    assert any(f.subject == expected and "no SKU for" in f.reason for f in refreshed.findings)


def test_without_a_size_there_is_no_price(run):
    refreshed = run(hardware={})
    assert {o.price for o in refreshed.catalog.offers} == {None}
    assert {f.reason for f in refreshed.findings if f.subject == "e2-standard-2"} == {"its size is not known in us-central1"}


def test_the_order_of_skus_does_not_matter(run, server):
    server.skus.reverse()
    assert same(run(), LISTED)


def test_two_prices_for_a_part_are_none(run, server):
    server.skus.append(sku(f"{PREFIX} E2 Instance Core running in Americas", [IOWA], (0, "0.03")))
    refreshed = run()
    assert same(refreshed, LISTED | {(IOWA, "e2-standard-2"): None})
    assert any("several prices for e2 core: 0.025, 0.03" in f.reason for f in refreshed.findings)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unit": "GiBy.h"}, "the unit is GiBy.h, not h"),
        ({"unit": "mo"}, "the unit is mo, not h"),
        ({"currency": "EUR"}, "the price is not in USD"),
        ({"effective": "2999-01-01T00:00:00Z"}, "no price is in force"),
        ({"tiers": ((0, "0"),)}, "the source states a price of 0"),
        ({"tiers": ()}, "the source states a price of 0"),
        ({"tiers": ((0, "0.02"), (100, "0.01"))}, "the price changes with volume, over 2 tiers"),
    ],
)
def test_a_part_whose_price_is_not_clear_has_none(run, server, changes, reason):
    tiers = changes.pop("tiers", ((0, "0.025"),))
    index = server.skus.index(E2[0])
    server.skus[index] = sku(E2[0]["description"], [IOWA], *tiers, **changes)
    refreshed = run()
    assert same(refreshed, LISTED | {(IOWA, "e2-standard-2"): None})
    assert reason in {f.reason for f in refreshed.findings}


def test_a_free_first_tier_is_not_the_price(run, server):
    server.skus[server.skus.index(E2[0])] = sku(E2[0]["description"], [IOWA], (0, "0"), (100, "0.025"))
    assert same(run(), LISTED)


def test_the_latest_price_in_force_is_taken(run, server):
    old = sku(E2[0]["description"], [IOWA], (0, "0.5"), effective="2020-01-01T00:00:00Z")
    new = server.skus[server.skus.index(E2[0])]
    new["pricingInfo"] = old["pricingInfo"] + new["pricingInfo"]
    assert same(run(), LISTED)


def test_fees_and_spot_are_returned_beside_it(run):
    told = {(e.kind, e.region, e.instance_type, str(e.price), e.unit) for e in run().extras}
    assert told == {
        ("management_fee", IOWA, "a3 core", "0.0001", "hour"),
        ("spot", IOWA, "a3 core", "0.0001", "hour"),
    }


def test_batch_prediction_costs_what_online_prediction_does(run):
    catalog = run().catalog
    online = {(o.region, o.instance_type): o.price for o in catalog.offers_of("realtime") if o.price is not None}
    assert {(o.region, o.instance_type): o.price for o in catalog.offers_of("batch")} == online


def test_spot_nodes_are_offered_where_every_part_has_a_spot_price(run, server):
    assert not [o for o in run().catalog.offers if o.spot]
    server.skus += [
        sku(f"{PREFIX} Spot Preemptible E2 Instance Core running in Iowa", [IOWA], (0, "0.01"), usage_type="Preemptible"),
        sku(
            f"{PREFIX} Spot Preemptible E2 Instance Ram running in Iowa",
            [IOWA],
            (0, "0.001"),
            unit="GiBy.h",
            usage_type="Preemptible",
        ),
    ]
    catalog = run().catalog
    spot = [(o.kind, o.region, o.instance_type, str(o.price), o.flag) for o in catalog.offers if o.spot]
    assert spot == [
        ("realtime_spot", IOWA, "e2-standard-2", "0.028", "M"),
        ("batch_spot", IOWA, "e2-standard-2", "0.028", "M"),
    ]
    assert "management fee" in catalog.flags["M"]


def test_prediction_skus_that_are_not_understood_are_counted(run, server):
    server.skus.append(sku(f"{PREFIX} Quantum Core running in Iowa", [IOWA], (0, "1")))
    (finding,) = [f for f in run().findings if "prediction SKUs" in f.subject]
    assert finding.subject == "2 prediction SKUs"
    assert "Quantum Core" in finding.reason


@pytest.mark.parametrize("twice", [False, True])
def test_pages_are_followed_to_the_end(run, server, tmp_path, twice):
    server.page_size = 2
    server.repeat_pages = twice
    assert same(run(), LISTED)
    assert len(server.seen) >= 7
    assert list(tmp_path.iterdir()) == []


def test_pages_in_a_circle_are_noticed(run, server):
    server.inject("skus", *[Fault(status=200, body=b'{"skus": [], "nextPageToken": "again"}')] * 3)
    with pytest.raises(ProviderError, match="do not end"):
        run()


def test_only_named_regions_are_priced(run):
    refreshed = run(regions=[OREGON])
    assert same(refreshed, {(OREGON, "n1-standard-2"): LISTED[OREGON, "n1-standard-2"]})
    assert set(refreshed.catalog.regions) == {OREGON}
    assert refreshed.extras == ()


def test_an_unknown_region_is_refused(run):
    with pytest.raises(UnknownNameError, match="did you mean us-central1"):
        run(regions=["us-centrall"])


def test_a_machine_type_is_offered_wherever_all_its_parts_are(run, server):
    server.skus += [
        sku(E2[0]["description"].replace("Iowa", "Oregon"), [OREGON], (0, "0.03")),
        sku(E2[1]["description"].replace("Iowa", "Oregon"), [OREGON], (0, "0.004"), unit="GiBy.h"),
    ]
    assert same(run(), LISTED | {(OREGON, "e2-standard-2"): "0.092"})


def test_no_prediction_sku_at_all_means_a_changed_source(run, server):
    server.skus = list(TRAPS[2:])
    with pytest.raises(ProviderError, match="the source has changed: no SKU for the parts"):
        run()


@pytest.mark.parametrize("lost", ["skus", "description", "serviceRegions", "pricingInfo"])
def test_a_missing_field_means_a_changed_source(run, server, lost):
    if lost == "skus":
        server.inject("skus?", Fault(body=b'{"items": []}'))
    server.skus = [{name: value for name, value in entry.items() if name != lost} for entry in server.skus]
    with pytest.raises(ProviderError, match=f"changed its format: Object missing required field `{lost}`"):
        run()


# ---------------------------------------------------------------- credentials


def test_the_key_travels_in_a_header_only(run, server, tmp_path, caplog):
    caplog.set_level("DEBUG")
    run()
    assert {seen.headers["x-goog-api-key"] for seen in server.seen} == {KEY}
    assert not any(KEY in path for path in server.paths())
    assert KEY not in caplog.text


def test_the_key_may_come_from_the_environment(run, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", f" {KEY}\n")
    assert same(run(api_key=None), LISTED)


def test_a_wrong_key_is_refused_in_google_s_words_and_not_shown(run):
    with pytest.raises(ProviderError, match="HTTP 403: Method doesn't allow unregistered callers") as caught:
        run(api_key="AIza-wrong-canary")
    assert "AIza" not in str(caught.value)


@pytest.mark.parametrize("key", ["AIza\r\nX-Evil: 1", "AIzaé"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(run, server, key):
    with pytest.raises(ProviderError, match="characters that no key has") as caught:
        run(api_key=key)
    assert "AIza" not in str(caught.value)
    assert server.seen == []


def test_without_a_key_or_a_login_it_says_how_to_get_one(run, server):
    with pytest.raises(ProviderError, match=r"set GOOGLE_API_KEY.*gcloud auth application-default login") as caught:
        run(api_key=None)
    assert caught.value.exit_code == 5
    assert server.seen == []


def pretend_login(monkeypatch, *, fails: bool = False) -> None:
    class GoogleAuthError(Exception):
        pass

    class Credentials:
        token = "ya29.canary"

        def refresh(self, request):
            if fails:
                raise GoogleAuthError("no login")

    auth, errors, transport = (ModuleType(f"google.auth{part}") for part in ("", ".exceptions", ".transport.urllib3"))
    auth.default = lambda scopes: (Credentials(), "project")
    errors.GoogleAuthError = GoogleAuthError
    transport.Request = lambda pool: SimpleNamespace()
    for module in (auth, errors, transport):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for parent in ("google", "google.auth.transport"):
        monkeypatch.setitem(sys.modules, parent, ModuleType(parent))


def test_a_login_serves_instead_of_a_key(run, server, monkeypatch):
    pretend_login(monkeypatch)
    assert same(run(api_key=None), LISTED)
    assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer ya29.canary"}


def test_a_login_that_does_not_work_is_as_good_as_none(run, monkeypatch):
    pretend_login(monkeypatch, fails=True)
    with pytest.raises(ProviderError, match="set GOOGLE_API_KEY"):
        run(api_key=None)


# ---------------------------------------------------------------- descriptions


@pytest.mark.parametrize(
    ("what", "kind", "part"),
    [
        ("A3 Predefined Instance Core running in Iowa", "list", Part("core", "a3")),
        ("A2 Instance Ram running in Americas", "list", Part("ram", "a2")),
        ("N2D AMD Instance Core running in Frankfurt", "list", Part("core", "n2d")),
        ("Compute optimized Core running in Hong Kong", "list", Part("core", "c2")),
        ("Nvidia A100 80gb GPU running in Iowa", "list", Part("gpu", "a100 80gb")),
        ("Nvidia Tesla T4 GPU running in Sao Paulo", "list", Part("gpu", "t4")),
        ("management fee on A2 Instance RAM in Iowa", "management_fee", Part("ram", "a2")),
        ("Spot Preemptible N1 Predefined Instance Core running in Iowa", "spot", Part("core", "n1")),
    ],
)
def test_descriptions(what, kind, part):
    assert read_description(f"{PREFIX} {what}", "OnDemand") == (kind, part)


@given(st.text(st.characters(codec="ascii", exclude_characters="\n"), min_size=1, max_size=12))
def test_words_that_are_not_known_are_never_read_past(word):
    known = {"predefined", "amd", "arm", "instance"}
    description = f"{PREFIX} N1 {word} Core running in Iowa"
    told = read_description(description, "OnDemand")
    assert told is None or set(word.lower().split()) <= known


def test_prices_in_another_currency_are_google_s_own(run, server):
    for entry in server.skus:
        for pricing in entry["pricingInfo"]:
            for tier in pricing["pricingExpression"]["tieredRates"]:
                tier["unitPrice"]["currencyCode"] = "EUR"
    refreshed = run(currency="EUR")
    assert refreshed.catalog.currency == "EUR"
    assert same(refreshed, LISTED)
    assert refreshed.catalog.rates == ()
    assert any("no rate in EUR" in f.reason for f in refreshed.findings)
    assert all("currencyCode=EUR" in path for path in server.paths())
