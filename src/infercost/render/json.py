"""An artifact as JSON: the same bytes that a file would hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost.store.artifacts import encode

if TYPE_CHECKING:
    from infercost.domain.estimate import Estimate
    from infercost.domain.model import Inspection
    from infercost.domain.profile import Profile
    from infercost.domain.verdict import Verdict
    from infercost.render import View


def artifact(value: Estimate | Profile | Verdict | Inspection, view: View) -> str:  # noqa: ARG001 - one signature for all renderers
    """The published JSON form."""
    return encode(value).decode()
