"""What was understood of a traffic file or shape: for the terminal, as Markdown, as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from infercost.engine.wording import span
from infercost.render import figures
from infercost.render._terminal import facts, to_text
from infercost.render.csv import text as csv_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from infercost.domain.workload import TrafficReport
    from infercost.render import View

__all__ = ["document", "rows", "table"]

_HEIGHT: Final = 6
_MARGIN: Final = 9


def table(value: TrafficReport, view: View) -> str:
    """Facts, and a plot of the rate over time."""
    parts: list[RenderableType | str] = [Text(figures.clean(value.source), style="bold"), "", facts(_facts(value))]
    if any(value.rps):
        parts += ["", *(Text(line) for line in _plot(value, view.width))]
    return to_text(parts, view)


def document(value: TrafficReport, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """The same facts as Markdown."""
    lines = [f"## {figures.clean(value.source)}", ""]
    for label, words in _facts(value):
        lines += [f"- **{label}**: {figures.clean(word)}" for word in words]
    return "\n".join(lines) + "\n"


def rows(value: TrafficReport, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """One row a stretch: when it begins, and its requests a second."""
    return csv_text(("at_s", "rps"), ({"at_s": i * value.stretch_s, "rps": rps} for i, rps in enumerate(value.rps)))


def _facts(value: TrafficReport) -> Iterable[tuple[str, Sequence[str]]]:
    start = f", from {value.start}" if value.start else ""
    yield "Length", [f"{span(value.duration_s)}{start}"]
    yield "Requests", [f"{figures.quantity(round(value.requests, 3))}, from {value.resolution}"]
    times = f", {value.peak_rps / value.mean_rps:.3g} times the mean" if value.mean_rps else ""
    yield (
        "Rate",
        [
            f"{figures.rate(value.mean_rps)} a second in the mean",
            f"{figures.rate(value.peak_rps)} a second in the busiest minute{times}, after {_after(value.peak_at_s)}",
        ],
    )
    yield "Spread", [value.burstiness]
    if value.dispersion_overall is not None and value.dispersion is not None:
        within, overall = f"{value.dispersion:.3g}", f"{value.dispersion_overall:.3g}"
        yield "Dispersion", [f"{within} at one second within minutes, {overall} over the whole"]
    yield "Work", [value.work] if value.work else []
    yield "Notes", value.notes


def _after(seconds: float) -> str:
    """A time since the start to the minute: ``2 d 14 h 0 min``."""
    minutes = round(seconds / 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{f'{days} d ' if days else ''}{f'{hours} h ' if minutes >= 60 else ''}{minutes % 60} min"


def _plot(value: TrafficReport, width: int) -> Iterable[str]:
    """Rows of ``#`` from the top down. The largest of what shares a column counts: a peak must not vanish."""
    room = max(min(width - _MARGIN, len(value.rps)), 1)
    count = len(value.rps)
    heights = [max(value.rps[i * count // room : max((i + 1) * count // room, i * count // room + 1)]) for i in range(room)]
    top = max(heights)
    yield f"{'':{_MARGIN}}requests a second, {span(value.stretch_s * count / room)} a column"
    for row in range(_HEIGHT, 0, -1):
        label = figures.rate(top * row / _HEIGHT) if row in {_HEIGHT, _HEIGHT // 2} else ""
        marks = "".join("#" if height / top * _HEIGHT > row - 0.5 else " " for height in heights)
        yield f"{label:>{_MARGIN - 1}} {marks}".rstrip()
    yield f"{'0':>{_MARGIN - 1}} {'-' * room}"
