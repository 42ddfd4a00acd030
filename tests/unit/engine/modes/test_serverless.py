from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from infercost.domain.price import Offer
from infercost.domain.provider import ServerlessRules
from infercost.domain.refresh import ExtraPrice
from infercost.domain.traffic import Slo
from infercost.engine.modes.levels import level_of
from infercost.engine.modes.pool import COLD, PROVISIONED, TURNED_AWAY, WARM
from infercost.engine.modes.serverless import PoolRun, Provisioned, billed_seconds, cheapest_provisioned, simulate_pool
from infercost.engine.serverless import Instance, cold_share

RULES = ServerlessRules(
    billing_granularity_s=0.001,
    vcpus_per_gib=0.5,
    max_vcpus=3.0,
    cpu_family="any",
    keep_alive_s=300.0,
    cold_start_s=5.0,
    max_concurrency=200,
    max_payload_bytes=10**6,
    verified=False,
    source="test",
)
INSTANCE = Instance(instance_type="serverless-1024MB", service_s=0.05, cv=0.2, cold_s=5.0)


def run(service, fates):
    fates = np.array(fates, dtype=float)
    service = np.array(service, dtype=float)
    latency = np.where(fates == TURNED_AWAY, np.inf, service + np.where(fates == COLD, 5.0, 0.0))
    return PoolRun(latency, service, fates, 100.0, 1)


def test_each_request_is_billed_by_itself_and_none_that_was_turned_away():
    played = run([0.0101, 0.010, 0.5, 9.0], [WARM, COLD, PROVISIONED, TURNED_AWAY])
    assert billed_seconds(played, 0.001) == pytest.approx(0.011 + 0.010 + 0.5)
    assert billed_seconds(played, 0.001, cold_s=5.0) == pytest.approx(0.011 + 5.010 + 0.5)
    assert billed_seconds(played, 0.001, factor=2.0) == pytest.approx(0.021 + 0.020 + 1.0)
    assert billed_seconds(played, 0.001, fates=(PROVISIONED,)) == pytest.approx(0.5)


def test_one_that_was_turned_away_is_late():
    played = run([0.01] * 99 + [1.0], [WARM] * 99 + [TURNED_AWAY])
    assert played.severity(Slo.parse("p99=100ms")) == pytest.approx(1.0)
    assert played.severity(Slo.parse("p99.5=100ms")) == pytest.approx(2.0)
    assert played.severity(Slo.parse("mean=1s")) == np.inf
    assert played.quantile_s(0.99) == 0.01
    assert played.quantile_s(0.995) == np.inf


@pytest.mark.parametrize("requests_per_day", [100.0, 500.0, 1e5])
def test_cold_starts_at_a_level_are_within_the_formula_s_stated_error(requests_per_day):
    level = level_of(requests_per_day, None, 1)
    played = simulate_pool(level, INSTANCE, RULES)
    expected = cold_share(level.mean_rps, INSTANCE.service_s, RULES.keep_alive_s, RULES.max_concurrency)
    few = 4 * (expected / played.requests) ** 0.5
    assert expected / 1.6 - few <= played.share(COLD) <= expected / 0.8 + few


def test_the_start_of_the_simulation_is_no_cold_start_of_steady_traffic():
    played = simulate_pool(level_of(1e7, None, 0), INSTANCE, RULES)
    assert played.share(COLD) < 0.001
    assert played.seconds < level_of(1e7, None, 0).demand.duration_s


def found(region="us-east-1"):
    offer = Offer("aws", region, "serverless", "serverless-1024MB", Decimal("0.00002"), "second")
    quote = SimpleNamespace(fixed=SimpleNamespace(lines=(), cost=Decimal(0), unknown=Decimal(0)))
    usage = SimpleNamespace(source="book", placement=SimpleNamespace(band=0.5))
    return SimpleNamespace(offer=offer, quote=quote, usage=usage)


def extras(*kinds):
    return [
        ExtraPrice(
            provider="aws",
            kind=kind,
            region="us-east-1",
            instance_type="serverless-1024MB",
            price=Decimal(price),
            unit="second",
            source="test",
        )
        for kind, price in kinds
    ]


BOTH = extras(("serverless_provisioned", "0.000004"), ("serverless_provisioned_duration", "0.00001"))


def test_provisioned_capacity_keeps_what_cold_starts_break_and_is_paid_for_all_month():
    level, slo = level_of(500.0, None, 2), Slo.parse("p95=200ms")
    assert simulate_pool(level, INSTANCE, RULES).severity(slo) > 1
    made = cheapest_provisioned(level, found(), INSTANCE, RULES, slo, extras=BOTH, requests=Decimal(15_000))
    assert isinstance(made, Provisioned)
    assert made.count == 1
    assert made.run.severity(slo) <= 1
    kept, use, beside = made.lines
    assert kept.monthly_cost == Decimal(730 * 3600) * Decimal("0.000004")
    assert float(use.quantity + beside.quantity) == pytest.approx(15_000 * 0.0505, rel=0.05)
    assert made.month.likely == kept.monthly_cost + use.monthly_cost + beside.monthly_cost
    assert made.month.low <= made.month.likely <= made.month.high


@pytest.mark.parametrize(
    ("given", "lacking"), [([], "capacity kept warm and its use"), (BOTH[:1], "its use"), (BOTH[1:], "capacity kept warm")]
)
def test_without_a_price_there_is_a_reason_and_no_figure(given, lacking):
    level = level_of(500.0, None, 2)
    made = cheapest_provisioned(level, found(), INSTANCE, RULES, Slo(), extras=given, requests=Decimal(15_000))
    assert made == f"no price in the book for {lacking} of serverless-1024MB in us-east-1"


def test_another_region_s_price_is_none():
    level = level_of(500.0, None, 2)
    made = cheapest_provisioned(level, found("eu-west-1"), INSTANCE, RULES, Slo(), extras=BOTH, requests=Decimal(15_000))
    assert "no price in the book" in made
