"""Columns of CSV and Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import InputsError, MissingExtraError
from infercost.domain.sizes import Sizes
from infercost.runtime.imports import one_line
from infercost.runtime.names import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

ROWS = 1024
"""A sample is cut to so many rows: batches are far smaller."""

_READERS = {".csv": "read_csv", ".parquet": "read_parquet", ".pq": "read_parquet"}


def is_table(path: str | Path) -> bool:
    """Whether a file is a table, by its ending."""
    return Path(path).suffix.lower() in _READERS


def read_columns(path: str | Path) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of the first 1024 rows, by name; a column of lists becomes a matrix.

    Raises:
        InputsError: the file cannot be read, is empty, or lists of a column differ in length.
        MissingExtraError: a Parquet file, and pyarrow is not installed.
    """
    frame = _read(Path(path), rows=ROWS)
    if frame.empty:
        raise InputsError(f"{shown(Path(path).name)} holds no rows; save at least one sample in it")
    return {str(name): _array(frame[name], str(name), Path(path)) for name in frame.columns}


def read_sizes(dim: str, given: str) -> Sizes:
    """Sizes from ``column:FILE:COLUMN``: a column of whole numbers, or of lists, whose lengths count.

    Raises:
        InputsError: the file cannot be read, or the column holds something else.
    """
    kind, _, rest = given.partition(":")
    file, _, column = rest.rpartition(":")
    if kind != "column" or not file or not column:
        raise InputsError(f"cannot read the sizes of {dim!r}, {given!r}; write column:FILE:COLUMN")
    name = shown(Path(file).name)
    frame = _read(Path(file))
    if column not in frame.columns:
        raise InputsError(f"{name} has no column {column!r}; it has: {', '.join(map(str, frame.columns))}")
    values = frame[column].dropna()
    if not len(values):
        raise InputsError(f"column {column!r} of {name} is empty; it must hold a size for each request")
    if hasattr(values.iloc[0], "__len__") and not isinstance(values.iloc[0], str):
        return Sizes.of_sample(dim, given, (len(value) for value in values))
    if values.dtype.kind not in "iuf" or (values % 1 != 0).any():
        raise InputsError(f"column {column!r} of {name} does not hold whole numbers; save one size for each request in it")
    return Sizes.of_sample(dim, given, (int(value) for value in values))


def _read(path: Path, rows: int | None = None) -> pd.DataFrame:
    import pandas as pd

    name, reader = shown(path.name), _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputsError(f"{name} is no table that can be read; save it as .csv or .parquet")
    try:
        with path.open("rb"):
            pass
        if reader == "read_csv":
            return pd.read_csv(path, nrows=rows)
        frame = pd.read_parquet(path)
    except FileNotFoundError:
        raise InputsError(f"no such inputs file: {shown(path)}; check the path") from None
    except ImportError:
        raise MissingExtraError("parquet", f"reading {name}") from None
    except Exception as error:
        raise InputsError(f"cannot read {name}: {one_line(error)}; save it again with pandas.DataFrame.to_csv") from error
    return frame if rows is None else frame.head(rows)


def _array(column: pd.Series[Any], name: str, path: Path) -> np.ndarray[Any, Any]:
    import numpy as np

    first = column.iloc[0]
    if hasattr(first, "__len__") and not isinstance(first, str):
        lengths = {len(value) for value in column}
        if len(lengths) > 1:
            raise InputsError(
                f"the lists in column {name!r} of {shown(path.name)} have {min(lengths)} to {max(lengths)} entries; pad them, "
                f"or measure over their lengths with --dim NAME=column:{shown(path.name)}:{name}"
            )
        return np.array([np.asarray(value) for value in column])
    if column.dtype.kind in "iufb":
        return column.to_numpy()
    if column.isna().any():
        raise InputsError(f"column {name!r} of {shown(path.name)} has empty cells among texts; fill them")
    return np.array([str(value) for value in column], dtype=object)


def fit_columns(
    columns: dict[str, np.ndarray[Any, Any]],
    expected: Sequence[Any],
    *,
    source: str,
    features: Sequence[str] = (),
) -> dict[str, np.ndarray[Any, Any]]:
    """Columns as the inputs of a model: one a column by name, or all of them as the one matrix that it takes.

    Args:
        columns: by name, all of one length.
        expected: inputs with ``name``, ``dtype`` and ``shape``.
        source: what to call the table in messages.
        features: names of the matrix's columns in order, where the model states them.

    Raises:
        InputsError: the columns do not make up the inputs.
    """
    if all(tensor.name in columns for tensor in expected):
        return {tensor.name: _as_input(columns[tensor.name], tensor, source) for tensor in expected}
    if len(expected) != 1 or len(expected[0].shape) != 2:
        lacking = ", ".join(repr(tensor.name) for tensor in expected if tensor.name not in columns)
        raise InputsError(f"{source} has no column {lacking}; name a column after each input of the model")
    (tensor,) = expected
    names = [n for n in features if n in columns] if features and set(features) <= set(columns) else list(columns)
    width = tensor.shape[1] if isinstance(tensor.shape[1], int) else len(features) or len(names)
    if len(names) != width:
        wanted = f": {', '.join(features)}" if features else ""
        raise InputsError(
            f"{source} has {len(names)} columns, the model's {tensor.name!r} takes {width}{wanted}; "
            "leave out what is no feature"
        )
    return {tensor.name: _matrix({n: columns[n] for n in names}, tensor, source)}


def _matrix(columns: dict[str, np.ndarray[Any, Any]], tensor: Any, source: str) -> np.ndarray[Any, Any]:
    import numpy as np

    texts = tensor.dtype == "string"
    odd = [name for name, column in columns.items() if column.ndim != 1 or (column.dtype.kind == "O" and not texts)]
    if odd:
        raise InputsError(f"{source}: column {odd[0]!r} is no column of numbers; encode it, or leave it out")
    return _cast(np.stack(list(columns.values()), axis=1), tensor, source)


def _as_input(column: np.ndarray[Any, Any], tensor: Any, source: str) -> np.ndarray[Any, Any]:
    array = _cast(column, tensor, source)
    return array.reshape(-1, 1) if array.ndim == 1 and len(tensor.shape) == 2 else array


def _cast(array: np.ndarray[Any, Any], tensor: Any, source: str) -> np.ndarray[Any, Any]:
    """To the input's element type; a table's own types are only how it was saved."""
    import numpy as np

    if tensor.dtype == "string":
        return array if array.dtype.kind == "O" else array.astype(str).astype(object)
    if array.dtype.kind == "O":
        raise InputsError(f"{source}: column {tensor.name!r} holds texts, the model expects {tensor.dtype}; encode them")
    target = np.dtype(tensor.dtype)
    if target.kind in "iub" and array.dtype.kind == "f" and not (np.isfinite(array) & (array % 1 == 0)).all():
        raise InputsError(f"{source}: {tensor.name!r} is not whole and complete, the model expects {tensor.dtype}; fix it")
    return array.astype(target)
