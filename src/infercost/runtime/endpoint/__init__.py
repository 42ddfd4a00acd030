"""A served model measured from outside, over the Open Inference Protocol v2 (KServe, Triton, MLServer …)."""

from __future__ import annotations

from infercost.runtime.endpoint.measuring import EndpointSettings, measure_endpoint

__all__ = ["EndpointSettings", "measure_endpoint"]
