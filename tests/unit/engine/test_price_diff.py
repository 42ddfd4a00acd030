from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.price import Catalog, Offer, Rate
from infercost.engine.price_diff import diff_catalogs


def catalog(offers=(), rates=(), **changes) -> Catalog:
    fields = {"provider": "cloud", "as_of": "2026-01-01", "source": "x", "licence": "MIT", "regions": {}}
    return Catalog(**fields | changes, offers=tuple(offers), rates=tuple(rates))


def offer(name="m.large", price: str | None = "1", region="here", **changes) -> Offer:
    return replace(Offer("cloud", region, "realtime", name, None if price is None else Decimal(price), "hour"), **changes)


def rate(price="1", start="0", **changes) -> Rate:
    row = Rate(
        item="out", region="*", unit="GB", price=Decimal(price), from_quantity=Decimal(start), source="x", as_of="2026-01"
    )
    return replace(row, **changes)


@pytest.mark.parametrize(
    ("old", "new", "change", "relative"),
    [
        ([], [offer()], "added", None),
        ([offer()], [], "removed", None),
        ([offer()], [offer(price="1.5")], "changed", 0.5),
        ([offer()], [offer(price=None)], "unpriced", None),
        ([offer(price=None)], [offer()], "priced", None),
        ([], [offer(price=None)], "added", None),
    ],
)
def test_each_kind_of_change(old, new, change, relative):
    (found,) = diff_catalogs(catalog(old), catalog(new))
    assert (found.change, found.relative) == (change, relative)
    assert found.old == (old[0].price if old else None)
    assert found.new == (new[0].price if new else None)


def test_tiers_are_told_apart_and_numbers_compared_by_value():
    found = diff_catalogs(catalog(rates=[rate(), rate("0.9", "1E+1")]), catalog(rates=[rate("1.00"), rate("0.8", "10")]))
    assert [(c.kind, c.from_quantity, c.new) for c in found] == [("rate", 10, Decimal("0.8"))]


def test_another_unit_is_another_price():
    found = diff_catalogs(catalog([offer()]), catalog([offer(unit="second")]))
    assert [c.change for c in found] == ["removed", "added"]


@pytest.mark.parametrize("other", [{"provider": "other"}, {"currency": "EUR"}])
def test_what_cannot_be_compared_is_refused(other):
    with pytest.raises(ValueError, match="cannot compare"):
        diff_catalogs(catalog(), catalog(**other))


amounts = st.none() | st.decimals("0.01", 9, places=2)
markets = st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), amounts)


def sold(market) -> Catalog:
    return catalog(replace(offer(name, region=region), price=price) for (region, name), price in market.items())


@given(markets, markets)
def test_a_diff_is_empty_for_the_same_and_turns_around(one, other):
    first, second = sold(one), sold(other)
    assert diff_catalogs(first, first) == ()
    there, back = diff_catalogs(first, second), diff_catalogs(second, first)
    assert {(c.region, c.name, c.old, c.new) for c in there} == {(c.region, c.name, c.new, c.old) for c in back}
    changed = {key for key in one.keys() | other.keys() if key not in one or key not in other or one[key] != other[key]}
    assert {(c.region, c.name) for c in there} == changed
