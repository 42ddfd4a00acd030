"""Whether a load scenario keeps its promise, and how sure that is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from infercost.domain.statistics import allowed_above, min_samples, percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.domain.latency import Interval
    from infercost.domain.traffic import Slo, SloTarget

Verdict = Literal["valid", "invalid", "inconclusive"]

KEEPS_UP = 0.95
"""Completed over offered rate below which the queue grew while the run went on."""
_WORST: tuple[Verdict, ...] = ("invalid", "inconclusive", "valid")


def judge(
    latencies_ms: Sequence[float], slo: Slo, intervals: Sequence[Interval], *, stable: bool, unserved: int, kept_up: float
) -> tuple[Verdict, str]:
    """The verdict and one line of reason.

    A percentile holds when so few latencies lie above its limit that the true percentile is under it at 99 %
    confidence (MLPerf's early stopping); it is broken when the sample's own percentile is above the limit.

    Args:
        latencies_ms: of all completed queries.
        slo: what was promised; empty: that the queue does not grow and the figures hold still.
        intervals: of the sample's statistics, for a promise on the mean.
        stable: whether the last windows agree.
        unserved: queries that were never served.
        kept_up: completed rate / offered rate; 1 where the next query waits for the one before.
    """
    if unserved:
        served = len(latencies_ms)
        return "invalid", f"the queue outgrew all limits: {served:,} of {served + unserved:,} queries were served"
    if kept_up < KEEPS_UP:
        return "invalid", f"the queue grew: queries were completed at {kept_up:.0%} of the rate at which they came"
    found = [_target(sorted(latencies_ms), target, intervals) for target in slo.targets]
    if not found:
        return ("valid", "the rate was kept") if stable else ("inconclusive", "the last windows differ by more than 10 %")
    worst = min((verdict for verdict, _ in found), key=_WORST.index)
    return worst, "; ".join(reason for verdict, reason in found if verdict == worst)


def _target(ordered: Sequence[float], target: SloTarget, intervals: Sequence[Interval]) -> tuple[Verdict, str]:
    limit = f"{target.metric} at most {target.limit_ms:g} ms"
    if target.quantile is None:
        return _mean(ordered, target.limit_ms, limit, intervals)
    n, q = len(ordered), 100 * target.quantile
    over = sum(x > target.limit_ms for x in ordered)
    allowed = allowed_above(n, q)
    if over <= allowed:
        return "valid", f"{limit}: {over:,} of {n:,} queries took longer, {allowed:,} may"
    if percentile(ordered, q) > target.limit_ms:
        return "invalid", f"{limit}: it was {percentile(ordered, q):.3g} ms"
    needed = f"{min_samples(q):,} at least" if n < min_samples(q) else "more"
    return "inconclusive", f"{limit}: {over:,} of {n:,} queries took longer, too close to tell; {needed} are needed"


def _mean(ordered: Sequence[float], limit_ms: float, limit: str, intervals: Sequence[Interval]) -> tuple[Verdict, str]:
    mean = sum(ordered) / len(ordered)
    band = next((interval for interval in intervals if interval.metric == "mean"), None)
    if band is not None and band.low <= limit_ms < band.high:
        return "inconclusive", f"{limit}: it lies between {band.low:.3g} and {band.high:.3g} ms"
    return ("valid" if mean <= limit_ms else "invalid"), f"{limit}: it was {mean:.3g} ms"
