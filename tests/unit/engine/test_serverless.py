from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import ArtifactError
from infercost.domain.plan import Misfit, Placement
from infercost.domain.traffic import Slo
from infercost.engine.erlang import blocking
from infercost.engine.serverless import (
    ASSUMED_CPU_BAND,
    TURNED_AWAY,
    cold_share,
    concurrency_for,
    offered_within,
    plan_serverless,
    serverless_hardware,
)

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.fixture(scope="session")
def place(build: SimpleNamespace) -> Any:
    """Plan one size of 4 GiB (2 vCPUs by the rules of the builders)."""

    def one(
        *points: Any,
        slo: str = "p99=100ms",
        rps: float = 50.0,
        size: int = 4096,
        rules: Any = None,
        load_s: float | None = 0.5,
        traffic: Any = None,
        **changes: Any,
    ) -> Placement | Misfit:
        rules = rules or build.SERVERLESS
        name = f"serverless-{size}MB"
        machines = serverless_hardware("cloud", [name], rules, {"intel-icelake": build.CPU})
        predicted = build.prediction(*(points or (build.point(1, ms=10, threads=2),)), instance_type=name, **changes)
        (found,) = plan_serverless(
            [predicted],
            machines,
            build.profile(load_s=load_s),
            traffic or build.traffic(rps),
            Slo.parse(slo) if slo else Slo(),
            rules,
        )
        return found

    return one


def placed(found: Placement | Misfit) -> Placement:
    assert isinstance(found, Placement), found
    return found


def missed(found: Placement | Misfit) -> Misfit:
    assert isinstance(found, Misfit), found
    return found


def test_hardware_follows_the_memory(build: SimpleNamespace) -> None:
    sizes = ["serverless-1024MB", "serverless-3072MB", "serverless-8192MB"]
    small, middle, large = serverless_hardware("cloud", sizes, build.SERVERLESS, {"intel-icelake": build.CPU})
    assert (small.vcpus, small.memory_gib) == (1, 1.0)
    assert middle.vcpus == 2
    assert large.vcpus == 3, "capped by max_vcpus"
    assert small.cpu is build.CPU


def test_a_cpu_that_the_table_lacks_is_none_with_a_reason(build: SimpleNamespace) -> None:
    (machine,) = serverless_hardware("cloud", ["serverless-1024MB"], build.SERVERLESS, {})
    assert machine.cpu is None
    assert "intel-icelake" in machine.note


def test_an_unreadable_size_names_the_remedy(build: SimpleNamespace) -> None:
    with pytest.raises(ArtifactError, match=r"'lambda-big'; name it serverless-<MB>MB"):
        serverless_hardware("cloud", ["lambda-big"], build.SERVERLESS, {})


def test_busy_traffic_is_billed_by_the_granularity(place: Any) -> None:
    found = placed(place(cv=0.0))
    low, likely, high = found.billed_s or (0, 0, 0)
    assert likely == pytest.approx(0.010)
    assert high is not None
    assert low < likely < high
    assert all(round(s * 1e3, 6) == round(s * 1e3) for s in (low, likely, high)), "whole milliseconds"
    assert found.mode == "serverless"
    assert found.provenance == "modelled"
    assert found.band == pytest.approx(1.25 * (1 + ASSUMED_CPU_BAND) - 1)
    assert any("assumed, not published" in note for note in found.notes)


def test_billed_time_is_rounded_up(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(1, ms=10.2), rules=replace(build.SERVERLESS, billing_granularity_s=0.1)))
    assert found.billed_s is not None
    assert found.billed_s[1] == pytest.approx(0.1)


def test_a_fractional_vcpu_slows_the_service_in_proportion(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(1, ms=10), size=1024, cv=0.0))
    assert found.billed_s is not None
    assert found.billed_s[1] == pytest.approx(0.020)


def test_concurrency_is_what_rarely_turns_a_request_away(place: Any) -> None:
    found = placed(place(rps=500, cv=0.0))
    assert blocking(found.replicas, 5.0) <= TURNED_AWAY < blocking(found.replicas - 1, 5.0)
    assert found.replicas_low <= found.replicas <= (found.replicas_high or 0)
    assert found.capacity_rps == pytest.approx(offered_within(200, TURNED_AWAY) / 0.010)


def test_more_than_the_allowed_concurrency_does_not_fit(place: Any) -> None:
    found = missed(place(rps=30_000))
    assert "more than the 200 concurrent requests" in found.reasons[0]
    assert found.best_latency_ms is None


def test_rare_requests_start_cold_and_break_the_promise(place: Any) -> None:
    found = missed(place(rps=0.001))
    assert found.best_latency_ms == pytest.approx(5000 + 500 + 10, rel=0.01)
    assert any("start cold" in reason for reason in found.reasons)
    assert placed(place(rps=0.001, slo="p99=6s")).latency_ms.p99 > 5000


def test_cold_starts_rarer_than_the_percentile_do_not_count(place: Any) -> None:
    found = placed(place(rps=0.02))  # e^-6: 0.25 % start cold
    assert found.latency_ms.p99 < 20
    assert isinstance(place(rps=0.02, slo="p99.9=100ms"), Misfit)


def test_a_model_that_was_never_timed_loading_adds_the_container_alone(place: Any) -> None:
    assert missed(place(rps=0.0001, load_s=None)).best_latency_ms == pytest.approx(5010, rel=0.01)


def test_memory_and_payload_limits(build: SimpleNamespace, place: Any) -> None:
    found = missed(place(build.point(1, memory_gib=4.5), traffic=build.traffic(50, payload_in_bytes=9_000_000)))
    assert found.reasons == ("a request of 9 MB is over the platform's limit of 4 MB", "needs 4.5 GiB of memory, has 4 GiB")


def test_the_runtime_takes_memory_beside_the_model(build: SimpleNamespace, place: Any) -> None:
    rules = replace(build.SERVERLESS, memory_reserved_gib=0.35)
    assert placed(place(build.point(1, memory_gib=3.6), rules=rules))
    assert missed(place(build.point(1, memory_gib=3.7), rules=rules)).reasons == (
        "needs 4.05 GiB of memory (0.35 GiB of it for the runtime), has 4 GiB",
    )


def test_slow_end_over_the_limits_is_at_risk_and_has_no_upper_cost(build: SimpleNamespace, place: Any) -> None:
    slow, crowded = placed(place(build.point(1, ms=70), band=0.3)), placed(place(rps=14_000, band=0.6))
    for found in (slow, crowded):
        assert found.slo_holds == "at_risk"
        assert found.replicas_high is None
        assert found.billed_s is not None
        assert found.billed_s[2] is None


def test_only_a_single_worker_without_batches_is_serverless(build: SimpleNamespace, place: Any) -> None:
    points = [build.point(4, ms=1), build.point(1, batch=8, ms=2), build.point(1, ms=10)]
    assert placed(place(*points)).serving.max_batch == 1
    assert "single worker" in missed(place(build.point(4, ms=1))).reasons[0]
    assert missed(place(build.point(4), reasons=("no CPU",))).reasons == ("no CPU",)


def test_cold_share_of_rare_requests_is_the_chance_of_a_gap() -> None:
    assert cold_share(0.001, 1e-9, 300, 200) == pytest.approx(math.exp(-0.3))
    assert cold_share(1e-9, 0.01, 300, 200) == pytest.approx(1.0)


@pytest.mark.parametrize(("rps", "service_s", "keep_s"), [(0.1, 1.0, 300.0), (0.5, 1.0, 4.0), (2.0, 1.5, 3.0), (5.0, 0.4, 2.0)])
def test_cold_share_against_simulation(rps: float, service_s: float, keep_s: float) -> None:
    rng = np.random.default_rng(3)
    arrivals = np.cumsum(rng.exponential(1 / rps, 60_000)).tolist()
    free_at: list[float] = []  # of each instance, in the order of use
    cold = 0
    for now in arrivals:
        for n, free in enumerate(free_at):
            if free <= now:
                cold += now - free > keep_s
                free_at[n] = now + service_s
                break
        else:
            cold += 1
            free_at.append(now + service_s)
    assert 0.8 < cold_share(rps, service_s, keep_s, 200) / (cold / len(arrivals)) < 1.6


@given(
    rps=st.floats(1e-4, 1e3),
    service_s=st.floats(1e-3, 5),
    keep_s=st.floats(1, 2000),
    longer=st.floats(1, 10),
)
def test_keeping_instances_longer_never_starts_more_cold(rps: float, service_s: float, keep_s: float, longer: float) -> None:
    share = cold_share(rps, service_s, keep_s, 200)
    assert 0 <= share <= 1
    assert cold_share(rps, service_s, keep_s * longer, 200) <= share + 1e-12


@given(offered=st.floats(0, 150), more=st.floats(0, 50))
def test_concurrency_grows_with_the_load(offered: float, more: float) -> None:
    few, many = concurrency_for(offered, 200), concurrency_for(offered + more, 200)
    assert few is not None
    assert many is None or many >= few


def test_exact_sojourns_with_cold_starts(place: Any) -> None:
    """The mixture of warm and cold answers, against sampling."""
    rng = np.random.default_rng(5)
    rps, cv, service = 0.01, 0.3, 0.010
    share = cold_share(rps, service, 300.0, 200)
    samples = service * ((1 - cv) + cv * rng.exponential(1, 400_000)) + 5.5 * (rng.random(400_000) < share)
    found = placed(place(rps=rps, cv=cv, slo=""))
    assert found.latency_ms.p50 == pytest.approx(1e3 * float(np.quantile(samples, 0.5)), rel=0.01)
    assert found.latency_ms.p99 == pytest.approx(1e3 * float(np.quantile(samples, 0.99)), rel=0.01)


def test_the_mean_counts_cold_starts_by_their_share(place: Any) -> None:
    share = cold_share(0.02, 0.010, 300.0, 200)
    reached = 10 + share * 5500
    assert isinstance(place(rps=0.02, slo=f"mean={reached * 1.01:.3f}ms", band=0.0), Placement)
    assert missed(place(rps=0.02, slo=f"mean={reached * 0.99:.3f}ms")).best_latency_ms == pytest.approx(reached, rel=1e-3)


def test_what_is_known_for_sure_is_not_called_assumed(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(rules=replace(build.SERVERLESS, verified=True), basis="measured on this very CPU"))
    assert found.notes[0] == "measured on this very CPU"
    assert not any("assumed" in note for note in found.notes)
