"""The serverless mode at one level, simulated: concurrency, cold starts, throttles, provisioned concurrency."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from math import log1p, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.estimate import Band, CostLine
from infercost.domain.units import SECONDS_PER_MONTH
from infercost.engine.modes.compiled import compiled_pool
from infercost.engine.modes.pool import COLD, PROVISIONED, TURNED_AWAY, WARM
from infercost.engine.money import significant, to_micros
from infercost.engine.planner.screening import severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.plan import Placement
    from infercost.domain.price import Offer
    from infercost.domain.provider import ServerlessRules
    from infercost.domain.refresh import ExtraPrice
    from infercost.domain.traffic import Slo
    from infercost.engine.erlang import Floats
    from infercost.engine.modes.levels import Level
    from infercost.engine.planner.serverless import Serverless
    from infercost.engine.quote import Quote
    from infercost.engine.serverless import Instance

__all__ = ["PoolRun", "Provisioned", "billed_seconds", "cheapest_provisioned", "placed", "simulate_pool"]

TURNED_AWAY_AT_MOST: Final = 0.001
"""Share of requests that may be turned away by an endpoint that is said to serve the traffic."""
_MOST_WARM_UP: Final = 0.5
"""Share of the traffic that is not counted, at most: the pool is empty at the beginning."""
_TRIES: Final = 24


@dataclass(frozen=True, slots=True, eq=False)
class PoolRun:
    """What a simulation of a serverless endpoint found, after its warm-up."""

    latency_s: Floats
    """Of each request; infinite where it was turned away."""
    service_s: Floats
    """Of each request, warm: what is billed."""
    fates: Floats
    """See :mod:`.pool`."""
    seconds: float
    """Length of the traffic that was counted."""
    peak: int
    """Most busy at once."""

    @property
    def requests(self) -> int:
        """Counted."""
        return len(self.latency_s)

    def share(self, fate: int) -> float:
        """Share of the requests that met a fate."""
        return float(np.mean(self.fates == fate)) if self.requests else 0.0

    def quantile_s(self, q: float) -> float:
        """Latency that a share ``q`` of all requests stays within; infinite where too many are turned away."""
        return float(np.quantile(self.latency_s, q, method="inverted_cdf")) if self.requests else 0.0

    def severity(self, slo: Slo) -> float:
        """Worst promise: what was late over what may be; the SLO holds up to 1."""
        late = [
            float(self.latency_s.sum()) if target.quantile is None else float((self.latency_s > target.limit_ms / 1e3).sum())
            for target in slo.targets
        ]
        return severity(slo, np.array(late), self.requests)


def simulate_pool(
    level: Level,
    instance: Instance,
    rules: ServerlessRules,
    *,
    provisioned: int = 0,
) -> PoolRun:
    """Play the traffic of a level on one memory size.

    Args:
        level: the traffic.
        instance: what serves a request.
        rules: of the cloud.
        provisioned: instances that are kept warm.
    """
    drawn = level.demand.drawn()
    times = drawn.times_s
    service = _services(len(times), instance, level.demand.seed)
    if len(drawn.sizes):
        service *= drawn.sizes
    latency, fates = np.empty(len(times)), np.empty(len(times))
    limit = rules.max_concurrency
    peak = compiled_pool()(
        *(np.ascontiguousarray(times), service, float(instance.cold_s), float(rules.keep_alive_s), limit),
        *(min(provisioned, limit), latency, fates),
    )
    # Traffic that goes on found the pool as it left it; traffic that moves begins where it is quiet or anywhere.
    duration = level.demand.duration_s
    warm_up = min(rules.keep_alive_s + instance.cold_s, _MOST_WARM_UP * duration) if level.steady else 0.0
    counted = times >= warm_up
    return PoolRun(latency[counted], service[counted], fates[counted], duration - warm_up, int(peak))


def _services(requests: int, instance: Instance, seed: int) -> Floats:
    """Warm service times: lognormal, as the planner's."""
    rng = np.random.default_rng([seed, 0x5E12])
    if instance.cv <= 0:
        return np.full(requests, instance.service_s)
    sigma = sqrt(log1p(instance.cv**2))
    return rng.lognormal(np.log(instance.service_s) - sigma * sigma / 2, sigma, requests)


def billed_seconds(
    run: PoolRun, granularity_s: float, *, cold_s: float = 0.0, factor: float = 1.0, fates: Sequence[int] | None = None
) -> float:
    """Seconds billed in all, each request rounded up; with ``cold_s``, starting is billed too.

    Args:
        run: what was played.
        granularity_s: of the bill.
        cold_s: billed for each cold start.
        factor: of every service time.
        fates: which requests are meant; None: all that were served.
    """
    meant = run.fates != TURNED_AWAY if fates is None else np.isin(run.fates, fates)
    each = run.service_s[meant] * factor + np.where(run.fates[meant] == COLD, cold_s, 0.0)
    return float(np.ceil(np.round(each / granularity_s, 6)).sum() * granularity_s)


def placed(placement: Placement, run: PoolRun, instance: Instance, rules: ServerlessRules) -> Placement | None:
    """The placement by formula with the seconds that the simulation billed; None where it turns too many away.

    The upper end bills cold starts too, which no source rules out.
    """
    if run.share(TURNED_AWAY) > TURNED_AWAY_AT_MOST or not run.requests:
        return None
    step, slow = rules.billing_granularity_s, 1 + placement.band
    likely = billed_seconds(run, step) / run.requests
    low = billed_seconds(run, step, factor=1 / slow) / run.requests
    high = billed_seconds(run, step, factor=slow, cold_s=instance.cold_s) / run.requests
    return replace(placement, billed_s=(low, likely, high), replicas=max(run.peak, 1))


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Instances that are kept warm and paid for, with others beside them where they do not reach."""

    offer: Offer
    quote: Quote
    run: PoolRun
    count: int
    lines: tuple[CostLine, ...]
    band: float

    @property
    def month(self) -> Band:
        """The bill; its compute moves with the prediction, the capacity does not."""
        known = sum((line.monthly_cost or Decimal(0) for line in self.lines), Decimal(0))
        moves = sum((line.monthly_cost or Decimal(0) for line in self.lines[1:3]), Decimal(0))
        factor = Decimal(repr(round(1 + self.band, 6)))
        unknown = self.quote.fixed.unknown
        high = None if unknown is None else to_micros(known - moves + moves * factor + unknown)
        return Band(to_micros(known - moves + moves / factor), known, high)


def cheapest_provisioned(
    level: Level,
    found: Serverless,
    instance: Instance,
    rules: ServerlessRules,
    slo: Slo,
    *,
    extras: Sequence[ExtraPrice],
    requests: Decimal,
) -> Provisioned | str:
    """The fewest provisioned instances of a size that keep the SLO, priced; or why not.

    Args:
        level: the traffic.
        found: the size, on demand.
        instance: what serves a request.
        rules: of the cloud.
        slo: promises.
        extras: prices of capacity and of its use, in the offer's currency.
        requests: in a month.
    """
    offer = found.offer
    prices = {e.kind: e for e in extras if (e.region, e.instance_type) == (offer.region, offer.instance_type)}
    capacity, use = prices.get("serverless_provisioned"), prices.get("serverless_provisioned_duration")
    if capacity is None or use is None:
        lacking = " and ".join(text for text, price in (("capacity kept warm", capacity), ("its use", use)) if price is None)
        return f"no price in the book for {lacking} of {offer.instance_type} in {offer.region}"
    count, run = 1, None
    for _ in range(_TRIES):
        if count > rules.max_concurrency:
            break
        run = simulate_pool(level, instance, rules, provisioned=count)
        if run.severity(slo) <= 1 and run.share(TURNED_AWAY) <= TURNED_AWAY_AT_MOST:
            seconds = _seconds(run, rules, requests)
            lines = _provisioned_lines(found, count, capacity, use, seconds, run.share(PROVISIONED))
            return Provisioned(offer, found.quote, run, count, lines, found.usage.placement.band)
        count += max(count // 4, 1)
    return "no number of provisioned instances keeps the SLO"


def _seconds(run: PoolRun, rules: ServerlessRules, requests: Decimal) -> tuple[Decimal, Decimal]:
    """Seconds billed in a month on provisioned instances, and on others."""
    step, played = rules.billing_granularity_s, max(run.requests, 1)
    inside, beside = (billed_seconds(run, step, fates=fates) / played for fates in ((PROVISIONED,), (WARM, COLD)))
    return significant(requests * Decimal(repr(round(inside, 12)))), significant(requests * Decimal(repr(round(beside, 12))))


def _provisioned_lines(  # noqa: PLR0917 - what the three lines are made of
    found: Serverless, count: int, capacity: ExtraPrice, use: ExtraPrice, seconds: tuple[Decimal, Decimal], share: float
) -> tuple[CostLine, ...]:
    def line(name: str, quantity: Decimal, price: Decimal, source: str | None, note: str) -> CostLine:
        cost = to_micros(price * quantity)
        return CostLine(name, "second", quantity, price, cost, "used", source, "modelled", note)

    kept = line("provisioned", count * SECONDS_PER_MONTH, capacity.price, capacity.source, f"{count} kept warm all month")
    return (
        replace(kept, basis="idle", provenance="listed"),
        line("provisioned use", seconds[0], use.price, use.source, f"{share:.2%} of the requests"),
        line("compute", seconds[1], found.offer.price or Decimal(0), found.usage.source, "beyond the provisioned instances"),
        *found.quote.fixed.lines,
    )
