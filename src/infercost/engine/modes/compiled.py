"""The pool of serverless instances as machine code: compiled on first use and kept in numba's on-disk cache."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from infercost.domain.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    Kernel = Callable[..., int]

__all__ = ["compiled_pool"]


def _entry(kernel: Kernel, stamp: int) -> Kernel:
    def run(  # noqa: PLR0917 - compiled code takes no keywords
        times_s: Any, service_s: Any, cold_s: Any, keep_alive_s: Any, limit: Any, provisioned: Any, latency_s: Any, fates: Any
    ) -> int:
        # numba's cache looks at this function alone: the stamp makes code that is called from here count too.
        _ = stamp
        return kernel(times_s, service_s, cold_s, keep_alive_s, limit, provisioned, latency_s, fates)

    return run


@cache
def compiled_pool() -> Kernel:
    """:func:`.pool.serve_pool` as machine code.

    Raises:
        MissingExtraError: numba is not installed.
    """
    try:
        import numba
        from numba.extending import register_jitable
    except ImportError:
        raise MissingExtraError("plan", "simulating serving modes") from None
    from infercost.engine.modes import pool

    own = [f for f in vars(pool).values() if isinstance(f, FunctionType) and f.__module__ == pool.__name__]
    digest = sha256(repr([v for v in vars(pool).values() if isinstance(v, int)]).encode())
    for function in own:
        code = function.__code__
        digest.update(repr((code.co_code.hex(), code.co_consts, code.co_names)).encode())
        register_jitable(function)
    entry = _entry(pool.serve_pool, int.from_bytes(digest.digest()[:6]))
    try:
        return cast("Kernel", numba.njit(cache=True, nogil=True, error_model="numpy")(entry))
    except RuntimeError:
        return cast("Kernel", numba.njit(nogil=True, error_model="numpy")(entry))
