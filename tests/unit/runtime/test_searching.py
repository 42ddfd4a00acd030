"""The search on response surfaces: recorded ones, and made-up ones that differ in every way that matters."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infercost.runtime.searching import (
    BATCHES,
    LEAST_TRIALS,
    TRIAL_SHARE,
    Outcome,
    Setup,
    best_of,
    full_grid,
    most_trials,
    suggest,
    worth_it,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECORDED = sorted((Path(__file__).parent / "surfaces").glob("*.json"))


def hunt(grid: Sequence[Setup], measure: Callable[[Setup], Outcome], limit: float | None = None) -> dict[Setup, Outcome]:
    found: dict[Setup, Outcome] = {}
    most = most_trials(len(grid))
    while len(found) < most and (chosen := suggest(grid, found, limit)) is not None and worth_it(chosen[1], len(found), most):
        found[chosen[0]] = measure(chosen[0])
    return found


def surface(seed: int, grid: Sequence[Setup]) -> dict[Setup, float]:
    """Throughput by Amdahl, contention between workers, a cost per run and a cache that overflows; 2 % of unevenness."""
    rng = random.Random(seed)
    made = {}
    for group in sorted({setup.group for setup in grid}):
        speed, per_run, serial = math.exp(rng.gauss(0, 0.6)), 10 ** rng.uniform(-2, 0.5), rng.uniform(0.02, 0.4)
        contention, cliff, drop = rng.uniform(0, 0.25), 2 ** rng.uniform(3, 9), rng.uniform(0, 0.4)
        for setup in (s for s in grid if s.group == group):
            total = setup.threads * setup.workers
            threads = 1 / (serial + (1 - serial) / setup.threads)
            held_up = 1 + contention * math.log2(total)
            kept = 1 - drop / (1 + (cliff / (setup.batch * setup.workers)) ** 2)
            batch = setup.batch / (setup.batch + per_run)
            made[setup] = 100 * speed * setup.workers * threads / held_up * batch * kept * math.exp(rng.gauss(0, 0.02))
    return made


@pytest.mark.parametrize(
    ("cpus", "groups"), [(2, 1), (2, 2), (4, 1), (16, 1)], ids=["2 CPUs", "2 CPUs, 2 precisions", "4 CPUs", "16 CPUs"]
)
def test_few_trials_find_nearly_the_best_of_most_surfaces(cpus: int, groups: int) -> None:
    grid = full_grid(cpus, BATCHES, [("cpu", name) for name in ("fp32", "int8")[:groups]])
    qualities = []
    for seed in range(12):
        known, noise = surface(seed, grid), random.Random(seed)
        found = hunt(grid, lambda setup, known=known, noise=noise: Outcome(known[setup] * math.exp(noise.gauss(0, 0.02))))
        assert len(found) <= max(LEAST_TRIALS, TRIAL_SHARE * len(grid))
        best = best_of(found)
        assert best is not None
        qualities.append(known[best] / max(known.values()))
    assert sum(quality >= 0.95 for quality in qualities) >= 10
    assert min(qualities) > 0.85


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_recorded_surface_is_searched_within_the_bars(file: Path) -> None:
    rows = json.loads(file.read_text())["rows"]
    known = {Setup(batch, threads, workers, "cpu", precision): value for batch, threads, workers, precision, value in rows}
    found = hunt(list(known), lambda setup: Outcome(known[setup]))
    best = best_of(found)
    assert best is not None
    assert len(found) <= 0.15 * len(known)
    assert known[best] >= 0.95 * max(known.values())


def test_surfaces_were_recorded() -> None:
    assert len(RECORDED) >= 2


def test_the_grid_holds_every_shape_within_the_cpus() -> None:
    grid = full_grid(6, (4, 1), [("cpu", "fp32")])
    assert {(s.workers, s.threads) for s in grid} == {(1, 1), (1, 2), (1, 4), (1, 6), (2, 1), (2, 2), (4, 1), (6, 1)}
    assert {s.batch for s in grid} == {1, 4}
    assert {(s.workers, s.threads) for s in full_grid(6, (1,), [("cuda", "fp16")])} == {(1, 1), (2, 1)}
    assert {s.threads for s in full_grid(6, (1,), [("cpu", "fp32")], threads=(3,))} == {3}


def test_the_same_findings_give_the_same_suggestion() -> None:
    grid = full_grid(4, BATCHES, [("cpu", "fp32")])
    found = {grid[3]: Outcome(50.0), grid[20]: Outcome(90.0)}
    first, again, reordered = suggest(grid, found), suggest(grid, found), suggest(grid, dict(reversed(found.items())))
    assert first is not None
    assert reordered is not None
    assert first == again
    assert first[0] == reordered[0]


def test_a_promise_is_kept_by_what_is_chosen() -> None:
    grid = full_grid(2, BATCHES, [("cpu", "fp32")])

    def measure(setup: Setup) -> Outcome:
        seconds = (0.002 + 0.001 * setup.batch) / setup.threads**0.8
        return Outcome(setup.workers * setup.batch / seconds, 1.2e3 * seconds)

    limit = 8.0
    found = hunt(grid, measure, limit)
    best = best_of(found, limit)
    assert best is not None
    within = [s for s in grid if measure(s).latency_ms <= limit]
    assert measure(best).throughput >= 0.9 * max(measure(s).throughput for s in within)
    assert best_of(found, 0.001) is None


def test_what_failed_is_not_tried_larger() -> None:
    grid = full_grid(2, (1, 8, 64), [("cpu", "fp32")])
    failed = Setup(8, 1, 1)
    left = set()
    found = {failed: Outcome(0.0)}
    while (chosen := suggest(grid, found)) is not None:
        left.add(chosen[0])
        found[chosen[0]] = Outcome(1.0 * chosen[0].batch)
    assert {s.batch for s in left} == {1}
    assert best_of({failed: Outcome(0.0)}) is None


def test_after_a_failure_something_much_smaller_is_tried_first() -> None:
    grid = full_grid(2, BATCHES, [("cpu", "fp32")])
    chosen = suggest(grid, {Setup(32, 1, 2): Outcome(0.0)})
    assert chosen is not None
    assert chosen[0].batch <= 8


def test_a_search_ends_when_nothing_is_left_or_worth_it() -> None:
    grid = [Setup(1, 1, 1)]
    assert suggest(grid, {grid[0]: Outcome(1.0)}) is None
    assert worth_it(1e-9, 0, 5)
    assert not worth_it(1e-9, 4, 5)
    assert worth_it(0.5, 4, 5)
    assert not worth_it(0.5, 5, 5)


def test_a_configuration_has_a_name() -> None:
    assert Setup(8, 1, 2, "cpu", "int8").name == "batch 8, 2 × 1 thread, int8"
    assert Setup(4, 2, 1, "cuda", "fp16").name == "batch 4, 1 × 2 threads, fp16, cuda"
