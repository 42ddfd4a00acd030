"""``endpoint.yml``: the desired endpoint, as people and ``infercost plan`` write it.

The file has the form of :class:`~infercost.domain.endpoint.Endpoint`, key by key. Whatever is wrong in it is said
with line, column and, for a key that does not exist, the nearest one that does.
"""

from __future__ import annotations

import dataclasses
import re
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

import msgspec

from infercost.domain.endpoint import Endpoint
from infercost.domain.errors import UsageError
from infercost.domain.scaling import DAYS
from infercost.domain.units import SCHEMA_VERSION
from infercost.store.writing import write_atomic
from infercost.store.yaml_file import NodeReader, compose

if TYPE_CHECKING:
    import os

    from yaml.nodes import Node

__all__ = ["ENDPOINT_FILE", "GUIDE", "format_endpoint", "read_endpoint", "write_endpoint"]

ENDPOINT_FILE: Final = "endpoint.yml"
GUIDE: Final = "docs/howto/plan-capacity.md"

_STEP: Final = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[\.\.\.\]")
_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_OPEN_KEYS: Final = frozenset({"tags", "cloud", "settings"})
"""Mappings whose keys are the user's own."""


def read_endpoint(path: str | os.PathLike[str]) -> Endpoint:
    """Read and check an endpoint file.

    Raises:
        UsageError: it cannot be read, or something in it cannot be; the message names file, line and column.
    """
    file = Path(path)
    root = compose(file, option="endpoint.yml", guide=GUIDE)
    if root is None:
        raise UsageError(f"{file} is empty; make one with: infercost plan profile.json --traffic … --out {file}")
    reader = _Reader(file)
    values = reader.plain(root)
    reader.refuse_unknown(root, Endpoint)
    try:
        endpoint = msgspec.convert(values, Endpoint, strict=False)
    except msgspec.ValidationError as error:
        raise reader.located(root, str(error)) from None
    reader.check(root, endpoint)
    return endpoint


def format_endpoint(endpoint: Endpoint) -> str:
    """The text of an endpoint file. What has its default value is left out."""
    head = f"# An endpoint for infercost deploy. Written by infercost {_author(endpoint)}; every key: {GUIDE}\n"
    body = _dumped(endpoint, readable=True)
    # Raw, these would be read as ends of lines.
    return head + (_dumped(endpoint, readable=False) if _BREAKS.search(body) else body)


def _dumped(endpoint: Endpoint, *, readable: bool) -> str:
    import yaml

    text = StringIO()
    yaml.dump(_shown(endpoint), text, Dumper=yaml.SafeDumper, sort_keys=False, allow_unicode=readable, width=120)
    return text.getvalue()


def write_endpoint(endpoint: Endpoint, path: str | os.PathLike[str]) -> None:
    """Write an endpoint file atomically.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomic(path, format_endpoint(endpoint).encode())


def _author(endpoint: Endpoint) -> str:
    planned = endpoint.planned_for
    return f"{planned.infercost_version} plan" if planned else "deploy"


def _shown(value: Any) -> Any:
    """Plain values for YAML, without what is at its default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = {}
        for field in dataclasses.fields(value):
            held = getattr(value, field.name)
            always = field.name in {"schema_version", "kind"}
            default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
            if always or held != default:  # what has no default is always shown
                shown[field.name] = None if held is None else _shown(held)
        return shown
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return float(value) if float(value) % 1 else int(value)


class _Reader(NodeReader):
    """Turns nodes into plain values, and the path of a complaint into its place."""

    def plain(self, node: Node) -> Any:
        """The value of a node. Times of the day stay text, which YAML would take for sixties."""
        import yaml
        from yaml.nodes import MappingNode, SequenceNode

        if isinstance(node, MappingNode):
            return {str(key.value): self.plain(value) for key, value in self.items(node, ("name", "model", "provider"))}
        if isinstance(node, SequenceNode):
            return [self.plain(item) for item in node.value]
        if ":" in node.value or node.tag.endswith((":timestamp", ":binary")):
            return str(node.value)
        loader = yaml.SafeLoader("")
        try:
            value = loader.construct_object(node)  # type: ignore[no-untyped-call, unused-ignore]
        except (ValueError, yaml.YAMLError):
            raise self.error(node, f"cannot read {node.value!r}") from None
        finally:
            loader.dispose()  # type: ignore[no-untyped-call, unused-ignore]
        if isinstance(value, float) and not isfinite(value):
            raise self.error(node, f"{node.value} is not a finite number")
        return value

    def refuse_unknown(self, node: Node, type_: Any) -> None:
        """Complain of keys that the form does not have, at any depth."""
        from yaml.nodes import MappingNode, SequenceNode

        if isinstance(node, SequenceNode):
            for item in node.value:
                self.refuse_unknown(item, _inner(type_))
        cls = _dataclass_of(type_)
        if cls is None or not isinstance(node, MappingNode):
            return
        hints = get_type_hints(cls)
        self.mapping(node, tuple(hints))
        for key, value in node.value:
            if key.value not in _OPEN_KEYS:
                self.refuse_unknown(value, hints[key.value])

    def located(self, root: Node, message: str) -> UsageError:
        """A complaint of the decoder, with the place that its path leads to."""
        reason, _, path = message.partition(" - at ")
        reason = reason[:1].lower() + reason[1:]
        return self.error(self.find(root, path.strip("`")), f"{_words(reason)}{_at(path)}; see {GUIDE}")

    def find(self, root: Node, path: str) -> Node:
        """The deepest node on a path such as ``$.scaling[0].target``."""
        from yaml.nodes import MappingNode, SequenceNode

        node = root
        for name, index in _STEP.findall(path):
            if isinstance(node, MappingNode) and name:
                found = [value for key, value in node.value if key.value == name]
            elif isinstance(node, SequenceNode) and index:
                found = node.value[int(index) : int(index) + 1]
            else:
                found = []
            if not found:
                break
            node = found[0]
        return node

    def check(self, root: Node, endpoint: Endpoint) -> None:
        """What a type cannot say."""
        if endpoint.schema_version > SCHEMA_VERSION:
            raise self.error(
                self.find(root, "$.schema_version"),
                f"written by a newer infercost (this one reads up to {SCHEMA_VERSION}); run: pip install --upgrade infercost",
            )
        for path, wrong, reason in _faults(endpoint):
            if wrong:
                raise self.error(self.find(root, path), reason)


def _faults(endpoint: Endpoint) -> list[tuple[str, bool, str]]:
    """What may be wrong: where, whether it is, and how to say so."""
    limits, serving = endpoint.replicas, endpoint.serving
    initial = limits.initial if limits.initial is not None else max(limits.min, 1)
    faults = [
        ("$.name", not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,62}", endpoint.name), "a name is up to 63 letters, digits and -"),
        *((f"$.{key}", not text.strip(), "there is nothing in it") for key, text in (
            ("model.path", endpoint.model.path), ("provider", endpoint.provider), ("region", endpoint.region),
            ("instance", endpoint.instance),
        )),
        ("$.currency", not re.fullmatch(r"[A-Z]{3}", endpoint.currency), "a currency has three letters, like USD"),
        ("$.replicas.min", limits.min < 0, "the fewest replicas cannot be below 0"),
        ("$.replicas.max", limits.max < max(limits.min, 1), "the most replicas must be at least 1 and not below min"),
        ("$.replicas.initial", not limits.min <= initial <= limits.max, "initial must lie between min and max"),
        ("$.serving", min(serving.workers, serving.threads, serving.max_batch) < 1, "workers, threads and batch begin at 1"),
        ("$.serving.max_delay_ms", serving.max_delay_ms < 0, "max_delay_ms cannot be negative"),
        ("$.max_monthly", endpoint.max_monthly is not None and endpoint.max_monthly <= 0, "a budget must be above 0"),
        ("$.replicas", not endpoint.scaling and not endpoint.schedule and limits.min < limits.max and limits.initial is None,
         "min and max differ and nothing scales between them; give scaling, or the number in initial"),
    ]  # fmt: skip
    for i, policy in enumerate(endpoint.scaling):
        faults.append((f"$.scaling[{i}].target", policy.target <= 0, "a target must be above 0"))
    for i, entry in enumerate(endpoint.schedule):
        faults += [
            (f"$.schedule[{i}].at", not _TIME.fullmatch(entry.at), "a time is written like '08:00' (UTC)"),
            (f"$.schedule[{i}].days", not entry.days, f"the list is empty; days are {', '.join(DAYS)}"),
            (f"$.schedule[{i}]", not 0 <= entry.min_replicas <= entry.max_replicas, "min_replicas must not pass max_replicas"),
        ]
    return faults


def _dataclass_of(type_: Any) -> type | None:
    """The dataclass that a hint is, or holds beside None."""
    options = get_args(type_) if get_origin(type_) is not None else (type_,)
    found = [option for option in options if isinstance(option, type) and dataclasses.is_dataclass(option)]
    return found[0] if found and get_origin(type_) not in {tuple, dict} else None


def _inner(type_: Any) -> Any:
    """What a sequence holds."""
    return next(iter(get_args(type_)), Any)


def _words(reason: str) -> str:
    """The decoder's complaint in the words of the file."""
    missing = re.search(r"missing required field `(\w+)`", reason)
    return f"{missing[1]} is missing" if missing else reason.replace("`", "").replace("object", "keys and values")


def _at(path: str) -> str:
    inner = path.strip("`").removeprefix("$").lstrip(".")
    return f" (at {inner})" if inner else ""
