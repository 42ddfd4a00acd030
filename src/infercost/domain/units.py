"""Units and constants that the whole project states once."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

HOURS_PER_MONTH: Final = Decimal(730)
"""Hours in a billing month: 8760 / 12, as the three clouds' own calculators use."""

SECONDS_PER_MONTH: Final = HOURS_PER_MONTH * 3600

GB: Final = 10**9
"""A decimal gigabyte, the unit that clouds bill traffic in unless a rate says GiB."""

GIB: Final = 2**30

SCHEMA_VERSION: Final = 1
"""Version of every JSON artifact this release writes. Readers accept this and older."""
