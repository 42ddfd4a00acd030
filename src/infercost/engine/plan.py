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
from infercost.engine.queueing import Stations, busy_share, capacity, sojourn_mean, sojourn_quantile
from infercost.engine.wording import gib, megabytes, milliseconds

if TYPE_CHECKING:
    from infercost.domain.prediction import PredictedPoint, Serving
    from infercost.domain.traffic import SloTarget
    from infercost.engine.erlang import Floats, Ints

__all__ = ["Planner", "plan"]

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
    cases = [_Case.of(p, hardware[p.provider, p.instance_type], hosting[p.provider], traffic) for p in predictions]
    grid = _Grid.of(cases)
    best = grid.choose(traffic.rps, slo) if len(grid.rows) else {}
    placed = _place(cases, grid, best, traffic.rps, slo)
    missed = _miss(cases, grid, [i for i, case in enumerate(cases) if i not in placed], slo)
    return [placed[i] if i in placed else missed[i] for i in range(len(cases))]


@dataclass(frozen=True, slots=True)
class _Case:
    """One prediction on its hardware, before latency is looked at."""

    prediction: Prediction
    accelerator: str | None
    min_replicas: int
    points: tuple[PredictedPoint, ...]
    """Those that fit the memory; none where the hardware is out for another reason."""
    factors: tuple[float, ...]
    """How much slower each is for the vCPUs that the platform takes."""
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, prediction: Prediction, hardware: Hardware, rules: HostingRules, traffic: Traffic) -> _Case:
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
        return cls(prediction, _accelerator(hardware), rules.min_replicas, points, tuple(factors), tuple(reasons))


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
class _Grid:
    """All configurations of all cases as columns."""

    rows: Stations
    case: Ints
    serving: tuple[Serving, ...]
    min_replicas: Ints

    @classmethod
    def of(cls, cases: Sequence[_Case]) -> _Grid:
        points = [p for case in cases for p in case.points]
        counts = np.array([len(case.points) for case in cases], dtype=np.int64)
        case = np.repeat(np.arange(len(cases)), counts)
        stations = Stations.of(
            workers=np.array([p.serving.workers for p in points], dtype=np.int64),
            batch=np.array([p.serving.max_batch for p in points], dtype=np.int64),
            single_s=np.array([p.single_s for p in points], dtype=np.float64),
            full_s=np.array([p.service_s for p in points], dtype=np.float64),
            cv=np.array([c.prediction.cv for c in cases], dtype=np.float64)[case],
        )
        return cls(
            rows=stations.slowed(np.array([f for c in cases for f in c.factors], dtype=np.float64)),
            case=case,
            serving=tuple(p.serving for p in points),
            min_replicas=np.array([c.min_replicas for c in cases], dtype=np.int64)[case],
        )

    def choose(self, rps: float, slo: Slo) -> dict[int, tuple[int, float]]:
        """For each case that can keep the SLO: its best row, and what a replica of it carries."""
        carried = capacity(self.rows, slo)
        needed = replicas_for(rps, carried, self.min_replicas)
        fewest = np.full(int(self.case.max()) + 1, np.inf)
        np.minimum.at(fewest, self.case, needed)
        tied = np.flatnonzero(np.isfinite(needed) & (needed == fewest[self.case]))
        if not len(tied):
            return {}
        p99 = sojourn_quantile(self.rows.take(tied), rps / needed[tied], 0.99)
        lowest = np.full(len(fewest), np.inf)
        np.minimum.at(lowest, self.case[tied], p99)
        near = p99 <= lowest[self.case[tied]] * ALIKE
        tied, p99 = tied[near], p99[near]
        order = np.lexsort((p99, self.rows.workers[tied], self.rows.batch[tied], self.case[tied]))
        ranked = tied[order]
        cases, first = np.unique(self.case[ranked], return_index=True)
        return {int(c): (int(ranked[i]), float(carried[ranked[i]])) for c, i in zip(cases, first, strict=True)}


def replicas_for(rps: float, carried: Floats, least: Ints) -> Floats:
    """Replicas for ``rps`` where each carries so much; infinite where it carries none."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.ceil(rps / carried * (1 - 1e-12)), least)


def _place(
    cases: Sequence[_Case], grid: _Grid, best: Mapping[int, tuple[int, float]], rps: float, slo: Slo
) -> dict[int, Placement | Misfit]:
    """Placements of the chosen rows, with the band carried through replicas and SLO."""
    if not best:
        return {}
    keys = list(best)
    rows = np.array([best[i][0] for i in keys], dtype=np.int64)
    carried = np.array([best[i][1] for i in keys])
    band = 1 + np.array([cases[i].prediction.band for i in keys])
    stations, least = grid.rows.take(rows), grid.min_replicas[rows]
    replicas = replicas_for(rps, carried, least)
    fast, slow = stations.slowed(1 / band), stations.slowed(band)
    slow_carried = capacity(slow, slo)
    at_risk = slow_carried == 0
    # Where the SLO fails at the slow end no number of replicas helps: what throughput needs is billed.
    slow_carried = np.where(at_risk, capacity(slow, Slo()), slow_carried)
    low = np.minimum(replicas, replicas_for(rps, capacity(fast, slo), least))
    high = np.maximum(replicas, replicas_for(rps, slow_carried, least))
    rate = rps / replicas
    p50, p95, p99 = (sojourn_quantile(stations, rate, q) * 1e3 for q in (0.5, 0.95, 0.99))
    busy = busy_share(stations, rate)
    placed: dict[int, Placement | Misfit] = {}
    for k, i in enumerate(keys):
        prediction = cases[i].prediction
        placed[i] = Placement(
            provider=prediction.provider,
            instance_type=prediction.instance_type,
            mode="realtime",
            serving=_undelayed(grid.serving[rows[k]]),
            replicas=int(replicas[k]),
            replicas_low=int(low[k]),
            replicas_high=int(high[k]),
            latency_ms=LatencyMs(p50=float(p50[k]), p95=float(p95[k]), p99=float(p99[k])),
            capacity_rps=float(replicas[k] * carried[k]),
            utilization=float(busy[k]),
            provenance=prediction.provenance,
            band=prediction.band,
            slo_holds="at_risk" if at_risk[k] else "yes",
            accelerator=cases[i].accelerator,
            notes=(prediction.basis,) if prediction.basis else (),
        )
    return placed


def _undelayed(serving: Serving) -> Serving:
    # Waiting for a fuller batch while a worker idles lowers no cost and raises latency: ADR 0004.
    return serving if serving.max_delay_ms == 0 else replace(serving, max_delay_ms=0.0)


def _miss(cases: Sequence[_Case], grid: _Grid, missing: Sequence[int], slo: Slo) -> dict[int, Misfit]:
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
