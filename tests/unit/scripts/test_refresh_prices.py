"""The weekly job against a local server, on a copy of the shipped snapshot."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from infercost.store.extras import read_extras
from infercost.store.pricebook import load_catalog, load_manifest
from infercost.store.references import COLUMNS, REFERENCES_FILE
from infercost.store.snapshot_format import Location, read_catalog, read_manifest, read_table
from infercost.testing.price_servers import AwsPriceListServer, RegionOffer

ROOT = Path(__file__).parents[3]
PACKAGE = "infercost.providers.sagemaker"
PRICES = Path("src/infercost/providers/sagemaker/prices")


@pytest.fixture
def script(monkeypatch, tmp_path):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    spec = importlib.util.spec_from_file_location("refresh_prices", ROOT / "scripts" / "refresh_prices.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "refresh_prices", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(ROOT / PRICES, tmp_path / "checkout" / PRICES)
    return tmp_path / "checkout"


def only(prices, name):
    return {name: prices[name]} if name in prices else {}


@pytest.fixture(scope="module")
def server():
    """The shipped book as AWS would state it, one price changed."""
    hosting, serverless = defaultdict(dict), defaultdict(dict)
    for o in load_catalog(PACKAGE).offers:
        if o.mode == "realtime":
            hosting[o.region][o.instance_type] = str(o.price)
        else:
            serverless[o.region][int(o.instance_type[len("serverless-") : -2]) // 1024] = str(o.price)
    hosting["eu-west-1"]["ml.g5.xlarge"] = "1.5"
    offers = [
        RegionOffer(region=r, hosting=hosting[r], serverless=serverless[r], batch=only(hosting[r], "ml.m5.large"))
        for r in hosting
    ]
    with AwsPriceListServer(offers) as running:
        yield running


def test_it_reports_and_writes_nothing_unless_asked(script, checkout, server, capsys):
    before = {path.name: path.read_bytes() for path in (checkout / PRICES).iterdir()}
    assert script.main(["--provider", "sagemaker", "--endpoint", f"sagemaker={server.url}", "--root", str(checkout)]) == 0
    printed = capsys.readouterr().out
    assert "ml.g5.xlarge | changed" in printed
    assert "0 defects" in printed
    assert {path.name: path.read_bytes() for path in (checkout / PRICES).iterdir()} == before


def test_it_writes_a_whole_snapshot(script, checkout, server):
    done = script.main(["--provider", "sagemaker", "--endpoint", f"sagemaker={server.url}", "--root", str(checkout), "--write"])
    assert done == 0
    location = Location(checkout / PRICES, "the checkout", "{}", "try again")
    catalog = read_catalog(location, every_mode=True)
    assert {o.price for o in catalog.offers if (o.region, o.instance_type) == ("eu-west-1", "ml.g5.xlarge")} == {Decimal("1.5")}
    assert sum(o.answers for o in catalog.offers) == len(load_catalog(PACKAGE).offers)
    assert {o.instance_type for o in catalog.offers_of("batch")} == {"ml.m5.large"}
    assert read_manifest(location).explanations == load_manifest(PACKAGE).explanations
    assert read_extras(location) == ()
    assert len(read_table(location, REFERENCES_FILE, read_manifest(location), COLUMNS)) > 200


def test_a_source_that_fails_is_reported_and_changes_nothing(script, checkout, capsys):
    before = (checkout / PRICES / "manifest.json").read_bytes()
    arguments = ["--provider", "vertex", "--endpoint", "vertex=http://127.0.0.1:9", "--write", "--root", str(checkout)]
    assert script.main(arguments) == 5
    assert "### Not refreshed" in capsys.readouterr().out
    assert (checkout / PRICES / "manifest.json").read_bytes() == before
