"""Rows of a table, chunk by chunk, whatever the file they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.errors import TrafficError
from infercost.store.traffic_files.counting import Requests, on_grid
from infercost.store.traffic_files.timestamps import Clock, find_clock, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from infercost.domain.workload import Trace, TrafficColumns
    from infercost.store.traffic_files.roles import Roles

__all__ = ["Rows"]

_MAX_ROWS: Final = 50_000_000
"""Rows of counts: more than a year of seconds."""


class Rows:
    """Reads times and counts from the rows that it is handed, and makes a trace of them."""

    def __init__(
        self,
        source: str,
        names: Sequence[str],
        roles: Roles,
        columns: TrafficColumns,
        where: Callable[[int], str],
        *,
        lines: bool = False,
        blank_is_zero: bool = False,
    ) -> None:
        """A reader of rows.

        Args:
            source: the table.
            names: of its columns.
            roles: what they mean.
            columns: what the user said.
            where: names a row in messages.
            lines: whether rows are lines of text, of which blank ones do not count.
            blank_is_zero: whether an empty count is 0.
        """
        self.source, self.names, self.roles, self.columns, self.where = source, names, roles, columns, where
        self.lines, self.blank_is_zero = lines, blank_is_zero
        self._clock: Clock | None = None
        self._requests: Requests | None = None
        self._times: list[NDArray[np.float64]] = []
        self._counts: list[NDArray[np.float64]] = []
        self._rows: list[NDArray[np.int64]] = []
        self._seen = 0
        self._blanks = 0

    def add(self, frame: pd.DataFrame, first: int) -> None:
        """Take a chunk, whose columns are named by their places; ``first`` is the row that it begins with."""
        rows = np.arange(first, first + len(frame), dtype=np.int64)
        text = frame[list(self.roles.used)]
        if _is_text(text):
            text = _stripped(text)
            blank = np.array((text == "").all(axis=1), dtype=np.bool_)
            if self.lines and blank.any():
                blank[blank] = (_stripped(frame[blank]) == "").all(axis=1)
                text, rows = text[~blank], rows[~blank]
        if not len(text):
            return
        times = self._read_times(text, rows)
        if self.roles.count is None:
            self._add_requests(text, times, rows)
            return
        self._seen += len(rows)
        if self._seen > _MAX_ROWS:
            raise TrafficError(
                f"{self.source} has more than {_MAX_ROWS:,} bins; add them up to longer ones, for example minutes"
            )
        self._times.append(times)
        self._counts.append(self._read_counts(text[self.roles.count], rows))
        self._rows.append(rows)

    def trace(self, notes: tuple[str, ...] = ()) -> Trace:
        """What the rows say."""
        clock = self._clock or Clock(None, 1.0, absolute=False)
        notes = (*notes, *clock.notes, *self.roles.notes)
        if self.roles.count is None:
            return (self._requests or Requests(self.source, absolute=False)).trace(notes)
        if self._blanks:
            notes = (*notes, f"{self._blanks:,} empty cells are taken as 0")
        rows = np.concatenate([*self._rows, np.zeros(0, dtype=np.int64)])
        return on_grid(
            self.source,
            np.concatenate([*self._times, np.zeros(0)]),
            np.concatenate([*self._counts, np.zeros(0)]),
            lambda i: self.where(int(rows[i])),
            absolute=clock.absolute,
            sure=clock.sure or self.roles.time is None,
            bin_s=self.columns.bin_s,
            rate_s=self.roles.rate_s,
            notes=notes,
        )

    def _read_times(self, frame: pd.DataFrame, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        if self.roles.time is None:
            return (self._seen + np.arange(len(rows), dtype=np.float64)) * (self.columns.bin_s or 1.0)
        values, name = frame[self.roles.time], self.names[self.roles.time]
        if self._clock is None:
            self._clock = find_clock(values, name, self.columns, self.where(int(rows[0])))
        times = self._clock.seconds(values)
        self._refuse(
            ~np.isfinite(times), values, rows, name, ("is no time like that of the first row", "mend or drop the line")
        )
        if not self._clock.absolute:
            self._refuse(times < 0, values, rows, name, ("is before the beginning, 0", "mend or drop the line"))
        return times

    def _read_counts(self, values: pd.Series, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        name = self.names[self.roles.count or 0]
        counts = numbers(values)
        if self.blank_is_zero:
            blank = np.isnan(counts) & (values.astype("str") == "").to_numpy()
            self._blanks += int(blank.sum())
            counts[blank] = 0.0
        self._refuse(
            ~np.isfinite(counts),
            values,
            rows,
            name,
            ("is no number of requests", "write a plain one (1234, or 0), or drop the line"),
        )
        self._refuse(counts < 0, values, rows, name, ("is negative, which requests cannot be", "mend or drop the line"))
        return counts

    def _add_requests(self, frame: pd.DataFrame, times: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
        if self._requests is None:
            clock = self._clock or Clock(None, 1.0, absolute=False)
            self._requests = Requests(self.source, absolute=clock.absolute, sure=clock.sure)
        works = None
        for place in self.roles.work:
            part = numbers(frame[place])
            bad = ~np.isfinite(part) | (part < 0)
            self._refuse(bad, frame[place], rows, self.names[place], ("is no size of a request", "mend or drop the line"))
            works = part if works is None else works + part
        self._requests.add(times, works)

    def _refuse(
        self, bad: NDArray[np.bool_], values: pd.Series, rows: NDArray[np.int64], name: str, why: tuple[str, str]
    ) -> None:
        if bad.any():
            place = int(np.argmax(bad))
            text = str(values.iloc[place])
            shown = (
                "an empty cell"
                if text in {"", "nan", "None", "<NA>", "NaT"}
                else repr(text if len(text) < 41 else f"{text[:39]}…")
            )
            raise TrafficError(f"{self.where(int(rows[place]))}: {name} {shown} {why[0]}; {why[1]}")


def _is_text(frame: pd.DataFrame) -> bool:
    import pandas as pd

    return all(pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype) for dtype in frame.dtypes)


def _stripped(frame: pd.DataFrame) -> pd.DataFrame:
    """Text without blanks around it; what is missing is empty."""
    filled = frame.where(frame.notna(), "").astype("str")
    stripped: pd.DataFrame = filled.apply(lambda column: column.str.strip())
    return stripped
