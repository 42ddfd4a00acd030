"""Sums over operator types, from single calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infercost.domain.model import OperatorFacts
from infercost.domain.profile import OperatorCall, OperatorTime
from infercost.runtime.flops import bears_flops, flops, traffic, weight_traffic
from infercost.runtime.tensors import Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infercost.runtime.graph import Graph
    from infercost.runtime.tensors import Tensor
    from infercost.runtime.trace import NodeTrace

_PLAIN_NAMES = {
    "FusedConv": "Conv",
    "NhwcFusedConv": "Conv",
    "NhwcConv": "Conv",
    "NhwcMaxPool": "MaxPool",
    "FusedMatMul": "MatMul",
    "FusedMatMulActivation": "MatMul",
    "TransposeMatMul": "MatMul",
    "FusedGemm": "Gemm",
}
"""Names that ONNX Runtime's optimizer gives to a standard operator with something small fused in."""


@dataclass
class _Sum:
    count: int = 0
    flops: int | None = 0
    bytes: int | None = 0
    weight_bytes: int = 0
    bearing: int = 0
    unknown: int = 0
    time_us: float = 0.0

    def add(self, call: Call, times: int, time_us: float = 0.0) -> None:
        """Account for a call made so many times."""
        work, moved = flops(call), traffic(call)
        self.count += times
        self.flops = None if work is None or self.flops is None else self.flops + work * times
        self.bytes = None if moved is None or self.bytes is None else self.bytes + moved * times
        self.weight_bytes += weight_traffic(call) * times
        self.time_us += time_us
        if bears_flops(call.op_type):
            self.bearing += times
            self.unknown += times if work is None else 0


@dataclass(frozen=True, slots=True)
class OperatorSums:
    """What a model's operators do in one pass."""

    operators: tuple[OperatorFacts, ...]
    coverage: float
    """Share of the FLOP-bearing calls whose FLOPs are known."""
    unknown: tuple[str, ...] = field(default=())
    """Operator types with calls of unknown FLOPs."""

    @property
    def known_flops(self) -> int:
        """FLOPs of the operators that are known in full."""
        return sum(o.flops for o in self.operators if o.flops is not None)


def sum_operators(calls: Iterable[tuple[Call, int]], counts: Mapping[str, int]) -> OperatorSums:
    """Facts per operator type.

    Args:
        calls: each call and how often a pass makes it.
        counts: nodes by operator type, as the file has them; types that no call names do nothing in a pass.
    """
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    for call, times in calls:
        sums[call.op_type].add(call, times)
    names = dict.fromkeys([*counts, *sums])
    facts = [
        OperatorFacts(
            op_type=name,
            count=counts.get(name, sums[name].count),
            flops=sums[name].flops,
            bytes=sums[name].bytes,
            weight_bytes=sums[name].weight_bytes,
        )
        for name in names
    ]
    bearing = sum(s.bearing for s in sums.values())
    missing = sum(s.unknown for s in sums.values())
    return OperatorSums(
        operators=tuple(sorted(facts, key=lambda f: (-(f.flops or 0), -f.count, f.op_type))),
        coverage=1.0 if bearing == 0 else 1 - missing / bearing,
        unknown=tuple(sorted(name for name, s in sums.items() if s.unknown)),
    )


def traced_calls(graph: Graph, nodes: Sequence[NodeTrace]) -> list[tuple[Call, int]]:
    """Calls of one traced run of the graph as the file has it, constants folded away."""
    calls = []
    for trace in nodes:
        node = graph.by_name.get(trace.name)
        if node is None or node.op_type != trace.op_type:
            calls.append((Call(trace.op_type, trace.inputs, trace.outputs, {}, trace.parameter_bytes), trace.calls))
            continue
        if node.constant:
            continue
        names = [name for name in node.proto.input if name]
        weights = trace.parameter_bytes
        if len(names) == len(trace.inputs):
            weights = sum(t.nbytes or 0 for name, t in zip(names, trace.inputs, strict=True) if name in node.constants)
        calls.append((Call(trace.op_type, trace.inputs, trace.outputs, node.attributes, weights), trace.calls))
    return calls


def operator_times(
    timed: Sequence[NodeTrace], shaped: Sequence[NodeTrace], runs: int, known: Mapping[str, OperatorFacts]
) -> tuple[OperatorTime, ...]:
    """Time share, FLOPs and bytes per operator type of the graph that was really executed.

    Args:
        timed: nodes with their times over ``runs`` runs.
        shaped: the same nodes of one run, with the shapes of all inputs.
        runs: how many runs ``timed`` covers.
        known: facts of the file's operators, for what needs attributes that a trace does not hold.
    """
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    for trace in shaped:
        call = Call(trace.op_type, trace.inputs, trace.outputs, {}, trace.parameter_bytes)
        sums[_plain(trace.op_type)].add(call, trace.calls)
    times: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for trace in timed:
        times[_plain(trace.op_type)] += trace.self_us
        counts[_plain(trace.op_type)] += trace.calls
    total = sum(times.values())
    rows = []
    for name in dict.fromkeys([*times, *sums]):
        work = sums[name]
        fact = known.get(name)
        rows.append(
            OperatorTime(
                op_type=name,
                count=work.count or round(counts[name] / max(1, runs)),
                time_share=times[name] / total if total > 0 else 0.0,
                flops=work.flops if work.flops is not None or fact is None else fact.flops,
                bytes=work.bytes if work.bytes is not None or fact is None else fact.bytes,
                weight_bytes=work.weight_bytes,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.time_share, row.op_type)))


MOST_CALLS = 60
"""Calls kept: beyond these a network's layers take next to nothing."""


def operator_calls(timed: Sequence[NodeTrace], shaped: Sequence[NodeTrace], runs: int) -> tuple[OperatorCall, ...]:
    """Time by operator type and input shapes, slowest first; at most :data:`MOST_CALLS`.

    Args:
        timed: nodes with the kernels as they run. Weights that a kernel has repacked are not among its inputs.
        shaped: the same nodes in a pass without repacking, by whose shapes the calls are told apart.
        runs: runs that ``timed`` is of.
    """
    named = Counter(trace.name for trace in shaped)
    # A name that several nodes share, or that is met with several shapes, tells no shape.
    shapes = {trace.name: tuple(_text(tensor) for tensor in trace.inputs) for trace in shaped if named[trace.name] == 1}
    calls: defaultdict[tuple[str, tuple[str, ...]], list[float]] = defaultdict(lambda: [0.0, 0.0])
    total = sum(trace.self_us for trace in timed)
    for trace in timed:
        inputs = shapes.get(trace.name) or tuple(_text(tensor) for tensor in trace.inputs)
        entry = calls[_plain(trace.op_type), inputs]
        entry[0] += trace.calls
        entry[1] += trace.self_us
    rows = [
        OperatorCall(
            op_type=op_type,
            inputs=inputs,
            calls=max(1, round(count / max(1, runs))),
            mean_us=us / count,
            time_share=us / total if total > 0 else 0.0,
        )
        for (op_type, inputs), (count, us) in calls.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.time_share, row.op_type, row.inputs))[:MOST_CALLS])


def _text(tensor: Tensor) -> str:
    return f"{tensor.dtype}[{','.join(map(str, tensor.shape))}]"


def _plain(op_type: str) -> str:
    return _PLAIN_NAMES.get(op_type, op_type)
