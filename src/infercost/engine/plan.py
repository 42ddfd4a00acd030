"""Planner v1: for each hardware the serving configuration that needs the fewest replicas.

The seam is the type ``Planner``: ``plan`` is the one implementation so far, by the formulas of
``queueing``. A simulator can take its place. Why a formula: docs/adr/0004.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.estimate import LatencyMs
from infercost.domain.hardware import Hardware
from infercost.domain.plan import Misfit, Placement
from infercost.domain.prediction import Prediction
from infercost.domain.provider import HostingRules
from infercost.domain.traffic import Slo, Traffic
from infercost.domain.units import GIB
from infercost.engine.queueing import Stations, capacity, sojourn_mean, sojourn_quantile
from infercost.engine.wording import amount, gib, megabytes, milliseconds

if TYPE_CHECKING:
    from infercost.domain.prediction import PredictedPoint, Serving
    from infercost.domain.traffic import SloTarget
    from infercost.engine.erlang import Floats, Ints

__all__ = ["Case", "Planner", "plan"]

Planner = Callable[
    [Sequence[Prediction], Mapping[tuple[str, str], Hardware], Traffic, Slo, Mapping[str, HostingRules]],
    list[Placement | Misfit],
]

ALIKE: Final = 1.05
"""Configurations whose p99 is within this factor of the best are alike: then the simpler one is taken."""

_IDLE: Final = 1e-6
"""Share of the throughput that counts as negligible load."""


def plan(
    predictions: Sequence[Prediction],
    hardware: Mapping[tuple[str, str], Hardware],
    traffic: Traffic,
    slo: Slo,
    hosting: Mapping[str, HostingRules],
) -> list[Placement | Misfit]:
    """Place the traffic on each predicted hardware, or say why it does not fit.

    Args:
        predictions: one a hardware.
        hardware: by (provider, instance type), at least those predicted.
        traffic: steady Poisson arrivals, split at random over the replicas.
        slo: promises that every replica keeps at the likely prediction.
        hosting: rules of the always-on mode by provider.

    Returns:
        One placement or misfit a prediction, in order.
    """
    cases = [Case.of(p, hardware[p.provider, p.instance_type], hosting[p.provider], traffic) for p in predictions]
    grid = _Grid.of(cases)
    best = grid.choose(traffic.rps, slo) if len(grid.rows) else {}
    placed = _place(cases, grid, best, traffic.rps)
    missed = _miss(cases, grid, [i for i, case in enumerate(cases) if i not in placed], slo)
    return [placed[i] if i in placed else missed[i] for i in range(len(cases))]


@dataclass(frozen=True, slots=True)
class Case:
    """One prediction on its hardware, before latency is looked at."""

    prediction: Prediction
    accelerator: str | None
    min_replicas: int
    points: tuple[PredictedPoint, ...]
    """Those that fit the memory; none where the hardware is out for another reason."""
    factors: tuple[float, ...]
    """How much slower each is for the vCPUs that the platform takes."""
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, prediction: Prediction, hardware: Hardware, rules: HostingRules, traffic: Traffic) -> Case:
        """What fits, or why nothing does."""
        reasons = [*prediction.reasons, *oversize(traffic, rules.max_payload_bytes)]
        vcpus = hardware.vcpus - rules.vcpus_reserved
        if vcpus <= 0:
            reasons.append(f"the platform takes {rules.vcpus_reserved:g} of its {hardware.vcpus} vCPUs")
        fitting = tuple(p for p in prediction.points if _fits(p, hardware, rules))
        if prediction.points and not fitting:
            reasons.append(_too_big(prediction.points, hardware, rules))
        points = () if reasons else fitting
        shared = hardware.accelerator is None and rules.vcpus_reserved > 0
        factors = [max(1.0, p.serving.workers * p.serving.threads / vcpus) if shared else 1.0 for p in points]
        notes = [*([prediction.basis] if prediction.basis else []), *over_quota(traffic, rules)]
        least = rules.min_replicas
        return cls(prediction, _accelerator(hardware), least, points, tuple(factors), tuple(reasons), tuple(notes))


def _accelerator(hardware: Hardware) -> str | None:
    if hardware.accelerator is None:
        return None
    several = f"{hardware.accelerator_count} × " if hardware.accelerator_count > 1 else ""
    return several + hardware.accelerator.key


def oversize(traffic: Traffic, limit: int | None) -> list[str]:
    """Reasons why the payloads do not pass a limit (bytes; None means no limit)."""
    if limit is None:
        return []
    sizes = (("request", traffic.payload_in_bytes), ("response", traffic.payload_out_bytes))
    return [
        f"a {name} of {megabytes(size)} is over the platform's limit of {megabytes(limit)}"
        for name, size in sizes
        if size > limit
    ]


def over_quota(traffic: Traffic, rules: HostingRules) -> list[str]:
    """What an endpoint must be allowed first, where the traffic is over what it may do unasked."""
    notes = []
    if rules.max_endpoint_rps is not None and traffic.rps > rules.max_endpoint_rps:
        notes.append(
            f"needs a quota raise: {amount(traffic.rps)} requests a second, an endpoint has {amount(rules.max_endpoint_rps)}"
        )
    moved = traffic.rps * (traffic.payload_in_bytes + traffic.payload_out_bytes)
    if rules.max_endpoint_bytes_per_s is not None and moved > rules.max_endpoint_bytes_per_s:
        allowed = megabytes(rules.max_endpoint_bytes_per_s)
        notes.append(f"needs a quota raise: {megabytes(moved)} of payload a second, an endpoint has {allowed}")
    return notes


def _fits(point: PredictedPoint, hardware: Hardware, rules: HostingRules) -> bool:
    if point.memory_bytes > (hardware.memory_gib - rules.memory_reserved_gib) * GIB:
        return False
    return hardware.accelerator is None or _device_bytes(point, hardware) <= hardware.accelerator.memory_gib * GIB


def _device_bytes(point: PredictedPoint, hardware: Hardware) -> float:
    """Memory that the workers sharing one accelerator take on it."""
    sharing = math.ceil(point.serving.workers / max(1, hardware.accelerator_count))
    return point.memory_bytes / point.serving.workers * sharing


def _too_big(points: Sequence[PredictedPoint], hardware: Hardware, rules: HostingRules) -> str:
    least = min(points, key=lambda p: p.memory_bytes)
    needs = least.memory_bytes / GIB + rules.memory_reserved_gib
    if needs > hardware.memory_gib:
        kept = f" ({gib(rules.memory_reserved_gib)} of it for the platform)" if rules.memory_reserved_gib else ""
        return f"needs {gib(needs)} of memory{kept}, has {gib(hardware.memory_gib)}"
    assert hardware.accelerator is not None  # noqa: S101
    needs = min(_device_bytes(p, hardware) for p in points) / GIB
    return f"needs {gib(needs)} of accelerator memory, has {gib(hardware.accelerator.memory_gib)}"


@dataclass(frozen=True, slots=True)
class _Choice:
    """What one case is served by."""

    row: int
    """The configuration with the fewest replicas at the likely prediction."""
    carried: float
    """Requests a second that a replica of it carries."""
    replicas: int
    low: int
    """Replicas of the best configuration at the band's fast end."""
    high: int | None
    """Of the best one at its slow end; None where none keeps the SLO there."""
    other: int | None
    """The best row at the slow end, where ``row`` cannot keep the SLO there."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """All configurations of all cases as columns."""

    rows: Stations
    case: Ints
    band: Floats
    """Factor of the slow end."""
    serving: tuple[Serving, ...]
    min_replicas: Ints

    @classmethod
    def of(cls, cases: Sequence[Case]) -> _Grid:
        points = [p for case in cases for p in case.points]
        counts = np.array([len(case.points) for case in cases], dtype=np.int64)
        case = np.repeat(np.arange(len(cases)), counts)
        stations = Stations.of(
            workers=np.array([p.serving.workers for p in points], dtype=np.int64),
            batch=np.array([p.serving.max_batch for p in points], dtype=np.int64),
            single_s=np.array([p.single_s for p in points], dtype=np.float64),
            full_s=np.array([p.service_s for p in points], dtype=np.float64),
            cv=np.array([c.prediction.cv if p.cv is None else p.cv for c in cases for p in c.points], dtype=np.float64),
        )
        return cls(
            rows=stations.slowed(np.array([f for c in cases for f in c.factors], dtype=np.float64)),
            case=case,
            band=1 + np.array([c.prediction.band for c in cases], dtype=np.float64)[case],
            serving=tuple(p.serving for p in points),
            min_replicas=np.array([c.min_replicas for c in cases], dtype=np.int64)[case],
        )

    def choose(self, rps: float, slo: Slo) -> dict[int, _Choice]:
        """The best configuration of each case that can keep the SLO.

        Fewest replicas at the likely prediction; of those the fewest at the slow end, none last;
        of those the lowest p99; of those alike the simplest.
        """
        carried = capacity(self.rows, slo)
        needed = replicas_for(rps, carried, self.min_replicas)
        fast = replicas_for(rps, capacity(self.rows.slowed(1 / self.band), slo), self.min_replicas)
        slow = replicas_for(rps, capacity(self.rows.slowed(self.band), slo), self.min_replicas)
        every = np.arange(len(needed))
        fewest = self._least(every, needed)
        tied = np.flatnonzero(np.isfinite(needed) & (needed == fewest[self.case]))
        tied = tied[slow[tied] == self._least(tied, slow[tied])[self.case[tied]]]
        p99 = sojourn_quantile(self.rows.take(tied), rps / needed[tied], 0.99)
        near = p99 <= self._least(tied, p99)[self.case[tied]] * ALIKE
        tied, p99 = tied[near], p99[near]
        order = np.lexsort((p99, self.rows.workers[tied], self.rows.batch[tied], self.case[tied]))
        cases, first = np.unique(self.case[tied[order]], return_index=True)
        low, high = self._least(every, fast), self._least(every, slow)
        found = {}
        for c, row in zip(cases, tied[order[first]], strict=True):
            replicas, kept = int(needed[row]), bool(np.isfinite(high[c]))
            other = kept and not np.isfinite(slow[row])
            found[int(c)] = _Choice(
                row=int(row),
                carried=float(carried[row]),
                replicas=replicas,
                low=int(min(replicas, low[c])),
                high=int(max(replicas, high[c])) if kept else None,
                other=int(np.flatnonzero((self.case == c) & (slow == high[c]))[0]) if other else None,
            )
        return found

    def _least(self, rows: Ints, values: Floats) -> Floats:
        """The least of ``values``, one a row, by case; infinite where a case has none."""
        least = np.full(int(self.case.max()) + 1, np.inf)
        np.minimum.at(least, self.case[rows], values)
        return least


def replicas_for(rps: float, carried: Floats, least: Ints) -> Floats:
    """Replicas for ``rps`` where each carries so much; infinite where it carries none."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.ceil(rps / carried * (1 - 1e-12)), least)


def _place(cases: Sequence[Case], grid: _Grid, best: Mapping[int, _Choice], rps: float) -> dict[int, Placement | Misfit]:
    """Placements of the chosen rows."""
    if not best:
        return {}
    stations = grid.rows.take(np.array([choice.row for choice in best.values()], dtype=np.int64))
    rate = rps / np.array([choice.replicas for choice in best.values()])
    p50, p95, p99 = (sojourn_quantile(stations, rate, q) * 1e3 for q in (0.5, 0.95, 0.99))
    used = rate / stations.throughput
    placed: dict[int, Placement | Misfit] = {}
    for k, (i, choice) in enumerate(best.items()):
        prediction = cases[i].prediction
        placed[i] = Placement(
            provider=prediction.provider,
            instance_type=prediction.instance_type,
            mode="realtime",
            serving=_undelayed(grid.serving[choice.row]),
            replicas=choice.replicas,
            replicas_low=choice.low,
            replicas_high=choice.high,
            latency_ms=LatencyMs(p50=float(p50[k]), p95=float(p95[k]), p99=float(p99[k])),
            capacity_rps=choice.replicas * choice.carried,
            utilization=float(used[k]),
            provenance=prediction.provenance,
            band=prediction.band,
            slo_holds="at_risk" if choice.high is None else "yes",
            accelerator=cases[i].accelerator,
            notes=cases[i].notes + _fallback(grid, choice),
        )
    return placed


def _fallback(grid: _Grid, choice: _Choice) -> tuple[str, ...]:
    """What to serve by instead, where the chosen configuration cannot keep the SLO at the slow end."""
    if choice.other is None:
        return ()
    other = grid.serving[choice.other]
    how = f"{other.workers}w×{other.threads}t, batch {other.max_batch}"
    return (f"at the band's slow end only another serving keeps the SLO, by {choice.high:,} replicas: {how}",)


def _undelayed(serving: Serving) -> Serving:
    # Waiting for a fuller batch while a worker idles lowers no cost and raises latency: ADR 0004.
    return serving if serving.max_delay_ms == 0 else replace(serving, max_delay_ms=0.0)


def _miss(cases: Sequence[Case], grid: _Grid, missing: Sequence[int], slo: Slo) -> dict[int, Misfit]:
    """Misfits of the cases without a placement; those with points miss the SLO."""
    slow = np.flatnonzero(np.isin(grid.case, missing))
    stations = grid.rows.take(slow)
    idle = stations.throughput * _IDLE
    reached = [_reached(stations, idle, target) for target in slo.targets]
    worst = np.max([r / t.limit_ms for r, t in zip(reached, slo.targets, strict=True)], axis=0) if len(slow) else np.empty(0)
    nearest: dict[int, int] = {}
    for k in np.argsort(worst, kind="stable"):
        nearest.setdefault(int(grid.case[slow[k]]), int(k))
    missed = {}
    for i in missing:
        reasons, latency = list(cases[i].reasons), None
        if i in nearest:
            k = nearest[i]
            figures = [(t, float(r[k])) for t, r in zip(slo.targets, reached, strict=True)]
            said, latency = explain_miss(figures, 1 + cases[i].prediction.band)
            reasons += said
        prediction = cases[i].prediction
        missed[i] = Misfit(
            provider=prediction.provider,
            instance_type=prediction.instance_type,
            mode="realtime",
            reasons=tuple(reasons) or ("nothing was predicted",),
            best_latency_ms=latency,
        )
    return missed


def _reached(stations: Stations, rate: Floats, target: SloTarget) -> Floats:
    seconds = sojourn_mean(stations, rate) if target.quantile is None else sojourn_quantile(stations, rate, target.quantile)
    return seconds * 1e3


def explain_miss(figures: Sequence[tuple[SloTarget, float]], band: float) -> tuple[list[str], float]:
    """Words for each target missed, and the latency (ms) of the one missed by most.

    Args:
        figures: targets with the best latency reached, ms.
        band: factor of the slow end; a miss that the fast end would mend is said to be.
    """
    reasons = []
    for target, reached in figures:
        if reached <= target.limit_ms:
            continue
        limit, over = milliseconds(target.limit_ms), milliseconds(reached - target.limit_ms)
        mended = ", within the prediction's band" if reached / band <= target.limit_ms else ""
        reasons.append(f"{target.metric} is {milliseconds(reached)} at best, {over} over {limit}{mended}")
    latency = max(figures, key=lambda f: f[1] / f[0].limit_ms)[1]
    return reasons or ["keeps the SLO only without any load"], latency
