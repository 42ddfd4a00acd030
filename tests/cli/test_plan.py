from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from infercost.store.endpoints import read_endpoint

TRAFFIC = "stairs:20,120,40;step=5m"
ONE = ("--provider", "vertex", "--instance", "n2d-highcpu-2", "--instance", "n2-highcpu-4")


@pytest.fixture(scope="session")
def profile() -> Path:
    """Of a model that one replica cannot serve alone at the peak."""
    return Path(__file__).parents[2] / "profiles" / "silero-vad.json"


def test_a_plan_goes_to_stdout_and_nothing_else_does(infercost, profile):
    result = infercost("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=100ms", *ONE)
    assert result.code == 0, result.err
    assert "Traffic: stairs:20,120,40;step=5m" in result.out
    assert "vertex us-central1" in result.out
    assert "played request by request" in result.out
    assert result.err == ""


def test_explain_shows_the_course_over_time(infercost, profile):
    result = infercost("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=100ms", *ONE, "--explain")
    assert result.code == 0
    assert "over the traffic given" in result.out
    assert "replicas in service" in result.out
    assert "over the traffic given" not in infercost("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=100ms", *ONE).out


def test_json_is_the_artifact_and_the_same_for_the_same_seed(infercost, profile):
    arguments = ("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=100ms", *ONE, "--format", "json", "--seed", "3")
    first, second = (json.loads(infercost(*arguments).out) for _ in range(2))
    assert first["kind"] == "capacity_plan"
    assert first["search"]["seed"] == 3
    for document in (first, second):
        document.pop("created")
    assert first == second


def test_out_to_yaml_writes_the_endpoint_that_deploy_takes(infercost, profile, tmp_path):
    out = tmp_path / "endpoint.yml"
    result = infercost("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=100ms", *ONE, "--out", out, "--name", "vad")
    assert result.code == 0
    assert f"wrote {out}" in result.err
    assert "played request by request" in result.out
    endpoint = read_endpoint(out)
    assert (endpoint.name, endpoint.provider, endpoint.region) == ("vad", "vertex", "us-central1")
    assert endpoint.instance in {"n2d-highcpu-2", "n2-highcpu-4"}
    assert all(policy.kind == "vertex" for policy in endpoint.scaling)
    assert endpoint.planned_for.traffic.startswith("stairs:")
    assert yaml.safe_load(out.read_text())["planned_for"]["slo"] == "p99=100ms"


def test_html_is_one_page_beside_the_table(infercost, profile, tmp_path):
    page = tmp_path / "plan.html"
    result = infercost("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=100ms", *ONE, "--html", page)
    assert result.code == 0
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "replicas in service" in text
    assert "played request by request" in result.out


def test_out_to_html_writes_the_page_alone(infercost, profile, tmp_path):
    page = tmp_path / "plan.html"
    result = infercost("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=100ms", *ONE, "--out", page)
    assert result.code == 0
    assert result.out == ""
    assert page.read_text().startswith("<!doctype html>")


def test_a_promise_that_nothing_keeps_exits_with_3(infercost, profile, tmp_path):
    out = tmp_path / "endpoint.yml"
    result = infercost("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=1us", *ONE, "--out", out)
    assert result.code == 3
    assert "not met: none of" in result.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--traffic is missing"),
        (("--traffic", "nowhere.csv"), "nowhere.csv"),
        (("--traffic", "diurnl:peak=3"), "diurnal"),
        (("--traffic", TRAFFIC, "--scale", "-2x"), "--scale"),
        (("--traffic", TRAFFIC, "--provider", "vortex"), "did you mean vertex"),
        (("--traffic", TRAFFIC, "--format", "xml"), "unknown format 'xml'"),
        (("--traffic", TRAFFIC, "--out", "no/such/folder/e.yml"), "the folder no/such/folder does not exist"),
        (("--traffic", TRAFFIC, "--html", "no/such/folder/e.html"), "the folder no/such/folder does not exist"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(infercost, profile, arguments, reason):
    result = infercost("plan", profile, *arguments)
    assert result.code == 2
    assert reason in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""


def test_traffic_that_cannot_be_planned_for_is_refused_at_once(infercost, profile):
    huge = infercost("plan", profile, "--traffic", TRAFFIC, "--scale", "100000000x", *ONE)
    assert huge.code == 2
    assert huge.err.startswith("error: the traffic (stairs:20,120,40;step=5m")
    assert "at most 200,000,000" in huge.err
    assert huge.out == ""


def test_a_name_that_no_cloud_takes_is_not_written(infercost, profile, tmp_path):
    out = tmp_path / "endpoint.yml"
    result = infercost("plan", profile, "--traffic", TRAFFIC, "--slo", "p99=100ms", *ONE, "--out", out, "--name", "my model!")
    assert result.code == 2
    assert "try my-model" in result.err
    assert result.out == ""
    assert not out.exists()
