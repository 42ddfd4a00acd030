"""The worker process: reads one request from stdin, writes one reply to stdout.

Each request has a process of its own, so that memory, thread pools and caches of one
configuration cannot touch another's, and a crash in native code is an answer, not an end.
"""

from __future__ import annotations

import os
import sys
import threading
from tempfile import TemporaryDirectory

import msgspec

from infercost.domain.errors import ModelError
from infercost.runtime import session
from infercost.runtime.jobs import UnrunnableError
from infercost.runtime.probing import probe
from infercost.runtime.protocol import Failure, Operators, Point, Probe, Reply, Request
from infercost.runtime.timing import measure_point, time_operators


def main() -> None:
    """Answer one request."""
    # Native code may print; only the reply may go where the parent listens.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    out.write(msgspec.json.encode(answer(request)))
    out.flush()
    # Skip the interpreter's teardown: native libraries may crash in it after the answer is given.
    os._exit(0)


def _die_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def answer(request: Request) -> Reply:
    """Carry out one request; what fails is part of the reply."""
    session.silence()
    try:
        with TemporaryDirectory(prefix="infercost-") as folder:
            match request:
                case Probe():
                    return probe(request, folder)
                case Point():
                    return measure_point(request)
                case Operators():
                    return time_operators(request, folder)
    except UnrunnableError as error:
        return error.failure
    except ModelError as error:
        return Failure("input", str(error))
    except MemoryError:
        return Failure("memory", "out of memory")


if __name__ == "__main__":
    main()
