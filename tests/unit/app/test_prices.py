from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from infercost import app
from infercost.app.prices import check_prices, compare_prices, pin_prices, show_prices
from infercost.domain.errors import NoPriceError, UnknownNameError
from infercost.store.price_lock import read_lock
from infercost.store.pricebook import load_catalog
from infercost.store.snapshot_format import encode_snapshot
from infercost.store.snapshots import Source, keep, list_snapshots

TODAY = date(2026, 11, 24)
PACKAGE = "infercost.providers.sagemaker"
SAGEMAKER = load_catalog(PACKAGE, every_mode=True)
WINNER = "serverless-1024MB"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refreshed(name="ml.g5.xlarge", price: str | None = "2", as_of="2026-11-20"):
    """A kept snapshot in which one price of us-east-1 is another, or gone."""

    def changed(offer):
        here = (offer.region, offer.kind, offer.instance_type) == ("us-east-1", "realtime", name)
        return replace(offer, price=None if price is None else Decimal(price)) if here else offer

    catalog = replace(SAGEMAKER, as_of=as_of, offers=tuple(changed(o) for o in SAGEMAKER.offers))
    return keep(Source("sagemaker", PACKAGE), encode_snapshot(catalog))


def show(**options):
    return show_prices(today=TODAY, **options).rows


def test_one_price_with_all_that_is_known_of_it():
    (row,) = show(providers=["sagemaker"], regions=["us-east-1"], names=["ml.g5.xlarge"], kinds=["realtime"])
    assert (row.price, row.unit, row.currency, row.as_of) == (Decimal("1.408"), "hour", "USD", "2026-09-22")
    assert row.source == SAGEMAKER.source
    assert row.history == ()


def test_globs_over_names_and_regions():
    rows = show(providers=["sagemaker"], regions=["eu-west-*"], names=["ml.c5.*large"], kinds=["realtime"])
    assert {row.region for row in rows} == {"eu-west-1", "eu-west-2", "eu-west-3"}
    assert {row.name for row in rows} >= {"ml.c5.large", "ml.c5.18xlarge"}


def test_rates_come_with_their_own_date_and_source():
    rows = show(providers=["sagemaker"], names=["egress_*"])
    assert rows[0].from_quantity == 0
    assert {row.kind for row in rows} == {"rate"}
    assert all(row.source and row.as_of < SAGEMAKER.as_of for row in rows)


def test_rates_for_all_regions_belong_to_each():
    (row,) = show(providers=["vertex"], regions=["europe-west4"], names=["logs_ingest_gb"])
    assert row.region == "*"


def test_a_price_for_all_regions_of_one_cloud_is_none_of_another():
    rows = show(regions=["us-east-1"], kinds=["rate"])
    assert {row.provider for row in rows} == {"sagemaker"}


def test_a_rate_that_no_bill_has_by_itself_says_how_it_gets_there():
    (nat,) = show(providers=["sagemaker"], names=["nat_hour"])
    assert "--include" in nat.note
    (logs,) = show(providers=["sagemaker"], names=["logs_ingest_gb"])
    assert logs.note == ""


@pytest.mark.parametrize("kind", ["async", "batch"])
def test_other_modes_are_shown_with_how_their_price_came_to_be(kind):
    (row,) = show(providers=["sagemaker"], names=["ml.m5.xlarge"], kinds=[kind])
    assert (row.price, row.flag) == (Decimal("0.23"), "D")
    assert "real-time price" in row.note


def test_a_flag_is_explained():
    (row,) = show(providers=["azureml"], names=["Standard_NC6s_v2"])
    assert row.price is None
    assert row.flag == "N"
    assert "no source has a price" in row.note


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["ml.g5.xlrge"]}, "did you mean ml.g5.xlarge"),
        ({"regions": ["us-est-1"]}, "did you mean .*us-east-1"),
        ({"providers": ["vertx"]}, "did you mean vertex"),
        ({"kinds": ["realtim"]}, "did you mean realtime"),
    ],
)
def test_unknown_names_suggest_the_nearest(options, message):
    with pytest.raises(UnknownNameError, match=message):
        show(**options)


def test_a_known_name_that_is_not_sold_there_says_where_it_is():
    with pytest.raises(NoPriceError, match=r"no price for ml\.p5\.48xlarge in af-south-1; it is in sagemaker:.*--region all"):
        show(providers=["sagemaker"], regions=["af-south-1"], names=["ml.p5.48xlarge"])


def test_history_holds_what_was_and_what_was_missing():
    refreshed(price=None, as_of="2026-10-01")
    refreshed(price="2")
    (row,) = show(providers=["sagemaker"], names=["ml.g5.xlarge"], kinds=["realtime"])
    assert [(p.as_of, p.price) for p in row.history] == [
        ("2026-09-22", Decimal("1.408")), ("2026-10-01", None), ("2026-11-20", Decimal(2)),
    ]  # fmt: skip
    assert len({point.sha256 for point in row.history}) == 3


def test_an_older_book_can_be_shown():
    refreshed()
    (row,) = show(providers=["sagemaker"], names=["ml.g5.xlarge"], kinds=["realtime"], prices="2026-10-01")
    assert row.price == Decimal("1.408")


def test_without_a_refresh_nothing_changed():
    assert compare_prices(today=TODAY).changes == ()


@pytest.mark.parametrize(("price", "change"), [("2", "changed"), (None, "unpriced")])
def test_a_change_since_the_shipped_prices(price, change):
    refreshed(price=price)
    (found,) = compare_prices(today=TODAY).changes
    assert (found.region, found.name, found.change) == ("us-east-1", "ml.g5.xlarge", change)
    assert (found.old, found.new) == (Decimal("1.408"), None if price is None else Decimal(price))
    assert found.relative == (None if price is None else pytest.approx(2 / 1.408 - 1))


def test_since_a_day_and_in_a_region():
    refreshed(price="1.5", as_of="2026-10-01")
    refreshed(price="2")
    (found,) = compare_prices(since="2026-10-05", today=TODAY).changes
    assert found.old == Decimal("1.5")
    assert compare_prices(since="2026-10-05", regions=["eu-west-1"], today=TODAY).changes == ()
    with pytest.raises(NoPriceError, match="as old as 2020-01-01"):
        compare_prices(since="2020-01-01")


@pytest.fixture(scope="module")
def profile():
    return app.load_profile(Path(__file__).parents[2] / "golden" / "profile.json")


def test_what_a_change_does_to_an_estimate(profile):
    base = compare_prices(providers=["sagemaker"], profile=profile, rps=50, today=TODAY).impacts[0]
    assert base.before == base.after
    assert base.relative == 0
    refreshed(base.before.instance_type, "90")
    (impact,) = compare_prices(providers=["sagemaker"], profile=profile, rps=50, today=TODAY).impacts
    assert impact.before == base.before
    assert impact.after.instance_type != impact.before.instance_type
    assert impact.same_after > impact.after.per_month >= impact.before.per_month
    assert impact.relative == pytest.approx(float(impact.after.per_month / impact.before.per_month) - 1)


def test_a_price_that_is_gone_does_not_cost_nothing(profile):
    base = compare_prices(providers=["sagemaker"], profile=profile, rps=50, today=TODAY).impacts[0]
    refreshed(base.before.instance_type, None)
    (impact,) = compare_prices(providers=["sagemaker"], profile=profile, rps=50, today=TODAY).impacts
    assert impact.same_after is None
    assert impact.after.instance_type != impact.before.instance_type


def test_the_shipped_book_passes():
    found = check_prices(today=TODAY)
    assert found.outcome == "pass"
    assert found.warnings == ()
    assert all(count > 3000 for count in found.checked.values())
    assert {finding.check for finding in found.findings} >= {"size order", "size ratio", "family level"}


def test_a_defect_fails():
    refreshed(price="20")
    found = check_prices(providers=["sagemaker"], today=TODAY)
    assert found.outcome == "fail"
    assert "us-east-1/ml.g5.xlarge" in {finding.subject for finding in found.findings if finding.explained is None}


def test_a_lock_pins_what_is_current_and_keeps_the_shipped_prices(folder):
    refreshed()
    pins = pin_prices(folder / "infercost-prices.lock")
    assert {name: pin.as_of for name, pin in pins.items()} == {
        "azureml": "2026-06-18", "sagemaker": "2026-11-20", "vertex": "2026-07-30",
    }  # fmt: skip
    assert read_lock(folder / "infercost-prices.lock").pins == pins
    assert (folder / "cache" / "prices" / "vertex").is_dir()
    assert [s.serial for s in list_snapshots(Source("sagemaker", PACKAGE))] == [0, 1]


def test_an_older_book_can_be_pinned(folder):
    refreshed()
    assert pin_prices(folder / "x.lock", providers=["sagemaker"], prices="2026-10-01")["sagemaker"].as_of == "2026-09-22"
