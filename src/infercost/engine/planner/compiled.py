"""The fluid model, compiled on first use and kept in numba's on-disk cache, as the simulator's kernels are."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from infercost.domain.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infercost.engine.planner.flow import Flow

__all__ = ["compiled_flow"]


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
    from infercost.engine.simulate.compiled import _parts

    digest = sha256(str(simulator).encode())
    for function in own:
        digest.update("\n".join(_parts(function.__code__)).encode())
    return int.from_bytes(digest.digest()[:6])


@cache
def compiled_flow() -> Callable[..., Flow]:
    """:func:`.flow.flow` as machine code.

    Raises:
        MissingExtraError: numba is not installed.
    """
    try:
        import numba
        from numba.extending import register_jitable
    except ImportError:
        raise MissingExtraError("plan", "planning for traffic that moves") from None
    from infercost.engine.planner import flow
    from infercost.engine.simulate import compiled

    own = [f for f in vars(flow).values() if isinstance(f, FunctionType) and f.__module__ == flow.__name__]
    stamp = _stamp(compiled.register(), own)
    for function in own:
        register_jitable(function)
    entry = _entry(flow.flow, stamp)
    try:
        return cast("Callable[..., Flow]", numba.njit(cache=True, nogil=True, error_model="numpy")(entry))
    except RuntimeError:
        return cast("Callable[..., Flow]", numba.njit(nogil=True, error_model="numpy")(entry))
