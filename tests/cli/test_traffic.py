"""``infercost traffic``: what is read of a file or a shape, and every refusal in one line."""

from __future__ import annotations

import gzip

import pytest

MINUTES = "time,requests\n" + "".join(f"2026-08-03T00:{m:02d}Z,{60 * (1 + m % 7)}\n" for m in range(60))
LOG = '10.0.0.1 - - [10/Oct/2026:13:55:{:02d} -0700] "GET / HTTP/1.1" 200 12\n'


@pytest.fixture
def minutes(tmp_path):
    path = tmp_path / "minutes.csv"
    path.write_text(MINUTES)
    return path


def test_a_file_in_every_format(infercost, minutes):
    table = infercost("traffic", minutes)
    assert table.code == 0
    assert table.err == ""
    assert "from 2026-08-03T00:00:00Z" in table.out
    assert "#" in table.out
    data = infercost("traffic", minutes, "--format", "json").json
    assert (data["kind"], data["duration_s"], data["peak_rps"]) == ("traffic", 3600, 7)
    assert infercost("traffic", minutes, "-f", "csv").out.startswith("at_s,rps\n")
    assert infercost("traffic", minutes, "-f", "markdown").out.startswith("## ")


def test_notes_go_to_stderr_where_the_format_has_no_room(infercost, tmp_path):
    log = tmp_path / "access.log.gz"
    log.write_bytes(gzip.compress("".join(LOG.format(s) for s in (1, 2, 2, 5)).encode() + b"bad line\n"))
    found = infercost("traffic", log, "--format", "csv")
    assert "warning: 1 of 5 lines are no requests (first: line 5): left out" in found.err
    assert infercost("traffic", log, "--format", "csv", "--quiet").err == ""
    assert infercost("traffic", log).err == ""


def test_options(infercost, minutes):
    data = infercost(
        "traffic", minutes, "--clip", "10m..40m", "--repeat", "2", "--peak", "70rps", "--burstiness", "3@15s",
        "--traffic-column", "time=time", "--traffic-column", "count=requests", "--classes", "a=1x1,b=1x3",
        "--format", "json",
    ).json  # fmt: skip
    assert (data["duration_s"], data["peak_rps"], data["dispersion"]) == (3600, 70, 3)
    assert "in bursts of 15 s" in data["burstiness"]
    assert data["work"].startswith("a 50 %")
    assert infercost("traffic", "poisson:50", "--scale", "10x", "--format", "json").json["requests"] == 1_800_000


def test_to_a_file(infercost, minutes, tmp_path):
    found = infercost("traffic", minutes, "--out", tmp_path / "t.json")
    assert (found.code, found.out) == (0, "")
    assert '"kind": "traffic"' in (tmp_path / "t.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nosuch.csv",), "cannot read nosuch.csv: there is no such file"),
        ((".",), "it is a folder"),
        (("diurnel:peak=3",), "did you mean diurnal?"),
        (("bad.csv",), "bad.csv, line 3: requests '-5' is negative"),
        (("poisson:5", "--scale", "2x", "--peak", "9"), "give one of --scale and --peak"),
        (("poisson:5", "--format", "xml"), "unknown format 'xml'"),
    ],
)
def test_refusals_are_one_line_and_exit_2(infercost, tmp_path, arguments, message):
    (tmp_path / "bad.csv").write_text("time,requests\n0,5\n1,-5\n")
    found = infercost("traffic", *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error: ")
    assert found.err.count("\n") == 1
    assert message in found.err
