from __future__ import annotations

from dataclasses import replace

import pytest

from infercost.domain.diagnosis import (
    BookAge,
    CacheFolder,
    Comparison,
    Diagnosis,
    Extra,
    Finding,
    Limits,
    ProviderFacts,
    Software,
)
from infercost.domain.hardware import Ceilings
from infercost.domain.microbench import Microbenchmark, Microbenchmarks
from infercost.domain.profile import Machine
from infercost.render import render
from infercost.store.artifacts import decode, schema


def figure(name: str, value: float, unit: str = "GFLOP/s", threads: int = 1) -> Microbenchmark:
    return Microbenchmark(name=name, unit=unit, threads=threads, value=value, spread=0.012, blocks=20, disturbed=0.05)


@pytest.fixture
def diagnosis() -> Diagnosis:
    ceilings = Ceilings(
        gemm_gflops={"fp32": 95.1, "int8": 187.0}, conv_gflops={"fp32": 94.0}, bandwidth_gbps=((65536, 92.5), (1 << 28, 16.7)),
        dispatch_us=0.288, threads=2, source="s", measured_on="amd-epyc-milan",
    )  # fmt: skip
    figures = (
        figure("gemm_fp32", 95.1),
        figure("gemm_fp16", 92.0),
        figure("gemm_int8", 187.0),
        figure("skinny_fp32", 26.7),
        figure("conv_fp32", 94.0),
        figure("bandwidth_64KiB", 92.5, "GB/s"),
        figure("bandwidth_256MiB", 16.7, "GB/s"),
        figure("gemm_fp32", 190.0, threads=2),
        figure("bandwidth_256MiB", 23.5, "GB/s", threads=2),
        figure("dispatch", 0.288, "us"),
        figure("call", 3.1, "us"),
    )
    measured = Microbenchmarks(
        infercost_version="0.1.0", created="2026-11-24T12:00:00+00:00", fingerprint="0123456789abcdef", seconds=11.4,
        ceilings=ceilings, figures=figures,
    )  # fmt: skip
    return Diagnosis(
        created="2026-11-24T12:00:00+00:00",
        machine=Machine(
            cpu_model="AMD EPYC", cpu_family="amd-epyc-milan", arch="x86_64", isa=("avx2", "fma"), logical_cpus=2,
            physical_cores=2, max_mhz=2445.4, memory_bytes=25 << 30, os="Linux 6.1", instance_type="sagemaker:ml.m6a.large",
            accelerator="NVIDIA L4",
        ),
        hardware="AMD EPYC taken as amd-epyc-milan",
        limits=Limits(1.5, 8 << 30, 7 << 30),
        microbenchmarks=measured,
        comparisons=(
            Comparison("product fp32", "GFLOP/s", 95.1, 108.8, "core"),
            Comparison("convolution fp32", "GFLOP/s", 94.0, 108.8, "core"),
            Comparison("memory", "GB/s", 23.5, 204.8, "socket"),
        ),
        software=Software("3.11.7", "0.1.0", "1.32.0", ("CPUExecutionProvider",)),
        extras=(Extra("aws", {"boto3": None}),),
        prices=(BookAge("sagemaker", "2026-09-22", 63, "AWS"),),
        caches=(CacheFolder("profiles", "/cache/profiles", 1 << 20, 9, 256 << 20),),
        providers=(ProviderFacts("sagemaker", "Amazon SageMaker", ("refreshes",), ("realtime",)),),
        findings=(
            Finding("machine", "ok", "CPU", "AMD EPYC taken as amd-epyc-milan"),
            Finding("machine", "note", "CPU quota", "1.5 CPUs: latencies will jump"),
            Finding("benchmarks", "problem", "microbenchmarks", "80% of blocks disturbed", "infercost doctor --fresh", 4),
            Finding("extras", "note", "aws", "not installed", "pip install 'infercost[aws]'"),
            Finding("caches", "ok", "profiles", "1.0 MiB of at most 256.0 MiB in 9 files"),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_looks_as_it_did(diagnosis, golden, width):
    golden(f"doctor-{width}.txt", render(diagnosis, "table", width=width))


@pytest.mark.parametrize(("fmt", "suffix"), [("markdown", "md"), ("csv", "csv"), ("json", "json")])
def test_other_formats_look_as_they_did(diagnosis, golden, fmt, suffix):
    golden(f"doctor.{suffix}", render(diagnosis, fmt))


def test_details_show_what_is_well_and_every_figure(diagnosis):
    short, full = (render(diagnosis, "table", width=120, details=details) for details in (False, True))
    assert "256.0 MiB in 9 files" not in short
    assert "1 more, all well" in short
    assert "256.0 MiB in 9 files" in full
    assert "one call" not in short
    assert "one call" in full


def test_without_microbenchmarks_and_problems(diagnosis):
    text = render(replace(diagnosis, microbenchmarks=None, comparisons=(), findings=diagnosis.findings[:2]), "table", width=80)
    assert "matrix product" not in text
    assert "No problem; 1 note." in text


def test_the_json_keeps_the_published_schema_and_reads_back_the_same(diagnosis):
    from jsonschema import Draft202012Validator

    text = render(diagnosis, "json")
    import json

    Draft202012Validator(schema("diagnosis")).validate(json.loads(text))
    assert decode(text.encode(), Diagnosis, "doctor.json") == diagnosis


@pytest.mark.parametrize(("codes", "exit_code"), [((), 0), ((4,), 4), ((4, 5), 5), ((5, 4, 2), 2), ((0,), 0)])
def test_the_most_fundamental_problem_decides(diagnosis, codes, exit_code):
    problems = tuple(Finding("files", "problem", "f", "t", None, code) for code in codes)
    notes = (Finding("files", "note", "f", "t", None, 2),)
    assert replace(diagnosis, findings=(*notes, *problems)).exit_code == exit_code
