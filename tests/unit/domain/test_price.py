from __future__ import annotations

from decimal import Decimal

import pytest

from infercost.domain.errors import UsageError
from infercost.domain.price import ExchangeRate


def test_a_rate_is_read_exactly():
    assert ExchangeRate.parse(" EUR=0.920000001@2026-11-01 ") == ExchangeRate(
        currency="EUR", rate=Decimal("0.920000001"), as_of="2026-11-01"
    )


@pytest.mark.parametrize(
    "text", ["", "EUR", "EUR=1", "eur=1@2026-11-01", "EUR=1e3@2026-11-01", "EUR=NaN@2026-11-01", "EUR=1@now"]
)
def test_what_is_no_rate_shows_how_to_write_one(text):
    with pytest.raises(UsageError, match=r"--fx EUR=0\.92@2026-11-01"):
        ExchangeRate.parse(text)
