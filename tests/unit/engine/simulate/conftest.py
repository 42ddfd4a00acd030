"""A second simulator, as plain as can be, to hold the kernels to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def reference(
    arrivals: list[float],
    seconds: Callable[[list[int]], float],
    *,
    replicas: int,
    workers: int = 1,
    max_batch: int = 1,
    max_delay: float = 0.0,
    limit: float = np.inf,
    choose: Callable[[int, list[int]], int] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Waits, latencies (NaN when dropped) and batch sizes.

    At each moment services end, then requests arrive, then batches start. ``seconds`` is told the requests of a batch.
    ``choose`` picks a replica's own queue from the requests outstanding at each; without it there is one queue.
    """
    queues: list[list[int]] = [[] for _ in range(replicas if choose else 1)]
    running: list[tuple[float, int] | None] = [None] * (replicas * workers)
    wait, latency = np.full(len(arrivals), np.nan), np.full(len(arrivals), np.nan)
    sizes: list[int] = []
    coming = 0

    def queue_of(worker: int) -> list[int]:
        return queues[worker // workers if choose else 0]

    while coming < len(arrivals) or any(queues) or any(running):
        moments = [r[0] for r in running if r]
        moments += [arrivals[coming]] if coming < len(arrivals) else []
        for worker, service in enumerate(running):
            if service is None and queue_of(worker):
                moments.append(arrivals[queue_of(worker)[0]] + max_delay)
        now = min(moments)
        running = [None if r and r[0] <= now else r for r in running]
        while coming < len(arrivals) and arrivals[coming] <= now:
            busy = [sum(r[1] for r in running[k * workers : (k + 1) * workers] if r) for k in range(replicas)]
            inside = sum(len(q) for q in queues) + sum(busy)
            if inside < limit:
                outstanding = [len(queues[k if choose else 0]) + busy[k] for k in range(replicas)]
                queues[choose(coming, outstanding) if choose else 0].append(coming)
            coming += 1
        for worker in range(replicas * workers):
            queue = queue_of(worker)
            if running[worker] is None and queue and (len(queue) >= max_batch or now >= arrivals[queue[0]] + max_delay):
                batch, queue[:] = queue[:max_batch], queue[max_batch:]
                end = now + seconds(batch)
                running[worker] = (end, len(batch))
                sizes.append(len(batch))
                for request in batch:
                    wait[request], latency[request] = now - arrivals[request], end - arrivals[request]
    return wait, latency, sizes


@pytest.fixture(name="reference", scope="session")
def _reference() -> Callable[..., tuple[np.ndarray, np.ndarray, list[int]]]:
    return reference
