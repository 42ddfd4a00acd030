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
from infercost.render import capacity_digest, render
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


def test_no_level_of_the_crossover_shows_a_gap_as_a_price(crossover):
    text = render(crossover, "table", width=80)
    row = next(line for line in text.splitlines() if "scale to zero" in line)
    assert row.split()[-3:] == ["-", "-", "-"]
    assert "no price in the book" in text
