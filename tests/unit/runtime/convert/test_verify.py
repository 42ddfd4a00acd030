from __future__ import annotations

import numpy as np
import pytest

from infercost.domain.errors import ModelError
from infercost.runtime.convert.verify import ROWS, TOLERANCE, compare, verify


def compared(got, wanted):
    return compare(got, wanted, rows=len(got[0]), source="generated", name="m")


def test_equal_outputs_agree_exactly() -> None:
    found = compared([np.array([1, 2]), np.array([[0.1], [0.9]], np.float32)], [[1, 2], [[0.1], [0.9]]])
    assert (found.rows, found.labels, found.samples) == (2, 2, "generated")
    assert found.max_rel_error < 1e-7


def test_an_error_counts_by_the_size_of_the_figure_or_the_typical_one() -> None:
    wanted = np.array([0.0, 100.0, 100.0, 1000.0])
    found = compared([wanted + np.array([0.05, 0, 0, 0])], [wanted])
    assert found.max_rel_error == pytest.approx(0.0005)
    assert found.max_abs_error == pytest.approx(0.05)
    with pytest.raises(ModelError, match="differ by up to"):
        compared([wanted + np.array([0, 0.2, 0, 0])], [wanted])


def test_missing_values_agree_with_missing_values_only() -> None:
    nan = np.array([np.nan, np.inf, 1.0])
    assert compared([nan], [nan]).max_abs_error == 0
    with pytest.raises(ModelError):
        compared([nan], [np.array([0.0, np.inf, 1.0])])


def test_labels_must_agree_unless_their_scores_tie() -> None:
    tie = np.array([[0.5, 0.5 + TOLERANCE / 2], [0.9, 0.1]])
    assert compared([np.array([0, 0]), tie], [[1, 0], tie]).labels == 2
    with pytest.raises(ModelError, match="1 of 2 labels differ"):
        compared([np.array([1, 1]), tie], [[1, 0], tie])
    with pytest.raises(ModelError, match="labels differ"):
        compared([np.array(["a", "b"], dtype=object)], [["a", "c"]])


def test_nothing_to_compare_is_no_agreement() -> None:
    with pytest.raises(ModelError, match="none of its outputs can be compared"):
        compared([np.zeros(3)], [None])


def test_generated_items_reach_every_branch_of_a_tree(nets, tmp_path) -> None:
    path = tmp_path / "tree.onnx"
    path.write_bytes(nets.tree().SerializeToString())
    seen = {}

    def original(arrays):
        seen.update(arrays)
        x = arrays["x"]
        first = np.where(x[:, 0] <= 0.5, 1.0, 2.0)
        second = np.where(x[:, 2] <= -1.5, 3.0, np.where(x[:, 1] <= 3.0, 4.0, 5.0))
        return [first + second]

    found = verify(path, original, None, name="tree")
    assert found.max_abs_error == 0
    assert seen["x"].shape == (ROWS, 3)
    for feature, threshold in ((0, 0.5), (1, 3.0), (2, -1.5)):
        below = (seen["x"][:, feature] <= threshold).mean()
        assert 0.1 < below < 0.9


def test_an_original_that_fails_or_a_graph_that_cannot_run_is_named(nets, tmp_path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(nets.mlp().SerializeToString())

    def fails(_):
        raise ValueError("no")

    with pytest.raises(ModelError, match=r"m itself cannot be run on generated inputs: ValueError: no"):
        verify(path, fails, None, name="m")
    bad = nets.graph([nets.node("NoSuchThing", ["x"], ["y"])], [nets.value("x", ["n", 2])],
                                [nets.value("y", ["n", 2])])  # fmt: skip
    path.write_bytes(bad.SerializeToString())
    with pytest.raises(ModelError, match="cannot run m as it was converted"):
        verify(path, lambda arrays: [arrays["x"]], None, name="m")
