from __future__ import annotations

import sys

import pytest

from infercost.domain.errors import UsageError
from infercost.runtime.imports import import_object, is_reference, one_line


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_of_imports.py").write_text("class A:\n    b = 7\n")
    (tmp_path / "broken_of_imports.py").write_text("raise ValueError('two\\nlines')\n")
    yield tmp_path
    for name in ("mine_of_imports", "broken_of_imports"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("a:b", True),
        ("a.b:c.d", True),
        ("a.onnx", False),
        ("C:\\model", False),
        ("a:b:c", False),
        ("a:", False),
        ("1a:b", False),
    ],
)
def test_a_reference_is_a_module_and_a_name(text: str, is_one: bool) -> None:
    assert is_reference(text) is is_one


def test_a_file_of_that_name_is_the_file(here) -> None:
    (here / "a:b").write_text("")
    assert not is_reference("a:b")


def test_modules_in_the_working_directory_are_found_and_the_path_is_left_alone(here) -> None:
    before = list(sys.path)
    assert import_object("mine_of_imports:A.b") == 7
    assert sys.path == before


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("mine_of_imports:nothing", "has no 'nothing'"),
        ("no_such_module_at_all:x", "cannot import 'no_such_module_at_all'"),
        ("broken_of_imports:x", "ValueError: two lines"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(here, reference: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        import_object(reference)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_long_message_is_shortened() -> None:
    assert len(one_line(ValueError("x" * 999), longest=50)) <= 62
    assert one_line(KeyError()) == "KeyError"
