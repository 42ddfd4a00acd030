"""Several workers with one model, measured at the same time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infercost.runtime import workers as processes
from infercost.runtime.protocol import Failure, PointReply, Serve, ServeReply, Slice, SliceReply
from infercost.runtime.tickets import Tickets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infercost.runtime.placement import Placement
    from infercost.runtime.protocol import Order, Reply
    from infercost.runtime.subject import Subject
    from infercost.runtime.workers import Worker

_LEAD_S = 0.05
"""Time for an order to reach the workers."""
_WARM_UP_S = 0.35
_WARM_UP_RUNS = 4


@dataclass
class Fleet:
    """Workers that are loaded and take orders together."""

    subject: Subject
    batch: int
    threads: int
    workers: list[Worker]
    ready: list[PointReply]
    warm: bool = False
    served: int = field(default=0, repr=False)

    @classmethod
    def start(
        cls, subject: Subject, batch: int, threads: int, count: int, placement: Placement, *, first: bool = True
    ) -> Fleet | Failure:
        """Load the model in so many processes.

        Args:
            subject: the model.
            batch: items a run.
            threads: intra-op threads of each.
            count: how many.
            placement: the CPUs they get.
            first: whether lower graph optimization may be tried where the full one fails.
        """
        cpus = placement.cpus(threads, count)
        begun = subject.start(subject.request(batch, threads, cpus[0]), first=first)
        if isinstance(begun, Failure):
            return begun
        fleet = cls(subject, batch, threads, [begun[0]], [begun[1]])
        try:
            for own in cpus[1:]:
                fleet.workers.append(processes.start(subject.request(batch, threads, own), subject.folder))
            for worker in fleet.workers[1:]:
                reply = worker.hear()
                if not isinstance(reply, PointReply):
                    fleet.close()
                    return reply if isinstance(reply, Failure) else Failure("crash", "a worker gave another answer")
                fleet.ready.append(reply)
        except BaseException:
            fleet.close()
            raise
        return fleet

    @property
    def pinned(self) -> bool:
        """Whether the workers stay on CPUs of their own."""
        return all(reply.pinned for reply in self.ready)

    def run(self, budget_s: float, most_runs: int) -> list[SliceReply] | Failure:
        """All workers run for the same stretch of time."""
        start = None if len(self.workers) == 1 else self._start_ns()
        replies = self._obey([Slice(budget_s=budget_s, most_runs=most_runs, start_ns=start)] * len(self.workers))
        return replies if isinstance(replies, Failure) else [r for r in replies if isinstance(r, SliceReply)]

    def serve(self, offsets_ns: Sequence[int], give_up_s: float) -> tuple[list[ServeReply], int] | Failure:
        """All workers serve scheduled queries from one queue: the replies, and the instant of the first arrival."""
        import numpy as np

        self.served += 1
        file = self.subject.folder / f"arrivals-{id(self)}-{self.served}.npy"
        np.save(file, np.asarray(offsets_ns, dtype=np.int64))
        tickets = Tickets.write(file.with_suffix(".queue")) if len(self.workers) > 1 else None
        start = self._start_ns()
        order = Serve(offsets=str(file), start_ns=start, tickets=tickets, give_up_ns=round(give_up_s * 1e9))
        replies = self._obey([order] * len(self.workers))
        return replies if isinstance(replies, Failure) else ([r for r in replies if isinstance(r, ServeReply)], start)

    def close(self) -> None:
        """End the processes."""
        for worker in self.workers:
            worker.close()

    def _start_ns(self) -> int:
        """When to begin, so that all are warm by then."""
        slowest = max(reply.first_inference_s for reply in self.ready)
        warm_s = 0.02 + slowest if self.warm else max(_WARM_UP_S, _WARM_UP_RUNS * slowest)
        self.warm = True
        return time.perf_counter_ns() + round((_LEAD_S + warm_s) * 1e9)

    def _obey(self, orders: Sequence[Order]) -> list[Reply] | Failure:
        for worker, order in zip(self.workers, orders, strict=True):
            worker.send(order)
        replies = [worker.hear() for worker in self.workers]
        return next((reply for reply in replies if isinstance(reply, Failure)), None) or replies
