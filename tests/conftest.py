from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable

# ONNX Runtime reads it once, when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# A busy machine is not a bug: no example is failed for its time. Pythons beside the main one try fewer.
settings.register_profile("full", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.load_profile(os.environ.get("INFERCOST_TEST_EXAMPLES", "full"))

GOLDEN = Path(__file__).parent / "golden"


def pytest_configure() -> None:
    # A background job starts with interrupts ignored; so would all that tests start in order to interrupt it.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the files under tests/golden with what was produced")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare text with a file under tests/golden, or rewrite the file with --update-golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            return
        assert path.exists(), f"{path} is missing; run: pytest --update-golden"
        expected = path.read_text(encoding="utf-8")
        assert text == expected, f"{name} changed; look at it, then run: pytest --update-golden"

    return check
