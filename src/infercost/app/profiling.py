"""From a model file to a profile."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from infercost._version import __version__
from infercost.domain.errors import ArtifactError, ModelError, UsageError
from infercost.domain.model import Inspection
from infercost.runtime.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from infercost.domain.estimate import Estimate
    from infercost.domain.model import ModelFacts
    from infercost.domain.profile import Machine, Profile
    from infercost.domain.verdict import Verdict
    from infercost.runtime.measure import Progress

    Inputs = Mapping[str, np.ndarray] | str | os.PathLike[str]

Device = Literal["auto", "cpu", "cuda"]

DEFAULT_BUDGET_S = 20.0
"""Seconds of measuring, all points together, unless the user says otherwise."""


def inspect(
    model: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, inputs: Inputs | None = None
) -> ModelFacts:
    """Read what a model file says about itself; nothing is timed.

    Args:
        model: path of an ``.onnx`` file (its external data beside it).
        dims: sizes for symbolic dimensions by name, for example ``{"seq": 128}``.
        inputs: arrays by input name, or the path of an ``.npz`` file.

    Raises:
        ModelError: the file is not a model that can be read.
        InputsError: the inputs do not fit the model.
    """
    from infercost.runtime.inspect import inspect as read_facts

    return read_facts(existing(model), dims=dims, inputs=_arrays(inputs), inputs_name=_name(inputs))


def inspection(
    model: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, inputs: Inputs | None = None
) -> Inspection:
    """The same as :func:`inspect`, as an artifact that can be saved and rendered."""
    return Inspection(infercost_version=__version__, model=inspect(model, dims=dims, inputs=inputs))


def profile(
    model: str | os.PathLike[str],
    *,
    dims: Mapping[str, int] | None = None,
    inputs: Inputs | None = None,
    batches: Sequence[int] | None = None,
    threads: Sequence[int] | None = None,
    budget_s: float = DEFAULT_BUDGET_S,
    device: Device = "auto",
    instance: str | None = None,
    use_cache: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """Measure a model on this machine, or take the same measurement from the cache.

    The cache key is the model's hash, this machine's fingerprint, the runtime's version and
    every setting, so a changed model or machine is measured again.

    Args:
        model: path of an ``.onnx`` file.
        dims: sizes for symbolic dimensions by name.
        inputs: one real sample: arrays by input name, or an ``.npz`` path.
        batches: batch sizes to measure; None chooses (1, 4, 16 where the batch is dynamic).
        threads: intra-op thread counts to measure; None chooses from the usable cores.
        budget_s: seconds to spend measuring, all points together.
        device: ``cpu``, ``cuda``, or ``auto`` (CUDA where ONNX Runtime has it).
        instance: ``provider:type`` of the instance that this machine is, where that is known.
        use_cache: False measures again and replaces what the cache holds.
        on_progress: called with each :class:`~infercost.runtime.measure.Progress`.

    Raises:
        ModelError, InputsError: see :func:`inspect`; also when ONNX Runtime cannot run the model.
        UsageError: a setting is out of range.
    """
    from infercost.runtime.inspect import inspect as read_facts
    from infercost.runtime.machine import fingerprint_machine
    from infercost.runtime.measure import MeasureSettings, cache_key, measure
    from infercost.store.cache import get_profile, put_profile

    path, arrays = existing(model), _arrays(inputs)
    if _looks_like_json(path):
        name = shown(path)
        raise ModelError(f"{name} is JSON, not a model; price a saved profile with: infercost estimate {name} --rps 50")
    settings = MeasureSettings(
        batches=tuple(batches) if batches else None,
        threads=tuple(threads) if threads else None,
        budget_s=budget_s,
        device=device,
    )
    facts = read_facts(path, dims=dims, inputs=arrays, inputs_name=_name(inputs), deadline_s=settings.deadline_s)
    machine = _recognise(fingerprint_machine(), instance)
    key = f"{__version__}|{machine.fingerprint}|{machine.instance_type}|{cache_key(facts, arrays, settings)}"
    cached = get_profile(key) if use_cache else None
    if cached is not None:
        return cached
    measured = replace(measure(path, facts, inputs=arrays, settings=settings, on_progress=on_progress), machine=machine)
    warning = put_profile(key, measured)
    return replace(measured, warnings=(*measured.warnings, warning)) if warning else measured


def load_profile(path: str | os.PathLike[str]) -> Profile:
    """Read a saved profile.

    Raises:
        ArtifactError: the file is not a profile that this release can read.
    """
    from infercost.store.artifacts import load_profile as read

    return read(existing(path))


def save(value: Profile | Estimate | Verdict, path: str | os.PathLike[str]) -> None:
    """Write an artifact as JSON, atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    from infercost.store.artifacts import save as write

    write(value, Path(path))


def demo_model() -> Path:
    """Path of the small real model that ships with infercost (a classifier of handwritten digits)."""
    return Path(str(files("infercost") / "data" / "demo" / "digits.onnx"))


def load_or_profile(
    path: str | os.PathLike[str],
    *,
    dims: Mapping[str, int] | None = None,
    inputs: Inputs | None = None,
    budget_s: float = DEFAULT_BUDGET_S,
    device: Device = "auto",
    use_cache: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """A saved profile as it is; a model, measured or from the cache."""
    where = existing(path)
    if not _looks_like_json(where):
        return profile(
            where, dims=dims, inputs=inputs, budget_s=budget_s, device=device, use_cache=use_cache, on_progress=on_progress
        )
    if dims or inputs:
        raise UsageError(
            f"{shown(where)} is a saved profile, and --dim and --inputs belong to a model; profile the model again with them"
        )
    return load_profile(where)


def _looks_like_json(path: Path) -> bool:
    """Whether the first visible byte opens a JSON value; an ONNX file never begins so."""
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}


def existing(path: str | os.PathLike[str]) -> Path:
    """The path of a file that can be read.

    Raises:
        ModelError: it is a folder.
        ArtifactError: it cannot be read.
    """
    found = Path(path)
    try:
        if found.is_dir():
            raise ModelError(f"{shown(found)} is a folder; name the .onnx file or the saved profile in it")
        with found.open("rb"):
            return found
    except OSError as error:
        raise ArtifactError(f"cannot read {shown(found)}: {error.strerror or error}; check the path") from None


def _arrays(inputs: Inputs | None) -> Mapping[str, np.ndarray] | None:
    if inputs is None or not isinstance(inputs, (str, os.PathLike)):
        return inputs
    from infercost.runtime.inputs import read_npz

    return read_npz(Path(inputs))


def _name(inputs: Inputs | None) -> str | None:
    """What messages call the inputs: their file's name, where they have one."""
    if not isinstance(inputs, (str, os.PathLike)):
        return None
    return shown(Path(inputs).name)


def _recognise(machine: Machine, instance: str | None) -> Machine:
    """Name the CPU family by the hardware table, and the instance type if the user gave it."""
    from infercost.store.hardware import cpu_family_of, load_hardware

    family = cpu_family_of(
        machine.cpu_model,
        vendor=machine.cpu_vendor,
        family=machine.cpu_family_id,
        model=machine.cpu_model_id,
        isa=machine.isa,
    )
    named = instance or machine.instance_type
    if named is not None:
        provider, _, instance_type = named.partition(":")
        if (provider, instance_type) not in load_hardware().instances:
            if instance is not None:
                raise UsageError(f"unknown instance {instance!r}; write provider:type, for example sagemaker:ml.c7i.xlarge")
            named = None
    return replace(machine, cpu_family=family, instance_type=named)
