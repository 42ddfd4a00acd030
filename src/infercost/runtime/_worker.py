"""The worker process: reads one request from stdin, writes its steps and one reply to stdout.

Each request has a process of its own, so that memory, thread pools and caches of one
configuration cannot touch another's, and a crash in native code is an answer, not an end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from tempfile import TemporaryDirectory

import msgspec

from infercost.domain.errors import ModelError
from infercost.runtime import session
from infercost.runtime.jobs import Tell, UnrunnableError, tell_nobody
from infercost.runtime.probing import probe
from infercost.runtime.protocol import Failure, Operators, Point, Probe, Reply, Request, Step
from infercost.runtime.timing import measure_point, time_operators

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer one request."""
    # Native code may print; only the reply may go where the parent listens.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(message: Reply | Step) -> None:
        out.write(msgspec.json.encode(message) + b"\n")
        out.flush()

    _be_killed_with_parent()
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    say(answer(request, say))
    # Skip the interpreter's teardown: native libraries may crash in it after the answer is given.
    os._exit(0)


def _be_killed_with_parent() -> None:
    """Let the kernel end this process with its parent, where it can: native code may keep Python's threads waiting."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _die_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def answer(request: Request, tell: Tell = tell_nobody) -> Reply:
    """Carry out one request; what fails is part of the reply. ``tell`` hears of each step that may take long."""
    session.silence()
    try:
        with TemporaryDirectory(prefix="infercost-") as folder:
            match request:
                case Probe():
                    return probe(request, folder, tell)
                case Point():
                    return measure_point(request, tell)
                case Operators():
                    return time_operators(request, folder, tell)
    except UnrunnableError as error:
        return error.failure
    except ModelError as error:
        return Failure("input", str(error))
    except MemoryError:
        return Failure("memory", "out of memory")


if __name__ == "__main__":
    main()
