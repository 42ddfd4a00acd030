"""The command as a whole: help, version, schemas, unforeseen errors."""

from __future__ import annotations

import json

import jsonschema
import pytest

import infercost as package
from infercost import app as use_cases


def test_help_names_every_command(infercost):
    result = infercost("--help")
    assert result.code == 0
    for command in ("demo", "profile", "estimate", "gate", "init", "inspect", "schema"):
        assert f"  {command} " in result.out


def test_the_version_is_the_packages(infercost):
    assert infercost("--version").out == f"infercost {package.__version__}\n"


@pytest.mark.parametrize("kind", ["profile", "estimate", "verdict", "verdicts", "inspection", "project"])
def test_schemas_are_valid_schemas(infercost, kind):
    jsonschema.Draft202012Validator.check_schema(json.loads(infercost("schema", kind).out))


def test_an_unknown_schema_suggests(infercost):
    result = infercost("schema", "estimat")
    assert result.code == 2
    assert "did you mean estimate" in result.err


def test_an_unforeseen_error_is_one_line_and_exit_1(infercost, monkeypatch, profile):
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr(use_cases, "ask", break_down)
    result = infercost("estimate", profile, "--rps", "5")
    assert result.code == 1
    assert result.err.startswith("internal error: RuntimeError: the sky fell; ")
    assert "INFERCOST_TRACEBACK=1" in result.err
    monkeypatch.setenv("INFERCOST_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="the sky fell"):
        infercost("estimate", profile, "--rps", "5")


def test_an_interruption_exits_130(infercost, monkeypatch, profile):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(use_cases, "ask", interrupt)
    result = infercost("estimate", profile, "--rps", "5")
    assert (result.code, result.err) == (130, "interrupted; nothing was written\n")


def test_python_offers_the_same_pipeline(profile):
    estimate = package.estimate(profile, rps=50, slo="p99=100ms", providers=["vertex"])
    frame = package.to_frame(estimate)
    assert len(frame) == estimate.summary.feasible
    assert frame["per_month"].is_monotonic_increasing
    assert set(frame["currency"]) == {"USD"}
    assert package.gate(estimate, max_monthly=5000).outcome == "pass"
    with pytest.raises(package.InfercostError, match="give --max-monthly"):
        package.gate(estimate)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018
