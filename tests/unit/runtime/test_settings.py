from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from infercost.domain.errors import MissingExtraError, ModelError, UsageError
from infercost.domain.model import ModelFacts, OperatorFacts, TensorFacts
from infercost.runtime import settings
from infercost.runtime.accelerator import Gpu
from infercost.runtime.settings import (
    Load,
    MeasureSettings,
    activation_bytes,
    cache_key,
    choose_device,
    plan_grid,
    precision_of,
    usable_devices,
)

FACTS = ModelFacts(
    name="m.onnx",
    sha256="abc",
    opset=17,
    parameters=10,
    file_bytes=100,
    flops_per_item=10,
    inputs=(TensorFacts(name="x", dtype="float32", shape=("N", 2), bound_shape=(1, 2), batch_axis=0),),
    outputs=(),
    batch_dim="N",
)
CUDA = ("CUDAExecutionProvider", "CPUExecutionProvider")


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> Any:
    def have(cpus: int, physical: int) -> None:
        monkeypatch.setattr(settings, "usable_cpus", lambda: cpus)
        monkeypatch.setattr(settings, "usable_cores", lambda: physical)

    return have


@pytest.mark.parametrize(
    ("cpus", "physical", "threads"), [(1, 1, {1}), (2, 2, {1, 2}), (2, 1, {1}), (6, 3, {1, 2}), (64, 32, {1, 2, 4})]
)
def test_threads_are_powers_of_two_up_to_the_physical_cores(cores: Any, cpus: int, physical: int, threads: set[int]) -> None:
    cores(cpus, physical)
    grid = plan_grid(FACTS, MeasureSettings(), "cpu")
    assert {t for _, t in grid} == threads
    assert {b for b, _ in grid} == {1, 4, 16}
    assert grid == sorted(grid)


def test_a_fixed_batch_is_measured_as_it_is(cores: Any) -> None:
    cores(2, 2)
    fixed = replace(FACTS, batch_dim=None)
    assert plan_grid(fixed, MeasureSettings(), "cpu") == [(1, 1), (1, 2)]
    with pytest.raises(UsageError, match=r"m\.onnx has a fixed batch; measure it at batch 1"):
        plan_grid(fixed, MeasureSettings(batches=(1, 8)), "cpu")


def test_the_users_choice_goes_before(cores: Any) -> None:
    cores(8, 4)
    grid = plan_grid(FACTS, MeasureSettings(batches=(8, 2, 2), threads=(3,)), "cpu")
    assert grid == [(2, 3), (8, 3)]


def test_more_threads_than_cpus_are_refused(cores: Any) -> None:
    cores(2, 2)
    with pytest.raises(UsageError, match="4 threads on 2 usable CPUs"):
        plan_grid(FACTS, MeasureSettings(threads=(4,)), "cpu")


def test_a_gpu_is_fed_by_one_thread(cores: Any) -> None:
    cores(8, 4)
    assert {t for _, t in plan_grid(FACTS, MeasureSettings(), "cuda")} == {1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("budget_s", 0.0),
        ("budget_s", float("nan")),
        ("budget_s", float("inf")),
        ("batches", ()),
        ("batches", (0,)),
        ("threads", (1, -1)),
        ("device", "tpu"),
    ],
)
def test_impossible_settings_are_refused(field: str, value: Any) -> None:
    with pytest.raises(UsageError):
        MeasureSettings(**{field: value})


def test_the_gpu_is_used_when_runtime_and_driver_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_gpu", lambda: Gpu("L4", 1, 0))
    assert choose_device("auto", CUDA) == "cuda"
    assert choose_device("cuda", CUDA) == "cuda"
    assert choose_device("cpu", CUDA) == "cpu"


def test_auto_takes_the_cpu_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_gpu", lambda: None)
    assert choose_device("auto", CUDA) == "cpu"
    assert choose_device("auto", ("CPUExecutionProvider",)) == "cpu"
    assert choose_device("auto") == "cpu"


def test_the_runtime_is_asked_for_its_providers() -> None:
    assert "CPUExecutionProvider" in settings.runtime_providers()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_asking_for_a_gpu_that_is_not_there_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_gpu", lambda: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'infercost\[cuda\]'"):
        choose_device("cuda", ("CPUExecutionProvider",))
    with pytest.raises(ModelError, match="no GPU found"):
        choose_device("cuda", CUDA)


def test_activations_grow_with_the_batch() -> None:
    facts = replace(FACTS, operators=(OperatorFacts(op_type="Conv", count=2, flops=1, bytes=1000, weight_bytes=200),))
    assert activation_bytes(FACTS, 8) == 0
    assert activation_bytes(facts, 8) == 8 * activation_bytes(facts, 1) == 8 * 4 * 400


@pytest.mark.parametrize(
    ("weights", "precision"),
    [
        ({"float32": 100}, "fp32"),
        ({"int8": 100, "float32": 20, "int64": 1000}, "int8"),
        ({"uint8": 100, "float32": 20}, "int8"),
        ({"float16": 100}, "fp16"),
        ({"bfloat16": 100}, "bf16"),
        ({"uint4": 100, "float32": 30}, "int4"),
        ({"int64": 100}, "fp32"),
        ({}, "fp32"),
    ],
)
def test_precision_is_that_of_most_weights(weights: dict[str, int], precision: str) -> None:
    assert precision_of(replace(FACTS, weights_by_dtype=weights)) == precision


def test_the_cache_key_changes_with_whatever_changes_the_result() -> None:
    base = cache_key(FACTS, None, MeasureSettings())
    assert cache_key(FACTS, None, MeasureSettings()) == base
    arrays = {"x": np.ones((1, 2), np.float32)}
    others = [
        cache_key(replace(FACTS, sha256="def"), None, MeasureSettings()),
        cache_key(replace(FACTS, bound_dims={"seq": 64}), None, MeasureSettings()),
        cache_key(FACTS, None, MeasureSettings(budget_s=5)),
        cache_key(FACTS, arrays, MeasureSettings()),
        cache_key(FACTS, {"x": arrays["x"] * 2}, MeasureSettings()),
        cache_key(FACTS, {"x": np.array([["a", "b"]], dtype=object)}, MeasureSettings()),
    ]
    assert len({base, *others}) == 1 + len(others)


def test_the_deadline_grows_with_the_budget() -> None:
    assert MeasureSettings(budget_s=1).deadline_s == 120
    assert MeasureSettings(budget_s=60).deadline_s == 600


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scenario": "burst"}, "unknown scenario 'burst'; choose single, multi, offline, server"),
        ({"scenario": "server"}, "add --rps 50"),
        ({"scenario": "server", "rps": 0.0}, "must be above 0"),
        ({"scenario": "offline", "workers": 0}, "must be 1 or more"),
    ],
)
def test_impossible_loads_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Load(**fields)


@pytest.mark.parametrize(
    ("device", "provider", "extra"),
    [("tensorrt", "TensorrtExecutionProvider", "cuda"), ("openvino", "OpenVINOExecutionProvider", "openvino")],
)
def test_each_accelerator_is_taken_where_it_is_and_named_where_it_is_not(
    monkeypatch: pytest.MonkeyPatch, device: Any, provider: str, extra: str
) -> None:
    monkeypatch.setattr(settings, "find_gpu", lambda: Gpu("L4", 1, 0))
    assert choose_device(device, (provider, "CPUExecutionProvider")) == device
    with pytest.raises(MissingExtraError, match=rf"pip install 'infercost\[{extra}\]'"):
        choose_device(device, CUDA)


def test_openvino_needs_no_nvidia_driver_and_tensorrt_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_gpu", lambda: None)
    assert choose_device("openvino", ("OpenVINOExecutionProvider",)) == "openvino"
    with pytest.raises(ModelError, match="no GPU found"):
        choose_device("tensorrt", ("TensorrtExecutionProvider",))


def test_a_search_tries_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    built = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(settings, "runtime_providers", lambda: built)
    monkeypatch.setattr(settings, "find_gpu", lambda: Gpu("L4", 1, 0))
    assert usable_devices() == ["cpu", "cuda", "tensorrt", "openvino"]
    monkeypatch.setattr(settings, "find_gpu", lambda: None)
    assert usable_devices() == ["cpu", "openvino"]


def test_scenarios_and_noise_settings_make_another_measurement() -> None:
    keys = [
        cache_key(FACTS, None, MeasureSettings()),
        cache_key(FACTS, None, MeasureSettings(loads=(Load(scenario="offline"),))),
        cache_key(FACTS, None, MeasureSettings(pin=False)),
    ]
    assert len(set(keys)) == 3
