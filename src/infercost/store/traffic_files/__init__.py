"""Traffic files: tables of times or counts, access logs, CloudWatch exports. What they say, as a :class:`Trace`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from infercost.domain.workload import TrafficColumns
from infercost.store.traffic_files.opening import open_traffic

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from infercost.domain.workload import Trace
    from infercost.store.traffic_files.opening import Opened

__all__ = ["read_trace"]


def read_trace(path: str | os.PathLike[str], *, columns: TrafficColumns | None = None) -> Trace:
    """Read a traffic file of any size in bounded memory.

    A table (CSV with any common delimiter, or Parquet) of times or of counts by bin, an access log in common or
    combined format, or a CloudWatch export (JSON of the command line, CSV of the console); gzip, bzip2 and xz are
    read as they are. More single requests than 10 million become counts a second.

    Args:
        path: the file.
        columns: which columns mean what, where their names do not say it.

    Raises:
        TrafficError: the file cannot be read or used; the message names the line and what to type next.
        UnknownNameError: a column that was named is not there.
        MissingExtraError: a Parquet file, and pyarrow is not installed.
    """
    with open_traffic(Path(path)) as opened:
        return _READERS[opened.kind](opened, columns or TrafficColumns())


def _table(opened: Opened, columns: TrafficColumns) -> Trace:
    from infercost.store.traffic_files.table import read_table

    return read_table(opened, columns)


def _parquet(opened: Opened, columns: TrafficColumns) -> Trace:
    from infercost.store.traffic_files.parquet import read_parquet

    return read_parquet(opened, columns)


def _log(opened: Opened, columns: TrafficColumns) -> Trace:
    from infercost.store.traffic_files.access_log import read_access_log

    return read_access_log(opened, columns)


def _json(opened: Opened, columns: TrafficColumns) -> Trace:
    from infercost.store.traffic_files.cloudwatch import read_cloudwatch

    return read_cloudwatch(opened, columns)


_READERS: Final[dict[str, Callable[[Opened, TrafficColumns], Trace]]] = {
    "table": _table,
    "parquet": _parquet,
    "log": _log,
    "json": _json,
}
