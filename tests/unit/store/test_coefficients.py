"""The coefficients that ship: whole, bounded and of a size."""

from __future__ import annotations

import math
import re
from importlib.resources import files

import pytest

from infercost.engine.effects import CPU_PARTS, GPU_PARTS, cpu_effects, gpu_effects
from infercost.engine.predict import MIN_HARDWARE
from infercost.engine.roofline import data_sheet_tflops
from infercost.store.coefficients import load_coefficients
from infercost.store.hardware import load_hardware

FIT = load_coefficients()
TABLE = load_hardware()
RENTED = {h.cpu.key for h in TABLE.instances.values() if h.cpu is not None and h.accelerator is None}


def test_they_carry_the_hash_of_their_fit_and_no_table():
    assert re.fullmatch(r"[0-9a-f]{64}", FIT.fit)
    assert "observations" in FIT.source
    assert len(files("infercost").joinpath("data", "prediction", "coefficients.json").read_bytes()) < 100_000


def test_every_effect_is_one_that_the_engine_asks_for():
    asked = set()
    for cpu in TABLE.families.values():
        for part in CPU_PARTS:
            for kind in ("conv", "gemm"):
                asked |= {name for name, _ in cpu_effects(cpu, part, kind=kind, runtime="onnxruntime")}
    for gpu in TABLE.accelerators.values():
        for part in GPU_PARTS:
            for kind in ("conv", "gemm"):
                for precision in ("fp32", "tf32", "fp16", "int8", "fp8"):
                    for runtime, tuned in (
                        ("onnxruntime", False),
                        ("onnxruntime", True),
                        ("tensorrt", True),
                        ("tensorrt", False),
                    ):
                        peak = data_sheet_tflops(gpu, precision) or 1.0
                        found = gpu_effects(gpu, part, peak, kind=kind, precision=precision, runtime=runtime, tuned=tuned)
                        asked |= {name for name, _ in found}
    assert set(FIT.effects) <= asked
    assert all(math.isfinite(value) and abs(value) < 3 for value in FIT.effects.values())


def test_every_rented_cpu_family_that_was_measured_is_known():
    unmeasured = {"google-axion-n3", "aws-graviton1", "intel-sandybridge"}
    assert RENTED - set(FIT.evidence) <= unmeasured
    assert set(FIT.evidence) <= set(TABLE.families) | set(TABLE.accelerators)


@pytest.mark.parametrize(
    "stratum",
    [
        "same family",
        "CPU to known CPU",
        "CPU to new CPU",
        "CPU with efficiency cores",
        "GPU to known GPU",
        "GPU to new GPU",
        "graph to known GPU",
        "graph to new GPU",
    ],
)
def test_every_stratum_has_an_interval_with_evidence(stratum):
    interval = FIT.intervals[stratum]
    assert interval.hardware >= MIN_HARDWARE
    assert interval.n > 100
    assert 0.05 < interval.half_width < 2


def test_the_family_is_surer_than_another_and_a_known_cpu_than_a_new_one():
    widths = [FIT.intervals[s].half_width for s in ("same family", "CPU to known CPU", "CPU to new CPU")]
    assert widths == sorted(widths)


def test_anchors_are_shares():
    assert all(0 <= trust <= 1 for trust in FIT.anchors.values())
    assert FIT.anchors["CPU to known CPU"] > 0.5 > FIT.anchors["graph to known GPU"]
