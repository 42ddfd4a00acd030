"""The arguments of a kernel as three flat arrays, which is what machine code without Python can take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Packed", "layout", "leaves", "pack"]


class Packed(NamedTuple):
    """Leaves in order: an array gives an address and its lengths, a number one entry."""

    addresses: NDArray[np.int64]
    floats: NDArray[np.float64]
    whole: NDArray[np.int64]


def leaves(value: object) -> Iterable[Any]:
    """The arrays and numbers of nested tuples, depth first."""
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def layout(arguments: tuple[object, ...]) -> str:
    """What each leaf is: machine code is made for one such row and may be called with no other.

    Raises:
        TypeError: a leaf is neither a plain array nor a number.
    """
    return " ".join(_word(leaf) for leaf in leaves(arguments))


def _word(leaf: object) -> str:
    if isinstance(leaf, np.ndarray):
        if not leaf.flags.c_contiguous or not leaf.flags.aligned:
            raise TypeError("kernels take arrays that lie in one piece")
        return f"{leaf.dtype.str.lstrip('<|=')}x{leaf.ndim}"
    if isinstance(leaf, bool | np.bool_):
        return "bool"
    if isinstance(leaf, np.uint64):
        return "key"
    if isinstance(leaf, float):
        return "float"
    if isinstance(leaf, int | np.integer):
        return "int"
    raise TypeError(f"kernels do not take a {type(leaf).__name__}")


def pack(arguments: tuple[object, ...]) -> Packed:
    """The arguments, flat. They must outlive the call: arrays are only pointed at."""
    addresses: list[int] = []
    floats: list[float] = []
    whole: list[int] = []
    for leaf in leaves(arguments):
        if isinstance(leaf, np.ndarray):
            addresses.append(leaf.ctypes.data)
            whole.extend(leaf.shape)
        elif isinstance(leaf, np.uint64):
            whole.append(int(leaf.view(np.int64)))
        elif isinstance(leaf, float):
            floats.append(leaf)
        else:
            whole.append(int(leaf))
    return Packed(np.array(addresses, dtype=np.int64), np.array(floats), np.array(whole, dtype=np.int64))
