"""Figures as people read them, for reasons and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal


def amount(value: float) -> str:
    """Three significant digits, without an exponent where it can be avoided."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def milliseconds(value: float) -> str:
    """Milliseconds as ms, or as s from a second on."""
    return f"{amount(value / 1e3)} s" if value >= 1000 else f"{amount(value)} ms"


def gib(value: float) -> str:
    """GiB."""
    return f"{amount(value)} GiB"


def megabytes(size: float) -> str:
    """Bytes as MB."""
    return f"{amount(size / 1e6)} MB"


def money(value: Decimal, currency: str = "USD") -> str:
    """An amount with cents, or with four significant digits below one."""
    text = f"{value:,.2f}" if abs(value) >= 1 or not value else f"{value:.4g}"
    return f"${text}" if currency == "USD" else f"{text} {currency}"


def span(seconds: float) -> str:
    """A length of time in words: ``1 minute``, ``5 minutes``, ``1.5 h``, ``14 days``."""
    for unit, name in ((86400.0, "day"), (3600.0, "h"), (60.0, "minute")):
        if seconds >= 2 * unit or (seconds >= unit and seconds % unit == 0):
            value = f"{seconds / unit:.4g}"
            return f"{value} {name}{'s' if value != '1' and name != 'h' else ''}"
    return f"{seconds:.4g} {'second' if seconds == 1 else 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first few of a list, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
