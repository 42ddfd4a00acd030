"""What a mode costs and promises at one level, as points of a crossover."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infercost.domain.capacity import ModePoint
from infercost.domain.estimate import Band
from infercost.engine.modes.jobs import MORNING_S
from infercost.engine.modes.pool import COLD, TURNED_AWAY
from infercost.engine.wording import amount, milliseconds, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.traffic import Slo
    from infercost.engine.modes.jobs import PricedJob
    from infercost.engine.modes.replicas import PricedPolicy
    from infercost.engine.modes.serverless import PoolRun, Provisioned
    from infercost.engine.planner.serverless import Serverless

__all__ = ["gap", "of_job", "of_policy", "of_pool", "of_provisioned", "seconds"]

_ONE_IN_A_HUNDRED = 0.01
_ONE_IN_A_THOUSAND = 0.001


def gap(provider: str, mode: str, level: float, reason: str) -> ModePoint:
    """A mode without a figure, and why."""
    return ModePoint(
        provider=provider,
        region="",
        mode=mode,
        instance_type="",
        requests_per_day=level,
        per_month=None,
        latency="",
        note=reason,
    )


def of_policy(mode: str, level: float, found: PricedPolicy, slo: Slo) -> ModePoint:
    """An always-on, asynchronous or scaled-to-zero endpoint."""
    played, place = found.played, found.place
    p99_s = played.latency_ms.p99 / 1e3
    words = f"p99 {seconds(p99_s)}"
    if mode == "async":
        words += ", waking included"
    elif played.dropped > 0:
        words += f" awake; {percent(played.dropped)} of requests refused while it wakes"
    return ModePoint(
        provider=place.offer.provider,
        region=place.offer.region,
        mode=mode,
        instance_type=place.offer.instance_type,
        requests_per_day=level,
        per_month=found.month,
        latency=words,
        latency_p99_s=None if played.dropped > _ONE_IN_A_HUNDRED else p99_s,
        note=_said(place.quote.notes),
        keeps_slo=played.severity <= 1 if slo.targets else None,
        refused=played.dropped,
        replicas=found.replicas,
        serving=found.choice.setting.serving,
        lines=found.bill.lines,
    )


def of_pool(level: float, found: Serverless, run: PoolRun, slo: Slo) -> ModePoint:
    """A serverless endpoint on demand."""
    fixed = found.quote.fixed
    high = found.bill.high
    month = Band(
        found.bill.low + fixed.cost,
        found.known,
        None if high is None or fixed.unknown is None else high + fixed.cost + fixed.unknown,
    )
    point = _pooled("serverless", level, found, run, slo)
    return replace(point, per_month=month, lines=(*found.bill.lines, *fixed.lines), replicas=float(run.peak))


def of_provisioned(level: float, found: Serverless, made: Provisioned, slo: Slo) -> ModePoint:
    """A serverless endpoint with provisioned concurrency."""
    point = _pooled("serverless_provisioned", level, found, made.run, slo)
    return replace(point, per_month=made.month, lines=made.lines, replicas=float(made.count))


def _pooled(mode: str, level: float, found: Serverless, run: PoolRun, slo: Slo) -> ModePoint:
    """What is promised; the bill comes on top."""
    cold, refused = run.share(COLD), run.share(TURNED_AWAY)
    words = f"p99 {seconds(run.quantile_s(0.99))}"
    words += f"; {percent(cold)} of requests start cold" if cold >= _ONE_IN_A_THOUSAND else ""
    words += f"; {percent(refused)} turned away" if refused > 0 else ""
    return ModePoint(
        provider=found.offer.provider,
        region=found.offer.region,
        mode=mode,
        instance_type=found.offer.instance_type,
        requests_per_day=level,
        per_month=None,
        latency=words,
        latency_p99_s=None if refused > _ONE_IN_A_HUNDRED else run.quantile_s(0.99),
        note=_said(found.quote.notes),
        keeps_slo=run.severity(slo) <= 1 if slo.targets else None,
        slow_start=cold,
        refused=refused,
        serving=found.usage.placement.serving,
    )


def of_job(level: float, found: PricedJob, slo: Slo) -> ModePoint:
    """A batch job a day."""
    place, job = found.place, found.job
    when = "by morning" if job.duration_s <= MORNING_S else "within a day"
    return ModePoint(
        provider=place.offer.provider,
        region=place.offer.region,
        mode="batch",
        instance_type=place.offer.instance_type,
        requests_per_day=level,
        per_month=found.month,
        latency=f"{when}: a job a day of {seconds(job.duration_s)}",
        latency_p99_s=found.latency_p99_s,
        note=_said(place.quote.notes),
        keeps_slo=all(target.limit_ms / 1e3 >= found.latency_p99_s for target in slo.targets) if slo.targets else None,
        replicas=float(job.instances),
        serving=found.setting.serving,
        lines=found.bill.lines,
    )


def seconds(value: float) -> str:
    """A latency in words: ``6.3 ms``, ``5.2 s``, ``6.1 minutes``."""
    return milliseconds(value * 1e3) if value < 120 else span(float(f"{value:.2g}"))


def percent(share: float) -> str:
    """A share in percent; never rounded to all or nothing."""
    return f"{amount(share * 100)} %" if share <= 0.995 else "over 99 %"


def _said(notes: Sequence[str]) -> str | None:
    return "; ".join(notes) or None
