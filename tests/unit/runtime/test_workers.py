"""Real processes: what they answer, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import psutil
import pytest

from infercost.runtime import workers
from infercost.runtime.inputs import save_arrays
from infercost.runtime.protocol import Failure, ModelSource, Point, PointReply
from infercost.runtime.workers import ask, ask_point

if TYPE_CHECKING:
    from pathlib import Path


def request(model: Path, folder: Path, **more: Any) -> Point:
    file = folder / "x.npz"
    save_arrays(file, [np.ones((1, 8), np.float32)])
    fields = {
        "model": ModelSource(str(model)),
        "names": ["x"],
        "arrays": str(file),
        "level": "all",
        "threads": 1,
        "device": "cpu",
        "budget_s": 0.3,
    }
    return Point(**{**fields, **more})


def test_a_worker_measures_in_a_process_of_its_own(nets: Any, saved: Any, tmp_path: Path) -> None:
    reply = ask_point(request(saved(nets.mlp()), tmp_path), tmp_path)
    assert isinstance(reply, PointReply)
    assert reply.latencies_ns
    assert all(ns > 0 for ns in reply.latencies_ns)
    assert reply.load_s > 0
    assert reply.output_bytes == 16
    assert reply.memory_bytes is not None
    assert reply.memory_bytes > 0
    assert not list(tmp_path.glob("infercost-*"))
    assert not (tmp_path / ".ses").exists(), "ONNX Runtime's telemetry has started"


def test_a_models_trouble_is_a_failure_and_says_nothing_aloud(
    nets: Any, saved: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = nets.graph(
        [nets.node("Missing", ["x"], ["y"], domain="com.example")],
        [nets.value("x", ["N", 8])],
        [nets.value("y", None)],
        domains={"com.example": 1},
    )
    reply = ask(request(saved(model), tmp_path), tmp_path)
    assert isinstance(reply, Failure)
    assert reply.stage == "load"
    assert "com.example:Missing" in reply.message
    assert capfd.readouterr() == ("", "")


def booted(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(workers, "_BOOT", code)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed, most likely for want of memory"),
        ("import sys; sys.stdin.readline(); raise RuntimeError('boom')", "RuntimeError: boom"),
        ("import sys; sys.stdin.readline(); sys.exit(7)", "exit status 7"),
    ],
)
def test_a_crash_is_an_answer(
    nets: Any, saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, expected: str
) -> None:
    booted(monkeypatch, code)
    reply = ask(request(saved(nets.mlp()), tmp_path), tmp_path)
    assert isinstance(reply, Failure)
    assert reply.stage == "crash"
    assert expected in reply.message


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_the_worker_and_goes_on(
    nets: Any, saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    booted(monkeypatch, f"import time, pathlib; pathlib.Path({str(started)!r}).touch(); time.sleep(600)")

    def interrupt() -> None:
        while not started.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        ask(request(saved(nets.mlp()), tmp_path), tmp_path)
    thread.join()
    assert not psutil.Process().children()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_does_not_outlive_its_parent(nets: Any, saved: Any, tmp_path: Path) -> None:
    endless = "import time; from infercost.runtime import _worker; _worker.answer = lambda _: time.sleep(600); _worker.main()"
    worker = subprocess.Popen([sys.executable, "-c", endless], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert worker.stdin is not None
    worker.stdin.write(msgspec.json.encode(request(saved(nets.mlp()), tmp_path)) + b"\n")
    worker.stdin.close()
    assert worker.wait(timeout=60) == 1
