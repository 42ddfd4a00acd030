"""``infercost init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    source: Annotated[
        Path | None, typer.Argument(metavar="MODEL_OR_PROFILE", help="What the first target serves. [default: profile.json]")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The project file; never overwritten.")] = Path(
        "infercost.yml"
    ),
) -> None:
    """Begin an infercost.yml with one target and every key explained."""
    from infercost.app.project import init_project

    init_project(out, source)
    typer.echo(f"wrote {out}; set rps and the budget in it, then run: infercost gate", err=True)
