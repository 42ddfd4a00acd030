"""``infercost-discounts.yml``: what a user pays less than the list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infercost.domain.discount import Commitment, Discounts, FreeTier, Percentage, PrivatePrice
from infercost.store.yaml_file import NodeReader, compose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from yaml.nodes import Node

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
    root = compose(path, option="--discounts", guide="docs/howto/discounts.md")
    if root is None:
        return Discounts(source=str(path))
    return _Reader(path, tuple(sorted(providers))).discounts(root)


class _Reader(NodeReader):
    """Turns nodes into discounts."""

    def __init__(self, path: Path, providers: tuple[str, ...]) -> None:
        super().__init__(path)
        self.providers = providers

    def discounts(self, root: Node) -> Discounts:
        entries = self.mapping(root, ("version", *_SECTIONS), required=("version",))
        if self.number(entries["version"]) != DISCOUNTS_VERSION:
            raise self.error(entries["version"], f"this release reads version {DISCOUNTS_VERSION}")
        found = {name: tuple(self.section(name, entries[name])) for name in _SECTIONS if name in entries}
        return Discounts(**found, source=str(self.path))

    def section(self, name: str, node: Node) -> Iterable[Any]:
        cls, fields, required = _SECTIONS[name]
        for item in self.sequence(node, f"{name} must be a list; begin each entry with '- provider: …'"):
            entries = self.mapping(item, tuple(fields), required=required)
            values = {key: getattr(self, fields[key])(value) for key, value in entries.items()}
            if cls is PrivatePrice and ("instance" in values) == ("service" in values):
                raise self.error(item, "a private price names either an instance or a service")
            yield cls(**values)

    def percent(self, node: Node) -> Decimal:
        value = self.number(node)
        if not 0 <= value <= 100:
            raise self.error(node, f"expected 0 … 100 %, got {value}")
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
