"""YAML files that people write by hand.

Read as nodes, not as values, so that an error names the line and the column it is about, and
numbers and dates stay the text that was written.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import TYPE_CHECKING

from infercost.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from yaml.nodes import MappingNode, Node

__all__ = ["NodeReader", "compose"]


def compose(path: Path, *, option: str, guide: str) -> Node | None:
    """The root of a YAML file; None when it holds nothing.

    Args:
        path: the file.
        option: the option that names such a file, for the error when it cannot be read.
        guide: the page that explains such a file, for the error when it is not YAML.

    Raises:
        UsageError: it cannot be read, or is not YAML.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise UsageError(f"cannot read {path}: {reason}; check the path of {option}") from None
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)  # type: ignore[no-any-return, unused-ignore]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UsageError(f"{where}: not YAML: {error.problem}; see {guide}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}; see {guide}") from None


class NodeReader:
    """Turns nodes into values; every complaint names file, line and column."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def error(self, node: Node, reason: str) -> UsageError:
        """What is wrong, with its place."""
        mark = node.start_mark
        return UsageError(f"{self.path}:{mark.line + 1}:{mark.column + 1}: {reason}")

    def mapping(self, node: Node, known: Sequence[str], required: Sequence[str] = ()) -> dict[str, Node]:
        """The entries of a mapping whose keys are ``known``."""
        entries = {}
        for key, value in self.items(node, known):
            if str(key.value) not in known:
                raise self.error(key, f"unknown key {str(key.value)!r}; {_nearest(str(key.value), known)}")
            entries[str(key.value)] = value
        missing = [key for key in required if key not in entries]
        if missing:
            raise self.error(node, f"{missing[0]} is missing")
        return entries

    def items(self, node: Node, examples: Sequence[str]) -> list[tuple[Node, Node]]:
        """The keys and values of a mapping with any keys, none of them twice."""
        from yaml.nodes import MappingNode

        if not isinstance(node, MappingNode):
            raise self.error(node, f"expected keys such as {', '.join(examples[:3])}")
        self._refuse_twice(node)
        return list(node.value)

    def _refuse_twice(self, node: MappingNode) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise self.error(key, f"{key.value} is given twice")
            seen.add(str(key.value))

    def sequence(self, node: Node, refusal: str) -> list[Node]:
        """The items of a list."""
        from yaml.nodes import SequenceNode

        if not isinstance(node, SequenceNode):
            raise self.error(node, refusal)
        return list(node.value)

    def text(self, node: Node) -> str:
        """A word or more."""
        from yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode) or not node.value.strip():
            raise self.error(node, "expected a word")
        return str(node.value).strip()

    def one_or_more(self, node: Node) -> list[Node]:
        """The items of a list, or the single one that stands in its place."""
        from yaml.nodes import SequenceNode

        if not isinstance(node, SequenceNode):
            return [node]
        if not node.value:
            raise self.error(node, "the list is empty; leave the key out to mean all")
        return list(node.value)

    def texts(self, node: Node) -> tuple[str, ...]:
        """A list of words, or a single one."""
        return tuple(self.text(item) for item in self.one_or_more(node))

    def number(self, node: Node) -> Decimal:
        """Exactly the decimal that was written."""
        try:
            value = Decimal(self.text(node).removesuffix("%").strip().replace("_", ""))
        except InvalidOperation:
            raise self.error(node, f"expected a number, got {node.value!r}") from None
        if not value.is_finite():
            raise self.error(node, f"expected a number, got {node.value!r}")
        return value

    def above_zero(self, node: Node) -> Decimal:
        """A number above 0."""
        value = self.number(node)
        if value <= 0:
            raise self.error(node, f"expected a number above 0, got {value}")
        return value

    def choice(self, node: Node, known: Sequence[str], what: str) -> str:
        """One of several words."""
        text = self.text(node)
        if text not in known:
            raise self.error(node, f"unknown {what} {text!r}; {_nearest(text, known)}")
        return text


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
