from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from infercost.domain.errors import UsageError
from infercost.runtime import tickets
from infercost.runtime.tickets import Tickets, wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_one_worker_takes_every_query_in_order() -> None:
    alone = Tickets(None, 3)
    assert [alone.take() for _ in range(5)] == [0, 1, 2, None, None]
    alone.close()


@pytest.mark.skipif(sys.platform == "win32", reason="file locks")
def test_processes_that_share_a_queue_take_each_query_once(tmp_path: Path) -> None:
    path = Tickets.write(tmp_path / "queue")
    code = (
        "import sys; from infercost.runtime.tickets import Tickets\nt = Tickets(sys.argv[1], 400)\n"
        "while (n := t.take()) is not None: print(n)"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    taken = [[int(line) for line in process.communicate(timeout=60)[0].split()] for process in running]
    assert sorted(taken[0] + taken[1]) == list(range(400))
    assert all(own == sorted(own) for own in taken)
    late = Tickets(path, 400)
    assert late.take() is None
    late.close()


def test_a_system_without_locks_is_refused_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "_locking", lambda: None)
    with pytest.raises(UsageError, match="--workers 1"):
        Tickets.write(tmp_path / "queue")


def test_waiting_ends_at_the_instant_and_not_before() -> None:
    due = time.perf_counter_ns() + 3_000_000
    wait_until(due)
    assert time.perf_counter_ns() >= due
    wait_until(0)
