from __future__ import annotations

import string
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.price import Catalog, Offer, Rate, Region
from infercost.store.pricebook import Explanation, load_catalog, load_manifest
from infercost.store.pricebook_checks import Finding, defects, split_name, verify_catalog
from infercost.store.references import check_references, load_references

PACKAGES = ["infercost.providers.sagemaker", "infercost.providers.vertex", "infercost.providers.azureml"]
TODAY = date(2026, 11, 24)
SIZES = {"large": 1, "xlarge": 2, "2xlarge": 4, "4xlarge": 8}
LEVELS = {"north": Decimal("1"), "east": Decimal("1.1"), "south": Decimal("1.3"), "west": Decimal("0.9")}
FAMILIES = {"m": Decimal("0.1"), "c": Decimal("0.08"), "r": Decimal("0.13")}

load = cache(partial(load_catalog, every_mode=True))


def rate(item="egress_internet_gb", region="north", price="0.09", start="0", **changes) -> Rate:
    row = Rate(
        item=item, region=region, unit="GB", price=Decimal(price), from_quantity=Decimal(start), as_of="2026-01", source="x"
    )
    return replace(row, **changes)


def clean() -> Catalog:
    """A small market in which everything is as it should be."""
    offers = tuple(
        Offer("cloud", region, "realtime", f"{family}.{size}", base * factor * level, "hour")
        for region, level in LEVELS.items()
        for family, base in FAMILIES.items()
        for size, factor in SIZES.items()
    )
    other = (
        *(replace(o, mode="batch") for o in offers if o.region == "north"),
        *(replace(o, mode="batch", spot=True, price=o.price * Decimal("0.3")) for o in offers if o.region == "north"),
        *(replace(o, mode="async") for o in offers if o.region == "east"),
    )
    return Catalog(
        provider="cloud", as_of="2026-01-02", source="a list", licence="MIT", offers=(*offers, *other),
        rates=(rate(), rate(price="0.08", start="10240")),
        regions={key: Region(key=key, location="somewhere", geography="eu") for key in LEVELS},
    )  # fmt: skip


def alter(catalog: Catalog, region: str, instance: str, kind: str = "realtime", **changes) -> Catalog:
    def changed(offer: Offer) -> Offer:
        hit = (offer.region, offer.instance_type, offer.kind) == (region, instance, kind)
        return replace(offer, **changes) if hit else offer

    return replace(catalog, offers=tuple(changed(offer) for offer in catalog.offers))


def scale(catalog: Catalog, region: str, prefix: str, factor: str, kind: str = "") -> Catalog:
    """Prices of one kind, or of all, times a factor."""

    def scaled(offer: Offer) -> Offer:
        hit = offer.region == region and offer.instance_type.startswith(prefix) and kind in ("", offer.kind)
        return replace(offer, price=offer.price * Decimal(factor)) if hit else offer

    return replace(catalog, offers=tuple(scaled(offer) for offer in catalog.offers))


def regions(**changes: Region) -> dict[str, Region]:
    return clean().regions | changes


def findings(catalog: Catalog, **options) -> list[tuple[str, str]]:
    return [(f.check, f.subject) for f in verify_catalog(catalog, today=TODAY, **options)]


def test_a_clean_market_has_no_findings():
    assert findings(clean()) == []


CORRUPTIONS = {
    "negative price": (alter(clean(), "east", "c.xlarge", price=Decimal("-0.1")), ("price", "east/c.xlarge")),
    "zero price": (alter(clean(), "east", "c.xlarge", price=Decimal(0)), ("price", "east/c.xlarge")),
    "not a number": (alter(clean(), "east", "c.xlarge", price=Decimal("Infinity")), ("price", "east/c.xlarge")),
    "monthly price in an hourly row": (alter(clean(), "east", "m.4xlarge", price=Decimal(8000)), ("price", "east/m.4xlarge")),
    "wrong unit": (alter(clean(), "east", "c.xlarge", unit="second"), ("unit", "east/c.xlarge")),
    "offers of an unknown region": (
        replace(clean(), offers=(*clean().offers, Offer("cloud", "mars", "realtime", "m.large", Decimal("0.1"), "hour"))),
        ("region", "mars"),
    ),
    "region without offers": (
        replace(clean(), regions=regions(moon=Region(key="moon", location="x", geography="eu"))),
        ("region", "moon"),
    ),
    "unknown geography": (
        replace(clean(), regions=regions(east=Region(key="east", location="x", geography="xx"))),
        ("region", "east"),
    ),
    "region without a place": (
        replace(clean(), regions=regions(east=Region(key="east", location=" ", geography="eu"))),
        ("region", "east"),
    ),
    "duplicate offer": (replace(clean(), offers=(*clean().offers, clean().offers[0])), ("duplicate", "north/realtime/m.large")),
    "blank instance type": (alter(clean(), "east", "c.xlarge", instance_type=""), ("name", "east/")),
    "date in the future": (replace(clean(), as_of="2026-11-25"), ("date", "cloud")),
    "date that is none": (replace(clean(), as_of="2026-13-01"), ("date", "cloud")),
    "date in words": (replace(clean(), as_of="last week"), ("date", "cloud")),
    "no source": (replace(clean(), source=""), ("provenance", "cloud")),
    "no licence": (replace(clean(), licence=" "), ("provenance", "cloud")),
    "derived without a word": (replace(clean(), derived=True), ("provenance", "cloud")),
    "another currency": (replace(clean(), currency="EUR"), ("currency", "cloud")),
    "batch dearer than real-time": (scale(clean(), "north", "c.large", "1.5", "batch"), ("mode ratio", "north/c.large")),
    "async at half price": (scale(clean(), "east", "c.large", "0.5", "async"), ("mode ratio", "east/c.large")),
    "spot at the price of dedicated": (scale(clean(), "north", "c.large", "4", "batch_spot"), ("mode ratio", "north/c.large")),
    "spot for nothing": (alter(clean(), "north", "c.large", "batch_spot", price=Decimal(0)), ("price", "north/c.large")),
    "batch by the second": (alter(clean(), "north", "c.large", "batch", unit="second"), ("unit", "north/c.large")),
    "batch offer twice": (
        replace(clean(), offers=(*clean().offers, *clean().offers_of("batch")[:1])),
        ("duplicate", "north/batch/m.large"),
    ),
    "no offers": (replace(clean(), offers=(), regions={}, rates=()), ("offers", "cloud")),
    "larger is cheaper": (alter(clean(), "east", "c.4xlarge", price=Decimal("0.2")), ("size order", "east/c.4xlarge")),
    "one price off by a quarter": (scale(clean(), "east", "c.xlarge", "1.25"), ("size ratio", "east/c.xlarge")),
    "a family at double price": (scale(clean(), "east", "c.", "2"), ("family level", "east/c")),
    "rate of an unknown region": (replace(clean(), rates=(rate(region="mars"),)), ("region", "mars/egress_internet_gb")),
    "rate without a source": (replace(clean(), rates=(rate(source=""),)), ("provenance", "north/egress_internet_gb")),
    "rate dated in the future": (replace(clean(), rates=(rate(as_of="2027-01"),)), ("date", "north/egress_internet_gb")),
    "rate in another unit": (replace(clean(), rates=(rate(unit="MB"),)), ("unit", "north/egress_internet_gb")),
    "standard rate in a unit of another": (
        replace(clean(), rates=(rate(item="nat_hour", unit="GB"),)),
        ("unit", "north/nat_hour"),
    ),
    "own rate in no known unit": (
        replace(clean(), rates=(rate(item="something_else", unit="furlong"),)),
        ("unit", "north/something_else"),
    ),
    "negative rate": (replace(clean(), rates=(rate(price="-0.1"),)), ("price", "north/egress_internet_gb")),
    "rate in cents": (replace(clean(), rates=(rate(price="16"),)), ("price", "north/egress_internet_gb")),
    "rate of nothing": (replace(clean(), rates=(rate(price="0"),)), ("price", "north/egress_internet_gb")),
    "free last tier": (replace(clean(), rates=(rate(), rate(price="0", start="100"))), ("price", "north/egress_internet_gb")),
    "no first tier": (replace(clean(), rates=(rate(start="100"),)), ("tiers", "north/egress_internet_gb")),
    "tier twice": (replace(clean(), rates=(rate(), rate(price="0.08"))), ("duplicate", "north/egress_internet_gb")),
    "tiers in two units": (replace(clean(), rates=(rate(), rate(start="1", unit="GiB"))), ("unit", "north/egress_internet_gb")),
}


@pytest.mark.parametrize(("catalog", "expected"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_a_planted_corruption_is_found(catalog, expected):
    assert expected in findings(catalog)


def test_a_free_allowance_before_a_paid_tier_is_fine():
    assert findings(replace(clean(), rates=(rate(price="0"), rate(start="100")))) == []


def test_a_missing_price_is_not_a_finding():
    assert findings(alter(clean(), "east", "c.xlarge", price=None)) == []


def test_a_price_for_all_regions_needs_no_region():
    assert findings(replace(clean(), rates=(rate(region="*"),))) == []


def test_an_explanation_covers_its_finding_and_nothing_else():
    catalog = scale(scale(clean(), "east", "c.", "2"), "west", "m.", "2")
    explanation = Explanation("family level", "east/*", "looked into")
    found = verify_catalog(catalog, today=TODAY, explanations=[explanation])
    assert {f.subject: f.explained for f in found if f.check == "family level"} == {"east/c": "looked into", "west/m": None}
    assert [f.subject for f in defects(found) if f.check == "family level"] == ["west/m"]


def test_an_explanation_that_covers_nothing_is_a_finding():
    explanation = Explanation("size order", "east/*", "long gone")
    assert findings(clean(), explanations=[explanation]) == [("explanation", "size order: east/*")]


def times(region: str, prefix: str, factor: str, kind: str = ""):
    def corrupt(catalog: Catalog) -> Catalog:
        return scale(catalog, region, prefix, factor, kind)

    return corrupt


@pytest.mark.parametrize(
    ("package", "corrupt", "expected"),
    [
        (PACKAGES[0], times("us-east-1", "ml.c5.", "1.2"), ("vm ratio", "us-east-1/ml.c5.large")),
        (PACKAGES[0], times("us-east-1", "ml.", "0.9"), ("vm ratio", "us-east-1/ml.m5.xlarge")),
        (PACKAGES[1], times("us-central1", "n2-", "1.1"), ("vm ratio", "us-central1/n2-standard-8")),
        (PACKAGES[1], times("us-central1", "e2-standard-2", "1.01"), ("observed", "us-central1/e2-standard-2")),
        (PACKAGES[2], times("eastus", "Standard_DS3_v2", "1.001"), ("vm ratio", "eastus/Standard_DS3_v2")),
        (PACKAGES[0], times("eu-west-1", "ml.g5.xlarge", "0"), ("price", "eu-west-1/ml.g5.xlarge")),
        (PACKAGES[0], times("eu-west-1", "ml.g5.xlarge", "2.1"), ("size ratio", "eu-west-1/ml.g5.xlarge")),
        (PACKAGES[0], times("us-east-1", "ml.m5.xlarge", "10", "batch"), ("mode ratio", "us-east-1/ml.m5.xlarge")),
        (PACKAGES[1], times("us-central1", "n2-standard-8", "0.1", "batch"), ("mode ratio", "us-central1/n2-standard-8")),
        (PACKAGES[2], times("eastus", "Standard_DS3_v2", "2", "batch"), ("mode ratio", "eastus/Standard_DS3_v2")),
        (PACKAGES[1], times("europe-west4", "c2-", "2"), ("family level", "europe-west4/c2-standard-*")),
        (PACKAGES[2], times("westeurope", "Standard_F4s_v2", "2.1"), ("size ratio", "westeurope/Standard_F4s_v2")),
    ],
)
def test_a_corruption_planted_in_the_shipped_data_is_found(package, corrupt, expected):
    corrupted = corrupt(load(package))
    compared, _ = check_references(corrupted, load_references(package))
    explanations = load_manifest(package).explanations
    found = defects(verify_catalog(corrupted, today=TODAY, explanations=explanations, also=compared))
    assert expected in [(finding.check, finding.subject) for finding in found]


@pytest.mark.parametrize("package", PACKAGES)
def test_references_cover_the_default_region(package):
    offers = {(offer.region, offer.instance_type) for offer in load(package).offers}
    references = load_references(package)
    assert len([r for r in references if (r.region, r.instance_type) in offers]) > 80
    assert all(r.low <= r.high and r.price > 0 and r.source for r in references)


@pytest.mark.parametrize("package", PACKAGES)
def test_shipped_data_has_no_defects(package):
    manifest = load_manifest(package)
    compared, notes = check_references(load(package), load_references(package))
    assert notes == ()
    assert defects(verify_catalog(load(package), today=TODAY, explanations=manifest.explanations, also=compared)) == ()


@pytest.mark.parametrize(
    ("package", "finding"),
    [
        (PACKAGES[0], Finding("size ratio", "us-gov-east-1/ml.m5.xlarge", "")),
        (PACKAGES[0], Finding("size ratio", "us-west-1/ml.g4dn.xlarge", "")),
        (PACKAGES[0], Finding("family level", "us-east-2/ml.r8g", "")),
        (PACKAGES[0], Finding("size order", "us-east-1/ml.g5.16xlarge", "")),
        (PACKAGES[1], Finding("size order", "us-central1/g2-standard-32", "")),
    ],
    ids=lambda value: value.subject if isinstance(value, Finding) else "",
)
def test_known_oddities_of_the_sources_are_found_without_their_explanation(package, finding):
    assert (finding.check, finding.subject) in findings(load(package))


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("factor", ["0.7", "1.5", "10"])
def test_one_wrong_price_in_the_shipped_data_is_found(package, factor):
    catalog = load(package)
    # A type that many regions sell: only then does its family have a usual proportion.
    region, instance = {
        PACKAGES[0]: ("eu-west-1", "ml.m5.2xlarge"),
        PACKAGES[1]: ("europe-west1", "n2-standard-8"),
        PACKAGES[2]: ("westeurope", "Standard_D8as_v4"),
    }[package]
    wrong = alter(catalog, region, instance, price=next(
        offer.price for offer in catalog.offers if (offer.region, offer.instance_type) == (region, instance)
    ) * Decimal(factor))  # fmt: skip
    assert ("size ratio", f"{region}/{instance}") in findings(wrong)


@pytest.mark.parametrize(
    ("name", "family", "size"),
    [
        ("ml.c5.large", "ml.c5", 1),
        ("ml.c5.xlarge", "ml.c5", 2),
        ("ml.p6-b200.48xlarge", "ml.p6-b200", 96),
        ("ml.t3.nano", "ml.t3", 0.0625),
        ("serverless-2048MB", "serverless-*MB", 2048),
        ("n2-standard-16", "n2-standard-*", 16),
        ("a2-highgpu-8g", "a2-highgpu-*g", 8),
        ("Standard_D2as_v4", "Standard_D#as_v4", 2),
        ("Standard_DS13_v2", "Standard_DS#_v2", 13),
        ("Standard_NC96ads_A100_v4", "Standard_NC#ads_A100_v4", 96),
        ("something else", "something else", 1),
    ],
)
def test_names_are_split_into_family_and_size(name, family, size):
    assert split_name(name) == (family, size)


@given(st.text(string.ascii_letters + string.digits + "-_. ", max_size=30))
def test_any_name_has_a_family_and_a_size(name):
    family, size = split_name(name)
    assert isinstance(family, str)
    assert size >= 0


@given(st.integers(1, 48), st.integers(1, 48))
def test_sizes_order_as_numbers_do(a, b):
    left, right = split_name(f"ml.x.{a}xlarge"), split_name(f"ml.x.{b}xlarge")
    assert left[0] == right[0]
    assert (left[1] < right[1]) == (a < b)


@given(st.sampled_from(sorted(LEVELS)), st.decimals("0.75", "1.45", places=2))
def test_a_dearer_region_is_no_finding(region, factor):
    dearer = scale(clean(), region, "", str(factor))
    assert findings(dearer) == []


@given(
    st.sampled_from(clean().offers_of("realtime")),
    st.one_of(st.decimals("0.2", "0.8", places=2), st.decimals("1.25", "5", places=2)),
)
def test_one_odd_price_is_always_found(offer, factor):
    odd = alter(clean(), offer.region, offer.instance_type, price=offer.price * factor)
    assert findings(odd)
