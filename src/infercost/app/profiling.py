"""From a model file to a profile."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from infercost._version import __version__
from infercost.app.hunting import SEARCH_SHARE, Hunt
from infercost.app.opening import existing, is_saved_profile, locate, opened
from infercost.domain.errors import ModelError, UsageError
from infercost.domain.model import Inspection
from infercost.runtime.names import shown

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from infercost.app.opening import Asked, Dims, Inputs
    from infercost.domain.estimate import Estimate
    from infercost.domain.model import ModelFacts
    from infercost.domain.profile import Machine, Profile
    from infercost.domain.verdict import Verdict
    from infercost.runtime.measure import Load, MeasureSettings, Progress

Device = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]

DEFAULT_BUDGET_S = 20.0
"""Seconds of measuring, all points together, unless the user says otherwise."""


def inspect(
    model: str | os.PathLike[str], *, dims: Dims | None = None, inputs: Inputs | None = None, trust: bool = False
) -> ModelFacts:
    """Read what a model file says about itself; nothing is timed.

    Args:
        model: an ``.onnx`` file (its external data beside it), a scikit-learn pickle, a LightGBM or XGBoost file,
            a Hugging Face folder, or ``module:factory`` of a PyTorch model.
        dims: sizes for symbolic dimensions by name, for example ``{"seq": 128}``; one may vary over requests,
            as in ``{"seq": "lognormal:mean=64,p99=384"}``, and counts with its mean here.
        inputs: arrays by input name; an ``.npz``, ``.csv`` or ``.parquet`` file; or a function ``make(batch, rng)``
            that returns arrays by input name, itself or as ``"module:function"``.
        trust: whether a pickle may be opened, which runs the code in it.

    Raises:
        ModelError: the file is not a model that can be read, or its conversion does not agree with it.
        InputsError: the inputs do not fit the model.
        UsageError: a pickle, and it is not trusted.
    """
    with opened(model, dims=dims, inputs=inputs, trust=trust) as asked:
        return asked.describe()


def inspection(
    model: str | os.PathLike[str], *, dims: Dims | None = None, inputs: Inputs | None = None, trust: bool = False
) -> Inspection:
    """The same as :func:`inspect`, as an artifact that can be saved and rendered."""
    return Inspection(infercost_version=__version__, model=inspect(model, dims=dims, inputs=inputs, trust=trust))


def profile(
    model: str | os.PathLike[str],
    *,
    dims: Dims | None = None,
    inputs: Inputs | None = None,
    trust: bool = False,
    batches: Sequence[int] | None = None,
    threads: Sequence[int] | None = None,
    budget_s: float = DEFAULT_BUDGET_S,
    device: Device = "auto",
    scenarios: Sequence[Load] = (),
    search: bool = False,
    slo: str | Sequence[str] | None = None,
    variants: Mapping[str, str | os.PathLike[str]] | None = None,
    pin: bool = True,
    strict: bool = False,
    instance: str | None = None,
    use_cache: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """Measure a model on this machine, or take the same measurement from the cache.

    The cache key is the model's hash, this machine's fingerprint, the runtime's version and
    every setting, so a changed model or machine is measured again.

    Args:
        model: what to measure, see :func:`inspect`.
        dims: sizes for symbolic dimensions by name; one may vary over requests.
        inputs: real samples, see :func:`inspect`.
        trust: whether a pickle may be opened, which runs the code in it.
        batches: batch sizes to measure; None chooses (1, 4, 16 where the batch is dynamic).
        threads: intra-op thread counts to measure; None chooses from the usable cores.
        budget_s: seconds to spend measuring, all points together.
        device: ``cpu``, ``cuda``, ``tensorrt``, ``openvino``, or ``auto`` (CUDA where ONNX Runtime has it).
        scenarios: load scenarios to measure beside the grid (:class:`~infercost.runtime.settings.Load`); half of
            the time is theirs.
        search: also search batch × threads × workers × device × variant for the highest throughput; half of the
            time is the search's. Each trial is kept at once, and a search that was ended goes on where it was.
        slo: the promise on the latency of a batch that the search keeps, such as ``p99=50ms``.
        variants: the model at other precisions, by name, for the search.
        pin: keep each worker on CPUs of its own, where the system allows it.
        strict: refuse a busy machine instead of warning of it.
        instance: ``provider:type`` of the instance that this machine is, where that is known.
        use_cache: False measures again and replaces what the cache holds.
        on_progress: called with each :class:`~infercost.runtime.measure.Progress`.

    Raises:
        ModelError, InputsError: see :func:`inspect`; also when ONNX Runtime cannot run the model.
        UsageError: a setting is out of range.
    """
    from infercost.app.doctor import known_ceilings
    from infercost.runtime.machine import fingerprint_machine
    from infercost.runtime.measure import MeasureSettings, cache_key
    from infercost.store.cache import get_profile, put_profile

    if is_saved_profile(path := locate(model)):
        name = shown(path)
        raise ModelError(f"{name} is JSON, not a model; price a saved profile with: infercost estimate {name} --rps 50")
    settings = MeasureSettings(
        batches=tuple(batches) if batches else None,
        threads=tuple(threads) if threads else None,
        budget_s=budget_s,
        device=device,
        pin=pin,
        strict=strict,
        loads=tuple(scenarios),
    )
    machine = _recognise(fingerprint_machine(), instance)
    with opened(model, dims=dims, inputs=inputs, trust=trust) as asked:
        facts = asked.describe(deadline_s=settings.deadline_s)
        what = cache_key(facts, asked.arrays(facts), settings)
        key = f"{__version__}|{machine.fingerprint}|{machine.instance_type}|{what}"
        if asked.sizes is not None:
            key += f"|{asked.sizes.dim}={asked.sizes.given}|{asked.sizes.values}|{asked.sizes.shares}"
        if asked.sizes is not None and (scenarios or search):
            raise UsageError(f"{asked.sizes.dim!r} varies, and scenarios and a search are measured at one size; fix it")
        hunt = Hunt.of(asked, facts, settings, slo, variants or {}) if search else None
        key += "" if hunt is None else f"|{hunt.key}"
        cached = get_profile(key) if use_cache else None
        if cached is not None:
            # The same model under another name, or converted anew: the figures hold, the words are today's.
            return replace(cached, model=facts, ceilings=known_ceilings(machine) or cached.ceilings)
        found = None
        if hunt is not None:
            found = hunt.search(f"{__version__}|{machine.fingerprint}", fresh=not use_cache, on_progress=on_progress)
            settings = replace(settings, budget_s=(1 - SEARCH_SHARE) * settings.budget_s)
        taken = _measured(asked, facts, settings, on_progress)
        measured = replace(taken, machine=machine, ceilings=known_ceilings(machine), search=found)
        if hunt is not None:
            measured = replace(measured, warnings=(*measured.warnings, *hunt.problems))
    warning = put_profile(key, measured)
    return replace(measured, warnings=(*measured.warnings, warning)) if warning else measured


def _measured(
    asked: Asked, facts: ModelFacts, settings: MeasureSettings, on_progress: Callable[[Progress], None] | None
) -> Profile:
    """Measure at one size, or over those that requests have."""
    from infercost.runtime.lengths import describe_sizes, measure_sizes
    from infercost.runtime.measure import measure

    if asked.sizes is None:
        return measure(asked.path, facts, inputs=asked.arrays(facts), settings=settings, on_progress=on_progress)
    by_size = describe_sizes(asked.sizes, lambda size: asked.describe(size, settings.deadline_s))

    def at_size(there: ModelFacts, budget_s: float, tell: Callable[[Progress], None]) -> Profile:
        return measure(asked.path, there, settings=replace(settings, budget_s=budget_s), on_progress=tell)

    return measure_sizes(asked.sizes, facts, by_size, at_size, budget_s=settings.budget_s, on_progress=on_progress)


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
    dims: Dims | None = None,
    inputs: Inputs | None = None,
    trust: bool = False,
    budget_s: float = DEFAULT_BUDGET_S,
    device: Device = "auto",
    use_cache: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Profile:
    """A saved profile as it is; a model, measured or from the cache."""
    where = locate(path)
    if not is_saved_profile(where):
        return profile(
            where,
            dims=dims,
            inputs=inputs,
            trust=trust,
            budget_s=budget_s,
            device=device,
            use_cache=use_cache,
            on_progress=on_progress,
        )
    if dims or inputs:
        raise UsageError(
            f"{shown(where)} is a saved profile, and --dim and --inputs belong to a model; profile the model again with them"
        )
    return load_profile(where)


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
