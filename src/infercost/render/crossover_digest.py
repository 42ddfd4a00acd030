"""What of a table of crossovers a person needs to see. Pure, format-free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.render import figures

if TYPE_CHECKING:
    from infercost.domain.capacity import Crossover, ModePoint


def level(requests_per_day: float) -> str:
    """``100``, ``10 k``, ``1 M``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if requests_per_day >= size:
            return f"{requests_per_day / size:.3g}{letter}"
    return f"{requests_per_day:.3g}"


def title(mode: str) -> str:
    """A mode in words."""
    return {"realtime": "real-time", "scale_to_zero": "scale to zero"}.get(mode, mode)


def grid(value: Crossover) -> tuple[list[str], list[list[str]]]:
    """A header and a row a cloud and mode: the monthly cost at every level; the cheapest of its cloud is marked ``*``."""
    header = ["cloud", "mode", *(level(n) for n in value.requests_per_day)]
    by_key: dict[tuple[str, str], dict[float, ModePoint]] = {}
    for point in value.points:
        by_key.setdefault((point.provider, point.mode), {})[point.requests_per_day] = point
    best = cheapest(value)
    rows = []
    for (provider, mode), points in by_key.items():
        cells = []
        for n in value.requests_per_day:
            there = points.get(n)
            if there is None or there.per_month is None:
                cells.append("-")
            else:
                mark = "*" if best.get((provider, n)) == mode else ""
                cells.append(f"{mark}{figures.amount(there.per_month.likely)}")
        rows.append([figures.clean(provider), title(mode), *cells])
    return header, rows


def cheapest(value: Crossover) -> dict[tuple[str, float], str]:
    """The cheapest mode by cloud and level."""
    best: dict[tuple[str, float], ModePoint] = {}
    for point in value.points:
        if point.per_month is None:
            continue
        key = (point.provider, point.requests_per_day)
        held = best.get(key)
        if held is None or held.per_month is None or point.per_month.likely < held.per_month.likely:
            best[key] = point
    return {key: point.mode for key, point in best.items()}


def turns(value: Crossover) -> list[str]:
    """Where each mode becomes the cheapest, a line each."""
    lines = []
    for point in value.cheapest_from:
        cost = (
            ""
            if point.per_month is None
            else f", {figures.money(point.per_month.likely, figures.symbol(value.currency))} a month"
        )
        lines.append(
            f"{figures.clean(point.provider)}: {title(point.mode)} from {level(point.requests_per_day)} requests a day"
            f" ({figures.clean(point.instance_type)}{cost}; {figures.clean(point.latency)})"
        )
    return lines


def gaps(value: Crossover) -> list[str]:
    """Why a mode has no figure, each reason once."""
    reasons: dict[str, None] = {}
    for point in value.points:
        if point.per_month is None and point.note:
            reasons[f"{point.provider} {title(point.mode)}: {figures.clean(point.note)}"] = None
    return list(reasons)


def latencies(value: Crossover) -> list[str]:
    """The latency that each mode can promise, at the lowest level that it serves."""
    said: dict[tuple[str, str], str] = {}
    for point in value.points:
        if point.per_month is not None:
            said.setdefault((point.provider, point.mode), point.latency)
    return [f"{figures.clean(p)} {title(mode)}: {figures.clean(text)}" for (p, mode), text in said.items()]
