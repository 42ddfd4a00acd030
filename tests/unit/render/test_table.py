from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infercost.domain.estimate import CostLine, Replicas
from infercost.domain.prediction import Serving
from infercost.render import figures, render

LONGEST = [
    ("vertex", "northamerica-northeast1", "n2d-standard-224"),
    ("azureml", "germanywestcentral", "Standard_ND96amsr_A100_v4"),
    ("azureml", "australiacentral2", "Standard_NC80adis_H100_v5"),
    ("sagemaker", "us-east-1-atl-1", "ml.r8gd.metal-48xl"),
    ("sagemaker", "us-gov-west-1", "serverless-6144MB"),
]


@pytest.mark.parametrize("width", [10, 30, 40, 60, 79, 80, 81, 100, 119, 120, 160, 240])
def test_no_line_is_wider_than_the_terminal(estimates, width):
    for name, estimate in estimates.items():
        longest = max(render(estimate, "table", width=width).splitlines(), key=len)
        assert len(longest) <= width, name


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize(("provider", "region", "instance"), LONGEST)
def test_key_figures_are_never_cut_or_wrapped(make_candidate, make_estimate, provider, region, instance, width):
    candidate = make_candidate(
        1, 1, (provider, region), instance, "157.227264", replicas=12, p99=999.4, slo_holds="at_risk", provenance="calibrated",
        serving=Serving(workers=64, threads=96, max_batch=128), accelerator="H100-SXM5-80GB",
    )  # fmt: skip
    lines = render(make_estimate((candidate,)), "table", width=width).splitlines()
    row = next(line for line in lines if line.startswith("1 "))
    below = lines[lines.index(row) + 1]
    assert f"{instance} × 12" in row
    for text in ("999 ms !", figures.money(candidate.cost.per_month.likely), figures.money(candidate.cost.per_million.likely)):
        assert text in row
    for text in (provider, region, "calibrated", "64w×96t", "batch 128", figures.span(candidate.cost.per_million)):
        assert text in f"{row}\n{below}"


def test_every_candidate_shown_is_a_row_and_the_rest_are_counted(estimates):
    text = render(estimates["ties"], "table", width=120, top=2)
    assert len(re.findall(r"^ ?\d=? ", text, re.MULTILINE)) == 2
    assert "3 more can serve it: --top 5, or --format csv" in " ".join(text.split())


def test_a_wide_terminal_gets_one_line_a_row(estimates):
    wide, narrow = (render(estimates["ties"], "table", width=width) for width in (140, 80))
    assert re.search(r"1=\s+azureml\s+eastus\s+Standard_F2s_v2 × 3 .*\$11\.64 \(8\.73–16\.29\)", wide)
    assert re.search(r"1=\s+Standard_F2s_v2 × 3.*\n\s+azureml eastus", narrow)


def test_the_winners_bill_and_the_runner_up_are_explained(estimates):
    text = " ".join(render(estimates["ties"], "table", width=80).split())
    assert "Runner-up: vertex c2-standard-4 × 2 costs 12 % more" in text
    assert "compute, idle 861.4 $0.1071 hour $92.26" in text
    assert "Billed $1,496: $1,403 used, $92.26 idle (6 %)." in text


def test_what_was_ruled_out_is_counted_by_reason(estimates):
    text = render(estimates["ties"], "table", width=120)
    assert "Ruled out   21 offers of 29" in text
    assert "15 × p99 is 134 ms at negligible load, over 100 ms (closest: small-0)" in text
    assert "No price    3 offers" in text


def test_reasons_beyond_the_first_few_are_summed_up(make_estimate, make_candidate):
    from infercost.domain.estimate import Rejected

    words = ["one", "two", "three", "four", "five", "six"]
    estimate = make_estimate(
        (make_candidate(1, 1, ("a", "b"), "c", "1"),), tuple(Rejected("p", "r", "i", (word,)) for word in words)
    )
    assert "2 for other reasons" in render(estimate, "table", width=80)
    assert "six" in render(estimate, "table", width=80, details=True)


def test_details_add_sources_notes_and_everything_not_priced(estimates):
    short, long = (render(estimates["unpriced"], "table", width=120, details=details) for details in (False, True))
    for text in ("no rate for this region", "private networking endpoints", "sagemaker: AWS price list"):
        assert text in long
        assert text not in short


def test_a_partial_total_is_marked_and_explained(estimates):
    text = render(estimates["unpriced"], "table", width=80)
    assert "$1,448 +" in text
    assert "+: lines without a price are not in it" in " ".join(text.split())
    assert "Without a price, so not in it:" in text
    assert re.search(r"egress +525\.6 +no price +GB +no price", text)


def test_when_nothing_meets_the_slo_the_closest_say_by_how_much(estimates):
    text = render(estimates["infeasible"], "table", width=80)
    assert "Nothing serves 50 requests/s with p99 at most 100 ms: 7 offers ruled out" in text
    assert re.search(r"c2-standard-60 +vertex us-central1 +101 ms +over by 1\.20 ms \(1\.01× the limit\)", text)
    assert "month's bill" not in text


def test_no_offers_at_all_is_one_sentence(make_estimate):
    assert "No offer matches" in render(make_estimate(()), "table", width=80)


def test_serverless_shows_its_range_of_instances(estimates):
    text = render(estimates["serverless"], "table", width=80)
    assert "serverless-2048 × 0–2" in text
    assert "Cold starts: about 38 %" in text
    assert "Billed $1.85, all of it used." in text


def test_nothing_from_a_file_reaches_the_terminal_as_a_control_character(estimates):
    assert all(c.isprintable() or c == "\n" for c in render(estimates["hostile"], "table", width=80))


@pytest.mark.parametrize("name", ["ties", "gpus", "serverless", "unpriced", "infeasible", "everywhere"])
def test_output_survives_a_legacy_code_page(estimates, name):
    assert render(estimates[name], "table", width=80).encode("cp1252")


money = st.decimals(min_value="1e-7", max_value="1e6", places=7)
line = st.builds(
    lambda name, quantity, price: CostLine(
        name=name, unit="GB", quantity=quantity, price=price, monthly_cost=None if price is None else quantity * price,
        basis="used", source=None,
    ),
    st.sampled_from(["compute", "egress", "logs", "storage"]),
    st.decimals(min_value="0.01", max_value="1e7", places=2),
    st.none() | money,
)  # fmt: skip
ZERO = re.compile(r"\$0(?![\d.]*[1-9])|(?<![\d.,])0\.0+(?![\d])")


@settings(max_examples=40, deadline=None)
@given(lines=st.lists(line, min_size=1, max_size=6), no_price=st.integers(0, 9), width=st.sampled_from([80, 120]))
def test_a_missing_price_never_shows_as_zero(make_candidate, make_estimate, lines, no_price, width):
    likely = sum((x.monthly_cost for x in lines if x.monthly_cost is not None), Decimal(0))
    if likely == 0:
        lines = [*lines, CostLine("compute", "hour", Decimal(1), Decimal(1), Decimal(1), "used", None)]
    candidate = make_candidate(
        1, 1, ("sagemaker", "us-east-1"), "ml.c7i.large", "1", lines=tuple(lines), counts=Replicas(1, 1, 1.0)
    )
    # A total of fractions of a cent a month would round the sample's own per-million figure to nothing.
    per_million = replace(candidate.cost.per_month)
    candidate = replace(candidate, cost=replace(candidate.cost, per_million=per_million))
    estimate = make_estimate((candidate,), no_price=no_price)
    missing = sum(x.monthly_cost is None for x in lines)
    for fmt in ("table", "markdown"):
        text = render(estimate, fmt, width=width)
        assert not ZERO.search(text)
        assert text.count(figures.NO_PRICE) >= 2 * missing
    row = render(estimate, "csv").splitlines()[1]
    assert ("egress" in row) == any(x.name == "egress" and x.monthly_cost is None for x in lines)
