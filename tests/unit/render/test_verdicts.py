from __future__ import annotations

import csv
import json
from dataclasses import replace
from io import StringIO

import pytest

from infercost.domain.verdict import Check, Verdicts, Waiver
from infercost.render import render

WAIVER = Waiver(check="monthly", until="2026-12-31", owner="ana@example.com", reason="migration")


@pytest.fixture
def verdicts(make_verdict) -> Verdicts:
    waived = Check(
        name="monthly", outcome="pass", limit="$1", actual=None, reason="waived until 2026-12-31: over", waiver=WAIVER
    )
    found = {name: replace(make_verdict(name), warnings=("prices are old",)) for name in ("pass", "breach", "inconclusive")}
    kept = replace(found["pass"], checks=(waived, *found["pass"].checks), warnings=("prices are old", "only | here"))
    return Verdicts(
        outcome="breach",
        verdicts={"web|shop": found["breach"], "scorer": found["inconclusive"], "waived": kept, "plain": found["pass"]},
    )


def test_the_table_lists_every_target_with_what_decided_it(verdicts):
    text = render(verdicts, "table", width=120)
    assert text.startswith("BREACH  4 targets: 1 breach, 1 inconclusive, 2 pass\n")
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "breach" in rows["web|shop"]
    assert "monthly: the whole band is on one side of the limit" in rows["web|shop"]
    assert " - " in rows["scorer"]
    assert "monthly: waived until 2026-12-31: over" in rows["waived"]
    assert "within monthly" in rows["plain"]


def test_a_warning_of_all_is_told_once(verdicts):
    text = render(verdicts, "table", width=120)
    assert text.count("prices are old") == 1
    assert "waived: only | here" in text


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(verdicts, width):
    assert max(map(len, render(verdicts, "table", width=width).splitlines())) <= width


def test_markdown_has_a_row_a_target_and_each_verdict_below(verdicts, make_verdict):
    text = render(verdicts, "markdown")
    assert text.startswith("### ❌ Breach: 4 targets: 1 breach, 1 inconclusive, 2 pass\n")
    assert "| web\\|shop | ❌ breach |" in text
    assert "<details><summary>web|shop</summary>" in text
    assert render(verdicts.verdicts["web|shop"], "markdown").strip() in text
    assert "$" not in text.replace("\\$", "")


def test_csv_has_a_row_a_check_led_by_its_target(verdicts):
    rows = list(csv.DictReader(StringIO(render(verdicts, "csv"))))
    assert len(rows) == sum(len(one.checks) for one in verdicts.verdicts.values())
    assert rows[0]["target"] == "web|shop"
    assert rows[0]["outcome"] == "breach"


def test_json_names_targets_in_their_order(verdicts):
    found = json.loads(render(verdicts, "json"))
    assert list(found["verdicts"]) == ["web|shop", "scorer", "waived", "plain"]
    assert found["verdicts"]["waived"]["checks"][0]["waiver"]["until"] == "2026-12-31"
