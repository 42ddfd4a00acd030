"""Tables as text: CSV and its relatives, with a header, without one, or with lines above it."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infercost.domain.errors import TrafficError
from infercost.store.traffic_files.roles import choose_roles, names_a_time
from infercost.store.traffic_files.rows import Rows
from infercost.store.traffic_files.timestamps import looks_like_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from infercost.domain.workload import Trace, TrafficColumns
    from infercost.store.traffic_files.opening import Opened
    from infercost.store.traffic_files.roles import Roles

__all__ = ["read_table"]

_CHUNK: Final = 200_000
"""Rows read at once."""
_SAMPLE: Final = 60
"""Lines looked at to understand a table."""
_DELIMITERS: Final = (",", ";", "\t", "|")
_BLANKS: Final = r"\s+"
_COUNTED: Final = frozenset({"sum", "samplecount", "sample count", "n", "count"})
_TOO_MANY: Final = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


@dataclass(frozen=True, slots=True)
class _Layout:
    names: tuple[str, ...]
    delimiter: str
    skipped: int
    """Lines above the first row."""
    headed: bool
    sample: tuple[tuple[str, ...], ...]
    """The first rows."""
    above: dict[str, tuple[str, ...]]
    """By its first cell, what stands in lines above a header, as consoles export them."""


def read_table(opened: Opened, columns: TrafficColumns) -> Trace:
    """A table of requests or of counts.

    Raises:
        TrafficError: it cannot be understood, or a row cannot be used.
    """
    source = str(opened.path)
    layout = _layout(source, opened.head.decode("utf-8-sig", errors="replace"), columns)
    roles = choose_roles(source, layout.names, columns, headed=layout.headed, regular=_regular(layout))
    if layout.above:
        _check_statistic(source, layout, roles)
    rows = Rows(
        source,
        layout.names,
        roles,
        columns,
        lambda row: f"{source}, line {layout.skipped + row + 1}",
        lines=True,
        blank_is_zero=bool(layout.above),
    )
    first = 0
    for chunk in _chunks(opened, layout):
        rows.add(chunk, first)
        first += len(chunk)
    return rows.trace()


def _chunks(opened: Opened, layout: _Layout) -> Iterator[pd.DataFrame]:
    import pandas as pd

    try:
        with pd.read_csv(
            opened.stream,
            sep=layout.delimiter,
            header=None,
            names=list(range(len(layout.names))),
            index_col=False,
            skiprows=layout.skipped,
            dtype="str",
            keep_default_na=False,
            skip_blank_lines=False,
            encoding="utf-8-sig",
            encoding_errors="replace",
            chunksize=_CHUNK,
        ) as chunks:
            for chunk in chunks:
                yield chunk.fillna("")
    except pd.errors.EmptyDataError:
        return
    except pd.errors.ParserError as error:
        found = _TOO_MANY.search(str(error))
        if found is None:
            raise TrafficError(
                f"{opened.path} is no table that can be read: {str(error).strip()}; mend it, or save it anew"
            ) from None
        raise _too_wide(str(opened.path), found[2], found[3], found[1]) from None


def _layout(source: str, head: str, columns: TrafficColumns) -> _Layout:
    lines = head.splitlines()[:_SAMPLE]
    delimiter = _delimiter(lines)
    parsed = (
        [tuple(line.split()) for line in lines]
        if delimiter == _BLANKS
        else list(map(tuple, csv.reader(lines, delimiter=delimiter)))
    )
    filled = [i for i, row in enumerate(parsed) if any(cell.strip() for cell in row) and not row[0].startswith("#")]
    if not filled:
        raise TrafficError(f"{source} has nothing but comments; give a file with requests")
    top = filled[0]
    data = next((i for i in filled if _is_data(parsed[i])), None)
    named = any(names_a_time(cell) or cell.strip() == columns.time for cell in parsed[top])
    above: dict[str, tuple[str, ...]] = {}
    if named or data is None:
        names, start = _clean(parsed[top]), top + 1
    elif data == top:
        names, start = tuple(str(i + 1) for i in range(len(parsed[top]))), top
    else:
        names, above = _from_above([parsed[i] for i in filled if i < data], len(parsed[data]))
        start = data
    rows = [(i, row) for i, row in enumerate(parsed) if i >= start and any(row)]
    names = _widened(source, names, rows)
    return _Layout(names, delimiter, start, named or bool(start > top), tuple(row for _, row in rows), above)


def _widened(source: str, names: tuple[str, ...], rows: Sequence[tuple[int, tuple[str, ...]]]) -> tuple[str, ...]:
    """Names for all columns of the sample: lines may end with a delimiter too many, but not with a value too many."""
    for i, row in rows:
        if any(cell.strip() for cell in row[len(names) :]):
            raise _too_wide(source, i + 1, len(row), len(names))
    width = max((len(row) for _, row in rows), default=0)
    return names + tuple(str(i + 1) for i in range(len(names), width))


def _too_wide(source: str, line: int | str, found: int | str, expected: int | str) -> TrafficError:
    return TrafficError(f"{source}, line {line}: {found} columns where there should be {expected}; mend or drop the line")


def _clean(header: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip() or str(i + 1) for i, cell in enumerate(header))


def _from_above(above: list[tuple[str, ...]], width: int) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Names of columns from several lines of labels: a key in the first cell, then a value for each column."""
    if len(above) == 1:
        return _clean(above[0]), {}
    labels = {row[0].strip().lower().rstrip(":"): row[1:] for row in above if len(row) > 1}
    chosen = next(
        (labels[key] for key in ("label", "full label", "metric name", "metricname", "id") if key in labels), above[-1][1:]
    )
    names = ["time", *(cell.strip() for cell in chosen)][:width]
    return tuple(names + [str(i + 1) for i in range(len(names), width)]), labels


def _delimiter(lines: Sequence[str]) -> str:
    kept = [line for line in lines[:-1] or lines if line.strip() and not line.startswith("#")][:40]
    best, most = ",", 0
    for candidate in _DELIMITERS:
        fewest = min((len(row) - 1 for row in csv.reader(kept[1:] or kept, delimiter=candidate) if row), default=0)
        if fewest > most:
            best, most = candidate, fewest
    if most:
        return best
    words = [line.split() for line in kept]
    even = len({len(row) for row in words}) == 1 and len(words[0]) > 1
    return _BLANKS if even and all(_is_number(cell) for row in words[1:] for cell in row) else ","


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_data(row: Sequence[str]) -> bool:
    return _is_number(row[0]) or any(looks_like_time(cell) for cell in row)


def _regular(layout: _Layout) -> bool:
    """Whether the sampled rows look like bins: times in the first time column at equal steps of a second or more."""
    import pandas as pd

    from infercost.domain.workload import TrafficColumns as Unsaid
    from infercost.store.traffic_files.timestamps import find_clock

    place = next((i for i, name in enumerate(layout.names) if names_a_time(name)), 0) if layout.headed else 0
    cells = pd.Series([row[place] for row in layout.sample if len(row) > place], dtype="str")[:-1]
    if len(cells) < 8:
        return False
    try:
        times = find_clock(cells, layout.names[place], Unsaid(), "").seconds(cells)
    except TrafficError:
        return False
    steps = times[1:] - times[:-1]
    return bool(steps[0] >= 1 and (abs(steps - steps[0]) < 1e-3).all())


def _check_statistic(source: str, layout: _Layout, roles: Roles) -> None:
    """Refuse averages and the like where the lines above say that they are."""
    said = next((layout.above[key] for key in ("stat", "statistic", "statistics") if key in layout.above), None)
    if said is None or roles.count is None or roles.count > len(said):
        return
    statistic = said[roles.count - 1].strip()
    if statistic and statistic.lower() not in _COUNTED:
        raise TrafficError(
            f"{source}: {layout.names[roles.count]} is the {statistic} of a metric, which is no number of requests; "
            "export its Sum (or SampleCount)"
        )
