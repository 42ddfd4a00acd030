"""Texts of options: what is read, and the one line when it cannot be."""

from __future__ import annotations

import pytest

from infercost.cli._options import parse_counts, parse_dims, parse_ms, parse_size
from infercost.domain.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [(None, None), ("4096", 4096), ("150kB", 150_000), ("2 MiB", 2 * 2**20), ("1.5MB", 1_500_000), ("0", 0), ("7B", 7)],
)
def test_sizes_are_read(text, size):
    assert parse_size(text, "--payload-in") == size


@pytest.mark.parametrize("text", ["", "-1", "big", "10 parsec", "1e3", "1,5kB", "∞"])
def test_a_bad_size_names_the_option(text):
    with pytest.raises(UsageError, match="--payload-in 150kB"):
        parse_size(text, "--payload-in")


def test_dimensions_are_read():
    assert parse_dims(["seq=128", "batch=4", "a=b=2"]) == {"seq": 128, "batch": 4, "a=b": 2}
    assert parse_dims(None) == {}


@pytest.mark.parametrize("text", ["seq", "=3", "seq=", "seq=0", "seq=-1", "seq=x", "seq=1.5", "seq=99999999999999999999"])
def test_a_bad_dimension_shows_the_form(text):
    with pytest.raises(UsageError, match="--dim seq=128"):
        parse_dims([text])


def test_counts_are_read_once_each_in_order():
    assert parse_counts("4, 1,4", "--batch") == (4, 1)
    assert parse_counts(None, "--batch") is None


@pytest.mark.parametrize("text", ["", "0", "1,,2", "-1", "two"])
def test_bad_counts_show_the_form(text):
    with pytest.raises(UsageError, match="--batch 1,4,16"):
        parse_counts(text, "--batch")


@pytest.mark.parametrize(("text", "ms"), [("80ms", 80), ("0.1s", 100), ("80", 80), ("500us", 0.5)])
def test_durations_are_read(text, ms):
    assert parse_ms(text, "--max-p99") == pytest.approx(ms)


def test_a_bad_duration_shows_the_form():
    with pytest.raises(UsageError, match="--max-p99 80ms"):
        parse_ms("soon", "--max-p99")
