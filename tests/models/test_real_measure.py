"""Profiles of real models: one of each kind that the tool promises to serve."""

from __future__ import annotations

from typing import Any

import pytest

from infercost.runtime.measure import MeasureSettings, measure

pytestmark = pytest.mark.models


@pytest.mark.parametrize(
    ("name", "dominant"),
    [
        ("pp-ocr-cls", None),
        ("pp-ocr-rec", "Conv"),
        ("silero-vad", None),
        ("magika", None),
        ("minilm-l6", "MatMul"),
        ("minilm-l6-int8", None),
        ("random-forest-digits", "TreeEnsembleClassifier"),
        ("lightgbm-cancer", "TreeEnsembleClassifier"),
    ],
)
def test_a_profile_is_complete(model: Any, facts: Any, name: str, dominant: str | None) -> None:
    profile = measure(
        model(name), facts(name), settings=MeasureSettings(batches=(1, 2), threads=(1,), budget_s=2, device="cpu")
    )
    assert profile.points[0].batch == 1
    for point in profile.points:
        assert point.raw is not None
        assert point.raw.count == point.latency_ms.count >= 1
        assert point.memory_bytes
        assert point.load_s
    assert profile.runtime.graph_optimization == "all"
    assert sum(o.time_share for o in profile.operators) == pytest.approx(1)
    if dominant is not None:
        assert profile.operators[0].op_type == dominant
    # The optimizer pads channels and merges steps, but the work stays the model's.
    executed = sum(o.flops or 0 for o in profile.operators)
    assert executed == pytest.approx(facts(name).flops_per_item, rel=0.05)
    assert profile.payload_in_bytes > 0
    assert profile.payload_out_bytes > 0


def test_a_fixed_batch_has_one_point_a_thread_count(model: Any, facts: Any) -> None:
    settings = MeasureSettings(threads=(1,), budget_s=1, device="cpu")
    profile = measure(model("squeezenet"), facts("squeezenet"), settings=settings)
    assert [(p.batch, p.threads) for p in profile.points] == [(1, 1)]
