"""What a placement uses in a month, and the compute lines that it makes at a price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from infercost.domain.estimate import CostLine, Replicas
from infercost.domain.units import HOURS_PER_MONTH
from infercost.engine.quote import dollars, significant

if TYPE_CHECKING:
    from infercost.domain.plan import Placement
    from infercost.domain.price import Offer

__all__ = ["Usage", "compute_lines"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What one placement uses in a month, before any price. Shared by its regions."""

    placement: Placement
    replicas: Replicas
    billed: tuple[Decimal, Decimal, Decimal | None]
    """Hours or seconds billed at low, likely and high."""
    used: Decimal
    """Of the likely ones, those that the traffic used."""
    note: str

    @classmethod
    def of(cls, placement: Placement, requests: Decimal) -> Usage:
        """Instance-hours of an always-on placement, billed seconds of a serverless one."""
        if placement.billed_s is not None:
            low, likely, high = (significant(requests * Decimal(repr(round(s, 9)))) for s in placement.billed_s)
            mean = placement.utilization * placement.replicas
            note = f"{requests.normalize():f} requests of {placement.billed_s[1]:g} s billed"
            return cls(placement, Replicas(min=0, max=placement.replicas, mean=mean), (low, likely, high), likely, note)
        count = placement.replicas
        hours = count * HOURS_PER_MONTH
        most = None if placement.replicas_high is None else placement.replicas_high * HOURS_PER_MONTH
        used = min(hours, significant(hours * Decimal(repr(round(placement.utilization, 9)))))
        return cls(
            placement,
            Replicas(min=count, max=count, mean=float(count)),
            (placement.replicas_low * HOURS_PER_MONTH, hours, most),
            used,
            f"{count} × {HOURS_PER_MONTH} h at {placement.utilization:.1%} busy",
        )


def compute_lines(offer: Offer, price: Decimal, usage: Usage, cost: Decimal, source: str) -> tuple[CostLine, ...]:
    """The bill for compute; of an always-on replica split into what was used and what idled."""
    provenance, likely = usage.placement.provenance, usage.billed[1]
    if offer.mode == "serverless":
        return (CostLine("compute", offer.unit, likely, price, cost, "used", source, provenance, usage.note),)
    used = min(cost, dollars(price * usage.used))
    return (
        CostLine("compute", offer.unit, usage.used, price, used, "used", source, provenance, usage.note),
        CostLine("compute", offer.unit, likely - usage.used, price, cost - used, "idle", source, provenance, None),
    )
