"""What a model file says about itself: interface, weights, operators, FLOPs and bytes.

Shapes come from one traced run of the graph as the file has it, in a process of its own: that is
exact for control flow, data-dependent shapes and functions, where shape inference stops. ONNX's
shape inference stands in for models that do not fit into this machine's memory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from infercost.domain.model import ModelFacts, TensorFacts
from infercost.runtime.accelerator import find_gpu
from infercost.runtime.binding import (
    Binding,
    check_sizes,
    declared_inputs,
    declared_size,
    expected_inputs,
    fixed_rows,
    plan_binding,
    read_samples,
    with_ranks,
)
from infercost.runtime.dims import check_dims, symbols
from infercost.runtime.graph import Graph, ModelFile, element_type, read_graph, read_model
from infercost.runtime.hints import input_values
from infercost.runtime.inputs import check_inputs, save_arrays, tile_inputs
from infercost.runtime.memory import available_bytes, needed_bytes
from infercost.runtime.names import data_folder, openable, shown
from infercost.runtime.operators import OperatorSums, sum_operators, traced_calls
from infercost.runtime.protocol import DEADLINE_S, Failure, InputSpec, ModelSource, Probe, ProbeReply
from infercost.runtime.reasons import brief, model_error
from infercost.runtime.static import infer_tensors, static_calls
from infercost.runtime.trees import TREE_OPERATORS
from infercost.runtime.workers import ask_probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infercost.runtime.samples import Given, Samples
    from infercost.runtime.tensors import Tensor

_COVERAGE_NEEDED = 0.8
"""Below this share of FLOP-bearing nodes a total would mislead."""

_NO_PARAMETERS = frozenset({"int64", "bool", "string"})
"""Shapes, axes and vocabularies: constants, but not learned."""


def inspect(
    path: str | Path,
    *,
    dims: Mapping[str, int] | None = None,
    inputs: Given | Samples | None = None,
    inputs_name: str | None = None,
    features: Sequence[str] = (),
    vocabulary: int | None = None,
    deadline_s: float = DEADLINE_S,
) -> ModelFacts:
    """Describe an ONNX model.

    Args:
        path: the ``.onnx`` file; external data is looked for beside it.
        dims: sizes of symbolic dimensions, by name or ``input.axis``. A dimension given here is
            fixed, also if it looks like the batch.
        inputs: real samples, as ``samples.read_given`` takes or returns them; they fix all dimensions
            but the batch.
        inputs_name: what to call ``inputs`` in messages; the file's name, or "inputs" for arrays, when None.
        features: names of feature columns in order, where they are known from elsewhere.
        vocabulary: entries of the tokenizer, where they are known from elsewhere: generated token ids stay below.
        deadline_s: seconds after which loading, or one run, is taken to hang.

    Returns:
        Facts at batch 1. What was guessed or could not be inferred is in ``warnings``.

    Raises:
        ModelError: the file cannot be read, or ONNX Runtime cannot run it or does not come to an end.
        InputsError: ``inputs`` do not fit the model.
        UsageError: ``dims`` names a dimension that the model does not have, or asks for more than fits into memory.
    """
    file = read_model(path)
    graph = read_graph(file.proto)
    declared = declared_inputs(file, graph.proto)
    samples = read_samples(inputs, declared, dims or {}, features)
    declared = with_ranks(file, declared, samples)
    fixed = check_dims(dims or {}, declared)
    if samples is not None:
        source = inputs_name or (shown(Path(inputs).name) if isinstance(inputs, (str, Path)) else "inputs")
        check_inputs(samples, expected_inputs(declared, fixed), source=source)
    binding = plan_binding(graph, declared, fixed, samples)
    graph.vocabulary = vocabulary
    if needed_bytes(file.file_bytes, 0) > available_bytes():
        return _static_facts(file, graph, binding)
    check_sizes(binding, available_bytes())
    with TemporaryDirectory(prefix="infercost-") as folder:
        return _probed_facts(file, graph, binding, _probe(file, graph, binding, Path(folder), deadline_s))


def _probe(file: ModelFile, graph: Graph, binding: Binding, folder: Path, deadline_s: float) -> ProbeReply:
    specs = [
        InputSpec(d.name, d.dtype, input_values(d, shape, graph), binding.batch.get(d.name))
        for d, shape in zip(binding.declared, binding.shapes(0), strict=True)
    ]
    arrays = None
    if binding.samples is not None:
        arrays = str(folder / "samples.npz")
        one = tile_inputs(binding.samples, binding.tensors(), 1)
        save_arrays(arrays, [one[d.name] for d in binding.declared])
    request = Probe(
        model=_source(file, graph, folder),
        inputs=specs,
        trials=[[list(shape) for shape in binding.shapes(trial)] for trial in range(len(binding.trials))],
        arrays=arrays,
        deadline_s=deadline_s,
    )
    reply = ask_probe(request, folder)
    if isinstance(reply, Failure) and reply.stage == "load" and find_gpu() is not None:
        on_gpu = ask_probe(msgspec.structs.replace(request, device="cuda"), folder)
        reply = reply if isinstance(on_gpu, Failure) else on_gpu
    if isinstance(reply, Failure):
        raise model_error(file.name, reply, doing="trying", hint=_dims_hint(binding, reply))
    return reply


def _dims_hint(binding: Binding, failure: Failure) -> str:
    if failure.stage == "load":
        return ""
    if failure.stage == "deadline":
        return "check it for a loop without end, or profile it with a larger --budget if it is only slow"
    if binding.samples is not None:
        return "check the values of --inputs"
    if binding.unknown:
        tried = ", ".join(f"{d.key}={binding.trials[0][d.key]}" for d in binding.unknown)
        flags = " ".join(f"--dim {d.key}=…" for d in binding.unknown)
        return f"tried {tried} and others; bind what fits: {flags}, or give --inputs sample.npz"
    return "give real inputs with --inputs sample.npz"


def _source(file: ModelFile, graph: Graph, folder: Path) -> ModelSource:
    """The file itself, or a copy whose nodes all have names, so that the trace can be matched to them."""
    if not graph.renamed:
        return openable(file.path, folder, external_data=file.external_data)
    copy = folder / "model.onnx"
    copy.write_bytes(graph.proto.SerializeToString())
    return ModelSource(str(copy), data_folder(file.path) if file.external_data else None)


def _probed_facts(file: ModelFile, graph: Graph, binding: Binding, reply: ProbeReply) -> ModelFacts:
    sums = sum_operators(traced_calls(graph, reply.nodes), graph.operator_counts)
    declared_outputs = {v.name: v for v in graph.proto.graph.output}
    outputs = tuple(
        TensorFacts(
            name=o.name,
            dtype=o.dtype,
            shape=_output_shape(declared_outputs.get(o.name)),
            bound_shape=None if o.shape is None else tuple(o.shape),
            batch_axis=o.batch_axis if reply.batch_error is None else None,
        )
        for o in reply.outputs
    )
    return _facts(file, graph, binding, sums, outputs, trial=reply.trial, batch_error=reply.batch_error)


def _static_facts(file: ModelFile, graph: Graph, binding: Binding) -> ModelFacts:
    shapes = binding.shapes(0)
    tensors = infer_tensors(graph.proto, {d.name: s for d, s in zip(binding.declared, shapes, strict=True)})
    sums = sum_operators(static_calls(graph, tensors), graph.operator_counts)
    outputs = tuple(_static_output(value, tensors) for value in graph.proto.graph.output)
    facts = _facts(file, graph, binding, sums, outputs, trial=0, batch_error=None)
    note = (
        f"{file.name} needs about {needed_bytes(file.file_bytes, 0) / 2**30:.1f} GiB and this machine has "
        f"{available_bytes() / 2**30:.1f} GiB free: shapes are inferred, the model was not run"
    )
    return replace(facts, warnings=(note, *facts.warnings))


def _static_output(value: Any, tensors: Mapping[str, Tensor]) -> TensorFacts:
    known = tensors.get(value.name)
    dtype = element_type(value.type.tensor_type.elem_type) if value.type.HasField("tensor_type") else "sequence"
    return TensorFacts(
        name=value.name, dtype=dtype, shape=_output_shape(value), bound_shape=None if known is None else known.shape
    )


def _output_shape(value: Any) -> tuple[int | str | None, ...]:
    if value is None or not value.type.HasField("tensor_type"):
        return ()
    return tuple(declared_size(d) for d in value.type.tensor_type.shape.dim)


def _facts(
    file: ModelFile,
    graph: Graph,
    binding: Binding,
    sums: OperatorSums,
    outputs: tuple[TensorFacts, ...],
    *,
    trial: int,
    batch_error: str | None,
) -> ModelFacts:
    bound = {key: binding.trials[trial][key] for key in symbols(binding.declared)}
    batches = binding.batch if batch_error is None else {}
    inputs = tuple(
        TensorFacts(
            name=d.name,
            dtype=d.dtype,
            shape=d.shape,
            bound_shape=shape,
            batch_axis=batches.get(d.name),
            values=input_values(d, shape, graph),
        )
        for d, shape in zip(binding.declared, binding.shapes(trial), strict=True)
    )
    parameters, by_dtype = _weights(graph)
    domains = _domains(graph.proto)
    return ModelFacts(
        name=file.name,
        sha256=file.sha256,
        opset=domains.get("ai.onnx", 0),
        domains=domains,
        parameters=parameters,
        weights_by_dtype=by_dtype,
        file_bytes=file.file_bytes,
        flops_per_item=sums.known_flops if sums.coverage >= _COVERAGE_NEEDED else None,
        flops_coverage=round(sums.coverage, 4),
        inputs=inputs,
        outputs=outputs,
        operators=sums.operators,
        bound_dims=bound,
        batch_dim=binding.batch_dim if batch_error is None else None,
        warnings=(*_warnings(graph, binding, sums, bound, batch_error), *_rows_note(binding, trial, outputs)),
    )


def _weights(graph: Graph) -> tuple[int, dict[str, int]]:
    """Parameters, and bytes by element type; a tree ensemble's nodes count as float32."""
    parameters = 0
    by_dtype: Counter[str] = Counter()
    for tensor in graph.constants:
        by_dtype[tensor.dtype] += tensor.nbytes or 0
        parameters += 0 if tensor.dtype in _NO_PARAMETERS else tensor.elements
    for node in graph.nodes:
        if node.op_type in TREE_OPERATORS:
            trees = node.attributes["trees"]
            by_dtype["float32"] += trees.nbytes
            parameters += trees.branches + trees.leaves
    return parameters, {dtype: size for dtype, size in sorted(by_dtype.items()) if size}


def _domains(proto: Any) -> dict[str, int]:
    """The highest version of each operator domain that the file imports."""
    domains: dict[str, int] = {}
    for entry in proto.opset_import:
        name = entry.domain or "ai.onnx"
        domains[name] = max(domains.get(name, 0), int(entry.version))
    return domains


def _rows_note(binding: Binding, trial: int, outputs: Sequence[TensorFacts]) -> list[str]:
    found = fixed_rows(binding, trial, outputs)
    if found is None:
        return []
    name, rows = found
    return [
        (
            f"input {name!r} is fixed at {rows} rows: one run serves {rows}, and figures per item count the run as one "
            f"inference; divide them by {rows}, or export the model with a dynamic batch"
        )
    ]


def _warnings(
    graph: Graph, binding: Binding, sums: OperatorSums, bound: Mapping[str, int], batch_error: str | None
) -> list[str]:
    notes = []
    guessed = [f"{d.key}={bound[d.key]}" for d in binding.unknown if d.role != "weights"]
    if guessed:
        notes.append(f"the file leaves dimensions open; measured at {', '.join(guessed)} (change with --dim NAME=SIZE)")
    if batch_error is not None:
        reason = batch_error if batch_error.startswith("no output") else f"a batch of 2 fails: {brief(batch_error)}"
        notes.append(f"dimension {binding.batch_dim!r} is no batch ({reason}); only single items are measured")
    versions = Counter(entry.domain or "ai.onnx" for entry in graph.proto.opset_import)
    repeated = [domain for domain, count in versions.items() if count > 1]
    if repeated:
        notes.append(f"the file imports the opset of {', '.join(repeated)} more than once; the highest is reported")
    if sums.unknown:
        notes.append(
            f"FLOPs of {', '.join(sums.unknown)} could not be inferred ({sums.coverage:.0%} of the computing nodes are covered)"
        )
    return notes
