"""The serverless mode beside the simulated policies: what the formula lets through is played on the traffic itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from infercost.domain.estimate import LatencyMs
from infercost.domain.plan import Misfit, Placement
from infercost.engine.modes.levels import Level
from infercost.engine.modes.pool import TURNED_AWAY
from infercost.engine.modes.serverless import placed, simulate_pool
from infercost.engine.planner.play import tightest
from infercost.engine.planner.serverless import Serverless, cheapest_serverless
from infercost.engine.wording import amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from infercost.domain.price import Catalog
    from infercost.domain.provider import ServerlessRules
    from infercost.domain.traffic import Slo
    from infercost.engine.planner.demand import Demand
    from infercost.engine.quote import Quoter
    from infercost.engine.serverless import Instance

__all__ = ["PlayedPool", "Pool", "play_pools"]

MOST_PLAYED: Final = 60_000_000
"""Requests above which the serverless mode is left to its formula, as its note says."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What serves a request on one serverless size."""

    instance: Instance
    rules: ServerlessRules


@dataclass(frozen=True, slots=True)
class PlayedPool:
    """A size that keeps the SLO on this traffic."""

    found: Serverless
    attainment: float
    """Share of the requests within the tightest promise."""
    dropped: float
    """Share of the requests turned away."""


def play_pools(
    placements: Iterable[Placement],
    pools: Mapping[tuple[str, str], Pool],
    demand: Demand,
    slo: Slo,
    *,
    catalogs: Sequence[Catalog],
    quoters: Mapping[str, Quoter],
    regions: Mapping[str, Sequence[str]],
    requests: Decimal,
) -> tuple[list[Serverless], dict[tuple[str, str], PlayedPool], list[Misfit]]:
    """The cheapest size of each cloud that keeps the SLO when every request is played.

    Args:
        placements: serverless sizes that serve the traffic by formula.
        pools: what serves a request, by (provider, size); a size without one is left to the formula.
        demand: the traffic, request by request.
        slo: promises.
        catalogs: prices.
        quoters: of the lines beside compute, by provider.
        regions: chosen region keys by provider.
        requests: in a month.

    Returns:
        The sizes, what their plays found, and those that the formula let through and the play did not.
    """
    fitting = {(p.provider, p.instance_type): p for p in placements}
    played: dict[tuple[str, str], PlayedPool] = {}
    misfits: list[Misfit] = []
    while True:
        found = cheapest_serverless(fitting.values(), catalogs, quoters, regions, requests)
        waiting = [one for one in found if _key(one) in pools and _key(one) not in played]
        if not waiting or demand.requests > MOST_PLAYED:
            return found, played, misfits
        for one in waiting:
            key = _key(one)
            outcome = _play(one, pools[key], demand, slo)
            if isinstance(outcome, Misfit):
                misfits.append(outcome)
                del fitting[key]
            else:
                fitting[key] = outcome.found.usage.placement
                played[key] = outcome


def _key(found: Serverless) -> tuple[str, str]:
    return found.offer.provider, found.offer.instance_type


def _play(found: Serverless, pool: Pool, demand: Demand, slo: Slo) -> PlayedPool | Misfit:
    placement = found.usage.placement
    seconds = demand.duration_s
    rate = demand.requests / seconds
    level = Level(rate * 86_400, demand, steady=False, mean_rps=rate, peak_rps=rate)
    run = simulate_pool(level, pool.instance, pool.rules)
    away = run.share(TURNED_AWAY)
    made = placed(placement, run, pool.instance, pool.rules)
    if made is None or run.severity(slo) > 1:
        reason = (
            f"played on this traffic, {amount(away * 100)} % of the requests find its concurrency used up"
            if made is None
            else "played on this traffic, its cold starts miss the SLO"
        )
        return Misfit(provider=placement.provider, instance_type=placement.instance_type, mode="serverless", reasons=(reason,))
    goal = tightest(slo)
    within = 1 - away if goal is None else float((run.latency_s <= goal.limit_ms / 1e3).mean())
    p50, p95, p99 = (run.quantile_s(q) * 1e3 for q in (0.5, 0.95, 0.99))
    made = replace(made, latency_ms=LatencyMs(p50=p50, p95=p95, p99=p99))
    usage = replace(found.usage, placement=made)
    return PlayedPool(replace(found, usage=usage), within, away)
