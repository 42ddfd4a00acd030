"""``infercost profile``, ``inspect`` and ``demo`` on the model that ships with infercost, for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import jsonschema
import numpy as np
import pytest

from infercost import app
from infercost.store.artifacts import schema

SHORT = ("--budget", "1", "--batch", "1", "--threads", "1")


def test_a_profile_is_saved_summarised_and_cached(infercost, digits, tmp_path):
    first = infercost("profile", digits, *SHORT, "--out", "digits.json")
    assert first.code == 0
    assert "wrote digits.json" in first.err
    assert "Conv" in first.out
    saved = json.loads((tmp_path / "digits.json").read_text())
    jsonschema.validate(saved, schema("profile"))
    again = infercost("profile", digits, *SHORT, "--format", "json")
    assert again.json["created"] == saved["created"]
    fresh = infercost("profile", digits, *SHORT, "--format", "json", "--fresh")
    assert fresh.json["points"][0]["raw"] != saved["points"][0]["raw"]


def test_an_estimate_takes_the_model_itself(infercost, digits):
    result = infercost("estimate", digits, "--rps", "5", "--budget", "1", "--provider", "vertex", "--format", "json")
    assert result.code == 0
    assert result.json["model"]["name"] == "digits.onnx"


def test_the_demo_does_the_whole_job(infercost):
    result = infercost("demo", "--budget", "1")
    assert result.code == 0
    assert "The month's bill of" in result.out
    assert "infercost estimate model.onnx" in result.err


def test_real_inputs_are_used_and_wrong_ones_named(infercost, digits, tmp_path):
    np.savez(tmp_path / "right.npz", image=np.zeros((1, 1, 8, 8), np.float32))
    np.savez(tmp_path / "name.npz", picture=np.zeros((1, 1, 8, 8), np.float32))
    np.savez(tmp_path / "shape.npz", image=np.zeros((1, 3, 8, 8), np.float32))
    assert infercost("profile", digits, *SHORT, "--inputs", "right.npz").code == 0
    for file, words in (("name.npz", "picture"), ("shape.npz", "image")):
        result = infercost("profile", digits, *SHORT, "--inputs", file)
        assert result.code == 2
        assert words in result.err
        assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"hello, world\n", "not an ONNX file"), (b"{}", "is JSON"), (None, "truncated or damaged")],
)
def test_a_file_that_is_no_model_gets_one_line(infercost, digits, tmp_path, content, words):
    whole = digits.read_bytes()
    (tmp_path / "bad.onnx").write_bytes(whole[: len(whole) // 2] if content is None else content)
    result = infercost("profile", "bad.onnx", *SHORT)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_inspect_times_nothing_and_says_what_is_inside(infercost, digits):
    result = infercost("inspect", digits, "--format", "json")
    jsonschema.validate(result.json, schema("inspection"))
    assert result.json["model"]["parameters"] == 74_046


def test_an_unwritable_place_is_refused_before_measuring(infercost, digits, monkeypatch):
    monkeypatch.setattr(app, "profile", lambda *_, **__: pytest.fail("measured first"))
    result = infercost("profile", digits, "--out", "no/such/p.json")
    assert (result.code, result.out) == (2, "")
    assert "mkdir -p no/such" in result.err


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_ctrl_c_exits_130_and_leaves_no_half_file(digits, tmp_path):
    command = [sys.executable, "-m", "infercost", "profile", str(digits), "--budget", "60", "--fresh", "--out", "p.json"]
    environment = os.environ | {"INFERCOST_CACHE_DIR": str(tmp_path / "cache")}
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(4)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == []


def test_scenarios_and_a_search_are_measured_shown_and_kept(infercost, digits, tmp_path):
    options = ("--batch", "1,2", "--threads", "1", "--budget", "4s", "--scenario", "server", "--rps", "40", "--slo", "p50=5s")
    first = infercost("profile", digits, *options, "--search", "--out", "p.json")
    assert first.code == 0
    assert "server: valid; p50 at most 5000 ms" in first.out
    assert "Search for the highest throughput, within p50=5000ms" in " ".join(first.out.split())
    saved = json.loads((tmp_path / "p.json").read_text())
    jsonschema.validate(saved, schema("profile"))
    (run,) = saved["scenarios"]
    assert (run["scenario"], run["target_rps"], run["verdict"]) == ("server", 40.0, "valid")
    assert run["raw"]["count"] == run["queries"]
    assert len(list((tmp_path / "cache" / "trials").iterdir())) == len(saved["search"]["trials"]) >= 1
    assert saved["noise"]["slices"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scenario", "burst"), "unknown scenario 'burst'"),
        (("--scenario", "server"), "needs its arrival rate; add --rps 50"),
        (("--scenario", "offline", "--rps", "5"), "--rps is the rate of the server scenario"),
        (("--rps", "5"), "add --scenario server"),
        (("--slo", "p99=5ms"), "add --scenario server or --search"),
        (("--variant", "int8=m.onnx"), "add --search"),
        (("--search", "--variant", "int8"), "write it like --variant int8=model-int8.onnx"),
        (("--search", "--variant", "fp32=digits.onnx"), "is fp32 itself"),
        (("--budget", "0.1s"), "too short"),
        (("--budget", "soon"), "soon"),
        (("--device", "tpu"), "--device must be auto, cpu, cuda, tensorrt or openvino"),
        (("--device", "openvino"), "pip install 'infercost[openvino]'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(infercost, digits, tmp_path, options, words):
    (tmp_path / "digits.onnx").write_bytes(digits.read_bytes())
    result = infercost("profile", "digits.onnx", *options)
    assert (result.code, result.out) == (2, "")
    assert words in " ".join(result.err.split())


def test_a_strict_profile_refuses_a_busy_machine(infercost, digits, monkeypatch):
    from infercost.runtime import measure

    monkeypatch.setattr(measure, "busy_cpus", lambda: 1.5)
    result = infercost("profile", digits, *SHORT, "--strict")
    assert (result.code, result.out) == (4, "")
    assert "other processes were using 1.5 CPUs" in result.err
    assert "without --strict" in result.err


def test_a_budget_is_written_with_its_unit(infercost, digits):
    result = infercost("profile", digits, "--batch", "1", "--threads", "1", "--budget", "1s", "--format", "json")
    assert result.json["runtime"]["settings"]["budget_s"] == "1"
