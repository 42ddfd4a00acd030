"""How a refresh of prices is shown: bars on a terminal, one line a cloud everywhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infercost.app.refreshing import Outcome
    from infercost.domain.refresh import RefreshProgress

    Say = Callable[[str, bool], None]

MOST_FINDINGS = 3


def endpoints(texts: list[str] | None) -> dict[str, str]:
    """Base URLs by provider from ``sagemaker=https://mirror``.

    Raises:
        UsageError: a text is not of that form.
    """
    found = {}
    for text in texts or ():
        name, sign, url = text.partition("=")
        if not sign or not url.startswith(("http://", "https://")):
            raise UsageError(
                f"cannot read the endpoint {text!r}; write it like --endpoint sagemaker=https://mirror.example.com"
            )
        found[name] = url
    return found


def line(outcome: Outcome) -> str:
    """What became of one cloud."""
    if outcome.error is not None or outcome.catalog is None:
        return f"{outcome.provider}: not refreshed: {str(outcome.error).removeprefix(f'{outcome.provider}: ')}"
    catalog = outcome.catalog
    kinds: list[str] = [change.change for change in outcome.changes]
    priced = sum(offer.price is not None for offer in catalog.offers)
    parts = [f"{priced:,} offers priced", f"as of {catalog.as_of}"]
    counts = {"new": ("added", "priced"), "gone": ("removed", "unpriced"), "changed": ("changed",)}
    changes = [f"{n:,} {word}" for word, names in counts.items() if (n := sum(kinds.count(name) for name in names))]
    parts.append(", ".join(changes) if changes else "no change")
    if outcome.extras:
        parts.append(f"{outcome.extras:,} other prices")
    text = f"{outcome.provider}: {', '.join(parts)}"
    for finding in outcome.findings[:MOST_FINDINGS]:
        text += f"\n  {finding.subject}: {finding.reason}"
    rest = len(outcome.findings) - MOST_FINDINGS
    return f"{text}\n  and {rest:,} more notes (in the snapshot's manifest)" if rest > 0 else text


@contextmanager
def progress(*, quiet: bool) -> Iterator[tuple[Callable[[RefreshProgress], None] | None, Say]]:
    """A callback for progress (bars on a terminal, else None), and one that says a line on stderr.

    A quiet run says failures only.
    """

    def say(text: str, failed: bool) -> None:
        if failed or not quiet:
            typer.echo(text, err=True)

    if quiet or not sys.stderr.isatty():
        yield None, say
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.fields[provider]}"),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[documents]}"),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def show(p: RefreshProgress) -> None:
        documents = f"{p.done}/{p.total}" if p.total else str(p.done)
        if p.provider not in tasks:
            tasks[p.provider] = bar.add_task("", total=None, provider=p.provider, documents=documents)
        share = p.received_bytes * p.total / p.done if p.total and p.done else None
        bar.update(tasks[p.provider], description=p.document, completed=p.received_bytes, total=share, documents=documents)

    def say_above(text: str, failed: bool) -> None:
        if failed or not quiet:
            bar.console.print(text, markup=False, highlight=False)

    with bar:
        yield show, say_above
