"""What of a table of crossovers a person needs to see. Pure, format-free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.render import figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from infercost.domain.capacity import Crossover, ModePoint


def level(requests_per_day: float) -> str:
    """``100``, ``10 k``, ``1 M``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if requests_per_day >= size:
            return f"{requests_per_day / size:.3g}{letter}"
    return f"{requests_per_day:.3g}"


def title(mode: str) -> str:
    """A mode in words."""
    words = {"realtime": "real-time", "scale_to_zero": "scale to zero", "serverless_provisioned": "provisioned"}
    return words.get(mode, mode)


def grid(value: Crossover) -> tuple[list[str], list[list[str]]]:
    """A header and a row a cloud and mode: the monthly cost at every level.

    ``*`` marks the cheapest of its cloud, ``+`` the cheapest that keeps the SLO. A mode without any figure has no row.
    """
    header = ["cloud", "mode", *(level(n) for n in value.requests_per_day)]
    any_way, kept = cheapest(value, lambda _point: True), cheapest(value, lambda point: point.keeps_slo is True)
    rows = []
    for (provider, mode), points in _by_mode(value).items():
        if all(point.per_month is None for point in points.values()):
            continue
        cells = []
        for n in value.requests_per_day:
            point = points.get(n)
            if point is None or point.per_month is None:
                cells.append("-")
            else:
                marks = [mark for mark, best in (("*", any_way), ("+", kept)) if best.get((provider, n)) == mode]
                cells.append(f"{''.join(marks)}{figures.amount(point.per_month.likely)}")
        rows.append([figures.clean(provider), title(mode), *cells])
    return header, rows


def _by_mode(value: Crossover) -> dict[tuple[str, str], dict[float, ModePoint]]:
    found: dict[tuple[str, str], dict[float, ModePoint]] = {}
    for point in value.points:
        found.setdefault((point.provider, point.mode), {})[point.requests_per_day] = point
    return found


def cheapest(value: Crossover, keep: Callable[[ModePoint], bool]) -> dict[tuple[str, float], str]:
    """The cheapest mode by cloud and level, among the points to keep."""
    best: dict[tuple[str, float], ModePoint] = {}
    for point in value.points:
        if point.per_month is None or not keep(point):
            continue
        key = (point.provider, point.requests_per_day)
        held = best.get(key)
        if held is None or held.per_month is None or point.per_month.likely < held.per_month.likely:
            best[key] = point
    return {key: point.mode for key, point in best.items()}


def turns(value: Crossover) -> list[str]:
    """Where each mode becomes the cheapest, a line each."""
    return [_turn(point, value.currency) for point in value.cheapest_from]


def turns_within(value: Crossover) -> list[str]:
    """The same among the modes that keep the SLO; a cloud that has none is said."""
    if not value.slo.targets:
        return []
    lines = [_turn(point, value.currency) for point in value.cheapest_within_slo]
    able = {point.provider for point in value.cheapest_within_slo}
    clouds = dict.fromkeys(point.provider for point in value.points)
    return [*lines, *(f"{figures.clean(name)}: no mode keeps it" for name in clouds if name not in able)]


def _turn(point: ModePoint, currency: str) -> str:
    cost = "" if point.per_month is None else f", {figures.money(point.per_month.likely, figures.symbol(currency))} a month"
    return (
        f"{figures.clean(point.provider)}: {title(point.mode)} from {level(point.requests_per_day)} requests a day"
        f" ({figures.clean(point.instance_type)}{cost}; {figures.clean(point.latency)})"
    )


def gaps(value: Crossover) -> list[str]:
    """Why modes have no figure: each reason once a cloud, with the modes and, where only some are meant, the levels."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for (provider, mode), points in _by_mode(value).items():
        missing = [point for point in points.values() if point.per_month is None and point.note]
        for note in dict.fromkeys(point.note or "" for point in missing):
            at = [level(point.requests_per_day) for point in missing if point.note == note]
            where = "" if len(at) == len(points) else f" at {', '.join(at)}"
            reasons.setdefault((provider, note), []).append(f"{title(mode)}{where}")
    return [f"{figures.clean(p)} {', '.join(modes)}: {figures.clean(note)}" for (p, note), modes in reasons.items()]


def latencies(value: Crossover) -> list[str]:
    """The latency that each mode can promise, again where it becomes another."""
    lines = []
    for (provider, mode), points in _by_mode(value).items():
        said: list[ModePoint] = []
        for point in (points[n] for n in sorted(points)):
            if point.per_month is not None and (not said or _another(said[-1], point)):
                said.append(point)
        if said:
            words = [f"{figures.clean(said[0].latency)}"]
            words += [f"from {level(point.requests_per_day)}: {figures.clean(point.latency)}" for point in said[1:]]
            lines.append(f"{figures.clean(provider)} {title(mode)}: {'; '.join(words)}")
    return lines


def _another(before: ModePoint, after: ModePoint) -> bool:
    """Whether a promise differs by a factor of two, or in whether it can be given or kept."""
    if before.latency == after.latency:
        return False
    a, b = before.latency_p99_s, after.latency_p99_s
    if a is None or b is None:
        return (a is None) != (b is None) or before.keeps_slo != after.keeps_slo
    return before.keeps_slo != after.keeps_slo or not a / 2 <= b <= a * 2


def assumptions(value: Crossover) -> list[str]:
    """What the figures rest on, assumptions first."""
    order = {"assumed": 0, "measured": 1, "documented": 2, "given": 3}
    facts = sorted(value.facts, key=lambda fact: order[fact.basis])
    return [f"{fact.basis}: {figures.clean(fact.rule)}{f' ({fact.source})' if fact.source else ''}" for fact in facts]


def traffic(value: Crossover) -> str:
    """The shape of the traffic, in a sentence."""
    return f"Traffic: {figures.clean(value.traffic)}." if value.traffic else ""
