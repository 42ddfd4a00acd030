"""What a placement uses in a month, and its bill for compute at a price."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from infercost.domain.estimate import CostLine, Replicas
from infercost.domain.units import HOURS_PER_MONTH
from infercost.engine.money import significant, to_micros

if TYPE_CHECKING:
    from infercost.domain.plan import Placement

__all__ = ["ComputeBill", "Usage"]


@dataclass(frozen=True, slots=True)
class ComputeBill:
    """Compute of one placement at one price, a month. Regions of equal price share it."""

    low: Decimal
    likely: Decimal
    high: Decimal | None
    listed: Decimal
    """``likely`` at the list price."""
    lines: tuple[CostLine, ...]
    """They sum to ``likely``."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one placement uses in a month, before any price. Its regions share it."""

    placement: Placement
    replicas: Replicas
    unit: str
    """``hour`` of a replica or billed ``second``."""
    billed: tuple[Decimal, Decimal, Decimal | None]
    """Units billed at low, likely and high."""
    used: Decimal
    """Of the likely ones, those that the traffic used."""
    note: str
    source: str
    """Of the price."""
    _bills: dict[tuple[Decimal, Decimal | None], ComputeBill] = field(default_factory=dict)

    @classmethod
    def of(cls, placement: Placement, requests: Decimal, source: str) -> Usage:
        """Instance-hours of an always-on placement, billed seconds of a serverless one.

        Args:
            placement: where the traffic runs.
            requests: in a month.
            source: where the compute prices come from.
        """
        if placement.billed_s is not None:
            low, likely, high = placement.billed_s
            billed = (
                _seconds(requests, low),
                _seconds(requests, likely),
                None if high is None else _seconds(requests, high),
            )
            replicas = Replicas(min=0, max=placement.replicas, mean=placement.utilization * placement.replicas)
            note = f"{requests.normalize():,f} requests, {likely:g} s billed for each"
            return cls(placement, replicas, "second", billed, billed[1], note, source)
        count, most = placement.replicas, placement.replicas_high
        hours = count * HOURS_PER_MONTH
        used = min(hours, significant(hours * Decimal(repr(round(placement.utilization, 9)))))
        return cls(
            placement,
            Replicas(min=count, max=count, mean=float(count)),
            "hour",
            (placement.replicas_low * HOURS_PER_MONTH, hours, None if most is None else most * HOURS_PER_MONTH),
            used,
            f"{count:,} × {HOURS_PER_MONTH} h, {placement.utilization:.1%} of it used",
            source,
        )

    def bill(self, price: Decimal, list_price: Decimal | None = None) -> ComputeBill:
        """The bill at a price of a unit, that of an always-on replica split into used and idle.

        Args:
            price: what the user pays.
            list_price: what the cloud lists, where that is another.
        """
        known = self._bills.get((price, list_price))
        if known is None:
            low, likely, high = self.billed
            known = self._bills[price, list_price] = ComputeBill(
                low=to_micros(price * low),
                likely=to_micros(price * likely),
                high=None if high is None else to_micros(price * high),
                listed=to_micros((price if list_price is None else list_price) * likely),
                lines=tuple(self._lines(price, list_price)),
            )
        return known

    def _lines(self, price: Decimal, list_price: Decimal | None) -> list[CostLine]:
        likely = self.billed[1]
        cost, used = self._split(price)
        listed, listed_used = (None, None) if list_price is None else self._split(list_price)
        shared = (self.source, self.placement.provenance)
        if self.unit == "second":
            return [CostLine("compute", "second", likely, price, cost, "used", *shared, self.note, list_price, listed)]
        listed_idle = None if listed is None or listed_used is None else listed - listed_used
        idle, idle_cost = likely - self.used, cost - used
        return [
            CostLine("compute", "hour", self.used, price, used, "used", *shared, self.note, list_price, listed_used),
            CostLine("compute", "hour", idle, price, idle_cost, "idle", *shared, "billed, not used", list_price, listed_idle),
        ]

    def _split(self, price: Decimal) -> tuple[Decimal, Decimal]:
        """A month's cost, and the part of it that was used."""
        cost = to_micros(price * self.billed[1])
        return cost, min(cost, to_micros(price * self.used))


def _seconds(requests: Decimal, each_s: float) -> Decimal:
    return significant(requests * Decimal(repr(round(each_s, 9))))
