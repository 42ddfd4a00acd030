"""Write the published JSON Schemas and their reference page from the domain's dataclasses.

Run it after changing a dataclass: ``python scripts/build_schemas.py``. With ``--check`` nothing
is written, and the exit status is 1 when a file is not what it would write.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from infercost.domain.endpoint import Endpoint
from infercost.domain.units import SCHEMA_VERSION
from infercost.store.artifacts import KINDS
from infercost.store.project import build_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "src" / "infercost" / "schemas"
REFERENCE = ROOT / "docs" / "reference" / "json.md"

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DECIMAL = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"}

INTRODUCTION = """\
# JSON artifacts

<!-- Written by scripts/build_schemas.py from the dataclasses of infercost.domain. Do not edit. -->

Every artifact is one JSON object that begins with `schema_version` and `kind`. The names are a
contract: fields are added freely, never renamed and never given another meaning within a
`schema_version`. A reader should ignore fields that it does not know.

- Money and other exact amounts are decimals, written as strings (`"0.0612"`).
- What is not known is `null`, never 0. A missing price is `null` with the reason in `note`.
- Names carry their unit: `_ms` milliseconds, `_s` seconds, `_bytes` bytes, `_rps` requests a second.
- `optional` in the tables below: infercost always writes the field, and reads files without it.
- A file above 4 MiB is written without indentation.
- Infercost reads its own and older schema versions; a newer one is refused with advice to upgrade.

The JSON Schemas (draft 2020-12) ship in the package: `infercost schema estimate` prints one, and
`infercost schema project` that of [infercost.yml](../howto/project-file.md), `infercost schema endpoint`
that of [endpoint.yml](../howto/plan-capacity.md).
"""


def main(arguments: list[str]) -> int:
    outputs = {SCHEMAS / f"{kind}.schema.json": as_text(build(kind)) for kind in KINDS}
    outputs[SCHEMAS / "project.schema.json"] = as_text(build_schema())
    outputs[SCHEMAS / "endpoint.schema.json"] = as_text(strict(build("endpoint", Endpoint)))
    outputs[REFERENCE] = reference()
    stale = [path for path, text in outputs.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is not fresh; run: python scripts/build_schemas.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(outputs[path], encoding="utf-8", newline="\n")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


def as_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def build(kind: str, root: type | None = None) -> dict[str, Any]:
    """The schema of one kind of artifact: its own object at the top, the rest under ``$defs``."""
    root = root or KINDS[kind]
    (reference_,), components = msgspec.json.schema_components((root,), ref_template="#/$defs/{name}")
    definitions = {name: polish(components[name], classes_of(root)[name]) for name in sorted(components)}
    top = definitions.pop(reference_["$ref"].rpartition("/")[2])
    pin_header(top, kind)
    for definition in definitions.values():
        if {"schema_version", "kind"} <= definition["properties"].keys():
            pin_header(definition, definition["properties"]["kind"]["enum"][0])
    head = {
        "$schema": DIALECT,
        "$id": f"urn:infercost:schema:{kind}:{SCHEMA_VERSION}",
        "title": f"infercost {kind}",
    }
    return head | {key: value for key, value in top.items() if key != "title"} | {"$defs": definitions}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """For a file that people write: no key but those named, and an amount may be a plain number."""

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        if node.get("pattern") == DECIMAL["pattern"]:
            return {**node, "type": ["string", "number"]}
        closed = {"additionalProperties": False} if "properties" in node and node.get("type") == "object" else {}
        return {key: walk(value) for key, value in node.items()} | closed

    return walk(schema)


def pin_header(definition: dict[str, Any], kind: str) -> None:
    """``schema_version`` and ``kind`` first, required and constant: they say what the document is."""
    properties = definition["properties"]
    first = {
        "schema_version": {"const": SCHEMA_VERSION, "description": "Version of this form."},
        "kind": {"const": kind, "description": "What the document is."},
    }
    definition["properties"] = first | {key: value for key, value in properties.items() if key not in first}
    definition["required"] = [*first, *(name for name in definition["required"] if name not in first)]


def classes_of(root: type) -> dict[str, type]:
    """Every dataclass that a root reaches, by name."""
    found: dict[str, type] = {}

    def visit(node: Any) -> None:
        if isinstance(node, msgspec.inspect.DataclassType):
            if node.cls.__name__ not in found:
                found[node.cls.__name__] = node.cls
                for field in node.fields:
                    visit(field.type)
            return
        for name in ("item_type", "key_type", "value_type"):
            if hasattr(node, name):
                visit(getattr(node, name))
        for name in ("types", "item_types"):
            for part in getattr(node, name, ()):
                visit(part)

    visit(msgspec.inspect.type_info(root))
    return found


def polish(definition: dict[str, Any], cls: type) -> dict[str, Any]:
    """Declared order, the docstrings as descriptions, decimals as patterned strings."""
    definition = walk_decimals(definition)
    definition["description"] = plain(inspect.getdoc(cls) or "")
    documented = attribute_docstrings(cls)
    order = list(cls.__dataclass_fields__)
    properties = {}
    for name in order:
        entry = definition["properties"][name]
        text = documented.get(name)
        properties[name] = entry | {"description": plain(text)} if text else entry
    definition["properties"] = properties
    definition["required"] = [name for name in order if name in definition.get("required", ())]
    return {key: definition[key] for key in ("title", "description", "type", "properties", "required")}


def walk_decimals(node: Any) -> Any:
    if isinstance(node, dict):
        if node.get("format") == "decimal":
            return {**DECIMAL, **{key: value for key, value in node.items() if key not in {"type", "format"}}}
        return {key: walk_decimals(value) for key, value in node.items()}
    return [walk_decimals(value) for value in node] if isinstance(node, list) else node


def attribute_docstrings(cls: type) -> dict[str, str]:
    """The string that follows each annotated field in the class's source."""
    body = ast.parse(inspect.getsource(sys.modules[cls.__module__])).body
    node = next(item for item in body if isinstance(item, ast.ClassDef) and item.name == cls.__name__)
    found = {}
    for field, after in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[field.target.id] = after.value.value
    return found


def plain(text: str) -> str:
    """One paragraph, in the words of JSON: ``None`` is null, and double backquotes are single ones."""
    return re.sub(r"\bNone\b", "null", re.sub(r"\s+", " ", text)).strip().replace("``", "`")


def reference() -> str:
    parts = [INTRODUCTION]
    described: set[str] = set()
    for kind in KINDS:
        schema = build(kind)
        parts.append(f"\n## {kind}\n\n{schema['description']}\n\n{table(schema)}")
        for name, definition in in_order(schema):
            if name not in described and name.lower() not in KINDS:
                described.add(name)
                parts.append(f"\n### {name}\n\n{definition['description']}\n\n{table(definition)}")
    return "".join(parts)


def in_order(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Definitions in the order in which a reader of the document meets them."""
    definitions, seen = schema["$defs"], set()

    def visit(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        names = [name for entry in node["properties"].values() for name in re.findall(r"#/\$defs/(\w+)", json.dumps(entry))]
        for name in names:
            if name not in seen:
                seen.add(name)
                yield name, definitions[name]
                yield from visit(definitions[name])

    return visit(schema)


def table(definition: dict[str, Any]) -> str:
    rows = ["| field | type | meaning |", "|---|---|---|"]
    for name, entry in definition["properties"].items():
        optional = "" if name in definition["required"] else ", optional"
        meaning = entry.get("description", "").replace("|", "&#124;")
        rows.append(f"| `{name}` | {type_name(entry)}{optional} | {meaning} |")
    return "\n".join(rows) + "\n"


def type_name(entry: dict[str, Any]) -> str:
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in entry:
        return " or ".join(type_name(option) for option in entry["anyOf"])
    if "const" in entry:
        return f"`{json.dumps(entry['const'])}`"
    if "enum" in entry:
        return ", ".join(f"`{json.dumps(value)}`" for value in entry["enum"])
    if entry.get("pattern") == DECIMAL["pattern"]:
        return "decimal"
    if entry.get("type") == "array":
        return f"list of {type_name(entry['items'])}" if entry.get("items") else "list"
    if entry.get("type") == "object" and "additionalProperties" in entry:
        return f"object of {type_name(entry['additionalProperties'])}"
    kind = entry.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else kind


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
