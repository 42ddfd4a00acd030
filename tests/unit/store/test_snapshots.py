from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.domain.errors import ArtifactError, NoPriceError, OutputError
from infercost.domain.price import Catalog, Offer, Rate, Region
from infercost.store import snapshots
from infercost.store.pricebook import load_catalog, load_manifest
from infercost.store.snapshot_format import Explanation, Flag, Location, encode_snapshot, read_catalog, read_manifest
from infercost.store.snapshots import Source, choose, keep, keep_shipped, list_snapshots, newest

PACKAGE = "infercost.providers.sagemaker"
SOURCE = Source("sagemaker", PACKAGE)
SHIPPED = load_manifest(PACKAGE)


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path))
    return tmp_path


def market(as_of="2026-11-24", price="0.1", provider="sagemaker", currency="USD") -> Catalog:
    return Catalog(
        provider=provider,
        as_of=as_of,
        source="a list",
        licence="MIT",
        currency=currency,
        offers=(Offer(provider, "here", "realtime", "m.large", Decimal(price), "hour"),),
        rates=(
            Rate(
                item="data_in_gb", region="here", unit="GB", price=Decimal("0.016"), from_quantity=Decimal(0),
                source="a list", as_of="2026-01-01",
            ),
        ),
        regions={"here": Region(key="here", location="somewhere", geography="eu")},
    )  # fmt: skip


def prices(catalog: Catalog) -> list[Decimal | None]:
    return [offer.price for offer in catalog.offers]


def test_without_a_refresh_the_shipped_prices_are_the_newest():
    snapshot, catalog, warnings = newest(SOURCE)
    assert snapshot.is_shipped
    assert catalog == load_catalog(PACKAGE)
    assert warnings == ()


def test_a_refreshed_snapshot_is_newer_than_the_shipped_one():
    kept = keep(SOURCE, encode_snapshot(market()))
    snapshot, catalog, _ = newest(SOURCE)
    assert snapshot == kept
    assert not snapshot.is_shipped
    assert replace(catalog, sha256="") == market()
    assert catalog.sha256 == kept.manifest().sha256


def test_a_newer_release_wins_over_an_old_refresh():
    keep(SOURCE, encode_snapshot(market(as_of="2020-01-01")))
    assert newest(SOURCE)[0].is_shipped


def test_a_refresh_of_the_shipped_date_wins_over_the_shipped_one():
    keep(SOURCE, encode_snapshot(market(as_of=SHIPPED.as_of)))
    assert not newest(SOURCE)[0].is_shipped


def test_the_same_prices_are_kept_once_and_others_of_the_same_day_beside_them():
    first = keep(SOURCE, encode_snapshot(market()))
    assert keep(SOURCE, encode_snapshot(market())) == first
    second = keep(SOURCE, encode_snapshot(market(price="0.2")))
    assert (first.serial, second.serial) == (1, 2)
    assert prices(newest(SOURCE)[1]) == [Decimal("0.2")]


def test_ten_snapshots_of_a_day_are_in_order():
    for cents in range(10, 21):
        keep(SOURCE, encode_snapshot(market(price=f"0.{cents}")))
    assert prices(newest(SOURCE)[1]) == [Decimal("0.20").normalize()]


def test_history_gives_back_an_old_snapshot_bit_for_bit():
    old = keep(SOURCE, encode_snapshot(market(as_of="2026-10-01")))
    before = old.catalog()
    keep(SOURCE, encode_snapshot(market(price="0.3")))
    assert newest(SOURCE, on_or_before="2026-11-23")[1] == before
    assert choose(SOURCE, before.sha256)[1] == before


def test_a_date_before_all_snapshots_names_those_there_are():
    keep(SOURCE, encode_snapshot(market()))
    with pytest.raises(NoPriceError, match=rf"as old as 2000-01-01; --prices can be one of: {SHIPPED.as_of}, 2026-11-24"):
        newest(SOURCE, on_or_before="2000-01-01")


def test_a_pin_that_is_not_here_is_no_price():
    with pytest.raises(NoPriceError, match="pinned sagemaker prices 000000000000 are not on this machine"):
        choose(SOURCE, "0" * 64)


@pytest.mark.parametrize("name", ["offers.csv", "manifest.json", "rates.csv", "regions.csv"])
def test_a_damaged_snapshot_warns_and_the_last_good_one_is_used(data_folder, name):
    good = keep(SOURCE, encode_snapshot(market(as_of="2026-11-01")))
    bad = keep(SOURCE, encode_snapshot(market()))
    path = data_folder / "prices" / "sagemaker" / "2026-11-24.1" / name
    path.write_bytes(path.read_bytes()[:-20])
    snapshot, _, warnings = newest(SOURCE)
    assert snapshot == good
    assert len(warnings) == 1
    assert name in warnings[0]
    assert str(bad.location.folder) in warnings[0]
    assert "infercost prices refresh" in warnings[0]


def test_a_missing_file_falls_back_to_the_shipped_prices(data_folder):
    keep(SOURCE, encode_snapshot(market()))
    (data_folder / "prices" / "sagemaker" / "2026-11-24.1" / "rates.csv").unlink()
    snapshot, _, warnings = newest(SOURCE)
    assert snapshot.is_shipped
    assert "cannot read" in warnings[0]


def test_a_snapshot_in_a_place_of_another_date_is_refused(data_folder):
    keep(SOURCE, encode_snapshot(market(as_of="2026-11-01")))
    folder = data_folder / "prices" / "sagemaker"
    (folder / "2026-11-01.1").rename(folder / "2026-11-20.1")
    snapshot, _, warnings = newest(SOURCE)
    assert snapshot.is_shipped
    assert "as of 2026-11-01" in warnings[0]


def test_a_damaged_snapshot_is_written_anew_beside_itself(data_folder):
    keep(SOURCE, encode_snapshot(market()))
    (data_folder / "prices" / "sagemaker" / "2026-11-24.1" / "offers.csv").write_bytes(b"")
    again = keep(SOURCE, encode_snapshot(market()))
    assert again.serial == 2
    assert again.catalog().offers == market().offers


def test_foreign_folders_are_no_snapshots(data_folder):
    folder = data_folder / "prices" / "sagemaker"
    for name in ("2026-11-24", "2026-11-24.0", "notes", ".writing-0011"):
        (folder / name).mkdir(parents=True)
    assert [s.is_shipped for s in list_snapshots(SOURCE)] == [True]


def test_prices_of_another_provider_or_currency_are_not_kept():
    with pytest.raises(ArtifactError, match="prices of vertex in USD cannot be kept as those of sagemaker"):
        keep(SOURCE, encode_snapshot(market(provider="vertex")))
    with pytest.raises(ArtifactError, match="in EUR cannot be kept"):
        keep(SOURCE, encode_snapshot(market(currency="EUR")))
    assert not [s for s in list_snapshots(SOURCE) if not s.is_shipped]


def test_currencies_are_apart():
    euros = Source("sagemaker", PACKAGE, "EUR")
    with pytest.raises(NoPriceError, match=r"no sagemaker prices in EUR; .*--fx EUR=RATE@DATE"):
        newest(euros)
    keep(euros, encode_snapshot(market(currency="EUR")))
    assert newest(euros)[1].currency == "EUR"
    assert newest(SOURCE)[0].is_shipped


def test_the_shipped_snapshot_outlives_its_release(monkeypatch):
    copy = keep_shipped(SOURCE)
    assert copy.is_shipped
    assert [s.serial for s in list_snapshots(SOURCE)] == [0]
    elsewhere = Source("sagemaker", "infercost.providers.vertex")  # as if the package shipped others now
    assert choose(elsewhere, SHIPPED.sha256)[1] == load_catalog(PACKAGE)
    assert keep_shipped(SOURCE) == copy


def test_a_corrected_release_wins_over_the_copy_of_the_one_before(data_folder):
    keep_shipped(SOURCE)
    folder = data_folder / "prices" / "sagemaker"
    (copy,) = folder.iterdir()
    copy.rename(folder / f"{SHIPPED.as_of}.s000000000000")
    assert [s.serial for s in list_snapshots(SOURCE)] == [-1, 0]


def test_a_folder_that_cannot_be_written_is_named(data_folder):
    (data_folder / "prices").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot keep prices in .*INFERCOST_CACHE_DIR"):
        keep(SOURCE, encode_snapshot(market()))


def test_an_interrupted_write_leaves_nothing(data_folder, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshots, "_settle", interrupt)
    with pytest.raises(KeyboardInterrupt):
        keep(SOURCE, encode_snapshot(market()))
    assert list((data_folder / "prices" / "sagemaker").iterdir()) == []


KEEPER = """
import sys
from dataclasses import replace
from decimal import Decimal
from infercost.store.snapshot_format import encode_snapshot
from infercost.store.snapshots import Source, keep
from infercost.store.pricebook import load_catalog
source = Source("sagemaker", "infercost.providers.sagemaker")
base = load_catalog(source.package)
for number in range(5):
    price = Decimal(sys.argv[1]) + number
    offers = (replace(base.offers[0], price=price),)
    keep(source, encode_snapshot(replace(base, as_of="2026-11-24", offers=offers)))
print("same", keep(source, encode_snapshot(replace(base, as_of="2026-11-25"))).serial)
"""


def test_two_processes_that_keep_at_once_lose_nothing():
    run = [sys.executable, "-c", KEEPER]
    writers = [
        subprocess.Popen([*run, start], env=dict(os.environ), stdout=subprocess.PIPE, text=True) for start in ("1", "101")
    ]
    outputs = [writer.communicate(timeout=60)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert outputs == ["same 1\n", "same 1\n"]
    kept = [s for s in list_snapshots(SOURCE) if s.as_of == "2026-11-24"]
    assert [s.serial for s in kept] == list(range(1, 11))
    assert {s.catalog().offers[0].price for s in kept} == {Decimal(n) for n in (*range(1, 6), *range(101, 106))}


names = st.text('abcXYZ09._-, "é', min_size=1, max_size=12).map(str.strip).filter(bool)
kinds = st.sampled_from([("realtime", False), ("serverless", False), ("async", False), ("batch", False), ("batch", True)])
decimals = st.decimals("0.000001", "1000", allow_nan=False, allow_infinity=False).map(
    lambda d: Decimal(format(d.normalize(), "f"))
)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.tuples(names, kinds, names), st.none() | decimals, max_size=6),
    st.lists(names, max_size=3, unique=True),
    names,
)
def test_what_is_encoded_is_read_back(tmp_path_factory, offers, regions, text):
    catalog = Catalog(
        provider="cloud", as_of="2026-01-02", source=text, licence="MIT", derivation=None,
        offers=tuple(sorted((Offer("cloud", r, mode, i, p, "hour", "S", spot=s) for (r, (mode, s), i), p in offers.items()),
                            key=lambda o: (not o.answers, o.region, o.mode, o.spot, o.instance_type))),
        rates=(), flags={"S": text},
        regions={r: Region(key=r, location=text, geography="eu", as_of="2025-12-31") for r in sorted(regions)},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("snapshot")
    files = encode_snapshot(
        catalog, flags={"L": Flag("lower", warns=False)}, known_gaps=[text], explanations=[Explanation("a", "b", text)]
    )
    assert files == encode_snapshot(catalog, flags={"L": Flag("lower", warns=False)}, known_gaps=[text],
                                    explanations=[Explanation("a", "b", text)])  # fmt: skip
    for name, data in files.items():
        (folder / name).write_bytes(data)
    location = Location(folder, "it", "{}", "try again")
    assert replace(read_catalog(location, every_mode=True), sha256="") == catalog
    assert read_catalog(location).offers == tuple(offer for offer in catalog.offers if offer.answers)
    manifest = read_manifest(location)
    assert manifest.known_gaps == (text,)
    assert manifest.explanations == (Explanation("a", "b", text),)
    assert set(manifest.flags) == {"L", "S"}


def test_shipped_prices_survive_a_round_trip():
    catalog = load_catalog(PACKAGE, every_mode=True)
    flags = {flag: entry for flag, entry in SHIPPED.flags.items() if not entry.warns}
    kept = keep(SOURCE, encode_snapshot(catalog, flags=flags, known_gaps=SHIPPED.known_gaps))
    assert replace(kept.catalog(every_mode=True), sha256="") == replace(catalog, sha256="")
