"""Starting worker processes, and ending them whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, cast

import msgspec

from infercost.runtime.protocol import (
    DEADLINE_S,
    Failure,
    Operators,
    OperatorsReply,
    Order,
    Point,
    Probe,
    ProbeReply,
    Reply,
    Step,
)

if TYPE_CHECKING:
    from infercost.runtime.protocol import Request

_ROOT = Path(__file__).parents[2]
_BOOT = "import sys; sys.path.append(sys.argv[1]); from infercost.runtime._worker import main; main()"
"""The package's folder goes last, so that it shadows nothing where it is installed anyway."""

_STDERR = "worker-stderr-"
_STARTING = Step("starting a worker")

QUIET_RUNTIME = {"ORT_DISABLE_TELEMETRY": "1"}
"""Official ONNX Runtime builds report to Microsoft unless told not to before they start. Models under
measurement are the user's business, and an uploader's thread would be measured with them."""


def ask_probe(request: Probe, folder: Path) -> ProbeReply | Failure:
    """Find shapes that run and trace the model; see ``probing.probe``."""
    return cast("ProbeReply | Failure", ask(request, folder))


def ask_operators(request: Operators, folder: Path) -> OperatorsReply | Failure:
    """Time operators; see ``timing.time_operators``."""
    return cast("OperatorsReply | Failure", ask(request, folder))


def ask(request: Request, folder: Path) -> Reply:
    """Carry out a request in a process of its own.

    Args:
        request: what to do.
        folder: a temporary folder of the caller's; whatever the worker writes goes there.

    Returns:
        The reply; a crash, and a step that did not end, is a ``Failure`` too. The process has ended when
        this returns or raises.
    """
    worker = Worker(request, folder)
    try:
        return worker.hear()
    finally:
        worker.close()


def start(request: Point, folder: Path) -> Worker:
    """Begin to load a configuration; ``hear`` its ``PointReply``, give it orders, ``close`` it."""
    return Worker(request, folder)


class Worker:
    """A process that carries out a request and then orders."""

    def __init__(self, request: Request, folder: Path) -> None:
        command = [sys.executable, "-P", "-c", _BOOT, str(_ROOT)]
        environment = {**QUIET_RUNTIME, **os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
        handle, name = mkstemp(prefix=_STDERR, dir=folder)
        self._stderr = Path(name)
        with os.fdopen(handle, "wb") as errors:
            # A session of its own: the terminal's Ctrl-C comes to us alone, and we end the worker.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment, start_new_session=True
            )
        self._watch = _Watch(self._process, request.deadline_s)
        self._watch.allow(_STARTING)
        self._say(request)

    def send(self, order: Order) -> None:
        """Give an order; ``hear`` its reply."""
        self._watch.allow(_STARTING)
        self._say(order)

    def hear(self) -> Reply:
        """The reply to what was said last; the end of the process, and a step that did not end, is a ``Failure``."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        # A worker that is killed may leave half a line.
        with suppress(msgspec.DecodeError):
            for line in self._process.stdout:
                said: Reply | Step = msgspec.json.decode(line, type=Reply | Step)
                if not isinstance(said, Step):
                    self._watch.end()
                    return said
                self._watch.allow(said)
        code = self._process.wait()
        self._watch.end()
        return self._watch.verdict or Failure("crash", _cause(code, self._stderr))

    def obey(self, order: Order) -> Reply:
        """Give an order and hear its reply."""
        self.send(order)
        return self.hear()

    def close(self) -> None:
        """End the process; it has ended when this returns."""
        self._watch.end()
        _end(self._process)
        self._stderr.unlink(missing_ok=True)

    def _say(self, message: Request | Order) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        # One that has ended already is heard of in ``hear``.
        with suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
            self._process.stdin.flush()


@dataclass
class _Watch:
    """Kills a worker whose step does not end: a loop in a model may never do."""

    process: subprocess.Popen[bytes]
    deadline_s: float
    verdict: Failure | None = None
    timer: threading.Timer | None = field(default=None, repr=False)

    def allow(self, step: Step) -> None:
        """Give the worker time for its next step."""
        self.end()
        least_s = DEADLINE_S if step is _STARTING else 0.0
        limit_s = min(max(self.deadline_s, least_s) + step.planned_s, threading.TIMEOUT_MAX)
        self.timer = threading.Timer(limit_s, self._expire, (step, limit_s))
        self.timer.daemon = True
        self.timer.start()

    def end(self) -> None:
        """Watch no longer."""
        if self.timer is not None:
            self.timer.cancel()

    def _expire(self, step: Step, limit_s: float) -> None:
        self.verdict = Failure("deadline", f"{step.doing} did not end within {limit_s:g} s")
        self.process.kill()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                continue


def _cause(code: int, stderr: Path) -> str:
    if code == -getattr(signal, "SIGKILL", 9):
        return "it was killed, most likely for want of memory"
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    lines = [line for line in stderr.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit status {code}"
