"""Sizes that a dimension takes over requests: real lengths instead of one, and what follows for a batch.

A batch is padded to its longest item, so a batch of ``n`` is as long as the longest of ``n`` requests.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING

from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["MAX_SIZE", "Sizes", "nodes", "parse_sizes"]

MAX_SIZE = 2**31 - 1
"""ONNX Runtime aborts the process on some larger ones."""

_SUPPORT = 200
"""Most different sizes that are kept: half a percent of the requests each."""
_BATCH = 16
"""Sizes are chosen for requests alone and for batches of so many alike."""
_NORMAL = NormalDist()
_EXAMPLE = "seq=lognormal:mean=64,p99=384"
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
_FORMS = "lognormal:mean=64,p99=384, uniform:low=16,high=256, choice:16=0.5,128=0.5 or column:FILE:COLUMN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes of one dimension and the share of requests that has each."""

    dim: str
    given: str
    """As it was asked for: ``lognormal:mean=64,p99=384``."""
    values: tuple[int, ...]
    """Ascending."""
    shares: tuple[float, ...]
    """Of the requests, in the order of ``values``; they sum to 1."""

    @classmethod
    def of(cls, dim: str, given: str, weights: Mapping[int, float]) -> Sizes:
        """Sizes from weights, of which only the proportions count; thinned to 200 by merging neighbours.

        Raises:
            UsageError: no weight is above 0, or a size is not from 1 to 2147483647.
        """
        kept = {size: weight for size, weight in sorted(weights.items()) if weight > 0}
        total = math.fsum(kept.values())
        if not kept or not math.isfinite(total):
            raise UsageError(f"no size of {dim}={given} has a share above 0; try --dim {_EXAMPLE}")
        if min(kept) < 1 or max(kept) > MAX_SIZE:
            raise UsageError(f"sizes of {dim}={given} must be from 1 to {MAX_SIZE}; try --dim {_EXAMPLE}")
        merged = _merge({size: weight / total for size, weight in kept.items()})
        return cls(dim=dim, given=given, values=tuple(merged), shares=tuple(merged.values()))

    @classmethod
    def of_sample(cls, dim: str, given: str, sample: Iterable[int]) -> Sizes:
        """Sizes as they were observed, each request counting once.

        Raises:
            UsageError: see :meth:`of`.
        """
        counts: dict[int, float] = {}
        for size in sample:
            counts[size] = counts.get(size, 0.0) + 1.0
        return cls.of(dim, given, counts)

    @property
    def mean(self) -> float:
        """Mean size of a request."""
        return math.fsum(v * s for v, s in zip(self.values, self.shares, strict=True))

    @property
    def longest(self) -> int:
        """Largest size."""
        return self.values[-1]

    def of_longest(self, batch: int) -> tuple[float, ...]:
        """Shares of the sizes among batches of ``batch`` independent requests, each padded to its longest."""
        reached = [min(1.0, c) ** batch for c in accumulate(self.shares)]
        reached[-1] = 1.0
        return tuple(high - low for low, high in zip([0.0, *reached], reached, strict=False))

    def padding(self, batch: int) -> float:
        """Padded size over real size in batches of ``batch``: 1 is no padding."""
        padded = math.fsum(v * s for v, s in zip(self.values, self.of_longest(batch), strict=True))
        return padded / self.mean

    def capped(self, limit: int) -> Sizes:
        """The same with larger sizes cut to ``limit``, as a tokenizer truncates."""
        if self.longest <= limit:
            return self
        cut: dict[int, float] = {}
        for value, share in zip(self.values, self.shares, strict=True):
            cut[min(value, limit)] = cut.get(min(value, limit), 0.0) + share
        return Sizes.of(self.dim, self.given, cut)

    def weights(self, measured: Sequence[int], batch: int) -> tuple[float, ...]:
        """What each measured size stands for, so that the weighted mean of any latency is the mean over batches.

        Between two measured sizes latency is taken as linear in the size; the sum over requests is then a
        weighted sum over the measured sizes, and these are its weights. They sum to 1.

        Args:
            measured: ascending, from the smallest value to the longest.
            batch: requests a batch.
        """
        found = [0.0] * len(measured)
        for value, share in zip(self.values, self.of_longest(batch), strict=True):
            low, part = place(value, measured)
            found[low] += share * (1 - part)
            if part:
                found[low + 1] += share * part
        return tuple(found)


def place(value: int, measured: Sequence[int]) -> tuple[int, float]:
    """Where a size lies among measured ones: the index below it, and how far (0..1) to the next."""
    low = min(max(bisect_right(measured, value) - 1, 0), max(0, len(measured) - 2))
    if len(measured) == 1:
        return 0, 0.0
    part = (value - measured[low]) / (measured[low + 1] - measured[low])
    return low, min(1.0, max(0.0, part))


def nodes(sizes: Sizes, most: int) -> tuple[int, ...]:
    """The sizes to measure, at most ``most``: those between which a curve is best taken as straight.

    The ends are among them. The rest minimise the error that straight lines make on a parabola, averaged
    over single requests and over batches of 16.
    """
    values = sizes.values
    if len(values) <= most:
        return values
    weight = [(a + b) / 2 for a, b in zip(sizes.shares, sizes.of_longest(_BATCH), strict=True)]
    gap = _gaps(values, weight)
    last = len(values) - 1
    best: list[tuple[float, tuple[int, ...]]] = [(gap(0, end), (0,)) for end in range(last + 1)]
    for _ in range(most - 2):
        best = [
            min([best[end], *((best[middle][0] + gap(middle, end), (*best[middle][1], middle)) for middle in range(1, end))])
            for end in range(last + 1)
        ]
    return tuple(values[i] for i in (*best[last][1], last))


def _gaps(values: Sequence[int], weight: Sequence[float]) -> _Gap:
    return _Gap(
        values,
        list(accumulate(weight, initial=0.0)),
        list(accumulate((w * v for w, v in zip(weight, values, strict=True)), initial=0.0)),
        list(accumulate((w * v * v for w, v in zip(weight, values, strict=True)), initial=0.0)),
    )


@dataclass(frozen=True, slots=True)
class _Gap:
    """Weighted error of one straight line on x²: the sum of (x - a)(b - x) over a < x < b."""

    values: Sequence[int]
    mass: Sequence[float]
    first: Sequence[float]
    second: Sequence[float]

    def __call__(self, start: int, end: int) -> float:
        if end <= start + 1:
            return 0.0
        a, b = self.values[start], self.values[end]
        mass, first, second = (sums[end] - sums[start + 1] for sums in (self.mass, self.first, self.second))
        return max(0.0, (a + b) * first - a * b * mass - second)


def _merge(shares: dict[int, float]) -> dict[int, float]:
    """At most ``_SUPPORT`` sizes: neighbours in equal stretches of the requests become their mean."""
    if len(shares) <= _SUPPORT:
        return shares
    groups: dict[int, list[tuple[int, float]]] = {}
    below = 0.0
    for size, share in shares.items():
        groups.setdefault(min(_SUPPORT - 1, int((below + share / 2) * _SUPPORT)), []).append((size, share))
        below += share
    merged: dict[int, float] = {}
    for group in groups.values():
        share = math.fsum(s for _, s in group)
        size = round(math.fsum(v * s for v, s in group) / share)
        merged[size] = merged.get(size, 0.0) + share
    return merged


def parse_sizes(dim: str, text: str) -> Sizes:
    """Sizes from ``lognormal:mean=64,p99=384``, ``uniform:low=16,high=256`` or ``choice:16=0.5,128=0.5``.

    ``max=512`` cuts larger sizes to 512. A lognormal has ``mean`` or ``p50``, and one of ``cv`` or a
    percentile. A choice takes weights of any sum, of sizes or of ranges (``1-64=3``).

    Raises:
        UsageError: the text is none of these, or no distribution has these figures.
    """
    kind, _, arguments = text.partition(":")
    fields: dict[str, str] = {}
    for part in arguments.split(",") if arguments else []:
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign or not name or name in fields:
            raise _unreadable(dim, text)
        fields[name] = value
    limit = _number(dim, text, fields.pop("max")) if "max" in fields else None
    makers = {"lognormal": _lognormal, "uniform": _uniform, "choice": _choice}
    if kind not in makers or not fields:
        raise _unreadable(dim, text)
    made = Sizes.of(dim, text, makers[kind](dim, text, fields))
    if limit is None:
        return made
    if limit < 1:
        raise _unreadable(dim, text)
    return made.capped(int(limit))


def _lognormal(dim: str, text: str, fields: dict[str, str]) -> dict[int, float]:
    anchors = [name for name in fields if name in ("mean", "p50")]
    spreads = [name for name in fields if name not in anchors]
    if len(anchors) != 1 or len(spreads) != 1:
        raise _unreadable(dim, text)
    centre, spread = _number(dim, text, fields[anchors[0]]), _number(dim, text, fields[spreads[0]])
    if centre < 1:
        raise UsageError(f"the {anchors[0]} of {dim}={text} must be at least 1; try --dim {_EXAMPLE}")
    sigma = _sigma(dim, text, spreads[0], centre, spread, mean=anchors[0] == "mean")
    mean = centre if anchors[0] == "mean" else centre * math.exp(sigma * sigma / 2)
    if sigma == 0:
        return {round(mean): 1.0}
    # The mean of each of 200 equal stretches of the requests: so the whole keeps its mean, tail included.
    cuts = [
        _NORMAL.cdf(_NORMAL.inv_cdf(i / _SUPPORT) - sigma) if 0 < i < _SUPPORT else float(i > 0) for i in range(_SUPPORT + 1)
    ]
    weights: dict[int, float] = {}
    for low, high in pairwise(cuts):
        size = max(1, round(_SUPPORT * mean * (high - low)))
        weights[size] = weights.get(size, 0.0) + 1.0
    return weights


def _sigma(dim: str, text: str, spread: str, centre: float, value: float, *, mean: bool) -> float:
    """The lognormal's sigma from its cv or a percentile; of two that fit a percentile, the smaller."""
    if spread == "cv":
        return math.sqrt(math.log1p(value * value))
    match = _PERCENTILE.fullmatch(spread)
    if match is None or not 50 < float(match[1]) < 100:
        raise _unreadable(dim, text)
    z, ratio = _NORMAL.inv_cdf(float(match[1]) / 100), value / centre
    if ratio < 1:
        raise UsageError(f"{spread} of {dim}={text} lies below its {'mean' if mean else 'p50'}; try --dim {_EXAMPLE}")
    if not mean:
        return math.log(ratio) / z
    rest = z * z - 2 * math.log(ratio)
    if rest < 0:
        most = math.exp(z * z / 2)
        raise UsageError(
            f"no lognormal has the figures of {dim}={text}: its {spread} is at most {most:.1f} times its mean; "
            "give p50 instead of mean, or choice"
        )
    return z - math.sqrt(rest)


def _uniform(dim: str, text: str, fields: dict[str, str]) -> dict[int, float]:
    if set(fields) != {"low", "high"}:
        raise _unreadable(dim, text)
    return _range(dim, text, _whole(dim, text, fields["low"]), _whole(dim, text, fields["high"]), 1.0)


def _choice(dim: str, text: str, fields: dict[str, str]) -> dict[int, float]:
    weights: dict[int, float] = {}
    for sizes, share in fields.items():
        low, dash, high = sizes.partition("-")
        first = _whole(dim, text, low)
        part = _range(dim, text, first, _whole(dim, text, high) if dash else first, _number(dim, text, share))
        for size, weight in part.items():
            weights[size] = weights.get(size, 0.0) + weight
    return weights


def _range(dim: str, text: str, low: int, high: int, weight: float) -> dict[int, float]:
    """A weight spread evenly over low … high, both ends included."""
    if low > high:
        raise _unreadable(dim, text)
    count = min(_SUPPORT, high - low + 1)
    weights: dict[int, float] = {}
    for i in range(count):
        size = low + round(i * (high - low) / max(1, count - 1))
        weights[size] = weights.get(size, 0.0) + weight / count
    return weights


def _whole(dim: str, text: str, figure: str) -> int:
    if not figure.strip().isdecimal():
        raise _unreadable(dim, text)
    return int(figure)


def _number(dim: str, text: str, figure: str) -> float:
    try:
        value = float(figure)
    except ValueError:
        raise _unreadable(dim, text) from None
    if not 0 <= value < math.inf:
        raise _unreadable(dim, text)
    return value


def _unreadable(dim: str, text: str) -> UsageError:
    return UsageError(f"cannot read the sizes of {dim!r}, {text!r}; write a number, or {_FORMS}")
