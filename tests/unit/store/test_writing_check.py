"""What could not be written is refused before the work is done, in the words used after it."""

from __future__ import annotations

import pytest

from infercost.domain.errors import OutputError
from infercost.store.writing import check_writable, write_atomic


@pytest.mark.parametrize(
    ("place", "reason"),
    [("", "is a folder"), ("no/such/out.json", "does not exist"), ("file.txt/out.json", "not a folder"), ("a\0b", "null")],
)
def test_it_refuses_what_writing_would_refuse(tmp_path, place, reason):
    (tmp_path / "file.txt").write_text("mine")
    target = f"{tmp_path}/{place}"
    with pytest.raises(OutputError, match=reason) as early:
        check_writable(target)
    with pytest.raises(OutputError) as late:
        write_atomic(target, b"x")
    assert str(early.value) == str(late.value)


def test_a_writable_place_is_left_as_it_was(tmp_path):
    (tmp_path / "old.json").write_text("old")
    check_writable(tmp_path / "old.json")
    check_writable(tmp_path / "new.json")
    check_writable("/dev/null")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"old.json": "old"}
