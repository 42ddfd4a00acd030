"""What one inference costs on SageMaker, Vertex AI and Azure ML, before you deploy.

The pipeline in four calls::

    profile = infercost.profile("model.onnx")
    estimate = infercost.estimate(profile, rps=50, slo="p99=100ms")
    best = estimate.candidates[0]
    verdict = infercost.gate(estimate, max_monthly=500)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infercost._version import __version__

if TYPE_CHECKING:
    from infercost.app import demo_model, estimate, gate, inspect, load_profile, profile, profile_endpoint, save, to_frame
    from infercost.app.modes import modes
    from infercost.app.planning import endpoint_of, plan
    from infercost.app.simulating import (
        affine,
        autoscalers,
        service,
        simulate,
        simulate_batch_job,
        simulate_serverless,
        traffic,
    )
    from infercost.app.traffic import load_traffic
    from infercost.domain.errors import InfercostError

_APP = frozenset(
    {"demo_model", "estimate", "gate", "inspect", "load_profile", "profile", "profile_endpoint", "save", "to_frame"}
)
_PLANNING = frozenset({"endpoint_of", "plan"})
_SIMULATING = frozenset(
    {"affine", "autoscalers", "service", "simulate", "simulate_batch_job", "simulate_serverless", "traffic"}
)

__all__ = [
    "InfercostError",
    "__version__",
    "affine",
    "autoscalers",
    "demo_model",
    "endpoint_of",
    "estimate",
    "gate",
    "inspect",
    "load_profile",
    "load_traffic",
    "modes",
    "plan",
    "profile",
    "profile_endpoint",
    "save",
    "service",
    "simulate",
    "simulate_batch_job",
    "simulate_serverless",
    "to_frame",
    "traffic",
]


def __getattr__(name: str) -> object:
    # Lazy, so that `import infercost` and `infercost --help` stay light.
    if name in _APP:
        from infercost import app

        return getattr(app, name)
    if name in _PLANNING:
        from infercost.app import planning

        return getattr(planning, name)
    if name in _SIMULATING:
        from infercost.app import simulating

        return getattr(simulating, name)
    if name == "modes":
        from infercost.app.modes import modes

        return modes
    if name == "load_traffic":
        from infercost.app.traffic import load_traffic

        return load_traffic
    if name == "InfercostError":
        from infercost.domain.errors import InfercostError

        return InfercostError
    raise AttributeError(f"module 'infercost' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
