"""Ray Serve's autoscaler."""

from __future__ import annotations

from typing import Final

from infercost.engine.simulate import policies
from infercost.engine.simulate.autoscalers.base import (
    Autoscaler,
    Rule,
    ScalingFact,
    Seconds,
    floats,
    not_negative,
    positive,
    seconds,
    start_fact,
)

_RAY: Final = "ray-project/ray @ 00590c45, python/ray/serve/autoscaling_policy.py"
_CONFIG: Final = "ray-project/ray, python/ray/serve/config.py, AutoscalingConfig"


def ray_serve(
    target: float = 2.0,
    *,
    max_replicas: int,
    min_replicas: int = 1,
    upscale_delay_s: float = 30.0,
    downscale_delay_s: float = 600.0,
    downscale_to_zero_delay_s: float | None = None,
    upscaling_factor: float = 1.0,
    downscaling_factor: float = 1.0,
    look_back_s: float = 30.0,
    tick_s: float = 1.0,
    start_s: Seconds = 10.0,
) -> Autoscaler:
    """Ray Serve on ongoing requests (waiting and in service); at zero, requests wait in the handle.

    Args:
        target: target_ongoing_requests a replica.
        max_replicas: max_replicas.
        min_replicas: min_replicas; the first replica of zero starts at once.
        upscale_delay_s: how long more must be wanted.
        downscale_delay_s: how long fewer must be wanted.
        downscale_to_zero_delay_s: the same from one to none; None: as ``downscale_delay_s``.
        upscaling_factor: share of the difference that is added.
        downscaling_factor: share of the difference that goes; at least one does.
        look_back_s: look_back_period_s, that the requests are averaged over.
        tick_s: seconds between evaluations. Ray's control loop takes 0.1 s; the delays hold at any.
        start_s: seconds from the decision to a replica in service.

    Raises:
        UsageError: a setting out of range.
    """
    positive(target=target, tick_s=tick_s, look_back_s=look_back_s)
    positive(upscaling_factor=upscaling_factor, downscaling_factor=downscaling_factor)
    zero_s = downscale_delay_s if downscale_to_zero_delay_s is None else downscale_to_zero_delay_s
    rules = policies.RayRules(
        target=target,
        look_back_points=max(round(look_back_s / tick_s), 1),
        up_ticks=int(not_negative(upscale_delay_s=upscale_delay_s) / tick_s),
        down_ticks=int(not_negative(downscale_delay_s=downscale_delay_s) / tick_s),
        zero_ticks=int(not_negative(downscale_to_zero_delay_s=zero_s) / tick_s),
        up_factor=upscaling_factor,
        down_factor=downscaling_factor,
        least=min_replicas,
        most=max_replicas,
    )
    return Autoscaler(
        name="ray serve",
        rules=(Rule(policies.RAY, floats(rules)),),
        tick_s=tick_s,
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        start=seconds(start_s),
        bills_start=True,
        facts=(
            ScalingFact(
                "wants running x (ongoing requests / running / target), the difference by a factor", "documented", _RAY
            ),
            ScalingFact("acts when the wish has lasted for the delay; from zero at once", "documented", _RAY),
            ScalingFact("goes to zero from one replica alone", "documented", _RAY),
            ScalingFact("target 2, delays 30 s and 600 s, average over 30 s", "documented", _CONFIG),
            ScalingFact(f"evaluated every {tick_s:g} s on exact averages", "assumed", "Ray: 0.1 s, on figures up to 10 s old"),
            start_fact(start_s),
            ScalingFact("replicas are billed while they start", "assumed", "the dearer reading"),
        ),
    )
