from __future__ import annotations

import json

import pytest

from infercost.domain.errors import ArtifactError
from infercost.store.price_lock import LOCK_FILE, Pin, PriceLock, encode_lock, find_lock, read_lock

LOCK = PriceLock({"vertex": Pin("2026-07-30", "b" * 64, "EUR"), "sagemaker": Pin("2026-09-22", "a" * 64)}, "1.2.3")


@pytest.fixture
def path(tmp_path):
    return tmp_path / LOCK_FILE


def test_what_is_written_is_read_back(path):
    path.write_bytes(encode_lock(LOCK))
    assert read_lock(path) == LOCK


def test_the_same_pins_give_the_same_bytes():
    turned = PriceLock(dict(reversed(LOCK.pins.items())), "1.2.3")
    assert encode_lock(turned) == encode_lock(LOCK)
    assert list(json.loads(encode_lock(LOCK))["prices"]) == ["sagemaker", "vertex"]


def test_it_is_found_by_its_name(path):
    assert find_lock(path.parent) is None
    path.write_text("{}")
    assert find_lock(path.parent) == path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[]", "is not a lock of prices"),
        ("{}", "is not a lock of prices"),
        ('{"version": 1}', "is not a lock of prices"),
        ('{"version": 2, "prices": {}}', "written by a newer infercost; run: pip install --upgrade"),
        ('{"version": 1, "prices": {"vertex": 3}}', "does not pin vertex by date"),
        ('{"version": 1, "prices": {"vertex": {"as_of": "2026-01-01", "sha256": "abc"}}}', "does not pin vertex by date"),
        ('{"version": 1, "prices": {"vertex": {"sha256": "' + "a" * 64 + '"}}}', "does not pin vertex by date"),
    ],
)
def test_what_is_no_lock_says_so(path, text, message):
    path.write_text(text)
    with pytest.raises(ArtifactError, match=message):
        read_lock(path)


def test_a_lock_that_is_gone_is_named(path):
    with pytest.raises(ArtifactError, match=r"cannot read .*infercost-prices\.lock.*infercost prices lock"):
        read_lock(path)
