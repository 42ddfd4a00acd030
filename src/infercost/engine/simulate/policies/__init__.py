"""The scaling rule of each autoscaler: plain pure functions, and the numbers that they go by.

Each function sees the history (one row a tick, see :mod:`.history`), the replicas wanted so far, what it
remembers, and the time; it says how many replicas it wants and what it will remember. The kernels run the
compiled form; the functions themselves need no compiler and can steer a real endpoint. Limits (least and
most replicas) are the caller's. Where each rule comes from stands in :mod:`.autoscalers`.
"""

from __future__ import annotations

from infercost.engine.simulate.policies.aws import StepScalingRules, TargetTrackingRules, rounded_change
from infercost.engine.simulate.policies.azure import AzureRules, projected
from infercost.engine.simulate.policies.base import Decision, Memory
from infercost.engine.simulate.policies.deciding import (
    AZURE,
    FIXED,
    KPA,
    MEMORY,
    RAY,
    STEP_SCALING,
    TARGET_TRACKING,
    VERTEX,
    WIDTH,
    decide,
    decide_all,
)
from infercost.engine.simulate.policies.knative import KpaRules
from infercost.engine.simulate.policies.ray import RayRules
from infercost.engine.simulate.policies.vertex import VertexRules

__all__ = [
    "AZURE",
    "FIXED",
    "KPA",
    "MEMORY",
    "RAY",
    "STEP_SCALING",
    "TARGET_TRACKING",
    "VERTEX",
    "WIDTH",
    "AzureRules",
    "Decision",
    "KpaRules",
    "Memory",
    "RayRules",
    "StepScalingRules",
    "TargetTrackingRules",
    "VertexRules",
    "decide",
    "decide_all",
    "projected",
    "rounded_change",
]
