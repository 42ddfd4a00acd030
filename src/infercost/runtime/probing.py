"""Finding out, inside a worker, which shapes a model runs with and what its nodes then do."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from infercost.runtime import session
from infercost.runtime.inputs import generate_array
from infercost.runtime.jobs import Feeds, Tell, UnrunnableError, as_unrunnable, guarded, load_feeds, tell_nobody
from infercost.runtime.protocol import LOADING, RUNNING, Level, OutputFacts, Probe, ProbeReply
from infercost.runtime.timing import end_trace
from infercost.runtime.trace import read_trace

_THREADS = 4


def probe(request: Probe, folder: str, tell: Tell = tell_nobody) -> ProbeReply:
    """Find shapes that run, whether a batch of two does, and trace a run of the graph as the file has it."""
    opened, level = _open_for_probe(request, folder, tell)
    trial, feeds = _first_that_runs(request, opened, tell)
    tell(RUNNING)
    outputs = session.describe_outputs(opened, guarded("run", opened.run, None, feeds))
    tell(RUNNING)
    grown, batch_error = _grow_batch(request, opened, feeds)
    tell(RUNNING)
    guarded("run", opened.run, None, feeds)
    nodes, _ = read_trace(end_trace(opened), last_runs=1)
    facts = [
        OutputFacts(name, dtype, None if shape is None else list(shape), nbytes, _grown_axis(shape, grown.get(name)))
        for name, dtype, shape, nbytes in outputs
    ]
    if grown and batch_error is None and not any(o.batch_axis is not None or o.shape is None for o in facts):
        batch_error = "no output grows with it"
    return ProbeReply(trial, facts, batch_error, nodes, level)


def _open_for_probe(request: Probe, folder: str, tell: Tell) -> tuple[Any, Level]:
    levels: tuple[Level, ...] = ("none", "basic", "all")
    first: Exception | None = None
    for level in levels:
        tell(LOADING)
        try:
            trace = str(Path(folder, level))
            opened = session.open_session(
                request.model, level=level, threads=_usable_threads(), device=request.device, trace=trace, prepacking=False
            )
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no common base
            first = first or error
        else:
            return opened, level
    raise as_unrunnable(first or RuntimeError("no session"))


def _usable_threads() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return min(_THREADS, len(affinity(0)) if affinity else os.cpu_count() or 1)


def _first_that_runs(request: Probe, opened: Any, tell: Tell) -> tuple[int, Feeds]:
    begin, reason = time.perf_counter(), ""
    for index, shapes in enumerate(request.trials):
        if index and time.perf_counter() - begin > request.time_limit_s:
            break
        tell(RUNNING)
        feeds = _probe_feeds(request, shapes)
        try:
            opened.run(None, feeds)
        except Exception as error:  # noqa: BLE001 - as above
            reason = reason or str(error)
        else:
            return index, feeds
    raise UnrunnableError("run", reason)


def _probe_feeds(request: Probe, shapes: list[list[int]]) -> Feeds:
    if request.arrays is not None:
        return load_feeds([spec.name for spec in request.inputs], request.arrays)
    rng = np.random.default_rng(0)
    return {
        spec.name: generate_array(spec.values, spec.dtype, tuple(shape), rng)
        for spec, shape in zip(request.inputs, shapes, strict=True)
    }


def _grow_batch(request: Probe, opened: Any, feeds: Feeds) -> tuple[dict[str, tuple[int, ...] | None], str | None]:
    """Output shapes with the batch doubled, and why that does not run."""
    axes = {spec.name: spec.batch_axis for spec in request.inputs if spec.batch_axis is not None}
    if not axes:
        return {}, None
    doubled = {name: np.concatenate([a, a], axis=axes[name]) if name in axes else a for name, a in feeds.items()}
    try:
        values = opened.run(None, doubled)
    except Exception as error:  # noqa: BLE001 - as above
        return {}, str(error)
    return {name: shape for name, _, shape, _ in session.describe_outputs(opened, values)}, None


def _grown_axis(before: tuple[int, ...] | None, after: tuple[int, ...] | None) -> int | None:
    if before is None or after is None or len(before) != len(after):
        return None
    changed = [axis for axis, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    return changed[0] if len(changed) == 1 and after[changed[0]] == 2 * before[changed[0]] else None
