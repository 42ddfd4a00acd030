from __future__ import annotations

from infercost.runtime.tensors import Tensor
from infercost.runtime.trace import read_trace


def event(name: str, op: str, ts: int, dur: int, shape: list[int] | None = None, **more: object) -> dict[str, object]:
    tensors = [{"float": shape or [2]}]
    return {
        "cat": "Node",
        "name": f"{name}_kernel_time",
        "ts": ts,
        "dur": dur,
        "tid": 1,
        "args": {"op_name": op, "input_type_shape": tensors, "output_type_shape": tensors, "parameter_size": "16"},
        **more,
    }


def run(ts: int, dur: int) -> dict[str, object]:
    return {"cat": "Session", "name": "model_run", "ts": ts, "dur": dur, "args": {}}


def test_calls_of_one_node_are_added_up_over_runs() -> None:
    nodes, runs = read_trace([run(0, 10), event("a", "Relu", 1, 3), run(20, 10), event("a", "Relu", 21, 5)])
    assert runs == 2
    (node,) = nodes
    assert (node.name, node.op_type, node.calls, node.self_us) == ("a", "Relu", 2, 8)
    assert node.inputs == (Tensor("float32", (2,)),)
    assert node.parameter_bytes == 16


def test_warm_up_and_failed_runs_are_left_out() -> None:
    events = [event("failed", "Relu", 1, 2), run(10, 5), event("a", "Relu", 11, 2), run(20, 5), event("b", "Relu", 21, 2)]
    nodes, runs = read_trace(events, skip_runs=1)
    assert ([n.name for n in nodes], runs) == (["b"], 1)
    assert [n.name for n in read_trace(events)[0]] == ["a", "b"]
    assert [n.name for n in read_trace(events, last_runs=1)[0]] == ["b"]


def test_time_inside_a_branch_is_the_branch_nodes_own() -> None:
    events = [
        run(0, 100),
        event("if", "If", 1, 50),
        event("inner", "Conv", 5, 30),
        event("loop", "Loop", 36, 10),
        event("body", "Relu", 37, 8),
        event("after", "Conv", 60, 20),
    ]
    times = {n.name: n.self_us for n in read_trace(events)[0]}
    assert times == {"if": 10, "inner": 30, "loop": 2, "body": 8, "after": 20}


def test_equal_ends_do_not_confuse_neighbours_with_children() -> None:
    events = [run(0, 100), event("a", "Conv", 1, 10), event("b", "Relu", 1, 0), event("c", "Relu", 11, 0)]
    assert {n.name: n.self_us for n in read_trace(events)[0]} == {"a": 10, "b": 0, "c": 0}


def test_shapes_that_change_between_calls_stay_apart() -> None:
    events = [run(0, 100), event("a", "Relu", 1, 1, [2]), event("a", "Relu", 5, 1, [4]), event("a", "Relu", 9, 1, [4])]
    assert sorted((n.inputs[0].shape, n.calls) for n in read_trace(events)[0]) == [((2,), 1), ((4,), 2)]


def test_without_a_complete_run_there_is_nothing() -> None:
    assert read_trace([event("a", "Relu", 1, 2)]) == ([], 0)
    assert read_trace([]) == ([], 0)
