from __future__ import annotations

from typing import Any

import pytest

from infercost.domain.model import OperatorFacts
from infercost.runtime.graph import read_graph
from infercost.runtime.operators import operator_times, sum_operators, traced_calls
from infercost.runtime.tensors import Call, Tensor
from infercost.runtime.trace import NodeTrace


def f32(*shape: int) -> Tensor:
    return Tensor("float32", shape)


def traced(name: str, op: str, inputs: list[Tensor], outputs: list[Tensor], *, calls: int = 1, us: float = 1.0) -> NodeTrace:
    return NodeTrace(name, op, tuple(inputs), tuple(outputs), 0, calls, us)


def test_one_unknown_call_makes_its_type_unknown_and_lowers_the_coverage() -> None:
    known = Call("Relu", (f32(4),), (f32(4),))
    unknown = Call("MaxPool", (f32(4),), (f32(2),))
    pool = Call("MaxPool", (f32(1, 1, 4, 4),), (f32(1, 1, 2, 2),), {"kernel_shape": [2, 2]})
    sums = sum_operators([(known, 2), (unknown, 1), (pool, 1)], {"Relu": 2, "MaxPool": 2})
    facts = {o.op_type: o for o in sums.operators}
    assert facts["Relu"].flops == 8
    assert facts["MaxPool"].flops is None
    assert sums.coverage == pytest.approx(3 / 4)
    assert sums.unknown == ("MaxPool",)
    assert sums.known_flops == 8


def test_types_that_a_pass_does_not_reach_do_nothing() -> None:
    sums = sum_operators([], {"LSTM": 2})
    assert sums.operators == (OperatorFacts(op_type="LSTM", count=2, flops=0, bytes=0),)
    assert sums.coverage == 1.0


def test_attributes_and_constants_come_from_the_file(nets: Any) -> None:
    graph = read_graph(nets.cnn([1, 3, 8, 8]))
    calls = {
        call.op_type: call
        for call, _ in traced_calls(
            graph,
            [
                traced("conv", "Conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], [f32(1, 4, 8, 8)]),
                traced("pool", "MaxPool", [f32(1, 4, 8, 8)], [f32(1, 4, 4, 4)]),
            ],
        )
    }
    assert calls["Conv"].weight_bytes == 4 * 3 * 3 * 3 * 4
    assert list(calls["MaxPool"].attributes["kernel_shape"]) == [2, 2]


def test_nodes_that_the_file_does_not_have_count_as_they_are(nets: Any) -> None:
    graph = read_graph(nets.mlp())
    ((call, times),) = traced_calls(graph, [traced("_inlined", "Relu", [f32(3)], [f32(3)], calls=5)])
    assert (call.op_type, call.attributes, times) == ("Relu", {}, 5)


def test_shares_add_up_to_one_and_fused_names_become_plain() -> None:
    conv = ([f32(1, 3, 8, 8), f32(4, 3, 3, 3)], [f32(1, 4, 6, 6)])
    timed = [
        traced("a", "FusedConv", conv[0][:1], conv[1], calls=10, us=60),
        traced("b", "Conv", conv[0][:1], conv[1], calls=10, us=20),
        traced("c", "MaxPool", [f32(1, 4, 6, 6)], [f32(1, 4, 3, 3)], calls=10, us=20),
    ]
    shaped = [
        traced("a", "FusedConv", *conv),
        traced("b", "Conv", *conv),
        traced("c", "MaxPool", [f32(1, 4, 6, 6)], [f32(1, 4, 3, 3)]),
    ]
    pool = OperatorFacts(op_type="MaxPool", count=1, flops=144, bytes=1)
    rows = operator_times(timed, shaped, 10, {"MaxPool": pool})
    assert [row.op_type for row in rows] == ["Conv", "MaxPool"]
    assert sum(row.time_share for row in rows) == pytest.approx(1)
    assert rows[0].time_share == pytest.approx(0.8)
    assert (rows[0].count, rows[0].flops) == (2, 2 * 2 * 4 * 36 * 27)
    assert rows[1].flops == 144


def test_without_times_shares_are_zero() -> None:
    (row,) = operator_times([], [traced("a", "Relu", [f32(3)], [f32(3)])], 0, {})
    assert (row.time_share, row.flops) == (0.0, 3)
