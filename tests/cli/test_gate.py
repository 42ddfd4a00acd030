"""``infercost gate``: three outcomes, three exit codes, the verdict on stderr."""

from __future__ import annotations

from decimal import Decimal

import jsonschema
import pytest

from infercost.store.artifacts import schema

ASKED = ("--rps", "50", "--slo", "p99=100ms")


def test_a_budget_above_the_band_passes(infercost, profile):
    result = infercost("gate", profile, *ASKED, "--max-monthly", "5000")
    assert result.code == 0
    assert result.out.startswith("PASS")
    assert result.err.endswith("gate: pass\n")


def test_a_budget_below_the_band_is_breached(infercost, profile):
    result = infercost("gate", profile, *ASKED, "--max-monthly", "1")
    assert result.code == 3
    assert result.out.startswith("BREACH")
    assert result.err.endswith("gate: breach\n")


def test_a_budget_inside_the_band_is_inconclusive(infercost, profile):
    narrow = ("--provider", "sagemaker", "--instance", "ml.m5.large", "--rps", "20000")
    band = infercost("estimate", profile, *narrow, "--format", "json").json["candidates"][0]["cost"]["per_month"]
    assert Decimal(band["low"]) < Decimal(band["likely"]) < Decimal(band["high"])
    result = infercost("gate", profile, *narrow, "--max-monthly", band["likely"])
    assert result.code == 4
    assert result.err.endswith("gate: inconclusive\n")


def test_every_budget_is_checked_and_the_worst_wins(infercost, profile):
    budgets = ("--max-monthly", "5000", "--max-per-million", "0.000001", "--max-p99", "90ms")
    result = infercost("gate", profile, *ASKED, *budgets, "--format", "json")
    assert result.code == 3
    verdict = result.json
    jsonschema.validate(verdict, schema("verdict"))
    assert verdict["outcome"] == "breach"
    assert sorted({check["outcome"] for check in verdict["checks"]}) == ["breach", "pass"]


def test_stale_prices_make_it_inconclusive(infercost, profile):
    result = infercost("gate", profile, *ASKED, "--max-monthly", "5000", "--max-price-age", "0")
    assert result.code == 4


def test_a_promise_that_nothing_keeps_is_a_breach(infercost, profile):
    result = infercost("gate", profile, "--rps", "5", "--slo", "p99=1us", "--max-monthly", "5000")
    assert result.code == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --max-monthly"),
        (("--max-monthly", "lots"), "--max-monthly 500"),
        (("--max-monthly", "-1"), "above 0"),
        (("--max-monthly", "nan"), "above 0"),
        (("--max-p99", "soon"), "--max-p99 80ms"),
        (("--max-p99", "0ms"), "above 0"),
    ],
)
def test_bad_budgets_get_one_line_and_exit_2(infercost, profile, arguments, words):
    result = infercost("gate", profile, *ASKED, *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1
