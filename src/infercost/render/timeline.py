"""A policy's simulated time as strips of characters: one for the traffic, one for the replicas, one for what waited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infercost.render import figures
from infercost.render.capacity_digest import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from infercost.domain.capacity import Policy, TimelinePoint
    from infercost.render import View

__all__ = ["strips"]

_HEIGHT: Final = 6
_MARGIN: Final = 9
"""Columns of the scale at the left."""
_SHORT_S: Final = 1800.0
"""What ends before needs seconds in its times, which would otherwise look alike."""
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_PLAIN: Final = " #"
"""For streams that may not be able to hold blocks: eighths are rounded to whole rows."""


def strips(policy: Policy, view: View) -> list[str]:
    """Lines of text, none of them longer than the view; empty where the policy has no timeline."""
    points = policy.timeline
    if len(points) < 2:
        return []
    width = max(min(view.width - _MARGIN - 1, len(points)), 10)
    ramp = _BLOCKS if view.color else _PLAIN
    lines = [*_strip("requests a second", _spread(points, width, lambda p: p.rps), ramp)]
    # A mean over a stretch in which a replica came or went is not a whole one.
    ready = [float(round(value)) for value in _spread(points, width, lambda p: p.replicas)]
    lines += _strip("replicas in service", ready, ramp, whole=True)
    lines += _strip("requests waiting, mean", _spread(points, width, lambda p: p.waiting), ramp)
    lines.append(_late(points, width))
    lines.append(_axis(points, width))
    return lines


def _spread(points: Sequence[TimelinePoint], width: int, read: Callable[[TimelinePoint], float]) -> list[float]:
    """The largest value in each of ``width`` stretches: a peak must not vanish by averaging."""
    count = len(points)
    return [
        max(read(p) for p in points[i * count // width : max((i + 1) * count // width, i * count // width + 1)])
        for i in range(width)
    ]


def _strip(title: str, values: Sequence[float], ramp: str, *, whole: bool = False) -> Iterator[str]:
    """A title, then rows from the top down with the scale's top and foot at the left."""
    top = max(values)
    yield f"{' ' * _MARGIN}{title}, at most {_figure(top, whole=whole)}"
    if top <= 0:
        yield f"{'0':>{_MARGIN - 1}} {'_' * len(values)}"
        return
    height = min(_HEIGHT, round(top)) if whole and top < _HEIGHT else _HEIGHT
    steps = len(ramp) - 1
    levels = [round(value / top * height * steps) for value in values]
    levels = [max(level, 1) if value > 0 and steps > 1 else level for level, value in zip(levels, values, strict=True)]
    for row in range(height - 1, -1, -1):
        label = _figure(top * (row + 1) / height, whole=whole) if row in {height - 1, (height - 1) // 2} else ""
        cells = "".join(ramp[min(max(level - row * steps, 0), steps)] for level in levels)
        yield f"{label:>{_MARGIN - 1}} {cells}".rstrip()


def _late(points: Sequence[TimelinePoint], width: int) -> str:
    """A mark wherever requests missed the promise."""
    late = _spread(points, width, lambda p: float(p.late))
    total = sum(p.late for p in points)
    marks = "".join("!" if value else "." for value in late)
    return f"{'late':>{_MARGIN - 1}} {marks}" if total else f"{'late':>{_MARGIN - 1}} none"


def _axis(points: Sequence[TimelinePoint], width: int) -> str:
    """Times under the strips, as many as fit."""
    line = [" "] * (width + _MARGIN + 12)
    end = points[-1].at_s + (points[-1].at_s - points[-2].at_s)
    free = 0
    for column in range(0, width, max(width // 6, 12)):
        text = clock(end * column / width, fine=end < _SHORT_S)
        if column >= free:
            line[_MARGIN + column : _MARGIN + column + len(text)] = text
            free = column + len(text) + 2
    return "".join(line)[: _MARGIN + width].rstrip()


def _figure(value: float, *, whole: bool) -> str:
    return f"{value:,.0f}" if whole and value == round(value) else figures.rate(value)
