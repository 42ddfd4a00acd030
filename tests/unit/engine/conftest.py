"""Builders of small domain values for the engine's tests. Every default is harmless; tests name what they vary."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from infercost.domain.estimate import LatencyMs
from infercost.domain.hardware import Accelerator, CpuFamily, Hardware
from infercost.domain.model import ModelFacts
from infercost.domain.plan import Misfit, Placement
from infercost.domain.prediction import PredictedPoint, Prediction, Serving
from infercost.domain.price import Catalog, Offer, Rate, Region
from infercost.domain.profile import LatencyStats, Machine, Point, Profile, Runtime
from infercost.domain.provider import Charge, CloudProvider, HostingRules, ServerlessRules
from infercost.domain.traffic import Slo, Traffic
from infercost.domain.units import GIB

CPU = CpuFamily(
    key="intel-icelake",
    title="Ice Lake",
    arch="x86_64",
    isa=("avx512f",),
    fp32_flops_per_cycle=64,
    int8_ops_per_cycle=256,
    sustained_ghz=3.0,
    memory_bandwidth_gbs=200,
    cores_per_socket=32,
    scalar_speed=1.0,
    source="test",
)
GPU = Accelerator(
    key="T4",
    vendor="nvidia",
    fp32_tflops=8,
    tf32_tflops=None,
    fp16_tflops=65,
    int8_tops=130,
    memory_gib=16,
    memory_bandwidth_gbs=320,
    onnxruntime_provider="CUDAExecutionProvider",
    source="test",
)
HOSTING = HostingRules(
    min_replicas=1,
    recommended_min_replicas=1,
    billing_granularity_s=1.0,
    minimum_billed_s=0.0,
    max_payload_bytes=None,
    memory_reserved_gib=0.0,
    source="test",
)
SERVERLESS = ServerlessRules(
    billing_granularity_s=0.001,
    vcpus_per_gib=0.5,
    max_vcpus=3.0,
    cpu_family="intel-icelake",
    keep_alive_s=300.0,
    cold_start_s=5.0,
    max_concurrency=200,
    max_payload_bytes=4_000_000,
    memory_reserved_gib=0.0,
    verified=False,
    source="test",
)


def hardware(instance_type: str = "m.large", provider: str = "cloud", **changes: Any) -> Hardware:
    given: dict[str, Any] = {"family": "m", "vcpus": 4, "memory_gib": 16.0, "cpu": CPU}
    return Hardware(provider=provider, instance_type=instance_type, **(given | changes))


def point(
    workers: int = 4,
    batch: int = 1,
    ms: float = 10.0,
    single_ms: float | None = None,
    memory_gib: float = 1.0,
    threads: int = 1,
) -> PredictedPoint:
    return PredictedPoint(
        serving=Serving(workers=workers, threads=threads, max_batch=batch),
        service_s=ms / 1e3,
        single_s=(ms if single_ms is None else single_ms) / 1e3,
        memory_bytes=int(memory_gib * GIB),
    )


def prediction(*points: PredictedPoint, instance_type: str = "m.large", provider: str = "cloud", **changes: Any) -> Prediction:
    given: dict[str, Any] = {"provenance": "modelled", "band": 0.25, "cv": 0.05}
    return Prediction(provider=provider, instance_type=instance_type, points=points, **(given | changes))


def traffic(rps: float = 50.0, **changes: Any) -> Traffic:
    given: dict[str, Any] = {"payload_in_bytes": 1_000_000, "payload_out_bytes": 4_000}
    return Traffic(rps=rps, **(given | changes))


def placement(instance_type: str = "m.large", provider: str = "cloud", **changes: Any) -> Placement:
    given: dict[str, Any] = {
        "mode": "realtime",
        "serving": Serving(workers=4, threads=1),
        "replicas": 2,
        "replicas_low": 1,
        "replicas_high": 3,
        "latency_ms": LatencyMs(p50=10.0, p95=20.0, p99=30.0),
        "capacity_rps": 60.0,
        "utilization": 0.4,
        "provenance": "modelled",
        "band": 0.25,
        "slo_holds": "yes",
    }
    return Placement(provider=provider, instance_type=instance_type, **(given | changes))


def misfit(instance_type: str = "m.large", provider: str = "cloud", **changes: Any) -> Misfit:
    given: dict[str, Any] = {
        "mode": "realtime",
        "reasons": ("p99 is 200 ms at best, 100 ms over 100 ms",),
        "best_latency_ms": 200.0,
    }
    return Misfit(provider=provider, instance_type=instance_type, **(given | changes))


def offer(price: str | None = "0.10", instance_type: str = "m.large", region: str = "here", **changes: Any) -> Offer:
    given: dict[str, Any] = {"provider": "cloud", "mode": "realtime", "unit": "hour"}
    return Offer(
        region=region, instance_type=instance_type, price=None if price is None else Decimal(price), **(given | changes)
    )


def rate(item: str, price: str, region: str = "*", unit: str = "GB", start: str = "0") -> Rate:
    return Rate(
        item=item,
        region=region,
        unit=unit,
        price=Decimal(price),
        from_quantity=Decimal(start),
        source="list",
        as_of="2026-01-01",
    )


def catalog(*offers: Offer, rates: tuple[Rate, ...] = (), **changes: Any) -> Catalog:
    keys = {o.region for o in offers}
    given: dict[str, Any] = {
        "provider": "cloud",
        "as_of": "2026-01-01",
        "source": "price list",
        "licence": "facts",
        "regions": {key: Region(key=key, location=key, geography="us") for key in sorted(keys)},
    }
    return Catalog(offers=offers, rates=rates, **(given | changes))


def provider(*charges: Charge, **changes: Any) -> CloudProvider:
    given: dict[str, Any] = {
        "name": "cloud",
        "title": "Cloud",
        "default_region": "here",
        "catalog_package": "none",
        "hosting": HOSTING,
        "not_priced": ("taxes",),
    }
    return CloudProvider(charges=charges, **(given | changes))


def profile(*, file_bytes: int = 50_000_000, load_s: float | None = 0.5) -> Profile:
    stats = LatencyStats(mean=10.0, p50=10.0, p90=10.0, p95=None, p99=None, count=100, cv=0.05, min=9.0)
    measured = Point(
        batch=1,
        threads=1,
        precision="fp32",
        latency_ms=stats,
        throughput_per_s=100.0,
        memory_bytes=GIB,
        cpu_utilization=1.0,
        load_s=load_s,
    )
    return Profile(
        infercost_version="0",
        created="2026-01-01T00:00:00+00:00",
        model=ModelFacts(
            name="net",
            sha256="0" * 64,
            opset=17,
            parameters=1,
            file_bytes=file_bytes,
            flops_per_item=None,
            inputs=(),
            outputs=(),
        ),
        machine=Machine(cpu_model="cpu", arch="x86_64", logical_cpus=4, memory_bytes=16 * GIB, os="linux"),
        runtime=Runtime(version="1", execution_provider="CPUExecutionProvider", python="3.11"),
        points=(measured,),
        operators=(),
        payload_in_bytes=1_000_000,
        payload_out_bytes=4_000,
    )


def estimate(
    *offers: Offer,
    placements: tuple[Placement | Misfit, ...] | None = None,
    charges: tuple[Charge, ...] = (),
    rates: tuple[Rate, ...] = (),
    slo: str = "p99=100ms",
    today: date = date(2026, 1, 2),
    regions: tuple[str, ...] | None = None,
    rps: float = 50.0,
    provider_changes: dict[str, Any] | None = None,
    traffic_changes: dict[str, Any] | None = None,
    measured: Profile | None = None,
    **catalog_changes: Any,
) -> Any:
    from infercost.engine.estimate import estimate as price

    types = dict.fromkeys((o.instance_type, o.mode) for o in offers)
    book = catalog(*offers, rates=rates, **catalog_changes)
    return price(
        profile=measured or profile(),
        traffic=traffic(rps, **(traffic_changes or {})),
        slo=Slo.parse(slo) if slo else Slo(),
        placements=placements if placements is not None else tuple(placement(name, mode=mode) for name, mode in types),
        catalogs=(book,),
        providers={"cloud": provider(*charges, **(provider_changes or {}))},
        regions={"cloud": tuple(sorted({o.region for o in offers})) if regions is None else regions},
        today=today,
        created="2026-01-02T00:00:00+00:00",
        version="0",
    )


@pytest.fixture(scope="session")
def build() -> SimpleNamespace:
    """The builders of this module, by name."""
    names = (hardware, point, prediction, traffic, placement, misfit, offer, rate, catalog, provider, profile, estimate)
    return SimpleNamespace(
        **{f.__name__: f for f in names}, CPU=CPU, GPU=GPU, HOSTING=HOSTING, SERVERLESS=SERVERLESS, Slo=Slo, Charge=Charge
    )
