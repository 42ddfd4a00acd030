"""``infercost.yml``: a project's targets, and the JSON Schema of such a file.

One table says what keys there are, how each is read and what an editor is told of it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from infercost.domain.errors import UsageError
from infercost.domain.project import Project, Target
from infercost.domain.quantities import parse_bytes, parse_milliseconds
from infercost.domain.traffic import MAX_RPS, Slo
from infercost.domain.verdict import Budget, Waiver
from infercost.store.yaml_file import NodeReader, compose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from yaml.nodes import Node

__all__ = ["PROJECT_FILE", "build_schema", "find_project", "read_project"]

PROJECT_FILE = "infercost.yml"
PROJECT_VERSION = 1
GUIDE = "docs/howto/project-file.md"
WAIVABLE = ("monthly", "per_million", "p99", "slo")


def find_project(folder: Path | None = None) -> Path | None:
    """The file in a folder (the working directory, if none is named); None when there is none."""
    path = (folder or Path()) / PROJECT_FILE
    return path if path.is_file() else None


def read_project(path: Path, providers: Iterable[str]) -> Project:
    """Read a project file.

    Args:
        path: the file; sources in it are relative to its folder.
        providers: names that ``providers`` may hold.

    Raises:
        UsageError: it cannot be read; the message names line, column and, for a wrong name, the nearest right one.
    """
    root = compose(path, option="--config", guide=GUIDE)
    if root is None:
        raise UsageError(f"{path} is empty; see {GUIDE}, or remove it and run: infercost init")
    return _Reader(path, tuple(sorted(providers))).project(root)


class _Key(NamedTuple):
    """A key of the file."""

    field: str
    """Of the dataclass."""
    read: str
    """Method of ``_Reader``."""
    schema: Mapping[str, Any]
    meaning: str


class _Reader(NodeReader):
    """Turns nodes into targets."""

    def __init__(self, path: Path, providers: tuple[str, ...]) -> None:
        super().__init__(path)
        self.providers = providers

    def project(self, root: Node) -> Project:
        entries = self.mapping(root, ("version", "defaults", "targets"), required=("version", "targets"))
        if self.number(entries["version"]) != PROJECT_VERSION:
            raise self.error(entries["version"], f"this release reads version {PROJECT_VERSION}")
        defaults = self.values(entries["defaults"], _TARGET) if "defaults" in entries else {}
        named = self.items(entries["targets"], ("my-model",))
        if not named:
            raise self.error(entries["targets"], "there is no target; name one, for example: my-model: {source: profile.json}")
        return Project(self.path, tuple(self.target(key, node, defaults) for key, node in named))

    def target(self, key: Node, node: Node, defaults: Mapping[str, Any]) -> Target:
        values = {**defaults, **self.values(node, _TARGET)}
        if "source" not in values:
            raise self.error(node, "source is missing; give a saved profile or a model")
        # A target that tightens one limit must not lose the others that hold for all.
        limits = [given["budget"] for given in (defaults, values) if "budget" in given]
        if limits:
            values["budget"] = limits[-1].or_else(limits[0])
        return Target(name=self.text(key), where=f"{self.path}:{key.start_mark.line + 1}", **values)

    def values(self, node: Node, keys: Mapping[str, _Key], required: Sequence[str] = ()) -> dict[str, Any]:
        entries = self.mapping(node, tuple(keys), required)
        return {keys[name].field: getattr(self, keys[name].read)(value) for name, value in entries.items()}

    def source(self, node: Node) -> Path:
        return self.path.parent / self.text(node)

    def rps(self, node: Node) -> float:
        value = self.above_zero(node)
        if value > MAX_RPS:
            raise self.error(node, f"{value:g} requests per second is beyond what is modelled ({MAX_RPS:g})")
        return float(value)

    def slo(self, node: Node) -> Slo:
        texts = self.texts(node)
        try:
            return Slo.parse(texts)
        except UsageError as error:
            raise self.error(node, str(error).replace("--slo ", "slo: ")) from None

    def size(self, node: Node) -> int:
        try:
            return parse_bytes(self.text(node), "150kB")
        except UsageError as error:
            raise self.error(node, str(error)) from None

    def duration(self, node: Node) -> float:
        try:
            return parse_milliseconds(self.text(node), "80ms")
        except UsageError as error:
            raise self.error(node, str(error)) from None

    def limit_ms(self, node: Node) -> float:
        value = self.duration(node)
        if not value > 0:
            raise self.error(node, "expected a duration above 0, for example 80ms")
        return value

    def money(self, node: Node) -> Decimal:
        return self.above_zero(node)

    def count(self, node: Node) -> int:
        return self.whole(node, 1)

    def days(self, node: Node) -> int:
        return self.whole(node, 0)

    def whole(self, node: Node, least: int) -> int:
        value = self.number(node)
        if value != value.to_integral_value() or value < least:
            raise self.error(node, f"expected a whole number from {least} on, got {value}")
        return int(value)

    def clouds(self, node: Node) -> tuple[str, ...]:
        return tuple(self.choice(item, self.providers, "provider") for item in self.one_or_more(node))

    def place(self, node: Node) -> str:
        return self.choice(node, ("internet", "in-region"), "place of clients")

    def quantities(self, node: Node) -> dict[str, float]:
        named = self.items(node, ("nat_hour",))
        if not named:
            raise self.error(node, "there is no quantity; name a rate, for example: include: {nat_hour: 730}")
        return {self.text(key): float(self.above_zero(value)) for key, value in named}

    def budget(self, node: Node) -> Budget:
        return Budget(**self.values(node, _BUDGET))

    def waivers(self, node: Node) -> tuple[Waiver, ...]:
        items = self.sequence(node, "waivers must be a list; begin each entry with '- check: …'")
        return tuple(Waiver(**self.values(item, _WAIVER, ("check", "until", "owner"))) for item in items)

    def check(self, node: Node) -> str:
        return self.choice(node, WAIVABLE, "check")

    def day(self, node: Node) -> str:
        text = self.text(node)
        try:
            if len(text) == len("2026-12-31"):
                return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
        raise self.error(node, f"expected a date such as 2026-12-31, got {text!r}")


_TEXT: Final = {"type": "string", "minLength": 1}
_TEXTS: Final = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_SIZE: Final = {"type": ["string", "integer"], "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*([kKmMgG][iI]?)?[bB]?\s*$", "minimum": 0}
_DURATION: Final = {"type": ["string", "number"], "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(us|ms|s)?\s*$", "minimum": 0}
_MONEY: Final = {"type": "number", "exclusiveMinimum": 0}

_BUDGET: Final[dict[str, _Key]] = {
    "max_monthly": _Key("max_monthly", "money", _MONEY, "A month, in the currency of the estimate."),
    "max_per_million": _Key("max_per_million", "money", _MONEY, "Per million inferences, in the currency of the estimate."),
    "max_p99": _Key("max_p99_ms", "limit_ms", _DURATION, "p99 latency, for example 80ms."),
    "max_price_age": _Key(
        "max_price_age_days", "days", {"type": "integer", "minimum": 0}, "Days; older prices make the gate inconclusive."
    ),
}
_WAIVER: Final[dict[str, _Key]] = {
    "check": _Key("check", "check", {"enum": list(WAIVABLE)}, "The check whose breach is waived."),
    "until": _Key("until", "day", {"type": "string", "format": "date"}, "The last day that the waiver holds."),
    "owner": _Key("owner", "text", _TEXT, "Who answers for it."),
    "reason": _Key("reason", "text", _TEXT, "Why."),
}
_TARGET: Final[dict[str, _Key]] = {
    "source": _Key("source", "source", _TEXT, "A saved profile or an .onnx model, relative to this file."),
    "rps": _Key("rps", "rps", {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_RPS}, "Mean requests a second."),
    "slo": _Key("slo", "slo", _TEXTS, "Latency promises, for example p99=100ms."),
    "regions": _Key("regions", "texts", _TEXTS, "Region, provider:region, or all. Left out: one a cloud."),
    "providers": _Key("providers", "clouds", _TEXTS, "Only these clouds."),
    "instances": _Key("instances", "texts", _TEXTS, "Only these instance types; globs work."),
    "payload_in": _Key("payload_in_bytes", "size", _SIZE, "Request size. Left out: the input tensors."),
    "payload_out": _Key("payload_out_bytes", "size", _SIZE, "Response size. Left out: the output tensors."),
    "log_size": _Key("log_bytes", "size", _SIZE, "Log volume of one request. Left out: 256B."),
    "clients": _Key(
        "clients",
        "place",
        {"enum": ["internet", "in-region"]},
        "Where callers are: internet (responses pay egress) or in-region.",
    ),
    "overhead": _Key("overhead_ms", "duration", _DURATION, "CPU time of the serving stack a request."),
    "min_replicas": _Key("min_replicas", "count", {"type": "integer", "minimum": 1}, "Fewest replicas. Left out: 1."),
    "include": _Key(
        "include",
        "quantities",
        {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}, "minProperties": 1},
        "Quantities a month of rates that no traffic tells of, for example nat_hour: 730.",
    ),
    "calibration": _Key("calibration", "source", _TEXT, "What was measured where it counts, relative to this file."),
    "budget": _Key("budget", "budget", {"$ref": "#/$defs/budget"}, "Limits that infercost gate judges by."),
    "waivers": _Key(
        "waivers", "waivers", {"type": "array", "items": {"$ref": "#/$defs/waiver"}}, "Breaches that someone answers for."
    ),
}


def build_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a project file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:infercost:schema:project:{PROJECT_VERSION}",
        "title": PROJECT_FILE,
        "description": "The project file of infercost: what is served, how much of it, and within which limits.",
        "type": "object",
        "properties": {
            "version": {"const": PROJECT_VERSION, "description": "Version of this form."},
            "defaults": {"$ref": "#/$defs/target", "description": "Holds for every target that does not say otherwise."},
            "targets": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"$ref": "#/$defs/target"},
                "description": "What is served, by a name of your own.",
            },
        },
        "required": ["version", "targets"],
        "additionalProperties": False,
        "$defs": {
            "target": _object(_TARGET),
            "budget": _object(_BUDGET),
            "waiver": _object(_WAIVER, ("check", "until", "owner")),
        },
    }


def _object(keys: Mapping[str, _Key], required: Sequence[str] = ()) -> dict[str, Any]:
    properties = {name: {**key.schema, "description": key.meaning} for name, key in keys.items()}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
