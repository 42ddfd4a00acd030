from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infercost.store import cache
from infercost.store.artifacts import load_profile
from infercost.store.writing import os as writing_os

if TYPE_CHECKING:
    from infercost.domain.profile import Profile

GOLDEN = Path(__file__).parents[2] / "golden" / "profile.json"


@pytest.fixture
def profile() -> Profile:
    return load_profile(GOLDEN)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def entries(folder: Path) -> list[Path]:
    return list((folder / "profiles").iterdir())


def test_what_was_put_is_got(profile):
    assert cache.put_profile("key", profile) is None
    assert cache.get_profile("key") == profile


def test_a_key_never_put_gives_nothing(folder):
    assert cache.get_profile("key") is None
    assert not folder.exists()


def test_keys_do_not_meet(profile):
    cache.put_profile("a", profile)
    assert cache.get_profile("b") is None


@pytest.mark.parametrize("key", ["", "a/../../b", "x" * 100_000, "ключ\n|", "con"])
def test_any_text_is_a_key_and_is_not_in_the_name(profile, folder, key):
    cache.put_profile(key, profile)
    assert cache.get_profile(key) == profile
    (entry,) = entries(folder)
    assert len(entry.stem) == 64
    assert entry.suffix == ".json"


def test_putting_again_replaces(profile, folder):
    cache.put_profile("key", profile)
    newer = replace(profile, created="2027-01-01T00:00:00Z")
    cache.put_profile("key", newer)
    assert cache.get_profile("key") == newer
    assert len(entries(folder)) == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"\x00\x01", b'{"schema_version": 99, "kind": "profile"}'])
def test_a_damaged_entry_is_ignored_and_replaced(profile, folder, damage):
    cache.put_profile("key", profile)
    entries(folder)[0].write_bytes(damage)
    assert cache.get_profile("key") is None
    assert cache.put_profile("key", profile) is None
    assert cache.get_profile("key") == profile


def test_a_cache_that_cannot_be_made_is_a_warning(profile, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "file"))
    warning = cache.put_profile("key", profile)
    assert warning.startswith("the profile was not cached (")
    assert warning.endswith("set INFERCOST_CACHE_DIR to a folder that can be written")
    assert "\n" not in warning
    assert cache.get_profile("key") is None


def test_an_entry_that_cannot_be_written_is_a_warning(profile, monkeypatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(writing_os, "open", refuse)
    assert "no permission to write" in cache.put_profile("key", profile)


def test_concurrent_writers_and_readers_are_safe(profile, folder):
    variants = [replace(profile, created=f"2027-01-0{i}T00:00:00Z") for i in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda i: (cache.put_profile("key", variants[i % 4]), cache.get_profile("key")), range(24)))
    assert all(warning is None and got in variants for warning, got in outcomes)
    assert len(entries(folder)) == 1


def test_the_users_cache_folder_is_the_default(monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", "")
    assert cache.cache_dir().name == "infercost"


def test_a_tilde_in_the_setting_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", "~/somewhere")
    assert cache.cache_dir() == Path.home() / "somewhere"
