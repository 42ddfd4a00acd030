"""From list prices to what a user pays. Pure, exact, and never from nothing: a missing price stays missing.

Rules, in this order:

1. A private price replaces the list price of what it names; no other discount applies there. It does not
   price what the book lists without a price elsewhere, but it does price the very offer it names.
2. Percentages multiply: 10 % and 5 % leave 0.90 × 0.95 of the list price.
3. A commitment of ``percent`` on ``coverage`` of the hours leaves 1 - coverage × percent of that. It is
   taken as fully used; what an unused commitment costs is not in an estimate. Of several that fit an
   offer, the one that saves most applies, and only that one.
4. A free tier takes its quantity off the start of the tiers of a rate.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from infercost.domain.discount import COMPUTE
from infercost.domain.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infercost.domain.discount import Commitment, Discounts, FreeTier, Percentage, PrivatePrice
    from infercost.domain.price import Catalog, Offer, Rate

__all__ = ["apply_discounts"]

_TWELVE = Context(prec=12)
_HUNDRED = Decimal(100)


def apply_discounts(catalog: Catalog, discounts: Discounts) -> Catalog:
    """The catalog at effective prices; what changed keeps its list price beside it.

    Args:
        catalog: list prices.
        discounts: of all providers; those of others are ignored.

    Raises:
        UsageError: a private price is in another currency than the catalog, or a discount names an
            instance or a rate that this catalog does not have.
    """
    own = discounts.of(catalog.provider)
    if not own:
        return catalog
    _check_names(catalog, own)
    rates = [_discount_rate(rate, own) for rate in catalog.rates]
    return replace(
        catalog,
        offers=tuple(_discount_offer(offer, own) for offer in catalog.offers),
        rates=tuple(_with_free_tiers(rates, own.free_tiers)),
        discounts=tuple(_words(own)),
    )


def _discount_offer(offer: Offer, own: Discounts) -> Offer:
    private = next((p for p in own.private_prices if p.instance and _is_private(p, offer.region, offer.instance_type)), None)
    if private is not None:
        return replace(offer, price=private.price, list_price=offer.price)
    if offer.price is None:
        return offer
    left = _left(own.percentages, COMPUTE) * (1 - max(map(_saved, _fitting(own.commitments, offer)), default=Decimal(0)))
    return offer if left == 1 else replace(offer, price=_short(offer.price * left), list_price=offer.price)


def _discount_rate(rate: Rate, own: Discounts) -> Rate:
    private = next(
        (p for p in own.private_prices if p.service == rate.item and any(fnmatchcase(rate.region, r) for r in p.regions)), None
    )
    if private is not None:
        return replace(rate, price=private.price, list_price=rate.price)
    left = _left(own.percentages, rate.item)
    return rate if left == 1 else replace(rate, price=_short(rate.price * left), list_price=rate.price)


def _is_private(private: PrivatePrice, region: str, instance: str) -> bool:
    return private.instance == instance and any(fnmatchcase(region, pattern) for pattern in private.regions)


def _left(percentages: Iterable[Percentage], service: str) -> Decimal:
    left = Decimal(1)
    for percentage in percentages:
        if any(fnmatchcase(service, pattern) for pattern in percentage.services):
            left *= 1 - percentage.percent / _HUNDRED
    return left


def _fitting(commitments: Iterable[Commitment], offer: Offer) -> Iterable[Commitment]:
    return (
        c
        for c in commitments
        if any(fnmatchcase(offer.region, pattern) for pattern in c.regions)
        and any(fnmatchcase(offer.instance_type, pattern) for pattern in c.instances)
    )


def _saved(commitment: Commitment) -> Decimal:
    return commitment.percent * commitment.coverage / (_HUNDRED * _HUNDRED)


def _with_free_tiers(rates: Sequence[Rate], free_tiers: Sequence[FreeTier]) -> list[Rate]:
    """Rates with the free quantity as a tier of its own at the start."""
    free: dict[str, Decimal] = {}
    for tier in free_tiers:
        free[tier.service] = free.get(tier.service, Decimal(0)) + tier.quantity
    tiers: dict[tuple[str, str], list[Rate]] = {}
    for rate in rates:
        tiers.setdefault((rate.item, rate.region), []).append(rate)
    found: list[Rate] = []
    for (item, _), members in tiers.items():
        ordered = sorted(members, key=lambda rate: rate.from_quantity)
        found += _split(ordered, free[item]) if free.get(item) and ordered[0].from_quantity == 0 else members
    return found


def _split(ordered: Sequence[Rate], quantity: Decimal) -> list[Rate]:
    """Tiers cut at a quantity, free below it."""
    below = [tier for tier in ordered if tier.from_quantity < quantity]
    above = [tier for tier in ordered if tier.from_quantity >= quantity]
    gratis = [
        replace(tier, price=Decimal(0), list_price=tier.price if tier.list_price is None else tier.list_price) for tier in below
    ]
    if above and above[0].from_quantity == quantity:
        return [*gratis, *above]
    return [*gratis, replace(below[-1], from_quantity=quantity), *above]


def _short(price: Decimal) -> Decimal:
    """A price to twelve significant digits: finer than any list, and free of endless tails."""
    return _TWELVE.plus(price).normalize()


def _check_names(catalog: Catalog, own: Discounts) -> None:
    """A discount that fits nothing is a mistake in the file, not a discount of nothing."""
    instances = {offer.instance_type for offer in catalog.offers}
    items = {rate.item for rate in catalog.rates}
    private = own.private_prices
    for price in private:
        if price.currency != catalog.currency:
            raise UsageError(
                f"{own.source or 'discounts'}: a private price in {price.currency} does not fit {catalog.provider} prices in"
                f" {catalog.currency}; give it in {catalog.currency}"
            )
    _must_fit(own, "instance", [p.instance for p in private if p.instance], instances)
    _must_fit(own, "instance", [name for c in own.commitments for name in c.instances], instances)
    _must_fit(own, "service", [p.service for p in private if p.service] + [f.service for f in own.free_tiers], items)
    _must_fit(own, "service", [name for p in own.percentages for name in p.services], {COMPUTE, *items})
    named = [name for c in own.commitments for name in c.regions] + [name for p in private for name in p.regions]
    _must_fit(own, "region", named, {*catalog.regions, "*"})


def _must_fit(own: Discounts, kind: str, patterns: Iterable[str], known: set[str]) -> None:
    for pattern in dict.fromkeys(patterns):
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UsageError(f"{own.source or 'discounts'}: {UnknownNameError(kind, pattern, known)}")


def _words(own: Discounts) -> list[str]:
    """Each discount in one line."""
    words = [f"{_percent(p.percent)} off {_listed(p.services)}{_note(p.note)}" for p in own.percentages]
    words += [
        f"{c.kind.replace('_', ' ')} of {c.term}: {_percent(c.percent)} off {_percent(c.coverage)} of the hours of"
        f" {_listed(c.instances)} in {_listed(c.regions)}{_note(c.note)}"
        for c in own.commitments
    ]
    words += [f"{f.quantity.normalize():f} of {f.service} a month free{_note(f.note)}" for f in own.free_tiers]
    for p in own.private_prices:
        what = f"private price of {p.instance or p.service} in {_listed(p.regions)}"
        words.append(f"{what}: {p.price.normalize():f} {p.currency}{_note(p.note)}")
    return words


def _percent(value: Decimal) -> str:
    return f"{value.normalize():f} %"


def _listed(patterns: Sequence[str]) -> str:
    return "everything" if tuple(patterns) == ("*",) else ", ".join(patterns)


def _note(text: str) -> str:
    return f" ({text})" if text else ""
