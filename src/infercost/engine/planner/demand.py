"""The traffic as the planner needs it: the requests of a seed, and how many came in each step of a clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.engine.simulate.arrivals import draw

if TYPE_CHECKING:
    from datetime import datetime

    from infercost.engine.erlang import Floats
    from infercost.engine.simulate.arrivals import Drawn, TrafficSource

__all__ = ["Demand"]

MINUTE_S: Final = 60.0
_HOURS: Final = 24
_FIRST: Final = 5
"""Minutes that the replicas at the beginning are made for."""


@dataclass(slots=True)
class Demand:
    """What arrives, and when its clock began."""

    source: TrafficSource
    seed: int = 0
    starts_at: datetime | None = None
    """Wall-clock time of second 0; None counts from a Monday 00:00 UTC."""
    _drawn: Drawn | None = None
    _counts: dict[float, Floats] = field(default_factory=dict)
    _hours: dict[float, Floats] = field(default_factory=dict)
    _shares: dict[float, float] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """When the traffic ends."""
        return self.source.duration_s

    def drawn(self, seed: int | None = None) -> Drawn:
        """The requests of a seed. Only those of the plan's own seed (None) are kept."""
        if seed is not None and seed != self.seed:
            return draw(self.source, seed=seed)
        if self._drawn is None:
            self._drawn = draw(self.source, seed=self.seed)
        return self._drawn

    @property
    def requests(self) -> int:
        """In all, for the plan's seed."""
        return len(self.drawn().times_s)

    def counts(self, step_s: float) -> Floats:
        """Requests in each step; the last may be cut short by the end."""
        known = self._counts.get(step_s)
        if known is None:
            steps = max(ceil(self.duration_s / step_s - 1e-9), 1)
            edges = np.arange(1, steps) * step_s
            times = self.drawn().times_s
            places = np.concatenate([[0], np.searchsorted(times, edges), [len(times)]])
            known = self._counts[step_s] = np.diff(places).astype(np.float64)
        return known

    def rates(self, step_s: float = MINUTE_S) -> tuple[Floats, Floats]:
        """Requests a second in each step, and the seconds of each."""
        counts = self.counts(step_s)
        seconds = np.full(len(counts), step_s)
        seconds[-1] = max(self.duration_s - (len(counts) - 1) * step_s, 1e-9)
        return counts / seconds, seconds

    @property
    def squared_cv_of_work(self) -> float:
        """Squared coefficient of variation of the work of a request."""
        sizes = self.drawn().sizes
        return float(np.var(sizes) / np.mean(sizes) ** 2) if len(sizes) else 0.0

    def by_hour(self, share: float) -> Floats:
        """For each hour of the day, the rate that a share of its minutes stays within; NaN for hours not seen."""
        known = self._hours.get(share)
        if known is None:
            rates, _ = self.rates()
            hour = ((self.second_of_day + np.arange(len(rates)) * MINUTE_S) // 3600).astype(np.int64) % _HOURS
            known = self._hours[share] = np.array(
                [np.quantile(rates[hour == h], share) if (hour == h).any() else np.nan for h in range(_HOURS)]
            )
        return known

    def rate_at(self, share: float) -> float:
        """The rate that a share of the minutes stays within; 1 is the busiest."""
        if share not in self._shares:
            self._shares[share] = float(np.quantile(self.rates()[0], share))
        return self._shares[share]

    @property
    def first_rate(self) -> float:
        """Requests a second in the first minutes."""
        rates, seconds = self.rates()
        return float((rates[:_FIRST] * seconds[:_FIRST]).sum() / seconds[:_FIRST].sum())

    @property
    def second_of_day(self) -> float:
        """UTC second of the day at which the traffic begins."""
        start = self.starts_at
        return 0.0 if start is None else start.hour * 3600.0 + start.minute * 60.0 + start.second
