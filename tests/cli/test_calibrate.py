from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESNET = ROOT / "profiles" / "resnet50.json"
FILES = ROOT / "tests" / "unit" / "store" / "benchmark_files"
C7I = "sagemaker:ml.c7i.xlarge"
FILE = "infercost-calibration.yml"


@pytest.fixture(autouse=True)
def no_file_named(monkeypatch):
    monkeypatch.delenv("INFERCOST_CALIBRATION", raising=False)


def add(infercost, *more, p50="40ms"):
    return infercost("calibrate", "number", "--reference", RESNET, "--instance", C7I, "--p50", p50, *more)


def test_a_number_is_kept_and_shown_with_what_comes_of_it(infercost, tmp_path):
    done = add(infercost, "--source", "CloudWatch", "--date", "2026-11-01", "--note", "at night")
    assert (done.code, done.err) == (0, "")
    assert all(text in done.out for text in ("40.0 ms", "CloudWatch", "2026-11-01", "at night", "Predictions"))
    assert "source: CloudWatch" in (tmp_path / FILE).read_text()


def test_estimate_and_gate_take_it_up(infercost):
    asked = (RESNET, "--rps", 20, "--provider", "sagemaker", "--instance", "ml.c7i.xlarge")
    assert infercost("estimate", *asked, "--format", "json").json["candidates"][0]["provenance"] == "modelled"
    add(infercost)
    assert infercost("estimate", *asked, "--format", "json").json["candidates"][0]["provenance"] == "calibrated"
    verdict = infercost("gate", *asked, "--max-monthly", 5000, "--format", "json").json
    assert verdict["estimate"]["candidates"][0]["provenance"] == "calibrated"


def test_another_file_by_option_and_by_environment(infercost, tmp_path, monkeypatch):
    add(infercost, "--calibration", "mine.yml")
    assert not (tmp_path / FILE).exists()
    asked = ("estimate", RESNET, "--rps", 20, "--instance", "ml.c7i.xlarge", "--provider", "sagemaker", "--format", "json")
    assert infercost(*asked).json["candidates"][0]["provenance"] == "modelled"
    assert infercost(*asked, "--calibration", "mine.yml").json["candidates"][0]["provenance"] == "calibrated"
    monkeypatch.setenv("INFERCOST_CALIBRATION", "mine.yml")
    assert infercost(*asked).json["candidates"][0]["provenance"] == "calibrated"


def test_a_surprising_figure_warns_on_stderr(infercost):
    done = add(infercost, p50="900ms")
    assert done.code == 0
    assert done.err.startswith("warning: sagemaker:ml.c7i.xlarge, batch 1:")
    assert add(infercost, "--quiet", p50="901ms").err == ""


def test_import_list_and_remove(infercost):
    done = infercost("calibrate", "import", FILES / "perf_analyzer.csv", "--reference", RESNET, "--instance", C7I, "--quiet")
    assert done.code == 0
    listed = infercost("calibrate", "list", "--format", "json").json
    (one,) = listed["observations"]
    assert (one["measured"], one["source"]) == (12.006, "perf_analyzer perf_analyzer.csv")
    assert infercost("calibrate", "list", "--reference", RESNET, "--format", "json").json["families"]
    removed = infercost("calibrate", "remove", one["id"])
    assert (removed.code, removed.out, removed.err) == (0, "", f"removed 1; 0 left in {FILE}\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("import", FILES / "perf_analyzer.csv"), "--reference here.json"),
        (("import", FILES / "loadgen-server-summary.txt", "--reference", RESNET, "--instance", C7I), "Server scenario"),
        (("import", RESNET.with_name("README.md"), "--reference", RESNET), "cannot read"),
        (("number", "--reference", RESNET, "--instance", C7I), "--p50 12ms"),
        (("number", "--reference", RESNET, "--instance", C7I, "--p50", "soon"), "cannot read"),
        (("number", "--reference", RESNET, "--instance", C7I, "--p50", "9", "--date", "1.11."), "--date 2026-11-24"),
        (("number", "--reference", RESNET, "--instance", "sagemaker:ml.c7i.xlage", "--p50", "9"), "did you mean"),
        (("profile", RESNET, "--reference", RESNET), "--instance sagemaker:ml.c7i.xlarge"),
        (("list",), "infercost calibrate profile"),
        (("remove", "00000000"), "infercost calibrate profile"),
    ],
)
def test_mistakes_exit_2_with_one_line(infercost, arguments, reason):
    done = infercost("calibrate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert reason in done.err
    assert done.err.count("\n") == 1
