"""Which configuration to try next: Bayesian optimisation with what is known of how inference scales. Pure.

The surrogate is a Gaussian process over the logarithm of the throughput. Its prior holds the physics: workers
multiply throughput, threads do so less and less, a batch pays off and levels out, an execution provider or a
precision shifts everything by a factor that one trial shows. What the prior gets wrong, few trials correct.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, exp, floor, log, log2, pi, sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRIAL_SHARE = 0.15
"""Most trials, of the configurations that there are."""
LEAST_TRIALS = 3
BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Half octaves: the best batch is often none of the powers of two."""
_STEP_DOWN = 4
"""A batch so many times smaller is tried after one that failed."""
_WORTH = 0.002
"""Expected gain below which no further trial is worth its time."""
_NOISE = 0.03
"""Spread of the throughput of one configuration from trial to trial."""
_MARGIN = 1.25
"""A latency percentile over the mean latency, before one was measured."""

_WORKER_SLOPE, _WORKER_SPREAD = 0.9, 0.15
_THREAD_SLOPE, _THREAD_SPREAD = 0.75, 0.2
"""Throughput grows with so many powers of workers and of threads: prior mean and spread."""
_GROUP_SPREAD = 0.7
_HALF_BATCH = 0.25
"""Batch at which half of the batch's gain is there."""
_LARGE = 16
"""From this batch on, what is live may leave the caches."""


@dataclass(frozen=True, slots=True, order=True)
class Setup:
    """One configuration of a search."""

    batch: int
    threads: int
    workers: int
    device: str = "cpu"
    precision: str = "fp32"

    @property
    def group(self) -> tuple[str, str]:
        """What no law connects: the execution provider and the precision."""
        return self.device, self.precision

    @property
    def name(self) -> str:
        """For people: ``batch 8, 2 × 1 thread, int8``."""
        device = "" if self.device == "cpu" else f", {self.device}"
        return f"batch {self.batch}, {self.workers} × {self.threads} thread{'s' * (self.threads > 1)}, {self.precision}{device}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial found: items a second of all workers, and the promised percentile of a batch's latency."""

    throughput: float
    latency_ms: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether it did not run."""
        return self.throughput <= 0


def full_grid(
    cpus: int, batches: Sequence[int], groups: Iterable[tuple[str, str]], threads: Sequence[int] | None = None
) -> list[Setup]:
    """Every configuration: workers × threads within the CPUs, every batch, every provider and precision.

    Args:
        cpus: that may be used.
        batches: batch sizes.
        groups: (device, precision) pairs. On a GPU, one or two workers of one thread.
        threads: intra-op threads to try; None: powers of two, and all CPUs.
    """
    counts = sorted({*(2**n for n in range(12) if 2**n <= cpus), cpus})
    shapes = [(w, t) for t in (threads or counts) for w in counts if w * t <= cpus]
    return [
        Setup(batch, t, w, device, precision)
        for device, precision in groups
        for w, t in (shapes if device in ("cpu", "openvino") else [(1, 1), (2, 1)])
        for batch in sorted(set(batches))
    ]


def most_trials(grid: int) -> int:
    """Trials that a search of so many configurations may take."""
    return min(grid, max(LEAST_TRIALS, floor(TRIAL_SHARE * grid)))


def suggest(grid: Sequence[Setup], found: dict[Setup, Outcome], limit_ms: float | None = None) -> tuple[Setup, float] | None:
    """The configuration to try next and the gain expected of it, relative to the best so far; None when all are tried.

    The same findings give the same suggestion, so that a search that was stopped goes on as if it had not been.

    Args:
        grid: all configurations.
        found: what trials have shown.
        limit_ms: the latency of a batch that was promised.
    """
    open_ = [setup for setup in grid if setup not in found and not _hopeless(setup, found)]
    if not open_:
        return None
    good = {setup: outcome for setup, outcome in found.items() if not outcome.failed}
    mean, spread = _predict(open_, good)
    best = max((log(o.throughput) for o in good.values() if limit_ms is None or o.latency_ms <= limit_ms), default=None)
    ratio = max((_tail(setup, o) for setup, o in good.items()), default=_MARGIN)
    scored = []
    for setup, m, s in zip(open_, mean, spread, strict=True):
        kept = 1.0
        if limit_ms is not None and good:
            # In a closed loop, throughput = workers × batch / latency: one prediction serves both.
            expected = log(1e3 * setup.batch * setup.workers * ratio) - m
            kept = _normal((log(limit_ms) - expected) / max(s, _NOISE))
        gain = m if best is None else _expected_gain(m - best, s)
        scored.append((gain * kept if best is not None else gain + log(max(kept, 1e-9)), -setup.batch, setup))
    value, _, chosen = max(scored, key=lambda one: (one[0], one[1]))
    return chosen, (exp(value) - 1 if best is not None else float("inf"))


def worth_it(gain: float, trials: int, most: int) -> bool:
    """Whether another trial is: there is budget, and the expected gain is above one per cent."""
    return trials < most and (trials < min(LEAST_TRIALS, most) or gain > _WORTH)


def best_of(found: dict[Setup, Outcome], limit_ms: float | None = None) -> Setup | None:
    """The configuration of the highest throughput that keeps the limit; None when none does."""
    kept = [s for s, o in found.items() if not o.failed and (limit_ms is None or o.latency_ms <= limit_ms)]
    return max(kept, key=lambda setup: found[setup].throughput, default=None)


def _hopeless(setup: Setup, found: dict[Setup, Outcome]) -> bool:
    """Whether a smaller one of its kind failed already, larger ones needing more memory; or one little larger did.

    Where nothing of a kind has run yet, the next to be tried is much smaller than what failed.
    """
    kind = [(other, outcome.failed) for other, outcome in found.items() if other.group == setup.group]
    if any(failed and other.batch <= setup.batch and other.workers <= setup.workers for other, failed in kind):
        return True
    smallest = min((other.batch for other, failed in kind if failed), default=None)
    return smallest is not None and all(failed for _, failed in kind) and setup.batch > max(1, smallest // _STEP_DOWN)


def _tail(setup: Setup, outcome: Outcome) -> float:
    mean_ms = 1e3 * setup.batch * setup.workers / outcome.throughput
    return min(4.0, max(1.0, outcome.latency_ms / mean_ms)) if mean_ms > 0 else _MARGIN


def _predict(setups: Sequence[Setup], found: dict[Setup, Outcome]) -> tuple[list[float], list[float]]:
    """Mean and spread of the log throughput of each configuration, given the trials."""
    import numpy as np

    prior = np.array([_prior(setup) for setup in setups])
    if not found:
        return list(prior), [1.0] * len(setups)
    known = list(found)
    y = np.array([log(found[setup].throughput) - _prior(setup) for setup in known])
    # The machine's own speed is unknown: the level is fitted, with next to no prior.
    k_known = _kernel(known, known) + _NOISE**2 * np.eye(len(known))
    k_cross = _kernel(setups, known)
    solved = np.linalg.solve(k_known, np.column_stack([y, np.ones(len(known))]))
    weight = float(solved[:, 1].sum())
    level = float(solved[:, 0].sum()) / weight
    mean = prior + level + k_cross @ (solved[:, 0] - level * solved[:, 1])
    reduced = np.linalg.solve(k_known, k_cross.T)
    variance = np.array([_kernel([s], [s])[0, 0] for s in setups]) - np.einsum("ij,ji->i", k_cross, reduced)
    variance += (1 - reduced.sum(axis=0)) ** 2 / weight
    return mean.tolist(), np.sqrt(np.maximum(variance, 1e-12)).tolist()


def _prior(setup: Setup) -> float:
    """Log throughput, but for the level: what holds of most models."""
    batch = log(setup.batch / (setup.batch + _HALF_BATCH))
    overflow = 0.03 * max(0.0, log2(setup.batch / _LARGE))
    return _WORKER_SLOPE * log(setup.workers) + _THREAD_SLOPE * log(setup.threads) + batch - overflow


def _kernel(left: Sequence[Setup], right: Sequence[Setup]) -> Any:
    """Covariance of what the prior misses."""
    import numpy as np

    def columns(setups: Sequence[Setup]) -> tuple[Any, Any, Any]:
        logs = np.array([[log2(s.batch), log2(s.threads), log2(s.workers)] for s in setups])
        return logs[:, 0], logs[:, 1], logs[:, 2]

    (b, t, w), (b2, t2, w2) = columns(left), columns(right)
    same = np.array([[x.group == y.group for y in right] for x in left], dtype=float)
    near = np.subtract.outer(b, b2)
    level = _GROUP_SPREAD**2 * same
    scaling = log(2) ** 2 * (_WORKER_SPREAD**2 * np.outer(w, w2) + _THREAD_SPREAD**2 * np.outer(t, t2))
    used = np.exp(-0.5 * (np.subtract.outer(t, t2) ** 2 + np.subtract.outer(w, w2) ** 2) / 1.5**2)
    trend = 0.25**2 * np.exp(-0.5 * (near / 3.0) ** 2) + 0.06**2 * np.exp(-0.5 * (near / 1.0) ** 2)
    apart = 0.12**2 * np.exp(-0.5 * (near / 2.5) ** 2) * used
    per_group = 0.2**2 * np.exp(-0.5 * (near / 3.0) ** 2) * same
    return level + scaling + trend + apart + per_group + 0.05**2 * used * same


def _expected_gain(difference: float, spread: float) -> float:
    """Expected improvement of a normal variable over zero."""
    z = difference / spread
    return difference * _normal(z) + spread * exp(-z * z / 2) / sqrt(2 * pi)


def _normal(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))
