"""Opening a traffic file: unpacking it, and seeing what it is."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import re
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from infercost.domain.errors import TrafficError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["LOG_LINE", "Opened", "open_traffic"]

HEAD: Final = 1 << 16
"""Bytes looked at to see what a file is."""

LOG_LINE: Final = re.compile(rb'^[^\n\[]*\[(\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] ".*\n?', re.MULTILINE)
"""A line of an access log in common or combined format; the time is its group."""

_EXAMPLE: Final = "--traffic diurnal:peak=200,trough=10"
_REASONS: Final = {
    errno.ENOENT: f"there is no such file; check the path, or give a shape such as {_EXAMPLE}",
    errno.EACCES: "no permission to read it; run: chmod u+r {path}",
    errno.ENOTDIR: "a part of its path is not a folder; check the path",
    errno.ENAMETOOLONG: "the name is too long; check the path",
}
_UNPACKERS: Final[tuple[tuple[bytes, Callable[[BinaryIO], BinaryIO]], ...]] = (
    (b"\x1f\x8b", lambda raw: cast("BinaryIO", gzip.GzipFile(fileobj=raw))),
    (b"BZh", lambda raw: cast("BinaryIO", bz2.BZ2File(raw))),
    (b"\xfd7zXZ\x00", lambda raw: cast("BinaryIO", lzma.LZMAFile(raw))),  # noqa: SIM115 - closed with the file below it
)
_REFUSED: Final = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or save the sheet as CSV (UTF-8)"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it: zstd -d {path}"),
    (b"\xff\xfe", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 {path} > utf8.csv"),
    (b"\xfe\xff", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 {path} > utf8.csv"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet", "save the sheet as CSV (UTF-8)"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is open, unpacked, and known for what it is."""

    path: Path
    stream: io.BufferedReader
    head: bytes
    """Its beginning, not yet read from ``stream``."""
    kind: str
    """``table``, ``parquet``, ``log`` or ``json``."""


@contextmanager
def open_traffic(path: Path) -> Iterator[Opened]:
    """Open the file; what goes wrong while it is read becomes one line.

    Raises:
        TrafficError: it is missing, a folder, empty, damaged, or nothing that holds traffic.
    """
    try:
        if path.is_dir():
            raise TrafficError(
                f"cannot read {path}: it is a folder; name a file in it, or join its logs: cat {path}/* > all.log"
            )
        with path.open("rb") as raw:
            stream = _unpacked(raw)
            head = stream.peek(HEAD)[:HEAD]
            yield Opened(path, stream, head, _kind(path, head))
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise TrafficError(f"{path} is damaged or cut off ({error}); fetch it again, or unpack what is left of it") from None
    except (OSError, ValueError) as error:
        if isinstance(error, TrafficError | ImportError | LookupError) or not isinstance(error, OSError):
            raise
        reason = _REASONS.get(error.errno or 0, f"{error.strerror or error}; check the path")
        raise TrafficError(f"cannot read {path}: {reason.format(path=path)}") from None


def _unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    start = raw.peek(8)
    for magic, unpack in _UNPACKERS:
        if start.startswith(magic):
            return io.BufferedReader(cast("io.RawIOBase", unpack(cast("BinaryIO", raw))), HEAD)
    return raw if len(raw.peek(1)) >= HEAD else io.BufferedReader(cast("io.RawIOBase", raw), HEAD)


def _kind(path: Path, head: bytes) -> str:
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise TrafficError(f"{path} is empty; give a file with requests, or a shape such as {_EXAMPLE}")
    if head.startswith(b"PAR1"):
        return "parquet"
    for magic, what, remedy in _REFUSED:
        if head.startswith(magic):
            raise TrafficError(f"{path} is {what}, not text; {remedy.format(path=path)}")
    if b"\x00" in head:
        raise TrafficError(f"{path} is a binary file; give a CSV or Parquet table, an access log or a CloudWatch export")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}:
        return "json"
    if head.count(b"\n") and LOG_LINE.search(head[: head.rfind(b"\n") + 1]):
        return "log"
    return "log" if LOG_LINE.match(head) else "table"
