"""A model under measurement: its file, its inputs, and how ONNX Runtime is to load it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from infercost.domain.errors import ModelError
from infercost.runtime import workers
from infercost.runtime.inputs import generate_inputs, save_arrays, tile_inputs
from infercost.runtime.memory import available_bytes, needed_bytes
from infercost.runtime.names import openable, shown
from infercost.runtime.protocol import Failure, PointReply
from infercost.runtime.protocol import Point as PointRequest
from infercost.runtime.reasons import brief, model_error
from infercost.runtime.settings import MeasureSettings, activation_bytes, precision_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from infercost.domain.model import ModelFacts
    from infercost.runtime.protocol import Device, Level, ModelSource


@dataclass
class Subject:
    """A model under measurement."""

    path: Path
    facts: ModelFacts
    samples: Mapping[str, Any] | None
    settings: MeasureSettings
    folder: Path
    device: Device
    levels: list[Level] = field(default_factory=lambda: ["all", "basic", "none"])
    """Graph optimization to load it with, and what to try when that fails."""
    warnings: list[str] = field(default_factory=list)
    payload: tuple[int, int] = (0, 0)
    """Bytes of one item's inputs and outputs."""

    @property
    def precision(self) -> str:
        """``fp32``, ``fp16``, ``bf16`` or ``int8``."""
        return precision_of(self.facts)

    def check(self) -> None:
        """Refuse a file that is gone or that memory has no room for.

        Raises:
            ModelError: see above.
        """
        if not self.path.is_file():
            raise ModelError(f"no such model file: {shown(self.path)}; give the path of an .onnx file")
        need, free = self.needed_bytes(1), available_bytes()
        if need > free:
            raise ModelError(
                f"{self.facts.name} needs about {need / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB is free; "
                "free some, or profile it on a larger machine"
            )

    def needed_bytes(self, batch: int) -> int:
        """Memory that one worker's session should need at a batch size, roughly."""
        return needed_bytes(self.facts.file_bytes, activation_bytes(self.facts, batch))

    def source(self) -> ModelSource:
        """Where a worker finds the model."""
        return openable(self.path, self.folder, external_data=self.facts.file_bytes > self.path.stat().st_size)

    def feeds(self, batch: int) -> tuple[list[str], str]:
        """Write the inputs for a batch where a worker finds them: their names and the file."""
        names = [tensor.name for tensor in self.facts.inputs]
        file = self.folder / f"inputs-{batch}.npz"
        if not file.exists() or batch == 1:
            if self.samples is None:
                arrays = generate_inputs(self.facts, batch, self.settings.seed)
            else:
                arrays = tile_inputs(self.samples, self.facts.inputs, batch)
            save_arrays(file, [arrays[name] for name in names])
            if batch == 1:
                self.payload = (sum(payload_bytes(arrays[name]) for name in names), self.payload[1])
        return names, str(file)

    def request(self, batch: int, threads: int, cpus: list[int] | None = None) -> PointRequest:
        """What to ask a worker to load."""
        names, arrays = self.feeds(batch)
        return PointRequest(
            model=self.source(),
            names=names,
            arrays=arrays,
            level=self.levels[0],
            threads=threads,
            device=self.device,
            cpus=cpus,
            deadline_s=self.settings.deadline_s,
        )

    def start(self, request: PointRequest, *, first: bool) -> tuple[workers.Worker, PointReply] | Failure:
        """A worker that has loaded the model, or why there is none.

        Args:
            request: what it is to load.
            first: whether lower graph optimization may be tried: some valid graphs fail when ONNX Runtime
                optimizes them fully.
        """
        worker, reply = _load(request, self.folder)
        if not isinstance(reply, Failure):
            return worker, reply
        for level in self.levels[1:] if first and reply.stage in ("load", "run", "crash") else []:
            worker, again = _load(msgspec.structs.replace(request, level=level), self.folder)
            if not isinstance(again, Failure):
                self.levels = self.levels[self.levels.index(level) :]
                self.warnings.append(
                    f"ran at {level.upper()} graph optimization; full optimization fails: {brief(reply.message)}"
                )
                return worker, again
        return reply

    def error(self, failure: Failure, batch: int) -> ModelError:
        """A failure, as a person is told of it."""
        return model_error(self.facts.name, failure, doing=f"running batch {batch} of", hint=_run_hint(failure))


def _load(request: PointRequest, folder: Path) -> tuple[workers.Worker, PointReply | Failure]:
    worker = workers.start(request, folder)
    try:
        reply = worker.hear()
    except BaseException:
        worker.close()
        raise
    if isinstance(reply, PointReply):
        return worker, reply
    worker.close()
    return worker, reply if isinstance(reply, Failure) else Failure("crash", "the worker gave an answer to nothing")


def payload_bytes(array: Any) -> int:
    """Bytes of an array as a request would carry it."""
    if array.dtype == object or array.dtype.kind == "U":
        return sum(len(str(text).encode()) for text in array.flat)
    return int(array.nbytes)


def _run_hint(failure: Failure) -> str:
    if failure.stage == "deadline":
        return "check it for a loop without end, or raise --budget if it is only slow"
    return "inspect it with other --dim sizes, or give real inputs with --inputs sample.npz" if failure.stage == "run" else ""
