"""What the measuring process and its workers say to each other, a line of JSON each.

A request, a line for each step that may take long, a reply. A worker that was asked for a ``Point`` then stays
loaded and carries out orders, ``Slice`` or ``Serve``, each with a reply, until its input is closed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from infercost.domain.scenario import GpuLoad  # noqa: TC001 - field types are read at run time
from infercost.runtime.trace import NodeTrace  # noqa: TC001 - field types are read at run time

Level = Literal["all", "basic", "none"]
Device = Literal["cpu", "cuda", "tensorrt", "openvino"]

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
    """Load one configuration, run it for the first time and wait for orders."""

    model: ModelSource
    names: list[str]
    arrays: str
    level: Level
    threads: int
    device: Device
    cpus: list[int] | None = None
    """CPUs to stay on; None leaves it to the system."""
    deadline_s: float = DEADLINE_S
    """As in ``Probe``; an order gets its own time on top."""


class Slice(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Order: run again and again for a while."""

    budget_s: float
    most_runs: int
    """Latencies kept; a model that makes more runs in the time makes the rest untimed in between."""
    start_ns: int | None = None
    """On the clock ``perf_counter_ns``, which processes share: when to begin, for workers that run at once."""


class Serve(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Order: serve scheduled queries in order of arrival, with other workers from one queue."""

    offsets: str
    """An ``.npy`` of the arrivals, nanoseconds after ``start_ns``, ascending."""
    start_ns: int
    tickets: str | None
    """The file of the queue's head, shared by the workers; None when there is one worker only."""
    give_up_ns: int
    """After so long beyond an arrival, queries are counted as unserved and the run ends."""


Order = Slice | Serve


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
    """A configuration that is loaded and ready."""

    load_s: float
    first_inference_s: float
    output_bytes: int
    binding: bool
    """Whether inputs and outputs were bound ahead; plain calls add some microseconds."""
    process_bytes: int
    """Resident memory before the session was made."""
    pinned: bool = False


class Counters(msgspec.Struct, frozen=True):
    """What a stretch of work cost, as the system's counters tell. None: it has no such counter."""

    wall_s: float
    cpu_s: float
    """CPU time of the process, all threads."""
    waited_s: float | None
    """Time that its runnable threads waited for a CPU."""
    throttled_s: float | None
    """Time that the container's quota stopped them."""
    stolen_s: float | None
    """Time that the hypervisor took, all CPUs together."""
    busy_s: float | None
    """CPU time of everyone on the machine."""
    pulse_ns: int
    """CPU time of a fixed piece of work right after: slower clocks and shared cores show."""
    energy_j: float | None


class SliceReply(msgspec.Struct, frozen=True, tag=True):
    """Latencies of one stretch, in order."""

    latencies_ns: list[int]
    runs: int
    """All runs, those that were not timed included."""
    cost: Counters
    memory_bytes: int
    """Growth over the process before the session was made, at its peak so far; on a GPU, of the device's memory."""
    steady_bytes: int
    """Resident memory of the process now."""
    gpu: GpuLoad | None = None


class ServeReply(msgspec.Struct, frozen=True, tag=True):
    """Queries that this worker served, each with its place in the order of arrival."""

    queries: list[int]
    latencies_ns: list[int]
    service_ns: list[int]
    unserved: int
    """Queries that this worker turned away when the backlog was beyond hope."""
    ended_ns: int
    cost: Counters
    steady_bytes: int


class OperatorsReply(msgspec.Struct, frozen=True, tag=True):
    """Nodes of the optimized graph: times with the kernels as they run, shapes from a pass without prepacking."""

    timed: list[NodeTrace]
    shaped: list[NodeTrace]
    runs: int


class Failure(msgspec.Struct, frozen=True, tag=True):
    """A request that could not be carried out."""

    stage: Literal["input", "load", "run", "device", "memory", "crash", "deadline"]
    message: str


Reply = ProbeReply | PointReply | OperatorsReply | SliceReply | ServeReply | Failure
