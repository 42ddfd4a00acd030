"""The HTTP that the three price servers share: validators, ranges, compression, and faults on demand."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["Answer", "Fault", "PriceServer", "Seen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server says to a request, before ranges, validators and faults."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    validators: bool = False
    """Whether to send ETag and Last-Modified and to honour conditions and ranges."""
    last_modified: float = 1_790_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one response. Unset fields stay as they would have been."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    truncate_at: int | None = None
    """Send that many bytes of the body and close, after promising all of it."""
    hide_length: bool = False
    """Send no Content-Length, so that the end of the connection looks like the end of the body."""
    reset: bool = False
    """Reset the connection instead of answering."""
    delay_s: float = 0.0
    """Wait before answering."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived and what it got."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    status: int
    """0 where the connection was reset."""
    sent_bytes: int


class PriceServer:
    """An HTTP server on a free port of 127.0.0.1, in a thread of its own. A context manager.

    Args:
        compress: whether to send gzip to clients that accept it.
    """

    def __init__(self, *, compress: bool = True) -> None:
        self.compress = compress
        self.seen: list[Seen] = []
        self._faults: list[tuple[str, list[Fault]]] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _QuietServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Base URL, without a slash at its end."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def inject(self, part_of_path: str, *faults: Fault) -> None:
        """Let the next requests whose path contains the text fail, one fault each, in order."""
        with self._lock:
            self._faults.append((part_of_path, list(faults)))

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """What a GET of ``path`` (with its query) gives; ``headers`` have lower-case names."""
        raise NotImplementedError

    def paths(self) -> list[str]:
        """Paths that were asked for, in order."""
        return [request.path for request in self.seen]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take_fault(self, path: str) -> Fault | None:
        """The fault that is due for a request, which it uses up."""
        with self._lock:
            for part, faults in self._faults:
                if part in path and faults:
                    return faults.pop(0)
        return None

    def note(self, seen: Seen) -> None:
        """Remember a request."""
        with self._lock:
            self.seen.append(seen)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave early are part of the tests, not news."""


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[PriceServer]
    protocol_version = "HTTP/1.1"
    # Headers and body go out as two writes; without this the second waits for the first one's receipt.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        """Answer, as far as the fault that is due lets it."""
        asked = {name.lower(): value for name, value in self.headers.items()}
        fault = self.owner.take_fault(self.path) or Fault()
        if fault.delay_s:
            time.sleep(fault.delay_s)
        if fault.reset:
            self.owner.note(Seen(self.path, asked, 0, 0))
            self._reset()
            return
        answer = self.owner.answer(self.path, asked)
        if fault.status is not None or fault.body is not None:
            body = fault.body if fault.body is not None else b"" if fault.status is not None else answer.body
            status, headers = fault.status or answer.status, {**fault.headers}
        else:
            status, headers, body = self._conditional(answer, asked)
            headers |= fault.headers
        self._send(status, headers, body, fault, asked)

    def _conditional(self, answer: Answer, asked: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Apply compression, validators and a range, in that order, as a static file server does."""
        headers = {"Content-Type": "application/json", **answer.headers}
        body = answer.body
        if self.owner.compress and answer.status == 200 and "gzip" in asked.get("accept-encoding", ""):
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        if not answer.validators or answer.status != 200:
            return answer.status, headers, body
        etag = f'"{sha256(body).hexdigest()[:32]}"'
        modified = formatdate(answer.last_modified, usegmt=True)
        headers |= {"ETag": etag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
        if asked.get("if-none-match") == etag:
            return 304, headers, b""
        wanted = re.fullmatch(r"bytes=(\d+)-", asked.get("range", ""))
        if wanted and asked.get("if-range") in {None, etag, modified}:
            start = int(wanted[1])
            if start >= len(body):
                return 416, {"Content-Range": f"bytes */{len(body)}"}, b""
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return 206, headers, body[start:]
        return 200, headers, body

    def _send(self, status: int, headers: Mapping[str, str], body: bytes, fault: Fault, asked: dict[str, str]) -> None:
        sent = body if fault.truncate_at is None else body[: fault.truncate_at]
        # Noted first: a client may act on the answer before this thread runs again.
        self.owner.note(Seen(self.path, asked, status, len(sent)))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault.hide_length:
            self.send_header("Connection", "close")
        elif status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(sent)
        if fault.truncate_at is not None or fault.hide_length:
            self.close_connection = True

    def _reset(self) -> None:
        """Close so that the peer sees a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # The socket closes with the last of the three, before the base class can end it politely.
        for end in (self.rfile, self.wfile, self.connection):
            end.close()
