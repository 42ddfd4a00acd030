"""The worker process: a request from stdin, its steps and the reply to stdout, then orders until stdin ends.

Each configuration has a process of its own, so that memory, thread pools and caches of one
cannot touch another's, and a crash in native code is an answer, not an end.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from infercost.domain.errors import ModelError
from infercost.runtime import session
from infercost.runtime.jobs import Tell, UnrunnableError, tell_nobody
from infercost.runtime.probing import probe
from infercost.runtime.protocol import Failure, Operators, Order, Point, Probe, Reply, Request, Slice, Step
from infercost.runtime.timing import Loaded, load_point, serve, time_operators, time_slice

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_PR_SET_TIMERSLACK = 29


def main() -> None:
    """Answer one request, and the orders that follow it."""
    # Native code may print; only replies may go where the parent listens.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(message: Reply | Step) -> None:
        out.write(msgspec.json.encode(message) + b"\n")
        out.flush()

    _ask_the_kernel()
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    listening = _Listening()
    threading.Thread(target=listening.listen, daemon=True).start()
    job = Job()
    say(answer(request, say, job))
    while job.loaded is not None:
        listening.idle = True
        line = listening.lines.get()
        listening.idle = False
        say(job.obey(msgspec.json.decode(line, type=Order), say))
    # Skip the interpreter's teardown: native libraries may crash in it after the answer is given.
    os._exit(0)


@dataclass
class _Listening:
    """Hears orders, and ends the process with its parent."""

    lines: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)
    idle: bool = False

    def listen(self) -> None:
        for line in sys.stdin.buffer:
            self.lines.put(line)
        os._exit(0 if self.idle else 1)


def _ask_the_kernel() -> None:
    """End with the parent, whatever native code keeps Python's threads waiting for, and sleep exactly."""
    if sys.platform == "linux":
        call = ctypes.CDLL(None).prctl
        call(_PR_SET_PDEATHSIG, signal.SIGKILL)
        call(_PR_SET_TIMERSLACK, 1)


@dataclass
class Job:
    """What a worker holds between a request and its orders."""

    loaded: Loaded | None = None

    def load(self, request: Point, tell: Tell) -> Reply:
        """Load a configuration for the orders to come."""
        self.loaded = load_point(request, tell)
        return self.loaded.ready()

    def obey(self, order: Order, tell: Tell = tell_nobody) -> Reply:
        """Carry out one order."""
        loaded = self.loaded
        if loaded is None:
            return Failure("input", "nothing is loaded")
        return _guarded(lambda: time_slice(loaded, order, tell) if isinstance(order, Slice) else serve(loaded, order, tell))


def answer(request: Request, tell: Tell = tell_nobody, job: Job | None = None) -> Reply:
    """Carry out one request; what fails is part of the reply. ``tell`` hears of each step that may take long.

    Args:
        request: what to do.
        tell: hears of steps.
        job: keeps what a ``Point`` has loaded.
    """
    session.silence()
    keeper = job or Job()

    def carry_out() -> Reply:
        with TemporaryDirectory(prefix="infercost-") as folder:
            match request:
                case Probe():
                    return probe(request, folder, tell)
                case Point():
                    return keeper.load(request, tell)
                case Operators():
                    return time_operators(request, folder, tell)

    return _guarded(carry_out)


def _guarded(call: Callable[[], Reply]) -> Reply:
    try:
        return call()
    except UnrunnableError as error:
        return error.failure
    except ModelError as error:
        return Failure("input", str(error))
    except MemoryError:
        return Failure("memory", "out of memory")


if __name__ == "__main__":
    main()
