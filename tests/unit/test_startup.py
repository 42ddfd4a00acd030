from __future__ import annotations

import json
import subprocess
import sys

import pytest

ALLOWED = {"annotated_doc", "click", "colorama", "infercost", "shellingham", "typer", "typing_extensions"}
"""Everything outside the standard library that `infercost --help` may load."""

LOADED = """
import json, sys
before = set(sys.modules)
try:
    {code}
except SystemExit as exit:
    assert exit.code == 0, exit.code
print("\\n" + json.dumps(sorted(set(sys.modules) - before)))
"""
HELP = "sys.argv = ['infercost', '--help']; from infercost.__main__ import main; main()"


def loaded_by(code: str) -> set[str]:
    run = subprocess.run([sys.executable, "-c", LOADED.format(code=code)], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names


@pytest.mark.parametrize("code", ["import infercost", "import infercost.cli", HELP])
def test_loads_nothing_heavy(code):
    assert packages(loaded_by(code)) <= ALLOWED


def test_the_library_alone_loads_only_itself():
    modules = loaded_by("import infercost")
    assert packages(modules) == {"infercost"}
    assert not {"infercost.app", "infercost.domain.estimate"} & modules


def test_help_loads_no_use_case_and_no_cloud():
    modules = loaded_by(HELP)
    layers = {module.split(".")[1] for module in modules if module.startswith("infercost.")}
    assert layers <= {"__main__", "_version", "cli", "domain"}


def test_a_heavy_import_would_be_seen():
    assert "numpy" in packages(loaded_by("import numpy"))
