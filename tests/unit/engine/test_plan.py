from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.domain.plan import Misfit, Placement
from infercost.domain.traffic import Slo
from infercost.engine.plan import plan

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.fixture(scope="session")
def place(build: SimpleNamespace) -> Any:
    """Plan one prediction on one hardware."""

    def one(
        *points: Any,
        slo: str = "p99=100ms",
        rps: float = 50.0,
        rules: Any = None,
        machine: Any = None,
        traffic: Any = None,
        **changes: Any,
    ) -> Placement | Misfit:
        hardware = machine or build.hardware()
        (found,) = plan(
            [build.prediction(*points, **changes)],
            {("cloud", "m.large"): hardware},
            traffic or build.traffic(rps),
            Slo.parse(slo) if slo else Slo(),
            {"cloud": rules or build.HOSTING},
        )
        return found

    return one


def placed(found: Placement | Misfit) -> Placement:
    assert isinstance(found, Placement), found
    return found


def missed(found: Placement | Misfit) -> Misfit:
    assert isinstance(found, Misfit), found
    return found


def test_light_load_needs_one_replica(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(4, ms=10)))
    assert (found.replicas, found.replicas_low, found.replicas_high) == (1, 1, 1)
    assert found.utilization == pytest.approx(50 * 0.010 / 4, rel=0.01)
    assert found.latency_ms.p50 <= found.latency_ms.p95 <= found.latency_ms.p99 < 100
    assert found.slo_holds == "yes"
    assert found.capacity_rps > 50


def test_replicas_follow_the_traffic_and_the_band(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(4, ms=10), rps=5000, band=0.25))
    assert found.replicas_low < found.replicas < (found.replicas_high or 0)
    assert found.replicas == math.ceil(5000 / (found.capacity_rps / found.replicas))
    assert found.replicas >= 5000 / (0.9 * 400)


def test_without_a_promise_throughput_alone_counts(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(4, ms=10), slo="", rps=3600))
    assert found.replicas == 10
    assert found.utilization == pytest.approx(0.9)


def test_fewest_replicas_win_over_low_latency(build: SimpleNamespace, place: Any) -> None:
    fast, many = build.point(1, ms=6, threads=4), build.point(4, ms=12)
    found = placed(place(fast, many, rps=5000, slo="p99=200ms"))
    assert found.serving.workers == 4


def test_lower_latency_breaks_a_tie(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(4, ms=12), build.point(1, ms=4, threads=4), rps=5))
    assert found.serving.workers == 1


def test_the_simpler_of_two_alike_is_taken(build: SimpleNamespace, place: Any) -> None:
    alike = [build.point(4, batch=8, ms=60, single_ms=10), build.point(4, ms=10), build.point(2, ms=10, threads=2)]
    found = placed(place(*alike, rps=1))
    assert (found.serving.workers, found.serving.max_batch) == (2, 1)


def test_batches_are_used_where_they_save_replicas(build: SimpleNamespace, place: Any) -> None:
    points = [build.point(1, batch=b, ms=10 + b, single_ms=11) for b in (1, 8, 32)]
    busy, idle = placed(place(*points, rps=500, slo="p99=200ms")), placed(place(*points, rps=5, slo="p99=200ms"))
    assert busy.serving.max_batch > 1
    assert busy.replicas == 1
    assert idle.serving.max_batch == 1
    assert busy.serving.max_delay_ms == 0


def test_slo_of_several_promises_holds_for_each(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(2, ms=20), rps=400, slo="p50=25ms,p99=60ms,mean=30ms"))
    assert found.latency_ms.p50 <= 25.01
    assert found.latency_ms.p99 <= 60.1


def test_at_risk_where_the_slow_end_misses(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(4, ms=80), slo="p99=100ms", rps=20, band=0.5, cv=0.01))
    assert found.slo_holds == "at_risk"
    assert found.replicas_high is None, "no number of replicas keeps it"
    assert placed(place(build.point(4, ms=80), rps=20, band=0.1, cv=0.01)).slo_holds == "yes"


def test_of_as_few_replicas_the_one_that_holds_at_the_slow_end_is_taken(build: SimpleNamespace, place: Any) -> None:
    wide, narrow = build.point(4, ms=60), build.point(2, ms=30, threads=2)
    found = placed(place(wide, narrow, slo="p99=100ms", rps=1, band=1.0, cv=0.01))
    assert found.serving.workers == 2, "the other takes 120 ms there"
    assert (found.replicas, found.replicas_high, found.slo_holds) == (1, 1, "yes")
    assert not any("slow end" in note for note in found.notes)


def test_the_ends_of_the_band_are_planned_by_what_is_best_there(build: SimpleNamespace, place: Any) -> None:
    wide, narrow = build.point(4, ms=60), build.point(1, ms=30, threads=4)
    found = placed(place(wide, narrow, slo="p99=100ms", rps=400, band=1.0, cv=0.01))
    alone = placed(place(narrow, slo="p99=100ms", rps=400, band=1.0, cv=0.01))
    assert found.serving.workers == 4
    assert found.replicas < alone.replicas
    assert (found.replicas_high, found.slo_holds) == (alone.replicas_high, "yes")
    assert f"by {alone.replicas_high} replicas: 1w×4t, batch 1" in found.notes[-1]


def test_what_is_used_is_what_full_batches_would_need(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(1, batch=16, ms=100, single_ms=80), rps=80, slo="p99=1s"))
    assert found.serving.max_batch == 16
    assert found.utilization == pytest.approx(0.5), "though the worker is busy all the time"


def test_quotas_are_noted_and_not_imposed(build: SimpleNamespace, place: Any) -> None:
    from dataclasses import replace

    rules = replace(build.HOSTING, max_endpoint_rps=500.0, max_endpoint_bytes_per_s=5_000_000.0)
    light = build.traffic(500, payload_in_bytes=9_000, payload_out_bytes=1_000)
    heavy = build.traffic(501, payload_in_bytes=9_000, payload_out_bytes=1_000)
    assert placed(place(build.point(), rules=rules, traffic=light)).notes == ()
    assert placed(place(build.point(), traffic=heavy)).notes == ()
    assert placed(place(build.point(), rules=rules, traffic=heavy)).notes == (
        "needs a quota raise: 501 requests a second, an endpoint has 500",
        "needs a quota raise: 5.01 MB of payload a second, an endpoint has 5 MB",
    )


def test_min_replicas_are_imposed(build: SimpleNamespace, place: Any) -> None:
    from dataclasses import replace

    found = placed(place(build.point(4, ms=10), rules=replace(build.HOSTING, min_replicas=2)))
    assert (found.replicas, found.replicas_low) == (2, 2)
    single = placed(place(build.point(4, ms=10)))
    assert found.latency_ms.p99 <= single.latency_ms.p99


def test_a_miss_says_what_it_reaches_and_by_how_much_it_fails(build: SimpleNamespace, place: Any) -> None:
    found = missed(place(build.point(4, ms=300), build.point(1, ms=200, threads=4), cv=0.0, slo="p99=100ms"))
    assert found.best_latency_ms == pytest.approx(200, rel=0.01)
    assert len(found.reasons) == 1
    assert "p99 is 20" in found.reasons[0]
    assert "over 100 ms" in found.reasons[0]
    assert "band" not in found.reasons[0]


def test_a_miss_that_the_band_could_mend_is_said_to_be(build: SimpleNamespace, place: Any) -> None:
    found = missed(place(build.point(4, ms=120), cv=0.0, band=0.5))
    assert "within the prediction's band" in found.reasons[0]


def test_the_target_missed_most_gives_the_latency(build: SimpleNamespace, place: Any) -> None:
    found = missed(place(build.point(4, ms=50), cv=0.0, slo="p50=10ms,p99=40ms,p95=1s"))
    assert len(found.reasons) == 2
    assert found.best_latency_ms == pytest.approx(50, rel=0.01)


def test_memory_is_checked_with_what_the_platform_keeps(build: SimpleNamespace, place: Any) -> None:
    from dataclasses import replace

    rules = replace(build.HOSTING, memory_reserved_gib=1.0)
    assert placed(place(build.point(4, memory_gib=14.9), rules=rules))
    found = missed(place(build.point(4, memory_gib=15.5), build.point(2, memory_gib=15.2), rules=rules))
    assert found.reasons == ("needs 16.2 GiB of memory (1 GiB of it for the platform), has 16 GiB",)
    assert found.best_latency_ms is None


def test_configurations_too_large_are_left_out(build: SimpleNamespace, place: Any) -> None:
    found = placed(place(build.point(8, ms=5, memory_gib=40), build.point(2, ms=9, memory_gib=10)))
    assert found.serving.workers == 2


def test_accelerator_memory_is_checked_for_the_workers_that_share_it(build: SimpleNamespace, place: Any) -> None:
    machine = build.hardware(accelerator=build.GPU, accelerator_count=2, memory_gib=128.0)
    found = placed(place(build.point(2, ms=5, memory_gib=30), machine=machine))
    assert found.accelerator == "2 × T4"
    found = missed(place(build.point(4, ms=5, memory_gib=34), machine=machine))
    assert "accelerator memory" in found.reasons[0]


def test_payload_limits_cover_request_and_response(build: SimpleNamespace, place: Any) -> None:
    from dataclasses import replace

    rules = replace(build.HOSTING, max_payload_bytes=2_000_000)
    traffic = build.traffic(5, payload_in_bytes=3_000_000, payload_out_bytes=2_500_000)
    found = missed(place(build.point(), rules=rules, traffic=traffic))
    assert found.reasons == (
        "a request of 3 MB is over the platform's limit of 2 MB",
        "a response of 2.5 MB is over the platform's limit of 2 MB",
    )


def test_all_reasons_are_given(build: SimpleNamespace, place: Any) -> None:
    from dataclasses import replace

    rules = replace(build.HOSTING, max_payload_bytes=1)
    found = missed(place(build.point(memory_gib=99), rules=rules))
    assert len(found.reasons) == 3


def test_the_predictors_reasons_are_kept(place: Any) -> None:
    assert missed(place(reasons=("no CPU to predict",))).reasons == ("no CPU to predict",)
    assert missed(place()).reasons == ("nothing was predicted",)


def test_vcpus_that_the_platform_takes_slow_the_service(build: SimpleNamespace, place: Any) -> None:
    from dataclasses import replace

    rules = replace(build.HOSTING, vcpus_reserved=1.0)
    bare, shared = (placed(place(build.point(4, ms=30), rules=r, rps=1)) for r in (build.HOSTING, rules))
    assert shared.latency_ms.p50 == pytest.approx(bare.latency_ms.p50 * 4 / 3, rel=0.01)
    spare = placed(place(build.point(2, ms=30), rules=rules, rps=1))
    assert spare.latency_ms.p50 == pytest.approx(bare.latency_ms.p50, rel=0.01)
    tiny = missed(place(build.point(1), rules=rules, machine=build.hardware(vcpus=1)))
    assert tiny.reasons == ("the platform takes 1 of its 1 vCPUs",)


def test_answers_come_one_a_prediction_in_order(build: SimpleNamespace) -> None:
    names = ("a", "b", "c", "d")
    predictions = [
        build.prediction(build.point(ms=10), instance_type="a"),
        build.prediction(instance_type="b", reasons=("unknown",)),
        build.prediction(build.point(ms=900), instance_type="c"),
        build.prediction(build.point(ms=20), instance_type="d", provenance="measured"),
    ]
    machines = {("cloud", name): build.hardware(name) for name in names}
    found = plan(predictions, machines, build.traffic(), Slo.parse("p99=100ms"), {"cloud": build.HOSTING})
    assert [f.instance_type for f in found] == list(names)
    assert [type(f) for f in found] == [Placement, Misfit, Misfit, Placement]
    assert placed(found[3]).provenance == "measured"
    assert plan([], {}, build.traffic(), Slo(), {}) == []


points = st.builds(
    lambda workers, batch, ms, share: (workers, batch, ms, max(ms * share, ms / batch)),
    st.integers(1, 16),
    st.sampled_from([1, 4, 16]),
    st.floats(0.5, 80),
    st.floats(0.1, 1.0),
)


@settings(max_examples=60)
@given(
    shapes=st.lists(points, min_size=1, max_size=6),
    rps=st.floats(0.1, 20_000),
    more=st.floats(1.0, 10.0),
    limit=st.floats(1, 400),
    cv=st.floats(0, 0.8),
    band=st.floats(0, 1.5),
)
def test_laws_of_a_placement(
    build: SimpleNamespace, place: Any, shapes: list[Any], rps: float, more: float, limit: float, cv: float, band: float
) -> None:
    slo = f"p99={limit:.6f}ms"
    given_points = [build.point(w, b, ms, single) for w, b, ms, single in shapes]
    found = place(*given_points, rps=rps, slo=slo, cv=cv, band=band)
    again = place(*given_points, rps=rps, slo=slo, cv=cv, band=band)
    busier = place(*given_points, rps=rps * more, slo=slo, cv=cv, band=band)
    assert found == again
    assert isinstance(found, Misfit) == isinstance(busier, Misfit), "whether an SLO can be met does not depend on the traffic"
    if isinstance(found, Placement):
        assert isinstance(busier, Placement)
        assert 1 <= found.replicas_low <= found.replicas <= (found.replicas_high or math.inf)
        assert (found.replicas_high is None) == (found.slo_holds == "at_risk")
        assert busier.slo_holds == found.slo_holds, "whether the slow end keeps it does not depend on the traffic"
        assert busier.replicas_low >= found.replicas_low
        assert busier.replicas >= found.replicas
        assert (busier.replicas_high or math.inf) >= (found.replicas_high or math.inf)
        assert found.latency_ms.p99 <= limit * 1.01
        assert found.capacity_rps >= rps * (1 - 1e-9)
        assert 0 < found.utilization <= 1
    else:
        assert found.best_latency_ms is not None
        assert found.best_latency_ms > limit * 0.999
