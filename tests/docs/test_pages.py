"""Every code block of the README and of docs/ is run, in a folder that holds what a reader has.

The folder starts with ``model.onnx``, and pages run top to bottom, so a block may use what an earlier
one wrote. By language of the block:

- ``console``: each ``$ `` line runs in bash and must exit 0. Output below it, if shown, is compared
  line by line; ``...`` stands for anything and runs of blanks count as one.
- ``console`` without a ``$ ``, ``sh``, ``bash``: each line is such a command, without output.
- ``python``: runs in one namespace a page.
- ``yaml``: the one-line ``run:`` steps of a CI job run; 3 and 4 are exits of a gate that works.
  With a file name after the language, the block is written to that file.
- ``json``, ``toml``: must parse. ``text``, or no language: for reading.

Commands that set up an environment are left out: the build session of ``nox`` is their test.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

import infercost

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if p.parent.name != "adr")]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)[ ]*(?P<file>[^\n]*)\n(?P<body>.*?)^(?P=indent)```\s*$", re.M | re.S)
SETS_UP = re.compile(r"^(pip|pipx|uv|nox|git|python3? -m venv|source|\.|cd)\b")
STEP = re.compile(r"^\s*(?:- )?run: (?!\|)(?P<command>.+)$", re.M)
OUTPUT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
GATE_EXITS = {0, 3, 4}
TIMEOUT_S = 300


@dataclass(frozen=True)
class Block:
    """A fenced block and where it stands."""

    page: Path
    line: int
    language: str
    body: str
    file: str = ""

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command line and the output shown below it."""

    text: str
    expected: str = ""


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        indent = len(match["indent"])
        body = "".join(line[indent:] for line in match["body"].splitlines(keepends=True))
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, match["language"], body, match["file"].strip()))
    return found


def console_commands(body: str) -> list[Command]:
    """Commands after ``$ ``, continued by a trailing backslash, each with the lines below it."""
    commands: list[Command] = []
    for chunk in re.split(r"^\$ ", body, flags=re.M)[1:]:
        lines = chunk.splitlines()
        last = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
        commands.append(Command("\n".join(lines[: last + 1]), "\n".join(lines[last + 1 :])))
    return commands


def commands_of(block: Block) -> list[Command]:
    if block.language == "console" and re.search(r"^\$ ", block.body, flags=re.M):
        return console_commands(block.body)
    if block.language in {"console", "sh", "bash"}:
        return [Command(line) for line in block.body.splitlines() if line.strip() and not line.startswith("#")]
    return [Command(match["command"]) for match in STEP.finditer(block.body)]


def without_set_up(text: str) -> str:
    """``pip install . && infercost demo`` is ``infercost demo`` here: the tool is installed already."""
    return " && ".join(part for part in text.split(" && ") if not SETS_UP.match(part.strip()))


class Reader:
    """Someone who follows one page in one folder."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("INFERCOST_")}
        self.env |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "INFERCOST_CACHE_DIR": str(cache),
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }
        copyfile(infercost.demo_model(), folder / "model.onnx")

    def follow(self, block: Block) -> None:
        match block.language:
            case "yaml" if block.file:
                (self.folder / block.file).write_text(block.body, encoding="utf-8")
            case "console" | "sh" | "bash" | "yaml":
                for command in commands_of(block):
                    self.type(command, block)
            case "python":
                # The blank lines make a traceback name the page's own line.
                exec(compile("\n" * block.line + block.body, str(block.page), "exec"), self.names)
            case "json":
                json.loads(block.body)
            case "toml":
                tomllib.loads(block.body)
            case "text" | "":
                pass
            case other:
                pytest.fail(f"{block.where}: no way to check a block of language {other!r}")

    def type(self, command: Command, block: Block) -> None:
        text = without_set_up(command.text)
        if not text:
            return
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        allowed = GATE_EXITS if block.language == "yaml" else {0}
        assert done.returncode in allowed, f"{block.where}: exit {done.returncode} of: {text}\n{done.stdout}"
        if command.expected.strip():
            same = doctest.OutputChecker().check_output(command.expected + "\n", done.stdout, OUTPUT)
            assert same, f"{block.where}: {text}\nshown:\n{command.expected}\nprinted:\n{done.stdout}"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One profile cache for all pages: the same model is measured once."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(cache))
    reader = Reader(tmp_path, cache)
    for block in blocks_of(page):
        reader.follow(block)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    dead = [t for t in targets if t and "://" not in t and not t.startswith("mailto:") and not (page.parent / t).exists()]
    assert not dead


def test_a_wrong_output_is_noticed(tmp_path: Path, cache: Path) -> None:
    reader = Reader(tmp_path, cache)
    block = Block(ROOT / "README.md", 1, "console", "$ echo one; echo two\none\n...\n$ echo three\nfour\n")
    reader.type(commands_of(block)[0], block)
    with pytest.raises(AssertionError, match="four"):
        reader.follow(block)


def test_a_failing_command_is_noticed(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(AssertionError, match="exit 3"):
        Reader(tmp_path, cache).follow(Block(ROOT / "README.md", 1, "sh", "exit 3\n"))


def test_a_command_may_go_on_over_lines() -> None:
    (command,) = console_commands("$ infercost estimate model.onnx \\\n    --rps 50\nrank\n")
    assert command == Command("infercost estimate model.onnx \\\n    --rps 50", "rank")


def test_set_up_is_left_to_the_build_session() -> None:
    assert without_set_up("pip install . && infercost demo") == "infercost demo"
    assert without_set_up("pip install nox && nox") == ""
    assert without_set_up("nothing && to set up") == "nothing && to set up"
