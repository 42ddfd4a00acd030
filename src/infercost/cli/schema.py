"""``infercost schema``."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    kind: Annotated[
        str,
        typer.Argument(
            help="profile, estimate, verdict, verdicts, inspection, prices, price_diff, price_check, or project: infercost.yml."
        ),
    ],
) -> None:
    """Print the JSON Schema of an artifact, or of infercost.yml (project)."""
    import json

    from infercost.store.artifacts import schema as read

    typer.echo(json.dumps(read(kind), indent=2))
