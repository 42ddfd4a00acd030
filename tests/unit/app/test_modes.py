"""Every mode of the shipped book for a recorded profile: laws of the table, gaps, and determinism."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

import infercost
from infercost.app.pricing import ask
from infercost.domain.errors import UsageError
from infercost.domain.traffic import Slo
from infercost.engine.modes.crossing import cheapest_from

DAY = date(2026, 11, 24)
ROOT = Path(__file__).parents[3]
LEVELS = (100.0, 1e4, 1e6)
FEW = {
    "sagemaker": ["ml.c7g.*", "ml.c6i.*", "serverless-1024MB", "serverless-2048MB"],
    "vertex": ["e2-highcpu-*"],
    "azureml": ["Standard_F2s_v2", "Standard_DS1_v2"],
}
SOLD = {
    "azureml": {"realtime", "batch"},
    "sagemaker": {"realtime", "serverless", "async", "batch", "scale_to_zero"},
    "vertex": {"realtime", "batch", "scale_to_zero"},
}


@pytest.fixture(scope="module")
def profile():
    return infercost.load_profile(ROOT / "profiles" / "digits.json")


def compare(profile, **changes):
    few = [name for provider in changes.get("providers", FEW) for name in FEW[provider]]
    return infercost.modes(profile, **({"levels": LEVELS, "slo": "p99=100ms", "instances": few, "today": DAY} | changes))


@pytest.fixture(scope="module")
def found(profile):
    return compare(profile)


def by_mode(found):
    rows: dict[tuple[str, str], list] = {}
    for point in found.points:
        rows.setdefault((point.provider, point.mode), []).append(point)
    return rows


def test_each_cloud_has_a_figure_for_what_it_sells_and_a_reason_for_the_rest(found):
    for (provider, mode), points in by_mode(found).items():
        assert [p.requests_per_day for p in points] == list(LEVELS)
        for point in points:
            assert (point.per_month is not None) == (mode in SOLD[provider])
            if point.per_month is None:
                assert point.note
                assert point.latency == ""
                assert point.lines == ()


def test_lines_sum_to_the_month_and_the_band_holds_it(found):
    for point in found.points:
        if point.per_month is not None:
            known = sum((line.monthly_cost for line in point.lines if line.monthly_cost is not None), Decimal(0))
            assert known == point.per_month.likely
            assert 0 < point.per_month.low <= point.per_month.likely
            assert point.per_month.high is None or point.per_month.high >= point.per_month.likely


def test_more_traffic_never_costs_less(found):
    for (_, mode), points in by_mode(found).items():
        # What wakes and sleeps is found by a few simulated policies: an equal cost may come out a little lower.
        slack = Decimal("0.03") if mode in {"async", "scale_to_zero"} else Decimal(0)
        for before, after in pairwise(p for p in points if p.per_month is not None):
            assert after.per_month.likely >= before.per_month.likely * (1 - slack), (mode, before.requests_per_day)


def test_always_on_keeps_the_slo_and_a_job_cannot(found):
    for (_, mode), points in by_mode(found).items():
        priced = [p for p in points if p.per_month is not None]
        if mode == "realtime":
            assert all(p.keeps_slo and p.latency_p99_s <= 0.1 for p in priced)
        if mode == "batch":
            assert not any(p.keeps_slo for p in priced)
            assert all(p.latency_p99_s > 0.99 * 86_400 for p in priced)


def test_rare_requests_start_cold_wait_or_are_refused(found):
    rows = by_mode(found)
    serverless, to_zero, queued = (rows["sagemaker", m][0] for m in ("serverless", "scale_to_zero", "async"))
    assert serverless.slow_start == pytest.approx(0.706, abs=0.03)
    assert not serverless.keeps_slo
    assert serverless.latency_p99_s > 5
    assert to_zero.refused > 0.3
    assert to_zero.latency_p99_s is None
    assert "refused while it wakes" in to_zero.latency
    assert queued.refused == 0
    assert 300 < queued.latency_p99_s < 3600
    always = rows["sagemaker", "realtime"][0].per_month.likely
    assert to_zero.per_month.likely < always
    assert queued.per_month.likely < always


def test_async_is_billed_its_own_charges_and_batch_no_endpoint_volume(found):
    rows = by_mode(found)
    lines = {mode: {line.name for line in rows["sagemaker", mode][1].lines} for mode in ("async", "batch", "realtime")}
    assert "queued request data" in lines["async"]
    assert "storage" in lines["realtime"]
    assert "storage" not in lines["batch"]


def test_the_cheapest_are_named_where_they_begin(found):
    assert found.cheapest_from == cheapest_from(found.points, lambda _p: True)
    assert {p.provider for p in found.cheapest_within_slo} == set(SOLD)
    assert all(p.keeps_slo for p in found.cheapest_within_slo)
    for point in found.cheapest_from:
        rivals = [p for p in found.points if (p.provider, p.requests_per_day) == (point.provider, point.requests_per_day)]
        assert all(p.per_month is None or p.per_month.likely >= point.per_month.likely for p in rivals)


def test_without_an_slo_nothing_is_said_to_keep_it(profile):
    found = compare(profile, slo=Slo(), levels=[1e4], providers=["sagemaker"])
    assert all(p.keeps_slo is None for p in found.points)
    assert found.cheapest_within_slo == ()
    assert found.cheapest_from != ()


def test_the_same_seed_has_the_same_answer(profile):
    first, second = (compare(profile, levels=[1e3], providers=["sagemaker"], seed=4) for _ in range(2))
    assert replace(first, created="") == replace(second, created="")


def test_an_slo_that_no_instance_keeps_leaves_the_modes_that_promise_less(profile):
    rows = by_mode(compare(profile, slo="p99=1us", levels=[1e4], providers=["vertex"]))
    assert rows["vertex", "realtime"][0].note == "no instance type keeps the SLO"
    assert rows["vertex", "batch"][0].per_month is not None


def test_a_mode_whose_offers_lose_their_price_is_a_gap_and_no_neighbour_s(profile):
    question = ask(rps=1, providers=["sagemaker"], instances=FEW["sagemaker"], every_mode=True)
    (catalog,) = question.catalogs
    offers = tuple(replace(o, price=None) if o.mode == "async" else o for o in catalog.offers)
    found = compare(profile, levels=[1e4], catalogs=[replace(catalog, offers=offers)], providers=["sagemaker"], instances=None)
    rows = by_mode(found)
    assert rows["sagemaker", "async"][0].per_month is None
    assert "no price in the book" in rows["sagemaker", "async"][0].note
    assert rows["sagemaker", "realtime"][0].per_month is not None


def test_more_than_a_serverless_endpoint_may_do_at_once_is_a_gap():
    slow = infercost.load_profile(ROOT / "profiles" / "resnet50.json")
    found = infercost.modes(slow, levels=[1e8], providers=["sagemaker"], instances=["serverless-*"], overhead_ms=900.0)
    point = by_mode(found)["sagemaker", "serverless"][0]
    assert point.per_month is None
    assert "200 concurrent requests" in point.note


def test_traffic_that_swings_costs_no_more_than_its_peak_all_day():
    slow = infercost.load_profile(ROOT / "profiles" / "resnet50.json")
    swinging = compare(slow, levels=[1e6], providers=["vertex"], slo="p99=300ms", traffic="diurnal:peak=20,trough=1")
    peak = compare(slow, levels=[2e6], providers=["vertex"], slo="p99=300ms")
    cost = [by_mode(f)["vertex", "realtime"][0].per_month.likely for f in (swinging, peak)]
    assert cost[0] < cost[1]
    assert swinging.traffic == "diurnal:peak=20,trough=1"


@pytest.mark.parametrize("levels", ["", "ten", [0.0], [2e8], [float("nan")]])
def test_levels_that_cannot_be_are_refused(profile, levels):
    with pytest.raises(UsageError, match="--levels 100,10k,1M"):
        compare(profile, levels=levels)
