"""The hardware table that ships with the package, and how a machine is found in it."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from infercost.domain.hardware import Accelerator, CpuFamily, Hardware
from infercost.domain.units import GIB

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from infercost.domain.profile import Machine

__all__ = ["HardwareTable", "accelerator_of", "cpu_family_of", "describe_machine", "load_hardware"]


@dataclass(frozen=True, slots=True)
class HardwareTable:
    """Every instance type of the shipped price books, and what is inside it."""

    instances: Mapping[tuple[str, str], Hardware]
    """By (provider, instance type)."""
    families: Mapping[str, CpuFamily]
    accelerators: Mapping[str, Accelerator]


@cache
def load_hardware() -> HardwareTable:
    """Read the shipped table; cached for the life of the process."""
    families = {row["key"]: _family(row) for row in _rows("cpu_families.csv")}
    accelerators = {row["key"]: _accelerator(row) for row in _rows("accelerators.csv")}
    instances = {
        (row["provider"], row["instance_type"]): Hardware(
            provider=row["provider"],
            instance_type=row["instance_type"],
            family=row["family"],
            vcpus=int(row["vcpus"]),
            memory_gib=float(row["memory_gib"]),
            cpu=families[row["cpu"]] if row["cpu"] else None,
            threads_per_core=int(row["threads_per_core"]),
            burstable=row["burstable"] == "1",
            accelerator=accelerators[row["accelerator"]] if row["accelerator"] else None,
            accelerator_count=int(row["accelerator_count"]),
            source=row["source"],
            note=row["note"],
        )
        for row in _rows("instances.csv")
    }
    return HardwareTable(MappingProxyType(instances), MappingProxyType(families), MappingProxyType(accelerators))


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files("infercost").joinpath("data", "hardware", name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


def _family(row: dict[str, str]) -> CpuFamily:
    return CpuFamily(
        key=row["key"],
        title=row["title"],
        arch=row["arch"],
        isa=tuple(row["isa"].split()),
        fp32_flops_per_cycle=float(row["fp32_flops_per_cycle"]),
        int8_ops_per_cycle=float(row["int8_ops_per_cycle"]),
        sustained_ghz=float(row["sustained_ghz"]),
        memory_bandwidth_gbs=float(row["memory_bandwidth_gbs"]),
        cores_per_socket=int(row["cores_per_socket"]),
        scalar_speed=float(row["scalar_speed"]),
        source=row["source"],
    )


def _accelerator(row: dict[str, str]) -> Accelerator:
    def figure(column: str) -> float | None:
        return float(row[column]) if row[column] else None

    return Accelerator(
        key=row["key"],
        vendor=row["vendor"],
        fp32_tflops=figure("fp32_tflops"),
        tf32_tflops=figure("tf32_tflops"),
        fp16_tflops=figure("fp16_tflops"),
        int8_tops=figure("int8_tops"),
        memory_gib=float(row["memory_gib"]),
        memory_bandwidth_gbs=float(row["memory_bandwidth_gbs"]),
        onnxruntime_provider=row["onnxruntime_provider"] or None,
        source=row["source"],
        architecture=row["architecture"],
        tdp_w=figure("tdp_w"),
    )


_XEON_SCALABLE = {
    "1": "intel-skylake",
    "2": "intel-cascadelake",
    "3": "intel-icelake",
    "4": "intel-sapphirerapids",
    "5": "intel-emeraldrapids",
}
_XEON_E = {"": "intel-sandybridge", "2": "intel-ivybridge", "3": "intel-haswell", "4": "intel-broadwell"}
_EPYC = {
    "71": "amd-epyc-naples",
    "72": "amd-epyc-rome",
    "73": "amd-epyc-milan",
    "84": "amd-epyc-genoa",
    "94": "amd-epyc-genoa",
    "95": "amd-epyc-turin",
    "44": "amd-ryzen-zen4",
    "45": "amd-ryzen-zen5",
}
_RYZEN = {"3": "zen2", "4": "zen2", "5": "zen3", "6": "zen3", "7": "zen4", "8": "zen4", "9": "zen5"}

_NAMES: tuple[tuple[str, Callable[[re.Match[str]], str | None]], ...] = (
    # Cooper Lake (83xxH) is a Cascade Lake core with bfloat16.
    (r"(?:Platinum|Gold|Silver|Bronze) (?:83|63|53)\d\dH", lambda _: "intel-cascadelake"),
    (r"(?:Platinum|Gold|Silver|Bronze) [3-9]([1-5])\d\d", lambda m: _XEON_SCALABLE[m[1]]),
    (r"Xeon(?:\(R\))? 6\d{3}P", lambda _: "intel-graniterapids"),
    (r"E[57]-\d{4}[A-Z]{0,2}(?: v([2-4]))?\b", lambda m: _XEON_E[m[1] or ""]),
    (r"Xeon(?:\(R\))? W-2([12])\d\d", lambda m: _XEON_SCALABLE[m[1]]),
    (r"(?:i[3579]|E|E3)-(?:[5-9]\d{3}|1[01]\d{3}|[12]\d{3})X[ES]?\b", lambda _: "intel-skylake"),
    (r"i[3579]-1[2-9]\d{2,3}[A-Z]*\b|Core(?:\(TM\))? (?:Ultra|[3579] \d{3}[A-Z])", lambda _: "intel-core-hybrid"),
    (r"i[3579]-(?:[4-9]\d{3}|1[01]\d{2,3})|E3-\d{4}[A-Z]? v[3-6]|Xeon(?:\(R\))? E-2[123]\d\d", lambda _: "intel-core"),
    (r"EPYC[- ](?:\w+ )?(4|7|8|9)[0-9A-Z]{2}([1-5])", lambda m: _EPYC.get(m[1] + m[2])),
    (r"EPYC-(Naples|Rome|Milan|Genoa|Turin)", lambda m: f"amd-epyc-{m[1].lower()}"),
    (r"Ryzen AI", lambda _: "amd-ryzen-zen5"),
    (r"Ryzen (?:[3579]|Threadripper)(?: PRO)? ([3-9])\d{3}", lambda m: f"amd-ryzen-{_RYZEN[m[1]]}"),
    (r"Graviton([1-5])", lambda m: f"aws-graviton{m[1]}"),
    (r"Graviton\b|Cortex-A72", lambda _: "aws-graviton1"),
    (r"Cobalt", lambda _: "azure-cobalt100"),
    (r"Altra", lambda _: "ampere-altra"),
    (r"Axion.*N3|Neoverse-N3", lambda _: "google-axion-n3"),
    (r"Axion", lambda _: "google-axion-v2"),
    (r"Neoverse-N1", lambda _: "aws-graviton2"),
    (r"Neoverse-V1", lambda _: "aws-graviton3"),
    (r"Neoverse-V3", lambda _: "aws-graviton5"),
    (r"Neoverse-V2", lambda _: "aws-graviton4"),
    (r"Neoverse-N2", lambda _: "azure-cobalt100"),
    (r"Apple M([12])\b", lambda _: "apple-m1"),
    (r"Apple M([3-9])\b", lambda _: "apple-m3"),
)
"""First match wins; a name shared by several chips (Neoverse-N1) goes to the slowest of them."""

# (vendor, CPUID family, first model, last model). Intel's model 85 spans two generations: VNNI tells.
_MODELS = (
    ("AuthenticAMD", 23, 0x00, 0x0F, "amd-epyc-naples"),
    ("AuthenticAMD", 23, 0x30, 0x3F, "amd-epyc-rome"),
    ("AuthenticAMD", 25, 0x00, 0x0F, "amd-epyc-milan"),
    ("AuthenticAMD", 25, 0x10, 0x1F, "amd-epyc-genoa"),
    ("AuthenticAMD", 25, 0xA0, 0xAF, "amd-epyc-genoa"),
    ("AuthenticAMD", 26, 0x00, 0x1F, "amd-epyc-turin"),
    ("GenuineIntel", 6, 45, 45, "intel-sandybridge"),
    ("GenuineIntel", 6, 62, 62, "intel-ivybridge"),
    ("GenuineIntel", 6, 63, 63, "intel-haswell"),
    ("GenuineIntel", 6, 79, 79, "intel-broadwell"),
    ("GenuineIntel", 6, 85, 85, "intel-skylake"),
    ("GenuineIntel", 6, 106, 106, "intel-icelake"),
    ("GenuineIntel", 6, 143, 143, "intel-sapphirerapids"),
    ("GenuineIntel", 6, 207, 207, "intel-emeraldrapids"),
    ("GenuineIntel", 6, 173, 173, "intel-graniterapids"),
)


def cpu_family_of(
    cpu_model: str, *, vendor: str = "", family: int | None = None, model: int | None = None, isa: Collection[str] = ()
) -> str | None:
    """Key of the CPU family in the hardware table, or None when nothing identifies it.

    Args:
        cpu_model: what the system calls the CPU (``lscpu``'s *Model name*).
        vendor: CPUID vendor (``AuthenticAMD``, ``GenuineIntel``).
        family: CPUID family; tells generations apart where clouds hide the name (``AMD EPYC``).
        model: CPUID model.
        isa: CPU flags, as the system spells them.
    """
    for pattern, key_of in _NAMES:
        match = re.search(pattern, cpu_model, re.I)
        if match and (key := key_of(match)) is not None:
            return key
    # Windows hides the name and spells the numbers out: "Intel64 Family 6 Model 85 Stepping 7".
    if family is None and (spelt := re.search(r"Family (\d+) Model (\d+)", cpu_model)):
        family, model = int(spelt[1]), int(spelt[2])
    for maker, number, first, last, key in _MODELS:
        if vendor in ("", maker) and family == number and model is not None and first <= model <= last:
            return "intel-cascadelake" if key == "intel-skylake" and "avx512_vnni" in isa else key
    return _family_by_isa(cpu_model, frozenset(isa))


def _family_by_isa(cpu_model: str, isa: frozenset[str]) -> str | None:
    """What the flags alone prove of an anonymous server CPU: the oldest generation that has them."""
    if re.search("EPYC", cpu_model, re.I):
        rules = (("avx_vnni", "amd-epyc-turin"), ("avx512f", "amd-epyc-genoa"), ("vaes", "amd-epyc-milan"))
    elif re.search("Xeon", cpu_model, re.I):
        rules = (("amx_int8", "intel-sapphirerapids"), ("avx512_vnni", "intel-cascadelake"), ("avx512f", "intel-skylake"))
    else:
        return None
    return next((key for flag, key in rules if flag in isa), None)


def _generic(arch: str, isa: Collection[str]) -> str:
    if arch in ("aarch64", "arm64"):
        return "generic-aarch64"
    if not isa:  # The system does not list them; every x86-64 server of the last ten years has AVX2.
        return "generic-avx2"
    return next((key for flag, key in (("avx512f", "generic-avx512"), ("avx2", "generic-avx2")) if flag in isa), "generic-x86")


_ACCELERATORS = (
    (r"GB200", "GB200-186GB"),
    (r"GH200.*144", "GH200-144GB"),
    (r"GH200", "GH200-96GB"),
    (r"H100 ?-?NVL", "H100-NVL-94GB"),
    (r"H100.?PCI", "H100-PCIe-80GB"),
    (r"H100", "H100-SXM5-80GB"),
    (r"H200.?NVL", "H200-NVL-141GB"),
    (r"H200", "H200-SXM-141GB"),
    (r"(?<!G)B200", "B200-180GB"),
    (r"(?<!G)B300", "B300-270GB"),
    (r"A100.*PCI.*80|A100.80GB.PCI", "A100-PCIe-80GB"),
    (r"A100.*PCI", "A100-PCIe-40GB"),
    (r"A100.*80", "A100-SXM4-80GB"),
    (r"A100", "A100-SXM4-40GB"),
    (r"A10G", "A10G"),
    (r"\bA10\b", "A10"),
    (r"\bA16\b", "A16"),
    (r"\bA2\b", "A2"),
    (r"\bA30\b", "A30"),
    (r"\bA40\b", "A40"),
    (r"L40S", "L40S"),
    (r"\bL40\b", "L40"),
    (r"\bL4\b", "L4"),
    (r"\bT4\b", "T4"),
    (r"V100S", "V100S-PCIe-32GB"),
    (r"V100.*PCI.*32", "V100-PCIe-32GB"),
    (r"V100.*SXM.*16", "V100-SXM2-16GB"),
    (r"V100.*32", "V100-SXM2-32GB"),
    (r"V100", "V100-PCIe-16GB"),
    (r"P100", "P100-PCIe-16GB"),
    (r"\bP4\b", "P4"),
    (r"\bM60\b", "M60"),
    (r"\bK80\b", "K80"),
    (r"RTX PRO 6000.*Server", "RTX-PRO-6000-Server"),
    (r"RTX PRO 6000.*Max-?Q", "RTX-PRO-6000-MaxQ"),
    (r"RTX PRO 4500.*Server", "RTX-PRO-4500-Server"),
    (r"RTX 6000 Ada|6000 Ada Gen", "RTX-6000-Ada"),
    (r"RTX A([456])000", r"RTX-A\g<1>000"),
    (r"Quadro RTX ([68])000", r"Quadro-RTX-\g<1>000"),
    (r"TITAN RTX", "TITAN-RTX"),
    (r"TITAN Xp", "TITAN-Xp"),
    (r"TITAN V\b", "TITAN-V"),
    (r"RTX 2080 ?Ti(?! Laptop)", "RTX-2080-Ti"),
    (r"GTX 1080 ?Ti", "GTX-1080-Ti"),
    (r"RTX (3080|3090|4070|4080|4090|5090)(?! ?(?:Ti|Super|Laptop|D\b))", r"RTX-\g<1>"),
)


def accelerator_of(name: str) -> str | None:
    """Key of an accelerator in the hardware table from its driver's name, or None."""
    found = ((re.search(pattern, name, re.I), key) for pattern, key in _ACCELERATORS)
    return next((match.expand(key) for match, key in found if match), None)


def describe_machine(machine: Machine, table: HardwareTable) -> Hardware:
    """The machine of a profile as hardware (``provider="local"``), so that it can be a predictor's source.

    A CPU that the table does not know is taken as a generic one of its instruction set; ``source`` says so.
    """
    key = machine.cpu_family or cpu_family_of(
        machine.cpu_model,
        vendor=machine.cpu_vendor,
        family=machine.cpu_family_id,
        model=machine.cpu_model_id,
        isa=machine.isa,
    )
    known = table.families.get(key) if key else None
    if known is not None:
        cpu, source = known, f"{machine.cpu_model} taken as {known.key}"
    else:
        cpu = table.families[_generic(machine.arch, machine.isa)]
        source = f"{machine.cpu_model} is not in the hardware table; taken as {cpu.key} by its instruction set"
    if "avx512f" in cpu.isa and machine.isa and "avx512f" not in machine.isa:
        narrow = table.families["generic-avx2"]
        cpu = replace(
            cpu,
            isa=tuple(machine.isa),
            fp32_flops_per_cycle=min(cpu.fp32_flops_per_cycle, narrow.fp32_flops_per_cycle),
            int8_ops_per_cycle=min(cpu.int8_ops_per_cycle, narrow.int8_ops_per_cycle),
        )
        source += "; its AVX-512 is hidden here"
    accelerator = accelerator_of(machine.accelerator) if machine.accelerator else None
    return Hardware(
        provider="local",
        instance_type=machine.instance_type or "local",
        family="local",
        vcpus=machine.logical_cpus,
        memory_gib=machine.memory_bytes / GIB,
        cpu=cpu,
        threads_per_core=max(1, machine.threads_per_core),
        accelerator=table.accelerators[accelerator] if accelerator else None,
        accelerator_count=1 if accelerator else 0,
        source=source,
    )
