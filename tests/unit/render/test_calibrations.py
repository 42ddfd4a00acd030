from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from infercost.domain.calibration import Calibrations, FamilyCalibration, MachineCeilings, Observation
from infercost.domain.hardware import Ceilings
from infercost.render import render
from infercost.store.artifacts import decode, schema


def seen(**changes) -> Observation:
    return Observation(
        **{
            "instance": "sagemaker:ml.c7i.xlarge",
            "family": "intel-sapphirerapids",
            "reference": "amd-epyc-milan",
            "model": "resnet50.onnx",
            "sha256": "ab" * 32,
            "precision": "fp32",
            "metric": "latency_ms",
            "measured": 40.0,
            "predicted": 36.0,
            "threads": 2,
            "source": "infercost profile",
            "date": "2026-11-24",
        }
        | changes
    )


CEILINGS = Ceilings(
    gemm_gflops={"fp32": 95.1}, conv_gflops={}, bandwidth_gbps=((65536, 92.5),), dispatch_us=0.3, source="s", measured_on="m"
)
VALUE = Calibrations(
    path="infercost-calibration.yml",
    observations=(
        seen(),
        seen(metric="throughput_per_s", measured=24.0, predicted=27.68, threads=None, source="MLPerf LoadGen", note="INVALID"),
    ),
    machines=(
        MachineCeilings(instance="sagemaker:ml.c7i.xlarge", ceilings=CEILINGS, source="infercost doctor", date="2026-11-20"),
    ),
    families=(
        FamilyCalibration("intel-sapphirerapids", "fp32", 1.07, 0.8, 0.49, 2, surprising=False),
        FamilyCalibration("amd-epyc-rome", "fp32", 1.0, 0.6, 0.6, 0, surprising=False),
        FamilyCalibration("aws-graviton3", "fp32", 3.1, 0.8, 2.4, 1, surprising=True),
    ),
)


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_looks_as_it_did(golden, width):
    golden(f"calibrations-{width}.txt", render(VALUE, "table", width=width))


@pytest.mark.parametrize(("fmt", "suffix"), [("markdown", "md"), ("csv", "csv"), ("json", "json")])
def test_other_formats_look_as_they_did(golden, fmt, suffix):
    golden(f"calibrations.{suffix}", render(VALUE, fmt))


def test_nothing_measured_is_said():
    assert "No measurement of a model." in render(Calibrations(), "table", width=80)


def test_the_json_keeps_the_published_schema_and_reads_back_the_same():
    text = render(VALUE, "json")
    Draft202012Validator(schema("calibrations")).validate(json.loads(text))
    assert decode(text.encode(), Calibrations, "c.json") == VALUE
    assert json.loads(text)["observations"][0]["id"] == VALUE.observations[0].id


def test_a_narrow_terminal_stacks_words_instead_of_crushing_them(golden):
    text = render(VALUE, "table", width=40)
    golden("calibrations-40.txt", text)
    assert "sagemaker:ml.c7i.xlarge" in text
    assert max(len(line) for line in text.splitlines()) <= 40
