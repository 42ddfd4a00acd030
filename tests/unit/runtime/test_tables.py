from __future__ import annotations

import builtins
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from infercost.domain.errors import InputsError, MissingExtraError
from infercost.runtime.tables import ROWS, fit_columns, is_table, read_columns, read_sizes


def tensor(name: str, shape, dtype: str = "float32"):
    return SimpleNamespace(name=name, shape=tuple(shape), dtype=dtype, batch_axis=0)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"age": [20, 30, 40], "size": [1.5, 2.5, 3.5], "kind": ["a", "b", "a"]})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_come_back_from_every_format(frame, tmp_path, ending: str) -> None:
    path = tmp_path / f"rows.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    assert is_table(path)
    columns = read_columns(path)
    assert columns["age"].tolist() == [20, 30, 40]
    assert columns["size"].tolist() == [1.5, 2.5, 3.5]
    assert columns["kind"].tolist() == ["a", "b", "a"]


def test_a_long_table_is_cut(tmp_path) -> None:
    pd.DataFrame({"x": range(5000)}).to_csv(tmp_path / "long.csv", index=False)
    assert len(read_columns(tmp_path / "long.csv")["x"]) == ROWS


def test_lists_of_one_length_become_a_matrix_and_others_are_sent_to_dim(tmp_path) -> None:
    pd.DataFrame({"ids": [[1, 2], [3, 4]]}).to_parquet(tmp_path / "even.parquet")
    assert read_columns(tmp_path / "even.parquet")["ids"].tolist() == [[1, 2], [3, 4]]
    pd.DataFrame({"ids": [[1, 2], [3]]}).to_parquet(tmp_path / "odd.parquet")
    with pytest.raises(InputsError, match=r"1 to 2 entries.*--dim NAME=column:odd.parquet:ids"):
        read_columns(tmp_path / "odd.parquet")


def test_the_matrix_takes_the_columns_in_order(frame) -> None:
    columns = {name: frame[name].to_numpy() for name in ("age", "size")}
    got = fit_columns(columns, [tensor("x", [None, 2])], source="rows.csv")
    assert got["x"].dtype == np.float32
    assert got["x"].tolist() == [[20, 1.5], [30, 2.5], [40, 3.5]]


def test_names_of_features_choose_and_order_the_columns(frame) -> None:
    columns = {"label": frame["age"].to_numpy(), **{name: frame[name].to_numpy() for name in ("age", "size")}}
    got = fit_columns(columns, [tensor("x", [None, 2])], source="rows.csv", features=("size", "age"))
    assert got["x"].tolist() == [[1.5, 20], [2.5, 30], [3.5, 40]]


def test_inputs_named_like_columns_take_those() -> None:
    columns = {"a": np.array([1, 2]), "b": np.array(["u", "v"], dtype=object), "c": np.array([[1, 2], [3, 4]])}
    expected = [tensor("a", [None, 1]), tensor("b", [None, 1], "string"), tensor("c", [None, 2], "int64")]
    got = fit_columns(columns, expected, source="rows.csv")
    assert got["a"].shape == (2, 1)
    assert got["b"].tolist() == [["u"], ["v"]]
    assert got["c"].dtype == np.int64


@pytest.mark.parametrize(
    ("columns", "expected", "says"),
    [
        ({"a": [1.0]}, [tensor("x", [None, 2])], "has 1 columns, the model's 'x' takes 2"),
        ({"a": ["t"]}, [tensor("x", [None, 1])], "'a' is no column of numbers"),
        ({"x": ["t"]}, [tensor("x", [None, 1])], "holds texts, the model expects float32"),
        ({"x": [1.5]}, [tensor("x", [None, 1], "int64")], "not whole and complete"),
        ({"x": [np.nan]}, [tensor("x", [None, 1], "int64")], "not whole and complete"),
        ({"a": [1.0]}, [tensor("x", [None]), tensor("y", [None])], "has no column 'x', 'y'"),
        ({"a": [1.0]}, [tensor("x", [None, 3, 4])], "has no column 'x'"),
    ],
)
def test_columns_that_make_up_no_input_are_refused(columns, expected, says: str) -> None:
    arrays = {name: np.array(values, dtype=object if isinstance(values[0], str) else None) for name, values in columns.items()}
    with pytest.raises(InputsError) as caught:
        fit_columns(arrays, expected, source="rows.csv")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.csv", None, "no such inputs file"),
        ("empty.csv", "", "cannot read empty.csv"),
        ("head.csv", "a,b\n", "holds no rows"),
        ("holes.csv", 'a\nx\n""\nz\n', "empty cells"),
        ("odd.parquet", "no parquet", "cannot read odd.parquet"),
        ("rows.xlsx", "x", "no table that can be read"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, name: str, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputsError) as caught:
        read_columns(tmp_path / name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    real = builtins.__import__

    def without(name, *more, **options):
        if name.startswith(("pyarrow", "fastparquet")):
            raise ImportError(name)
        return real(name, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(pd, "read_parquet", lambda _: __import__("pyarrow"))
    with pytest.raises(MissingExtraError, match=r"infercost\[parquet\]"):
        read_columns(tmp_path / "a.parquet")


def test_sizes_come_from_numbers_or_lengths(tmp_path) -> None:
    pd.DataFrame({"n": [3, 3, 5], "ids": [[1], [1, 2], [1, 2]]}).to_parquet(tmp_path / "a.parquet")
    path = tmp_path / "a.parquet"
    assert read_sizes("seq", f"column:{path}:n").values == (3, 5)
    assert read_sizes("seq", f"column:{path}:n").shares == pytest.approx((2 / 3, 1 / 3))
    assert read_sizes("seq", f"column:{path}:ids").values == (1, 2)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("column:FILE:m", "has no column 'm'; it has: n, text, none"),
        ("column:FILE:text", "does not hold whole numbers"),
        ("column:FILE:none", "is empty"),
        ("column:n", "write column:FILE:COLUMN"),
    ],
)
def test_columns_that_hold_no_sizes_are_refused(tmp_path, given: str, says: str) -> None:
    path = tmp_path / "a.csv"
    pd.DataFrame({"n": [3, 4], "text": ["a", "b"], "none": [None, None]}).to_csv(path, index=False)
    with pytest.raises(InputsError) as caught:
        read_sizes("seq", given.replace("FILE", str(path)))
    assert says in str(caught.value)
