"""A second simulator, as plain as can be, to hold the kernels to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def reference(
    arrivals: list[float],
    seconds: Callable[[int, int], float],
    *,
    replicas: int,
    max_batch: int = 1,
    max_delay: float = 0.0,
    limit: float = np.inf,
    choose: Callable[[int, list[int]], int] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Waits, latencies (NaN when dropped) and batch sizes.

    At each moment services end, then requests arrive, then batches start. ``choose`` picks a replica's own
    queue from the requests outstanding at each; without it there is one queue.
    """
    queues: list[list[int]] = [[] for _ in range(replicas if choose else 1)]
    running: list[tuple[float, int] | None] = [None] * replicas
    wait, latency = np.full(len(arrivals), np.nan), np.full(len(arrivals), np.nan)
    sizes: list[int] = []
    coming = 0
    while coming < len(arrivals) or any(queues) or any(running):
        moments = [r[0] for r in running if r]
        moments += [arrivals[coming]] if coming < len(arrivals) else []
        for place, replica in enumerate(running):
            queue = queues[place if choose else 0]
            if replica is None and queue:
                moments.append(arrivals[queue[0]] + max_delay)
        now = min(moments)
        running = [None if r and r[0] <= now else r for r in running]
        while coming < len(arrivals) and arrivals[coming] <= now:
            outstanding = [len(queues[k if choose else 0]) + (r[1] if r else 0) for k, r in enumerate(running)]
            inside = sum(len(q) for q in queues) + sum(r[1] for r in running if r)
            if inside < limit:
                queues[choose(coming, outstanding) if choose else 0].append(coming)
            coming += 1
        for place in range(replicas):
            queue = queues[place if choose else 0]
            if running[place] is None and queue and (len(queue) >= max_batch or now >= arrivals[queue[0]] + max_delay):
                batch, queue[:] = queue[:max_batch], queue[max_batch:]
                end = now + seconds(batch[0], len(batch))
                running[place] = (end, len(batch))
                sizes.append(len(batch))
                for request in batch:
                    wait[request], latency[request] = now - arrivals[request], end - arrivals[request]
    return wait, latency, sizes


@pytest.fixture(name="reference", scope="session")
def _reference() -> Callable[..., tuple[np.ndarray, np.ndarray, list[int]]]:
    return reference
