"""What a model file says about itself, before anything is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from infercost.domain.units import SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFacts:
    """One input or output. ``shape`` holds ints for fixed dimensions, names for symbolic ones,
    None where the file states nothing. ``bound_shape`` is what was measured (batch = 1).
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] = ()
    bound_shape: tuple[int, ...] | None = None
    batch_axis: int | None = None
    """Axis that grows with the batch; None when none does."""
    values: str | None = None
    """How generated inputs fill it (``uniform:0:1``, ``integers:0:30521``, ``constant:1`` …); None for outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFacts:
    """All nodes of one operator type. ``flops`` and ``bytes`` are per forward pass at batch 1;
    None where shape inference could not tell, never a guess.
    """

    op_type: str
    count: int
    flops: int | None = None
    bytes: int | None = None
    weight_bytes: int = 0
    """Bytes of initializers read, included in ``bytes``; they do not grow with the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How a model of another framework became ONNX, and how far the two were found apart."""

    source: str
    """Format: ``scikit-learn``, ``lightgbm``, ``xgboost``, ``pytorch``."""
    source_sha256: str | None
    """Of the file that was converted; None where there is none."""
    converter: str
    """Packages and versions that took part."""
    rows: int
    """Items on which both were run."""
    samples: str
    """What these were: ``generated`` or ``inputs``."""
    max_abs_error: float
    """Largest difference of any output figure."""
    max_rel_error: float
    """The same, over the figure itself, or over the typical figure of that output where it is smaller."""
    tolerance: float
    """Relative error beyond which the conversion is refused."""
    labels: int = 0
    """Class labels compared; all but near ties agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Facts of one ONNX file. Sizes in bytes; FLOPs count a multiply-add as two."""

    name: str
    sha256: str
    format: str = "onnx"
    opset: int
    domains: dict[str, int] = field(default_factory=dict)
    parameters: int
    weights_by_dtype: dict[str, int] = field(default_factory=dict)
    """Bytes of weights by element type."""
    file_bytes: int
    """The file and its external data."""
    flops_per_item: int | None
    """At the bound dimensions; None when too little could be inferred."""
    flops_coverage: float = 1.0
    """Share (0..1) of the FLOP-bearing nodes whose FLOPs could be inferred."""
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    operators: tuple[OperatorFacts, ...] = ()
    bound_dims: dict[str, int] = field(default_factory=dict)
    batch_dim: str | None = None
    """Name of the dimension treated as batch; None when the model has a fixed batch."""
    warnings: tuple[str, ...] = ()
    conversion: Conversion | None = None
    """Set where the model was not ONNX; all other facts are of the ONNX that it became, but ``name``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What ``infercost inspect`` says: the facts of a model, nothing timed."""

    schema_version: int = SCHEMA_VERSION
    kind: Literal["inspection"] = "inspection"
    infercost_version: str
    model: ModelFacts
