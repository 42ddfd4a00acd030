"""The fluid model as machine code: as it comes with the package, or else compiled by numba on first use.

As the simulator's kernels are; see :mod:`infercost.engine.simulate.compiled`.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from infercost.domain.errors import MissingExtraError
from infercost.engine.simulate import compiled, machine
from infercost.engine.simulate.compiled import MODULES as KERNEL_MODULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from infercost.engine.planner.flow import Flow

__all__ = ["FIELDS", "MODULES", "PATH", "compiled_flow", "into", "register"]

MODULES: Final = ("infercost.engine.planner.flow", *KERNEL_MODULES)
"""Where the functions stand that the model may call."""
PATH: Final = Path(__file__).with_name("kernels") / "flow.ll.gz"
FIELDS: Final = 8
"""Numbers of a flow."""


def into(kernel: Callable[..., Flow]) -> Callable[..., int]:
    """The model with its answer written to an array: all that machine code without Python can do."""

    def run(
        arrived: Any,
        step_s: Any,
        steps_a_tick: Any,
        end_s: Any,
        station: Any,
        control: Any,
        replicas: Any,
        history: Any,
        pending: Any,
        state: Any,
        late: Any,
        out: Any,
    ) -> int:
        found = kernel(arrived, step_s, steps_a_tick, end_s, station, control, replicas, history, pending, state, late)
        out[0], out[1], out[2], out[3] = found.billed_s, found.ready_s, found.busy_s, found.starting_s
        out[4], out[5], out[6], out[7] = found.tail_s, found.started, found.ended, found.peak
        return 0

    return run


def _shipped() -> Callable[..., Flow] | None:
    kernel = machine.load(PATH, machine.stamp_of(MODULES))
    if kernel is None:
        return None
    from infercost.engine.planner.flow import Flow

    def run(*arguments: Any) -> Flow:
        out = np.zeros(FIELDS)
        kernel(*arguments, out)
        seconds, counts = out[:5].tolist(), out[5:].tolist()
        return Flow(*seconds, *(int(count) for count in counts))

    return run


def _entry(kernel: Callable[..., Flow], stamp: int) -> Callable[..., Flow]:
    def run(
        arrived: Any,
        step_s: Any,
        steps_a_tick: Any,
        end_s: Any,
        station: Any,
        control: Any,
        replicas: Any,
        history: Any,
        pending: Any,
        state: Any,
        late: Any,
    ) -> Flow:
        # numba's cache looks at this function alone: the stamp makes code that is called from here count too.
        _ = stamp
        return kernel(arrived, step_s, steps_a_tick, end_s, station, control, replicas, history, pending, state, late)

    return run


def _stamp(simulator: int, own: list[FunctionType]) -> int:
    """A number that changes with the code of the simulator's functions or of these."""
    digest = sha256(str(simulator).encode())
    for function in own:
        digest.update("\n".join(compiled.parts(function.__code__)).encode())
    return int.from_bytes(digest.digest()[:6])


@cache
def register() -> int:
    """Let compiled code call the model's functions; returns their stamp."""
    from numba.extending import register_jitable

    from infercost.engine.planner import flow

    own = [f for f in vars(flow).values() if isinstance(f, FunctionType) and f.__module__ == flow.__name__]
    stamp = _stamp(compiled.register(), own)
    for function in own:
        register_jitable(_nrt=False)(function)
    return stamp


@cache
def compiled_flow() -> Callable[..., Flow]:
    """:func:`.flow.flow` as machine code.

    Raises:
        MissingExtraError: numba is not installed.
    """
    shipped = _shipped()
    if shipped is not None:
        return shipped
    try:
        import numba
    except ImportError:
        raise MissingExtraError("plan", "planning for traffic that moves") from None
    from infercost.engine.planner import flow

    entry = _entry(flow.flow, register())
    options = {"nogil": True, "error_model": "numpy", "_nrt": False}
    try:
        return cast("Callable[..., Flow]", numba.njit(cache=True, **options)(entry))
    except RuntimeError:
        return cast("Callable[..., Flow]", numba.njit(**options)(entry))
