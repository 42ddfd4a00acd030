from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from infercost import app
from infercost.app.pricebook import choose_currency, discounted, exchanged, lock_prices, open_book
from infercost.domain.errors import ArtifactError, NoPriceError, UsageError
from infercost.domain.price import ExchangeRate
from infercost.registry import get_provider
from infercost.store.price_lock import LOCK_FILE, PriceLock, encode_lock
from infercost.store.pricebook import load_catalog
from infercost.store.snapshot_format import encode_snapshot
from infercost.store.snapshots import Source, keep

PROVIDERS = [get_provider("sagemaker"), get_provider("vertex")]
SAGEMAKER = load_catalog("infercost.providers.sagemaker")
TODAY = date(2026, 11, 24)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refreshed(as_of="2026-11-20", currency="USD", **changes):
    catalog = replace(SAGEMAKER, as_of=as_of, currency=currency, **changes)
    keep(Source("sagemaker", "infercost.providers.sagemaker", currency), encode_snapshot(catalog))
    return catalog


def dates(book):
    return {name: volume.catalog.as_of for name, volume in book.volumes.items()}


def test_the_newest_prices_of_each_provider():
    refreshed()
    assert dates(open_book(PROVIDERS)) == {"sagemaker": "2026-11-20", "vertex": "2026-07-30"}


def test_prices_of_a_day_are_the_newest_before_it():
    refreshed()
    assert dates(open_book(PROVIDERS, prices="2026-11-19")) == {"sagemaker": "2026-09-22", "vertex": "2026-07-30"}


def test_a_day_before_one_provider_began_is_no_price():
    with pytest.raises(NoPriceError, match="no sagemaker prices as old as 2026-08-01; --prices can be one of: 2026-09-22"):
        open_book(PROVIDERS, prices="2026-08-01")


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "22.09.2026"])
def test_a_day_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="cannot read the date"):
        open_book(PROVIDERS, prices=text)


def test_a_lock_pins_in_spite_of_a_refresh(folder):
    before = open_book(PROVIDERS)
    (folder / LOCK_FILE).write_bytes(encode_lock(lock_prices(before)))
    refreshed()
    assert open_book(PROVIDERS).catalogs == before.catalogs
    assert dates(open_book(PROVIDERS, prices="latest"))["sagemaker"] == "2026-11-20"
    assert dates(open_book(PROVIDERS, prices="2026-11-24"))["sagemaker"] == "2026-11-20"


def test_a_lock_of_prices_that_are_not_here_is_inconclusive(folder):
    pins = lock_prices(open_book(PROVIDERS)).pins
    gone = {name: replace(pin, sha256="0" * 64) for name, pin in pins.items()}
    (folder / LOCK_FILE).write_bytes(encode_lock(PriceLock(gone, "0.0.1")))
    with pytest.raises(NoPriceError, match=r"pins sagemaker prices of 2026-09-22: .*install infercost 0\.0\.1.*prices lock"):
        open_book(PROVIDERS)


def test_a_lock_that_leaves_a_provider_out_says_so(folder):
    (folder / LOCK_FILE).write_bytes(encode_lock(lock_prices(open_book(PROVIDERS[:1]))))
    assert open_book(PROVIDERS[:1])
    with pytest.raises(NoPriceError, match=r"does not pin the prices of vertex; .*--provider sagemaker"):
        open_book(PROVIDERS)


def test_a_broken_lock_is_not_passed_over(folder):
    (folder / LOCK_FILE).write_text("{")
    with pytest.raises(ArtifactError, match="not JSON"):
        open_book(PROVIDERS)


def test_an_own_snapshot_in_the_currency_is_taken_where_there_is_one():
    refreshed(currency="EUR")
    book = open_book(PROVIDERS, currency="EUR")
    assert {c.provider: c.currency for c in book.catalogs} == {"sagemaker": "EUR", "vertex": "USD"}
    rate = ExchangeRate(currency="EUR", rate=Decimal("0.5"), as_of="2026-11-01")
    found = {c.provider: c for c in exchanged(book.catalogs, "EUR", rate)}
    assert found["sagemaker"].exchange_rate is None
    assert found["vertex"].exchange_rate == rate


def test_there_is_no_hidden_rate():
    with pytest.raises(
        UsageError, match=r"sagemaker prices are in USD, and there is no hidden exchange rate; .*--fx EUR=RATE@DATE"
    ):
        exchanged([SAGEMAKER], "EUR", None)
    with pytest.raises(UsageError, match="are in EUR and not in USD; try --currency EUR"):
        exchanged([replace(SAGEMAKER, currency="EUR")], "USD", None)


def test_the_rate_names_the_currency():
    rate = ExchangeRate(currency="EUR", rate=Decimal("0.92"), as_of="2026-11-01")
    assert choose_currency(None, "EUR=0.92@2026-11-01", TODAY) == ("EUR", rate)
    assert choose_currency("EUR", rate, TODAY) == ("EUR", rate)
    assert choose_currency(None, None, TODAY) == ("USD", None)


@pytest.mark.parametrize(
    ("currency", "fx", "message"),
    [
        ("euro", None, "cannot read the currency 'euro'"),
        ("GBP", "EUR=0.92@2026-11-01", "the rate is for EUR and the currency is GBP"),
        (None, "EUR=0.92@2026-12-01", "which is in the future"),
        (None, "EUR=0.92", "cannot read the exchange rate 'EUR=0.92'; write it like --fx EUR=0.92@2026-11-01"),
        (None, "EUR=0@2026-11-01", "cannot read the exchange rate"),
        (None, "EUR=-1@2026-11-01", "cannot read the exchange rate"),
        (None, "EUR=0.92@2026-02-30", "cannot read the exchange rate"),
    ],
)
def test_a_currency_or_rate_that_cannot_be_used_is_refused(currency, fx, message):
    with pytest.raises(UsageError, match=message):
        choose_currency(currency, fx, TODAY)


def test_an_old_rate_warns():
    (warning,) = app.ask(rps=1, fx="EUR=0.5@2026-10-01", today=TODAY).warnings
    assert "the exchange rate is 54 days old (2026-10-01)" in warning
    assert app.ask(rps=1, fx="EUR=0.5@2026-10-25", today=TODAY).warnings == ()


def test_discounts_of_the_working_directory_apply_unless_not_searched_for(folder):
    (folder / "infercost-discounts.yml").write_text("version: 1\npercentages:\n  - {provider: sagemaker, percent: 50}\n")
    (found,) = discounted([SAGEMAKER], None)
    assert found.offers[0].price == SAGEMAKER.offers[0].price / 2
    assert discounted([SAGEMAKER], None, search=False) == [SAGEMAKER]


def test_a_question_carries_what_was_chosen(folder):
    refreshed()
    path = folder / "cache" / "prices" / "sagemaker" / "2026-11-20.1" / "rates.csv"
    path.write_text("")
    asked = app.ask(rps=1, regions=["us-east-1"], fx="EUR=0.5@2026-11-01", today=TODAY)
    assert [c.as_of for c in asked.catalogs] == ["2026-09-22"]
    assert asked.catalogs[0].currency == "EUR"
    assert len(asked.warnings) == 1
    assert "rates.csv" in asked.warnings[0]


def test_a_region_that_was_not_refreshed_keeps_its_age():
    regions = SAGEMAKER.regions | {"eu-west-1": replace(SAGEMAKER.regions["eu-west-1"], as_of="2026-09-22")}
    refreshed(regions=regions)
    (fresh,) = app.ask(rps=1, regions=["us-east-1"]).catalogs
    (mixed,) = app.ask(rps=1, regions=["us-east-1", "eu-west-1"]).catalogs
    assert (fresh.as_of, mixed.as_of) == ("2026-11-20", "2026-09-22")
