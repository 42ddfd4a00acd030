from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.hardware import Ceilings
from infercost.domain.microbench import Microbenchmark, Microbenchmarks
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


def ages(folder: Path) -> None:
    """Give entries the ages of their names: the first is the oldest."""
    for age, entry in enumerate(sorted(folder.iterdir())):
        os.utime(entry, ns=(age * 10**9, age * 10**9))


def test_the_bound_lets_the_oldest_go_and_keeps_what_was_just_put(profile, folder, monkeypatch):
    cache.put_profile("first", profile)
    size = entries(folder)[0].stat().st_size
    monkeypatch.setenv("INFERCOST_CACHE_LIMIT", f"{2 * size}B")
    os.utime(entries(folder)[0], ns=(0, 0))
    for key in ("second", "third"):
        cache.put_profile(key, profile)
    assert cache.get_profile("first") is None
    assert cache.get_profile("second") == cache.get_profile("third") == profile


def test_what_is_used_is_not_the_oldest(profile, folder, monkeypatch):
    for key in ("old", "newer"):
        cache.put_profile(key, profile)
        ages(folder / "profiles")
    size = entries(folder)[0].stat().st_size
    for entry in entries(folder):
        os.utime(entry, ns=(0, 0))
    assert cache.get_profile("old") == profile
    monkeypatch.setenv("INFERCOST_CACHE_LIMIT", f"{2 * size}")
    cache.put_profile("third", profile)
    assert cache.get_profile("old") == profile
    assert cache.get_profile("newer") is None


def test_a_profile_larger_than_the_bound_is_kept_alone(profile, folder, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_LIMIT", "1B")
    for key in ("a", "b"):
        assert cache.put_profile(key, profile) is None
    assert len(entries(folder)) == 1
    assert cache.get_profile("b") == profile


def test_a_bound_that_is_no_size_costs_no_profile(profile, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_LIMIT", "plenty")
    assert "INFERCOST_CACHE_LIMIT" in (cache.put_profile("key", profile) or "")
    assert cache.get_profile("key") == profile


@given(
    sizes=st.lists(st.integers(0, 50), max_size=12),
    limit=st.integers(0, 200),
)
def test_eviction_keeps_a_newest_suffix_within_the_limit(tmp_path_factory, sizes, limit):
    folder = tmp_path_factory.mktemp("evict")
    for age, size in enumerate(sizes):
        file = folder / f"{age:02}"
        file.write_bytes(b"x" * size)
        os.utime(file, ns=(age * 10**9, age * 10**9))
    removed = cache.evict(folder, limit)
    left = sorted(int(file.name) for file in folder.iterdir())
    assert left == list(range(removed, len(sizes)))
    assert sum(sizes[age] for age in left) <= limit
    if removed:
        assert sum(sizes[removed - 1 :]) > limit


def test_evicting_and_sizing_a_folder_that_is_not_there(tmp_path):
    assert cache.evict(tmp_path / "none", 0) == 0
    assert cache.folder_usage(tmp_path / "none") == cache.Usage(0, 0)


def test_a_folder_is_sized_in_all_depths_and_links_are_not_followed(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"123")
    (tmp_path / "a" / "b" / "two").write_bytes(b"4567")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    usage = cache.folder_usage(tmp_path / "a")
    assert usage.files == 3
    assert usage.bytes == 7 + (tmp_path / "a" / "loop").lstat().st_size


def test_microbenchmarks_are_kept_by_key():
    assert cache.get_microbenchmarks("machine") is None
    value = a_measurement()
    assert cache.put_microbenchmarks("machine", value) is None
    assert cache.get_microbenchmarks("machine") == value
    assert cache.get_microbenchmarks("another") is None


def test_damaged_microbenchmarks_are_none(folder):
    cache.put_microbenchmarks("machine", a_measurement())
    (entry,) = (folder / "microbenchmarks").iterdir()
    entry.write_bytes(b'{"figures": 3}')
    assert cache.get_microbenchmarks("machine") is None


def test_microbenchmarks_that_cannot_be_kept_say_why(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "file"))
    assert "INFERCOST_CACHE_DIR" in (cache.put_microbenchmarks("machine", a_measurement()) or "")


def a_measurement() -> Microbenchmarks:
    ceilings = Ceilings(
        gemm_gflops={"fp32": 90.0},
        conv_gflops={"fp32": 80.0},
        bandwidth_gbps=((65536, 90.0), (1 << 28, 15.0)),
        dispatch_us=0.3,
        source="test",
        measured_on="amd-epyc-milan",
    )
    figure = Microbenchmark(name="gemm_fp32", unit="GFLOP/s", threads=1, value=90.0, spread=0.01, blocks=10, disturbed=0.0)
    return Microbenchmarks(
        infercost_version="0.1.0", created="2026-11-24T00:00:00+00:00", fingerprint="f", seconds=5.0, ceilings=ceilings,
        figures=(figure,),
    )  # fmt: skip
