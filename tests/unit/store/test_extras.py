from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from infercost.domain.errors import ArtifactError
from infercost.domain.price import Catalog
from infercost.domain.refresh import ExtraPrice
from infercost.store.extras import EXTRAS_FILE, encode_extras, read_extras
from infercost.store.snapshot_format import Location, encode_snapshot

CATALOG = Catalog(provider="cloud", as_of="2026-01-02", source="a list", licence="MIT", offers=(), rates=(), regions={})
FEE = ExtraPrice(
    provider="cloud", kind="management_fee", region="here", instance_type="m.large", applies_to="batch", price=Decimal("0.10"),
    unit="hour", as_of="2025-01-01", source="a bill",
)  # fmt: skip
PLAN = replace(FEE, kind="savings_plan", applies_to="realtime", term="1y", payment="all upfront", as_of="", source="")


@pytest.fixture
def location(tmp_path):
    return Location(tmp_path, "it", "{}", "try again")


def write(location, **files):
    for name, data in encode_snapshot(CATALOG, **files).items():
        (location.folder / name).write_bytes(data)


def test_what_is_written_is_read_back_with_the_snapshots_date_and_source(location):
    write(location, extra_files={EXTRAS_FILE: encode_extras([PLAN, FEE])})
    assert read_extras(location) == (FEE, replace(PLAN, as_of="2026-01-02", source="a list"))


def test_the_same_prices_give_the_same_bytes():
    assert encode_extras([PLAN, FEE]) == encode_extras([FEE, PLAN])


def test_a_snapshot_without_the_table_has_none(location):
    write(location)
    assert read_extras(location) == ()


def test_a_damaged_table_is_refused(location):
    write(location, extra_files={EXTRAS_FILE: encode_extras([FEE])})
    (location.folder / EXTRAS_FILE).write_bytes(encode_extras([PLAN]))
    with pytest.raises(ArtifactError, match="is not the file that its manifest describes"):
        read_extras(location)


def test_a_price_that_is_no_number_is_refused(location):
    write(location, extra_files={EXTRAS_FILE: encode_extras([FEE]).replace(b",0.1,", b",cheap,")})
    with pytest.raises(ArtifactError, match="holds a price that is no number"):
        read_extras(location)
