"""What a model file says, as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from infercost.render import figures
from infercost.render._terminal import Column, columns, facts, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from infercost.domain.model import Inspection, ModelFacts, OperatorFacts
    from infercost.render import View

UNKNOWN: Final = "?"


def inspection(value: Inspection, view: View) -> str:
    """Inputs, outputs, weights, and the arithmetic of every operator type."""
    model = value.model
    heaviest = sorted(model.operators, key=lambda o: (-(o.flops or 0), -(o.bytes or 0), o.op_type))
    shown = heaviest if view.details else heaviest[: view.top]
    parts: list[RenderableType | str] = [Text(figures.clean(model.name), style="bold"), "", facts(_facts(model))]
    if shown:
        parts += ["", _operators(shown)]
    if len(shown) < len(heaviest):
        parts.append(f"{figures.count(len(heaviest) - len(shown), 'more operator type')}; --details shows all.")
    return to_text(parts, view)


def _facts(model: ModelFacts) -> Iterable[tuple[str, Sequence[str]]]:
    yield "Model", [figures.model_line(model), f"sha256 {figures.clean(model.sha256)}"]
    yield "Converted", figures.conversion_lines(model)
    yield "Inputs", [figures.tensor(t) for t in model.inputs]
    yield "Outputs", [figures.tensor(t) for t in model.outputs]
    yield "Weights", [f"{figures.clean(dtype)}: {figures.size(size)}" for dtype, size in model.weights_by_dtype.items()]
    bound = ", ".join(f"{figures.clean(name)} = {size}" for name, size in model.bound_dims.items())
    yield "Bound", [bound] if bound else []


def _operators(operators: Sequence[OperatorFacts]) -> Table:
    return columns(
        [
            Column("operator", [[figures.clean(o.op_type)] for o in operators], style="bold"),
            Column("nodes", [[f"{o.count:,}"] for o in operators], justify="right"),
            Column("FLOPs", [[_known(o.flops, figures.quantity)] for o in operators], justify="right"),
            Column("bytes", [[_known(o.bytes, figures.size)] for o in operators], justify="right"),
            Column("of that weights", [[figures.size(o.weight_bytes)] for o in operators], justify="right"),
        ]
    )


def _known(value: int | None, text: Callable[[int], str]) -> str:
    return UNKNOWN if value is None else text(value)
