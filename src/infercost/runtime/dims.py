"""Symbolic dimensions: what each stands for, which sizes to try, and what the user fixed."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infercost.domain.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Shape = tuple[int | str | None, ...]

_MAX_TRIALS = 24

_MAX_SIZE = 2**31 - 1
"""ONNX Runtime aborts the process on some larger ones."""

_BATCH = re.compile(r"^(n|b|bs|bsz|num_?batch(es)?)$|batch(?!.*(seq|len|time))", re.I)
_PAST = re.compile(r"past|cache", re.I)
_AUDIO = re.compile(r"sample|audio|wav|pcm|signal|speech", re.I)
_TIME = re.compile(r"mel|frame|spectro|feats", re.I)
_SEQUENCE = re.compile(r"seq|len|token|time|step|word|context|position|^[tls]$", re.I)
_SPATIAL = re.compile(r"height|width|spatial|image|^[hw]$|^d[hw]$|resolution|size_[xy]", re.I)
STATE_NAME = re.compile(r"state|hidden|cell|memory|past|cache|^[hc]_?(0|n|in|t|prev)?$|^(init|prev)", re.I)
"""Inputs that carry what a model remembers."""

_WIDTH = re.compile(r"width|^d?w$|size_x", re.I)
_NOT_BATCH = re.compile(r"node|edge|vertex|vertices|atom|box|class|channel|feat|query|queries|vocab|hidden|embed", re.I)

_CANDIDATES: dict[str, tuple[int, ...]] = {
    "past": (0, 1, 16),
    "audio": (16000, 512, 480, 1600),
    "chunk": (512, 256, 576, 1536, 16000),
    "frames": (300, 100, 3000, 128, 64),
    "sequence": (128, 64, 512, 16, 1),
    "height": (224, 640, 320, 512, 256, 32, 48),
    "width": (224, 640, 320, 512, 256, 32, 192),
    "channel": (3, 1, 4),
    "feature": (1, 4, 8, 16, 32, 64, 128),
    "unknown": (1, 128, 224, 16),
}


@dataclass(frozen=True, slots=True)
class Declared:
    """An input as the file declares it, symbolic dimensions included (None where it names none)."""

    name: str
    dtype: str
    shape: Shape
    ranked: bool = True
    """False when the file does not even say how many dimensions it has."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One symbolic dimension: the name to bind it by, what it stands for, and sizes to try in order."""

    key: str
    role: str
    candidates: tuple[int, ...]


def clean_symbol(symbol: str | None) -> str | None:
    """A symbol that names something; exporters write ``?`` or nothing for a dimension they know nothing of."""
    return symbol if symbol and symbol != "?" else None


def dimension_key(declared: Declared, axis: int) -> str | None:
    """How ``--dim`` names a dimension: its symbol, or ``input.axis`` where it has none; None when it is fixed."""
    size = declared.shape[axis]
    if isinstance(size, int):
        return None
    return size if size is not None else f"{declared.name}.{axis}"


def symbols(inputs: Sequence[Declared]) -> list[str]:
    """Keys of all symbolic dimensions, in order of appearance; expressions of other symbols left out."""
    keys = [key for d in inputs for axis in range(len(d.shape)) if (key := dimension_key(d, axis)) is not None]
    return [key for key in dict.fromkeys(keys) if not _is_expression(key, set(keys))]


def check_dims(dims: Mapping[str, int], inputs: Sequence[Declared]) -> dict[str, int]:
    """The user's bindings, by key. ``input.axis`` is accepted for a dimension that also has a symbol.

    Raises:
        UsageError: a name that the model does not have, or a size below zero or beyond what can be run.
    """
    known = symbols(inputs)
    aliases = {f"{d.name}.{axis}": key for d in inputs for axis in range(len(d.shape)) if (key := dimension_key(d, axis))}
    bound: dict[str, int] = {}
    for name, size in dims.items():
        if name not in known and name not in aliases:
            if not known:
                raise UsageError(
                    f"the model has no symbolic dimension {name!r}: all its inputs have fixed shapes; leave --dim out"
                )
            raise UnknownNameError("dimension", name, known)
        if size < 0:
            raise UsageError(f"dimension {name!r} must not be negative, got {size}; try --dim {name}=128")
        if size > _MAX_SIZE:
            raise UsageError(f"dimension {name!r} must not be above {_MAX_SIZE}, got {size}; try --dim {name}=128")
        bound[aliases.get(name, name)] = size
    return bound


def find_batch(inputs: Sequence[Declared], fixed: Mapping[str, int]) -> dict[str, int]:
    """The batch axis of each input that has one. A dimension that the user fixed is no batch.

    A symbol named like a batch counts wherever it stands; else the first input's leading
    dimension does, unless its name says that it is something else. Recurrent models that state
    no names are known by their states, ``[layers, batch, hidden]``.
    """
    named = {size for d in inputs for size in d.shape if isinstance(size, str) and size not in fixed and _BATCH.search(size)}
    if named:
        return {d.name: axis for d in inputs for axis in reversed(range(len(d.shape))) if d.shape[axis] in named}
    first = next((d for d in inputs if _may_be_batch(d, fixed)), None)
    if first is None and not any(STATE_NAME.search(d.name) and _unnamed_batch_axis(d, fixed) == 1 for d in inputs):
        return {}
    symbol = first.shape[0] if first is not None else None
    if symbol is not None:
        return {d.name: d.shape.index(symbol) for d in inputs if symbol in d.shape}
    return {d.name: axis for d in inputs if (axis := _unnamed_batch_axis(d, fixed)) is not None}


def is_batch_name(name: str) -> bool:
    """Whether a dimension is named like a batch."""
    return _BATCH.search(name) is not None


def _may_be_batch(declared: Declared, fixed: Mapping[str, int]) -> bool:
    key = dimension_key(declared, 0) if declared.shape else None
    if key is None or key in fixed:
        return False
    symbol = declared.shape[0]
    return symbol is None or not any(p.search(str(symbol)) for p in (_SEQUENCE, _SPATIAL, _NOT_BATCH, _PAST))


def _unnamed_batch_axis(declared: Declared, fixed: Mapping[str, int]) -> int | None:
    """The leading axis, or the second where the leading one is fixed."""
    axis = 0 if declared.shape[:1] == (None,) else 1
    unnamed = len(declared.shape) > axis and declared.shape[axis] is None
    return axis if unnamed and dimension_key(declared, axis) not in fixed else None


def dimensions(
    inputs: Sequence[Declared], batch: Mapping[str, int], fixed: Mapping[str, int], hints: Mapping[str, int]
) -> list[Dimension]:
    """Dimensions that are neither batch nor fixed, each with sizes to try; ``hints`` are sizes read off the weights."""
    found: dict[str, Dimension] = {}
    keys = set(symbols(inputs))
    batch_keys = {dimension_key(d, batch[d.name]) for d in inputs if d.name in batch}
    for d in inputs:
        for axis in range(len(d.shape)):
            key = dimension_key(d, axis)
            if key is None or key in fixed or key in found or key not in keys or key in batch_keys:
                continue
            role = _role(d, axis, inputs)
            sizes = _CANDIDATES[role]
            if key in hints:
                role, sizes = "weights", (hints[key], *sizes)
            found[key] = Dimension(key, role, sizes)
    return list(found.values())


def _role(declared: Declared, axis: int, inputs: Sequence[Declared]) -> str:
    shape, label = declared.shape, str(declared.shape[axis] or "")
    rank, dense = len(shape), declared.dtype.startswith(("float", "bfloat")) or declared.dtype == "uint8"
    if _PAST.search(label) or (_PAST.search(declared.name) and rank == 4 and axis == 2):
        return "past"
    if dense and rank == 4 and not _SEQUENCE.search(label):
        return _image_role(shape, axis)
    if dense and rank in (2, 3) and axis == rank - 1 and not _SPATIAL.search(label):
        return _signal_role(declared, axis, inputs)
    named = (("width", _WIDTH), ("height", _SPATIAL), ("frames", _TIME), ("sequence", _SEQUENCE))
    role = next((role for role, pattern in named if pattern.search(label)), None)
    if role is None and ((rank == 2 and declared.dtype in ("int64", "int32")) or (dense and rank == 3)):
        role = "sequence"
    return role or "unknown"


def _image_role(shape: Shape, axis: int) -> str:
    channels_last = shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4)
    if channels_last:
        return ("unknown", "height", "width", "channel")[axis]
    return ("unknown", "channel", "height", "width")[axis]


def _signal_role(declared: Declared, axis: int, inputs: Sequence[Declared]) -> str:
    label = f"{declared.shape[axis] or ''} {declared.name}"
    others = {d.name for d in inputs}
    if any(re.fullmatch(r"sr|sample_?rate|sampling_rate", name, re.I) for name in others):
        return "chunk"
    if _AUDIO.search(label):
        return "audio"
    if _TIME.search(label):
        return "frames"
    if _SEQUENCE.search(str(declared.shape[axis] or "")):
        return "sequence"
    return "feature"


def trial_bindings(unknown: Sequence[Dimension]) -> list[dict[str, int]]:
    """Bindings to try, likeliest first: all first choices, all second ones …, then one dimension changed at a time.

    Equal ranks go together because sizes of one kind (height and width, two lengths) usually do.
    """
    longest = max((len(d.candidates) for d in unknown), default=1)
    trials = [{d.key: d.candidates[min(rank, len(d.candidates) - 1)] for d in unknown} for rank in range(longest)]
    for changed in unknown:
        trials += [{**trials[0], changed.key: size} for size in changed.candidates[1:]]
    unique = {tuple(sorted(trial.items())): trial for trial in trials}
    return list(unique.values())[:_MAX_TRIALS]


def bind(shape: Shape, declared: Declared, bound: Mapping[str, int]) -> tuple[int, ...]:
    """The shape with every symbol replaced; expressions such as ``past + seq`` are evaluated."""
    sizes = []
    for axis, size in enumerate(shape):
        if isinstance(size, int):
            sizes.append(size)
            continue
        key = size if size is not None else f"{declared.name}.{axis}"
        value = bound.get(key)
        sizes.append(value if value is not None else _evaluate(key, bound))
    return tuple(sizes)


def _is_expression(key: str, known: set[str]) -> bool:
    names = set(re.findall(r"[A-Za-z_]\w*", key))
    return bool(re.search(r"[+*/-]", key)) and bool(names) and names <= known


def _evaluate(expression: str, bound: Mapping[str, int]) -> int:
    """A sum, difference, product or quotient of bound symbols."""
    try:
        return max(0, math.floor(_value(ast.parse(expression, mode="eval").body, bound)))
    except (SyntaxError, KeyError, TypeError, ZeroDivisionError):
        raise UsageError(f"dimension {expression!r} is not bound; give --dim '{expression}=…'") from None


def _value(node: ast.expr, bound: Mapping[str, int]) -> float:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return bound[name]
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _value(left, bound), _value(right, bound)
            match operator:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.Div() | ast.FloorDiv():
                    return a / b
    raise TypeError(ast.unparse(node))
