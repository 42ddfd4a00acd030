"""What the measuring process and its workers say to each other: one JSON request, a line for each step, one JSON reply."""

from __future__ import annotations

from typing import Literal

import msgspec

from infercost.runtime.trace import NodeTrace  # noqa: TC001 - field types are read at run time

Level = Literal["all", "basic", "none"]
Device = Literal["cpu", "cuda"]

DEADLINE_S = 120.0
"""A step of a worker, such as loading or one run, that takes longer is taken to hang."""


class ModelSource(msgspec.Struct, frozen=True):
    """Where a worker finds the model."""

    path: str
    data_folder: str | None = None
    """Folder of the external data, when ``path`` is a rewritten copy elsewhere."""


class InputSpec(msgspec.Struct, frozen=True):
    """An input to generate."""

    name: str
    dtype: str
    values: str
    batch_axis: int | None


class Probe(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Find shapes that run, check whether the batch grows, and trace one run of the graph as it stands."""

    model: ModelSource
    inputs: list[InputSpec]
    trials: list[list[list[int]]]
    """For each trial, the shape of each input at batch 1."""
    arrays: str | None = None
    """An ``.npz`` of the user's inputs at batch 1, in the order of ``inputs``; then there is one trial."""
    device: Device = "cpu"
    time_limit_s: float = 60.0
    """After so long no further trial is begun."""
    deadline_s: float = DEADLINE_S
    """Longest time that one step may take before the worker is ended."""


class Point(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Measure one configuration."""

    model: ModelSource
    names: list[str]
    arrays: str
    level: Level
    threads: int
    device: Device
    budget_s: float
    deadline_s: float = DEADLINE_S
    """As in ``Probe``; a step of many runs gets their budget on top."""


class Operators(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Time the operators of the optimized graph by ONNX Runtime's profiler."""

    model: ModelSource
    names: list[str]
    arrays: str
    level: Level
    threads: int
    device: Device
    budget_s: float
    most_runs: int
    """More would overflow the profiler's buffer or the disk."""
    deadline_s: float = DEADLINE_S
    """As in ``Point``."""


Request = Probe | Point | Operators


class Step(msgspec.Struct, frozen=True, tag=True):
    """What a worker does next, so that one that hangs can be told from one that is slow."""

    doing: str
    """For people, as the subject of "did not end"."""
    planned_s: float = 0.0
    """Time that the step takes on purpose."""


LOADING = Step("loading the model")
RUNNING = Step("one run of the model")


class OutputFacts(msgspec.Struct, frozen=True):
    """One output as it came out. ``shape`` is None when it is not a tensor."""

    name: str
    dtype: str
    shape: list[int] | None
    nbytes: int
    batch_axis: int | None = None


class ProbeReply(msgspec.Struct, frozen=True, tag=True):
    """The trial that ran, what it gave, and its trace."""

    trial: int
    outputs: list[OutputFacts]
    batch_error: str | None
    """Why the model cannot run a batch of two; None when it can or there is nothing to grow."""
    nodes: list[NodeTrace]
    level: Level


class PointReply(msgspec.Struct, frozen=True, tag=True):
    """Latencies of one configuration."""

    latencies_ns: list[int]
    settled: bool
    load_s: float
    first_inference_s: float
    wall_s: float
    cpu_s: float
    memory_bytes: int | None
    output_bytes: int
    binding: bool
    """Whether inputs and outputs were bound ahead; plain calls add some microseconds."""


class OperatorsReply(msgspec.Struct, frozen=True, tag=True):
    """Nodes of the optimized graph: times with the kernels as they run, shapes from a pass without prepacking."""

    timed: list[NodeTrace]
    shaped: list[NodeTrace]
    runs: int


class Failure(msgspec.Struct, frozen=True, tag=True):
    """A request that could not be carried out."""

    stage: Literal["input", "load", "run", "device", "memory", "crash", "deadline"]
    message: str


Reply = ProbeReply | PointReply | OperatorsReply | Failure
