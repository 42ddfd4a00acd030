"""How money and quantities are rounded. Each is rounded once, where it is made, so sums are exact."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

__all__ = ["significant", "to_micros", "unit_cost"]

_MICRO: Final = Decimal("0.000001")
_CENT: Final = Decimal("0.01")
_EIGHT: Final = Context(prec=8, rounding=ROUND_HALF_EVEN)
_LARGE: Final = 6
"""Order of magnitude from which eight digits no longer reach to the cent."""


def to_micros(value: Decimal) -> Decimal:
    """A month's amount to the millionth of a dollar (or other currency): what totals are sums of."""
    return value.quantize(_MICRO, ROUND_HALF_EVEN)


def significant(value: Decimal) -> Decimal:
    """A quantity to eight significant digits, and to no less than hundredths."""
    rounded = _EIGHT.plus(value)
    return rounded if rounded.adjusted() < _LARGE else value.quantize(_CENT, ROUND_HALF_EVEN)


def unit_cost(total: Decimal, quantity: Decimal) -> Decimal:
    """``total / quantity``, rounded like ``significant``."""
    rounded = _EIGHT.divide(total, quantity)
    return rounded if rounded.adjusted() < _LARGE else (total / quantity).quantize(_CENT, ROUND_HALF_EVEN)
