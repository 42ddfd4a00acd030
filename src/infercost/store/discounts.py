"""``infercost-discounts.yml``: what a user pays less than the list.

Read as YAML nodes, not as values, so that an error names the line and the column it is about and
numbers stay the decimals that were written.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infercost.domain.discount import Commitment, Discounts, FreeTier, Percentage, PrivatePrice
from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from yaml.nodes import MappingNode, Node

__all__ = ["DISCOUNTS_FILE", "find_discounts", "read_discounts"]

DISCOUNTS_FILE = "infercost-discounts.yml"
DISCOUNTS_VERSION = 1


def find_discounts(folder: Path | None = None) -> Path | None:
    """The file in a folder (the working directory, if none is named); None when there is none."""
    path = (folder or Path()) / DISCOUNTS_FILE
    return path if path.is_file() else None


def read_discounts(path: Path, providers: Iterable[str]) -> Discounts:
    """Read a file of discounts.

    Args:
        path: the file.
        providers: names that ``provider`` may have.

    Raises:
        UsageError: it cannot be read; the message names line, column and, for a wrong name, the nearest right one.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise UsageError(f"cannot read {path}: {reason}; check the path of --discounts") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UsageError(f"{where}: not YAML: {error.problem}; see docs/howto/discounts.md") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}; see docs/howto/discounts.md") from None
    if root is None:
        return Discounts(source=str(path))
    return _Reader(path, tuple(sorted(providers))).discounts(root)


class _Reader:
    """Turns nodes into discounts; every complaint names where."""

    def __init__(self, path: Path, providers: tuple[str, ...]) -> None:
        self.path = path
        self.providers = providers

    def discounts(self, root: Node) -> Discounts:
        entries = self.mapping(root, ("version", *_SECTIONS), required=("version",))
        if self.number(entries["version"]) != DISCOUNTS_VERSION:
            raise self.error(entries["version"], f"this release reads version {DISCOUNTS_VERSION}")
        found = {name: tuple(self.section(name, entries[name])) for name in _SECTIONS if name in entries}
        return Discounts(**found, source=str(self.path))

    def section(self, name: str, node: Node) -> Iterable[Any]:
        from yaml.nodes import SequenceNode

        if not isinstance(node, SequenceNode):
            raise self.error(node, f"{name} must be a list; begin each entry with '- provider: …'")
        cls, fields, required = _SECTIONS[name]
        for item in node.value:
            entries = self.mapping(item, tuple(fields), required=required)
            values = {key: getattr(self, fields[key])(value) for key, value in entries.items()}
            if cls is PrivatePrice and ("instance" in values) == ("service" in values):
                raise self.error(item, "a private price names either an instance or a service")
            yield cls(**values)

    def mapping(self, node: Node, known: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Node]:
        from yaml.nodes import MappingNode

        if not isinstance(node, MappingNode):
            raise self.error(node, f"expected keys such as {', '.join(known[:3])}")
        entries = self.unique(node, known)
        missing = [key for key in required if key not in entries]
        if missing:
            raise self.error(node, f"{missing[0]} is missing")
        return entries

    def unique(self, node: MappingNode, known: tuple[str, ...]) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                raise self.error(key, f"unknown key {name!r}; {_nearest(name, known)}")
            if name in entries:
                raise self.error(key, f"{name} is given twice")
            entries[name] = value
        return entries

    def error(self, node: Node, reason: str) -> UsageError:
        mark = node.start_mark
        return UsageError(f"{self.path}:{mark.line + 1}:{mark.column + 1}: {reason}")

    def text(self, node: Node) -> str:
        from yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode) or not node.value.strip():
            raise self.error(node, "expected a word")
        return str(node.value).strip()

    def texts(self, node: Node) -> tuple[str, ...]:
        from yaml.nodes import SequenceNode

        if not isinstance(node, SequenceNode):
            return (self.text(node),)
        if not node.value:
            raise self.error(node, "the list is empty; leave the key out to mean all")
        return tuple(self.text(item) for item in node.value)

    def number(self, node: Node) -> Decimal:
        try:
            value = Decimal(self.text(node).removesuffix("%").strip().replace("_", ""))
        except InvalidOperation:
            raise self.error(node, f"expected a number, got {node.value!r}") from None
        if not value.is_finite():
            raise self.error(node, f"expected a number, got {node.value!r}")
        return value

    def percent(self, node: Node) -> Decimal:
        value = self.number(node)
        if not 0 <= value <= 100:
            raise self.error(node, f"expected 0 … 100 %, got {value}")
        return value

    def above_zero(self, node: Node) -> Decimal:
        value = self.number(node)
        if value <= 0:
            raise self.error(node, f"expected a number above 0, got {value}")
        return value

    def provider(self, node: Node) -> str:
        return self.choice(node, self.providers, "provider")

    def kind(self, node: Node) -> str:
        return self.choice(node, ("savings_plan", "cud", "reservation"), "kind")

    def term(self, node: Node) -> str:
        return self.choice(node, ("1y", "3y"), "term")

    def currency(self, node: Node) -> str:
        text = self.text(node)
        if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
            raise self.error(node, f"expected a currency such as USD, got {text!r}")
        return text

    def choice(self, node: Node, known: tuple[str, ...], what: str) -> str:
        text = self.text(node)
        if text not in known:
            raise self.error(node, f"unknown {what} {text!r}; {_nearest(text, known)}")
        return text


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


_Section = tuple["Callable[..., Any]", "Mapping[str, str]", tuple[str, ...]]
_SECTIONS: Final[dict[str, _Section]] = {
    "percentages": (
        Percentage,
        {"provider": "provider", "services": "texts", "percent": "percent", "note": "text"},
        ("provider", "percent"),
    ),
    "commitments": (
        Commitment,
        {
            "provider": "provider",
            "kind": "kind",
            "term": "term",
            "percent": "percent",
            "coverage": "percent",
            "regions": "texts",
            "instances": "texts",
            "note": "text",
        },
        ("provider", "kind", "term", "percent", "coverage"),
    ),
    "free_tiers": (
        FreeTier,
        {"provider": "provider", "service": "text", "quantity": "above_zero", "note": "text"},
        ("provider", "service", "quantity"),
    ),
    "private_prices": (
        PrivatePrice,
        {
            "provider": "provider",
            "instance": "text",
            "service": "text",
            "regions": "texts",
            "price": "above_zero",
            "currency": "currency",
            "note": "text",
        },
        ("provider", "price"),
    ),
}
"""For each section: its class, the reader of each key, and the keys that must be there."""
