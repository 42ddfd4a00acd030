from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.runtime.trees import feature_count, split_range, tree_facts


def complete(depth: int, trees: int) -> dict[str, list[object]]:
    """Complete binary trees in the old encoding, node n's children at 2n+1 and 2n+2."""
    count = 2 ** (depth + 1) - 1
    first_leaf = 2**depth - 1
    columns: dict[str, list[object]] = {
        name: []
        for name in (
            "nodes_treeids",
            "nodes_nodeids",
            "nodes_modes",
            "nodes_truenodeids",
            "nodes_falsenodeids",
            "nodes_featureids",
            "nodes_values",
        )
    }
    for tree in range(trees):
        for n in range(count):
            leaf = n >= first_leaf
            row = (
                tree,
                n,
                b"LEAF" if leaf else b"BRANCH_LEQ",
                0 if leaf else 2 * n + 1,
                0 if leaf else 2 * n + 2,
                n % 7,
                float(n),
            )
            for column, cell in zip(columns.values(), row, strict=True):
                column.append(cell)
    return columns


@given(depth=st.integers(0, 6), trees=st.integers(1, 4))
def test_complete_trees_compare_once_a_level(depth: int, trees: int) -> None:
    facts = tree_facts(complete(depth, trees))
    assert facts.trees == trees
    assert facts.leaves == trees * 2**depth
    assert facts.branches == trees * (2**depth - 1)
    assert facts.comparisons == trees * depth


def test_depth_is_the_mean_over_leaves_of_lopsided_trees() -> None:
    chain = {
        "nodes_treeids": [0] * 5,
        "nodes_nodeids": [0, 1, 2, 3, 4],
        "nodes_modes": [b"BRANCH_LEQ", b"LEAF", b"BRANCH_LEQ", b"LEAF", b"LEAF"],
        "nodes_truenodeids": [1, 0, 3, 0, 0],
        "nodes_falsenodeids": [2, 0, 4, 0, 0],
    }
    assert tree_facts(chain).depth == pytest.approx((1 + 2 + 2) / 3)


def test_the_new_encoding_agrees_with_the_old() -> None:
    # The chain above: node 0 has a leaf on its true side, node 1 on both.
    new = {
        "tree_roots": [0],
        "nodes_truenodeids": [0, 1],
        "nodes_trueleafs": [1, 1],
        "nodes_falsenodeids": [1, 2],
        "nodes_falseleafs": [0, 1],
    }
    facts = tree_facts(new)
    assert (facts.trees, facts.branches, facts.leaves) == (1, 2, 3)
    assert facts.depth == pytest.approx(5 / 3)


def test_features_and_ranges_come_from_splits_alone() -> None:
    attributes = {
        "nodes_featureids": [3, 99],
        "nodes_values": [0.25, 1e9],
        "nodes_modes": [b"BRANCH_LEQ", b"LEAF"],
    }
    assert feature_count(attributes) == 4
    assert split_range(attributes) == (0.25, 0.25)


def test_a_forest_of_leaves_has_no_range() -> None:
    assert split_range({"nodes_values": [0.0], "nodes_modes": [b"LEAF"]}) is None
    assert tree_facts(complete(0, 2)).comparisons == 0


def test_other_nodes_are_no_trees() -> None:
    with pytest.raises(KeyError):
        tree_facts({"coefficients": [1.0]})
