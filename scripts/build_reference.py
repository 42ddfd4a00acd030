"""Write docs/reference/cli.md from the command line itself.

``python scripts/build_reference.py`` writes it; with ``--check`` it exits 1 when the file is stale.
It reads the commands' parameters and not their ``--help``, so that Typer's layout may change freely.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import typer.main

from infercost.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = """\
# Command line

<!-- Written by scripts/build_reference.py from the commands; do not edit. -->

{summary}

Data goes to stdout; progress, warnings and the verdict go to stderr. Colour and progress bars appear
on a terminal only, and `NO_COLOR` is honoured. Options that name an environment variable take it when
the option is not given.

{epilog}
"""
STATED_DEFAULT = re.compile(r"\s*\[default: (?P<value>[^\]]+)\]")


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def default_of(parameter: Any) -> str:
    """The default as a person would type it; empty where there is none to type."""
    stated = STATED_DEFAULT.search(parameter.help or "")
    if stated:
        return stated["value"]
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value is False:
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}`"
    else:
        name = ", ".join(f"`{option}`" for option in sorted(parameter.opts, key=len, reverse=True))
    meaning = STATED_DEFAULT.sub("", parameter.help or "")
    variable = f"`{parameter.envvar}`" if parameter.envvar else ""
    return f"| {name} | {cell(meaning)} | {cell(default_of(parameter))} | {variable} |"


def sections(name: str, command: Any) -> list[str]:
    """The command's section, or those of a group's commands below a heading of the group's own."""
    if not hasattr(command, "commands"):
        return [section(name, command)]
    head = f"## infercost {name}\n\n{inspect.cleandoc(command.help or '')}\n"
    return [head, *(part for sub, child in command.commands.items() for part in sections(f"{name} {sub}", child))]


def section(name: str, command: Any) -> str:
    parameters = [p for p in command.params if not p.hidden]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    usage = " ".join(["infercost", name, *(p.name.upper() for p in arguments), "[OPTIONS]"])
    lines = [f"## infercost {name}", "", inspect.cleandoc(command.help or ""), "", "```text", usage, "```", ""]
    if parameters:
        lines += ["| | meaning | default | environment |", "| --- | --- | --- | --- |", *map(row, parameters), ""]
    return "\n".join(lines)


def page() -> str:
    root = typer.main.get_command(app)
    head = HEAD.format(summary=inspect.cleandoc(root.help or ""), epilog=inspect.cleandoc(root.epilog or ""))
    commands: dict[str, Any] = getattr(root, "commands", {})
    parts = [part for name, command in commands.items() for part in sections(name, command)]
    return "\n".join([head, *parts]).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write docs/reference/cli.md from the command line itself.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    if parser.parse_args().check:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
            sys.exit(f"{PAGE.name} is stale; run: python scripts/build_reference.py")
        return
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
