from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import UsageError
from infercost.domain.quantities import parse_bytes, parse_milliseconds, parse_rate, parse_seconds


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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("10min", 600), ("1h30m", 5400), ("1h 30m", 5400), ("2d", 172800), ("1w", 604800),
     ("500ms", 0.5), ("1.5h", 5400), (".5h", 1800), (" 2H ", 7200)],
)  # fmt: skip
def test_lengths_of_time(text, seconds):
    assert parse_seconds(text, "--clip 2h..26h") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "h", "-5m", "1h30", "30 1h", "5y", "1:30", "1e3s"])
def test_what_is_no_length_of_time(text):
    with pytest.raises(UsageError, match=r"write it like --clip 2h\.\.26h \(s, m, h, d or w\)"):
        parse_seconds(text, "--clip 2h..26h")


@pytest.mark.parametrize(
    ("text", "rps"),
    [
        ("500", 500),
        ("500rps", 500),
        ("500 RPS", 500),
        ("3000rpm", 50),
        ("2k", 2000),
        ("2krps", 2000),
        ("1.5/s", 1.5),
        ("1e3", 1000),
    ],
)
def test_rates(text, rps):
    assert parse_rate(text, "--peak 500rps") == pytest.approx(rps)


@pytest.mark.parametrize("text", ["", "rps", "-5", "5 apples", "5rpd"])
def test_what_is_no_rate(text):
    with pytest.raises(UsageError, match="write it like --peak 500rps"):
        parse_rate(text, "--peak 500rps")
