from __future__ import annotations

import csv
from decimal import Decimal
from io import StringIO

import pytest

from infercost.render import csv as render_csv
from infercost.render import render


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_one_row_a_candidate_whatever_is_shown_elsewhere(estimates):
    assert len(rows(render(estimates["everywhere"], "csv", top=1))) == 3 * 37


def test_amounts_are_exact(estimates):
    for candidate, row in zip(estimates["ties"].candidates, rows(render(estimates["ties"], "csv")), strict=True):
        assert Decimal(row["per_month_likely"]) == candidate.cost.per_month.likely
        assert float(row["p99_ms"]) == candidate.latency_ms.p99
        assert int(row["workers"]) == candidate.serving.workers
        assert int(row["replicas_min"]) == candidate.replicas.min


def test_what_is_not_known_is_empty(estimates):
    last = rows(render(estimates["ties"], "csv"))[-1]
    assert last["per_month_high"] == last["accelerator"] == last["dominated_by"] == ""


def test_lines_are_one_row_each_and_a_missing_price_is_empty(estimates):
    found = rows(render_csv.lines(estimates["unpriced"]))
    assert len(found) == 6
    egress = next(row for row in found if row["name"] == "egress")
    assert egress["price"] == egress["monthly_cost"] == egress["source"] == ""
    assert egress["note"] == "no rate for this region"
    assert (egress["rank"], egress["instance_type"]) == ("1", "ml.c7i.large")


def test_a_profile_is_one_row_a_point(profile):
    found = rows(render(profile, "csv"))
    assert [row["batch"] for row in found] == ["1", "1", "4", "16"]
    assert found[-1]["p99_ms"] == ""
    assert [row["stable"] for row in found] == ["true", "true", "true", "false"]


@pytest.mark.parametrize("outcome", ["pass", "inconclusive"])
def test_a_verdict_is_one_row_a_check(make_verdict, outcome):
    verdict = make_verdict(outcome)
    found = rows(render(verdict, "csv"))
    assert [row["name"] for row in found] == ["monthly", "p99_ms"]
    assert (found[0]["actual_likely"] == "") == (verdict.checks[0].actual is None)
