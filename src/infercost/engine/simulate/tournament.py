"""A winner tree: which slot holds the smallest key, kept current in log2(slots) steps without branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plant(keys: NDArray[np.float64]) -> NDArray[np.int64]:
    """The tree over ``keys``, whose length is a power of two. ``tree[1]`` is the slot of the smallest key."""
    size = len(keys)
    tree = np.empty(2 * size, dtype=np.int64)
    tree[0] = 0
    for slot in range(size):
        tree[size + slot] = slot
    for node in range(size - 1, 0, -1):
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = left if keys[left] <= keys[right] else right
    return tree


def replay(tree: NDArray[np.int64], keys: NDArray[np.float64], slot: int) -> None:
    """Put the tree right after ``keys[slot]`` changed. Of equal keys the lowest slot wins."""
    node = (len(keys) + slot) >> 1
    while node >= 1:
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = left if keys[left] <= keys[right] else right
        node >>= 1
