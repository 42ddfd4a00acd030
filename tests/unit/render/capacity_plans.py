"""Capacity plans that look like real ones, built by hand."""

from __future__ import annotations

import math
from decimal import Decimal

from infercost.domain.capacity import (
    CapacityPlan,
    Crossover,
    Fact,
    ModePoint,
    PlannedReplicas,
    Policy,
    Search,
    TimelinePoint,
    WorkloadFacts,
)
from infercost.domain.estimate import Band, CostLine, LatencyMs, ProfiledModel, Rejected
from infercost.domain.prediction import Serving
from infercost.domain.price import PriceCatalog
from infercost.domain.scaling import ScalingPolicy, ScheduledCapacity
from infercost.domain.traffic import Slo

CATALOGS = (
    PriceCatalog(provider="sagemaker", as_of="2026-09-22", age_days=63, source="AWS price list", derived=False),
    PriceCatalog(provider="vertex", as_of="2026-07-30", age_days=117, source="1.15 × Compute Engine", derived=True),
    PriceCatalog(provider="azureml", as_of="2026-06-18", age_days=159, source="Azure retail prices", derived=False),
)
MODEL = ProfiledModel(name="digits.onnx", sha256="0" * 64, machine="AMD EPYC 7763")
DAY = 86_400.0


def day_of_traffic(points: int = 96, *, late_at: int = 30) -> tuple[TimelinePoint, ...]:
    """A day with a peak in the afternoon, replicas that follow it and one bad quarter of an hour."""
    timeline = []
    for i in range(points):
        load = 105 - 95 * math.cos(2 * math.pi * (i / points - 0.08))
        ready = math.ceil(load / 60)
        timeline.append(
            TimelinePoint(
                at_s=i * DAY / points,
                rps=load,
                replicas=float(ready),
                desired=float(ready + (i == late_at)),
                waiting=12.5 if i == late_at else 0.02,
                utilization=load / 60 / ready,
                late=1240 if i == late_at else 0,
                cost=Decimal("0.051") * ready / 4,
            )
        )
    return tuple(timeline)


def bill(hourly: str, mean: float, busy: float, *, egress: str | None = "0.09") -> tuple[CostLine, ...]:
    hours, price = Decimal(str(round(730 * mean, 3))), Decimal(hourly)
    used = (hours * Decimal(str(busy))).quantize(Decimal("0.001"))
    out = None if egress is None else Decimal(egress)
    volume = Decimal("28.7")
    return (
        CostLine("compute", "hour", used, price, used * price, "used", "price list", "modelled"),
        CostLine("compute", "hour", hours - used, price, (hours - used) * price, "idle", "price list", "modelled", "waiting"),
        CostLine("logs", "GB", Decimal("73.6"), Decimal("0.50"), Decimal("36.80"), "used", "price list", "assumed", "256 B"),
        CostLine(
            "egress",
            "GB",
            volume,
            out,
            None if out is None else volume * out,
            "used",
            None if out is None else "price list",
            "listed",
            None if out is not None else "no rate for this region",
            at_most=None if out is not None else Decimal("3.45"),
        ),
    )


def policy(rank: int, provider: str, region: str, instance: str, hourly: str, **changes: object) -> Policy:
    mean, busy = 2.3, 0.59
    lines = bill(hourly, mean, busy, egress=changes.pop("egress", "0.09"))  # type: ignore[arg-type]
    total = sum((line.monthly_cost for line in lines if line.monthly_cost is not None), Decimal(0))
    settings: dict[str, object] = {
        "rank": rank,
        "tie_group": rank,
        "provider": provider,
        "region": region,
        "mode": "realtime",
        "instance_type": instance,
        "serving": Serving(workers=2, threads=1, max_batch=4, max_delay_ms=2.0),
        "routing": "random",
        "replicas": PlannedReplicas(min=1, max=6, initial=1, mean=mean, peak=4),
        "scaling": (ScalingPolicy(kind="target_tracking", metric="invocations", target=2840.0),),
        "latency_ms": LatencyMs(p50=11.2, p95=28.4, p99=61.7),
        "attainment": 0.9987,
        "dropped": 0.0,
        "slo_holds": "yes",
        "slo_probability": 0.97,
        "utilization": busy,
        "idle_share": 1 - busy,
        "provenance": "modelled",
        "band": 0.6,
        "per_month": Band(total * Decimal("0.81"), total, total * Decimal("1.52")),
        "per_million": Band(total * Decimal("0.81") / 276, total / 276, total * Decimal("1.52") / 276),
        "compared": total,
        "lines": lines,
        "bound": total * Decimal("0.9"),
        "facts": (
            Fact(rule="3 of 3 points out", basis="measured", source="alarms"),
            Fact(rule="a replica starts in 300 s", basis="assumed"),
        ),
    }
    return Policy(**(settings | changes))  # type: ignore[arg-type]


def plan() -> CapacityPlan:
    night = ScheduledCapacity(name="night", at="22:00", days=("mon", "tue"), min_replicas=1, max_replicas=2)
    return CapacityPlan(
        created="2026-11-24T16:00:00+00:00",
        infercost_version="0.1.0",
        model=MODEL,
        price_catalogs=CATALOGS,
        regions=("us-east-1", "us-central1", "eastus"),
        default_regions=True,
        workload=WorkloadFacts(
            source="diurnal:peak=200,trough=10",
            duration_s=DAY,
            requests=9_072_000.0,
            mean_rps=105.0,
            peak_rps=200.0,
            burstiness="Within a minute requests are independent (Poisson)",
            payload_in_bytes=256,
            payload_out_bytes=40,
            log_bytes=256,
            clients="internet",
            overhead_ms=0.2,
            notes=("repeats every day",),
        ),
        slo=Slo.parse("p99=100ms"),
        policies=(
            policy(1, "sagemaker", "us-east-1", "ml.c7g.medium", "0.0512", timeline=day_of_traffic(), notes=("x0.9 of here",)),
            policy(2, "sagemaker", "us-east-1", "ml.c7g.large", "0.0991", tie_group=2, schedule=(night,)),
            policy(
                2,
                "vertex",
                "us-central1",
                "n2d-highcpu-2",
                "0.1002",
                tie_group=2,
                slo_probability=None,
                scaling=(ScalingPolicy(kind="vertex", metric="utilization", target=60.0),),
            ),
            policy(
                4,
                "azureml",
                "eastus",
                "Standard_F2s_v2",
                "0.1301",
                egress=None,
                slo_holds="at_risk",
                slo_probability=0.62,
                scaling=(ScalingPolicy(kind="azure", metric="utilization", target=70.0, settings={"low": 30.0}),),
            ),
            policy(
                5,
                "azureml",
                "eastus",
                "Standard_F4s_v2",
                "0.2601",
                scaling=(),
                replicas=PlannedReplicas(min=2, max=2, initial=2, mean=2.0, peak=2),
            ),
        ),
        rejected=(Rejected("sagemaker", "us-east-1", "ml.t2.medium", ("misses the SLO: p99 140 ms",)),),
        search=Search(
            candidates=412,
            pruned=350,
            screened=48,
            simulated=14,
            lower_bound=Decimal("118.20"),
            gap=0.083,
            seed=0,
            seconds_simulated=DAY,
        ),
        not_priced=("VPC endpoints",),
        warnings=("vertex prices are derived",),
    )


def crossover() -> Crossover:
    levels = (100.0, 1e4, 1e6)
    costs: dict[tuple[str, str], tuple[float | None, ...]] = {
        ("sagemaker", "realtime"): (41.2, 41.9, 130.0),
        ("sagemaker", "serverless"): (0.4, 12.0, 980.0),
        ("sagemaker", "async"): (3.1, 30.0, 240.0),
        ("vertex", "realtime"): (57.9, 58.0, 150.5),
        ("vertex", "scale_to_zero"): (None, None, None),
    }
    points = tuple(
        ModePoint(
            provider=provider,
            region="us-east-1" if provider == "sagemaker" else "us-central1",
            mode=mode,
            instance_type="serverless-1024MB" if mode == "serverless" else "ml.c7g.medium",
            requests_per_day=level,
            per_month=None if cost is None else Band(Decimal(str(cost)), Decimal(str(cost)), Decimal(str(cost * 1.2))),
            latency="p99 34 ms" if mode == "realtime" else "minutes after a pause",
            latency_p99_s=0.034 if mode == "realtime" else None,
            note="no price in the book" if cost is None else None,
            keeps_slo=None if cost is None else mode == "realtime" or (mode == "serverless" and level > 100),
            slow_start=0.7 if mode == "serverless" else None,
            refused=0.0 if cost is not None else None,
            replicas=1.25 if cost is not None else None,
        )
        for (provider, mode), row in costs.items()
        for level, cost in zip(levels, row, strict=True)
    )
    return Crossover(
        created="2026-11-24T16:00:00+00:00",
        infercost_version="0.1.0",
        model=MODEL,
        price_catalogs=CATALOGS,
        requests_per_day=levels,
        points=points,
        cheapest_from=(points[3], points[2], points[9]),
        cheapest_within_slo=(points[0], points[4], points[2]),
        slo=Slo.parse("p99=100ms"),
        traffic="steady, Poisson",
        seed=7,
        facts=(
            Fact(rule="sagemaker serverless: gone after 300 s without a request", basis="assumed", source="a test"),
            Fact(rule="sagemaker async: keeps its requests", basis="documented"),
        ),
        not_priced=("taxes",),
        warnings=("async prices are of 2026-09-22",),
    )
