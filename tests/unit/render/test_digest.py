from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.estimate import Rejected
from infercost.domain.traffic import Slo
from infercost.render import digest


def test_members_of_a_tie_share_one_place(estimates):
    assert [row.label for row in digest.ranking(estimates["ties"])] == ["1=", "1=", "1=", "4", "5"]


def test_an_instance_in_very_many_regions_is_one_row(estimates):
    rows = digest.ranking(estimates["everywhere"])
    assert [(row.candidate.instance_type, row.more_regions) for row in rows] == [
        ("ml.c7i.large", 36),
        ("ml.m7i.large", 36),
        ("n2-standard-4", 36),
    ]
    assert rows[0].candidate.region == "region-00"
    assert rows[0].elsewhere == "+36 regions, up to +5 %"


def test_folding_regions_keeps_the_cheapest_and_names_the_dearest(estimates):
    everywhere = estimates["everywhere"]
    for row in digest.ranking(everywhere):
        same = [c.cost.per_month.likely for c in everywhere.candidates if c.instance_type == row.candidate.instance_type]
        assert row.candidate.cost.per_month.likely == min(same)
        assert row.dearest == float(max(same) / min(same)) - 1


def test_regions_at_the_same_cost_say_so(make_candidate, make_estimate):
    same = [make_candidate(i, 1, ("a", f"r{i}"), "x", "0.1") for i in range(1, 6)]
    assert digest.ranking(make_estimate(tuple(same)))[0].elsewhere == "+4 regions, same cost"


def test_a_few_regions_are_compared_row_by_row(make_candidate, make_estimate):
    few = [make_candidate(i, i, ("a", f"r{i}"), "x", f"0.{i}") for i in range(1, 4)]
    assert [row.label for row in digest.ranking(make_estimate(tuple(few)))] == ["1", "2", "3"]


def test_a_bill_is_used_and_idle_and_apart_what_has_no_price(estimates):
    bill = digest.bill(estimates["unpriced"].candidates[0])
    assert bill.unpriced == ("egress",)
    assert bill.billed == bill.used + bill.idle == estimates["unpriced"].candidates[0].cost.per_month.likely
    assert 0 < bill.idle_share < 1


def test_a_free_bill_has_no_idle_share():
    assert digest.Bill(Decimal(0), Decimal(0), ()).idle_share == 0.0


reasons = st.builds("needs {} GiB, has {} GiB".format, st.integers(1, 99), st.floats(0.1, 9.9)) | st.sampled_from(
    ["no CPU known", "too big"]
)


@given(st.lists(reasons, max_size=40))
def test_every_rejected_offer_is_counted_once(texts):
    groups = digest.ruled_out([Rejected("p", "r", f"i{n}", (text,)) for n, text in enumerate(texts)])
    assert sum(group.offers for group in groups) == len(texts)
    assert len(groups) <= 3
    assert [g.offers for g in groups] == sorted((g.offers for g in groups), reverse=True)


def test_a_group_is_worded_by_its_closest_member():
    offers = [Rejected("p", "r", f"i{ms}", (f"p99 is {ms} ms, over 100 ms",), best_latency_ms=ms) for ms in (320, 134, 150)]
    assert digest.reasons(digest.ruled_out(offers)) == ["3 × p99 is 134 ms, over 100 ms (closest: i134)"]


def test_a_group_in_the_same_words_says_how_close_it_comes():
    offers = [Rejected("p", "r", f"i{ms}", ("p99 over 100 ms at any load",), best_latency_ms=ms) for ms in (320, 134)]
    assert digest.reasons(digest.ruled_out(offers)) == ["2 × p99 over 100 ms at any load (closest: i134, 134 ms)"]


def test_a_group_without_latencies_names_its_first_member():
    offers = [Rejected("p", "r", name, (f"needs 3 GiB, has {n} GiB",)) for n, name in ((1, "a"), (2, "b"))]
    assert digest.reasons(digest.ruled_out(offers)) == ["2 × needs 3 GiB, has 1 GiB (a; the others alike)"]


def test_units_and_names_do_not_split_a_group_and_percentiles_do():
    def rejected(reason: str) -> Rejected:
        return Rejected("p", "r", "i", (reason,))

    def groups(*texts: str) -> list[int]:
        return [group.offers for group in digest.ruled_out([rejected(text) for text in texts])]

    assert groups("p99 is 134 ms at best, 34 ms over 100 ms", "p99 is 1.34 s at best, 1.24 s over 100 ms") == [2]
    assert groups("cannot run on Inferentia2; compile it", "cannot run on TPU-v5e; compile it") == [2]
    assert groups("p99 is 134 ms at best", "p50 is 134 ms at best") == [1, 1]
    assert groups("needs 1,200 MB, has 1 GiB", "needs 3.5 GiB, has 0.5 GiB") == [2]


def test_an_offer_without_a_reason_is_still_counted():
    assert digest.reasons(digest.ruled_out([Rejected("p", "r", "i", ())])) == ["1 × no reason given"]


def test_the_nearest_misses_come_first_and_once_an_instance(estimates):
    offers = digest.nearest(estimates["infeasible"], 3)
    assert [(o.instance_type, o.best_latency_ms) for o in offers] == [
        ("c2-standard-60", 101.2),
        ("Standard_F72s_v2", 118),
        ("ml.c7i.xlarge", 134.5),
    ]


def test_a_miss_is_said_in_time_and_as_a_ratio(estimates):
    infeasible = estimates["infeasible"]
    assert digest.miss(infeasible, digest.nearest(infeasible, 1)[0]) == "over by 1.20 ms (1.01× the limit)"


def test_with_several_promises_the_offers_own_words_say_which_it_misses(estimates):
    both = replace(estimates["infeasible"], slo=Slo.parse("p50=10ms,p99=100ms"))
    assert digest.miss(both, digest.nearest(both, 1)[0]) == "p99 is 101.2 ms at negligible load, over 100 ms"


def test_the_headline_says_why_there_is_no_ranking(make_estimate, estimates):
    assert digest.headline(make_estimate(())).startswith("No offer matches")
    assert digest.headline(make_estimate((), no_price=2)) == "None of the 2 offers has a price in the book."
    assert digest.headline(estimates["infeasible"]).endswith("7 offers ruled out, no price for 1 more.")
    unbound = replace(estimates["infeasible"], slo=Slo())
    assert digest.headline(unbound).startswith("Nothing serves 50 requests/s: 7 offers")


def test_default_regions_are_said_to_be_defaults(estimates):
    assert "each cloud's default" in digest.regions(estimates["ties"])
    assert digest.regions(estimates["gpus"]).startswith("northamerica-northeast1, ")
    assert digest.regions(estimates["everywhere"]) == "37 in 2 clouds"


def test_prices_are_dated_aged_and_marked_when_derived(estimates):
    assert digest.prices(estimates["ties"])[:2] == [
        "sagemaker of 2026-09-22 (63 days old)",
        "vertex of 2026-07-30 (117 days old), derived from other list prices",
    ]


def test_a_long_list_says_how_much_is_left():
    assert digest.shorten(["a", "b", "c"], 2, "there") == ["a", "b", "and 1 more (there)"]
    assert digest.shorten(["a", "b"], 2, "there") == ["a", "b"]


def test_serverless_sizes_are_one_row_a_region(make_candidate, make_estimate):
    sizes = [
        replace(make_candidate(i, i, ("a", f"r{i % 2}"), f"serverless-{i}", str(i)), mode="serverless") for i in range(1, 5)
    ]
    instance = make_candidate(5, 5, ("a", "r0"), "x", "9")
    rows = digest.ranking(make_estimate((*sizes, instance)))
    assert [(row.label, row.candidate.instance_type, row.more_sizes) for row in rows] == [
        ("1", "serverless-1", 1),
        ("2", "serverless-2", 1),
        ("3", "x", 0),
    ]
    assert rows[0].elsewhere.startswith("+1 size, up to +")
