"""The machine that a profile is taken on."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from infercost.domain.profile import Machine
from infercost.runtime.accelerator import find_gpu
from infercost.runtime.cgroup import cpu_quota, memory_limit

if TYPE_CHECKING:
    from collections.abc import Iterable

_FLAGS = {
    "sse4_2": "sse4_2",
    "avx": "avx",
    "avx2": "avx2",
    "fma": "fma",
    "f16c": "f16c",
    "avx512f": "avx512f",
    "avx512bw": "avx512bw",
    "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16",
    "avx512_fp16": "avx512_fp16",
    "avx_vnni": "avx_vnni",
    "amx_tile": "amx_tile",
    "amx_int8": "amx_int8",
    "amx_bf16": "amx_bf16",
    "amx_fp16": "amx_fp16",
    "asimd": "asimd",
    "asimddp": "asimddp",
    "asimdhp": "asimdhp",
    "sve": "sve",
    "sve2": "sve2",
    "i8mm": "i8mm",
    "bf16": "bf16",
    # macOS spells x86 features its own way.
    "sse4.2": "sse4_2",
    "avx1.0": "avx",
}

_ARM_PARTS = {
    0xD0C: "Neoverse-N1",
    0xD40: "Neoverse-V1",
    0xD49: "Neoverse-N2",
    0xD4F: "Neoverse-V2",
    0xD84: "Neoverse-V3",
    0xD8E: "Neoverse-N3",
    0xAC3: "Ampere-1",
    0xAC4: "Ampere-1a",
}
"""Part numbers of server cores, as Linux's arch/arm64/include/asm/cputype.h lists them."""

_EC2_TYPE = re.compile(r"[a-z]{1,3}\d[a-z0-9-]*\.[0-9]*[a-z]+(-[0-9]+xl)?")


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """What the system says of its CPU."""

    model: str
    vendor: str = ""
    family_id: int | None = None
    model_id: int | None = None
    flags: frozenset[str] = frozenset()


def fingerprint_machine() -> Machine:
    """Describe this machine: no host name, no user name. ``cpu_family`` is left to the caller."""
    cpu = cpu_facts()
    logical = usable_cpus()
    threads = threads_per_core()
    memory = psutil.virtual_memory().total
    gpu = find_gpu()
    machine = Machine(
        cpu_model=cpu.model,
        cpu_vendor=cpu.vendor,
        cpu_family_id=cpu.family_id,
        cpu_model_id=cpu.model_id,
        arch=architecture(),
        isa=normalize_isa(cpu.flags),
        logical_cpus=logical,
        physical_cores=usable_cores(),
        threads_per_core=threads,
        max_mhz=_max_mhz(),
        memory_bytes=min(memory, memory_limit() or memory),
        virtualized="hypervisor" in cpu.flags if cpu.flags else None,
        instance_type=instance_type(whole=logical == (psutil.cpu_count(logical=True) or 0)),
        accelerator=None if gpu is None else gpu.name,
        os=f"{platform.system()} {platform.release()}",
    )
    return replace(machine, fingerprint=fingerprint(machine))


def fingerprint(machine: Machine) -> str:
    """Hash of the fields that change speed."""
    parts = (
        machine.cpu_model,
        machine.cpu_family_id,
        machine.cpu_model_id,
        machine.arch,
        machine.isa,
        machine.logical_cpus,
        machine.physical_cores,
        machine.threads_per_core,
        round(machine.memory_bytes / 2**30),
        machine.accelerator,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def architecture() -> str:
    """``x86_64`` or ``aarch64``, whatever the system calls it."""
    name = platform.machine().lower()
    return {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}.get(name, name)


def cpu_facts(cpuinfo: Path = Path("/proc/cpuinfo")) -> CpuFacts:
    """Name, vendor, numbers and flags of the CPU."""
    try:
        return parse_cpuinfo(cpuinfo.read_text(errors="replace"))
    except OSError:
        pass
    if sys.platform == "darwin":
        return _darwin_facts()
    name = os.environ.get("PROCESSOR_IDENTIFIER") or platform.processor()
    return CpuFacts(model=name or platform.machine())


def parse_cpuinfo(text: str) -> CpuFacts:
    """Read Linux's /proc/cpuinfo, x86 or Arm."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.partition(":")
        if separator:
            fields.setdefault(key.strip().lower(), value.strip())
    flags = frozenset((fields.get("flags") or fields.get("features") or "").split())
    part = _integer(fields.get("cpu part"))
    named = fields.get("model name") or (_ARM_PARTS.get(part) if part is not None else None)
    return CpuFacts(
        model=" ".join((named or fields.get("cpu part") or platform.machine()).split()),
        vendor=fields.get("vendor_id") or fields.get("cpu implementer") or "",
        family_id=_integer(fields.get("cpu family")),
        model_id=_integer(fields.get("model")) if "cpu family" in fields else part,
        flags=flags,
    )


def _darwin_facts() -> CpuFacts:
    def sysctl(name: str) -> str:
        try:
            run = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return run.stdout.strip()

    flags = f"{sysctl('machdep.cpu.features')} {sysctl('machdep.cpu.leaf7_features')}".lower().split()
    return CpuFacts(
        model=sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine(),
        vendor=sysctl("machdep.cpu.vendor") or "Apple",
        flags=frozenset(flags) if flags else frozenset({"asimd"}),
    )


def normalize_isa(flags: Iterable[str]) -> tuple[str, ...]:
    """The vector instruction sets among CPU flags, under one spelling, sorted."""
    return tuple(sorted({_FLAGS[flag] for flag in flags if flag in _FLAGS}))


def usable_cpus() -> int:
    """Logical CPUs that this process may use: affinity and the container's quota applied, at least one."""
    quota = cpu_quota()
    cpus = len(usable_affinity())
    return max(1, cpus if quota is None else min(cpus, math.ceil(quota - 1e-6)))


def usable_cores() -> int:
    """Physical cores behind the usable CPUs."""
    return max(1, min(usable_cpus(), len({core_of(cpu) for cpu in usable_affinity()})))


def threads_per_core() -> int:
    """Hardware threads a core of this machine, whoever may use them."""
    logical, physical = psutil.cpu_count(logical=True), psutil.cpu_count(logical=False)
    return max(1, round(logical / physical)) if logical and physical else 1


def usable_affinity() -> list[int]:
    """The CPUs that this process may run on, by number."""
    get = getattr(os, "sched_getaffinity", None)
    return sorted(get(0)) if get else list(range(psutil.cpu_count(logical=True) or 1))


def core_of(cpu: int, root: Path = Path("/sys/devices/system/cpu")) -> str:
    """The CPUs that share a core, as the kernel lists them; the CPU itself where it does not."""
    try:
        return (root / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        # Without a topology, hardware threads of a core are counted together by number.
        return str(cpu // threads_per_core())


def _max_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError, RuntimeError):
        return None
    if frequency is None:
        return None
    highest = float(frequency.max or frequency.current or 0)
    return round(highest, 1) or None


def instance_type(*, whole: bool, dmi: Path = Path("/sys/devices/virtual/dmi/id")) -> str | None:
    """The SageMaker type whose hardware this is, where the firmware names the EC2 type; else None.

    ``ml.TYPE`` runs on EC2's ``TYPE``. Google and Azure do not put the type into the firmware.

    Args:
        whole: whether this process may use all CPUs of the machine; with fewer it is not that type.
        dmi: folder of the firmware's strings.
    """
    try:
        vendor = (dmi / "sys_vendor").read_text().strip()
        product = (dmi / "product_name").read_text().strip()
    except OSError:
        return None
    if not whole or vendor != "Amazon EC2" or _EC2_TYPE.fullmatch(product) is None:
        return None
    return f"sagemaker:ml.{product}"


def _integer(text: str | None) -> int | None:
    try:
        return int(text or "", 0)
    except ValueError:
        return None
