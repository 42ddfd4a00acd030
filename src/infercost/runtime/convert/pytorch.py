"""PyTorch models, made by a function of the user's: ``module:factory``."""

from __future__ import annotations

import inspect
import logging
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import MissingExtraError, ModelError
from infercost.runtime.convert.writing import checked, failed, write_model
from infercost.runtime.imports import import_object, one_line
from infercost.runtime.samples import fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infercost.runtime.convert.opening import Opened, Source
    from infercost.runtime.inputs import Arrays
    from infercost.runtime.samples import Samples

_BATCH = "batch"
_ITEMS = 3
"""Items of the batch on which the export is checked; it is made at two, so that a batch that was fixed shows."""


def convert_factory(source: Source, folder: Path, samples: Samples | None) -> Opened:
    """Export the model that ``module:factory`` returns: a module and example inputs, and dynamic shapes if it likes.

    Raises:
        ModelError: the factory fails or returns something else, or the model cannot be exported.
        MissingExtraError: PyTorch or its exporter is not installed.
    """
    try:
        import onnxscript  # noqa: F401
        import torch
    except ImportError:
        raise MissingExtraError("torch", f"opening {source} as a PyTorch model") from None
    name = str(source)
    module, example, shapes = _make(name, samples)
    module.eval()
    names = list(example)
    notes: list[str] = []
    with _quiet(), torch.no_grad():
        proto = _export(module, example, shapes, name, notes)
    path = write_model(proto, folder, Path(name.partition(":")[2]))
    batched = not notes

    def reference(arrays: Arrays) -> list[Any]:
        with torch.no_grad():
            result = module(**{n: torch.from_numpy(arrays[n]) for n in names})
        return [value.numpy() for value in _flat(result)]

    given = samples if samples is not None else _others(example, batched=batched)
    return checked(
        path,
        reference,
        given,
        name=name,
        source="pytorch",
        packages=("torch", "onnxscript"),
        file=None,
        notes=notes,
        made=samples is None,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on what it skips off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _make(name: str, samples: Samples | None) -> tuple[Any, dict[str, Any], Any]:
    """The module, its example inputs by argument name, and the dynamic shapes that the factory states."""
    import torch

    factory = import_object(name)
    try:
        made = factory() if callable(factory) and not isinstance(factory, torch.nn.Module) else factory
    except Exception as error:
        raise ModelError(f"{name} failed: {one_line(error)}; it is called without arguments") from error
    module, *rest = made if isinstance(made, tuple) else (made,)
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"{name} returned {type(module).__name__}; return a torch.nn.Module, or (module, example_inputs)")
    arguments = list(inspect.signature(module.forward).parameters)
    example = rest[0] if rest else _from_samples(name, arguments, samples)
    if isinstance(example, torch.Tensor):
        example = (example,)
    if not isinstance(example, dict):
        example = dict(zip(arguments, example, strict=False))
    if not example or not all(isinstance(value, torch.Tensor) for value in example.values()):
        raise ModelError(f"{name}: example inputs must be tensors; return (module, (tensor, …)) or a dict of them")
    return module, example, rest[1] if len(rest) > 1 else None


def _from_samples(name: str, arguments: Sequence[str], samples: Samples | None) -> dict[str, Any]:
    import torch

    if samples is None:
        raise ModelError(f"{name} returned a module alone; return (module, example_inputs), or give them with --inputs")
    arrays = fit(samples, [])
    return {argument: torch.from_numpy(arrays[argument]) for argument in arguments if argument in arrays}


def _export(module: Any, example: Mapping[str, Any], shapes: Any, name: str, notes: list[str]) -> Any:
    """Export with a dynamic batch; with what the example fixes where that cannot be, which is noted."""
    import torch

    pair = {argument: _repeated(tensor) for argument, tensor in example.items()}
    batch = torch.export.Dim(_BATCH)
    automatic = {argument: {0: batch} if tensor.ndim else None for argument, tensor in example.items()}
    try:
        proto = _onnx(module, pair, shapes if shapes is not None else automatic)
        # An exporter may fix a size that the model looks at, without a word.
        if shapes is not None or any(d.dim_param for value in proto.graph.input for d in value.type.tensor_type.shape.dim):
            return proto
    except Exception as error:
        if shapes is not None:
            raise failed(name, error, "check the dynamic shapes that it returns") from error
    try:
        proto = _onnx(module, dict(example), None)
    except Exception as error:
        raise failed(name, error, "export it with torch.onnx.export and give the .onnx file") from error
    notes.append("its batch cannot be exported as dynamic: it is measured with the example's own; return dynamic shapes too")
    return proto


def _onnx(module: Any, example: dict[str, Any], shapes: Any) -> Any:
    import torch

    program = torch.onnx.export(
        module, (), kwargs=example, dynamic_shapes=shapes, input_names=list(example), dynamo=True, verbose=False
    )
    assert program is not None  # noqa: S101 - None comes with dynamo=False only
    return program.model_proto


def _repeated(tensor: Any) -> Any:
    """At least two items: an exporter takes a batch of one for a fact of the model."""
    return tensor if not tensor.ndim or len(tensor) > 1 else tensor.repeat(2, *[1] * (tensor.ndim - 1))


def _others(example: Mapping[str, Any], *, batched: bool) -> Arrays:
    """Items like the example's, three of them: figures stirred, whole numbers as they are."""
    import numpy as np

    rng, arrays = np.random.default_rng(0), {}
    for argument, tensor in example.items():
        array = tensor.numpy()
        if batched and array.ndim:
            array = np.take(array, np.arange(_ITEMS) % len(array), axis=0)
        if array.dtype.kind == "f":
            array = (array + rng.normal(scale=0.1, size=array.shape) * (array.std() or 1.0)).astype(array.dtype)
        arrays[argument] = array
    return arrays


def _flat(result: Any) -> list[Any]:
    """The tensors of a model's result, in the order in which they are exported."""
    import torch

    if isinstance(result, torch.Tensor):
        return [result]
    values = result.values() if hasattr(result, "values") else result
    return [tensor for value in values if value is not None for tensor in _flat(value)]
