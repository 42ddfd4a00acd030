"""The kernels as machine code: as they come with the package, or else compiled by numba on first use.

The kernel modules are plain Python over numpy arrays. Here, and only here, is the compiler.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from threading import RLock, Thread
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from infercost.domain.errors import MissingExtraError
from infercost.engine.simulate import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    Kernel = Callable[..., int]

__all__ = ["KERNELS", "MODULES", "check_compiler", "compiled", "function_of", "parts", "prepare", "register"]

_HERE: Final = "infercost.engine.simulate"
MODULES: Final = tuple(
    f"{_HERE}.{name}"
    for name in (
        *("history", "variates", "tournament"),
        *(f"policies.{name}" for name in ("base", "aws", "vertex", "azure", "knative", "ray", "deciding")),
        *("books", "serving", "fleet", "ticking", "central", "limited", "routed", "serverless"),
    )
)
"""Where the functions stand that a kernel may call."""
KERNELS: Final = ("central", "limited", "routed", "serverless")

_HOT: Final = frozenset(  # what is done for each request or batch
    (
        *("replay", "uniform", "draw", "note", "note_drop", "bin_of"),
        *("batch_start", "weight", "enter", "admit", "arrive", "begin_first"),
        *("route", "least_busy", "count_at", "enqueue", "begin", "complete", "first_end", "due_at"),
        *("advance", "take", "advance_due", "come", "choose"),
    )
)
_LOCK: Final = RLock()


def _modules() -> list[ModuleType]:
    return [import_module(name) for name in MODULES]


def _functions() -> list[FunctionType]:
    """Every function that a kernel may call."""
    return [
        item
        for module in _modules()
        for item in vars(module).values()
        if isinstance(item, FunctionType) and item.__module__ == module.__name__
    ]


def function_of(name: str) -> Kernel:
    """The kernel of that name as plain Python."""
    return cast("Kernel", getattr(import_module(f"{_HERE}.{name}"), f"serve_{name}"))


def parts(code: CodeType) -> Iterable[str]:
    """What a function does, as text."""
    yield code.co_code.hex()
    yield repr([constant for constant in code.co_consts if not isinstance(constant, CodeType)])
    yield repr(code.co_names)


def _stamp() -> int:
    """A number that changes with the code of any function or module constant."""
    digest = hashlib.sha256()
    for function in _functions():
        digest.update("\n".join(parts(function.__code__)).encode())
    for module in _modules():
        constants = {k: v for k, v in vars(module).items() if isinstance(v, int | float) or "uint64" in type(v).__name__}
        digest.update(repr(sorted((k, repr(v)) for k, v in constants.items())).encode())
    return int.from_bytes(digest.digest()[:6])


@cache
def register() -> int:
    """Let compiled code call the plain functions; returns their stamp.

    Without numba's runtime: kernels allocate nothing, and counting references to arrays would cost more than the rest.
    """
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

    def run_calls(calls: Any, pool: Any, records: Any) -> Any:
        _ = stamp
        return kernel(calls, pool, records)

    return run_calls if kernel.__name__ == "serve_serverless" else run


def compiled(name: str) -> Kernel:
    """The kernel ``central``, ``limited``, ``routed`` or ``serverless`` as machine code. Safe to call from several threads.

    What comes with the package is ready in half a second once a machine. Where it does not fit (another platform,
    changed code), numba compiles for up to half a minute; later processes load its machine code. Where no folder
    can be written (read-only site-packages and home), each process begins anew.

    Raises:
        MissingExtraError: neither llvmlite nor numba is installed.
    """
    with _LOCK:
        return _compiled(name)


def check_compiler(purpose: str) -> None:
    """Refuse now what would be refused after a model was measured. Imports nothing.

    Raises:
        MissingExtraError: numba is not installed.
    """
    if find_spec("numba") is None:
        raise MissingExtraError("plan", purpose)


def prepare(*names: str) -> Thread:
    """Begin to make kernels ready beside other work, so that the first simulation need not wait; returns the thread."""

    def work() -> None:
        with suppress(MissingExtraError):  # the simulation will say it
            for name in names or KERNELS:
                compiled(name)

    thread = Thread(target=work, name="infercost kernels", daemon=True)
    thread.start()
    return thread


@cache
def _compiled(name: str) -> Kernel:
    shipped = machine.load(machine.FOLDER / f"{name}.ll.gz", machine.stamp_of(MODULES))
    if shipped is not None:
        return shipped
    try:
        import numba
    except ImportError:
        raise MissingExtraError("plan", "simulating traffic") from None
    entry = _entry(function_of(name), register())
    options = {"nogil": True, "error_model": "numpy", "_nrt": False}
    try:
        return cast("Kernel", numba.njit(cache=True, **options)(entry))
    except RuntimeError:
        return cast("Kernel", numba.njit(**options)(entry))
