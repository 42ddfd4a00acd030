"""Traffic without a file: ``diurnal:peak=200,trough=10`` and the like."""

from __future__ import annotations

import re
from math import pi
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.domain.quantities import parse_rate, parse_seconds
from infercost.engine.arrival_patterns import MINUTE_S, Bins, regular
from infercost.engine.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["EXAMPLES", "is_shape", "parse_shape"]

DAY_S: Final = 86400.0
HOUR_S: Final = 3600.0
WEEK_S: Final = 7 * DAY_S
_MOST_S: Final = 366 * DAY_S
_MOST_RPS: Final = 10_000_000.0
_PEAK_AT: Final = "14:00"
_WEEKEND: Final = 0.5

EXAMPLES: Final = {
    "constant": "constant:rps=50,for=1h",
    "poisson": "poisson:rps=50,for=1h",
    "diurnal": "diurnal:peak=200,trough=10,peak_at=14:00,for=1d",
    "weekly": "weekly:peak=200,trough=10,peak_at=14:00,weekend=0.5,for=1w",
    "stairs": "stairs:50,100,200;step=10m",
    "phases": "phases:10@5m,200@2m,10@5m",
}
"""By name of the shape, how it is written, defaults included."""

_KEYS: Final = {
    "constant": ("rps", "for"),
    "poisson": ("rps", "for"),
    "diurnal": ("peak", "trough", "peak_at", "for"),
    "weekly": ("peak", "trough", "peak_at", "weekend", "for"),
    "stairs": ("step",),
    "phases": (),
}
"""By shape, the names of its figures; ``burstiness`` is everywhere."""

_OTHER_WORDS: Final = {"rate": "rps", "duration": "for", "low": "trough", "base": "trough", "each": "step"}
_NAME: Final = re.compile(r"\s*(?P<name>[A-Za-z_-]{2,})\s*:(?P<rest>.*)", re.DOTALL)


def is_shape(text: str) -> bool:
    """Whether the text begins with the name of a shape and a colon."""
    match = _NAME.fullmatch(text)
    return match is not None and match["name"].lower() in EXAMPLES


def parse_shape(text: str) -> Workload:
    """Read a shape: its name, a colon, and figures separated by commas (or semicolons).

    ``constant`` is equally spaced, the others are Poisson given the rate. Rates are requests a second unless they
    end in ``rpm``; lengths of time end in s, m, h, d or w; times of the day are UTC. Any of them takes
    ``burstiness=D``, an index of dispersion at one second.

    Raises:
        UnknownNameError: there is no such shape, or it has no such figure.
        UsageError: a figure is missing, cannot be read or cannot be.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise UsageError(f"cannot read the traffic {text!r}; write a file's path or a shape such as {EXAMPLES['diurnal']}")
    name = match["name"].lower()
    if name not in EXAMPLES:
        examples = f"(for example {EXAMPLES['diurnal']})"
        raise UnknownNameError("traffic shape", match["name"], EXAMPLES, hint=examples)
    figures = _Figures(name, text.strip(), match["rest"])
    burstiness = figures.number("burstiness", None)
    shape = _SHAPES[name](figures)
    figures.done()
    made = Workload(source=text.strip(), pattern=shape, dispersion=None if shape.even else 1.0)
    return made if burstiness is None else made.bursty(burstiness)


class _Figures:
    """What stands after the colon; each figure is taken once."""

    def __init__(self, name: str, text: str, rest: str) -> None:
        self.name, self.text = name, text
        self.plain: list[str] = []
        self.named: dict[str, str] = {}
        known = (*_KEYS[name], "burstiness")
        for part in filter(None, (piece.strip() for piece in re.split(r"[,;]", rest))):
            left, sign, value = part.partition("=")
            key = _OTHER_WORDS.get(left.strip().lower(), left.strip().lower())
            if not sign:
                self.plain.append(part)
            elif key not in known:
                raise UnknownNameError(f"figure of {name}", left.strip(), known, hint=f"(for example {EXAMPLES[name]})")
            elif key in self.named:
                raise self.error(f"{key} is there twice")
            else:
                self.named[key] = value.strip()

    def error(self, reason: str) -> UsageError:
        return UsageError(f"cannot use the traffic {self.text!r}: {reason}; write it like {EXAMPLES[self.name]}")

    def rate(self, name: str) -> float:
        """A rate that must be there; the first figure without a name counts as it."""
        text = self.named.get(name)
        if text is None and self.plain:
            text = self.plain.pop(0)
        if text is None:
            raise self.error(f"{name} is missing")
        return self.read_rate(text)

    def read_rate(self, text: str) -> float:
        value = parse_rate(text, "50rps")
        if value > _MOST_RPS:
            raise self.error(f"{text} is above {_MOST_RPS:,.0f} requests a second")
        return value

    def seconds(self, name: str, default: float) -> float:
        text = self.named.get(name)
        return default if text is None else self.read_seconds(text)

    def read_seconds(self, text: str) -> float:
        value = parse_seconds(text, "10m")
        if not 0 < value <= _MOST_S:
            raise self.error(f"{text!r} is not between 0 and 366 days")
        return value

    def number(self, name: str, default: float | None) -> float | None:
        text = self.named.get(name)
        if text is None:
            return default
        try:
            value = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            raise self.error(f"{name} must be a number, got {text!r}") from None
        if not 0 <= value < float("inf"):
            raise self.error(f"{name} must not be negative, got {text!r}")
        return value

    def clock(self, name: str, default: str) -> float:
        """Seconds after midnight of ``14:00``, ``9:30`` or ``14``."""
        text = self.named.get(name, default)
        match = re.fullmatch(r"(\d{1,2})(?::([0-5]\d))?(?:\s*utc|z)?", text.lower())
        if match is None or int(match[1]) > 23:
            raise self.error(f"{name} must be a time of the day, got {text!r}")
        return int(match[1]) * HOUR_S + int(match[2] or 0) * 60.0

    def done(self) -> None:
        """Refuse what stands there for nothing."""
        if self.plain:
            raise self.error(f"{self.plain[0]!r} has no name")


def _constant(figures: _Figures) -> Bins:
    return _flat(figures, even=True)


def _poisson(figures: _Figures) -> Bins:
    return _flat(figures, even=False)


def _flat(figures: _Figures, *, even: bool) -> Bins:
    rps, length = figures.rate("rps"), figures.seconds("for", HOUR_S)
    if not rps > 0:
        raise figures.error("the rate must be above 0")
    edges = np.array([0.0, length]) if even else regular(length, MINUTE_S)
    return Bins(edges, np.diff(edges) * rps, counted=False, even=even)


def _diurnal(figures: _Figures) -> Bins:
    return _wave(figures, weekend=1.0, length_s=DAY_S)


def _weekly(figures: _Figures) -> Bins:
    weekend = figures.number("weekend", _WEEKEND)
    return _wave(figures, weekend=1.0 if weekend is None else weekend, length_s=WEEK_S)


def _wave(figures: _Figures, *, weekend: float, length_s: float) -> Bins:
    """A raised cosine a day, from Monday 00:00; Saturdays and Sundays times ``weekend``."""
    peak, trough = figures.rate("peak"), figures.rate("trough")
    peak_at, length = figures.clock("peak_at", _PEAK_AT), figures.seconds("for", length_s)
    if not peak >= trough or not peak > 0:
        raise figures.error("peak must be above 0 and not below trough")
    edges = regular(length, MINUTE_S)
    turn = 2 * pi / DAY_S
    reached = (peak + trough) / 2 * edges + (peak - trough) / 2 * np.sin((edges - peak_at) * turn) / turn
    counts: NDArray[np.float64] = np.maximum(np.diff(reached), 0.0)
    return Bins(edges, np.where(edges[:-1] % WEEK_S >= 5 * DAY_S, weekend, 1.0) * counts, counted=False)


def _stairs(figures: _Figures) -> Bins:
    step = figures.seconds("step", 600.0)
    rates = [figures.read_rate(text) for text in figures.plain]
    figures.plain.clear()
    if not any(rates):
        raise figures.error("a rate above 0 is missing")
    return _steps(figures, [(rate, step) for rate in rates])


def _phases(figures: _Figures) -> Bins:
    steps = []
    for text in figures.plain:
        rate, sign, length = text.partition("@")
        if not sign:
            raise figures.error(f"{text!r} has no length")
        steps.append((figures.read_rate(rate), figures.read_seconds(length)))
    figures.plain.clear()
    if not any(rate for rate, _ in steps):
        raise figures.error("a rate above 0 is missing")
    return _steps(figures, steps)


def _steps(figures: _Figures, steps: list[tuple[float, float]]) -> Bins:
    """Each step in bins of a minute, the last of a step as short as it must be."""
    if sum(length for _, length in steps) > _MOST_S:
        raise figures.error("it is longer than 366 days")
    edges, rates, start = [np.zeros(1)], [], 0.0
    for rate, length in steps:
        inside = regular(length, MINUTE_S)
        edges.append(start + inside[1:])
        rates.append(np.full(len(inside) - 1, rate))
        start += length
    joined = np.concatenate(edges)
    return Bins(joined, np.diff(joined) * np.concatenate(rates), counted=False)


_SHAPES: Final[dict[str, Callable[[_Figures], Bins]]] = {
    "constant": _constant,
    "poisson": _poisson,
    "diurnal": _diurnal,
    "weekly": _weekly,
    "stairs": _stairs,
    "phases": _phases,
}
