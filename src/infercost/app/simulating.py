"""Simulating traffic: what of the simulator is public."""

from infercost.engine.simulate import arrivals as traffic
from infercost.engine.simulate import autoscalers, service
from infercost.engine.simulate.service import affine
from infercost.engine.simulate.simulation import simulate

__all__ = ["affine", "autoscalers", "service", "simulate", "traffic"]
