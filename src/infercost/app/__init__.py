"""Use cases: short pipelines over the layers below, and the public Python API.

Every function here is re-exported by :mod:`infercost`; the command line calls nothing else.
"""

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
