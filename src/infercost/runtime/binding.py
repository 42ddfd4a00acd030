"""Which sizes a model's open dimensions take: the user's, the samples', or a guess to be tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import ModelError, UsageError
from infercost.domain.model import TensorFacts
from infercost.runtime.dims import (
    STATE_NAME,
    Declared,
    bind,
    clean_symbol,
    dimension_key,
    dimensions,
    find_batch,
    trial_bindings,
)
from infercost.runtime.graph import element_type
from infercost.runtime.hints import size_hints
from infercost.runtime.inputs import Arrays, read_npz, tile_inputs
from infercost.runtime.samples import Maker, Table, fit, read_given
from infercost.runtime.tensors import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infercost.runtime.dims import Dimension
    from infercost.runtime.graph import Graph, ModelFile
    from infercost.runtime.samples import Given, Samples


@dataclass(frozen=True, slots=True)
class Binding:
    """Inputs, their batch axes and the sizes to try for what the file leaves open."""

    declared: tuple[Declared, ...]
    batch: Mapping[str, int]
    unknown: tuple[Dimension, ...]
    fixed: Mapping[str, int]
    trials: tuple[Mapping[str, int], ...]
    """Every dimension's size, for each trial."""
    samples: Arrays | None

    @property
    def batch_dim(self) -> str | None:
        """Key of the batch dimension."""
        return next((dimension_key(d, self.batch[d.name]) for d in self.declared if d.name in self.batch), None)

    def shapes(self, trial: int) -> list[tuple[int, ...]]:
        """Shapes of the inputs at batch 1 in a trial."""
        if self.samples is not None:
            one = tile_inputs(self.samples, self.tensors(), 1)
            return [one[d.name].shape for d in self.declared]
        return [bind(d.shape, d, self.trials[trial]) for d in self.declared]

    def tensors(self) -> tuple[TensorFacts, ...]:
        """The inputs as facts, unbound."""
        return tuple(
            TensorFacts(name=d.name, dtype=d.dtype, shape=d.shape, batch_axis=self.batch.get(d.name)) for d in self.declared
        )


def declared_inputs(file: ModelFile, proto: Any) -> list[Declared]:
    """The graph's inputs that are not weights.

    Raises:
        ModelError: an input is not a tensor.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}
    declared = []
    for value in proto.graph.input:
        if value.name in weights:
            continue
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            name = (kind or "untyped value").removesuffix("_type")
            raise ModelError(
                f"input {value.name!r} of {file.name} is a {name}; only tensor inputs can be measured, export it so"
            )
        tensor = value.type.tensor_type
        shape = tuple(declared_size(d) for d in tensor.shape.dim)
        declared.append(Declared(value.name, element_type(tensor.elem_type), shape, tensor.HasField("shape")))
    return declared


def declared_size(dim: Any) -> int | str | None:
    """A dimension as declared: a size, a name, or None where it says nothing."""
    if dim.HasField("dim_value"):
        return int(dim.dim_value) if dim.dim_value >= 0 else None
    return clean_symbol(dim.dim_param) if dim.HasField("dim_param") else None


def read_samples(
    inputs: Given | Samples | None, declared: Sequence[Declared], dims: Mapping[str, int], features: Sequence[str] = ()
) -> Arrays | None:
    """The user's samples as arrays, unchecked."""
    if inputs is None:
        return None
    if isinstance(inputs, (str, Path)) and Path(inputs).suffix.lower() == ".npz":
        return read_npz(inputs, [d.name for d in declared])
    samples = inputs if isinstance(inputs, (Table, Maker)) else read_given(inputs)
    return fit(samples, expected_inputs(declared, dims), features)


def with_ranks(file: ModelFile, declared: Sequence[Declared], samples: Arrays | None) -> list[Declared]:
    """Inputs without any declared shape take their rank from the samples."""
    ranked = []
    for d in declared:
        if d.ranked:
            ranked.append(d)
        elif samples is None:
            raise ModelError(f"input {d.name!r} of {file.name} declares no shape; give real inputs with --inputs sample.npz")
        else:
            ranked.append(replace(d, shape=(None,) * samples[d.name].ndim if d.name in samples else ()))
    return ranked


def expected_inputs(declared: Sequence[Declared], fixed: Mapping[str, int]) -> list[TensorFacts]:
    """What samples must look like: the declared inputs, with the dimensions that the user fixed."""
    batch = find_batch(declared, fixed)
    return [
        TensorFacts(
            name=d.name,
            dtype=d.dtype,
            shape=tuple(fixed.get(dimension_key(d, axis) or "", size) for axis, size in enumerate(d.shape)),
            batch_axis=batch.get(d.name),
        )
        for d in declared
    ]


def check_sizes(binding: Binding, free_bytes: int) -> None:
    """Refuse inputs that memory has no room for, before anything tries to make them.

    Raises:
        UsageError: an input is larger than the memory that is free.
    """
    if binding.samples is not None:
        return
    for d, shape in zip(binding.declared, binding.shapes(0), strict=True):
        size = Tensor(d.dtype, shape).nbytes or 0
        if size > free_bytes:
            raise UsageError(
                f"input {d.name!r} at {list(shape)} takes {size / 2**30:.1f} GiB and {free_bytes / 2**30:.1f} GiB is free; "
                "give smaller --dim sizes"
            )


def fixed_rows(binding: Binding, trial: int, outputs: Sequence[TensorFacts]) -> tuple[str, int] | None:
    """An input of several rows in a model without a batch, and how many: likely a batch that the export fixed.

    A matrix has rows; of a tensor of higher rank the leading size counts as rows when an output has it too.
    """
    if binding.batch:
        return None
    open_batch = find_batch(binding.declared, {})
    leading = {o.bound_shape[0] for o in outputs if o.bound_shape}
    for d, shape in zip(binding.declared, binding.shapes(trial), strict=True):
        fixed = bool(d.shape) and (isinstance(d.shape[0], int) or open_batch.get(d.name) == 0)
        if fixed and len(shape) > 1 and shape[0] > 1 and not STATE_NAME.search(d.name):
            return (d.name, shape[0]) if len(shape) == 2 or shape[0] in leading else None
    return None


def plan_binding(graph: Graph, declared: Sequence[Declared], fixed: Mapping[str, int], samples: Arrays | None) -> Binding:
    """Bind every dimension: by the user, by the samples, by the weights, or by guesses to try."""
    batch = find_batch(declared, fixed)
    batch_keys = {key: 1 for d in declared if d.name in batch and (key := dimension_key(d, batch[d.name]))}
    if samples is not None:
        one = tile_inputs(samples, expected_inputs(declared, fixed), 1)
        sampled = {
            key: one[d.name].shape[axis] for d in declared for axis in range(len(d.shape)) if (key := dimension_key(d, axis))
        }
        return Binding(tuple(declared), batch, (), fixed, ({**sampled, **fixed, **batch_keys},), samples)
    unknown = dimensions(declared, batch, fixed, size_hints(declared, graph))
    trials = tuple({**trial, **fixed, **batch_keys} for trial in trial_bindings(unknown))
    for d in declared:
        bind(d.shape, d, trials[0])
    return Binding(tuple(declared), batch, tuple(unknown), fixed, trials, None)
