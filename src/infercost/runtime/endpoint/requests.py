"""Inputs for a served model, from its metadata alone or from the user's samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infercost.domain.errors import UsageError
from infercost.domain.model import TensorFacts
from infercost.runtime.binding import expected_inputs, plan_binding
from infercost.runtime.dims import Declared, check_dims
from infercost.runtime.graph import Graph
from infercost.runtime.hints import input_values
from infercost.runtime.inputs import batch_shape, check_inputs, generate_array, tile_inputs
from infercost.runtime.samples import fit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infercost.runtime.binding import Binding
    from infercost.runtime.endpoint.protocol_v2 import Metadata
    from infercost.runtime.inputs import Arrays
    from infercost.runtime.samples import Samples


@dataclass
class Requests:
    """What to send: shapes that were bound, tried or taken from samples."""

    metadata: Metadata
    binding: Binding
    samples: Arrays | None
    seed: int
    trial: int = 0

    @classmethod
    def plan(cls, metadata: Metadata, dims: Mapping[str, int], samples: Samples | None, seed: int) -> Requests:
        """Bind what varies.

        Raises:
            UsageError: ``dims`` names a dimension that the model does not have.
            InputsError: ``samples`` do not fit the model.
        """
        declared = [Declared(t.name, t.dtype, tuple(None if d < 0 else d for d in t.shape)) for t in metadata.inputs]
        fixed = check_dims(dims, declared)
        arrays = None
        if samples is not None:
            expected = expected_inputs(declared, fixed)
            arrays = fit(samples, expected)
            check_inputs(arrays, expected, source="inputs")
        return cls(metadata, plan_binding(Graph(None), declared, fixed, arrays), arrays, seed)

    @property
    def trials(self) -> int:
        """Bindings to try."""
        return len(self.binding.trials)

    @property
    def bound(self) -> dict[str, int]:
        """Sizes of all dimensions that vary."""
        return dict(self.binding.trials[self.trial])

    @property
    def batch_dim(self) -> str | None:
        """The dimension that grows with the batch."""
        return self.binding.batch_dim

    @property
    def described(self) -> str:
        """Where the inputs come from."""
        return "samples" if self.samples is not None else f"generated, seed {self.seed}"

    def notes(self) -> list[str]:
        """What was guessed."""
        guessed = [f"{d.key}={self.bound[d.key]}" for d in self.binding.unknown]
        if not guessed:
            return []
        return [f"the server leaves dimensions open; measured at {', '.join(guessed)} (change with --dim NAME=SIZE)"]

    def arrays(self, batch: int) -> Arrays:
        """Inputs for a batch.

        Raises:
            UsageError: the model has a fixed batch.
        """
        import numpy as np

        if batch > 1 and self.batch_dim is None:
            raise UsageError(f"{self.metadata.name} has a fixed batch; measure it with --batch 1")
        if self.samples is not None:
            return tile_inputs(self.samples, self.binding.tensors(), batch)
        rng = np.random.default_rng(self.seed)
        return {t.name: generate_array(t.values or "normal", t.dtype, batch_shape(t, batch), rng) for t in self.input_facts()}

    def input_facts(self) -> tuple[TensorFacts, ...]:
        """The inputs, bound."""
        graph = Graph(None)
        return tuple(
            TensorFacts(
                name=d.name,
                dtype=d.dtype,
                shape=d.shape,
                bound_shape=shape,
                batch_axis=self.binding.batch.get(d.name),
                values=input_values(d, shape, graph),
            )
            for d, shape in zip(self.binding.declared, self.binding.shapes(self.trial), strict=True)
        )

    def output_facts(self) -> tuple[TensorFacts, ...]:
        """The outputs, as the server describes them."""
        return tuple(
            TensorFacts(name=t.name, dtype=t.dtype, shape=tuple(None if d < 0 else d for d in t.shape))
            for t in self.metadata.outputs
        )
