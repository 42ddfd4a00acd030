from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from infercost.domain.errors import UsageError
from infercost.domain.traffic import Slo
from infercost.render import capacity_digest, figures, render
from infercost.store.artifacts import decode, schema


def _load_plans():
    path = Path(__file__).with_name("capacity_plans.py")
    spec = importlib.util.spec_from_file_location("capacity_plans", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


plans = _load_plans()


@pytest.fixture(scope="module")
def plan():
    return plans.plan()


@pytest.fixture(scope="module")
def crossover():
    return plans.crossover()


@pytest.mark.parametrize("width", [60, 80, 130])
def test_a_plan_looks_as_it_did(plan, golden, width):
    text = render(plan, "table", width=width, top=2)
    assert max(map(len, text.splitlines())) <= width
    golden(f"capacity-plan-{width}.txt", text)


def test_details_of_a_plan_look_as_they_did(plan, golden):
    golden("capacity-plan-details-130.txt", render(plan, "table", width=130, details=True))


@pytest.mark.parametrize(("fmt", "suffix"), [("markdown", "md"), ("csv", "csv"), ("json", "json"), ("html", "html")])
def test_other_formats_of_a_plan_look_as_they_did(plan, golden, fmt, suffix):
    text = render(plan, fmt)
    if fmt == "html":  # the library is not ours to watch
        text = re.sub(r"<script>/\*! https.*?</script>", "<script>uPlot</script>", text, count=1, flags=re.DOTALL)
    golden(f"capacity-plan.{suffix}", text)


@pytest.mark.parametrize(
    ("fmt", "suffix", "width"), [("table", "txt", 80), ("markdown", "md", None), ("csv", "csv", None), ("json", "json", None)]
)
def test_crossovers_look_as_they_did(crossover, golden, fmt, suffix, width):
    golden(f"crossover.{suffix}", render(crossover, fmt, width=width))


def test_both_keep_their_schema_and_read_back_the_same(plan, crossover):
    for value, kind in ((plan, "capacity_plan"), (crossover, "crossover")):
        text = render(value, "json")
        Draft202012Validator(schema(kind)).validate(json.loads(text))
        assert decode(text.encode(), type(value), kind) == value


def test_every_cloud_is_shown_however_dear(plan):
    rows = capacity_digest.rows(plan, 1)
    assert [row.policy.provider for row in rows] == ["sagemaker", "vertex", "azureml"]


def test_csv_holds_every_policy_and_no_rounding(plan):
    rows = list(csv.DictReader(io.StringIO(render(plan, "csv"))))
    assert len(rows) == len(plan.policies)
    assert rows[0]["per_month_likely"] == str(plan.policies[0].per_month.likely)
    assert rows[2]["slo_probability"] == ""


def test_a_line_without_a_price_is_said_and_never_zero(plan):
    partial = replace(plan, policies=tuple(p for p in plan.policies if p.provider == "azureml"))
    text = render(partial, "table", width=130)
    assert re.search(r"egress .* no price .* no price", text)
    assert "$255 +" in text
    assert "$0" not in render(partial, "table", width=130).split("egress")[1].splitlines()[0]
    assert "255 (207–388) + unpriced lines" in render(partial, "markdown")


def test_a_plan_without_a_policy_says_so_in_every_format(plan):
    none = replace(plan, policies=())
    assert "Nothing that was considered" in render(none, "table")
    assert "Nothing that was considered" in render(none, "markdown")
    assert "Nothing that was considered" in render(none, "html")
    assert render(none, "csv").count("\n") == 1


def test_the_page_needs_no_network_and_cannot_be_broken_out_of(plan):
    evil = "</script><img src=x onerror=alert(1)>"
    hostile = replace(plan, workload=replace(plan.workload, source=evil), model=replace(plan.model, name=evil))
    hostile = replace(hostile, policies=(replace(plan.policies[0], instance_type=evil),))
    text = render(hostile, "html")
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Reader().feed(text)
    assert "img" not in [tag for tag, _ in found]
    assert not [attrs for _, attrs in found if any(name in {"src", "href"} for name in attrs)]
    assert "url(" not in text
    assert "@import" not in text


def test_the_page_carries_the_figures_of_each_explained_policy(plan):
    text = render(plan, "html")
    data = json.loads(re.search(r"const plans = (\[.*?\]);\n", text)[1])
    explained = [p for p in plan.policies if p.timeline]
    assert len(data) == len(explained) == 1
    assert data[0]["at"] == [point.at_s for point in explained[0].timeline]
    panels = {panel["title"]: panel["values"] for panel in data[0]["panels"]}
    assert panels["replicas in service"] == [point.replicas for point in explained[0].timeline]
    assert sum(panels["requests late"]) == sum(point.late for point in explained[0].timeline)


def test_html_is_offered_only_where_there_is_a_page(crossover):
    with pytest.raises(UsageError, match="there is no html of this; --format has table, json, markdown, csv"):
        render(crossover, "html")


@pytest.mark.parametrize("color", [False, True])
def test_strips_stay_within_the_terminal_and_show_every_peak(plan, color):
    text = render(plan, "table", width=60, color=color)
    marks = [line for line in text.splitlines() if line.lstrip().startswith("late ")]
    assert len(marks) == 1
    assert marks[0].count("!") == 1


def test_a_share_is_never_rounded_up_to_all():
    assert capacity_digest.share(1.0) == "100 %"
    assert capacity_digest.share(0.999999) == "99.99 %"
    assert capacity_digest.share(0.98765) == "98.77 %"
    assert capacity_digest.share(0.5) == "50 %"


def test_a_mode_without_any_figure_has_a_reason_and_no_row(crossover):
    text = render(crossover, "table", width=80)
    assert not [line for line in text.splitlines() if line.startswith("vertex") and "scale to zero" in line]
    assert "vertex scale to zero: no price in the book" in text


def test_a_level_without_a_figure_is_no_price_and_named(crossover):
    points = [
        replace(p, per_month=None, note="too many at once") if (p.mode, p.requests_per_day) == ("serverless", 1e6) else p
        for p in crossover.points
    ]
    text = render(replace(crossover, points=tuple(points)), "table", width=80)
    row = next(line for line in text.splitlines() if line.startswith("sagemaker") and "serverless" in line)
    assert row.split()[-1] == "-"
    assert "sagemaker serverless at 1M: too many at once" in text


def test_the_cheapest_and_the_cheapest_within_the_slo_are_marked(crossover):
    rows = {
        line.split()[1]: line.split() for line in render(crossover, "table", width=80).splitlines() if "sagemaker " in line[:10]
    }
    assert rows["serverless"][2:] == ["*0.40", "*+12.00", "980"]
    assert rows["real-time"][2:] == ["+41.20", "41.90", "*+130"]


def test_details_say_what_the_figures_rest_on(crossover):
    assert "2 rules, 1 of them assumed" in render(crossover, "table", width=80)
    assert "assumed: sagemaker serverless: gone after 300 s" in render(crossover, "table", width=80, details=True)


@pytest.mark.parametrize("width", [60, 80, 130])
def test_six_levels_of_three_clouds_fit_the_terminal(crossover, width):
    levels = (100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
    points = [
        replace(p, provider=cloud, requests_per_day=n) for cloud in ("azureml", "sagemaker", "vertex")
        for p in crossover.points[::3] for n in levels
    ]  # fmt: skip
    text = render(replace(crossover, requests_per_day=levels, points=tuple(points)), "table", width=width)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("details", [False, True])
def test_no_figure_of_the_bill_is_cut_however_narrow_the_terminal(plan, details):
    text = render(plan, "table", width=36, top=1, details=details)
    assert max(map(len, text.splitlines())) <= 36
    bill = text.split("The month's bill")[1].split("Billed")[0]
    shown = [line.split()[-1] for line in bill.splitlines() if "$" in line and "/month" not in line]
    assert shown == [figures.money(line.monthly_cost, "$") for line in plan.policies[0].lines]


@pytest.mark.parametrize(
    ("slo", "said"), [("", "without an SLO"), ("mean=40ms", "a promised mean"), ("mean=40ms,p95=1s", "share of")]
)
def test_what_met_means_depends_on_the_promises(plan, slo, said):
    asked = replace(plan, slo=Slo.parse(slo) if slo else Slo())
    for fmt in ("table", "html"):
        assert re.search(
            rf"met:[^.;]*{said}", " ".join(render(asked, fmt, **({"width": 400} if fmt == "table" else {})).split())
        )


def test_the_bound_says_that_it_counts_what_has_no_price(plan):
    partial = replace(plan, policies=tuple(p for p in plan.policies if p.provider == "azureml"))
    assert "counted at their most" in " ".join(capacity_digest.search(partial))
    assert "counted at their most" not in " ".join(capacity_digest.search(plan))


def test_times_of_short_traffic_have_seconds(plan):
    winner = plan.policies[0]
    short = tuple(replace(point, at_s=i * 0.5) for i, point in enumerate(winner.timeline))
    text = render(replace(plan, policies=(replace(winner, timeline=short),)), "table", width=100)
    axis = next(line for line in reversed(text.splitlines()) if re.search(r"^ +0:00:00 ", line))
    times = axis.split()
    assert len(set(times)) == len(times) > 2


def test_a_winner_that_is_not_simulated_is_not_passed_over_in_silence(plan):
    other = replace(plan.policies[1], timeline=plan.policies[0].timeline)
    text = " ".join(render(replace(plan, policies=(replace(plan.policies[0], timeline=()), other)), "table", width=100).split())
    assert "scales by request and has no course over time" in text
    assert "has no course over time" not in render(plan, "table", width=100)
