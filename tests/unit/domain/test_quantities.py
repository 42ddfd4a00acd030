from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.domain.quantities import parse_bytes, parse_milliseconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("256B", 256), ("150kB", 150_000), (" 2 MiB ", 2 * 2**20), ("1.5GB", 1_500_000_000), ("0", 0)],
)
def test_sizes(text, size):
    assert parse_bytes(text, "x") == size


@pytest.mark.parametrize(("text", "ms"), [("80", 80), ("80ms", 80), ("0.1s", 100), ("250us", 0.25), ("0", 0)])
def test_durations(text, ms):
    assert parse_milliseconds(text, "x") == pytest.approx(ms)


@pytest.mark.parametrize("text", ["", "many", "-1", "1kX", "1 2", "inf", "1e3"])
def test_what_is_neither_says_what_to_write(text):
    with pytest.raises(UsageError, match="write it like --size 1kB"):
        parse_bytes(text, "--size 1kB")
    with pytest.raises(UsageError, match="write it like --wait 1ms"):
        parse_milliseconds(text, "--wait 1ms")


@given(st.integers(0, 10**12))
def test_a_plain_number_is_bytes(number):
    assert parse_bytes(str(number), "x") == parse_bytes(f"{number}B", "x") == number
