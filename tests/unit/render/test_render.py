from __future__ import annotations

import subprocess
import sys

import pytest

from infercost.domain.errors import UnknownNameError, UsageError
from infercost.render import FORMATS, render


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_kind_renders_in_every_format_and_ends_with_one_newline(estimates, profile, make_verdict, fmt):
    for value in (estimates["ties"], profile, make_verdict("pass")):
        text = render(value, fmt, width=80)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_an_unknown_format_is_refused_with_the_nearest(profile):
    with pytest.raises(UnknownNameError, match=r"unknown format 'markdwon'; did you mean markdown\?"):
        render(profile, "markdwon")


def test_an_unknown_format_that_is_near_none_lists_all(profile):
    with pytest.raises(UsageError, match="known: csv, json, markdown, table"):
        render(profile, "xls")


@pytest.mark.parametrize("top", [0, -3])
def test_showing_no_candidates_is_refused(estimates, top):
    with pytest.raises(UsageError, match="at least 1"):
        render(estimates["ties"], "table", top=top)


def test_a_width_of_nothing_is_refused(estimates):
    with pytest.raises(UsageError, match="width must be at least 1"):
        render(estimates["ties"], "table", width=0)


def test_without_a_width_the_terminal_is_asked(estimates, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    asked = render(estimates["ties"], "table")
    assert asked == render(estimates["ties"], "table", width=120)
    assert asked != render(estimates["ties"], "table", width=80)


@pytest.mark.parametrize("name", ["FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"])
def test_no_escape_codes_unless_asked_whatever_the_environment_says(estimates, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert "\x1b" not in render(estimates["ties"], "table", width=80)


def test_color_adds_escape_codes_and_changes_no_character(estimates):
    import re

    colored = render(estimates["ties"], "table", width=80, color=True)
    assert "\x1b[" in colored
    bare = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert [line.rstrip() for line in bare.splitlines()] == render(estimates["ties"], "table", width=80).splitlines()


def test_csv_and_json_do_not_load_rich():
    code = "import sys; from infercost.render import csv, json, markdown; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
