"""Size and depth of tree ensembles (``ai.onnx.ml``), whose weights are attributes, not initializers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TREE_OPERATORS = frozenset({"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"})

_NODE_BYTES = 24
"""A node of ONNX Runtime's flattened trees: threshold, feature, mode and the way to its child, padded."""


@dataclass(frozen=True, slots=True)
class TreeFacts:
    """One ensemble. ``depth`` is the mean depth of its leaves."""

    trees: int
    branches: int
    leaves: int
    depth: float

    @property
    def comparisons(self) -> float:
        """Comparisons an item: one a level and tree."""
        return self.trees * self.depth

    @property
    def bytes_per_item(self) -> float:
        """Bytes of the nodes on the paths of one item."""
        return self.comparisons * _NODE_BYTES

    @property
    def nbytes(self) -> int:
        """Bytes of the nodes in memory."""
        return (self.branches + self.leaves) * _NODE_BYTES


def tree_facts(attributes: Mapping[str, Any]) -> TreeFacts:
    """Facts of a tree ensemble node, in the form of ``ai.onnx.ml`` 1-3 or 5.

    Raises:
        KeyError: the node's attributes are not those of a tree ensemble.
    """
    children = _children_v5(attributes) if "tree_roots" in attributes else _children_v3(attributes)
    branches, leaves, depth_sum = 0, 0, 0
    for root in children.roots:
        stack = [(root, 0)]
        while stack:
            node, depth = stack.pop()
            if node in children.leaves:
                leaves += 1
                depth_sum += depth
            else:
                branches += 1
                stack += [(child, depth + 1) for child in children.below[node]]
    return TreeFacts(len(children.roots), branches, leaves, depth_sum / leaves if leaves else 0.0)


def feature_count(attributes: Mapping[str, Any]) -> int:
    """Smallest number of features that the ensemble's splits need."""
    return 1 + max(_branch_values(attributes, "nodes_featureids"), default=0)


def split_range(attributes: Mapping[str, Any]) -> tuple[float, float] | None:
    """Smallest and largest threshold of all splits; None when they are not plain numbers."""
    values = _branch_values(attributes, "nodes_values") if "nodes_values" in attributes else _splits_v5(attributes)
    return (float(min(values)), float(max(values))) if len(values) else None


@dataclass(frozen=True, slots=True)
class _Children:
    roots: Sequence[Any]
    below: Mapping[Any, tuple[Any, Any]]
    leaves: frozenset[Any] | set[Any]


def _children_v3(attributes: Mapping[str, Any]) -> _Children:
    keys = list(zip(attributes["nodes_treeids"], attributes["nodes_nodeids"], strict=True))
    modes = attributes["nodes_modes"]
    leaves = {key for key, mode in zip(keys, modes, strict=True) if mode in (b"LEAF", "LEAF")}
    true, false = attributes["nodes_truenodeids"], attributes["nodes_falsenodeids"]
    below = {key: ((key[0], t), (key[0], f)) for key, t, f in zip(keys, true, false, strict=True) if key not in leaves}
    # The root of a tree is the node that no other points to.
    pointed = {child for pair in below.values() for child in pair}
    return _Children([key for key in keys if key not in pointed], below, leaves)


def _children_v5(attributes: Mapping[str, Any]) -> _Children:
    below: dict[Any, tuple[Any, Any]] = {}
    leaves: set[Any] = set()
    columns = (attributes[f"nodes_{n}"] for n in ("truenodeids", "trueleafs", "falsenodeids", "falseleafs"))
    for node, (true, true_leaf, false, false_leaf) in enumerate(zip(*columns, strict=True)):
        # A leaf is named by the branch that leads to it: two branches may share one.
        left, right = ("leaf", node, 1) if true_leaf else true, ("leaf", node, 0) if false_leaf else false
        leaves.update(key for key in (left, right) if isinstance(key, tuple))
        below[node] = (left, right)
    return _Children(attributes["tree_roots"], below, leaves)


def _branch_values(attributes: Mapping[str, Any], name: str) -> list[Any]:
    values = attributes.get(name, ())
    modes = attributes.get("nodes_modes", ())
    if not isinstance(modes, (list, tuple)) or len(modes) != len(values):
        return list(values)
    return [value for value, mode in zip(values, modes, strict=True) if mode not in (b"LEAF", "LEAF")]


def _splits_v5(attributes: Mapping[str, Any]) -> Sequence[float]:
    splits = attributes.get("nodes_splits")
    return [] if splits is None else [float(x) for x in splits]


def feature_ranges(attributes: Mapping[str, Any]) -> dict[int, tuple[float, float]]:
    """Smallest and largest threshold of each feature that is split on."""
    features = _branch_values(attributes, "nodes_featureids")
    values = _branch_values(attributes, "nodes_values") if "nodes_values" in attributes else _splits_v5(attributes)
    ranges: dict[int, tuple[float, float]] = {}
    for feature, value in zip(features, values, strict=False):
        low, high = ranges.get(feature, (float("inf"), float("-inf")))
        ranges[feature] = (min(low, float(value)), max(high, float(value)))
    return ranges
