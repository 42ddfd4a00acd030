"""Documents over HTTP, for the clouds' price sources: resumed, revalidated, retried, bounded.

A document is streamed into a folder as it is sent (compressed) and kept there beside a small JSON
file that holds its ETag and SHA-256. Asked for again, it is revalidated; cut off, it is continued
by ``Range`` with ``If-Range``, so that bytes of two versions are never mixed.
"""

from __future__ import annotations

import gzip
import random
import re
import time
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import msgspec
import urllib3

from infercost._version import __version__
from infercost.domain.errors import ProviderError
from infercost.domain.refresh import RefreshProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["CHANGED", "Client", "RetryPolicy", "same_origin"]

CHANGED = "the last prices are kept; update infercost: pip install --upgrade infercost"
"""What to do when a source is no longer what this release reads."""

T = TypeVar("T")

_CHUNK = 1 << 18
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When to try again and how long to wait. Waiting and chance are arguments, for tests."""

    attempts: int = 6
    base_s: float = 0.5
    """Longest wait before the second attempt; doubles with each one (full jitter)."""
    cap_s: float = 30.0
    retry_after_cap_s: float = 120.0
    """A server that asks for a longer wait than this is given up on, in its own words."""
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    """Of one read, not of the whole document."""
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def backoff_s(self, attempt: int) -> float:
        """Seconds to wait after failed attempt number ``attempt``, counted from 1."""
        return min(self.cap_s, self.base_s * 2.0 ** (attempt - 1)) * self.chance()


class _Kept(msgspec.Struct, frozen=True):
    """What is known of a kept document, or of the beginning of one."""

    url: str
    etag: str | None = None
    last_modified: str | None = None
    encoding: str = ""
    received: str = ""
    """When it was received or confirmed (ISO), by the server's clock where it has one."""
    size: int | None = None
    sha256: str | None = None
    """Of the document as kept; None while it is incomplete."""


class _Again(Exception):  # noqa: N818 - a signal of the retry loop
    """This attempt failed in a way that another may not."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def same_origin(url: str, other: str) -> bool:
    """Whether two URLs have scheme, host and port in common; ``https://x`` is ``https://x:443``."""

    def origin(text: str) -> tuple[str, str | None, int | None]:
        parts = urlsplit(text)
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)

    return origin(url) == origin(other)


class Client:
    """Reads the documents of one provider.

    Args:
        provider: named in errors and progress.
        folder: where documents are kept; made if missing.
        headers: sent with each request; their values never appear in an error.
        max_bytes: a document that is longer, also after decompression, is refused.
    """

    def __init__(
        self,
        provider: str,
        folder: Path,
        *,
        policy: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        on_progress: Callable[[RefreshProgress], None] | None = None,
        max_bytes: int = 256 << 20,
    ) -> None:
        self.provider = provider
        self.folder = folder
        self.policy = policy or RetryPolicy()
        self.total: int | None = None
        self._headers = dict(headers or {})
        self._on_progress = on_progress
        self._max_bytes = max_bytes
        self._done = 0
        self._received = 0
        self._pools: dict[str, urllib3.PoolManager] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProviderError(f"cannot keep downloads in {folder}: {error.strerror}; choose another folder") from error

    def read(
        self, url: str, name: str, parse: Callable[[bytes | bytearray], T], *, label: str | None = None, reuse_s: float = 0.0
    ) -> tuple[T, datetime]:
        """Fetch a document, or what is kept of it, and parse it.

        Args:
            url: where it is.
            name: file name to keep it under.
            parse: gets the bytes, decompressed. ``msgspec.ValidationError`` says that the format has
                changed; any other ``DecodeError`` that the document is damaged and to be had again.
            label: what progress calls it.
            reuse_s: a kept document of that age is taken without asking the server.

        Returns:
            What ``parse`` made of it, and when the server last vouched for the document.

        Raises:
            ProviderError: after the last attempt, or where another one would not help.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                kept = self._reusable(url, name, reuse_s) or self._fetch(url, name, label or name)
                value = self._parse(url, name, kept, parse)
            except _Again as failure:
                self._wait(url, attempt, failure)
                continue
            self._done += 1
            self._report(label or name)
            return value, datetime.fromisoformat(kept.received)

    def forget(self, name: str) -> None:
        """Remove a kept document."""
        for path in self._paths(name):
            path.unlink(missing_ok=True)

    # ------------------------------------------------------------ one attempt

    def _fetch(self, url: str, name: str, label: str) -> _Kept:
        complete, part, about = self._paths(name)
        kept = self._about(about, url) or _Kept(url=url)
        start = self._resumable(kept, part)
        headers = {"Accept-Encoding": "gzip", "User-Agent": f"infercost/{__version__}", **self._headers}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": kept.etag or kept.last_modified or ""}
        elif self._intact(kept, complete):
            headers |= _validators(kept)
        try:
            response = self._pool(url).request(
                "GET",
                url,
                headers=headers,
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=self.policy.connect_timeout_s, read=self.policy.read_timeout_s),
            )
        except urllib3.exceptions.HTTPError as error:
            raise _Again(_in_words(error)) from error
        try:
            return self._take(response, kept, start, (complete, part, about), label)
        finally:
            # What is left of a response that was not read to its end must not be read as the next one's.
            response.close()
            response.release_conn()

    def _take(
        self, response: urllib3.BaseHTTPResponse, kept: _Kept, start: int, paths: tuple[Path, Path, Path], label: str
    ) -> _Kept:
        """Act on a response's status."""
        complete, part, about = paths
        url = kept.url
        received = self._date(response)
        status = response.status
        if status == 304 and kept.sha256 is not None:
            return self._note(about, msgspec.structs.replace(kept, received=received))
        if status == 206 and start and _continues(response, kept, start):
            return self._store(response, kept, paths, label, append=True)
        if status == 200:
            fresh = _Kept(
                url=url,
                etag=response.headers.get("ETag"),
                last_modified=response.headers.get("Last-Modified"),
                encoding=response.headers.get("Content-Encoding", "").lower(),
                received=received,
            )
            complete.unlink(missing_ok=True)
            self._note(about, fresh)
            return self._store(response, fresh, paths, label, append=False)
        if status in {206, 304, 416}:
            part.unlink(missing_ok=True)
            about.unlink(missing_ok=True)
            raise _Again(f"HTTP {status} does not fit what was asked for")
        if status in _RETRIED:
            raise _Again(f"HTTP {status}", _retry_after_s(response, self.policy.now()))
        raise self._error(url, _refusal(response))

    def _store(
        self, response: urllib3.BaseHTTPResponse, kept: _Kept, paths: tuple[Path, Path, Path], label: str, *, append: bool
    ) -> _Kept:
        """Stream the body into the part file; complete, it takes the document's name."""
        complete, part, about = paths
        size = part.stat().st_size if append else 0
        digest = sha256(part.read_bytes() if append else b"")
        try:
            with part.open("ab" if append else "wb") as file:
                while chunk := response.read(_CHUNK, decode_content=False):
                    size += len(chunk)
                    self._received += len(chunk)
                    if size > self._max_bytes:
                        raise self._error(kept.url, f"the document is longer than {self._max_bytes >> 20} MiB")
                    file.write(chunk)
                    digest.update(chunk)
                    self._report(label)
        except urllib3.exceptions.HTTPError as error:
            raise _Again(_in_words(error)) from error
        except ProviderError:  # an OSError by descent
            raise
        except OSError as error:
            raise ProviderError(f"cannot write {part}: {error.strerror}; free some space, then run it again") from error
        if (whole := _whole_size(response)) is not None and size < whole:
            raise _Again("the answer was cut off")
        part.replace(complete)
        return self._note(about, msgspec.structs.replace(kept, size=size, sha256=digest.hexdigest()))

    def _parse(self, url: str, name: str, kept: _Kept, parse: Callable[[bytes | bytearray], T]) -> T:
        try:
            return parse(self._body(self._paths(name)[0], kept))
        except msgspec.ValidationError as error:
            self.forget(name)
            raise self._error(url, f"the source has changed its format: {error}", CHANGED) from error
        except (msgspec.DecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.forget(name)
            raise _Again(f"the document is damaged or cut off ({error})") from error

    def _body(self, path: Path, kept: _Kept) -> bytes | bytearray:
        if kept.encoding in {"", "identity"}:
            return path.read_bytes()
        if kept.encoding not in {"gzip", "x-gzip"}:
            raise self._error(kept.url, f"the document has an unknown encoding, {kept.encoding}")
        body = bytearray()
        # Read in pieces: the whole of it at once would need its size twice for a moment.
        with gzip.open(path) as file:
            while chunk := file.read(_CHUNK):
                body += chunk
                if len(body) > self._max_bytes:
                    raise self._error(kept.url, f"the document is longer than {self._max_bytes >> 20} MiB")
        return body

    # ------------------------------------------------------------ what is kept

    def _paths(self, name: str) -> tuple[Path, Path, Path]:
        """The document, its beginning while it is incomplete, and what is known of it."""
        return self.folder / name, self.folder / f"{name}.part", self.folder / f"{name}.about"

    def _about(self, path: Path, url: str) -> _Kept | None:
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError):
            return None
        return kept if kept.url == url else None

    def _note(self, path: Path, kept: _Kept) -> _Kept:
        path.write_bytes(msgspec.json.encode(kept))
        return kept

    def _resumable(self, kept: _Kept, part: Path) -> int:
        """Bytes of the part file that can be continued."""
        if kept.sha256 is not None or not part.exists():
            return 0
        strong = kept.etag is not None and not kept.etag.startswith("W/")
        return part.stat().st_size if strong or (kept.etag is None and kept.last_modified) else 0

    def _intact(self, kept: _Kept, complete: Path) -> bool:
        if kept.sha256 is None or not complete.exists() or complete.stat().st_size != kept.size:
            return False
        return sha256(complete.read_bytes()).hexdigest() == kept.sha256

    def _reusable(self, url: str, name: str, reuse_s: float) -> _Kept | None:
        complete, _, about = self._paths(name)
        kept = self._about(about, url) if reuse_s > 0 else None
        if kept is None or not self._intact(kept, complete):
            return None
        # Either clock may be a little ahead of the other.
        age_s = abs((self.policy.now() - datetime.fromisoformat(kept.received)).total_seconds())
        return kept if age_s <= reuse_s else None

    # ------------------------------------------------------------ around it

    def _pool(self, url: str) -> urllib3.PoolManager:
        """One pool a scheme, through the proxy that the environment names for it."""
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise self._error(url, "not a URL that starts with https:// or http://", "check the endpoint")
        if parts.scheme not in self._pools:
            proxy = getproxies().get(parts.scheme)
            direct = proxy is None or proxy_bypass(parts.hostname)
            self._pools[parts.scheme] = urllib3.PoolManager() if direct else urllib3.ProxyManager(str(proxy))
        return self._pools[parts.scheme]

    def _date(self, response: urllib3.BaseHTTPResponse) -> str:
        moment = _http_date(response.headers.get("Date")) or self.policy.now()
        return moment.isoformat()

    def _wait(self, url: str, attempt: int, failure: _Again) -> None:
        if attempt >= self.policy.attempts:
            raise self._error(url, f"{failure} at the last of {attempt} attempts") from failure
        wait_s = failure.wait_s
        if wait_s is not None and wait_s > self.policy.retry_after_cap_s:
            raise self._error(url, f"{failure}, and the server asks for a wait of {wait_s:.0f} s") from failure
        self.policy.sleep(self.policy.backoff_s(attempt) if wait_s is None else wait_s)

    def _report(self, label: str) -> None:
        if self._on_progress is not None:
            self._on_progress(
                RefreshProgress(
                    provider=self.provider, document=label, done=self._done, total=self.total, received_bytes=self._received
                )
            )

    def _error(self, url: str, reason: str, remedy: str | None = None) -> ProviderError:
        """One line: what, why, what to type next. Headers and query stay out of it; they may hold secrets."""
        shown = urlunsplit(urlsplit(url)._replace(query="", fragment=""))
        for value in self._headers.values():
            reason = reason.replace(value, "…")
        remedy = remedy or f"the last prices are kept; try again with: infercost prices refresh --provider {self.provider}"
        return ProviderError(f"{self.provider}: {shown}: {reason}; {remedy}")


def _validators(kept: _Kept) -> dict[str, str]:
    found = {"If-None-Match": kept.etag, "If-Modified-Since": kept.last_modified}
    return {name: value for name, value in found.items() if value is not None}


def _continues(response: urllib3.BaseHTTPResponse, kept: _Kept, start: int) -> bool:
    """Whether a partial response goes on where the part file ends, in the same version and encoding."""
    bounds = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    etag = response.headers.get("ETag")
    return (
        bounds is not None
        and int(bounds[1]) == start
        and (etag is None or etag == kept.etag)
        and response.headers.get("Content-Encoding", "").lower() == kept.encoding
    )


def _whole_size(response: urllib3.BaseHTTPResponse) -> int | None:
    """The size of the whole document, where a partial response tells it."""
    whole = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
    return int(whole[1]) if whole else None


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _retry_after_s(response: urllib3.BaseHTTPResponse, now: datetime) -> float | None:
    """Seconds that the server asks to wait; it may state them, or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    moment = _http_date(text)
    return max(0.0, (moment - now).total_seconds()) if moment else None


class _Message(msgspec.Struct):
    message: str = ""


class _ErrorBody(msgspec.Struct):
    """How Google and Azure put an error."""

    error: _Message = msgspec.field(name="error", default_factory=_Message)
    capital: _Message = msgspec.field(name="Error", default_factory=_Message)


def _refusal(response: urllib3.BaseHTTPResponse) -> str:
    """A final status, with the server's own words where they can be read."""
    said = ""
    try:
        body = response.read(1 << 14, decode_content=True)
        told = msgspec.json.decode(body, type=_ErrorBody)
        said = " ".join((told.error.message or told.capital.message).split())[:300]
    except (urllib3.exceptions.HTTPError, msgspec.DecodeError):
        pass  # the status alone has to do
    place = urlsplit(response.headers.get("Location", "")).hostname if 300 <= response.status < 400 else None
    return f"HTTP {response.status}" + (f" to {place}, which is not followed" if place else "") + (f": {said}" if said else "")


def _in_words(error: urllib3.exceptions.HTTPError) -> str:
    """A transport error without object addresses and nested brackets."""
    # In this order: some of these descend from a later one.
    names = {
        urllib3.exceptions.NameResolutionError: "the host name is not known here (offline?)",
        urllib3.exceptions.ReadTimeoutError: "no answer in time",
        urllib3.exceptions.SSLError: "the server's certificate cannot be trusted",
        urllib3.exceptions.NewConnectionError: "no connection",
        urllib3.exceptions.ConnectTimeoutError: "no connection in time",
        urllib3.exceptions.IncompleteRead: "the answer was cut off",
        urllib3.exceptions.ProtocolError: "the connection broke off",
        urllib3.exceptions.ProxyError: "the proxy does not answer",
    }
    return next((words for kind, words in names.items() if isinstance(error, kind)), type(error).__name__)
