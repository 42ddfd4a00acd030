"""Traffic from a file or a shape, with what a user does to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.domain.quantities import parse_rate, parse_seconds
from infercost.domain.workload import TrafficColumns, TrafficReport
from infercost.engine.burstiness import BURST_S
from infercost.engine.request_classes import RequestClasses
from infercost.engine.shapes import EXAMPLES, is_shape, parse_shape
from infercost.engine.wording import span
from infercost.engine.workload import Workload
from infercost.store.traffic_files import read_trace

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

__all__ = ["describe_traffic", "load_traffic", "parse_columns"]

_STRETCHES: Final = 96
_STRETCH_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_KEYS: Final = ("time", "count", "work", "unit", "bin")
_COLUMNS: Final = "--traffic-column time=NAME,count=NAME,work=NAME,unit=ms,bin=1m"


def load_traffic(
    source: str | os.PathLike[str] | Workload,
    *,
    scale: float | str | None = None,
    peak_rps: float | str | None = None,
    clip: tuple[float, float] | str | None = None,
    repeat: int | None = None,
    burstiness: float | str | None = None,
    columns: TrafficColumns | Mapping[str, str] | Iterable[str] | str | None = None,
    classes: RequestClasses | str | None = None,
) -> Workload:
    """Traffic to simulate and to plan for: a file's, or a shape's.

    What is asked for is done in this order: clip, repeat, scale (or peak), burstiness, classes.

    Args:
        source: a path (times or counts as CSV or Parquet, an access log, a CloudWatch export), or a shape such as
            ``diurnal:peak=200,trough=10``.
        scale: so many times the rate at every instant: ``10`` or ``10x``.
        peak_rps: scale so that the busiest minute has this many requests a second.
        clip: from and to, in seconds or as ``2h..26h``.
        repeat: so many times, one after another.
        burstiness: index of dispersion at one second within a bin (1 is Poisson), ``2`` or ``2@10s`` with how long
            a burst lasts.
        columns: which columns mean what, as ``time=t,count=n`` or a mapping; keys are time, count, work, unit, bin.
        classes: request classes by share and relative work, ``short=80%x0.5,long=20%x3``.

    Raises:
        TrafficError: the file cannot be read or used.
        UnknownNameError: there is no such shape or column.
        UsageError: anything else cannot be read or done.
    """
    if scale is not None and peak_rps is not None:
        raise UsageError("traffic is scaled either by a factor or to a peak; give one of --scale and --peak")
    loaded = source if isinstance(source, Workload) else _load(source, parse_columns(columns))
    if clip is not None:
        loaded = loaded.clipped(*(_read_clip(clip) if isinstance(clip, str) else clip))
    if repeat is not None:
        loaded = loaded.repeated(repeat)
    if scale is not None:
        loaded = loaded.scaled(_read_scale(scale) if isinstance(scale, str) else scale)
    if peak_rps is not None:
        loaded = loaded.at_peak(parse_rate(peak_rps, "--peak 500rps") if isinstance(peak_rps, str) else peak_rps)
    if burstiness is not None:
        loaded = loaded.bursty(*_read_burstiness(burstiness))
    if classes is not None:
        loaded = loaded.with_classes(RequestClasses.parse(classes) if isinstance(classes, str) else classes)
    return loaded


def describe_traffic(workload: Workload) -> TrafficReport:
    """What was understood, in few numbers and about a hundred stretches."""
    fewest = max(workload.duration_s / _STRETCHES, min(workload.pattern.finest_s, workload.duration_s))
    stretch = float(next((step for step in _STRETCH_S if step >= fewest), 86400 * -(-fewest // 86400)))
    stretch = min(stretch, workload.duration_s)
    counts = workload.expected_counts(stretch)
    widths = [min(stretch, workload.duration_s - i * stretch) for i in range(len(counts))]
    peak_at, peak = workload.peak()
    return TrafficReport(
        source=workload.source,
        start=workload.starts_at,
        duration_s=workload.duration_s,
        requests=workload.requests,
        mean_rps=workload.mean_rps,
        peak_rps=float(f"{peak:.9g}"),
        peak_at_s=peak_at,
        resolution=_resolution(workload),
        burstiness=workload.burstiness,
        dispersion=workload.dispersion,
        dispersion_overall=workload.dispersion_overall,
        work=_work(workload),
        stretch_s=stretch,
        rps=tuple(float(f"{count / width:.9g}") for count, width in zip(counts, widths, strict=True)),
        notes=workload.notes,
    )


def parse_columns(given: TrafficColumns | Mapping[str, str] | Iterable[str] | str | None) -> TrafficColumns:
    """Read ``time=t,count=n``, a list of such texts, or a mapping.

    Raises:
        UsageError: a text is not of that form, or a unit or a length of time is none.
        UnknownNameError: a key is not one of time, count, work, unit and bin.
    """
    if isinstance(given, TrafficColumns):
        return given
    found: dict[str, str] = {}
    for key, value in _pairs(given):
        if key not in _KEYS:
            raise UnknownNameError("traffic column", key, _KEYS, hint=f"(write {_COLUMNS})")
        if key in found:
            raise UsageError(f"--traffic-column has {key} twice; write it once, like {_COLUMNS}")
        found[key] = value
    unit, bin_text = found.get("unit"), found.get("bin")
    if unit not in {None, "s", "ms", "us", "ns"}:
        raise UsageError(f"the unit of times must be s, ms, us or ns, got {unit!r}; write it like --traffic-column unit=ms")
    bin_s = None if bin_text is None else parse_seconds(bin_text, "--traffic-column bin=1m")
    if bin_s is not None and bin_s <= 0:
        raise UsageError("a bin must be longer than 0 seconds; write it like --traffic-column bin=1m")
    return TrafficColumns(
        time=found.get("time"),
        count=found.get("count"),
        work=found.get("work"),
        unit=unit,  # type: ignore[arg-type]  # one of the four, see above
        bin_s=bin_s,
    )


def _pairs(given: Mapping[str, str] | Iterable[str] | str | None) -> list[tuple[str, str]]:
    if given is None:
        return []
    if hasattr(given, "items"):
        return [(str(key), str(value)) for key, value in given.items()]
    pairs = []
    for part in (piece for text in ([given] if isinstance(given, str) else given) for piece in text.split(",")):
        key, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign or not value:
            raise UsageError(f"cannot read the traffic column {part!r}; write it like {_COLUMNS}")
        pairs.append((key, value))
    return pairs


def _load(source: str | os.PathLike[str], columns: TrafficColumns) -> Workload:
    if not isinstance(source, str) or (not is_shape(source) and _exists(source)):
        return Workload.from_trace(read_trace(source, columns=columns))
    if is_shape(source) or re.match(r"\s*[A-Za-z_-]{2,}\s*:(?![/\\])", source):
        return parse_shape(source)
    bare = source.strip().lower()
    if bare in EXAMPLES:
        raise UsageError(f"the traffic shape {bare} needs its figures; write it like {EXAMPLES[bare]}")
    if re.fullmatch(r"[0-9.]+(?:rps|rpm)?", bare):
        raise UsageError(f"{source!r} is no traffic; for a steady rate write poisson:rps={bare.removesuffix('rps')}")
    return Workload.from_trace(read_trace(source, columns=columns))


def _exists(source: str) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):
        return False


def _read_scale(text: str) -> float:
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*[x×%]?", text.strip().lower())
    if match is None:
        raise UsageError(f"cannot read the factor {text!r}; write it like --scale 10x")
    return float(match[1]) / (100 if text.strip().endswith("%") else 1)


def _read_clip(text: str) -> tuple[float, float]:
    start, sign, end = text.partition("..")
    if not sign:
        raise UsageError(f"cannot read the clip {text!r}; write it like --clip 2h..26h")
    example = "--clip 2h..26h"
    return (
        parse_seconds(start, example) if start.strip() else 0.0,
        parse_seconds(end, example) if end.strip() else float("inf"),
    )


def _read_burstiness(given: float | str) -> tuple[float, float]:
    if not isinstance(given, str):
        return float(given), BURST_S
    index, sign, length = given.partition("@")
    try:
        value = float(index)
    except ValueError:
        raise UsageError(f"cannot read the burstiness {given!r}; write it like --burstiness 2 or --burstiness 2@10s") from None
    return value, parse_seconds(length, "--burstiness 2@10s") if sign else BURST_S


def _resolution(workload: Workload) -> str:
    finest = workload.pattern.finest_s
    if workload.basis == "shape":
        return "rates of the shape"
    return f"counts of {span(finest)}" if finest else "single requests"


def _work(workload: Workload) -> str | None:
    if workload.classes is not None:
        return str(workload.classes)
    if workload.sizes is None:
        return None
    spread = float(workload.sizes.std())
    return (
        f"as recorded, relative to the mean; coefficient of variation {spread:.2g}, at most {float(workload.sizes.max()):.3g}"
    )
