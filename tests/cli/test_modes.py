from __future__ import annotations

import csv
import io

import pytest

ONE = ("--provider", "sagemaker", "--instance", "ml.c7g.*", "--instance", "serverless-1024MB", "--levels", "100,10k")


def test_the_table_goes_to_stdout_and_nothing_else_does(infercost, profile):
    result = infercost("modes", profile, "--slo", "p99=100ms", *ONE)
    assert result.code == 0, result.err
    assert "requests a day against $ a month" in result.out
    for mode in ("real-time", "serverless", "async", "batch", "scale to zero"):
        assert f"sagemaker  {mode}" in result.out.replace("  ", " ").replace("sagemaker ", "sagemaker  ")
    assert max(map(len, result.out.splitlines())) <= 80
    assert result.err == ""


def test_json_is_the_artifact_and_warnings_go_to_stderr(infercost, profile):
    result = infercost("modes", profile, "--slo", "p99=100ms", *ONE, "--format", "json", "--seed", "3")
    assert result.code == 0
    assert result.json["kind"] == "crossover"
    assert result.json["seed"] == 3
    assert result.json["requests_per_day"] == [100.0, 10000.0]
    assert result.err.startswith("warning: ")


def test_csv_has_a_row_for_each_point_and_an_empty_cell_for_a_gap(infercost, profile, tmp_path):
    out = tmp_path / "modes.csv"
    result = infercost("modes", profile, *ONE, "--out", out)
    assert result.code == 0
    assert result.out == ""
    assert f"wrote {out}" in result.err
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert len(rows) == 12
    assert {row["per_month_likely"] for row in rows if row["mode"] == "serverless_provisioned"} == {""}


def test_traffic_is_scaled_to_each_level(infercost, profile):
    result = infercost("modes", profile, "--slo", "p99=100ms", *ONE, "--traffic", "diurnal:peak=10,trough=1")
    assert result.code == 0
    assert "Traffic: diurnal:peak=10,trough=1." in result.out


def test_no_price_anywhere_exits_with_4(infercost, profile):
    result = infercost("modes", profile, "--provider", "vertex", "--instance", "a4-highgpu-8g", "--levels", "100")
    assert result.code == 4
    assert "inconclusive: no mode has a price" in result.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--levels", "ten"), "cannot read the level 'ten'"),
        (("--levels", "0"), "between 1 and 100M requests a day"),
        (("--traffic", "nowhere.csv"), "nowhere.csv"),
        (("--slo", "p99"), "cannot read the SLO"),
        (("--provider", "vortex"), "did you mean vertex"),
        (("--format", "html"), "unknown format 'html'"),
        (("--out", "no/such/folder/m.csv"), "the folder no/such/folder does not exist"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(infercost, profile, arguments, reason):
    result = infercost("modes", profile, *arguments)
    assert result.code == 2
    assert reason in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""
