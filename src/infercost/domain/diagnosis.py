"""What ``infercost doctor`` finds: the machine, what is installed, how old prices are, and a verdict on each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from infercost.domain.microbench import Microbenchmarks
from infercost.domain.profile import Machine
from infercost.domain.units import SCHEMA_VERSION

__all__ = ["BookAge", "CacheFolder", "Comparison", "Diagnosis", "Extra", "Finding", "Limits", "ProviderFacts", "Software"]

Area = Literal["machine", "benchmarks", "software", "extras", "prices", "caches", "providers", "files"]
Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict in one line, and the next command to type where there is one."""

    area: Area
    level: Level
    """``note``: good to know, nothing is wrong. ``problem``: figures or commands cannot be relied on."""
    subject: str
    text: str
    next: str | None = None
    exit_code: int = 0
    """What a problem makes ``infercost doctor`` exit with."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a container sets. None: no limit."""

    cpu_quota: float | None
    """CPUs."""
    memory_bytes: int | None
    memory_available_bytes: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured figure beside the ceiling that the hardware table gives for one core, or for the socket."""

    name: str
    unit: str
    measured: float
    ceiling: float
    of: Literal["core", "socket"]


@dataclass(frozen=True, slots=True)
class Software:
    """What runs the models."""

    python: str
    infercost: str
    onnxruntime: str
    execution_providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional part of infercost. ``packages`` maps each package to its version; None: not installed."""

    name: str
    packages: dict[str, str | None] = field(default_factory=dict)

    @property
    def state(self) -> Literal["installed", "partly", "missing"]:
        """How much of it is there."""
        there = [version is not None for version in self.packages.values()]
        return "installed" if all(there) else "partly" if any(there) else "missing"


@dataclass(frozen=True, slots=True)
class BookAge:
    """The newest prices of a provider on this machine. None: they cannot be read, ``error`` says why."""

    provider: str
    as_of: str | None
    age_days: int | None
    source: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """A folder that infercost keeps for itself."""

    name: str
    path: str
    bytes: int
    files: int
    limit_bytes: int | None
    """What it is kept below; None: it only grows by what is asked for."""


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """A provider as its code describes it; nothing was asked of the cloud."""

    name: str
    title: str = ""
    capabilities: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    """Ways of serving that estimates price."""
    error: str = ""
    """Why it does not load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that ``infercost doctor`` knows."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["diagnosis"] = "diagnosis"
    created: str
    machine: Machine
    hardware: str
    """What the machine is taken as in the hardware table, in words."""
    limits: Limits
    microbenchmarks: Microbenchmarks | None
    comparisons: tuple[Comparison, ...]
    software: Software
    extras: tuple[Extra, ...]
    prices: tuple[BookAge, ...]
    caches: tuple[CacheFolder, ...]
    providers: tuple[ProviderFacts, ...]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong, else that of the most fundamental problem: 2, then 5, then 4."""
        codes = {finding.exit_code for finding in self.findings if finding.level == "problem"}
        return next((code for code in (2, 5, 4) if code in codes), 0)
