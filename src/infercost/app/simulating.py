"""Simulating traffic: what of the simulator is public."""

from infercost.engine.simulate import arrivals as traffic
from infercost.engine.simulate import autoscalers, service
from infercost.engine.simulate.modes import simulate_batch_job, simulate_serverless
from infercost.engine.simulate.service import affine
from infercost.engine.simulate.simulation import simulate

__all__ = ["affine", "autoscalers", "service", "simulate", "simulate_batch_job", "simulate_serverless", "traffic"]
