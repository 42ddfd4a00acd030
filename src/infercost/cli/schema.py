"""``infercost schema``."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    kind: Annotated[str, typer.Argument(help="profile, estimate or verdict.")],
) -> None:
    """Print the JSON Schema of an artifact."""
    import json

    from infercost.store.artifacts import schema as read

    typer.echo(json.dumps(read(kind), indent=2))
