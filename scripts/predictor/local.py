"""Batches and threads that were measured, and are predicted from the others of the same profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from infercost.engine.predict_cpu import CpuModel
from infercost.store.artifacts import load_profile
from infercost.store.hardware import describe_machine, load_hardware

if TYPE_CHECKING:
    from pathlib import Path

    from infercost.domain.profile import Point, Profile


def held_out(folder: Path) -> list[tuple[str, int, int, float]]:
    """(profile, batch, threads, log error) of every point that others of its profile surround."""
    found = []
    for path in sorted(folder.glob("*.json")):
        profile = load_profile(path)
        points = [p for p in profile.points if p.device == "cpu"]
        for point in points:
            error = _error(profile, points, point)
            if error is not None:
                found.append((path.stem, point.batch, point.threads, error))
    return found


def _error(profile: Profile, points: list[Point], point: Point) -> float | None:
    """Nothing is asked where the rest does not hold batch 1, the fewest threads, and batches on both sides."""
    rest = [p for p in points if p is not point]
    fewest = min(p.threads for p in points)
    if point.threads == fewest and point.batch in (1, max(p.batch for p in points)):
        return None
    if not any(p.batch == 1 and p.threads == fewest for p in rest):
        return None
    source = describe_machine(profile.machine, load_hardware())
    model = CpuModel.of(replace(profile, points=tuple(rest)), source)
    predicted = model.seconds_at(source, point.batch, 1, point.threads)
    return float(np.log(predicted * 1e3 / point.latency_ms.typical))
