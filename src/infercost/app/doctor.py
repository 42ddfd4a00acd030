"""What this machine is, what is installed on it, and whether its answers can be relied on."""

from __future__ import annotations

import inspect
import os
import re
import tempfile
from datetime import UTC, date, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from infercost._version import __version__
from infercost.domain.diagnosis import BookAge, CacheFolder, Diagnosis, Extra, Finding, Limits, ProviderFacts
from infercost.domain.errors import InfercostError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from infercost.domain.hardware import Ceilings
    from infercost.domain.microbench import Microbenchmarks
    from infercost.domain.profile import Machine
    from infercost.domain.provider import Provider
    from infercost.runtime.measure import Progress

__all__ = ["diagnose", "known_ceilings", "machine_figures"]

_EXTRA = re.compile(r"""^\s*(?P<package>[A-Za-z0-9._-]+).*;.*extra\s*==\s*['"](?P<extra>[^'"]+)['"]""")


def diagnose(
    *,
    bench: bool = True,
    fresh: bool = False,
    instance: str | None = None,
    today: date | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Diagnosis:
    """Look at everything that an answer rests on. Nothing is asked of a cloud, and no credentials are needed.

    Args:
        bench: run the microbenchmarks where they are not cached for this machine.
        fresh: run them again in any case.
        instance: ``provider:type`` of the instance that this machine is, where that is known.
        today: the day that the ages of prices are counted to; None means today (UTC).
        on_progress: called before the microbenchmarks begin.

    Raises:
        UsageError: ``instance`` is not in the hardware table, or ``INFERCOST_CACHE_LIMIT`` is no size.
    """
    from infercost.app.profiling import _recognise
    from infercost.engine import diagnose as judge
    from infercost.runtime.machine import fingerprint_machine
    from infercost.runtime.software import installed_software
    from infercost.store.hardware import describe_machine, load_hardware

    machine = _recognise(fingerprint_machine(), instance)
    hardware = describe_machine(machine, load_hardware())
    caches, unwritable = _caches()
    measured, told = machine_figures(machine, bench=bench, fresh=fresh, on_progress=on_progress)
    limits, software, extras, providers = _limits(), installed_software(), _extras(), _providers()
    books = tuple(_books(today or datetime.now(UTC).date()))
    comparisons = judge.compare(measured, hardware) if measured is not None else ()
    findings = (
        *judge.judge_machine(machine, hardware, limits),
        *judge.judge_measured(measured, comparisons),
        *(Finding("benchmarks", "note", "cache", text) for text in told),
        *judge.judge_software(software, machine.accelerator),
        *judge.judge_extras(extras),
        *judge.judge_prices(books),
        *judge.judge_caches(caches, unwritable),
        *judge.judge_providers(providers),
        *_files(),
    )
    return Diagnosis(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine,
        hardware=hardware.source,
        limits=limits,
        microbenchmarks=measured,
        comparisons=comparisons,
        software=software,
        extras=extras,
        prices=books,
        caches=caches,
        providers=providers,
        findings=findings,
    )


def machine_figures(
    machine: Machine,
    *,
    bench: bool = True,
    fresh: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[Microbenchmarks | None, tuple[str, ...]]:
    """This machine's microbenchmarks from the cache, else measured now; and what is to be said of keeping them.

    Args:
        machine: this machine, its CPU family recognised.
        bench: whether to measure what is not cached.
        fresh: measure in any case.
        on_progress: called before measuring begins.
    """
    from infercost.runtime.settings import Progress
    from infercost.store.cache import get_microbenchmarks, put_microbenchmarks

    key = _key(machine)
    known = None if fresh else get_microbenchmarks(key)
    if known is not None or not bench:
        return known, ()
    from infercost.runtime.microbench import microbenchmark

    if on_progress is not None:
        on_progress(Progress("measuring", 0, 1, "microbenchmarks, once for this machine"))
    measured = microbenchmark(measured_on=machine.instance_type or machine.cpu_family or "")
    warning = put_microbenchmarks(key, measured)
    return measured, () if warning is None else (warning,)


def known_ceilings(machine: Machine) -> Ceilings | None:
    """What this machine attains, where ``infercost doctor`` has measured it; nothing is measured now."""
    known, _ = machine_figures(machine, bench=False)
    return None if known is None else known.ceilings


def _key(machine: Machine) -> str:
    from infercost.runtime.reasons import runtime_version

    return f"{__version__}|{machine.fingerprint}|{machine.instance_type}|{runtime_version()}"


def _limits() -> Limits:
    from infercost.runtime.cgroup import cpu_quota, memory_limit
    from infercost.runtime.memory import available_bytes

    return Limits(cpu_quota(), memory_limit(), available_bytes())


def _extras() -> tuple[Extra, ...]:
    """The optional parts that this release declares, and the version of each package in them."""
    try:
        declared = metadata.requires("infercost") or []
    except metadata.PackageNotFoundError:  # run from a folder that is not installed
        declared = []
    found: dict[str, dict[str, str | None]] = {}
    for requirement in declared:
        match = _EXTRA.match(requirement)
        if match is not None:
            found.setdefault(match["extra"], {})[match["package"]] = _version(match["package"])
    return tuple(Extra(name, packages) for name, packages in sorted(found.items()))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _books(today: date) -> Iterator[BookAge]:
    from infercost.store.snapshots import Source, newest

    for provider in _loadable():
        try:
            snapshot, catalog, _ = newest(Source(provider.name, provider.catalog_package))
        except InfercostError as error:
            yield BookAge(provider.name, None, None, error=str(error))
            continue
        yield BookAge(provider.name, snapshot.as_of, (today - date.fromisoformat(snapshot.as_of)).days, catalog.source)


def _caches() -> tuple[tuple[CacheFolder, ...], str | None]:
    """Every folder that infercost keeps, and why the cache cannot be written; None when it can."""
    from infercost.store.cache import cache_dir, cache_limit, data_dir, folder_usage

    limit = cache_limit()
    roots = dict.fromkeys((cache_dir(), data_dir()))
    names = [(folder.name, folder) for root in roots for folder in _folders(root)]
    found = []
    for name, folder in names:
        usage = folder_usage(folder)
        found.append(CacheFolder(name, str(folder), usage.bytes, usage.files, limit if name == "profiles" else None))
    return tuple(found), _unwritable(cache_dir())


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(entry for entry in root.iterdir() if entry.is_dir())
    except OSError:
        return []


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be kept in a folder, which need not exist yet."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        return f"{existing} is not a folder"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"no permission to write in {existing}"
    # Permission is not enough: the disk may be full, and some file systems take no files from anybody.
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"infercost")
    except OSError as error:
        return f"cannot write in {existing} ({error.strerror or error})"
    return None


def _providers() -> tuple[ProviderFacts, ...]:
    from infercost.registry import get_provider, provider_names

    found = []
    for name in provider_names():
        try:
            provider = get_provider(name)
        except ProviderError as error:
            found.append(ProviderFacts(name, error=str(error)))
            continue
        modes = tuple(mode.name for mode in getattr(provider, "modes", ()) if mode.prices == "estimated")
        found.append(ProviderFacts(name, provider.title, tuple(_capabilities(provider)), modes))
    return tuple(found)


def _loadable() -> Iterator[Provider]:
    from infercost.registry import get_provider, provider_names

    for name in provider_names():
        try:
            yield get_provider(name)
        except ProviderError:
            continue


def _capabilities(provider: Provider) -> Iterator[str]:
    """What a provider can do beside being priced: the protocols of the domain that it fulfils."""
    from infercost.domain import provider as seams

    for name, seam in vars(seams).items():
        if not _is_capability(seam, seams.Provider) or not isinstance(provider, seam):
            continue
        # A capability that is there in form alone says None.
        members = [member for member in vars(seam) if not member.startswith("_")]
        if all(getattr(provider, member, None) is not None for member in members):
            yield name.lower()


def _is_capability(seam: Any, base: type) -> bool:
    return (
        inspect.isclass(seam)
        and seam is not base
        and getattr(seam, "_is_protocol", False)
        and getattr(seam, "_is_runtime_protocol", False)
    )


def _files() -> Iterator[Finding]:
    """Whether the files of the working directory can be read."""
    from infercost.app.project import read_targets
    from infercost.registry import provider_names
    from infercost.store.calibration import CALIBRATION_FILE, find_calibration, read_calibration
    from infercost.store.discounts import DISCOUNTS_FILE, find_discounts, read_discounts
    from infercost.store.price_lock import find_lock, read_lock
    from infercost.store.project import PROJECT_FILE, find_project

    readers: Iterable[tuple[str, Path | None, Callable[[Path], Any]]] = (
        (PROJECT_FILE, find_project(), read_targets),
        (DISCOUNTS_FILE, find_discounts(), lambda path: read_discounts(path, provider_names())),
        (CALIBRATION_FILE, find_calibration(), read_calibration),
        ("price lock", find_lock(), read_lock),
    )
    for name, path, read in readers:
        if path is None:
            continue
        try:
            read(path)
        except InfercostError as error:
            yield Finding("files", "problem", name, str(error), exit_code=2)
        else:
            yield Finding("files", "ok", name, "can be read")
