"""Verdicts on what ``infercost doctor`` gathered, each with the next command. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infercost.domain.diagnosis import Comparison, Finding
from infercost.engine.caveats import STALE_AFTER_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infercost.domain.diagnosis import BookAge, CacheFolder, Extra, Limits, ProviderFacts, Software
    from infercost.domain.hardware import Hardware
    from infercost.domain.microbench import Microbenchmarks
    from infercost.domain.profile import Machine

__all__ = [
    "compare",
    "judge_caches",
    "judge_extras",
    "judge_machine",
    "judge_measured",
    "judge_prices",
    "judge_providers",
    "judge_software",
]

SLOW: Final = 0.35
"""A product that attains less of a core's ceiling than this: a throttled, shared or emulated CPU."""
FAST: Final = 1.15
"""One that attains more: the table's clock is not this machine's."""
ROUGH: Final = 0.1
"""Spread of the blocks of a product from which its figure is rough."""
DISTURBED: Final = 0.5
_SCARCE: Final = 0.1
_FRESH: Final = "infercost doctor --fresh"


def judge_machine(machine: Machine, hardware: Hardware, limits: Limits) -> Iterator[Finding]:
    """Whether the CPU is known, and what limits this process."""
    known = hardware.cpu is not None and not hardware.cpu.key.startswith("generic-")
    if known:
        yield Finding("machine", "ok", "CPU", hardware.source)
    else:
        text = f"{hardware.source}: predictions from here have the widest band"
        yield Finding("machine", "note", "CPU", text, "infercost doctor --format json --out doctor.json")
    quota = limits.cpu_quota
    if quota is not None and quota % 1 > 0.01:
        text = f"{quota:g} CPUs: the container is stopped for the rest of each period; latencies will jump"
        yield Finding("machine", "note", "CPU quota", text)
    elif quota is not None:
        yield Finding("machine", "ok", "CPU quota", f"{quota:g} CPUs")
    if limits.memory_bytes is not None:
        text = f"{limits.memory_bytes / 2**30:.1f} GiB, set by the container"
        if limits.memory_available_bytes < _SCARCE * limits.memory_bytes:
            yield Finding("machine", "note", "memory limit", f"{text} and nearly used up: large models will not fit")
        else:
            yield Finding("machine", "ok", "memory limit", text)
    if machine.threads_per_core > 1:
        text = f"{machine.threads_per_core} threads share a core: {machine.physical_cores} cores carry the load"
        yield Finding("machine", "note", "hyper-threading", text)


def compare(measured: Microbenchmarks, hardware: Hardware) -> tuple[Comparison, ...]:
    """Measured rates beside the hardware table's ceilings: arithmetic of a core, DRAM of the socket."""
    cpu, rates = hardware.cpu, measured.ceilings
    if cpu is None:
        return ()
    peaks = {"fp32": cpu.fp32_flops_per_cycle, "int8": cpu.int8_ops_per_cycle}
    found = [
        Comparison(f"{kind} {precision}", "GFLOP/s", by_precision[precision], round(peak * cpu.sustained_ghz, 1), "core")
        for kind, by_precision in (("product", rates.gemm_gflops), ("convolution", rates.conv_gflops))
        for precision, peak in peaks.items()
        if precision in by_precision
    ]
    drawn = rates.all_threads_bandwidth_gbps or (rates.bandwidth_gbps[-1][1] if rates.bandwidth_gbps else None)
    if drawn is not None:
        found.append(Comparison("memory", "GB/s", drawn, cpu.memory_bandwidth_gbs, "socket"))
    return tuple(found)


def judge_measured(measured: Microbenchmarks | None, comparisons: Sequence[Comparison]) -> Iterator[Finding]:
    """Whether the microbenchmarks can be relied on, and what they say of the machine."""
    if measured is None:
        yield Finding("benchmarks", "note", "microbenchmarks", "not measured on this machine yet", "infercost doctor")
        return
    lost = sum(figure.disturbed for figure in measured.figures) / max(1, len(measured.figures))
    rough = [f.name for f in measured.figures if f.name.startswith("gemm") and f.threads == 1 and f.spread > ROUGH]
    if lost >= DISTURBED:
        text = f"{lost:.0%} of the blocks were disturbed: other processes use this machine; figures may be too low"
        yield Finding("benchmarks", "problem", "microbenchmarks", text, _FRESH, 4)
    elif rough:
        yield Finding("benchmarks", "note", "microbenchmarks", f"rough: {', '.join(rough)} did not hold still", _FRESH)
    else:
        yield Finding("benchmarks", "ok", "microbenchmarks", f"taken {measured.created[:10]} in {measured.seconds:.0f} s")
    for one in comparisons:
        share = one.measured / one.ceiling if one.ceiling > 0 else 0.0
        if one.name == "product fp32" and share < SLOW:
            text = f"{share:.0%} of a core's ceiling: the CPU is throttled, shared or emulated"
            yield Finding("benchmarks", "note", one.name, text, _FRESH)
        elif one.name == "product fp32" and share > FAST:
            text = f"{share:.0%} of the ceiling in the hardware table: this machine's clock is higher than it says"
            yield Finding("benchmarks", "note", one.name, text)


def judge_software(software: Software, accelerator: str | None) -> Iterator[Finding]:
    """Whether ONNX Runtime is there and uses what the machine has."""
    if not software.execution_providers:
        text = f"ONNX Runtime {software.onnxruntime} does not load"
        yield Finding("software", "problem", "onnxruntime", text, "pip install --force-reinstall onnxruntime", 2)
        return
    yield Finding("software", "ok", "onnxruntime", f"{software.onnxruntime} with {', '.join(software.execution_providers)}")
    if accelerator is not None and "CUDAExecutionProvider" not in software.execution_providers:
        text = f"{accelerator} is here and this ONNX Runtime cannot use it"
        yield Finding("software", "note", "GPU", text, "pip install 'infercost[cuda]'")


def judge_extras(extras: Sequence[Extra]) -> Iterator[Finding]:
    """Which optional parts are installed, and which only half."""
    for extra in extras:
        command = f"pip install 'infercost[{extra.name}]'"
        versions = ", ".join(f"{name} {version}" for name, version in extra.packages.items() if version)
        lacking = ", ".join(name for name, version in extra.packages.items() if version is None)
        if extra.state == "installed":
            yield Finding("extras", "ok", extra.name, versions)
        elif extra.state == "missing":
            yield Finding("extras", "note", extra.name, "not installed", command)
        else:
            yield Finding("extras", "note", extra.name, f"{versions} is here, {lacking} is not", command)


def judge_prices(books: Sequence[BookAge]) -> Iterator[Finding]:
    """How old the newest prices are."""
    for book in books:
        refresh = f"infercost prices refresh --provider {book.provider}"
        if book.as_of is None or book.age_days is None:
            yield Finding("prices", "problem", book.provider, book.error or "no prices", refresh, 4)
        elif book.age_days > STALE_AFTER_DAYS:
            yield Finding("prices", "note", book.provider, f"of {book.as_of}, {book.age_days} days old", refresh)
        else:
            yield Finding("prices", "ok", book.provider, f"of {book.as_of}, {book.age_days} days old")


def judge_caches(caches: Sequence[CacheFolder], unwritable: str | None) -> Iterator[Finding]:
    """Whether results can be kept, and how much they take."""
    if unwritable is not None:
        text = f"{unwritable}: nothing can be kept, every run measures again"
        yield Finding("caches", "problem", "cache", text, "export INFERCOST_CACHE_DIR=$HOME/.infercost", 2)
    for folder in caches:
        bound = "" if folder.limit_bytes is None else f" of at most {_mib(folder.limit_bytes)}"
        text = f"{_mib(folder.bytes)}{bound} in {folder.files} file{'' if folder.files == 1 else 's'}"
        full = folder.limit_bytes is not None and folder.bytes > folder.limit_bytes
        yield Finding("caches", "note" if full else "ok", folder.name, text)


def judge_providers(providers: Sequence[ProviderFacts]) -> Iterator[Finding]:
    """Which clouds can be asked about, and what each can do."""
    for provider in providers:
        if provider.error:
            command = provider.error.rpartition(": ")[2]
            remedy = command if command.startswith("pip ") else None
            yield Finding("providers", "problem", provider.name, provider.error, remedy, 5)
        else:
            able = ", ".join(("estimates", *provider.capabilities))
            yield Finding("providers", "ok", provider.name, f"{able}; modes: {', '.join(provider.modes) or 'none'}")


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
