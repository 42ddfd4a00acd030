from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infercost.runtime.cgroup import cpu_quota, memory_headroom, memory_limit, throttled_s

if TYPE_CHECKING:
    from pathlib import Path


def write(root: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    for name, content in files.items():
        path = root / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    (root / "self").write_text(membership)
    return root / "cgroup", root / "self"


def test_version_2_limits_count_from_the_process_up(tmp_path: Path) -> None:
    where = write(
        tmp_path,
        "0::/pod/box\n",
        {
            "pod/box/cpu.max": "max 100000",
            "pod/cpu.max": "150000 100000",
            "pod/box/memory.max": "max",
            "pod/memory.max": str(2**30),
            "pod/memory.current": str(2**29),
        },
    )
    assert cpu_quota(*where) == pytest.approx(1.5)
    assert memory_limit(*where) == 2**30
    assert memory_headroom(*where) == 2**29


def test_version_1_limits(tmp_path: Path) -> None:
    where = write(
        tmp_path,
        "4:memory:/box\n3:cpu,cpuacct:/box\n",
        {
            "cpu/box/cpu.cfs_quota_us": "200000",
            "cpu/box/cpu.cfs_period_us": "100000",
            "cpu/cpu.cfs_quota_us": "-1",
            "memory/box/memory.limit_in_bytes": str(3 * 2**30),
            "memory/box/memory.usage_in_bytes": str(2**30),
            "memory/memory.limit_in_bytes": str(0x7FFFFFFFFFFFF000),
        },
    )
    assert cpu_quota(*where) == pytest.approx(2.0)
    assert memory_limit(*where) == 3 * 2**30
    assert memory_headroom(*where) == 2 * 2**30


def test_a_container_that_sees_only_its_own_root(tmp_path: Path) -> None:
    where = write(tmp_path, "0::/hidden/by/namespace\n", {"cpu.max": "50000 100000", "memory.max": "1000"})
    assert cpu_quota(*where) == pytest.approx(0.5)
    assert memory_limit(*where) == 1000


def test_no_limits(tmp_path: Path) -> None:
    where = write(tmp_path, "0::/\n", {"cpu.max": "max 100000", "memory.max": "max"})
    assert cpu_quota(*where) is None
    assert memory_limit(*where) is None
    assert memory_headroom(*where) is None


def test_no_cgroups_at_all(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path / "none") is None
    assert memory_limit(tmp_path, tmp_path / "none") is None


def test_over_its_limit_nothing_is_left(tmp_path: Path) -> None:
    where = write(tmp_path, "0::/\n", {"memory.max": "100", "memory.current": "150"})
    assert memory_headroom(*where) == 0


def test_time_that_the_quota_took_is_counted_in_both_versions(tmp_path: Path) -> None:
    two = write(tmp_path / "a", "0::/pod\n", {"pod/cpu.stat": "usage_usec 5\nnr_throttled 3\nthrottled_usec 2500000"})
    one = write(tmp_path / "b", "4:cpu:/pod\n", {"cpu/pod/cpu.stat": "nr_periods 9\nthrottled_time 1500000000"})
    none = write(tmp_path / "c", "0::/\n", {"cpu.stat": "usage_usec 5"})
    assert throttled_s(*two) == pytest.approx(2.5)
    assert throttled_s(*one) == pytest.approx(1.5)
    assert throttled_s(*none) is None
