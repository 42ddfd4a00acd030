"""Running a converted model beside the original, on the same items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import ModelError
from infercost.runtime.binding import declared_inputs, expected_inputs, plan_binding
from infercost.runtime.graph import read_graph, read_model
from infercost.runtime.hints import input_values
from infercost.runtime.imports import one_line
from infercost.runtime.inputs import Arrays, generate_array, tile_inputs
from infercost.runtime.reasons import brief
from infercost.runtime.samples import fit
from infercost.runtime.trees import TREE_OPERATORS, feature_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from infercost.runtime.dims import Declared
    from infercost.runtime.graph import Graph
    from infercost.runtime.samples import Samples

    Reference = Callable[[Arrays], Mapping[str, Any] | Sequence[Any]]

ROWS = 256
"""Items on which a conversion is checked when they are generated."""
TOLERANCE = 1e-3
"""Relative error beyond which a conversion is refused; float32 against float64 stays a hundred times below."""
_TIE = 2 * TOLERANCE
"""Classes whose scores are closer than this may change places."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two runs were found apart."""

    rows: int
    samples: str
    max_abs_error: float
    max_rel_error: float
    labels: int


def verify(
    model: Path, reference: Reference, samples: Samples | None, *, name: str, features: Sequence[str] = (), made: bool = False
) -> Agreement:
    """Run both on the same items and compare every output.

    Args:
        model: the converted file.
        reference: runs the original; outputs by position, as the converted model has them. None stands for an
            output that the original does not have.
        samples: the user's inputs; generated when None.
        name: what messages call the model.
        features: names of feature columns in order.
        made: whether ``samples`` are not the user's after all.

    Raises:
        ModelError: either cannot be run, or they differ beyond ``TOLERANCE``.
    """
    arrays, source = _items(model, samples, features)
    source = "generated" if made else source
    try:
        wanted = reference(arrays)
    except Exception as error:
        raise ModelError(
            f"{name} itself cannot be run on {source} inputs: {one_line(error)}; give real ones with --inputs sample.csv"
        ) from error
    got = run(model, arrays, name)
    values = list(wanted.values()) if hasattr(wanted, "values") else list(wanted)
    return compare(got, values, rows=_rows(arrays), source=source, name=name)


def run(model: Path, arrays: Arrays, name: str) -> list[Any]:
    """Outputs of an ONNX file."""
    import os

    from infercost.runtime.workers import QUIET_RUNTIME

    os.environ.update({**QUIET_RUNTIME, **os.environ})
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        return list(session.run(None, arrays))
    except Exception as error:
        raise ModelError(f"ONNX Runtime cannot run {name} as it was converted: {brief(str(error))}; report it") from error


def _rows(arrays: Arrays) -> int:
    return max((a.shape[0] for a in arrays.values() if a.ndim), default=1)


def _items(model: Path, samples: Samples | None, features: Sequence[str]) -> tuple[Arrays, str]:
    import numpy as np

    file = read_model(model)
    graph = read_graph(file.proto)
    declared = declared_inputs(file, graph.proto)
    expected = expected_inputs(declared, {})
    if samples is not None:
        arrays = fit(samples, expected, features)
        return tile_inputs(arrays, expected, _rows(arrays)), "the given"
    binding = plan_binding(graph, declared, {}, None)
    rng = np.random.default_rng(0)
    made: Arrays = {}
    for d, shape in zip(declared, binding.shapes(0), strict=True):
        axis = binding.batch.get(d.name)
        full = tuple(size * ROWS if i == axis else size for i, size in enumerate(shape))
        spread = _spread(d, graph) if len(full) == 2 and axis == 0 else None
        if spread is None:
            made[d.name] = generate_array(input_values(d, shape, graph), d.dtype, full, rng)
        else:
            low, high = spread
            low, high = np.resize(low, full[1]), np.resize(high, full[1])
            made[d.name] = (low + (high - low) * rng.random(full)).astype(d.dtype)
    return made, "generated"


def _spread(declared: Declared, graph: Graph) -> tuple[Any, Any] | None:
    """Where each feature's values should lie to reach all branches of the trees, or what scalers expect."""
    import numpy as np

    for node in graph.consumers.get(declared.name, ()):
        if node.op_type in TREE_OPERATORS:
            ranges = feature_ranges(node.tree_attributes)
            width = max(ranges, default=-1) + 1
            if isinstance(declared.shape[1], int):
                width = declared.shape[1]
            low, high = np.zeros(width), np.ones(width)
            for feature, (least, most) in ranges.items():
                margin = 0.1 * (most - least) or 0.5 * max(1.0, abs(least))
                low[feature], high[feature] = least - margin, most + margin
            return low, high
        if node.op_type == "Scaler":
            values = node.attributes
            scale = np.asarray(values["scale"], dtype=float)
            offset = np.asarray(values["offset"], dtype=float)
            reach = 2 / np.where(scale == 0, 1.0, np.abs(scale))
            return offset - reach, offset + reach
    return None


def compare(got: Sequence[Any], wanted: Sequence[Any], *, rows: int, source: str, name: str) -> Agreement:
    """Compare outputs pairwise: figures by relative error, labels one by one, near ties excepted.

    Raises:
        ModelError: they differ beyond ``TOLERANCE``, or nothing could be compared.
    """
    import numpy as np

    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(got, wanted, strict=False) if b is not None]
    pairs = [(a, b) for a, b in pairs if a.size == b.size]
    figures = [(a.astype(np.float64), b.reshape(a.shape).astype(np.float64)) for a, b in pairs if a.dtype.kind == "f"]
    labels = [(a.reshape(-1), b.reshape(-1)) for a, b in pairs if a.dtype.kind != "f"]
    if not pairs:
        raise ModelError(
            f"{name} was converted, but none of its outputs can be compared with the original's; export it yourself"
        )
    absolute, relative = 0.0, 0.0
    for a, b in figures:
        error = _apart(a, b)
        typical = np.median(np.abs(b[np.isfinite(b)])) if np.isfinite(b).any() else 1.0
        absolute = max(absolute, float(error.max(initial=0.0)))
        floor = typical or float(np.abs(b).max(initial=0.0)) or 1.0
        relative = max(relative, float((error / np.maximum(np.abs(np.nan_to_num(b)), floor)).max(initial=0.0)))
    wrong = sum(_wrong(a, b, [f for _, f in figures]) for a, b in labels)
    if relative > TOLERANCE or wrong:
        what = f"{wrong} of {rows} labels differ" if wrong else f"its outputs differ by up to {relative:.2g} of their size"
        raise ModelError(
            f"{name} was converted to ONNX, but {what} from the original's on {source} inputs (tolerance {TOLERANCE:g}); "
            "give real ones with --inputs, or export it yourself"
        )
    return Agreement(rows, "inputs" if source != "generated" else source, absolute, relative, sum(len(a) for a, _ in labels))


def _apart(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Absolute differences; equal infinities and NaNs are no difference, others are an infinite one."""
    import numpy as np

    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0.0, np.abs(a - b))
    return np.nan_to_num(error, nan=np.inf, posinf=np.inf)


def _wrong(got: Any, wanted: Any, scores: Sequence[Any]) -> int:
    """Labels that differ although their scores do not tie."""
    import numpy as np

    differ = np.array([str(a) != str(b) and a != b for a, b in zip(got.tolist(), wanted.tolist(), strict=True)])
    for score in scores:
        if score.ndim == 2 and len(score) == len(differ) and score.shape[1] > 1:
            top = np.sort(score, axis=1)
            differ &= (top[:, -1] - top[:, -2]) > _TIE * np.maximum(1.0, np.abs(top[:, -1]))
    return int(differ.sum())
