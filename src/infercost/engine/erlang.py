"""Erlang's formulas and the decay of a queue's tail, tabulated once and looked up for whole columns.

Loads are per server, 0..1. The grid is denser at low loads (quadratic), where both change fastest.
"""

from __future__ import annotations

from functools import lru_cache
from math import lgamma, log
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_CELLS: Final = 512
_GRID: Final = np.minimum((np.arange(_CELLS + 2) / _CELLS) ** 2, 1.0)


def blocking(servers: int, offered: float) -> float:
    """Erlang B: share of Poisson arrivals that find all ``servers`` busy and are turned away.

    Args:
        servers: how many.
        offered: arrival rate times mean service, in Erlangs.
    """
    share = 1.0
    for k in range(1, servers + 1):
        share = offered * share / (k + offered * share)
    return share


@lru_cache(maxsize=1024)
def delay_row(servers: int) -> Floats:
    """ln(Erlang C / load^servers) over the grid: smooth down to load 0, so it interpolates well."""
    offered = servers * _GRID
    term, below = np.ones_like(_GRID), np.zeros_like(_GRID)
    for k in range(servers):
        below += term
        term *= offered / (k + 1)
    row: Floats = servers * log(servers) - lgamma(servers + 1) - np.log((1 - _GRID) * below + term)
    return row


@lru_cache(maxsize=1024)
def decay_row(batch: int, cv: float) -> Floats:
    """Decay rate of the wait's tail over the grid, in units of servers / full service.

    The positive root x of (1 + x / (batch * load))^batch = E[exp(x S)], with S a service of mean 1
    (for batch 1 the Lundberg equation of M/G/1). It is explicit in the load: load is tabulated
    over x, then inverted.
    """
    floor, scale, weight = (float(part) for part in service_shape(np.array(cv)))
    gap = np.geomspace(1e-7, min(600.0, 600.0 * scale), 3000)
    x = -np.expm1(-gap) / scale
    log_moment = floor * x + np.log1p(weight * np.expm1(gap))
    load = x / (batch * np.expm1(np.minimum(log_moment / batch, 700.0)))
    row: Floats = np.interp(_GRID, load[::-1], x[::-1], right=0.0)
    return row


def service_shape(cv: Floats) -> tuple[Floats, Floats, Floats]:
    """A service of mean 1 as ``floor`` plus, with probability ``weight``, an exponential of mean ``scale``.

    Latencies have a floor and a tail. Up to cv 1 the two carry mean and variance (weight 1);
    above it there is no floor. At cv 1 the service is exponential, at 0 constant.
    """
    over = cv > 1
    scale = np.where(over, (cv * cv + 1) / 2, cv)
    return np.where(over, 0.0, 1 - cv), scale, 1 / np.maximum(scale, 1.0)


def look_up(rows: Floats, which: Ints, load: Floats) -> Floats:
    """Interpolate row ``which[i]`` of a stack of rows at ``load[i]``."""
    position = np.sqrt(load) * _CELLS
    cell = position.astype(np.int64)
    part = position - cell
    at = which * rows.shape[1] + cell
    values = rows.reshape(-1)
    found: Floats = values[at] * (1 - part) + values[at + 1] * part
    return found


def stack(rows: list[Floats]) -> Floats:
    """Rows as one table; an empty table for no rows."""
    return np.stack(rows) if rows else np.zeros((0, len(_GRID)))
