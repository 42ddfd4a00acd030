"""Text laid out for a terminal. The only place that makes a rich console."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Literal

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infercost.render import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from infercost.render import View

# Plain hyphens under the header: box-drawing characters fail on legacy code pages.
_RULED = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its cells. A cell is its lines; all but the first are secondary."""

    header: str
    """May hold a second line, for the cells' second."""
    cells: Sequence[Sequence[str]]
    justify: Literal["left", "right"] = "left"
    style: str = ""
    wrap: bool = False
    """Whether the column may be narrowed by wrapping when space is short."""


def columns(parts: Iterable[Column], *, gap: int = 2) -> Table:
    """A table of columns of equal length, ``gap`` (at least 1) spaces apart."""
    chosen = list(parts)
    table = Table(box=_RULED, padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for column in chosen:
        table.add_column(
            _cell(column.header.split("\n")),
            justify=column.justify,
            style=column.style,
            no_wrap=not column.wrap,
            overflow="fold",
        )
    for cells in zip(*(column.cells for column in chosen), strict=True):
        table.add_row(*(_cell(lines) for lines in cells))
    return table


def facts(entries: Iterable[tuple[str, Sequence[str]]]) -> Table:
    """Labels on the left, lines of words on the right; entries without lines are left out."""
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for label, lines in entries:
        for i, line in enumerate(lines):
            grid.add_row(Text("" if i else label), Text(line))
    return grid


def first_that_fits(layouts: Iterable[Table], view: View) -> Table:
    """The first layout whose natural width fits the terminal, else the last."""
    console = _console(view, StringIO())
    chosen = None
    for layout in layouts:
        chosen = layout
        if console.measure(layout, options=console.options.update(width=10_000)).maximum <= view.width:
            break
    if chosen is None:
        raise ValueError("no layout to choose from")
    return chosen


def to_text(parts: Iterable[RenderableType | str], view: View) -> str:
    """Render parts one under another. A string is wrapped words; lines carry no trailing spaces."""
    buffer = StringIO()
    console = _console(view, buffer)
    for part in parts:
        console.print(Text(figures.clean(part)) if isinstance(part, str) else part, soft_wrap=False)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def _cell(lines: Sequence[str]) -> Text:
    cell = Text(lines[0] if lines else "")
    for line in lines[1:]:
        cell.append("\n")
        cell.append(line, style="dim not bold")
    return cell


def _console(view: View, file: StringIO) -> Console:
    return Console(
        file=file,
        width=view.width,
        force_terminal=view.color,
        color_system="standard" if view.color else None,
        no_color=not view.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
