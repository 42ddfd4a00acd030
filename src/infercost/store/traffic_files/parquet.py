"""Parquet tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infercost.domain.errors import MissingExtraError, TrafficError
from infercost.store.traffic_files.roles import choose_roles
from infercost.store.traffic_files.rows import Rows

if TYPE_CHECKING:
    from infercost.domain.workload import Trace, TrafficColumns
    from infercost.store.traffic_files.opening import Opened

__all__ = ["read_parquet"]

_CHUNK: Final = 200_000


def read_parquet(opened: Opened, columns: TrafficColumns) -> Trace:
    """A table of requests or of counts.

    Raises:
        MissingExtraError: pyarrow is not installed.
        TrafficError: it cannot be understood, or a row cannot be used.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise MissingExtraError("parquet", "reading Parquet") from None
    source = str(opened.path)
    try:
        file = ParquetFile(source)
        names = tuple(file.schema_arrow.names)
        roles = choose_roles(source, names, columns, headed=True, regular=False)
        rows = Rows(source, names, roles, columns, lambda row: f"{source}, row {row + 1}")
        first = 0
        for batch in file.iter_batches(batch_size=_CHUNK, columns=[names[i] for i in roles.used]):
            frame = batch.to_pandas()
            rows.add(frame.set_axis(list(roles.used), axis=1), first)
            first += len(frame)
    except ArrowException as error:
        raise TrafficError(f"{source} is damaged: {str(error).splitlines()[0]}; write it again, or save it as CSV") from None
    return rows.trace()
