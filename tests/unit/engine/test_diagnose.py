from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infercost.domain.diagnosis import BookAge, CacheFolder, Extra, Limits, ProviderFacts, Software
from infercost.domain.hardware import Ceilings
from infercost.domain.microbench import Microbenchmark, Microbenchmarks
from infercost.engine import diagnose
from infercost.store.artifacts import load_profile
from infercost.store.hardware import describe_machine, load_hardware

MACHINE = load_profile(Path(__file__).parents[3] / "profiles" / "digits.json").machine
HARDWARE = describe_machine(MACHINE, load_hardware())
FREE = Limits(None, None, 8 << 30)
CEILINGS = Ceilings(
    gemm_gflops={"fp32": 90.0, "int8": 180.0},
    conv_gflops={"fp32": 85.0},
    bandwidth_gbps=((65536, 90.0), (1 << 28, 16.0)),
    dispatch_us=0.3,
    source="test",
    measured_on="here",
)


def measured(gemm: float = 90.0, *, spread: float = 0.01, disturbed: float = 0.0) -> Microbenchmarks:
    figure = Microbenchmark(
        name="gemm_fp32", unit="GFLOP/s", threads=1, value=gemm, spread=spread, blocks=12, disturbed=disturbed
    )
    ceilings = replace(CEILINGS, gemm_gflops={"fp32": gemm, "int8": 180.0})
    return Microbenchmarks(
        infercost_version="0", created="2026-11-24T00:00:00+00:00", fingerprint="f", seconds=11.4, ceilings=ceilings,
        figures=(figure,),
    )  # fmt: skip


def levels(findings) -> list[str]:
    return [finding.level for finding in findings]


def test_a_known_machine_without_limits_is_well():
    assert levels(diagnose.judge_machine(MACHINE, HARDWARE, FREE)) == ["ok"]


def test_an_unknown_cpu_is_a_note_with_what_to_send():
    strange = replace(MACHINE, cpu_model="Zhaoxin KX-7000", cpu_family=None, cpu_family_id=None, cpu_model_id=None)
    (found,) = diagnose.judge_machine(strange, describe_machine(strange, load_hardware()), FREE)
    assert found.level == "note"
    assert "widest band" in found.text
    assert found.next == "infercost doctor --format json --out doctor.json"


@pytest.mark.parametrize(
    ("limits", "level", "text"),
    [
        (Limits(2.0, None, 8 << 30), "ok", "2 CPUs"),
        (Limits(1.5, None, 8 << 30), "note", "latencies will jump"),
        (Limits(None, 4 << 30, 3 << 30), "ok", "4.0 GiB, set by the container"),
        (Limits(None, 4 << 30, 1 << 28), "note", "nearly used up"),
    ],
)
def test_what_a_container_sets_is_told(limits, level, text):
    _, found = diagnose.judge_machine(MACHINE, HARDWARE, limits)
    assert found.level == level
    assert text in found.text


def test_hyper_threading_is_a_note():
    machine = replace(MACHINE, threads_per_core=2, physical_cores=1)
    assert "2 threads share a core" in [*diagnose.judge_machine(machine, HARDWARE, FREE)][-1].text


def test_rates_are_compared_with_the_table():
    cpu = HARDWARE.cpu
    assert cpu is not None
    found = {c.name: c for c in diagnose.compare(measured(), HARDWARE)}
    assert set(found) == {"product fp32", "product int8", "convolution fp32", "memory"}
    assert found["product fp32"].ceiling == pytest.approx(cpu.fp32_flops_per_cycle * cpu.sustained_ghz)
    assert (found["memory"].measured, found["memory"].of) == (16.0, "socket")
    assert diagnose.compare(measured(), replace(HARDWARE, cpu=None)) == ()


@pytest.mark.parametrize(
    ("taken", "level", "exit_code", "text"),
    [
        (measured(), "ok", 0, "taken 2026-11-24 in 11 s"),
        (measured(spread=0.3), "note", 0, "gemm_fp32 did not hold still"),
        (measured(disturbed=0.8), "problem", 4, "80% of the blocks were disturbed"),
        (None, "note", 0, "not measured"),
    ],
)
def test_whether_the_figures_can_be_relied_on(taken, level, exit_code, text):
    (found,) = diagnose.judge_measured(taken, ())
    assert (found.level, found.exit_code) == (level, exit_code)
    assert text in found.text
    assert (found.next is None) == (level == "ok")


@pytest.mark.parametrize(("gemm", "text"), [(20.0, "throttled, shared or emulated"), (400.0, "clock is higher")])
def test_a_machine_that_is_not_what_the_table_says_is_a_note(gemm, text):
    taken = measured(gemm)
    _, found = diagnose.judge_measured(taken, diagnose.compare(taken, HARDWARE))
    assert found.level == "note"
    assert text in found.text


def test_software():
    well = Software("3.11", "0.1.0", "1.32", ("CPUExecutionProvider",))
    assert levels(diagnose.judge_software(well, None)) == ["ok"]
    _, idle = diagnose.judge_software(well, "NVIDIA L4")
    assert idle.next == "pip install 'infercost[cuda]'"
    gpu = replace(well, execution_providers=("CUDAExecutionProvider", "CPUExecutionProvider"))
    assert levels(diagnose.judge_software(gpu, "NVIDIA L4")) == ["ok"]
    (broken,) = diagnose.judge_software(replace(well, execution_providers=()), None)
    assert (broken.level, broken.exit_code) == ("problem", 2)


def test_extras():
    found = [*diagnose.judge_extras([Extra("a", {"x": "1"}), Extra("b", {"x": "1", "y": None}), Extra("c", {"y": None})])]
    assert levels(found) == ["ok", "note", "note"]
    assert [f.text for f in found] == ["x 1", "x 1 is here, y is not", "not installed"]
    assert found[2].next == "pip install 'infercost[c]'"


def test_prices():
    found = [
        *diagnose.judge_prices(
            [
                BookAge("new", "2026-11-20", 4),
                BookAge("old", "2026-06-18", 159),
                BookAge("gone", None, None, error="the snapshot is damaged"),
            ]
        )
    ]
    assert levels(found) == ["ok", "note", "problem"]
    assert found[1].next == "infercost prices refresh --provider old"
    assert found[2].exit_code == 4
    assert "damaged" in found[2].text


def test_caches():
    folders = [CacheFolder("profiles", "/p", 3 << 20, 7, 256 << 20), CacheFolder("prices", "/q", 1 << 20, 1, None)]
    found = [*diagnose.judge_caches(folders, None)]
    assert levels(found) == ["ok", "ok"]
    assert [f.text for f in found] == ["3.0 MiB of at most 256.0 MiB in 7 files", "1.0 MiB in 1 file"]
    (full,) = diagnose.judge_caches([replace(folders[0], bytes=300 << 20)], None)
    assert full.level == "note"
    (closed,) = diagnose.judge_caches([], "no permission to write in /p")
    assert (closed.level, closed.exit_code) == ("problem", 2)
    assert "INFERCOST_CACHE_DIR" in (closed.next or "")


def test_providers():
    found = [
        *diagnose.judge_providers(
            [
                ProviderFacts("good", "Good", ("refreshes",), ("realtime",)),
                ProviderFacts("bare"),
                ProviderFacts("bad", error="provider 'bad' cannot be loaded: X; update or uninstall it: pip install -U bad"),
            ]
        )
    ]
    assert [f.text for f in found[:2]] == ["estimates, refreshes; modes: realtime", "estimates; modes: none"]
    assert (found[2].level, found[2].exit_code) == ("problem", 5)
    assert found[2].next == "pip install -U bad"
