"""Which effects apply to which hardware."""

from __future__ import annotations

import pytest

from infercost.domain.coefficients import Coefficients
from infercost.engine.effects import cpu_effects, gpu_effects, log_efficiency, vector_class
from infercost.store.hardware import load_hardware

TABLE = load_hardware()
MILAN, SAPPHIRE = TABLE.families["amd-epyc-milan"], TABLE.families["intel-sapphirerapids"]
A10G = TABLE.accelerators["A10G"]


def names(effects):
    return {name for name, _ in effects}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("amd-epyc-milan", "avx2.amd"),
        ("amd-epyc-turin", "avx512.amd"),
        ("intel-icelake", "avx512.intel"),
        ("intel-sandybridge", "avx.intel"),
        ("aws-graviton3", "arm"),
    ],
)
def test_kernels_follow_instruction_set_and_vendor(key, expected):
    assert vector_class(TABLE.families[key]) == expected


def test_levels_go_from_all_hardware_to_the_family():
    found = names(cpu_effects(MILAN, "fp32", kind="conv", runtime="onnxruntime"))
    assert {"cpu/fp32", "cpu/fp32/class:avx2.amd", "cpu/fp32/family:amd-epyc-milan", "cpu/fp32/kind:conv"} <= found
    assert not any("group" in name for name in found), "a design is a level of the fit alone"
    assert "cpu/fp32/group:zen3" in names(cpu_effects(MILAN, "fp32", kind="conv", runtime="onnxruntime", group="zen3"))


def test_tuned_engines_share_slopes_of_the_data_sheet_and_nothing_else():
    common = {"kind": "conv", "precision": "int8", "runtime": "tensorrt"}
    for part in ("launch", "compute", "memory"):
        tuned = names(gpu_effects(A10G, part, 140.0, tuned=True, **common))
        plain = names(gpu_effects(A10G, part, 140.0, tuned=False, **common))
        assert all("/slope:" in name for name in tuned & plain)


def test_a_runtime_has_effects_of_its_own():
    ours = names(cpu_effects(MILAN, "int8", kind="gemm", runtime="onnxruntime"))
    theirs = names(cpu_effects(MILAN, "int8", kind="gemm", runtime="openvino"))
    assert {name.rsplit(":", 1)[1] for name in ours ^ theirs} == {"onnxruntime", "openvino"}


def test_intensity_is_of_convolutions():
    for kind, expected in (("conv", 1.5), ("gemm", 0.0)):
        found = dict(cpu_effects(MILAN, "fp32", kind=kind, runtime="onnxruntime", intensity=1.5))
        assert found["cpu/fp32/intensity"] == expected


def test_efficiency_is_the_sum_of_what_was_fitted():
    fit = Coefficients(effects={"cpu/fp32": 0.2, "cpu/fp32/family:amd-epyc-milan": -0.5, "cpu/fp32/intensity": 0.1})
    args = {"kind": "conv", "runtime": "onnxruntime", "intensity": 2.0}
    assert log_efficiency(fit, cpu_effects(MILAN, "fp32", **args)) == pytest.approx(-0.1)
    assert log_efficiency(fit, cpu_effects(SAPPHIRE, "fp32", **args)) == pytest.approx(0.4)
    assert log_efficiency(Coefficients(), cpu_effects(MILAN, "fp32", **args)) == 0
