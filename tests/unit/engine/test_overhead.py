"""What the serving stack adds to the model's own time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.hardware import Accelerator, Hardware
from infercost.domain.prediction import PredictedPoint, Prediction, Serving
from infercost.domain.traffic import Traffic
from infercost.engine.overhead import FIXED_MS, add_overhead, assumed_overhead_ms

GPU = Accelerator(
    key="X",
    vendor="x",
    fp32_tflops=1,
    tf32_tflops=None,
    fp16_tflops=None,
    int8_tops=None,
    memory_gib=16,
    memory_bandwidth_gbs=100,
    onnxruntime_provider="CUDAExecutionProvider",
    source="test",
)


def hardware(vcpus: int, accelerator: Accelerator | None = None) -> Hardware:
    return Hardware(provider="p", instance_type="i", family="f", vcpus=vcpus, memory_gib=8, cpu=None, accelerator=accelerator)


def added(overhead_ms: float, *, batch: int = 1, workers: int = 1, on: Hardware) -> tuple[float, float]:
    """Milliseconds added to a single request's service and to a full batch's."""
    point = PredictedPoint(
        serving=Serving(workers=workers, threads=1, max_batch=batch), service_s=0.02, single_s=0.01, memory_bytes=1
    )
    prediction = Prediction(provider="p", instance_type="i", provenance="modelled", band=0.5, cv=0.1, points=(point,))
    traffic = Traffic(rps=1, payload_in_bytes=0, payload_out_bytes=0, overhead_ms=overhead_ms)
    (after,) = add_overhead([prediction], {("p", "i"): on}, traffic)[0].points
    return (after.single_s - 0.01) * 1e3, (after.service_s - 0.02) * 1e3


@given(st.floats(0, 100), st.integers(1, 32), st.integers(1, 8))
def test_on_a_cpu_the_worker_pays_for_every_request_of_the_batch(overhead_ms, batch, workers):
    assert added(overhead_ms, batch=batch, workers=workers, on=hardware(8)) == pytest.approx(
        (overhead_ms, overhead_ms * batch), abs=1e-9
    )


def test_beside_an_accelerator_the_host_shares_the_work():
    assert added(1.0, batch=32, workers=2, on=hardware(16, GPU)) == pytest.approx((1.0, 4.0))
    assert added(1.0, batch=2, workers=2, on=hardware(16, GPU)) == pytest.approx((1.0, 1.0))


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_larger_payloads_are_assumed_to_cost_no_less(a, b):
    small, large = sorted((a, b))
    assert FIXED_MS <= assumed_overhead_ms(small) <= assumed_overhead_ms(large)


def test_an_image_of_600_kb_is_assumed_to_take_under_a_millisecond():
    assert assumed_overhead_ms(600_000) == pytest.approx(0.8)
