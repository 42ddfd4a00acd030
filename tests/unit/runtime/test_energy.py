"""RAPL as Linux shows it, in a folder of the test's; no machine with readable counters is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.runtime import energy
from infercost.runtime.energy import joules, package_joules

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def zone(root: Path, name: str, microjoules: str) -> None:
    (root / name).mkdir(parents=True)
    (root / name / "energy_uj").write_text(microjoules + "\n")


def test_packages_are_added_up_and_their_parts_are_not(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "5000000")
    zone(tmp_path, "intel-rapl:1", "2500000")
    zone(tmp_path, "intel-rapl:0:0", "4000000")
    assert package_joules(tmp_path) == 7.5


def test_a_counter_that_may_not_be_read_is_none(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "5000000")
    (tmp_path / "intel-rapl:1").mkdir()
    assert package_joules(tmp_path) is None
    assert package_joules(tmp_path / "nothing") is None


def test_a_gpu_has_a_counter_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "device_energy_j", lambda: 3.0)
    monkeypatch.setattr(energy, "package_joules", lambda: 8.0)
    assert [joules(device) for device in ("cuda", "tensorrt", "cpu", "openvino")] == [3.0, 3.0, 8.0, 8.0]
