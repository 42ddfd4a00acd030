"""``infercost-calibration.yml``: what a user measured where it counts, each figure with its source and date.

The file is for people to review and to keep in version control; ``infercost calibrate`` writes it.
Comments do not survive that: words that must stay belong into ``note``.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infercost.domain.calibration import Calibrations, MachineCeilings, Observation
from infercost.domain.errors import UnknownNameError
from infercost.domain.hardware import Ceilings
from infercost.store.locking import hold
from infercost.store.writing import write_atomic
from infercost.store.yaml_file import NodeReader, compose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from yaml.nodes import Node

__all__ = ["CALIBRATION_FILE", "add", "find_calibration", "read_calibration", "remove"]

CALIBRATION_FILE = "infercost-calibration.yml"
CALIBRATION_VERSION: Final = 1
GUIDE: Final = "docs/howto/calibrate.md"
_HEADER: Final = """\
# What was measured where it counts, beside what was predicted: infercost estimate and gate take it up.
# Written by infercost calibrate; comments do not survive that, notes do. docs/howto/calibrate.md
"""
_WAIT_S: Final = 30.0


def find_calibration(folder: Path | None = None) -> Path | None:
    """The file in a folder (the working directory, if none is named); None when there is none."""
    path = (folder or Path()) / CALIBRATION_FILE
    return path if path.is_file() else None


def read_calibration(path: Path) -> Calibrations:
    """Read a file of calibrations.

    Raises:
        UsageError: it cannot be read; the message names line, column and, for a wrong name, the nearest right one.
    """
    root = compose(path, option="--calibration", guide=GUIDE)
    return Calibrations(path=str(path)) if root is None else _Reader(path).calibrations(root)


def add(path: Path, *, observations: Sequence[Observation] = (), machines: Sequence[MachineCeilings] = ()) -> Calibrations:
    """Put measurements into a file, which is begun where there is none. What is there already is not added twice.

    Raises:
        UsageError: the file is there and cannot be read.
        OutputError: it cannot be written.
    """

    def change(known: Calibrations) -> Calibrations:
        merged = {o.id: o for o in (*known.observations, *observations)}
        named = {m.instance: m for m in (*known.machines, *machines)}
        return replace(known, observations=tuple(merged.values()), machines=tuple(named.values()))

    return _changed(path, change)


def remove(path: Path, names: Sequence[str]) -> Calibrations:
    """Take measurements out of a file, by the id of an observation or the instance of a machine.

    Raises:
        UnknownNameError: the file has none of that name; then nothing is removed.
        UsageError: the file cannot be read.
        OutputError: it cannot be written.
    """

    def change(known: Calibrations) -> Calibrations:
        names_there = [*(o.id for o in known.observations), *(m.instance for m in known.machines)]
        for name in names:
            if name not in names_there:
                raise UnknownNameError("measurement", name, names_there, hint=f"(in {path})")
        return replace(
            known,
            observations=tuple(o for o in known.observations if o.id not in names),
            machines=tuple(m for m in known.machines if m.instance not in names),
        )

    return _changed(path, change)


def encode(value: Calibrations) -> bytes:
    """The file's bytes; the same measurements give the same bytes."""
    import yaml

    document: dict[str, Any] = {"version": CALIBRATION_VERSION}
    if value.observations:
        document["observations"] = [{"id": o.id} | _compact(asdict(o)) for o in value.observations]
    if value.machines:
        document["machines"] = [{**_compact(asdict(m)), "ceilings": _ceilings(m.ceilings)} for m in value.machines]
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False)
    return (_HEADER + text).encode()


def _changed(path: Path, change: Callable[[Calibrations], Calibrations]) -> Calibrations:
    from infercost.store.cache import cache_dir

    # Two imports at a time must not lose one another's figures. The lock is not left beside the user's files.
    with hold(cache_dir() / "calibration.lock", wait_s=_WAIT_S):
        known = read_calibration(path) if path.exists() else Calibrations(path=str(path))
        changed = replace(change(known), path=str(path))
        write_atomic(path, encode(changed))
    return changed


def _compact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing, unless the reader asks for it; dates stay text in YAML and are quoted by it."""
    return {name: value for name, value in fields.items() if value not in (None, "") or name in _REQUIRED}


def _ceilings(value: Ceilings) -> dict[str, Any]:
    fields = _compact(asdict(value))
    fields["bandwidth_gbps"] = dict(value.bandwidth_gbps)
    return fields


class _Reader(NodeReader):
    """Turns nodes into measurements."""

    def calibrations(self, root: Node) -> Calibrations:
        entries = self.mapping(root, ("version", "observations", "machines"), required=("version",))
        if self.number(entries["version"]) != CALIBRATION_VERSION:
            raise self.error(entries["version"], f"this release reads version {CALIBRATION_VERSION}")
        return Calibrations(
            path=str(self.path),
            observations=tuple(self.section(entries, "observations", self.observation)),
            machines=tuple(self.section(entries, "machines", self.machine)),
        )

    def section(self, entries: Mapping[str, Node], name: str, read: Callable[[Node], Any]) -> Iterable[Any]:
        if name not in entries:
            return []
        return [read(item) for item in self.sequence(entries[name], f"{name} must be a list; each entry begins with '- '")]

    def observation(self, node: Node) -> Observation:
        entries = self.mapping(node, tuple(_OBSERVATION), required=_REQUIRED)
        # The id follows from the rest: it is there to be read and to name what to remove.
        values = {key: getattr(self, _OBSERVATION[key])(value) for key, value in entries.items() if key != "id"}
        return Observation(**values)

    def machine(self, node: Node) -> MachineCeilings:
        entries = self.mapping(node, ("instance", "source", "date", "ceilings"), required=("instance", "date", "ceilings"))
        rates = self.mapping(entries["ceilings"], tuple(_CEILINGS), required=_CEILINGS_REQUIRED)
        ceilings = Ceilings(**{key: getattr(self, _CEILINGS[key])(value) for key, value in rates.items()})
        source = self.text(entries["source"]) if "source" in entries else ""
        return MachineCeilings(
            instance=self.instance(entries["instance"]), ceilings=ceilings, source=source, date=self.day(entries["date"])
        )

    def instance(self, node: Node) -> str:
        text = self.text(node)
        provider, _, name = text.partition(":")
        if not provider or not name:
            raise self.error(node, f"expected cloud:type such as sagemaker:ml.c7i.xlarge, got {text!r}")
        return text

    def metric(self, node: Node) -> str:
        return self.choice(node, ("latency_ms", "throughput_per_s"), "metric")

    def label(self, node: Node) -> str:
        """A word or more, or none: not every machine's family has a name."""
        from yaml.nodes import ScalarNode

        return "" if isinstance(node, ScalarNode) and not node.value.strip() else self.text(node)

    def precision(self, node: Node) -> str:
        return self.text(node)

    def count(self, node: Node) -> int:
        value = self.number(node)
        if value != value.to_integral_value() or value < 1:
            raise self.error(node, f"expected a whole number from 1 on, got {value}")
        return int(value)

    def rate(self, node: Node) -> float:
        return float(self.above_zero(node))

    def share(self, node: Node) -> float:
        value = self.number(node)
        if not 0 <= value <= 1:
            raise self.error(node, f"expected 0 … 1, got {value}")
        return float(value)

    def day(self, node: Node) -> str:
        text = self.text(node)
        try:
            if len(text) == len("2026-12-31"):
                return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
        raise self.error(node, f"expected a date such as 2026-12-31, got {text!r}")

    def rates(self, node: Node) -> dict[str, float]:
        return {self.text(key): self.rate(value) for key, value in self.items(node, ("fp32", "int8"))}

    def sweep(self, node: Node) -> tuple[tuple[int, float], ...]:
        return tuple(sorted((self.count(size), self.rate(rate)) for size, rate in self.items(node, ("65536", "268435456"))))


_OBSERVATION: Final[dict[str, str]] = {
    "id": "text",
    "instance": "instance",
    "family": "label",
    "reference": "label",
    "model": "text",
    "sha256": "text",
    "precision": "precision",
    "metric": "metric",
    "measured": "rate",
    "predicted": "rate",
    "batch": "count",
    "threads": "count",
    "noise": "share",
    "source": "label",
    "date": "day",
    "note": "text",
}
"""The keys of an observation and the method that reads each."""
_REQUIRED: Final = (
    *("instance", "family", "reference", "model", "sha256", "precision", "metric", "measured", "predicted", "source", "date"),
)
_CEILINGS: Final[dict[str, str]] = {
    "gemm_gflops": "rates",
    "conv_gflops": "rates",
    "bandwidth_gbps": "sweep",
    "dispatch_us": "rate",
    "skinny_gemm_gflops": "rates",
    "threads": "count",
    "all_threads_gemm_gflops": "rates",
    "all_threads_bandwidth_gbps": "rate",
    "source": "text",
    "measured_on": "text",
}
_CEILINGS_REQUIRED: Final = ("gemm_gflops", "conv_gflops", "bandwidth_gbps", "dispatch_us", "source", "measured_on")
