from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from infercost.domain.price import Catalog, Offer
from infercost.store.references import Reference, check_references

REFERENCE = Reference(
    "vm ratio", "here", "m.large", Decimal("0.1"), Decimal("1.14"), Decimal("1.41"), 180, "2026-01-01", "raw list"
)


def catalog(price: str | None, **changes) -> Catalog:
    offer = Offer("cloud", "here", "realtime", "m.large", None if price is None else Decimal(price), "hour")
    base = Catalog(provider="cloud", as_of="2026-02-01", source="x", licence="MIT", offers=(offer,), rates=(), regions={})
    return replace(base, **changes)


@pytest.mark.parametrize("price", ["0.114", "0.12", "0.141", None])
def test_a_price_inside_of_the_band_or_none_is_fine(price):
    assert check_references(catalog(price), [REFERENCE]) == ((), ())


@pytest.mark.parametrize(("price", "ratio"), [("0.1139", "1.139"), ("0.1411", "1.411"), ("0.1", "1.000"), ("0.24", "2.400")])
def test_a_price_outside_of_the_band_is_a_finding(price, ratio):
    ((finding,), notes) = check_references(catalog(price), [REFERENCE])
    assert (finding.check, finding.subject) == ("vm ratio", "here/m.large")
    assert f"{ratio} x 0.1 of raw list (2026-01-01)" in finding.message
    assert notes == ()


def test_an_offer_that_is_not_there_is_not_compared():
    assert check_references(catalog("0.12"), [replace(REFERENCE, region="there")]) == ((), ())


@pytest.mark.parametrize("as_of", ["2025-06-01", "2025-06", "2025"])
def test_a_reference_of_long_ago_proves_nothing_and_says_so(as_of):
    assert check_references(catalog("9"), [replace(REFERENCE, as_of=as_of)]) == (
        (), ("cloud: 1 references are too far from 2026-02-01, not compared",),
    )  # fmt: skip


def test_another_currency_is_not_compared_and_says_so():
    findings, (note,) = check_references(catalog("9", currency="EUR"), [REFERENCE])
    assert findings == ()
    assert "EUR" in note
