from __future__ import annotations

import re

import pytest

from infercost.render import markdown, render


def cells(row: str) -> list[str]:
    return re.split(r"(?<!\\)\|", row)[1:-1]


@pytest.mark.parametrize("name", ["ties", "gpus", "serverless", "unpriced", "infeasible", "everywhere", "hostile"])
def test_every_table_row_has_as_many_cells_as_its_header(estimates, name):
    for block in render(estimates[name], "markdown").split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(cells(row)) for row in rows}) <= 1


def test_folded_sections_are_closed(estimates):
    text = render(estimates["ties"], "markdown")
    assert text.count("<details>") == text.count("</details>") == 2


@pytest.mark.parametrize("name", ["ties", "hostile"])
def test_no_bare_dollar_sign_opens_mathematics(estimates, name):
    assert not re.search(r"(?<!\\)\$", render(estimates[name], "markdown"))


def test_text_from_files_is_escaped(estimates):
    text = render(estimates["hostile"], "markdown")
    assert r"a\|b?\[31m\`x\` \<b\>\*\$1\$\*.onnx" in text
    assert "- warning: a\\|b c?\\]0;x?" in text


def test_html_in_a_summary_is_escaped_as_html():
    assert markdown.folded("a <b> & |", "x").startswith("<details><summary>a &lt;b&gt; &amp; |</summary>")


def test_the_verdict_leads(make_verdict):
    text = render(make_verdict("breach"), "markdown")
    assert text.startswith("### ❌ Breach: resnet50-v1.onnx at 50 requests/s, p99 at most 100 ms\n")
    assert "| p99_ms | 80 ms | 63.2 ms (46.8–85.3) | pass |" in text


def test_a_verdict_without_a_candidate_shows_the_closest(make_verdict):
    text = render(make_verdict("inconclusive"), "markdown")
    assert "**Nothing serves 50 requests/s" in text
    assert "| c2-standard-60 | vertex | us-central1 | 101 ms | over by 1.20 ms" in text


def test_only_the_first_candidates_are_shown(estimates):
    text = render(estimates["ties"], "markdown", top=2)
    assert "| 4 |" not in text
    assert "3 more can serve it." in text


def test_what_is_empty_makes_no_section(make_estimate, make_candidate, make_verdict, profile):
    from dataclasses import replace

    bare = make_estimate((make_candidate(1, 1, ("a", "b"), "c", "1"),), not_priced=())
    text = render(bare, "markdown")
    for absent in ("Ruled out", "Not priced", "warning:", "marks a tie"):
        assert absent not in text
    assert "| check |" not in render(replace(make_verdict("pass"), checks=()), "markdown")
    assert "| operator |" not in render(replace(profile, operators=()), "markdown")


def test_reasons_beyond_the_first_few_are_summed_up(make_estimate, make_candidate):
    from infercost.domain.estimate import Rejected

    words = ["one", "two", "three", "four", "five", "six"]
    estimate = make_estimate(
        (make_candidate(1, 1, ("a", "b"), "c", "1"),), tuple(Rejected("p", "r", "i", (word,)) for word in words)
    )
    assert "- 2 for other reasons" in render(estimate, "markdown")
    assert "- 1 × six" in render(estimate, "markdown", details=True)


def test_a_profile_says_what_it_warns_of(profile):
    text = render(profile, "markdown")
    assert "- dimension N was not bound; measured with 1" in text
    assert "`-`: too few samples" in text
