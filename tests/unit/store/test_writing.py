from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from infercost.domain.errors import OutputError
from infercost.store import writing
from infercost.store.writing import write_atomic

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")


def failing(code: int):
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_file_is_written_and_nothing_else_is_left(tmp_path):
    write_atomic(tmp_path / "a.json", b"data")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"data"


def test_a_new_file_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_an_existing_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o604)
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_link_to_nothing_creates_its_target(tmp_path):
    (tmp_path / "link").symlink_to("later")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "later").read_bytes() == b"new"


def test_a_loop_of_links_is_one_line(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OutputError, match="cannot write"):
        write_atomic(tmp_path / "a", b"x")


def test_a_device_is_written_through_and_stays_a_device():
    write_atomic(os.devnull, b"x")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_pipe_is_written_through(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_atomic(pipe, b"through")
    reader.join(10)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("call", ["fsync", "fdopen", "open"])
def test_an_interrupted_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch, error, call):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(writing.os, call, fail)
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert path.read_bytes() == b"old"


def test_a_failed_rename_leaves_no_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(writing.Path, "replace", failing(errno.EPERM))
    with pytest.raises(OutputError, match="no permission to write"):
        write_atomic(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.ENOSPC, "the disk is full or the quota is used up; free some space; nothing was changed"),
        (errno.EDQUOT, "the disk is full or the quota is used up"),
        (errno.EROFS, "the file system is read-only; choose another path"),
        (errno.EACCES, "no permission to write in {folder}; choose another path"),
        (errno.EIO, "Input/output error; choose another path"),
    ],
)
def test_what_the_system_refuses_is_one_line_with_a_next_step(tmp_path, monkeypatch, code, says):
    monkeypatch.setattr(writing.os, "open", failing(code))
    with pytest.raises(OutputError) as caught:
        write_atomic(tmp_path / "a{b}.json", b"x")
    assert str(caught.value).startswith(f"cannot write {tmp_path / 'a{b}.json'}: ")
    assert says.format(folder=tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_says_how_to_make_it(tmp_path):
    with pytest.raises(OutputError, match=r"the folder .*no/such does not exist; run: mkdir -p .*no/such"):
        write_atomic(tmp_path / "no" / "such" / "a.json", b"x")


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(OutputError, match=r"it is a folder; name a file in it, for example .*out\.json"):
        write_atomic(tmp_path, b"x")


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OutputError, match="is not a folder; choose another path"):
        write_atomic(tmp_path / "a" / "b", b"x")


def test_too_long_a_name_is_cut_in_the_message(tmp_path):
    with pytest.raises(OutputError, match="the name is too long; choose a shorter one") as caught:
        write_atomic(tmp_path / ("x" * 5000), b"x")
    assert len(str(caught.value)) < 200


def test_a_name_that_cannot_be_one_is_one_line():
    with pytest.raises(OutputError, match="embedded null"):
        write_atomic("a\0b", b"x")


def test_a_read_only_file_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    monkeypatch.setattr(writing.os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="the file is read-only; choose another path or make it writable"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_synced_does_no_harm(tmp_path, monkeypatch):
    real = os.open
    monkeypatch.setattr(writing.os, "open", lambda p, *a: real(p, *a) if p != tmp_path else failing(errno.EACCES)())
    write_atomic(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "a"
    sizes = (10, 200_000)
    write_atomic(path, b"0" * sizes[0])
    seen = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(len(path.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(40):
        write_atomic(path, b"0" * sizes[i % 2])
    done.set()
    reader.join(10)
    assert seen <= set(sizes)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
