"""A command line run in process, and a real profile to ask about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infercost.cli import app

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def infercost(tmp_path, monkeypatch):
    """Run ``infercost ARGUMENTS`` in an empty folder with an empty cache, 80 columns and no colour."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("INFERCOST_FORMAT", raising=False)

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert "Traceback" not in result.output
        return Result(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def profile() -> Path:
    """A recorded profile of the model that ships with infercost."""
    return ROOT / "profiles" / "digits.json"


@pytest.fixture(scope="session")
def digits() -> Path:
    return ROOT / "src" / "infercost" / "data" / "demo" / "digits.onnx"
