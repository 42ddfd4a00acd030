"""``infercost estimate`` from a saved profile: the answer, its formats and its exit codes."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import jsonschema
import pytest

from infercost.store.artifacts import schema

ASKED = ("--rps", "50", "--slo", "p99=100ms")


def test_the_table_answers_at_a_glance(infercost, profile):
    result = infercost("estimate", profile, *ASKED)
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 80
    for words in ("digits.onnx at 50 requests/s, p99 at most 100 ms", "eastus, us-east-1, us-central1", "each cloud's default"):
        assert words in " ".join(result.out.split())
    for heading in ("The month's bill of", "Ruled out", "Prices", "Not priced", "derived"):
        assert heading in result.out
    assert "\x1b" not in result.out


def test_json_is_the_published_contract_and_alone_on_stdout(infercost, profile):
    regions = ("--region", "us-east-1", "--region", "us-central1", "--region", "eastus")
    result = infercost("estimate", profile, *ASKED, *regions, "--format", "json")
    assert result.code == 0
    answer = result.json
    jsonschema.validate(answer, schema("estimate"))
    assert (answer["schema_version"], answer["kind"], answer["currency"]) == (1, "estimate", "USD")
    assert {c["provider"] for c in answer["price_catalogs"]} == {"sagemaker", "vertex", "azureml"}
    assert {c["region"] for c in answer["candidates"]} == {"us-east-1", "us-central1", "eastus"}
    assert [c["rank"] for c in answer["candidates"]] == list(range(1, len(answer["candidates"]) + 1))
    summary = answer["summary"]
    assert summary["offers"] == summary["feasible"] + summary["rejected"] + summary["no_price"]
    assert summary["feasible"] == len(answer["candidates"])
    assert summary["rejected"] == len(answer["rejected"])


def test_lines_sum_to_the_total_and_money_is_text(infercost, profile):
    answer = infercost("estimate", profile, *ASKED, "--format", "json").json
    for candidate in answer["candidates"]:
        likely = candidate["cost"]["per_month"]["likely"]
        assert isinstance(likely, str)
        priced = [Decimal(line["monthly_cost"]) for line in candidate["lines"] if line["monthly_cost"] is not None]
        assert sum(priced) == Decimal(likely)


def test_every_region_of_every_cloud_is_counted(infercost, profile):
    answer = infercost("estimate", profile, *ASKED, "--region", "all", "--format", "json").json
    assert len(answer["regions"]) == 136
    assert answer["summary"]["offers"] > 12_000


def test_one_named_region_asks_one_cloud(infercost, profile):
    answer = infercost("estimate", profile, *ASKED, "--region", "europe-west4", "--format", "json").json
    assert {c["provider"] for c in answer["candidates"]} == {"vertex"}


def test_instances_and_providers_narrow_the_question(infercost, profile):
    arguments = ("--provider", "sagemaker", "--instance", "ml.c7i.*", "--format", "json")
    answer = infercost("estimate", profile, *ASKED, *arguments).json
    assert answer["candidates"]
    assert all(c["instance_type"].startswith("ml.c7i.") for c in answer["candidates"])


def test_a_higher_rate_never_costs_less(infercost, profile):
    def cheapest(rps: str) -> Decimal:
        answer = infercost("estimate", profile, "--rps", rps, "--provider", "vertex", "--format", "json").json
        return Decimal(answer["candidates"][0]["cost"]["per_month"]["likely"])

    assert cheapest("1") <= cheapest("100") <= cheapest("10000")


def test_spare_replicas_are_paid_for(infercost, profile):
    arguments = ("--provider", "vertex", "--min-replicas", "3", "--format", "json")
    answer = infercost("estimate", profile, *ASKED, *arguments).json
    assert min(c["replicas"]["min"] for c in answer["candidates"]) == 3


def test_what_is_included_is_in_the_bill(infercost, profile):
    arguments = ("--region", "us-east-1", "--include", "nat_hour=730", "--include", "nat_gb=100", "--format", "json")
    answer = infercost("estimate", profile, *ASKED, *arguments).json
    for candidate in answer["candidates"]:
        lines = {line["name"]: line["monthly_cost"] for line in candidate["lines"]}
        assert Decimal(lines["NAT gateway"]) == Decimal("32.85")
        assert Decimal(lines["NAT data"]) == Decimal("4.5")
    assert answer["traffic"]["include"] == {"nat_hour": 730.0, "nat_gb": 100.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nat_hours=730", "unknown rate 'nat_hours'; did you mean nat_hour"),
        ("logs_ingest_gb=5", "in the bills already (the line 'logs')"),
        ("nat_hour=0", "must be above 0"),
        ("nat_hour=much", "write it like --include nat_hour=730"),
        ("nat_hour", "write it like --include nat_hour=730"),
    ],
)
def test_what_cannot_be_included_is_one_line(infercost, profile, text, message):
    done = infercost("estimate", profile, *ASKED, "--include", text)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_payloads_and_callers_change_the_bill(infercost, profile):
    def line(name: str, *arguments: str) -> Decimal | None:
        answer = infercost("estimate", profile, *ASKED, "--provider", "vertex", "--format", "json", *arguments).json
        costs = [x["monthly_cost"] for x in answer["candidates"][0]["lines"] if x["name"] == name]
        return Decimal(costs[0]) if costs else None

    assert line("egress", "--payload-out", "1MB") > line("egress", "--payload-out", "1kB") > 0
    assert line("egress", "--payload-out", "1MB", "--clients", "in-region") is None


def test_csv_holds_every_candidate(infercost, profile):
    result = infercost("estimate", profile, *ASKED, "--format", "csv", "--top", "1")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert len(rows) > 100
    assert rows[0]["rank"] == "1"


def test_markdown_is_a_table(infercost, profile):
    result = infercost("estimate", profile, *ASKED, "--format", "markdown")
    assert result.out.startswith("### digits.onnx at 50 requests/s")
    assert "| --- |" in result.out.replace("| ---: |", "| --- |").replace("| :--- |", "| --- |")


def test_a_file_takes_its_format_from_its_name(infercost, profile, tmp_path):
    result = infercost("estimate", profile, *ASKED, "--out", "answer.json")
    assert (result.code, result.out) == (0, "")
    assert "wrote answer.json" in result.err
    assert json.loads((tmp_path / "answer.json").read_text())["kind"] == "estimate"


def test_quiet_says_nothing_on_stderr(infercost, profile):
    assert infercost("estimate", profile, *ASKED, "--format", "json", "-q").err == ""


def test_a_promise_that_nothing_keeps_exits_3_with_the_closest(infercost, profile):
    result = infercost("estimate", profile, "--rps", "50", "--slo", "p99=1us")
    assert result.code == 3
    assert "The closest" in result.out
    assert "not met: none of" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rps", "0"), "must be above 0"),
        (("--rps", "-3"), "must be above 0"),
        (("--rps", "1e300"), "beyond what is modelled"),
        (("--rps", "nan"), "must be above 0"),
        (("--rps", "5", "--slo", "soon"), "--slo p99=100ms"),
        (("--rps", "5", "--region", "us-est-1"), "did you mean"),
        (("--rps", "5", "--region", "sagemaker:eastus"), "unknown region 'eastus'"),
        (("--rps", "5", "--provider", "vertx"), "did you mean vertex?"),
        (("--rps", "5", "--instance", "ml.c7i.larg"), "did you mean ml.c7i.large"),
        (("--rps", "5", "--format", "yml"), "known: csv, json, markdown, table"),
        (("--rps", "5", "--out", "no/such/folder.json"), "mkdir -p no/such"),
        (("--rps", "5", "--payload-in", "much"), "--payload-in 150kB"),
        (("--rps", "5", "--clients", "mars"), "internet or in-region"),
        (("--rps", "5", "--overhead", "-1"), "--overhead 80ms"),
        (("--rps", "5", "--dim", "seq=8"), "is a saved profile"),
    ],
)
def test_bad_options_get_one_line_and_exit_2(infercost, profile, arguments, words):
    result = infercost("estimate", profile, *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert words in result.err


def test_a_profile_from_a_newer_release_says_to_upgrade(infercost, profile, tmp_path):
    newer = json.loads(profile.read_text()) | {"schema_version": 99}
    (tmp_path / "newer.json").write_text(json.dumps(newer))
    result = infercost("estimate", "newer.json", "--rps", "5")
    assert result.code == 2
    assert "pip install --upgrade infercost" in result.err


def test_a_missing_file_is_named(infercost):
    result = infercost("estimate", "gone.onnx", "--rps", "5")
    assert (result.code, result.err) == (2, "error: cannot read gone.onnx: No such file or directory; check the path\n")
