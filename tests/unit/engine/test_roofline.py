"""The split of measured time, and the laws of its parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.coefficients import Coefficients
from infercost.domain.hardware import Ceilings, Hardware
from infercost.domain.profile import OperatorTime
from infercost.engine.roofline import (
    KINDS,
    Core,
    Operators,
    data_sheet_tflops,
    gpu_seconds,
    graph_seconds,
    instance_bandwidth,
    is_int8,
    slowdown,
    smt_rate,
    split,
)
from infercost.store.coefficients import load_coefficients
from infercost.store.hardware import load_hardware

FAMILIES = load_hardware().families
MILAN = FAMILIES["amd-epyc-milan"]
GPUS = load_hardware().accelerators
FIT = load_coefficients()


def machine(cpu=MILAN, vcpus=8) -> Hardware:
    return Hardware(provider="x", instance_type="x", family="x", vcpus=vcpus, memory_gib=1.0, cpu=cpu)


operator = st.builds(
    OperatorTime,
    op_type=st.sampled_from(["Conv", "Add", "QLinearConv", "Reshape"]),
    count=st.integers(1, 300),
    time_share=st.floats(0, 1),
    flops=st.none() | st.integers(0, 10**12),
    bytes=st.none() | st.integers(0, 10**10),
    weight_bytes=st.integers(0, 10**9),
)


@given(st.lists(operator, max_size=8), st.floats(1e-6, 10), st.integers(1, 32))
def test_parts_are_positive_and_sum_to_the_measurement(operators, seconds, batch):
    parts = split(seconds, batch, Operators.of(operators), machine(), Core.of(MILAN))
    assert min(parts.dispatch, *parts.arithmetic, parts.memory) >= 0
    assert parts.total == pytest.approx(seconds)


def test_arithmetic_and_traffic_are_told_apart():
    heavy = OperatorTime(op_type="Conv", count=1, time_share=0.5, flops=10**11, bytes=10**6)
    streaming = OperatorTime(op_type="Add", count=1, time_share=0.5, flops=10**6, bytes=10**9)
    parts = split(1.0, 1, Operators.of([heavy, streaming]), machine(), Core.of(MILAN))
    assert parts.arithmetic == pytest.approx([0.5, 0, 0, 0], abs=0.01)
    assert parts.memory == pytest.approx(0.5, abs=0.01)


def test_weights_are_read_once_a_batch():
    only = Operators.of([OperatorTime(op_type="Gemm", count=1, time_share=1, flops=1, bytes=110, weight_bytes=100)])
    assert only.traffic(1).tolist() == [110]
    assert only.traffic(8).tolist() == [180]


def test_smt_adds_a_fifth_of_a_core():
    busy = np.array([1.0, 4.0, 8.0])
    assert smt_rate(busy, 4) * busy == pytest.approx([1.0, 4.0, 4.8])


@given(st.sampled_from(sorted(FAMILIES)), st.integers(1, 192), st.integers(1, 64))
def test_more_cores_never_draw_less_memory_bandwidth(key, vcpus, more):
    small, large = (instance_bandwidth(machine(FAMILIES[key], n)) for n in (vcpus, vcpus + more))
    assert 0 < small <= large


def test_kinds_of_arithmetic_are_told_apart():
    names = ["Conv", "MatMul", "QLinearConv", "QGemm", "Add"]
    kinds = Operators.of([OperatorTime(op_type=n, count=1, time_share=1, flops=1, bytes=1) for n in names]).kind
    assert [KINDS[k] for k in kinds] == [
        ("fp32", "conv"),
        ("fp32", "gemm"),
        ("int8", "conv"),
        ("int8", "gemm"),
        ("fp32", "conv"),
    ]


fits = st.sampled_from([Coefficients(), FIT])


@given(st.sampled_from(sorted(FAMILIES)), st.floats(1.0, 4.0), fits)
def test_a_wider_core_is_never_slower(key, factor, fit):
    cpu = FAMILIES[key]
    wide = replace(
        cpu, fp32_flops_per_cycle=cpu.fp32_flops_per_cycle * factor, int8_ops_per_cycle=cpu.int8_ops_per_cycle * factor
    )
    narrow_rates, wide_rates = Core.of(cpu, fit).arithmetic, Core.of(wide, fit).arithmetic
    assert (wide_rates >= narrow_rates * (1 - 1e-9)).all()
    assert (wide_rates <= narrow_rates * factor**1.1 * (1 + 1e-9)).all()


@given(st.sampled_from(sorted(FAMILIES)), st.floats(-2, 2))
def test_no_fitted_rate_is_above_the_roofline(key, intensity):
    cpu = FAMILIES[key]
    prior, core = Core.of(cpu), Core.of(cpu, FIT, intensity=intensity)
    peaks = np.array([cpu.fp32_flops_per_cycle, cpu.fp32_flops_per_cycle, cpu.int8_ops_per_cycle, cpu.int8_ops_per_cycle])
    assert (core.arithmetic <= np.maximum(peaks * cpu.sustained_ghz, prior.arithmetic) * (1 + 1e-9)).all()
    whole = machine(cpu, 2 * cpu.cores_per_socket)
    assert instance_bandwidth(whole, core) <= cpu.memory_bandwidth_gbs * (1 + 1e-9)


@given(st.sampled_from(sorted(FAMILIES)), st.floats(1.0, 3.0))
def test_more_bandwidth_is_never_slower(key, factor):
    cpu = FAMILIES[key]
    quick = replace(cpu, memory_bandwidth_gbs=cpu.memory_bandwidth_gbs * factor)
    assert instance_bandwidth(machine(quick), Core.of(quick, FIT)) >= instance_bandwidth(machine(cpu), Core.of(cpu, FIT))


@given(
    st.sampled_from(sorted(k for k, g in GPUS.items() if g.onnxruntime_provider and g.fp32_tflops)),
    st.floats(1.0, 3.0),
    st.sampled_from(["fp32_tflops", "tf32_tflops", "fp16_tflops", "memory_bandwidth_gbs"]),
    st.booleans(),
    fits,
)
def test_a_better_data_sheet_is_never_slower(key, factor, figure, half, fit):
    gpu = GPUS[key]
    if getattr(gpu, figure) is None:
        return
    better = replace(gpu, **{figure: getattr(gpu, figure) * factor})
    work = Operators.of(
        [OperatorTime(op_type="Conv", count=60, time_share=1, flops=8 * 10**9, bytes=10**8, weight_bytes=10**7)]
    )
    common = {"half": half, "payload_bytes": 10**5, "host_scalar": 1.0, "fit": fit}
    slower, faster = (sum(gpu_seconds(work, 8, g, **common)) for g in (gpu, better))
    assert faster <= slower * (1 + 1e-9)
    peak = data_sheet_tflops(gpu, "fp16" if half else "fp32" if gpu.tf32_tflops is None else "tf32")
    assert slower >= 8 * 8e9 / (peak * 1e12), "the roofline"


def test_the_graph_alone_has_seconds_where_it_has_flops():
    conv = OperatorTime(op_type="Conv", count=10, time_share=1, flops=10**9, bytes=10**7)
    known, unknown = Operators.of([conv]), Operators.of([replace(conv, flops=None)])
    core = Core.of(MILAN)
    assert graph_seconds(1, known, machine(), core) > 1e9 / (core.arithmetic[0] * 1e9)
    assert graph_seconds(1, unknown, machine(), core) is None


# --- measured ceilings -------------------------------------------------------------------------


def ceilings(factor: float, **changes) -> Ceilings:
    facts = {
        "gemm_gflops": {"fp32": 50.0 * factor, "int8": 200.0 * factor},
        "conv_gflops": {"fp32": 40.0 * factor},
        "bandwidth_gbps": ((2**16, 100.0 * factor), (2**28, 10.0 * factor)),
        "dispatch_us": 2.0 / factor,
        "source": "test",
        "measured_on": "here",
    }
    return Ceilings(**(facts | changes))


ONE = np.ones(1)


def stretch(source, target, **changes):
    return slowdown(source, target, ONE, ONE, cores=(Core.of(source.cpu, FIT), Core.of(target.cpu, FIT)), **changes)


def test_measured_ceilings_go_before_data_sheets_and_fits():
    here = replace(machine(), measured=ceilings(1.0))
    there = replace(machine(FAMILIES["intel-sapphirerapids"]), measured=ceilings(2.0))
    factor, modelled = stretch(here, there), stretch(machine(), machine(FAMILIES["intel-sapphirerapids"]))
    assert factor.dispatch == pytest.approx(0.5)
    assert factor.memory == pytest.approx(0.5)
    # There is no 8-bit convolution among the figures: that one keeps the modelled ratio.
    assert factor.arithmetic[:, 0] == pytest.approx([0.5, 0.5, modelled.arithmetic[2, 0], 0.5])


def test_ceilings_of_one_machine_alone_are_not_compared_with_models_of_the_other():
    there = replace(machine(FAMILIES["intel-icelake"]), measured=ceilings(3.0))
    plain = stretch(machine(), machine(FAMILIES["intel-icelake"]))
    assert stretch(machine(), there).arithmetic == pytest.approx(plain.arithmetic)
    assert stretch(machine(), there).memory == pytest.approx(plain.memory)


def test_a_working_set_in_the_caches_is_compared_there():
    here = replace(machine(), measured=ceilings(1.0))
    there = replace(machine(), measured=ceilings(1.0, bandwidth_gbps=((2**16, 400.0), (2**28, 10.0))))
    assert stretch(here, there, working_set=2**16).memory == pytest.approx(0.25)
    assert stretch(here, there, working_set=2**30).memory == pytest.approx(1.0)


def test_all_cores_together_draw_what_was_measured_of_them():
    here = replace(machine(), measured=ceilings(1.0))
    there = replace(machine(), measured=ceilings(1.0, all_threads_bandwidth_gbps=20.0))
    cores = (Core.of(MILAN), Core.of(MILAN))
    full = slowdown(here, there, 4 * ONE, ONE, cores=cores, working_set=2**30)
    assert full.memory == pytest.approx(2.0), "four threads of 10 GB/s share 20"


def test_8_bit_operators_are_named():
    computing = ["QLinearConv", "MatMulInteger", "QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"]
    assert all(is_int8(name) for name in computing)
    assert not any(is_int8(name) for name in ("Conv", "MatMul", "QuantizeLinear", "DynamicQuantizeLinear"))
