"""Prices in another currency, by a rate that the user gave. There is no other rate in this project."""

from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infercost.domain.price import Catalog, ExchangeRate

__all__ = ["convert"]

_TWELVE = Context(prec=12)


def convert(catalog: Catalog, rate: ExchangeRate) -> Catalog:
    """The catalog in the rate's currency. A missing price stays missing.

    Args:
        catalog: in USD; one that is in the rate's currency already is returned as it is.
        rate: units of its currency for one USD.
    """
    if catalog.currency == rate.currency:
        return catalog
    if catalog.currency != "USD":
        raise ValueError(f"rates are from USD, the catalog is in {catalog.currency}")

    def exchanged(price: Decimal) -> Decimal:
        return _TWELVE.multiply(price, rate.rate)

    def maybe(price: Decimal | None) -> Decimal | None:
        return None if price is None else exchanged(price)

    return replace(
        catalog,
        currency=rate.currency,
        exchange_rate=rate,
        offers=tuple(replace(o, price=maybe(o.price), list_price=maybe(o.list_price)) for o in catalog.offers),
        rates=tuple(replace(r, price=exchanged(r.price), list_price=maybe(r.list_price)) for r in catalog.rates),
    )
