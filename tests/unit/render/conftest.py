"""Estimates, a profile and verdicts that look like real ones, built by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from infercost.domain.estimate import (
    Band,
    Candidate,
    Cost,
    CostLine,
    Estimate,
    LatencyMs,
    ProfiledModel,
    Rejected,
    Replicas,
    Summary,
)
from infercost.domain.model import ModelFacts, OperatorFacts, TensorFacts
from infercost.domain.prediction import Serving
from infercost.domain.price import ExchangeRate, PriceCatalog
from infercost.domain.profile import LatencyStats, Machine, OperatorTime, Point, Profile, RawLatencies, Runtime
from infercost.domain.traffic import Slo, Traffic
from infercost.domain.verdict import Budget, Check, Verdict

MONTHLY_REQUESTS = Decimal(50 * 730 * 3600)

CATALOGS = (
    PriceCatalog(provider="sagemaker", as_of="2026-09-22", age_days=63, source="AWS price list", derived=False),
    PriceCatalog(provider="vertex", as_of="2026-07-30", age_days=117, source="1.15 × Compute Engine", derived=True),
    PriceCatalog(provider="azureml", as_of="2026-06-18", age_days=159, source="Azure retail prices", derived=False),
)


def band(likely: str | Decimal, low: float = 0.75, high: float | None = 1.4) -> Band:
    value = Decimal(likely)
    return Band(value * Decimal(str(low)), value, None if high is None else value * Decimal(str(high)))


def lines(hourly: str, replicas: int, utilization: float, *, egress: str | None = "0.09") -> tuple[CostLine, ...]:
    hours = Decimal(730) * replicas
    used = (hours * Decimal(str(utilization))).quantize(Decimal("0.01"))
    price, out = Decimal(hourly), None if egress is None else Decimal(egress)

    def line(
        name: str, unit: str, quantity: Decimal, price: Decimal | None, basis: str = "used", how: str = "listed"
    ) -> CostLine:
        cost = None if price is None else quantity * price
        source = None if price is None else "price list"
        why = "no rate for this region" if price is None else None
        at_most = quantity * Decimal("0.12") if price is None else None
        return CostLine(name, unit, quantity, price, cost, basis, source, how, why, at_most=at_most)

    return (
        line("compute", "hour", used, price, how="modelled"),
        line("compute", "hour", hours - used, price, "idle", "modelled"),
        line("storage", "GB-month", Decimal(30 * replicas), Decimal("0.154"), how="assumed"),
        line("request data", "GB", MONTHLY_REQUESTS * 602112 / 10**9, Decimal("0.016")),
        line("egress", "GB", MONTHLY_REQUESTS * 4000 / 10**9, out),
        line("logs", "GB", Decimal("33.6"), Decimal("0.50"), how="assumed"),
    )


def candidate(
    rank: int,
    group: int,
    where: tuple[str, str],
    instance: str,
    hourly: str,
    *,
    replicas: int = 2,
    p99: float = 63.2,
    provenance: str = "modelled",
    accelerator: str | None = None,
    serving: Serving | None = None,
    utilization: float = 0.41,
    high: float | None = 1.4,
    **more: object,
) -> Candidate:
    bill = more.pop("lines", None) or lines(hourly, replicas, utilization)
    month = sum((line.monthly_cost for line in bill if line.monthly_cost is not None), Decimal(0))
    return Candidate(
        rank=rank,
        tie_group=group,
        provider=where[0],
        region=where[1],
        mode=more.pop("mode", "realtime"),
        instance_type=instance,
        accelerator=accelerator,
        replicas=more.pop("counts", None) or Replicas(replicas, replicas, float(replicas)),
        serving=serving or Serving(workers=2, threads=1, max_batch=1),
        latency_ms=LatencyMs(p50=p99 / 3, p95=p99 / 1.4, p99=float(p99)),
        capacity_rps=50 / utilization,
        utilization=utilization,
        provenance=provenance,
        band={"measured": 0.05, "calibrated": 0.2, "modelled": 0.35}[provenance],
        slo_holds=more.pop("slo_holds", "yes"),
        cost=Cost(
            per_million=band((month / MONTHLY_REQUESTS * 10**6).quantize(Decimal("1e-9")), 0.75, high),
            per_month=band(month, 0.75, high),
            compared=month + sum(line.at_most or 0 for line in bill),
        ),
        lines=bill,
        **more,
    )


def estimate(candidates: tuple[Candidate, ...], rejected: tuple[Rejected, ...] = (), **more: object) -> Estimate:
    no_price = more.pop("no_price", 0)
    base = Estimate(
        created="2026-11-24T12:00:00Z",
        infercost_version="0.1.0",
        model=ProfiledModel(
            name="resnet50-v1.onnx", sha256="ab" * 32, machine="Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz, 2 CPUs"
        ),
        price_catalogs=CATALOGS,
        regions=("us-east-1", "us-central1", "eastus"),
        traffic=Traffic(rps=50.0, payload_in_bytes=602112, payload_out_bytes=4000),
        slo=Slo.parse("p99=100ms"),
        candidates=candidates,
        rejected=rejected,
        summary=Summary(
            offers=len(candidates) + len(rejected) + no_price,
            feasible=len(candidates),
            rejected=len(rejected),
            no_price=no_price,
        ),
        not_priced=(
            "savings plans, reservations and committed use",
            "taxes and support plans",
            "spot and low-priority capacity",
            "traffic between availability zones",
            "private networking endpoints",
        ),
    )
    return replace(base, **more)


def slow(provider: str, region: str, instance: str, p99: float) -> Rejected:
    return Rejected(
        provider, region, instance, (f"p99 is {p99:g} ms at negligible load, over 100 ms",), best_latency_ms=float(p99)
    )


def ties() -> Estimate:
    """CPU instances, the first three of which cannot be told apart."""
    aws, gcp, azure = ("sagemaker", "us-east-1"), ("vertex", "us-central1"), ("azureml", "eastus")
    return estimate(
        (
            candidate(1, 1, aws, "ml.c7i.large", "0.1071", provenance="calibrated", serving=Serving(workers=1, threads=2)),
            candidate(2, 1, azure, "Standard_F2s_v2", "0.0846", replicas=3, p99=71),
            candidate(3, 1, aws, "ml.c6i.large", "0.1020", replicas=3, p99=58.4, slo_holds="at_risk", high=None),
            candidate(4, 2, gcp, "c2-standard-4", "0.24013", p99=44.9, serving=Serving(workers=4, threads=1, max_batch=8)),
            candidate(5, 3, gcp, "n2-standard-8", "0.44669", p99=39, utilization=0.22, high=None),
        ),
        (
            *(slow(p, r, f"small-{i}", 134 + 7 * i) for i in range(5) for p, r in (aws, gcp, azure)),
            *(Rejected(p, r, f"tiny-{i}", (f"needs 1.9 GiB of memory, has {i} GiB",)) for i in (0, 1) for p, r in (aws, azure)),
            *(Rejected(*aws, f"ml.inf{i}.xlarge", ("ONNX Runtime has no provider for Inferentia",)) for i in (1, 2)),
        ),
        no_price=3,
        default_regions=True,
        runner_up="Runner-up: vertex c2-standard-4 × 2 costs 12 % more: its replicas are busy 41 % of the time, "
                  "and each costs 2.2 times as much.",
        warnings=("azureml prices are 159 days old; run: infercost prices refresh azureml",),
    )  # fmt: skip


def gpus() -> Estimate:
    """Long names, accelerators, batches, large amounts."""
    return estimate(
        (
            candidate(1, 1, ("vertex", "northamerica-northeast1"), "a2-ultragpu-8g", "46.2", replicas=12, p99=12.34,
                      accelerator="A100-SXM4-80GB", serving=Serving(workers=8, threads=1, max_batch=32, max_delay_ms=5)),
            candidate(2, 2, ("azureml", "germanywestcentral"), "Standard_NC24ads_A100_v4", "4.775", replicas=140, p99=99.6,
                      accelerator="A100-PCIE-80GB", serving=Serving(workers=1, threads=1, max_batch=64), slo_holds="at_risk",
                      high=None),
            candidate(3, 3, ("azureml", "southafricanorth"), "Standard_ND96amsr_A100_v4", "46.861", replicas=16, p99=96.1,
                      accelerator="A100-SXM4-80GB", serving=Serving(workers=8, threads=12, max_batch=128)),
            candidate(4, 4, ("sagemaker", "us-gov-west-1"), "ml.p6-b200.48xlarge", "157.227264", replicas=9, p99=8.1,
                      accelerator="B200", serving=Serving(workers=8, threads=1, max_batch=128), provenance="measured"),
        ),
        (slow("sagemaker", "us-east-1", "ml.t2.medium", 9130.0),),
        regions=("northamerica-northeast1", "germanywestcentral", "southafricanorth", "us-gov-west-1"),
    )  # fmt: skip


def serverless() -> Estimate:
    """A serverless winner at low traffic."""
    billed = (
        CostLine(
            "compute", "second", Decimal("91980"), Decimal("0.00002"), Decimal("1.8396"), "used", "price list", "modelled"
        ),
        CostLine("request data", "GB", Decimal("0.79"), Decimal("0.016"), Decimal("0.01264"), "used", "price list"),
    )
    first = candidate(
        1, 1, ("sagemaker", "us-east-1"), "serverless-2048", "0", mode="serverless", counts=Replicas(0, 2, 0.04), lines=billed,
        notes=("Cold starts: about 38 % of requests wait 1.9 s more for a container.",), provenance="modelled", p99=88,
    )  # fmt: skip
    first = replace(first, cost=Cost(Band(Decimal("0.4"), Decimal("0.705"), Decimal("1.1")), band("1.85224")))
    return estimate(
        (first, candidate(2, 2, ("vertex", "us-central1"), "n1-standard-2", "0.1265", replicas=1)),
        traffic=Traffic(rps=1.0, payload_in_bytes=301, payload_out_bytes=4000, clients="in-region"),
    )


def unpriced() -> Estimate:
    """Egress has no rate, so the totals are incomplete; some offers have no price at all."""
    partial = lines("0.1071", 2, 0.41, egress=None)
    only = candidate(1, 1, ("sagemaker", "ap-southeast-7"), "ml.c7i.large", "0.1071", lines=partial)
    return estimate((only,), no_price=41, regions=("ap-southeast-7",))


def infeasible() -> Estimate:
    """Nothing meets the SLO."""
    return estimate(
        (),
        (
            *(slow("sagemaker", region, "ml.c7i.large", 320) for region in ("us-east-1", "eu-west-1")),
            *(slow("sagemaker", region, "ml.c7i.xlarge", 134.5) for region in ("us-east-1", "eu-west-1")),
            slow("vertex", "us-central1", "c2-standard-60", 101.2),
            slow("azureml", "eastus", "Standard_F72s_v2", 118),
            Rejected("azureml", "eastus", "Standard_DS1_v2", ("needs 1.9 GiB of memory, has 1 GiB",)),
        ),
        no_price=1,
    )  # fmt: skip


def everywhere() -> Estimate:
    """The same few instances in every region of two clouds."""
    regions = [f"region-{i:02}" for i in range(37)]
    offers = [
        ("sagemaker", "ml.c7i.large", "0.1071"),
        ("sagemaker", "ml.m7i.large", "0.1210"),
        ("vertex", "n2-standard-4", "0.2233"),
    ]
    every = [
        candidate(1, 1, (provider, region), instance, str(Decimal(price) * (100 + i % 13 * 4) / 100))
        for provider, instance, price in offers
        for i, region in enumerate(regions)
    ]
    every.sort(key=lambda c: c.cost.per_month.likely)
    ranked = tuple(replace(c, rank=i, tie_group=1 + (i > 60)) for i, c in enumerate(every, 1))
    return estimate(ranked, regions=tuple(regions), price_catalogs=CATALOGS[:2])


def hostile() -> Estimate:
    """Names from files that try to break the output."""
    base = ties()
    model = replace(base.model, name="a|b\x1b[31m`x`\n<b>*$1$*.onnx", machine="cpu\x07\x9b2J")
    return replace(base, model=model, warnings=("a|b\nc\x1b]0;x\x07",))


def discounted() -> Estimate:
    """In euros by the user's own rate, with an eighth off compute of one cloud."""
    base = ties()
    rate = ExchangeRate(currency="EUR", rate=Decimal("0.920"), as_of="2026-11-01")
    catalogs = [replace(c, currency="EUR", exchange_rate=rate) for c in base.price_catalogs]
    catalogs[0] = replace(catalogs[0], discounts=("12.5 % off compute (EDP)",))
    first = base.candidates[0]
    compute = [
        replace(x, list_price=x.price / Decimal("0.875"), list_cost=x.monthly_cost / Decimal("0.875")) for x in first.lines[:2]
    ]
    listed = first.cost.per_month.likely + sum(x.list_cost - x.monthly_cost for x in compute)
    cheapest = replace(
        first, lines=(*compute, *first.lines[2:]), cost=replace(first.cost, list_per_month=listed.quantize(Decimal("0.000001")))
    )
    return replace(
        base, currency="EUR", price_catalogs=tuple(catalogs), candidates=(cheapest, *base.candidates[1:]), runner_up=None
    )


def profile() -> Profile:
    rng = random.Random(7)
    points = []
    for batch, threads, count, mean in ((1, 1, 900, 21.4), (1, 2, 900, 11.9), (4, 2, 140, 46.0), (16, 2, 30, 181.0)):
        seconds = [mean / 1e3 * rng.uniform(0.95, 1.1) for _ in range(count)]
        raw = RawLatencies.pack(seconds)
        stats = LatencyStats.of(raw.seconds())
        points.append(
            Point(batch=batch, threads=threads, precision="fp32", latency_ms=stats, throughput_per_s=batch * 1e3 / stats.mean,
                  memory_bytes=211_000_000 + batch * 9_000_000, cpu_utilization=0.97, load_s=0.21, first_inference_s=0.03,
                  stable=batch < 16, raw=raw)
        )  # fmt: skip
    operators = (
        OperatorTime(
            op_type="Conv", count=53, time_share=0.912, flops=8_170_000_000, bytes=170_000_000, weight_bytes=94_000_000
        ),
        OperatorTime(op_type="Gemm", count=1, time_share=0.041, flops=4_096_000, bytes=8_200_000, weight_bytes=8_196_000),
        OperatorTime(op_type="MaxPool", count=1, time_share=0.0442, flops=None, bytes=None),
        OperatorTime(op_type="Flatten", count=1, time_share=0.0028, flops=0, bytes=16_384),
    )
    model = ModelFacts(
        name="resnet50-v1.onnx", sha256="ab" * 32, opset=17, domains={"": 17}, parameters=25_557_032,
        weights_by_dtype={"float32": 102_228_128}, file_bytes=102_443_100, flops_per_item=8_174_000_000, flops_coverage=1.0,
        inputs=(TensorFacts(name="data", dtype="float32", shape=("N", 3, 224, 224), bound_shape=(1, 3, 224, 224)),),
        outputs=(TensorFacts(name="prob", dtype="float32", shape=("N", None), bound_shape=(1, 1000)),),
        operators=tuple(OperatorFacts(op_type=o.op_type, count=o.count, flops=o.flops, bytes=o.bytes) for o in operators),
        bound_dims={"N": 1}, batch_dim="N",
    )  # fmt: skip
    return Profile(
        infercost_version="0.1.0", created="2026-11-24T12:00:00Z", model=model,
        machine=Machine(cpu_model="Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", cpu_family="intel-icelake", arch="x86_64",
                        isa=("avx2", "avx512f"), logical_cpus=2, memory_bytes=8_220_000_000, os="Linux 6.8"),
        runtime=Runtime(version="1.32.0", execution_provider="CPUExecutionProvider", python="3.11.9"),
        points=tuple(points), operators=operators, payload_in_bytes=602_112, payload_out_bytes=4_000,
        warnings=("dimension N was not bound; measured with 1",),
    )  # fmt: skip


def verdict(outcome: str) -> Verdict:
    answered = infeasible() if outcome == "inconclusive" else ties()
    judged = answered.candidates[0] if answered.candidates else None
    checks = (
        Check(
            name="monthly",
            outcome=outcome,
            limit="$1500",
            actual=judged.cost.per_month if judged else None,
            reason="the whole band is on one side of the limit" if judged else "no candidate meets the SLO",
        ),
        Check(
            name="p99_ms",
            outcome="pass" if judged else "inconclusive",
            limit="80 ms",
            actual=band("63.2", 0.74, 1.35) if judged else None,
            reason="p99 at the likely prediction",
        ),
    )
    return Verdict(
        outcome=outcome, checks=checks, budget=Budget(max_monthly=Decimal(1500), max_p99_ms=80.0), estimate=answered,
        candidate=1 if judged else None,
    )  # fmt: skip


ESTIMATES = {f.__name__: f for f in (ties, gpus, serverless, unpriced, infeasible, everywhere, hostile, discounted)}
VERDICTS = ("pass", "breach", "inconclusive")


@pytest.fixture(params=ESTIMATES)
def named_estimate(request: pytest.FixtureRequest, estimates: dict[str, Estimate]) -> tuple[str, Estimate]:
    """Each sample estimate under its name."""
    return request.param, estimates[request.param]


@pytest.fixture(scope="session")
def estimates() -> dict[str, Estimate]:
    """All sample estimates by name."""
    return {name: build() for name, build in ESTIMATES.items()}


@pytest.fixture(name="profile", scope="session")
def sample_profile() -> Profile:
    return profile()


@pytest.fixture(params=VERDICTS)
def named_verdict(request: pytest.FixtureRequest) -> tuple[str, Verdict]:
    """One verdict of each outcome."""
    return request.param, verdict(request.param)


@pytest.fixture(scope="session")
def make_candidate():
    """Build a candidate; see ``candidate``."""
    return candidate


@pytest.fixture(scope="session")
def make_estimate():
    """Build an estimate; see ``estimate``."""
    return estimate


@pytest.fixture(scope="session")
def make_verdict():
    """Build a verdict of an outcome."""
    return verdict
