"""Inputs for a model: generated within the ranges that it accepts, or the user's own samples.

Generated values follow ``TensorFacts.values``, a small language of one word and its arguments:
``uniform:LOW:HIGH``, ``normal``, ``integers:LOW:HIGH`` (both ends included), ``constant:X``,
``range`` (0, 1, 2 … along the last axis) and ``text:WORD``.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import InputsError, ModelError
from infercost.runtime.names import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from infercost.domain.model import ModelFacts, TensorFacts

Arrays = dict[str, "np.ndarray[Any, Any]"]


def generate_inputs(facts: ModelFacts, batch: int, seed: int = 0) -> Arrays:
    """Inputs for ``batch`` items, the same for the same seed.

    Raises:
        ModelError: an input has no bound shape, or a type that cannot be made.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    arrays: Arrays = {}
    for tensor in facts.inputs:
        if tensor.bound_shape is None:
            raise ModelError(f"input {tensor.name!r} of {facts.name} has no bound shape; bind it with --dim or give --inputs")
        arrays[tensor.name] = generate_array(tensor.values or "normal", tensor.dtype, batch_shape(tensor, batch), rng)
    return arrays


def batch_shape(tensor: TensorFacts, batch: int) -> tuple[int, ...]:
    """The tensor's shape for ``batch`` items."""
    shape = tensor.bound_shape or ()
    if tensor.batch_axis is None:
        return shape
    return tuple(size * batch if axis == tensor.batch_axis else size for axis, size in enumerate(shape))


def generate_array(values: str, dtype: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """One array by the language of ``TensorFacts.values``.

    Raises:
        ModelError: numpy has no such element type.
    """
    import numpy as np

    kind, *arguments = values.split(":")
    if kind == "text":
        return np.full(shape, arguments[0], dtype=object)
    try:
        target = np.dtype(dtype)
    except TypeError:
        raise ModelError(f"cannot generate inputs of type {dtype}; give the model float32 inputs or cast inside it") from None
    made: np.ndarray[Any, Any]
    match kind:
        case "uniform":
            low, high = (float(a) for a in arguments)
            made = rng.random(shape, dtype=np.float32) * (high - low) + low
        case "integers":
            made = rng.integers(int(arguments[0]), int(arguments[1]) + 1, size=shape)
        case "constant":
            made = np.full(shape, float(arguments[0]))
        case "range":
            made = np.broadcast_to(np.arange(shape[-1] if shape else 1), shape or (1,)).reshape(shape)
        case _:
            made = rng.standard_normal(shape, dtype=np.float32)
    return np.ascontiguousarray(made.astype(target)).reshape(shape)


def load_inputs(path: str | Path, facts: ModelFacts) -> Arrays:
    """Read samples from an ``.npz`` file and check them against the model.

    Raises:
        InputsError: the file cannot be read, or names, element types or shapes do not fit; the
            message says which and what is expected.
    """
    arrays = read_npz(path, [tensor.name for tensor in facts.inputs])
    check_inputs(arrays, facts.inputs, source=shown(Path(path).name))
    return arrays


def read_npz(path: str | Path, names: Sequence[str] = ()) -> Arrays:
    """The arrays of an ``.npz`` file, unchecked.

    Args:
        path: the file.
        names: input names for the advice in messages.

    Raises:
        InputsError: the file cannot be read.
    """
    import numpy as np

    path = Path(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except FileNotFoundError:
        raise InputsError(f"no such inputs file: {shown(path)}; save one with numpy.savez(path, {_savez(names)})") from None
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        # numpy calls any file that it does not know a pickle.
        pickled = "pickle" in str(error).lower() and zipfile.is_zipfile(path)
        reason = "holds pickled objects" if pickled else "is not a readable .npz file"
        raise InputsError(f"{shown(path.name)} {reason}; save it with numpy.savez(path, {_savez(names)})") from None


def _savez(names: Sequence[str]) -> str:
    if not names:
        return "name=array"
    return ", ".join(f"{n}=…" for n in names) if all(n.isidentifier() for n in names) else f"**{{{names[0]!r}: …}}"


def check_inputs(arrays: Mapping[str, Any], expected: Sequence[TensorFacts], *, source: str) -> None:
    """Check names, element types and shapes of samples; ``source`` names them in the message.

    Raises:
        InputsError: the first misfit.
    """
    names = {tensor.name for tensor in expected}
    missing = [tensor.name for tensor in expected if tensor.name not in arrays]
    unknown = [name for name in arrays if name not in names]
    if missing or unknown:
        parts = [f"lacks {', '.join(map(repr, missing))}"] if missing else []
        parts += [f"has {', '.join(map(repr, unknown))}, which the model does not"] if unknown else []
        wanted = ", ".join(f"{t.name} {describe(t)}" for t in expected)
        raise InputsError(f"{source} {' and '.join(parts)}; the model's inputs are: {wanted}")
    sizes: dict[str, tuple[str, int]] = {}
    for tensor in expected:
        _check_one(arrays[tensor.name], tensor, sizes, source)
    _check_batch(arrays, expected, source)


def check_samples(arrays: Mapping[str, Any], facts: ModelFacts) -> None:
    """Check arrays that did not come through ``load_inputs`` against a model that was inspected.

    Raises:
        InputsError: they do not fit the model, or not the dimensions that it was inspected with.
    """
    check_inputs(arrays, facts.inputs, source="inputs")
    for tensor in facts.inputs:
        got, bound = arrays[tensor.name].shape, tensor.bound_shape or ()
        sizes = [(a, b) for axis, (a, b) in enumerate(zip(got, bound, strict=True)) if axis != tensor.batch_axis]
        if any(a != b for a, b in sizes):
            raise InputsError(
                f"inputs: {tensor.name!r} has shape {list(got)} but the model was inspected at {list(bound)}; "
                "inspect it with these inputs"
            )


def describe(tensor: TensorFacts) -> str:
    """Element type and shape, for people: ``float32[N, 3, 224, 224]``."""
    return f"{tensor.dtype}[{', '.join('?' if d is None else str(d) for d in tensor.shape)}]"


def _check_one(array: Any, tensor: TensorFacts, sizes: dict[str, tuple[str, int]], source: str) -> None:
    dtype = "string" if array.dtype.kind in "OUS" else array.dtype.name
    if dtype != tensor.dtype:
        raise InputsError(
            f"{source}: {tensor.name!r} is {dtype}, the model expects {tensor.dtype}; convert it with .astype({tensor.dtype!r})"
        )
    fits = len(array.shape) == len(tensor.shape) and all(
        not isinstance(want, int) or want == got for want, got in zip(tensor.shape, array.shape, strict=True)
    )
    if not fits:
        raise InputsError(
            f"{source}: {tensor.name!r} has shape {list(array.shape)}, the model expects {describe(tensor)}; reshape it"
        )
    if 0 in array.shape and tensor.batch_axis is not None and array.shape[tensor.batch_axis] == 0:
        raise InputsError(f"{source}: {tensor.name!r} holds no item; give at least one")
    for want, got in zip(tensor.shape, array.shape, strict=True):
        if isinstance(want, str):
            other, size = sizes.setdefault(want, (tensor.name, got))
            if size != got:
                raise InputsError(
                    f"{source}: dimension {want!r} is {size} in {other!r} but {got} in {tensor.name!r}; make them equal"
                )


def _check_batch(arrays: Mapping[str, Any], expected: Sequence[TensorFacts], source: str) -> None:
    items = {t.name: arrays[t.name].shape[t.batch_axis] for t in expected if t.batch_axis is not None}
    if len(set(items.values())) > 1:
        listed = ", ".join(f"{name!r} {count}" for name, count in items.items())
        raise InputsError(f"{source}: the inputs hold different numbers of items ({listed}); make them equal")


def tile_inputs(arrays: Mapping[str, Any], tensors: Sequence[TensorFacts], batch: int) -> Arrays:
    """Samples cut or repeated, in order, to ``batch`` items along each input's batch axis."""
    import numpy as np

    tiled: Arrays = {}
    for tensor in tensors:
        array = np.asarray(arrays[tensor.name])
        if tensor.batch_axis is not None:
            items = array.shape[tensor.batch_axis]
            array = np.take(array, np.arange(batch) % items, axis=tensor.batch_axis)
        if array.dtype.kind in "US":
            array = array.astype(object)
        tiled[tensor.name] = np.ascontiguousarray(array).reshape(array.shape)
    return tiled


def save_arrays(path: str | Path, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """Store arrays for a worker, by position: names may hold what an archive's names may not."""
    import numpy as np

    plain: dict[str, Any] = {str(i): a.astype(str) if a.dtype == object else a for i, a in enumerate(arrays)}
    np.savez(path, **plain)
