"""CloudWatch metrics as the AWS command line prints them: get-metric-statistics and get-metric-data.

The forms are those of the API reference (GetMetricStatistics, GetMetricData): points come in no order, and a
period without data has no point.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from infercost.domain.errors import TrafficError, UnknownNameError
from infercost.store.traffic_files.counting import on_grid
from infercost.store.traffic_files.timestamps import find_clock, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infercost.domain.workload import Trace, TrafficColumns
    from infercost.store.traffic_files.opening import Opened

__all__ = ["read_cloudwatch"]

_MOST_BYTES: Final = 1 << 28
_EXPORT: Final = "aws cloudwatch get-metric-statistics --statistics Sum --period 60 … > traffic.json"


def read_cloudwatch(opened: Opened, columns: TrafficColumns) -> Trace:
    """Counts by period.

    Raises:
        TrafficError: it is no such export, or holds no counts.
    """
    source = str(opened.path)
    data = opened.stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise TrafficError(
            f"{source} is JSON of more than {_MOST_BYTES >> 20} MiB, which is no CloudWatch export; convert it to CSV"
        )
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TrafficError(f"{source} is no JSON that can be read ({error}); export it again: {_EXPORT}") from None
    if isinstance(found, dict) and isinstance(found.get("Datapoints"), list):
        return _statistics(source, found, columns)
    if isinstance(found, dict) and isinstance(found.get("MetricDataResults"), list):
        return _data(source, found, columns)
    raise TrafficError(
        f"{source} is JSON, but no CloudWatch export; convert it to a CSV with a column named time, or: {_EXPORT}"
    )


def _statistics(source: str, found: dict[str, Any], columns: TrafficColumns) -> Trace:
    points = [point for point in found["Datapoints"] if isinstance(point, dict)]
    if not points:
        raise TrafficError(
            f"{source} has no datapoints; check the dimensions and times it was asked for, and export again: {_EXPORT}"
        )
    statistic = _statistic(source, points[0], columns)
    for i, point in enumerate(points):
        if "Timestamp" not in point or statistic not in point:
            raise TrafficError(
                f"{source}: datapoint {i + 1} has no {'Timestamp' if 'Timestamp' not in point else statistic}; export again"
            )
    label = found.get("Label")
    note = f"{statistic} of {label}" if isinstance(label, str) and label else statistic
    return _trace(
        source, [p["Timestamp"] for p in points], [p[statistic] for p in points], columns, (f"counts are the {note}",)
    )


def _statistic(source: str, point: dict[str, Any], columns: TrafficColumns) -> str:
    """Sum where the metric counts; of times, sizes and the like, how many were measured."""
    if columns.count not in {None, "none"}:
        same = next((key for key in point if key.lower() == (columns.count or "").lower()), None)
        if same is None:
            raise UnknownNameError(
                f"statistic of {source}", columns.count or "", [k for k in point if k not in {"Timestamp", "Unit"}]
            )
        return same
    counts = point.get("Unit", "None") in {"Count", "None"}
    if counts and "Sum" in point:
        return "Sum"
    if "SampleCount" in point:
        return "SampleCount"
    has = ", ".join(key for key in point if key not in {"Timestamp", "Unit"}) or "nothing"
    unit = f" in {point['Unit']}" if isinstance(point.get("Unit"), str) and not counts else ""
    raise TrafficError(f"{source} holds {has}{unit}, which is no number of requests; export one: {_EXPORT}")


def _data(source: str, found: dict[str, Any], columns: TrafficColumns) -> Trace:
    results = [r for r in found["MetricDataResults"] if isinstance(r, dict)]
    if not results:
        raise TrafficError(f"{source} has no results; check the queries, and export again")
    chosen = _result(source, results, columns)
    times, values = chosen.get("Timestamps"), chosen.get("Values")
    name = str(chosen.get("Label") or chosen.get("Id") or "the metric")
    if not isinstance(times, list) or not isinstance(values, list) or len(times) != len(values) or not times:
        raise TrafficError(f"{source}: {name} has no datapoints; check the query's dimensions and times, and export again")
    if any(isinstance(v, int | float) and v != int(v) for v in values if np.isfinite(v)):
        raise TrafficError(f"{source}: values of {name} are not whole, so they are no counts; export it with Stat: Sum")
    notes = [f"counts are the values of {name}, taken as its Sum: the export does not say the statistic"]
    if found.get("NextToken") or chosen.get("StatusCode") == "PartialData":
        notes.append("the export goes on (NextToken): what follows is not in the file")
    return _trace(source, times, values, columns, tuple(notes))


def _result(source: str, results: list[dict[str, Any]], columns: TrafficColumns) -> dict[str, Any]:
    names = [str(r.get(key)) for r in results for key in ("Id", "Label") if r.get(key)]
    if columns.count not in {None, "none"}:
        for result in results:
            if columns.count in {result.get("Id"), result.get("Label")}:
                return result
        raise UnknownNameError(f"metric of {source}", columns.count or "", names)
    if len(results) > 1:
        could = " and ".join(str(r.get("Id") or r.get("Label")) for r in results)
        first = results[0].get("Id") or results[0].get("Label")
        raise TrafficError(f"{source} has {could}; choose the one that counts requests: --traffic-column count={first}")
    return results[0]


def _trace(source: str, times: list[Any], values: list[Any], columns: TrafficColumns, notes: tuple[str, ...]) -> Trace:
    import pandas as pd

    stamps = pd.Series([str(t) for t in times], dtype="str")
    clock = find_clock(stamps, "Timestamp", columns, f"{source}, datapoint 1")
    seconds, counts = clock.seconds(stamps), numbers(pd.Series(values))
    _refuse(source, ~np.isfinite(seconds), "has no time that can be read")
    _refuse(source, ~np.isfinite(counts), "has no number")
    _refuse(source, counts < 0, "is negative")
    order = np.argsort(seconds, kind="stable")
    return on_grid(
        source,
        seconds[order],
        counts[order],
        lambda i: f"{source}, datapoint {int(order[i]) + 1}",
        absolute=clock.absolute,
        sure=clock.sure,
        bin_s=columns.bin_s,
        rate_s=None,
        notes=(*notes, *clock.notes),
    )


def _refuse(source: str, bad: NDArray[np.bool_], reason: str) -> None:
    if bad.any():
        raise TrafficError(f"{source}, datapoint {int(np.argmax(bad)) + 1} {reason}; export again: {_EXPORT}")
