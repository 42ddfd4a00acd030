"""Use cases: short pipelines over the layers below, and the public Python API.

Every function here is re-exported by :mod:`infercost`; the command line calls nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from infercost.app.endpoints import profile_endpoint
    from infercost.app.frames import to_frame
    from infercost.app.judging import budget, gate, judge, limits
    from infercost.app.pricing import Question, answer, ask, estimate
    from infercost.app.profiling import demo_model, inspect, inspection, load_or_profile, load_profile, profile, save

__all__ = [
    "Question",
    "answer",
    "ask",
    "budget",
    "demo_model",
    "estimate",
    "gate",
    "inspect",
    "inspection",
    "judge",
    "limits",
    "load_or_profile",
    "load_profile",
    "profile",
    "profile_endpoint",
    "save",
    "to_frame",
]

_HOMES: Final = {
    "endpoints": ("profile_endpoint",),
    "frames": ("to_frame",),
    "judging": ("budget", "gate", "judge", "limits"),
    "pricing": ("Question", "answer", "ask", "estimate"),
    "profiling": ("demo_model", "inspect", "inspection", "load_or_profile", "load_profile", "profile", "save"),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    # Lazy: `infercost prices show` needs none of this, and would wait for all of it.
    if name not in _HOME_OF:
        raise AttributeError(f"module 'infercost.app' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
