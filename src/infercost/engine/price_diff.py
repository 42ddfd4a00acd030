"""What changed between two snapshots of one provider's prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from infercost.domain.price_report import PriceChange

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from infercost.domain.price import Catalog

__all__ = ["diff_catalogs"]

_Change = Literal["added", "removed", "changed", "priced", "unpriced"]


class _Key(NamedTuple):
    region: str
    kind: str
    name: str
    unit: str
    from_quantity: Decimal | None


def diff_catalogs(old: Catalog, new: Catalog) -> tuple[PriceChange, ...]:
    """Offers and rates that are not the same, by region, kind and name.

    A price is compared at its unit, so a change of unit is a removal and an addition.

    Raises:
        ValueError: the catalogs are of different providers or currencies.
    """
    if (old.provider, old.currency) != (new.provider, new.currency):
        raise ValueError(f"cannot compare {old.provider} in {old.currency} with {new.provider} in {new.currency}")
    before, after = _prices(old), _prices(new)
    changes = (_change(new.provider, key, before, after) for key in sorted(before.keys() | after.keys(), key=_order))
    return tuple(change for change in changes if change is not None)


def _order(key: _Key) -> tuple[str, str, str, str, Decimal | int]:
    return (*key[:4], key.from_quantity or 0)


def _prices(catalog: Catalog) -> dict[_Key, Decimal | None]:
    found: dict[_Key, Decimal | None] = {_Key(o.region, o.kind, o.instance_type, o.unit, None): o.price for o in catalog.offers}
    return found | {_Key(r.region, "rate", r.item, r.unit, r.from_quantity.normalize()): r.price for r in catalog.rates}


def _change(
    provider: str, key: _Key, before: Mapping[_Key, Decimal | None], after: Mapping[_Key, Decimal | None]
) -> PriceChange | None:
    old, new = before.get(key), after.get(key)
    if key in before and key in after and old == new:
        return None
    kind: _Change = "added" if key not in before else "removed" if key not in after else "changed"
    if kind == "changed" and (old is None or new is None):
        kind = "priced" if old is None else "unpriced"
    return PriceChange(
        provider=provider,
        region=key.region,
        kind=key.kind,
        name=key.name,
        unit=key.unit,
        change=kind,
        old=old,
        new=new,
        relative=float(new / old) - 1 if old and new is not None else None,
        from_quantity=key.from_quantity,
    )
