"""The shipped hardware table, and how a machine finds its place in it."""

from __future__ import annotations

import csv
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.profile import Machine
from infercost.domain.units import GIB
from infercost.store.hardware import accelerator_of, cpu_family_of, describe_machine, load_hardware

TABLE = load_hardware()
INSTANCES = list(TABLE.instances.values())
NOT_A_MACHINE = {"eia1", "eia2"}


def machine(**changes) -> Machine:
    facts = {
        "cpu_model": "AMD EPYC",
        "cpu_vendor": "AuthenticAMD",
        "cpu_family": "amd-epyc-milan",
        "arch": "x86_64",
        "isa": ("avx2", "fma", "vaes"),
        "logical_cpus": 2,
        "memory_bytes": 8 * GIB,
        "os": "Linux",
    }
    return Machine(**(facts | changes))


def test_every_provider_has_its_types():
    count = {name: sum(h.provider == name for h in INSTANCES) for name in ("sagemaker", "vertex", "azureml")}
    assert count == {"sagemaker": 298, "vertex": 173, "azureml": 85}


def test_keys_are_unique():
    for name in ("instances.csv", "cpu_families.csv", "accelerators.csv"):
        with (files("infercost") / "data/hardware" / name).open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        keys = [(row.get("provider"), row.get("instance_type") or row.get("key")) for row in rows]
        assert len(keys) == len(set(keys)), name


def test_every_instance_is_positive_and_sourced():
    for hardware in INSTANCES:
        assert hardware.source.count(":") >= 2, hardware
        assert (hardware.accelerator is None) == (hardware.accelerator_count == 0), hardware
        if hardware.family in NOT_A_MACHINE:
            assert (hardware.vcpus, hardware.cpu) == (0, None), hardware
            assert hardware.note, hardware
            continue
        assert hardware.vcpus > 0, hardware
        assert 0.25 <= hardware.memory_gib / hardware.vcpus <= 32, hardware
        assert hardware.threads_per_core in (1, 2), hardware
        assert hardware.cpu is not None or hardware.note, hardware


def test_arm_has_one_thread_a_core():
    arm = [h for h in INSTANCES if h.cpu is not None and h.cpu.arch == "aarch64"]
    assert arm
    assert {h.threads_per_core for h in arm} == {1}


@pytest.mark.parametrize("family", TABLE.families.values(), ids=lambda f: f.key)
def test_a_cpu_family_is_plausible(family):
    assert family.source
    assert family.arch in ("x86_64", "aarch64")
    assert family.fp32_flops_per_cycle in (8, 16, 32, 64)
    assert family.int8_ops_per_cycle >= family.fp32_flops_per_cycle
    assert 2 <= family.sustained_ghz <= 5
    assert 2 <= family.memory_bandwidth_gbs / family.cores_per_socket <= 30
    assert 0.3 < family.scalar_speed < 3
    assert (family.fp32_flops_per_cycle == 64) <= ("avx512f" in family.isa)
    assert ("amx_int8" in family.isa) == (family.int8_ops_per_cycle == 2048)


@pytest.mark.parametrize("accelerator", TABLE.accelerators.values(), ids=lambda a: a.key)
def test_an_accelerator_is_plausible(accelerator):
    assert accelerator.source
    assert accelerator.memory_gib > 0
    assert accelerator.memory_bandwidth_gbs > 0
    peaks = [accelerator.fp32_tflops, accelerator.tf32_tflops, accelerator.fp16_tflops, accelerator.int8_tops]
    known = [peak for peak in peaks if peak is not None]
    assert known == sorted(known)
    if accelerator.vendor != "NVIDIA":
        assert accelerator.onnxruntime_provider is None


def test_a_slice_is_its_share_of_the_card():
    for key, part in TABLE.accelerators.items():
        if "/" in key:
            name, fraction = key.rsplit("-", 1)
            share = 1 / int(fraction.removeprefix("1/"))
            whole = TABLE.accelerators[name]
            assert part.fp32_tflops == pytest.approx(whole.fp32_tflops * share, rel=1e-3)
            assert part.memory_gib == pytest.approx(whole.memory_gib * share, rel=0.01)


def test_memory_grows_with_the_size_of_a_plain_family():
    by_family = {}
    for h in INSTANCES:
        if h.accelerator is None and h.family not in NOT_A_MACHINE:
            by_family.setdefault((h.provider, h.family), []).append((h.vcpus, h.memory_gib))
    for key, sizes in by_family.items():
        for (smaller, less), (larger, more) in pairwise(sorted(sizes)):
            # T2 and T3 have two sizes of one and two vCPUs; all other families grow in both.
            assert more > less or key[1] in ("t2", "t3"), (key, smaller, larger)


def offers():
    for provider in (files("infercost") / "providers").iterdir():
        prices = provider / "prices" / "offers.csv"
        if prices.is_file():
            with prices.open(encoding="utf-8", newline="") as file:
                yield from ((provider.name, row) for row in csv.DictReader(file))


def test_every_priced_type_is_in_the_table():
    priced = {(provider, row["instance_type"]) for provider, row in offers() if row.get("mode", "realtime") == "realtime"}
    assert {provider for provider, _ in priced} == {"sagemaker", "vertex", "azureml"}
    assert sorted(priced - TABLE.instances.keys()) == []


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "intel-cascadelake"),
        ("Intel(R) Xeon(R) Platinum 8124M CPU @ 3.00GHz", "intel-skylake"),
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "intel-icelake"),
        ("Intel(R) Xeon(R) Platinum 8380H CPU @ 2.90GHz", "intel-cascadelake"),
        ("Intel(R) Xeon(R) Platinum 8488C", "intel-sapphirerapids"),
        ("INTEL(R) XEON(R) PLATINUM 8573C", "intel-emeraldrapids"),
        ("Intel(R) Xeon(R) 6975P-C", "intel-graniterapids"),
        ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", "intel-broadwell"),
        ("Intel(R) Xeon(R) CPU E5-2666 v3 @ 2.90GHz", "intel-haswell"),
        ("Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", "intel-sandybridge"),
        ("AMD EPYC 7571", "amd-epyc-naples"),
        ("AMD EPYC 7R32", "amd-epyc-rome"),
        ("AMD EPYC 7V12 64-Core Processor", "amd-epyc-rome"),
        ("AMD EPYC 7R13 Processor", "amd-epyc-milan"),
        ("AMD EPYC 74F3 24-Core Processor", "amd-epyc-milan"),
        ("AMD EPYC 9R14", "amd-epyc-genoa"),
        ("AMD EPYC 9V45 96-Core Processor", "amd-epyc-turin"),
        ("AMD EPYC-Rome Processor", "amd-epyc-rome"),
        ("AMD Ryzen 9 5950X 16-Core Processor", "amd-ryzen-zen3"),
        ("13th Gen Intel(R) Core(TM) i7-1370P", "intel-core-hybrid"),
        ("Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz", "intel-core"),
        ("Neoverse-V1", "aws-graviton3"),
        ("Neoverse-N1", "aws-graviton2"),
        ("Neoverse-V3", "aws-graviton5"),
        ("Intel64 Family 6 Model 106 Stepping 6, GenuineIntel", "intel-icelake"),
        ("Apple M1 Pro", "apple-m1"),
        ("Some Chip 9000", None),
        ("AMD EPYC", None),
        ("", None),
    ],
)
def test_a_name_finds_its_family(name, key):
    assert cpu_family_of(name) == key
    assert key is None or key in TABLE.families


@pytest.mark.parametrize(
    ("name", "facts", "key"),
    [
        ("AMD EPYC", {"vendor": "AuthenticAMD", "family": 25, "model": 1}, "amd-epyc-milan"),
        ("AMD EPYC", {"vendor": "AuthenticAMD", "family": 25, "model": 17}, "amd-epyc-genoa"),
        ("AMD EPYC", {"vendor": "AuthenticAMD", "family": 26, "model": 2}, "amd-epyc-turin"),
        ("AMD EPYC", {"isa": ("avx2", "vaes")}, "amd-epyc-milan"),
        ("Intel(R) Xeon(R) CPU @ 2.00GHz", {"vendor": "GenuineIntel", "family": 6, "model": 85}, "intel-skylake"),
        ("Intel(R) Xeon(R) CPU @ 2.80GHz", {"family": 6, "model": 85, "isa": ("avx512_vnni",)}, "intel-cascadelake"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", {"family": 6, "model": 79}, "intel-broadwell"),
        ("Intel(R) Xeon(R) Processor", {"isa": ("avx512f", "amx_int8", "avx512_vnni")}, "intel-sapphirerapids"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", {"isa": ("avx2",)}, None),
    ],
)
def test_numbers_and_flags_tell_hidden_names_apart(name, facts, key):
    assert cpu_family_of(name, **facts) == key


@given(st.text(max_size=60), st.integers(0, 60) | st.none(), st.integers(0, 255) | st.none())
def test_any_name_gives_a_key_of_the_table_or_none(name, family, model):
    key = cpu_family_of(name, family=family, model=model)
    assert key is None or key in TABLE.families


def test_a_known_machine_is_described():
    here = describe_machine(machine(accelerator="NVIDIA A10G"), TABLE)
    assert (here.provider, here.vcpus, here.memory_gib) == ("local", 2, 8)
    assert here.cpu is TABLE.families["amd-epyc-milan"]
    assert here.accelerator is TABLE.accelerators["A10G"]


def test_numbers_identify_a_machine_that_hides_its_name():
    here = describe_machine(machine(cpu_family=None, isa=("avx2",), cpu_family_id=25, cpu_model_id=1), TABLE)
    assert here.cpu is TABLE.families["amd-epyc-milan"]


@pytest.mark.parametrize(
    ("arch", "isa", "key"),
    [
        ("x86_64", ("avx2", "avx512f"), "generic-avx512"),
        ("x86_64", ("avx2",), "generic-avx2"),
        ("x86_64", ("sse4_2",), "generic-x86"),
        ("x86_64", (), "generic-avx2"),
        ("arm64", (), "generic-aarch64"),
    ],
)
def test_an_unknown_machine_is_generic_and_says_so(arch, isa, key):
    here = describe_machine(machine(cpu_model="Mystery 1", cpu_family=None, cpu_vendor="", arch=arch, isa=isa), TABLE)
    assert here.cpu.key == key
    assert "not in the hardware table" in here.source


def test_hidden_avx512_halves_the_ceiling():
    skylake = machine(cpu_model="Intel(R) Xeon(R) Platinum 8124M", cpu_family=None, isa=("avx2", "fma"))
    here = describe_machine(skylake, TABLE)
    assert here.cpu.key == "intel-skylake"
    assert here.cpu.fp32_flops_per_cycle == 32
    full = describe_machine(replace(skylake, isa=("avx2", "fma", "avx512f")), TABLE)
    assert full.cpu.fp32_flops_per_cycle == 64


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Tesla T4", "T4"),
        ("NVIDIA H100 80GB HBM3", "H100-SXM5-80GB"),
        ("NVIDIA H100 NVL", "H100-NVL-94GB"),
        ("NVIDIA A100 80GB PCIe", "A100-PCIe-80GB"),
        ("NVIDIA A100-SXM4-40GB", "A100-SXM4-40GB"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA GeForce GTX 970", None),
    ],
)
def test_a_driver_name_finds_its_accelerator(name, key):
    assert accelerator_of(name) == key
    assert key is None or key in TABLE.accelerators
