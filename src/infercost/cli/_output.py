"""Where output goes: data to stdout or a file, everything else to stderr."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from infercost.domain.errors import OutputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from infercost.render import Artifact
    from infercost.runtime.measure import Progress

SHOWS_WARNINGS = frozenset({"table", "markdown"})
"""Formats in which estimates and verdicts carry their warnings themselves."""

PAGES = ("html",)
"""Formats that some artifacts have beside the common ones."""

_FORMAT_BY_SUFFIX = {".json": "json", ".md": "markdown", ".csv": "csv", ".txt": "table"}


def choose_format(chosen: str | None, out: Path | None, *, pages: bool = False) -> str:
    """The format the user named, else the one that the file's ending says, else a table.

    Args:
        chosen: what the user named.
        out: the file to write.
        pages: whether the artifact has :data:`PAGES` too.

    Raises:
        UnknownNameError: there is no such format.
    """
    if chosen is None:
        if pages and out is not None and out.suffix.lower() in {".html", ".htm"}:
            return "html"
        return _FORMAT_BY_SUFFIX.get(out.suffix.lower(), "table") if out is not None else "table"
    from infercost.render import FORMATS

    offered = (*FORMATS, *PAGES) if pages else FORMATS
    if chosen not in offered:
        raise UnknownNameError("format", chosen, offered)
    return chosen


def check(out: Path | None) -> None:
    """Refuse a file that could not be written, before slow work is done for it.

    Raises:
        OutputError: its folder is missing or closed, or it is a folder itself.
    """
    if out is not None:
        from infercost.store.writing import check_writable

        check_writable(out)


def emit(value: Artifact, fmt: str, out: Path | None, *, top: int = 10, details: bool = False, quiet: bool = False) -> None:
    """Render and write. A file is written whole or not at all."""
    from infercost.render import render

    if out is None:
        text = render(value, fmt, width=None, color=_color(), top=top, details=details)
        _say(text if text.endswith("\n") else text + "\n")
        return
    from infercost.store.artifacts import write_atomic

    text = render(value, fmt, width=120, color=False, top=top, details=details)
    write_atomic(out, (text if text.endswith("\n") else text + "\n").encode())
    if not quiet:
        typer.echo(f"wrote {out}", err=True)


def _say(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would fail once more when the interpreter ends.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write to stdout: {reason}; make room, or name a file with --out") from None


def warn(messages: Iterable[str], *, quiet: bool) -> None:
    """Warnings on stderr, each once."""
    if not quiet:
        for message in dict.fromkeys(messages):
            typer.echo(f"warning: {message}", err=True)


def _color() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A progress bar on stderr when that is a terminal; otherwise nothing."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    bar = Bar(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True)
    with bar:
        task = bar.add_task("measuring", total=None)
        yield lambda p: bar.update(task, description=p.detail or p.stage, completed=p.done, total=p.total)


@contextmanager
def spinner(text: str, *, quiet: bool) -> Iterator[None]:
    """A sign of life on stderr when that is a terminal; otherwise nothing."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
