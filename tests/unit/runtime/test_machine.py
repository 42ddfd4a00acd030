from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from infercost.runtime import machine
from infercost.runtime.machine import (
    cpu_facts,
    fingerprint,
    fingerprint_machine,
    instance_type,
    normalize_isa,
    parse_cpuinfo,
)

if TYPE_CHECKING:
    from pathlib import Path

XEON = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R)   Platinum 8488C
flags\t\t: fpu sse4_2 avx avx2 fma avx512f avx512_vnni amx_tile amx_int8 hypervisor

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: something else
"""

GRAVITON = """processor\t: 0
Features\t: fp asimd asimddp sve i8mm bf16
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd40
"""


def test_x86_is_read() -> None:
    facts = parse_cpuinfo(XEON)
    assert facts.model == "Intel(R) Xeon(R) Platinum 8488C"
    assert (facts.vendor, facts.family_id, facts.model_id) == ("GenuineIntel", 6, 143)
    assert normalize_isa(facts.flags) == (
        "amx_int8",
        "amx_tile",
        "avx",
        "avx2",
        "avx512_vnni",
        "avx512f",
        "fma",
        "sse4_2",
    )


def test_arm_is_named_by_its_part() -> None:
    facts = parse_cpuinfo(GRAVITON)
    assert facts.model == "Neoverse-V1"
    assert facts.vendor == "0x41"
    assert facts.family_id is None
    assert normalize_isa(facts.flags) == ("asimd", "asimddp", "bf16", "i8mm", "sve")


def test_an_unknown_cpu_still_has_a_name() -> None:
    assert parse_cpuinfo("").model
    assert parse_cpuinfo("CPU part\t: 0xfff\n").model == "0xfff"


def test_flags_that_do_not_matter_are_dropped() -> None:
    assert normalize_isa(["fpu", "vme", "avx2", "AVX1.0".lower()]) == ("avx", "avx2")


def test_without_cpuinfo_the_platform_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSOR_IDENTIFIER", "Intel64 Family 6")
    monkeypatch.setattr(machine, "sys", SimpleNamespace(platform="win32"))
    assert cpu_facts(tmp_path / "none").model == "Intel64 Family 6"


def test_apple_silicon_is_read_from_sysctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: object) -> SimpleNamespace:
        return SimpleNamespace(stdout="Apple M4\n" if command[-1].endswith("brand_string") else "")

    monkeypatch.setattr(machine, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(machine, "subprocess", SimpleNamespace(run=run, TimeoutExpired=TimeoutError))
    facts = cpu_facts(tmp_path / "none")
    assert (facts.model, facts.vendor, facts.flags) == ("Apple M4", "Apple", {"asimd"})


def dmi(folder: Path, vendor: str, product: str) -> Path:
    (folder / "sys_vendor").write_text(vendor + "\n")
    (folder / "product_name").write_text(product + "\n")
    return folder


@pytest.mark.parametrize(
    "product", ["m5.xlarge", "c7i.4xlarge", "g4dn.xlarge", "m7g.metal", "u7i-12tb.224xlarge", "c7i.metal-24xl"]
)
def test_ec2_names_its_type(tmp_path: Path, product: str) -> None:
    assert instance_type(whole=True, dmi=dmi(tmp_path, "Amazon EC2", product)) == f"sagemaker:ml.{product}"


@pytest.mark.parametrize(
    ("vendor", "product", "whole"),
    [
        ("Amazon EC2", "m5.xlarge", False),
        ("Amazon EC2", "HVM domU", True),
        ("Google", "Google Compute Engine", True),
        ("Microsoft Corporation", "Virtual Machine", True),
        ("Somebody", "m5.xlarge", True),
    ],
)
def test_nothing_is_claimed_that_is_not_certain(tmp_path: Path, vendor: str, product: str, whole: bool) -> None:
    assert instance_type(whole=whole, dmi=dmi(tmp_path, vendor, product)) is None


def test_no_firmware_strings_no_type(tmp_path: Path) -> None:
    assert instance_type(whole=True, dmi=tmp_path) is None


def test_this_machine_has_a_description() -> None:
    here = fingerprint_machine()
    assert here.cpu_model
    assert 1 <= here.logical_cpus <= (os.cpu_count() or 1)
    assert here.physical_cores is not None
    assert 1 <= here.physical_cores <= here.logical_cpus
    assert here.memory_bytes > 2**28
    assert here.cpu_family is None
    assert len(here.fingerprint) == 16
    assert fingerprint_machine().fingerprint == here.fingerprint


def test_no_name_of_host_or_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import platform

    monkeypatch.setattr(platform, "node", lambda: "secret-host")
    monkeypatch.setenv("USER", "secret-user")
    text = repr(fingerprint_machine())
    assert "secret" not in text


def test_only_what_changes_speed_changes_the_fingerprint() -> None:
    here = fingerprint_machine()
    assert fingerprint(replace(here, os="other", instance_type="x:y")) == fingerprint(here)
    assert fingerprint(replace(here, logical_cpus=here.logical_cpus + 1)) != fingerprint(here)


def test_a_quota_limits_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_affinity", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(machine, "cpu_quota", lambda: 1.5)
    assert machine.usable_cpus() == 2
    monkeypatch.setattr(machine, "cpu_quota", lambda: 0.2)
    assert machine.usable_cpus() == 1
    monkeypatch.setattr(machine, "cpu_quota", lambda: None)
    assert machine.usable_cpus() == 4


def test_hardware_threads_of_one_core_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "usable_affinity", lambda: [0, 1, 2, 3])
    monkeypatch.setattr(machine, "cpu_quota", lambda: None)
    monkeypatch.setattr(machine, "core_of", lambda cpu: f"{cpu % 2},{cpu % 2 + 2}")
    assert machine.usable_cores() == 2


def test_a_core_is_known_by_its_siblings(tmp_path: Path) -> None:
    topology = tmp_path / "cpu3" / "topology"
    topology.mkdir(parents=True)
    (topology / "thread_siblings_list").write_text("1,3\n")
    assert machine.core_of(3, tmp_path) == "1,3"
    assert machine.core_of(7, tmp_path) == str(7 // machine.threads_per_core())
