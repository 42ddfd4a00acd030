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
from infercost.runtime.protocol import (
    Failure,
    InputSpec,
    ModelSource,
    Operators,
    Point,
    PointReply,
    Probe,
    Slice,
    SliceReply,
)
from infercost.runtime.workers import Worker, ask

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
    }
    return Point(**{**fields, **more})


def test_a_worker_measures_in_a_process_of_its_own(nets: Any, saved: Any, tmp_path: Path) -> None:
    worker = Worker(request(saved(nets.mlp()), tmp_path), tmp_path)
    try:
        ready = worker.hear()
        turns = [worker.obey(Slice(budget_s=0.1, most_runs=50)) for _ in range(2)]
    finally:
        worker.close()
    assert isinstance(ready, PointReply)
    assert ready.load_s > 0
    assert ready.output_bytes == 16
    assert ready.process_bytes > 10 << 20, "Python, NumPy and ONNX Runtime themselves"
    for turn in turns:
        assert isinstance(turn, SliceReply)
        assert turn.latencies_ns
        assert all(ns > 0 for ns in turn.latencies_ns)
        assert 0 < turn.memory_bytes < turn.steady_bytes
        assert turn.cost.cpu_s > 0
    assert not psutil.Process().children()
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


def test_a_run_that_does_not_end_is_ended(nets: Any, saved: Any, tmp_path: Path) -> None:
    point = request(saved(nets.endless()), tmp_path, deadline_s=0.5)
    probe = Probe(
        model=point.model, inputs=[InputSpec("x", "float32", "normal", None)], trials=[[[1, 8]]], deadline_s=point.deadline_s
    )
    operators = Operators(
        **{name: getattr(point, name) for name in point.__struct_fields__ if name not in ("deadline_s", "cpus")},
        budget_s=0.3,
        most_runs=9,
        deadline_s=0.5,
    )
    for asked in (point, probe, operators):
        assert ask(asked, tmp_path) == Failure("deadline", "one run of the model did not end within 0.5 s")
    assert not psutil.Process().children()


def test_each_step_has_a_deadline_of_its_own(nets: Any, saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say = """print('{"type":"Step","doing":"%s","planned_s":%d}' % (doing, planned), flush=True); time.sleep(pause)"""
    steps = "('loading', 0, 0.1), ('timing', 600, 1.3), ('waiting', 0, 600)"
    booted(monkeypatch, f"import time\nfor doing, planned, pause in ({steps}): {say}")
    reply = ask(request(saved(nets.mlp()), tmp_path, deadline_s=1.0), tmp_path)
    assert reply == Failure("deadline", "waiting did not end within 1 s")


def test_half_a_reply_is_none(nets: Any, saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    booted(monkeypatch, 'import sys; sys.stdin.readline(); print(\'{"type":"Poi\', flush=True); sys.exit(3)')
    assert ask(request(saved(nets.mlp()), tmp_path), tmp_path) == Failure("crash", "exit status 3")


_SCRIPT = """
import signal, sys
from infercost.runtime.inspect import inspect
def terminate(signum, frame):
    sys.exit(143)
signal.signal(signal.SIGTERM, terminate)
inspect(sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("ending", "code", "left"), [(signal.SIGTERM, 143, 0), (signal.SIGKILL, -signal.SIGKILL, 1)])
def test_nothing_outlives_a_parent_that_is_ended(
    nets: Any, saved: Any, tmp_path: Path, ending: signal.Signals, code: int, left: int
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    parent = psutil.Popen(
        [sys.executable, "-c", _SCRIPT, str(saved(nets.endless()))], env={**os.environ, "TMPDIR": str(folder)}
    )
    while not (children := parent.children()):
        assert parent.poll() is None
        time.sleep(0.02)
    # The trace is begun when the worker is inside ONNX Runtime.
    while not list(folder.glob("infercost-*/infercost-*/*.json")):
        assert parent.poll() is None
        time.sleep(0.02)
    parent.send_signal(ending)
    assert parent.wait(timeout=60) == code
    assert psutil.wait_procs(children, timeout=60)[1] == []
    assert len(list(folder.iterdir())) == left


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_does_not_outlive_its_parent(nets: Any, saved: Any, tmp_path: Path) -> None:
    endless = "import time; from infercost.runtime import _worker; _worker.answer = lambda *_: time.sleep(600); _worker.main()"
    worker = subprocess.Popen([sys.executable, "-c", endless], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert worker.stdin is not None
    worker.stdin.write(msgspec.json.encode(request(saved(nets.mlp()), tmp_path)) + b"\n")
    worker.stdin.close()
    assert worker.wait(timeout=60) == 1
