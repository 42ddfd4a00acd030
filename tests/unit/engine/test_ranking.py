from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.estimate import Band
from infercost.domain.traffic import Slo
from infercost.engine.ranking import Contender, closest_misses, explain_runner_up, rank, tied

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.fixture(scope="session")
def contender(build: SimpleNamespace) -> Any:
    def make(
        low: float,
        likely: float,
        high: float | None,
        region: str = "here",
        name: str = "m",
        *,
        unknown: float | None = 0,
        gaps: str = "",
    ) -> Contender:
        band = Band(Decimal(str(low)), Decimal(str(likely)), None if high is None else Decimal(str(high)))
        missing = None if unknown is None else Decimal(str(unknown))
        return Contender(build.offer(instance_type=name, region=region), band, missing, frozenset(gaps.split()))

    return make


def groups(*contenders: Contender) -> list[int]:
    return [place.tie_group for place in rank(contenders)]


def test_cheapest_first_then_by_name(contender: Any) -> None:
    given_order = [contender(5, 5, 5, "b"), contender(3, 3, 3, "z"), contender(5, 5, 5, "a"), contender(5, 5, 5, "a", "k")]
    assert [place.at for place in rank(given_order)] == [1, 3, 2, 0]
    assert [place.rank for place in rank(given_order)] == [1, 2, 3, 4]


def test_figures_inside_each_others_band_tie(contender: Any) -> None:
    assert groups(contender(8, 10, 12), contender(9, 11, 14), contender(12, 20, 30)) == [1, 1, 2]
    # Inside the leader's wide band, but the leader is not inside theirs.
    assert groups(contender(5, 10, 30), contender(19, 20, 21)) == [1, 2]


def test_a_group_is_led_by_its_cheapest(contender: Any) -> None:
    # 14 ties with 12, and 12 with 10, but 14 not with 10: no chain.
    chain = [contender(9, 10, 12), contender(10, 12, 14), contender(11, 14, 17)]
    assert groups(*chain) == [1, 1, 2]


def test_an_open_band_reaches_upwards_only(contender: Any) -> None:
    assert groups(contender(1, 10, None), contender(5, 500, None)) == [1, 1]
    assert groups(contender(1, 10, None), contender(50, 500, None)) == [1, 2]


def test_a_gap_ranks_at_its_most(contender: Any) -> None:
    gap = contender(4, 5, 30, "gap", unknown=20, gaps="logs")
    places = rank([gap, contender(15, 18, 26, "whole")])
    assert [place.at for place in places] == [1, 0]
    assert {place.tie_group for place in places} == {1}


def test_the_same_instance_in_a_dearer_region_is_dominated(contender: Any) -> None:
    places = rank(
        [contender(2, 4, 6, "dear"), contender(1, 3, 5, "cheap"), contender(1, 3, 5, "same"), contender(2, 4, 6, "x", "other")]
    )
    by_index = {place.at: place.dominated_by for place in places}
    assert by_index == {0: "cheap", 1: None, 2: None, 3: None}
    assert len({place.tie_group for place in places}) == 1, "a tie all the same: the band is the prediction's"


def test_a_region_that_lacks_prices_dominates_nothing(contender: Any) -> None:
    gap = contender(1, 2, 3, "gap", unknown=1, gaps="logs")
    assert [place.dominated_by for place in rank([gap, contender(2, 4, 6, "whole")])] == [None, None]
    both = rank([gap, contender(2, 4, 6, "dear", unknown=1, gaps="logs storage")])
    assert [place.dominated_by for place in both] == [None, "gap"]


def test_domination_needs_the_whole_band(contender: Any) -> None:
    assert rank([contender(3, 3, 3), contender(2, 4, 6, "b")])[1].dominated_by is None
    assert rank([contender(1, 3, 9), contender(2, 4, 6, "b")])[1].dominated_by is None
    assert rank([contender(1, 3, None), contender(2, 4, 6, "b")])[1].dominated_by is None
    assert rank([contender(1, 3, None), contender(2, 4, None, "b")])[1].dominated_by == "here"


def test_nothing_to_rank() -> None:
    assert rank([]) == []
    assert explain_runner_up([], Slo()) is None


bands = st.tuples(st.integers(0, 60), st.integers(0, 40), st.none() | st.integers(0, 60)).map(
    lambda t: Band(Decimal(t[0]), Decimal(t[0] + t[1]), None if t[2] is None else Decimal(t[0] + t[1] + t[2]))
)


@given(a=bands, b=bands)
def test_ties_are_mutual(a: Band, b: Band) -> None:
    assert tied(a, b) == tied(b, a)
    assert tied(a, a)


@given(found=st.lists(st.tuples(bands, st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 3)), max_size=25))
def test_laws_of_ranking(build: SimpleNamespace, found: list[Any]) -> None:
    contenders = [
        Contender(
            build.offer(region=region, instance_type=name),
            Band(band.low, band.likely, None if band.high is None else band.high + gap),
            Decimal(gap),
            frozenset({"logs"} if gap else ()),
        )
        for band, region, name, gap in found
    ]
    places = rank(contenders)
    assert sorted(place.at for place in places) == list(range(len(contenders)))
    compared = [contenders[place.at].compared for place in places]
    assert [band.likely for band in compared] == sorted(band.likely for band in compared)
    leader = None
    for before, place, band in zip([None, *places], places, compared, strict=False):
        if before is None or place.tie_group != before.tie_group:
            assert place.tie_group == (before.tie_group if before else 0) + 1
            assert leader is None or not tied(leader, band)
            leader = band
        assert leader is not None
        assert tied(leader, band)
    assert [(p.rank, p.tie_group) for p in rank(contenders)] == [(p.rank, p.tie_group) for p in places]


def test_more_replicas_are_the_reason(build: SimpleNamespace) -> None:
    small = build.placement("small", replicas=2, replicas_low=2, replicas_high=2)
    large = build.placement("large", replicas=1, replicas_low=1, replicas_high=1)
    found = build.estimate(build.offer("0.10", "large"), build.offer("0.069", "small"), placements=(small, large))
    assert found.runner_up == "small needs 2 replicas for p99 ≤ 100 ms where large needs 1; +38 %"
    assert "for this traffic where" in (build.estimate(*_two(build), placements=(small, large), slo="").runner_up or "")


def _two(build: SimpleNamespace) -> tuple[Any, Any]:
    return build.offer("0.10", "large"), build.offer("0.069", "small")


def test_price_is_the_reason(build: SimpleNamespace) -> None:
    alike = tuple(build.placement(name, replicas=1, replicas_low=1, replicas_high=1) for name in ("large", "small"))
    found = build.estimate(build.offer("0.10", "small"), build.offer("0.15", "large"), placements=alike)
    assert found.runner_up == "large costs $109.50 a month where small with as many replicas (1) costs $73.00 a month; +50 %"
    fewer = (alike[0], build.placement("small", replicas=2, replicas_low=2, replicas_high=2))
    found = build.estimate(build.offer("0.05", "small"), build.offer("0.15", "large"), placements=fewer)
    assert found.runner_up == "large needs only 1 replica where small needs 2, but each costs more; +50 %"


def test_a_region_is_the_reason(build: SimpleNamespace) -> None:
    steady = (build.placement(replicas=1, replicas_low=1, replicas_high=1),)
    found = build.estimate(build.offer("0.10"), build.offer("0.12", region="there"), placements=steady)
    assert found.runner_up is not None
    assert found.runner_up.startswith("m.large in there costs $87.60 a month where m.large in here")


def test_the_mode_is_the_reason(build: SimpleNamespace) -> None:
    size = build.placement("serverless-1024MB", mode="serverless", billed_s=(0.01, 0.01, 0.01))
    always = build.placement("m", replicas=1, replicas_low=1, replicas_high=1)
    offers = (build.offer("0.0001", "serverless-1024MB", mode="serverless", unit="second"), build.offer("0.05", "m"))
    found = build.estimate(*offers, placements=(size, always))
    assert found.runner_up == (
        "serverless-1024MB (serverless) costs $131.40 a month where m (always on, 1 replica) costs $36.50 a month; +260 %"
    )


def test_gaps_are_told_and_no_share_is_computed_over_them(build: SimpleNamespace) -> None:
    steady = (build.placement(replicas=1, replicas_low=1, replicas_high=1),)
    charge = build.Charge(name="logs", item="log", driver="registry_gb", fixed_quantity=100.0)
    rates = (build.rate("log", "0.1", region="here"),)
    found = build.estimate(
        build.offer("0.10"), build.offer("0.20", region="there"), placements=steady, charges=(charge,), rates=rates
    )
    assert found.runner_up is not None
    assert "costs $146.00 a month (at most $156.00 with what has no price there: logs) where" in found.runner_up
    assert "%" not in found.runner_up
    both = (*steady, build.placement("m2.large", replicas=1, replicas_low=1, replicas_high=1))
    offers = (build.offer("0.10"), build.offer("0.20", "m2.large"))
    nowhere = build.estimate(*offers, placements=both, charges=(charge,), slo="")
    assert "what has no price there (logs)" in (nowhere.runner_up or "")


def test_all_tied_has_no_runner_up(build: SimpleNamespace) -> None:
    assert build.estimate(build.offer("0.10"), build.offer("0.11", region="there")).runner_up is None


def test_closest_misses_name_each_instance_once(build: SimpleNamespace) -> None:
    misfits = (
        build.misfit("far", best_latency_ms=900.0),
        build.misfit("near", best_latency_ms=120.0),
        build.misfit("big", best_latency_ms=None, reasons=("needs memory",)),
    )
    offers = [build.offer("1", name, region) for name in ("far", "near", "big") for region in ("here", "there")]
    found = build.estimate(*offers, placements=misfits)
    assert [(r.instance_type, r.region) for r in closest_misses(found)] == [("near", "here"), ("far", "here")]
    assert len(closest_misses(found, 1)) == 1
    assert closest_misses(build.estimate(build.offer())) == ()


def test_another_instance_is_named_before_the_same_one_elsewhere(build: SimpleNamespace) -> None:
    steady = [build.placement(name, replicas_low=2, replicas_high=2) for name in ("m.large", "m.huge")]
    offers = [build.offer("0.10"), build.offer("0.20", region="there"), build.offer("0.30", "m.huge")]
    found = build.estimate(*offers, placements=steady)
    assert [c.instance_type for c in found.candidates] == ["m.large", "m.large", "m.huge"]
    assert found.runner_up is not None
    assert "m.huge" in found.runner_up
