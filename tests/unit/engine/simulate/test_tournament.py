from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.simulate.tournament import plant, replay


@given(
    st.integers(0, 4).flatmap(lambda p: st.lists(st.integers(0, 9), min_size=2**p, max_size=2**p)),
    st.lists(st.tuples(st.integers(0, 15), st.one_of(st.integers(0, 9), st.just(float("inf")))), max_size=30),
)
def test_the_root_is_the_first_smallest(keys, changes):
    keys = np.array(keys, dtype=float)
    tree = plant(keys)
    assert tree[1] == np.argmin(keys)
    for slot, key in changes:
        keys[slot % len(keys)] = key
        replay(tree, keys, slot % len(keys))
        assert tree[1] == np.argmin(keys)
