"""The split of measured time, and the laws of its parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.hardware import Hardware
from infercost.domain.profile import OperatorTime
from infercost.engine.roofline import Core, Operators, instance_bandwidth, is_int8, smt_rate, split
from infercost.store.hardware import load_hardware

FAMILIES = load_hardware().families
MILAN = FAMILIES["amd-epyc-milan"]


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
    parts = split(seconds, batch, Operators.of(operators), machine())
    assert min(parts.dispatch, parts.fp32, parts.int8, parts.memory) >= 0
    assert parts.total == pytest.approx(seconds)


def test_arithmetic_and_traffic_are_told_apart():
    heavy = OperatorTime(op_type="Conv", count=1, time_share=0.5, flops=10**11, bytes=10**6)
    streaming = OperatorTime(op_type="Add", count=1, time_share=0.5, flops=10**6, bytes=10**9)
    parts = split(1.0, 1, Operators.of([heavy, streaming]), machine())
    assert parts.fp32 == pytest.approx(0.5, abs=0.01)
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


@given(st.sampled_from(sorted(FAMILIES)), st.floats(1.0, 4.0))
def test_a_wider_core_is_never_slower(key, factor):
    cpu = FAMILIES[key]
    wide = replace(
        cpu, fp32_flops_per_cycle=cpu.fp32_flops_per_cycle * factor, int8_ops_per_cycle=cpu.int8_ops_per_cycle * factor
    )
    assert Core.of(wide).fp32 >= Core.of(cpu).fp32
    assert Core.of(wide).int8 >= Core.of(cpu).int8
    assert Core.of(wide).fp32 <= Core.of(cpu).fp32 * factor * (1 + 1e-9)


def test_8_bit_operators_are_named():
    computing = ["QLinearConv", "MatMulInteger", "QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"]
    assert all(is_int8(name) for name in computing)
    assert not any(is_int8(name) for name in ("Conv", "MatMul", "QuantizeLinear", "DynamicQuantizeLinear"))
