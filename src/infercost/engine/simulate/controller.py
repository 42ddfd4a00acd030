"""The autoscaler of an endpoint that runs: the simulator's own rules, fed with what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from infercost.engine.simulate import history as columns
from infercost.engine.simulate.policies import decide_all
from infercost.engine.simulate.simulation import open_scaling
from infercost.engine.simulate.ticking import limits_at

if TYPE_CHECKING:
    from infercost.engine.simulate.autoscalers import Autoscaler

__all__ = ["Controller"]

_KEPT: Final = 4096
"""Rows of history that are kept: more than any rule looks back."""


class Controller:
    """Decides, tick by tick, how many replicas an endpoint should have.

    The same functions decide in a simulation, so that the two can be compared; here they run without a compiler.
    """

    def __init__(self, autoscaler: Autoscaler, replicas: int) -> None:
        """Begin with ``replicas`` in service at second 0."""
        self.tick_s = autoscaler.tick_s
        self.desired = replicas
        self._scaling = open_scaling(autoscaler, autoscaler.tick_s, 0.0, replicas, np.uint64(0))
        self._history = np.zeros((2 * _KEPT, columns.COLUMNS))
        self._rows = 0

    def tick(
        self,
        now_s: float,
        *,
        arrived: int,
        dropped: int = 0,
        busy_s: float,
        ready_s: float,
        inside_s: float,
        waiting: int,
        ready: int,
        wanted: int,
    ) -> int:
        """How many replicas there should be from now on, starting ones included.

        Args:
            now_s: seconds since the beginning; one tick after the last call.
            arrived: requests that arrived since then, dropped ones included.
            dropped: of them turned away.
            busy_s: replica-seconds spent serving since then.
            ready_s: replica-seconds in service since then.
            inside_s: request-seconds in the system since then, waiting or in service.
            waiting: requests waiting now.
            ready: replicas in service now.
            wanted: replicas in service or starting now.
        """
        if self._rows == len(self._history):
            self._history[:_KEPT] = self._history[_KEPT:]
            self._rows = _KEPT
        row = self._history[self._rows]
        row[:] = 0.0
        row[columns.END], row[columns.SECONDS] = now_s, self.tick_s
        row[columns.ARRIVED], row[columns.DROPPED] = arrived, dropped
        row[columns.BUSY_S], row[columns.READY_S], row[columns.INSIDE_S] = busy_s, ready_s, inside_s
        row[columns.WAITING], row[columns.READY] = waiting, ready
        row[columns.DESIRED] = row[columns.RECOMMENDED] = wanted
        self._rows += 1
        s = self._scaling
        desired, recommended = decide_all(
            s.kinds, s.rules, s.tables, s.firsts, s.memories, s.wishes, self._history, self._rows, wanted, now_s
        )
        least, most = limits_at(s, now_s)
        self.desired = min(max(desired, least), most)
        row[columns.DESIRED], row[columns.RECOMMENDED] = self.desired, recommended
        return self.desired
