"""Times as files write them, made into seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.errors import TrafficError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from infercost.domain.workload import TrafficColumns

__all__ = ["Clock", "find_clock", "iso", "looks_like_time", "numbers"]

_UNITS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_EPOCHS: Final = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"), (1e8, "s"))
"""From this size on a number is taken as time since 1970 in this unit: 1e8 s is 1973."""
_SUFFIXES: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "usec", "micros", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanos", "nanoseconds"), 1e-9),
    **dict.fromkeys(("minute", "minutes", "min"), 60.0),
    **dict.fromkeys(("hour", "hours"), 3600.0),
}
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?)?")
_FORMATS: Final = (
    (_ISO, "ISO8601"),
    (re.compile(r"\d{4}/\d{1,2}/\d{1,2} \d{1,2}:\d{2}:\d{2}"), "%Y/%m/%d %H:%M:%S"),
    (re.compile(r"\d{4}/\d{1,2}/\d{1,2} \d{1,2}:\d{2}"), "%Y/%m/%d %H:%M"),
    (re.compile(r"\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}"), "%d/%b/%Y:%H:%M:%S %z"),
)
_ZONE: Final = re.compile(r"(?:Z|UTC|[+-]\d{2}:?\d{2})$")


@dataclass(frozen=True, slots=True)
class Clock:
    """How a column's times are read."""

    form: str | None
    """Of text; None for numbers."""
    scale: float
    """Seconds that 1 stands for."""
    absolute: bool
    """Whether second 0 is 1970-01-01 UTC, not the beginning of the record."""
    notes: tuple[str, ...] = ()
    sure: bool = True
    """Whether the unit of a relative number was said by someone."""

    def seconds(self, values: pd.Series) -> NDArray[np.float64]:
        """Seconds of each value; NaN where it is no such time."""
        import pandas as pd

        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            return _of_moments(values)
        if self.form is None:
            return numbers(values) * self.scale
        text = values.astype("str").str.strip().str.removesuffix("UTC")
        return _of_moments(pd.to_datetime(text.str.strip(), format=self.form, utc=True, errors="coerce"))


def numbers(values: pd.Series) -> NDArray[np.float64]:
    """Numbers of a column; NaN where there is none."""
    import pandas as pd

    return np.array(pd.to_numeric(values, errors="coerce").astype("float64"), dtype=np.float64)


def find_clock(values: pd.Series, name: str, columns: TrafficColumns, where: str) -> Clock:
    """How to read the times of a column, by its first value.

    Raises:
        TrafficError: the value is no time, or column name and size of the number contradict each other.
    """
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        aware = getattr(values.dtype, "tz", None) is not None
        return Clock("ISO8601", 1.0, absolute=True, notes=() if aware else (_unzoned(name),))
    first = str(values.iloc[0]).strip()
    number = _number(first)
    if number is not None:
        return _of_numbers(number, name, columns, where)
    for pattern, form in _FORMATS:
        if pattern.fullmatch(first):
            return Clock(
                form, 1.0, absolute=True, notes=() if _ZONE.search(first) or "utc" in name.lower() else (_unzoned(name),)
            )
    raise TrafficError(
        f"{where}: {name} {_short(first)} is no time that can be read; write ISO times (2026-11-02T14:00:00Z) or numbers, "
        "or choose another column: --traffic-column time=NAME"
    )


def looks_like_time(cell: str) -> bool:
    """Whether the text is a date with or without a time, as files write it."""
    return any(pattern.fullmatch(cell.strip()) for pattern, _ in _FORMATS)


def iso(seconds: float) -> str:
    """ISO time of a second since 1970."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(seconds * 1e6))
    return moment.isoformat().replace("+00:00", "Z")


def _of_numbers(first: float, name: str, columns: TrafficColumns, where: str) -> Clock:
    if columns.unit is not None:
        scale = _UNITS[columns.unit]
        return Clock(None, scale, absolute=abs(first) * scale >= 1e8)
    implied = next((unit for least, unit in _EPOCHS if abs(first) >= least), None)
    named = _SUFFIXES.get(re.split(r"[_\s.-]", name.lower())[-1])
    if named is None:
        scale = 1.0 if implied is None else _UNITS[implied]
        return Clock(None, scale, absolute=implied is not None, sure=implied is not None)
    if implied is None:
        return Clock(None, named, absolute=False)
    epoch_s = 9.5e8 <= abs(first) <= 4.1e9  # 2000 to 2099, in seconds
    if (_UNITS[implied] < named) or (epoch_s and named < 1):
        as_named = "beyond the year 5000" if _UNITS[implied] < named else "in the first weeks of 1970"
        raise TrafficError(
            f"{where}: {name} {first:.0f} would be {as_named} in the unit that its name says; "
            f"say what it is: --traffic-column unit={implied} (s, ms, us or ns)"
        )
    return Clock(None, named, absolute=abs(first) * named >= 1e8)


def _of_moments(values: pd.Series) -> NDArray[np.float64]:
    moments = values.to_numpy(dtype="datetime64[us]")
    seconds = moments.astype(np.int64) / 1e6
    seconds[np.isnat(moments)] = np.nan
    return seconds


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _unzoned(name: str) -> str:
    local = ", although the column's name says local" if "local" in name.lower() else ""
    return f"the times have no zone and are taken as UTC{local}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
