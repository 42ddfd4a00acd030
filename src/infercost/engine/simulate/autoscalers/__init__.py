"""The autoscalers: constructors that turn a user's settings into rules, each with its source.

What a rule rests on is part of the value: ``documented`` by the vendor or in the source code, ``measured`` by
someone who published it, or ``assumed`` here. Every assumed number is an argument. ``build`` makes one
autoscaler from the policies of an endpoint and a schedule.
"""

from __future__ import annotations

from infercost.engine.simulate.autoscalers.azure import AzureRule, azure_autoscale
from infercost.engine.simulate.autoscalers.base import Autoscaler, Rule, ScalingFact
from infercost.engine.simulate.autoscalers.building import build, settings_of
from infercost.engine.simulate.autoscalers.knative import knative_kpa
from infercost.engine.simulate.autoscalers.ray import ray_serve
from infercost.engine.simulate.autoscalers.sagemaker import Step, sagemaker_step_scaling, sagemaker_target_tracking
from infercost.engine.simulate.autoscalers.vertex import vertex_autoscaling

__all__ = [
    "Autoscaler",
    "AzureRule",
    "Rule",
    "ScalingFact",
    "Step",
    "azure_autoscale",
    "build",
    "knative_kpa",
    "ray_serve",
    "sagemaker_step_scaling",
    "sagemaker_target_tracking",
    "settings_of",
    "vertex_autoscaling",
]
