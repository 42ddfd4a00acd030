from __future__ import annotations

import pytest

from infercost.render import render


@pytest.mark.parametrize(("outcome", "word"), [("pass", "PASS"), ("breach", "BREACH"), ("inconclusive", "INCONCLUSIVE")])
def test_the_outcome_is_the_first_word(make_verdict, outcome, word):
    assert render(make_verdict(outcome), "table", width=80).split()[0] == word


def test_each_check_shows_limit_and_estimate_in_its_own_unit(make_verdict):
    text = render(make_verdict("pass"), "table", width=120)
    assert "$1500  $1,496 (1,122–2,094)  pass" in text
    assert "80 ms   63.2 ms (46.8–85.3)  pass" in text


def test_the_judged_candidate_is_shown(make_verdict):
    assert "ml.c7i.large × 2" in render(make_verdict("pass"), "table", width=80)


def test_without_a_candidate_the_reason_is_shown(make_verdict):
    text = render(make_verdict("inconclusive"), "table", width=80)
    assert "Judged" not in text
    assert "Nothing serves 50 requests/s" in text
    assert "unknown" in text


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(named_verdict, width):
    assert max(map(len, render(named_verdict[1], "table", width=width).splitlines())) <= width


def test_a_verdict_without_checks_still_shows_what_was_judged(make_verdict):
    from dataclasses import replace

    text = render(replace(make_verdict("pass"), checks=()), "table", width=80)
    assert "check" not in text
    assert "ml.c7i.large × 2" in text
