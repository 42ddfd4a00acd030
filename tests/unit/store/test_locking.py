from __future__ import annotations

import subprocess
import sys

import pytest

from infercost.domain.errors import OutputError
from infercost.store.locking import hold

HOLDER = """
import sys
from pathlib import Path
from infercost.store.locking import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "folder" / "it.lock"


@pytest.fixture
def holder(lock):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout.readline() == "held\n"
        yield other
        other.kill()


def test_it_can_be_held_again_and_again(lock):
    for _ in range(3):
        with hold(lock, wait_s=0):
            pass


def test_another_process_has_to_wait(lock, holder):
    with pytest.raises(OutputError, match=r"another infercost has held .*it\.lock"), hold(lock, wait_s=0):
        pass


def test_it_goes_on_when_the_other_is_done(lock, holder):
    waits = []

    def release():
        waits.append(1)
        holder.stdin.close()

    with hold(lock, wait_s=30, on_wait=release):
        assert waits == [1]


def test_a_crash_releases_it(lock, holder):
    holder.kill()
    holder.wait()
    with hold(lock, wait_s=0):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file.*INFERCOST_CACHE_DIR"), hold(tmp_path / "file" / "it.lock"):
        pass
