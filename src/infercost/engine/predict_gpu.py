"""GPU predictions: from the graph's FLOPs and bytes, corrected by a local GPU run where there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from infercost.domain.prediction import PredictedPoint, Serving
from infercost.domain.units import GIB
from infercost.engine.measured import allowed_batches, memory_curve, seconds_measured, typical_cv
from infercost.engine.roofline import NO_FIT, Operators, data_sheet_tflops, gpu_precision, gpu_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infercost.domain.coefficients import Coefficients, Stratum
    from infercost.domain.hardware import Accelerator, Hardware
    from infercost.domain.profile import Profile

GPU_BATCHES = (1, 4, 16, 32)
MIN_COVERAGE = 0.9
"""Share of the FLOP-bearing nodes whose FLOPs must be known."""
CONTEXT_BYTES = int(0.6 * GIB)
"""Device memory that a CUDA context and its libraries take."""
HOST_BYTES = 1 * GIB
"""Host memory of a process that holds a CUDA context, beside the model."""
USABLE_MEMORY = 0.9
MAX_SHARING = 2
"""Workers to one GPU: a second hides the host's share of the time."""

CPU_ONLY = frozenset({"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor", "SVMClassifier", "SVMRegressor"})
STEPWISE = frozenset({"LSTM", "GRU", "RNN", "Scan", "Loop", "If", "DynamicQuantizeLSTM"})


@dataclass(frozen=True, slots=True)
class GpuModel:
    """What the graph says of a GPU, and how far a local GPU measurement corrects it."""

    profile: Profile
    operators: Operators
    half: bool
    """Whether the weights are mostly float16."""
    missed: Mapping[int, float]
    """Log of measured over modelled seconds on the local GPU, by batch; empty without one."""
    memory: Callable[[int], int]
    cv: float
    fit: Coefficients = NO_FIT
    local: str = ""
    """Key of the accelerator that was measured; empty without one."""
    cpu_missed: float = 0.0
    """Log of measured over modelled seconds on the local CPU: it says a little of a GPU as well."""

    @classmethod
    def of(cls, profile: Profile, source: Hardware, fit: Coefficients = NO_FIT, cpu_missed: float = 0.0) -> GpuModel:
        """Gather the graph's statistics and, where the profile has GPU points, the correction."""
        points = [p for p in profile.points if p.device != "cpu" and p.latency_ms.typical > 0]
        weights = profile.model.weights_by_dtype
        model = cls(
            profile=profile,
            operators=Operators.of(profile.operators),
            half=weights.get("float16", 0) > sum(weights.values()) / 2,
            missed={},
            memory=memory_curve(profile, profile.points),
            cv=typical_cv(points or [p for p in profile.points if p.by_size]),
            fit=fit,
        )
        if not points or source.accelerator is None or model.declines(source):
            return replace(model, cpu_missed=cpu_missed)
        seconds = {batch: min(by_threads.values()) for batch, by_threads in seconds_measured(points).items()}
        missed = {b: float(np.log(s / sum(model.seconds(source, b)))) for b, s in seconds.items()}
        return replace(model, missed=missed, local=source.accelerator.key)

    @property
    def has_measurement(self) -> bool:
        """Whether a local GPU run corrects the model."""
        return bool(self.missed)

    def declines(self, target: Hardware) -> tuple[str, ...]:
        """Why a target cannot be predicted; empty when it can."""
        accelerator = target.accelerator
        if accelerator is None:
            return ("no accelerator",)
        reason = self._unsuited_accelerator(accelerator) or self._unsuited_model()
        return (reason,) if reason else ()

    def _unsuited_accelerator(self, accelerator: Accelerator) -> str | None:
        if accelerator.onnxruntime_provider is None:
            return f"ONNX Runtime cannot run a plain ONNX model on {accelerator.key}; it needs the vendor's compiler"
        if data_sheet_tflops(accelerator, gpu_precision(accelerator, half=self.half)) is None:
            return f"the peak rate of {accelerator.key} is not in the hardware table"
        if not self.fits(accelerator, 1, 1):
            return f"the model does not fit the {accelerator.memory_gib:g} GiB of {accelerator.key}"
        return None

    def _unsuited_model(self) -> str | None:
        facts, types = self.profile.model, {o.op_type for o in self.profile.operators}
        if found := sorted(types & CPU_ONLY):
            return f"ONNX Runtime has no CUDA kernel for {', '.join(found)}"
        if found := sorted(types & STEPWISE):
            return f"{', '.join(found)} runs step by step; its GPU time is not modelled"
        if bool(self.operators.int8.any()):
            return "the model is quantised to 8 bits, which ONNX Runtime's CUDA provider runs only in part"
        if facts.flops_per_item is None or not self.operators.flops.any():
            return "the FLOPs of the graph are not known, so no GPU can be predicted; try --dim"
        if facts.flops_coverage < MIN_COVERAGE:
            return f"the FLOPs of only {facts.flops_coverage:.0%} of the nodes are known, too few to predict a GPU; try --dim"
        return None

    def fits(self, accelerator: Accelerator, batch: int, workers: int) -> bool:
        """Whether workers that share one accelerator fit its memory."""
        each = CONTEXT_BYTES + max(self.memory(batch), self.profile.model.file_bytes)
        return workers * each <= USABLE_MEMORY * accelerator.memory_gib * GIB

    def seconds(self, target: Hardware, batch: int) -> tuple[float, float]:
        """(host, device) seconds of one batch, correction included."""
        assert target.accelerator is not None  # noqa: S101 - callers decline other targets
        sizes = self.profile.sizes
        host, device = gpu_seconds(
            self.operators,
            batch * (sizes.padding(batch) if sizes is not None else 1.0),
            target.accelerator,
            half=self.half,
            payload_bytes=self.profile.payload_in_bytes + self.profile.payload_out_bytes,
            host_scalar=target.cpu.scalar_speed if target.cpu else 1.0,
            fit=self.fit,
        )
        factor = self._correction(batch, target.accelerator)
        return factor * host, factor * device

    def _correction(self, batch: int, accelerator: Accelerator) -> float:
        """What the model missed where it was measured, as far as it misses the same on the target."""
        stratum = self.stratum(accelerator)
        if not self.missed:
            return float(np.exp(self.fit.anchors.get(stratum, 0.0) * self.cpu_missed))
        known = sorted(self.missed)
        missed = float(np.interp(np.log2(batch), np.log2(known), [self.missed[b] for b in known]))
        return float(np.exp(missed * (1.0 if accelerator.key == self.local else self.fit.anchors.get(stratum, 1.0))))

    def stratum(self, accelerator: Accelerator) -> Stratum:
        """What evidence a prediction for an accelerator rests on."""
        known = self.fit.evidence.get(accelerator.key, 0) > 0
        if self.missed:
            return "GPU to known GPU" if known else "GPU to new GPU"
        return "graph to known GPU" if known else "graph to new GPU"

    def points(self, target: Hardware) -> tuple[PredictedPoint, ...]:
        """One and two workers to each accelerator, at every batch size that fits its memory."""
        assert target.accelerator is not None  # noqa: S101
        batches = allowed_batches(self.profile, GPU_BATCHES)
        cost = {batch: self.seconds(target, batch) for batch in batches}
        return tuple(
            PredictedPoint(
                serving=Serving(workers=sharing * target.accelerator_count, threads=1, max_batch=batch),
                service_s=cost[batch][0] + sharing * cost[batch][1],
                single_s=cost[1][0] + sharing * cost[1][1],
                memory_bytes=sharing * target.accelerator_count * (HOST_BYTES + self.memory(batch)),
            )
            for sharing in range(1, MAX_SHARING + 1)
            if sharing == 1 or sharing * target.accelerator_count <= target.vcpus
            for batch in batches
            if self.fits(target.accelerator, batch, sharing)
        )

    def basis(self, target: Hardware) -> str:
        """One line: what a prediction rests on."""
        name = target.accelerator.key if target.accelerator else "no accelerator"
        return f"GPU latency from the graph's FLOPs and bytes on {name}" + (
            ", corrected by a run on the local GPU" if self.missed else ""
        )
