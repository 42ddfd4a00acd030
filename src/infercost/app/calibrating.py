"""The user's own measurements: taken in, listed and removed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from infercost.app.calibrated import families_of, key_of, precision_of, predictor, reference_of, source_of
from infercost.app.opening import existing
from infercost.app.profiling import load_profile
from infercost.domain.calibration import Calibrations, MachineCeilings, Observation, Reading
from infercost.domain.errors import ArtifactError, InfercostError, UnknownNameError, UsageError
from infercost.domain.profile import Profile

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from infercost.domain.hardware import Ceilings, Hardware

    Source = Profile | str | os.PathLike[str]

__all__ = [
    "calibrate_file",
    "calibrate_number",
    "calibrate_profile",
    "list_calibrations",
    "remove_calibrations",
]

UNSETTLED_NOISE = 0.10
"""Of a profile's point that had not settled: as much as two machines of one kind differ."""
POINT_NOISE = 0.05


def calibrate_profile(
    there: Source, *, reference: Source, instance: str | None = None, path: str | os.PathLike[str] | None = None
) -> Calibrations:
    """Take in a profile that was taken on an instance.

    Args:
        there: the profile from the instance.
        reference: a profile of the same model from the machine that estimates are made from.
        instance: ``provider:type`` of the instance; None takes what the profile says.
        path: the file of calibrations; None means ``infercost-calibration.yml`` in the working directory.

    Returns:
        What the file holds now, and what comes of it for this model.

    Raises:
        UsageError: the profiles are of different models, or nobody says which instance it was.
        UnknownNameError: the hardware table has no such instance.
    """
    measured, profile = _profile(there), _profile(reference)
    if measured.served is not None:
        raise UsageError(
            "an endpoint's latencies have network and server in them; calibrate with a profile of the model file, or with "
            "the endpoint's own metric: infercost calibrate number --help"
        )
    _refuse_endpoint(profile)
    name = instance or measured.machine.instance_type
    if name is None:
        raise UsageError("the profile does not say which instance it was taken on; add --instance sagemaker:ml.c7i.xlarge")
    if measured.model.sha256 != profile.model.sha256:
        raise UsageError(
            f"{measured.model.name} was measured there and {profile.model.name} here, and they are not the same file;"
            f" profile the same model here: infercost profile MODEL --out here.json"
        )
    readings = [
        Reading(
            metric="latency_ms",
            value=point.service_ms,
            batch=point.batch,
            threads=point.threads if point.device == "cpu" else None,
            instance=name,
            noise=POINT_NOISE if point.stable else UNSETTLED_NOISE,
            source="infercost profile",
            date=_day_of(measured.created, "the profile"),
        )
        for point in measured.points
        if point.service_ms > 0
    ]
    machines = (
        [] if measured.ceilings is None else [_machine(name, measured.ceilings, _day_of(measured.created, "the profile"))]
    )
    return _take_in(readings, profile, path, machines=machines)


def calibrate_number(
    *,
    reference: Source,
    instance: str,
    p50_ms: float | None = None,
    throughput_per_s: float | None = None,
    batch: int = 1,
    threads: int | None = None,
    source: str = "stated by hand",
    day: date | None = None,
    note: str = "",
    path: str | os.PathLike[str] | None = None,
) -> Calibrations:
    """Take in one figure: of an endpoint's metrics, or published by somebody.

    Args:
        reference: a profile of the same model from the machine that estimates are made from.
        instance: ``provider:type`` that the figure is of.
        p50_ms: typical time of one batch while nothing else runs, without network.
        throughput_per_s: items a second that one instance answered when saturated.
        batch: of the latency.
        threads: of the worker that ran it; None: one a core.
        source: where the figure is from.
        day: when it was measured; None means today (UTC).
        note: words to keep with it.
        path: see :func:`calibrate_profile`.

    Raises:
        UsageError: no figure is given, or one that is not above 0.
        UnknownNameError: the hardware table has no such instance.
    """
    given = {"latency_ms": p50_ms, "throughput_per_s": throughput_per_s}
    known = {metric: value for metric, value in given.items() if value is not None}
    if not known:
        raise UsageError("a figure is missing; give --p50 12ms or --throughput 120")
    for value in known.values():
        if not 0 < value < float("inf"):
            raise UsageError(f"a measured figure must be above 0, got {value:g}; give --p50 12ms or --throughput 120")
    when = _past(day).isoformat()
    readings = [
        Reading(
            metric=metric,  # type: ignore[arg-type]
            value=value,
            batch=batch if metric == "latency_ms" else 1,
            threads=threads if metric == "latency_ms" else None,
            instance=instance,
            noise=0.15,
            source=source.strip() or "stated by hand",
            date=when,
            note=note,
        )
        for metric, value in known.items()
    ]
    return _take_in(readings, _profile(reference), path)


def calibrate_file(
    file: str | os.PathLike[str],
    *,
    reference: Source | None = None,
    instance: str | None = None,
    batch: int | None = None,
    threads: int | None = None,
    day: date | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Calibrations:
    """Take in what another tool measured, or what ``infercost profile`` or ``doctor`` wrote on an instance.

    Args:
        file: the result; its content says of which tool it is.
        reference: a profile of the same model from the machine that estimates are made from; only the figures
            of ``infercost doctor`` need none.
        instance: ``provider:type``, where the file does not say it.
        batch: batch size, where the file does not say it.
        threads: threads of the worker, where it was not one a core.
        day: when it was measured, where the file does not say it; None means today (UTC).
        path: see :func:`calibrate_profile`.

    Raises:
        ArtifactError: the file is of no known tool, or says nothing of one model alone.
        UsageError: the reference or the instance is missing.
        UnknownNameError: the hardware table has no such instance.
    """
    from infercost.store.benchmark_files import read_benchmark

    where = existing(file)
    kind = _artifact_kind(where)
    if kind == "diagnosis":
        return _take_in_doctor(where, instance, path)
    if reference is None:
        raise UsageError("a profile of the same model from here is missing; add --reference here.json")
    if kind == "profile":
        return calibrate_profile(where, reference=reference, instance=instance, path=path)
    when = _past(day).isoformat()
    readings = [
        replace(
            reading,
            instance=reading.instance or instance,
            batch=batch if batch is not None and reading.metric == "latency_ms" else reading.batch,
            threads=threads if reading.metric == "latency_ms" else None,
            date=reading.date or when,
        )
        for reading in read_benchmark(where)
        if instance is None or reading.instance in (None, instance)
    ]
    if not readings:
        raise UsageError(f"{where} has no figure of {instance}; leave out --instance to take in all that it has")
    return _take_in(readings, _profile(reference), path)


def list_calibrations(path: str | os.PathLike[str] | None = None, *, reference: Source | None = None) -> Calibrations:
    """What a file holds, and, for the model of a reference profile, what comes of it.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    where = _path(path)
    if not where.exists():
        raise UsageError(
            f"there is no {where} here; begin it with: infercost calibrate profile THERE.json --reference HERE.json"
        )
    from infercost.store.calibration import read_calibration

    known = read_calibration(where)
    return known if reference is None else replace(known, families=families_of(known, _profile(reference)))


def remove_calibrations(names: Sequence[str], path: str | os.PathLike[str] | None = None) -> Calibrations:
    """Take measurements out of a file, by id or, for microbenchmarks, by instance.

    Raises:
        UnknownNameError: there is none of that name; then nothing is removed.
    """
    from infercost.store.calibration import remove

    list_calibrations(path)
    return remove(_path(path), names)


def _take_in(
    readings: Sequence[Reading],
    profile: Profile,
    path: str | os.PathLike[str] | None,
    *,
    machines: Sequence[MachineCeilings] = (),
) -> Calibrations:
    """Hold readings against predictions, and keep them."""
    from infercost.store.calibration import add

    _refuse_endpoint(profile)
    observations, warnings = [], []
    failures: list[InfercostError] = []
    for reading in readings:
        try:
            observation, warning = _observe(reading, profile)
        except UsageError as error:
            failures.append(error)
            continue
        observations.append(observation)
        warnings += [warning] if warning else []
    if not observations:
        raise failures[0]
    warnings += [f"left out: {error}" for error in failures]
    kept = add(_path(path), observations=observations, machines=machines)
    return replace(kept, families=families_of(kept, profile), warnings=tuple(warnings))


def _observe(reading: Reading, profile: Profile) -> tuple[Observation, str | None]:
    from infercost.engine.calibrate import family_of
    from infercost.engine.expected import expect

    if reading.instance is None:
        raise UsageError("the file does not say which instance it is of; add --instance sagemaker:ml.c7i.xlarge")
    target, source = _hardware(reading.instance), source_of(profile)
    predicted, band = expect(profile, source, target, reading, predictor())
    observation = Observation(
        instance=reading.instance,
        family=family_of(target) or "",
        reference=reference_of(source),
        model=profile.model.name,
        sha256=profile.model.sha256,
        precision=precision_of(profile),
        metric=reading.metric,
        measured=_round(reading.value),
        predicted=_round(predicted),
        batch=reading.batch,
        threads=reading.threads,
        noise=reading.noise,
        source=reading.source,
        date=reading.date,
        note=reading.note,
    )
    ratio = observation.ratio
    if max(ratio, 1 / ratio) <= 1 + band:
        return observation, None
    return observation, (
        f"{reading.instance}, batch {reading.batch}: x{ratio:.2f} of the predicted time, outside of the published band"
        f" (±{band:.0%}); check that model, batch and threads are the same, or remove it: infercost calibrate remove"
        f" {observation.id}"
    )


def _take_in_doctor(file: Path, instance: str | None, path: str | os.PathLike[str] | None) -> Calibrations:
    from infercost.domain.diagnosis import Diagnosis
    from infercost.store.artifacts import load
    from infercost.store.calibration import add

    diagnosis = load(file, Diagnosis)
    name = instance or diagnosis.machine.instance_type
    if name is None:
        raise UsageError(f"{file} does not say which instance it is of; add --instance sagemaker:ml.c7i.xlarge")
    if diagnosis.microbenchmarks is None:
        raise ArtifactError(f"{file} holds no microbenchmarks; run there: infercost doctor --format json --out doctor.json")
    _hardware(name)
    day = _day_of(diagnosis.microbenchmarks.created, str(file))
    return add(_path(path), machines=[_machine(name, diagnosis.microbenchmarks.ceilings, day)])


def _machine(instance: str, ceilings: Ceilings, day: str) -> MachineCeilings:
    return MachineCeilings(
        instance=instance, ceilings=replace(ceilings, measured_on=instance), source="infercost doctor", date=day
    )


def _hardware(instance: str) -> Hardware:
    """The row of an instance.

    Raises:
        UnknownNameError: there is none.
    """
    from infercost.store.hardware import load_hardware

    known = load_hardware().instances
    key = key_of(instance)
    if key not in known:
        raise UnknownNameError("instance", instance, (f"{provider}:{name}" for provider, name in known))
    return known[key]


def _refuse_endpoint(reference: Profile) -> None:
    """Nothing is predicted from an endpoint's latencies.

    Raises:
        UsageError: the reference is the profile of one.
    """
    if reference.served is not None:
        raise UsageError(
            "the reference is the profile of an endpoint, whose latencies have network and server in them; profile the model"
            " file itself: infercost profile MODEL --out here.json"
        )


def _profile(source: Source) -> Profile:
    return source if isinstance(source, Profile) else load_profile(source)


def _path(path: str | os.PathLike[str] | None) -> Path:
    from infercost.store.calibration import CALIBRATION_FILE

    return Path(CALIBRATION_FILE) if path is None else Path(path)


def _artifact_kind(path: Path) -> str | None:
    """The kind of an artifact of infercost; None for files of other tools."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    kind = document.get("kind") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) and "schema_version" in document else None


def _day_of(created: str, what: str) -> str:
    """The day of an artifact's time stamp.

    Raises:
        ArtifactError: it names none; the file of calibrations could not be read again with it.
    """
    try:
        return date.fromisoformat(created[:10]).isoformat()
    except ValueError:
        raise ArtifactError(f"{what} says it was created {created!r}, which is no date; take it anew") from None


def _past(day: date | None) -> date:
    """The day of a measurement; None means today (UTC).

    Raises:
        UsageError: it is yet to come. A day's grace: it is tomorrow already in half of the world.
    """
    today = datetime.now(UTC).date()
    if day is not None and day > today + timedelta(days=1):
        raise UsageError(f"{day} is yet to come, and a measurement cannot be from then; write its day like --date {today}")
    return day or today


def _round(value: float) -> float:
    """Six digits: what a reader of the file can take in."""
    return float(f"{value:.6g}")
