"""An artifact as JSON: the same bytes that a file would hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.store.artifacts import encode

if TYPE_CHECKING:
    from infercost.render import View
    from infercost.store.artifacts import Artifact


def artifact(value: Artifact, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """The published JSON form."""
    return encode(value).decode()
