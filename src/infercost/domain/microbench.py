"""What this machine attains through ONNX Runtime itself, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infercost.domain.hardware import Ceilings
from infercost.domain.units import SCHEMA_VERSION

__all__ = ["Microbenchmark", "Microbenchmarks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Microbenchmark:
    """One figure: many short blocks, spread over the whole measurement."""

    name: str
    """For example ``gemm_int8`` or ``bandwidth_4MiB``."""
    unit: Literal["GFLOP/s", "GB/s", "us"]
    threads: int
    value: float
    spread: float
    """Half the distance between the quartiles of the blocks, relative to their median."""
    blocks: int
    """Blocks that the figure rests on."""
    disturbed: float
    """Share (0..1) of all blocks that others slowed down; they do not count where enough are left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Microbenchmarks:
    """All figures of one machine, and the ceilings that they make."""

    schema_version: int = SCHEMA_VERSION
    infercost_version: str
    created: str
    """UTC, ISO 8601."""
    fingerprint: str
    """Of the machine; see :class:`~infercost.domain.profile.Machine`."""
    seconds: float
    """What the measurement took."""
    ceilings: Ceilings
    figures: tuple[Microbenchmark, ...]
    warnings: tuple[str, ...] = ()
