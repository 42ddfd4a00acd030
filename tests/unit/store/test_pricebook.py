from __future__ import annotations

import hashlib
import importlib
import json
import sys
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

import pytest

from infercost.domain.errors import ArtifactError
from infercost.domain.price import Offer
from infercost.store.pricebook import Explanation, load_catalog, load_manifest, load_offer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OFFERS = """region,mode,instance_type,unit,price,flag
here,realtime,m.large,hour,0.1,
here,realtime,m.xlarge,hour,,N
here,serverless,serverless-1024MB,second,0.00002,S
"""
MODES = """region,mode,spot,instance_type,unit,price,flag
here,batch,,m.large,hour,0.1,
here,batch,spot,m.large,hour,0.03,
here,async,,m.xlarge,hour,,S
"""
RATES = """item,region,unit,price,from_quantity,as_of,source
egress_internet_gb,here,GB,0.09,0,2026-01-01,"a list, with a comma"
egress_internet_gb,here,GB,0.085,10240,2026-01,a list
"""
REGIONS = """region,location,geography
here,São Paulo,sa
"""


NUMBERS = count()
"""Import systems remember folders: every test has a package of its own."""


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Write a provider package with a snapshot; keyword arguments change single parts of it."""
    package = f"cloud_{next(NUMBERS)}"

    def write(*, manifest: dict[str, object] | None = None, **tables: str) -> str:
        texts = {"offers": OFFERS, "rates": RATES, "regions": REGIONS} | tables
        folder = tmp_path / package / "prices"
        folder.mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
        files = {f"{name}.csv": {"sha256": sha(text), "rows": text.count("\n") - 1} for name, text in texts.items()}
        for name, text in texts.items():
            (folder / f"{name}.csv").write_bytes(text.encode())
        about = {
            "schema_version": 1, "provider": "cloud", "currency": "USD", "as_of": "2026-02-03", "source": "a list",
            "licence": "MIT", "derived": False, "derivation": None, "files": files,
            "flags": {"N": {"meaning": "no price", "warns": False}, "S": {"meaning": "seen once", "warns": True}},
            "known_gaps": ["everything else"], "sources": [{"file": "list.csv"}],
            "explanations": [{"check": "size order", "subject": "*", "reason": "it is so"}],
        }  # fmt: skip
        text = json.dumps({**about, **(manifest or {})})
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        return package

    yield write
    sys.modules.pop(package, None)


def test_reads_offers_rates_and_regions(ship):
    catalog = load_catalog(ship())
    assert catalog.provider == "cloud"
    assert catalog.as_of == "2026-02-03"
    assert catalog.offers[0] == Offer("cloud", "here", "realtime", "m.large", Decimal("0.1"), "hour", "")
    assert [rate.from_quantity for rate in catalog.rates] == [0, 10240]
    assert catalog.rates[0].source == "a list, with a comma"
    assert catalog.regions["here"].location == "São Paulo"


def test_an_empty_price_is_none_and_not_zero(ship):
    offer = load_catalog(ship()).offers[1]
    assert offer.price is None
    assert offer.flag == "N"


def test_only_flags_that_warn_reach_the_catalog(ship):
    package = ship()
    assert load_catalog(package).flags == {"S": "seen once"}
    assert set(load_manifest(package).flags) == {"N", "S"}


def test_manifest_keeps_gaps_explanations_and_sources(ship):
    manifest = load_manifest(ship())
    assert manifest.known_gaps == ("everything else",)
    assert manifest.explanations == (Explanation("size order", "*", "it is so"),)
    assert manifest.sources == ({"file": "list.csv"},)


def test_repeated_strings_are_shared(ship):
    first, second, _ = load_catalog(ship()).offers
    assert first.region is second.region
    assert first.unit is second.unit


def test_the_hash_names_the_whole_snapshot(ship):
    package = ship()
    catalog = load_catalog(package)
    assert catalog.sha256 == load_manifest(package).sha256
    assert len(catalog.sha256) == 64


@pytest.mark.parametrize("name", ["offers.csv", "rates.csv", "regions.csv"])
def test_a_changed_file_is_refused(ship, tmp_path, name):
    package = ship()
    path = tmp_path / package / "prices" / name
    path.write_bytes(path.read_bytes().replace(b"here", b"hare"))
    with pytest.raises(ArtifactError, match=rf"prices/{name} of {package} is not the file .*build_prices\.py"):
        load_catalog(package)


@pytest.mark.parametrize("name", ["manifest.json", "offers.csv"])
def test_a_missing_file_is_named(ship, tmp_path, name):
    package = ship()
    (tmp_path / package / "prices" / name).unlink()
    with pytest.raises(ArtifactError, match=rf"cannot read prices/{name} of {package}"):
        load_catalog(package)


def test_a_package_that_does_not_exist_is_named():
    with pytest.raises(ArtifactError, match="no package no_such_cloud"):
        load_catalog("no_such_cloud")


def test_a_newer_format_is_refused(ship):
    with pytest.raises(ArtifactError, match="has format 2, this release reads 1"):
        load_catalog(ship(manifest={"schema_version": 2}))


@pytest.mark.parametrize("broken", [{"files": None}, {"flags": {"S": "text"}}, {"explanations": [{}]}, {"sources": None}])
def test_a_malformed_manifest_is_refused(ship, broken):
    with pytest.raises(ArtifactError, match=r"prices/manifest\.json of .* cannot be read"):
        load_catalog(ship(manifest=broken))


def test_a_manifest_that_is_not_json_is_refused(ship, tmp_path):
    package = ship()
    (tmp_path / package / "prices" / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_manifest(package)


def test_other_columns_are_refused(ship):
    with pytest.raises(ArtifactError, match=r"prices/regions\.csv .* does not have the columns region, location, geography"):
        load_catalog(ship(regions="region,place,geography\nhere,there,sa\n"))


def test_an_uneven_row_is_refused_with_its_line(ship):
    with pytest.raises(ArtifactError, match=r"line 2 of prices/offers\.csv"):
        load_catalog(ship(offers=OFFERS.replace("0.1,", "0.1,,")))


def test_a_price_that_is_no_number_is_refused(ship):
    with pytest.raises(ArtifactError, match=r"prices of .* cannot be read"):
        load_catalog(ship(offers=OFFERS.replace("0.1,", "cheap,")))


def test_an_empty_file_is_refused(ship):
    with pytest.raises(ArtifactError, match=r"prices/rates\.csv .* does not have the columns"):
        load_catalog(ship(rates=""))


def test_other_modes_are_read_where_they_are_asked_for(ship):
    package = ship(modes=MODES)
    assert all(offer.answers for offer in load_catalog(package).offers)
    every = load_catalog(package, every_mode=True)
    assert every.offers[: len(load_catalog(package).offers)] == load_catalog(package).offers
    assert every.offers_of("batch") == (Offer("cloud", "here", "batch", "m.large", Decimal("0.1"), "hour"),)
    assert [offer.price for offer in every.offers_of("batch", spot=True)] == [Decimal("0.03")]
    assert [(offer.kind, offer.price, offer.answers) for offer in every.offers_of("async")] == [("async", None, False)]
    assert [offer.kind for offer in every.offers if offer.spot] == ["batch_spot"]


def test_a_snapshot_without_other_modes_has_none(ship):
    package = ship()
    assert load_catalog(package, every_mode=True) == load_catalog(package)
    assert load_offer(package, "here", "m.large", "batch") is None


@pytest.mark.parametrize(
    ("asked", "price"),
    [
        (("here", "m.large"), Decimal("0.1")),
        (("here", "m.xlarge"), None),
        (("here", "serverless-1024MB", "serverless"), Decimal("0.00002")),
        (("here", "m.large", "batch"), Decimal("0.1")),
    ],
)
def test_one_offer_is_the_one_of_the_catalog(ship, asked, price):
    package = ship(modes=MODES)
    found = load_offer(package, *asked)
    assert found in load_catalog(package, every_mode=True).offers
    assert found.price == price


@pytest.mark.parametrize("asked", [("here", "m.nope"), ("her", "m.large"), ("there", "m.large"), ("here", "m.large", "async")])
def test_one_offer_that_is_not_there_is_none(ship, asked):
    assert load_offer(ship(modes=MODES), *asked) is None


def test_one_spot_offer_is_not_the_dedicated_one(ship):
    package = ship(modes=MODES)
    assert load_offer(package, "here", "m.large", "batch", spot=True).price == Decimal("0.03")
    assert load_offer(package, "here", "m.large", "realtime", spot=True) is None


def test_one_offer_of_a_changed_file_is_refused(ship, tmp_path):
    package = ship()
    path = tmp_path / package / "prices" / "offers.csv"
    path.write_bytes(path.read_bytes().replace(b"0.1", b"0.2"))
    with pytest.raises(ArtifactError, match="is not the file that its manifest describes"):
        load_offer(package, "here", "m.large")


def test_one_offer_with_a_price_that_is_no_number_is_refused(ship):
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_offer(ship(offers=OFFERS.replace("0.1,", "cheap,")), "here", "m.large")
