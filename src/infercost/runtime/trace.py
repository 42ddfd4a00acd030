"""ONNX Runtime's own profile (a Chrome trace) reduced to what each node did in each run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infercost.runtime.tensors import Tensor, dtype_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SUFFIX = "_kernel_time"

_Key = tuple[str, str, tuple[Tensor, ...], tuple[Tensor, ...], int]


@dataclass(frozen=True, slots=True)
class NodeTrace:
    """One node with one set of shapes, over all runs looked at."""

    name: str
    op_type: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameter_bytes: int
    calls: int
    self_us: float
    """Time in the node and not in the nodes of its subgraphs, over all calls; microseconds."""


def read_trace(
    events: Iterable[Mapping[str, Any]], *, skip_runs: int = 0, last_runs: int | None = None
) -> tuple[list[NodeTrace], int]:
    """Nodes of the runs that ended well, and how many runs those are.

    Args:
        events: the profile's JSON list.
        skip_runs: runs to leave out at the start (warm-up).
        last_runs: keep only so many at the end.
    """
    events = list(events)
    runs = sorted((e["ts"], e["ts"] + e["dur"]) for e in events if e.get("name") == "model_run")[skip_runs:]
    runs = runs[-last_runs:] if last_runs is not None else runs
    nodes = [e for e in events if e.get("cat") == "Node" and str(e.get("name", "")).endswith(_SUFFIX)]
    inside = [e for e in nodes if any(start <= e["ts"] <= end for start, end in runs)] if runs else []
    return _group(inside), len(runs)


def _group(nodes: Sequence[Mapping[str, Any]]) -> list[NodeTrace]:
    calls: defaultdict[_Key, int] = defaultdict(int)
    time: defaultdict[_Key, float] = defaultdict(float)
    for event, self_us in _self_times(nodes):
        args = event["args"]
        key = (
            event["name"].removesuffix(_SUFFIX),
            args["op_name"],
            _tensors(args.get("input_type_shape")),
            _tensors(args.get("output_type_shape")),
            int(args.get("parameter_size") or 0),
        )
        calls[key] += 1
        time[key] += self_us
    return [NodeTrace(*key, count, time[key]) for key, count in calls.items()]


def _self_times(nodes: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], float]]:
    """Each event's time without the events nested in it on its thread (bodies of If, Loop and Scan)."""
    result: list[tuple[Mapping[str, Any], float]] = []
    open_: defaultdict[Any, list[int]] = defaultdict(list)
    own: list[float] = []
    ordered = sorted(nodes, key=lambda e: (e["ts"], -e["dur"]))
    for index, event in enumerate(ordered):
        stack = open_[event.get("tid")]
        while stack and not _encloses(ordered[stack[-1]], event):
            stack.pop()
        if stack:
            own[stack[-1]] -= event["dur"]
        own.append(float(event["dur"]))
        stack.append(index)
    result.extend((event, max(0.0, own[index])) for index, event in enumerate(ordered))
    return result


def _encloses(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    if outer["args"].get("op_name") not in ("If", "Loop", "Scan"):
        return False
    return bool(inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"])


def _tensors(shapes: Sequence[Mapping[str, Sequence[int]]] | None) -> tuple[Tensor, ...]:
    return tuple(Tensor(dtype_name(dtype), tuple(shape)) for entry in shapes or () for dtype, shape in entry.items())
