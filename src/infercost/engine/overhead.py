"""The serving stack around the model: what it adds to every request before anything is planned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infercost.domain.hardware import Hardware
    from infercost.domain.prediction import PredictedPoint, Prediction
    from infercost.domain.traffic import Traffic

__all__ = ["FIXED_MS", "PER_BYTE_MS", "add_overhead", "assumed_overhead_ms"]

FIXED_MS: Final = 0.2
"""CPU milliseconds of an HTTP server for one small request: 5,000 requests a second and core, the
lower end of what uvicorn with a tiny ONNX model was measured at. An assumption: stacks differ."""

PER_BYTE_MS: Final = 1e-6
"""Milliseconds a byte of payload: 1 GB/s to read, check and copy binary tensors. JSON costs far more."""


def assumed_overhead_ms(payload_bytes: int) -> float:
    """CPU milliseconds assumed for a request whose payloads, in and out, have this size."""
    return FIXED_MS + PER_BYTE_MS * payload_bytes


def add_overhead(
    predictions: Sequence[Prediction], hardware: Mapping[tuple[str, str], Hardware], traffic: Traffic
) -> list[Prediction]:
    """Predictions with ``traffic.overhead_ms`` in every service.

    On a CPU the worker that runs the model also does this work, request by request. Beside an
    accelerator the host's vCPUs do it in parallel, shared among the workers.

    Args:
        predictions: of the model alone.
        hardware: by (provider, instance type), at least those predicted.
        traffic: whose requests they serve.
    """
    return [_with(p, hardware[p.provider, p.instance_type], traffic.overhead_ms / 1e3) for p in predictions]


def _with(prediction: Prediction, hardware: Hardware, overhead_s: float) -> Prediction:
    return replace(prediction, points=tuple(_point(point, hardware, overhead_s) for point in prediction.points))


def _point(point: PredictedPoint, hardware: Hardware, overhead_s: float) -> PredictedPoint:
    batch = point.serving.max_batch
    lanes = 1.0 if hardware.accelerator is None else max(1.0, hardware.vcpus / point.serving.workers)
    added = overhead_s * max(1.0, batch / lanes)
    return replace(
        point,
        single_s=point.single_s + overhead_s,
        service_s=point.service_s + added,
        # What is the same for every request takes its share from the spread.
        cv=None if point.cv is None else point.cv * point.service_s / (point.service_s + added),
    )
