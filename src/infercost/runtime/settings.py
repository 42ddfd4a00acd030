"""How to measure: the user's settings, and what follows from them for a model and a machine."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from infercost.domain.errors import MissingExtraError, ModelError, UsageError
from infercost.domain.traffic import Slo
from infercost.runtime.accelerator import find_gpu
from infercost.runtime.machine import usable_cores, usable_cpus
from infercost.runtime.protocol import DEADLINE_S
from infercost.runtime.reasons import runtime_version
from infercost.runtime.workers import QUIET_RUNTIME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infercost.domain.model import ModelFacts
    from infercost.domain.scenario import ScenarioName
    from infercost.runtime.protocol import Device

_BATCHES = (1, 4, 16)
_MOST_THREADS = 4
_DEADLINE_BUDGETS = 10
"""A step may take so many times the whole budget before it is taken to hang."""


DeviceChoice = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
DEVICES: tuple[DeviceChoice, ...] = ("auto", "cpu", "cuda", "tensorrt", "openvino")
SCENARIOS: tuple[ScenarioName, ...] = ("single", "multi", "offline", "server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load scenario to measure."""

    scenario: ScenarioName
    rps: float | None = None
    """Queries a second on average, for ``server``."""
    samples: int | None = None
    """Samples a query; None: 8 for ``multi``, the largest of the batch sizes for ``offline``, else 1."""
    workers: int = 1
    threads: int | None = None
    """Of each worker; None shares the usable cores among them."""
    slo: Slo = field(default_factory=Slo)

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise UsageError(f"unknown scenario {self.scenario!r}; choose {', '.join(SCENARIOS)}")
        if self.scenario == "server" and self.rps is None:
            raise UsageError("the server scenario needs its arrival rate; add --rps 50")
        if self.rps is not None and not 0 < self.rps < float("inf"):
            raise UsageError(f"queries per second must be above 0, got {self.rps:g}; try --rps 50")
        if min(self.workers, self.samples or 1, self.threads or 1) < 1:
            raise UsageError("workers, threads and samples a query must be 1 or more; try --workers 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSettings:
    """How to measure. None means: chosen from the model and the machine."""

    batches: tuple[int, ...] | None = None
    """Batch sizes; 1, 4 and 16 where the model's batch is dynamic."""
    threads: tuple[int, ...] | None = None
    """Intra-op threads; powers of two up to the physical cores, four at most."""
    budget_s: float = 20.0
    """Wall time for everything, worker starts included; a floor of a quarter second a point is kept."""
    device: DeviceChoice = "auto"
    seed: int = 0
    """Of the generated inputs, and of the arrivals."""
    pin: bool = True
    """Keep each worker on CPUs of its own, where the system allows it and the machine is quiet: beside a busy
    neighbour a worker that may move waits less."""
    strict: bool = False
    """Refuse a busy machine instead of warning of it."""
    loads: tuple[Load, ...] = ()
    """Scenarios to measure beside the grid; half of the time is theirs."""

    def __post_init__(self) -> None:
        if not 0 < self.budget_s < float("inf"):
            raise UsageError(f"the time budget must be above 0 seconds, got {self.budget_s:g}; try --budget 20s")
        for name, values in (("batch sizes", self.batches), ("thread counts", self.threads)):
            if values is not None and (not values or min(values) < 1):
                raise UsageError(f"{name} must be 1 or more, got {list(values)}; try 1")
        if self.device not in DEVICES:
            raise UsageError(f"unknown device {self.device!r}; choose {', '.join(DEVICES[:-1])} or {DEVICES[-1]}")

    @property
    def deadline_s(self) -> float:
        """Seconds after which loading, or one run, is taken to hang."""
        return max(DEADLINE_S, _DEADLINE_BUDGETS * self.budget_s)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a measurement is."""

    stage: Literal["measuring", "operators", "scenarios", "search", "done"]
    done: int
    total: int
    detail: str


def cache_key(facts: ModelFacts, inputs: Mapping[str, Any] | None, settings: MeasureSettings) -> str:
    """What a measurement depends on beside the machine: equal keys would measure the same."""
    digest = hashlib.sha256()
    for name, array in sorted((inputs or {}).items()):
        content = repr(array.tolist()).encode() if array.dtype.kind in "OUS" else array.tobytes()
        digest.update(f"{name}|{array.dtype}|{array.shape}|".encode() + content)
    parts = (
        facts.sha256,
        sorted(facts.bound_dims.items()),
        facts.batch_dim,
        digest.hexdigest() if inputs else "generated",
        (settings.batches, settings.threads, settings.budget_s, settings.device, settings.seed),
        (settings.pin, settings.strict, settings.loads),
        runtime_version(),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def plan_grid(facts: ModelFacts, settings: MeasureSettings, device: Device) -> list[tuple[int, int]]:
    """Configurations to measure, cheapest first.

    Raises:
        UsageError: a batch that the model cannot take, or more threads than there are CPUs.
    """
    batches = settings.batches or (_BATCHES if facts.batch_dim is not None else (1,))
    if facts.batch_dim is None and max(batches) > 1:
        raise UsageError(f"{facts.name} has a fixed batch; measure it at batch 1")
    cpus = usable_cpus()
    if settings.threads is not None and max(settings.threads) > cpus:
        raise UsageError(
            f"{max(settings.threads)} threads on {cpus} usable CPUs would measure the scheduler; use at most {cpus}"
        )
    if device in ("cuda", "tensorrt"):
        threads: tuple[int, ...] = settings.threads or (1,)
    else:
        threads = settings.threads or tuple(2**n for n in range(3) if 2**n <= min(_MOST_THREADS, usable_cores()))
    return [(batch, count) for batch in sorted(set(batches)) for count in sorted(set(threads))]


_EXTRAS = {"cuda": "cuda", "tensorrt": "cuda", "openvino": "openvino"}
_NEEDED = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider", "openvino": "OpenVINOExecutionProvider"}
_PURPOSE = {"cuda": "measuring on the GPU", "tensorrt": "measuring with TensorRT", "openvino": "measuring with OpenVINO"}


def choose_device(wanted: DeviceChoice, available: Sequence[str] | None = None) -> Device:
    """Where to run: the GPU where ONNX Runtime can use it, unless told otherwise.

    Args:
        wanted: the user's choice. ``auto`` takes CUDA or the CPU; TensorRT and OpenVINO are taken when named.
        available: ONNX Runtime's providers; asked of it when None.

    Raises:
        MissingExtraError: this ONNX Runtime is built without the one asked for.
        ModelError: it is built with it, but there is no GPU or driver.
    """
    if wanted == "cpu":
        return "cpu"
    if wanted == "auto" and find_gpu() is None:
        return "cpu"
    device: Device = "cuda" if wanted == "auto" else wanted
    built = _NEEDED[device] in (runtime_providers() if available is None else available)
    if not built and wanted != "auto":
        raise MissingExtraError(_EXTRAS[device], _PURPOSE[device])
    if not built:
        return "cpu"
    if device != "openvino" and find_gpu() is None:
        raise ModelError("no GPU found (the NVIDIA driver's library does not answer); check nvidia-smi, or use --device cpu")
    return device


def usable_devices() -> list[Device]:
    """What a search may try: the CPU, and every accelerator that ONNX Runtime and this machine have."""
    built, gpu = runtime_providers(), find_gpu() is not None
    others: tuple[Device, ...] = ("cuda", "tensorrt", "openvino")
    return ["cpu", *(d for d in others if _NEEDED[d] in built and (gpu or d == "openvino"))]


def runtime_providers() -> list[str]:
    """Execution providers that the installed ONNX Runtime is built with."""
    os.environ.update({**QUIET_RUNTIME, **os.environ})
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def activation_bytes(facts: ModelFacts, batch: int) -> int:
    """Rough peak of live activations: inputs, outputs and the widest operator type's average tensor traffic."""
    widest = max(((o.bytes or 0) - o.weight_bytes) // max(1, o.count) for o in facts.operators) if facts.operators else 0
    return 4 * batch * max(0, widest)


def precision_of(facts: ModelFacts) -> str:
    """``int8``, ``fp16``, ``bf16`` or ``fp32``, by the type of most weights."""
    names = {"int8": "int8", "uint8": "int8", "int4": "int4", "uint4": "int4", "float16": "fp16", "bfloat16": "bf16"}
    weights = {
        dtype: size for dtype, size in facts.weights_by_dtype.items() if dtype not in ("int64", "int32", "bool", "string")
    }
    if not weights:
        return "fp32"
    return names.get(max(weights, key=lambda dtype: weights[dtype]), "fp32")
