from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("record_profiles", ROOT / "scripts" / "record_profiles.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "busy_cpus", lambda _: 0.0)
    return module


def run(script: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["record_profiles.py", *arguments])
    return int(script.main())


def test_a_profile_is_written_under_the_models_name(
    script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = []
    latency = SimpleNamespace(typical=1.5, count=700)
    made = SimpleNamespace(points=[SimpleNamespace(batch=1, threads=1, latency_ms=latency)], warnings=("mind this",))
    monkeypatch.setattr(script.zoo, "get_model", lambda name: tmp_path / f"{name}.onnx")
    monkeypatch.setattr(script, "profile", lambda path, **settings: made)
    monkeypatch.setattr(script, "save", lambda value, path: saved.append((value, path)))
    assert run(script, monkeypatch, "--out", str(tmp_path / "out"), "magika") == 0
    assert saved == [(made, tmp_path / "out" / "magika.json")]
    assert "1.500 ms, 700 runs" in capsys.readouterr().out


def test_every_default_is_in_the_zoo(script: Any) -> None:
    assert set(script.DEFAULT) <= set(script.zoo.ZOO)


def test_a_busy_machine_is_refused(script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(script, "busy_cpus", lambda _: 2.0)
    assert run(script, monkeypatch, "magika") == 1
    assert "or give --busy" in capsys.readouterr().err


def test_an_unknown_model_ends_it(script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(script, monkeypatch, "--out", str(tmp_path), "no-such-model") == 1
