"""Planner of the serverless mode: concurrency, cold starts and billed time by formula.

Each request has an instance to itself; there is no queue. docs/explanation/queueing.md has the
formulas. How a platform behaves comes as ``ServerlessRules``, much of it assumed: the band is
widened and the provenance is ``modelled`` for it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.domain.errors import ArtifactError
from infercost.domain.estimate import LatencyMs
from infercost.domain.hardware import Hardware
from infercost.domain.plan import Misfit, Placement
from infercost.domain.prediction import Serving
from infercost.domain.units import GIB
from infercost.engine.erlang import blocking, service_shape
from infercost.engine.plan import explain_miss, oversize
from infercost.engine.wording import amount, gib, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infercost.domain.hardware import CpuFamily
    from infercost.domain.prediction import PredictedPoint, Prediction
    from infercost.domain.profile import Profile
    from infercost.domain.provider import ServerlessRules
    from infercost.domain.traffic import Slo, SloTarget, Traffic

__all__ = ["Instance", "cold_share", "instance_of", "plan_serverless", "serverless_hardware"]

ASSUMED_CPU_BAND: Final = 0.3
"""Widening of the band for a CPU and a share of it that the platform does not publish."""

TURNED_AWAY: Final = 0.001
"""Share of requests that may find the endpoint's concurrency used up."""

_SIZE = re.compile(r"serverless-(\d+)MB")


def serverless_hardware(
    provider: str, sizes: Sequence[str], rules: ServerlessRules, families: Mapping[str, CpuFamily]
) -> list[Hardware]:
    """What the predictor is asked about for each memory size, in order.

    A fractional vCPU is predicted as a whole one; ``plan_serverless`` slows the service in proportion.

    Args:
        provider: key of the cloud.
        sizes: instance types of serverless offers (``serverless-2048MB``).
        rules: the cloud's rules.
        families: CPU families by key.

    Raises:
        ArtifactError: a size is not named like that.
    """
    cpu = families.get(rules.cpu_family)
    return [
        Hardware(
            provider=provider,
            instance_type=size,
            family="serverless",
            vcpus=math.ceil(_vcpus(memory, rules)),
            memory_gib=memory,
            cpu=cpu,
            threads_per_core=1 if cpu is not None and cpu.arch != "x86_64" else 2,
            source=rules.source,
            note="" if cpu else f"the CPU assumed, {rules.cpu_family}, is not in the hardware table",
        )
        for size, memory in ((size, _memory_gib(provider, size)) for size in sizes)
    ]


def _memory_gib(provider: str, size: str) -> float:
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ArtifactError(
            f"the price book of {provider} has a serverless offer {size!r}; name it serverless-<MB>MB and rebuild the prices"
        )
    return int(match[1]) / 1024


def _vcpus(memory_gib: float, rules: ServerlessRules) -> float:
    return min(rules.max_vcpus, memory_gib * rules.vcpus_per_gib)


def _slowdown(hardware: Hardware, rules: ServerlessRules) -> float:
    """How much longer everything takes on the share of its vCPUs that the size has."""
    return hardware.vcpus / _vcpus(hardware.memory_gib, rules)


def _single(prediction: Prediction) -> PredictedPoint | None:
    """How an instance serves: one request at a time."""
    single = [p for p in prediction.points if p.serving.workers == 1 and p.serving.max_batch == 1]
    return min(single, key=lambda p: p.single_s, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What an instance of a memory size does with a request, likely."""

    instance_type: str
    service_s: float
    cv: float
    cold_s: float
    """What a cold start adds: the container's start, and loading the model."""


def instance_of(prediction: Prediction, hardware: Hardware, load_s: float, rules: ServerlessRules) -> Instance | None:
    """An instance for a simulator; None where nothing was predicted.

    Args:
        prediction: on the hardware.
        hardware: of ``serverless_hardware``.
        load_s: seconds that loading the model took where it was measured.
        rules: the cloud's rules.
    """
    point = _single(prediction)
    if point is None:
        return None
    slowed = _slowdown(hardware, rules)
    return Instance(
        instance_type=hardware.instance_type,
        service_s=point.single_s * slowed,
        cv=prediction.cv if point.cv is None else point.cv,
        cold_s=rules.cold_start_s + load_s * slowed,
    )


def plan_serverless(  # noqa: PLR0917 - like plan, with the profile for the time to load
    predictions: Sequence[Prediction],
    hardware: Sequence[Hardware],
    profile: Profile,
    traffic: Traffic,
    slo: Slo,
    rules: ServerlessRules,
) -> list[Placement | Misfit]:
    """Place the traffic on each memory size, or say why it does not fit.

    Args:
        predictions: one a size, on the hardware of ``serverless_hardware``.
        hardware: that hardware, in the same order.
        profile: says how long the model takes to load.
        traffic: steady Poisson arrivals.
        slo: promises, cold starts included.
        rules: the cloud's rules.
    """
    load_s = median([p.load_s for p in profile.points if p.load_s is not None] or [0.0])
    case = _Case(load_s, traffic, slo, rules)
    return [case.place(p, h) for p, h in zip(predictions, hardware, strict=True)]


@dataclass(frozen=True, slots=True)
class _Case:
    """What is asked of every size."""

    load_s: float
    traffic: Traffic
    slo: Slo
    rules: ServerlessRules

    def place(self, prediction: Prediction, hardware: Hardware) -> Placement | Misfit:
        reasons = [*prediction.reasons, *oversize(self.traffic, self.rules.max_payload_bytes)]
        point = _single(prediction)
        if point is None:
            return _misfit(prediction, reasons or ["no configuration with a single worker was predicted"])
        needs = point.memory_bytes / GIB + self.rules.memory_reserved_gib
        if needs > hardware.memory_gib:
            kept = f" ({gib(self.rules.memory_reserved_gib)} of it for the runtime)" if self.rules.memory_reserved_gib else ""
            reasons.append(f"needs {gib(needs)} of memory{kept}, has {gib(hardware.memory_gib)}")
        band = (1 + prediction.band) * (1 + ASSUMED_CPU_BAND) - 1
        loads = self._loads(prediction, point, hardware, band)
        likely = loads[1]
        if likely.concurrency is None:
            busy = amount(likely.offered)
            reasons.append(
                f"needs more than the {self.rules.max_concurrency} concurrent requests allowed; {busy} are busy on average"
            )
        figures = [(target, likely.reached_s(target) * 1e3) for target in self.slo.targets]
        if any(reached > target.limit_ms for target, reached in figures):
            said, latency = explain_miss(figures, 1 + band)
            cold = [likely.cold_words()] if likely.cold > TURNED_AWAY else []
            return _misfit(prediction, [*reasons, *said, *cold], latency)
        return _misfit(prediction, reasons) if reasons else self._placement(prediction, point, loads, band)

    def _loads(
        self, prediction: Prediction, point: PredictedPoint, hardware: Hardware, band: float
    ) -> tuple[_Load, _Load, _Load]:
        """The load at the band's fast end, likely, and at its slow end."""
        slowed = _slowdown(hardware, self.rules)
        low, likely, high = (
            _Load.of(
                service_s=point.single_s * slowed * factor,
                load_s=self.load_s * slowed,
                cv=prediction.cv if point.cv is None else point.cv,
                rps=self.traffic.rps,
                rules=self.rules,
            )
            for factor in (1 / (1 + band), 1.0, 1 + band)
        )
        return low, likely, high

    def _placement(
        self, prediction: Prediction, point: PredictedPoint, loads: tuple[_Load, _Load, _Load], band: float
    ) -> Placement:
        low, likely, high = loads
        kept = high.concurrency is not None and all(high.reached_s(t) * 1e3 <= t.limit_ms for t in self.slo.targets)
        concurrency = likely.concurrency or self.rules.max_concurrency
        p50, p95, p99 = (likely.quantile_s(q) * 1e3 for q in (0.5, 0.95, 0.99))
        return Placement(
            provider=prediction.provider,
            instance_type=prediction.instance_type,
            mode="serverless",
            serving=Serving(workers=1, threads=point.serving.threads),
            replicas=concurrency,
            replicas_low=min(concurrency, low.concurrency or concurrency),
            replicas_high=high.concurrency if kept else None,
            latency_ms=LatencyMs(p50=p50, p95=p95, p99=p99),
            capacity_rps=offered_within(self.rules.max_concurrency, TURNED_AWAY) / likely.service_s,
            utilization=min(1.0, likely.offered / concurrency),
            provenance="modelled",
            band=band,
            slo_holds="yes" if kept else "at_risk",
            billed_s=(low.billed_s, likely.billed_s, high.billed_s if kept else None),
            notes=tuple(self._notes(prediction, likely)),
        )

    def _notes(self, prediction: Prediction, likely: _Load) -> Iterator[str]:
        if prediction.basis:
            yield prediction.basis
        yield likely.cold_words()
        if not self.rules.verified:
            yield "vCPU share, CPU, cold start and keep-alive of the serverless mode are assumed, not published"


def _misfit(prediction: Prediction, reasons: Sequence[str], latency: float | None = None) -> Misfit:
    return Misfit(
        provider=prediction.provider,
        instance_type=prediction.instance_type,
        mode="serverless",
        reasons=tuple(reasons),
        best_latency_ms=latency,
    )


@dataclass(frozen=True, slots=True)
class _Load:
    """The traffic on one size at one service time."""

    service_s: float
    cv: float
    offered: float
    """Mean concurrent requests."""
    concurrency: int | None
    """Instances so that at most ``TURNED_AWAY`` of the requests find none; None beyond the platform's limit."""
    cold: float
    """Share of requests that start cold."""
    cold_s: float
    """What a cold start adds."""
    billed_s: float

    @classmethod
    def of(cls, *, service_s: float, load_s: float, cv: float, rps: float, rules: ServerlessRules) -> _Load:
        offered = rps * service_s
        return cls(
            service_s=service_s,
            cv=cv,
            offered=offered,
            concurrency=concurrency_for(offered, rules.max_concurrency),
            cold=cold_share(rps, service_s, rules.keep_alive_s, rules.max_concurrency),
            cold_s=rules.cold_start_s + load_s,
            billed_s=math.ceil(round(service_s / rules.billing_granularity_s, 6)) * rules.billing_granularity_s,
        )

    def cold_words(self) -> str:
        """How often a request starts cold, and what that costs it."""
        return f"{amount(self.cold * 100)} % of requests start cold, {milliseconds(self.cold_s * 1e3)} each"

    def quantile_s(self, q: float) -> float:
        """Seconds that a share ``q`` of requests stays within: warm, or cold and then served."""
        p = 1 - q
        if p <= self.cold:
            return self.cold_s + self._service_s(p / self.cold)
        return min(self._service_s((p - self.cold) / (1 - self.cold)), self.cold_s + self._service_s(p))

    def reached_s(self, target: SloTarget) -> float:
        """What the SLO's metric comes to, seconds."""
        if target.quantile is None:
            return self.service_s + self.cold * self.cold_s
        return self.quantile_s(target.quantile)

    def _service_s(self, p: float) -> float:
        """Service exceeded with probability ``p``."""
        floor, scale, weight = (float(part) for part in service_shape(np.array(self.cv)))
        return self.service_s * (floor + (scale * math.log(weight / p) if p < weight else 0.0))


def concurrency_for(offered: float, most: int) -> int | None:
    """Fewest instances that turn away at most ``TURNED_AWAY`` of the requests; None if ``most`` are too few."""
    share = 1.0
    for n in range(1, most + 1):
        share = offered * share / (n + offered * share)
        if share <= TURNED_AWAY:
            return n
    return None


@lru_cache(maxsize=64)
def offered_within(servers: int, share: float) -> float:
    """Largest mean concurrency (Erlangs) of which ``servers`` turn away at most ``share``."""
    low, high = 0.0, float(servers)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if blocking(servers, middle) <= share else (low, middle)
    return low


def cold_share(rps: float, service_s: float, keep_alive_s: float, most: int) -> float:
    """Share of Poisson requests that start cold.

    Instances are filled in order: the n-th gets what the first n - 1 turn away (Erlang B), and is
    cold where nothing came for ``keep_alive_s``. What is turned away comes in clusters, so gaps are
    longer than its rate says: the rate is thinned by the mean cluster, (n - 1) / (n - 1 - offered)
    and at most 2. For rare requests this is exp(-rps * keep_alive_s). Within -20 % and +60 % of
    simulation (docs/explanation/queueing.md).
    """
    offered, share, cold = rps * service_s, 1.0, 0.0
    for n in range(1, most + 1):
        after = offered * share / (n + offered * share)
        thinned = 1.0 if n == 1 else max(1 - offered / (n - 1), 0.5)
        cold += (share - after) * math.exp(-rps * share * thinned * keep_alive_s)
        share = after
        if share < 1e-9:
            break
    return cold
