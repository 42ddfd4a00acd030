"""The kernels, compiled by numba on first use and kept in numba's on-disk cache.

The kernel modules are plain Python over numpy arrays. Here, and only here, is the compiler.
"""

from __future__ import annotations

import hashlib
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, cast

from infercost.domain.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    Kernel = Callable[..., int]


def _modules() -> tuple[ModuleType, ...]:
    from infercost.engine.simulate import (
        books,
        central,
        fleet,
        history,
        limited,
        routed,
        serving,
        ticking,
        tournament,
        variates,
    )
    from infercost.engine.simulate.policies import aws, azure, base, deciding, knative, ray, vertex

    rules = base, aws, vertex, azure, knative, ray, deciding
    return history, variates, tournament, *rules, books, serving, fleet, ticking, central, limited, routed


def _functions() -> list[FunctionType]:
    """Every function that a kernel may call."""
    return [
        item
        for module in _modules()
        for item in vars(module).values()
        if isinstance(item, FunctionType) and item.__module__ == module.__name__
    ]


_HOT = frozenset(  # what is done for each request or batch
    (
        *("replay", "uniform", "draw", "note", "note_drop", "bin_of"),
        *("batch_start", "weight", "enter", "admit", "arrive", "begin_first"),
        *("route", "least_busy", "count_at", "enqueue", "begin", "begin_full", "complete", "first_end", "due_at"),
        *("advance", "note_event", "take", "advance_due", "arrive_routed"),
    )
)


def _parts(code: CodeType) -> Iterable[str]:
    yield code.co_code.hex()
    yield repr([constant for constant in code.co_consts if not isinstance(constant, CodeType)])
    yield repr(code.co_names)


def _stamp() -> int:
    """A number that changes with the code of any function or module constant."""
    digest = hashlib.sha256()
    for function in _functions():
        digest.update("\n".join(_parts(function.__code__)).encode())
    for module in _modules():
        constants = {k: v for k, v in vars(module).items() if isinstance(v, int | float) or "uint64" in type(v).__name__}
        digest.update(repr(sorted((k, repr(v)) for k, v in constants.items())).encode())
    return int.from_bytes(digest.digest()[:6])


@cache
def _register() -> int:
    """Let compiled code call the plain functions; returns their stamp."""
    from numba.extending import register_jitable

    for function in _functions():
        register_jitable(_nrt=False, forceinline=function.__name__ in _HOT)(function)
    return _stamp()


def _entry(kernel: Kernel, stamp: int) -> Kernel:
    def run(serving: Any, scaling: Any, fleet: Any, books: Any, records: Any, queue: Any) -> Any:
        # numba's cache looks at this function alone: the stamp, being in its closure, makes code that is
        # called from here count too.
        _ = stamp
        return kernel(serving, scaling, fleet, books, records, queue)

    return run


@cache
def compiled(name: str) -> Kernel:
    """The compiled kernel ``central``, ``limited`` or ``routed``.

    Compiling takes seconds once a machine; later processes load the machine code. Where no folder can be
    written (read-only site-packages and home), each process compiles for itself.

    Raises:
        MissingExtraError: numba is not installed.
    """
    try:
        import numba
    except ImportError:
        raise MissingExtraError("plan", "simulating traffic") from None
    from infercost.engine.simulate.central import serve_central
    from infercost.engine.simulate.limited import serve_limited
    from infercost.engine.simulate.routed import serve_routed

    kernels = {"central": serve_central, "limited": serve_limited, "routed": serve_routed}
    entry = _entry(kernels[name], _register())
    try:
        return cast("Kernel", numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(entry))
    except RuntimeError:
        return cast("Kernel", numba.njit(nogil=True, error_model="numpy", _nrt=False)(entry))
