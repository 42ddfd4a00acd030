"""Odd streams and signals: whatever the caller does to them, one line and a code, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices and signals as on POSIX")


def start(*arguments: object, shell: str = "", **more) -> subprocess.Popen:
    """``infercost ARGUMENTS`` by a shell that redirects as ``shell`` says."""
    words = " ".join(f"'{a}'" for a in (sys.executable, "-m", "infercost", *arguments))
    environment = os.environ | {"COLUMNS": "80"} | more.pop("env", {})
    return subprocess.Popen(
        ["bash", "-c", f"exec {words} {shell}"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **more,
    )  # fmt: skip


def run(*arguments: object, **more) -> tuple[int, bytes, bytes]:
    process = start(*arguments, **more)
    out, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    return process.returncode, out, err


ASKED = ("--rps", "5", "--slo", "p99=100ms", "--provider", "vertex")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_output_is_utf_8_in_a_pipe_whatever_the_locale(profile, encoding):
    code, out, _ = run("gate", profile, *ASKED, "--max-monthly", "500", env={"PYTHONIOENCODING": encoding})
    assert code == 0
    assert "≤" in out.decode("utf-8")


def test_a_full_disk_behind_stdout_is_no_bug_of_ours(profile):
    code, _, err = run("estimate", profile, *ASKED, "-q", shell="> /dev/full")
    assert code == 2
    assert err == b"error: cannot write to stdout: No space left on device; make room, or name a file with --out\n"


@pytest.mark.parametrize("closed", ["2>&-", ">&-"])
def test_closed_streams_are_left_alone(profile, closed):
    assert run("estimate", profile, *ASKED, shell=closed)[0] == 0


def test_a_reader_that_goes_away_is_no_error(profile):
    with start("estimate", profile, "--rps", "5", "--format", "csv", "-q") as process:
        process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=60)
        assert (process.returncode, process.stderr.read()) == (0, b"")


def test_a_pipe_may_be_named_as_the_output(profile):
    code, out, _ = run("estimate", profile, *ASKED, "-q", "--format", "csv", "--out", "/dev/stdout")
    assert code == 0
    assert out.startswith(b"rank,")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_measurement_and_leave_nothing(digits, tmp_path, number, code):
    places = {"INFERCOST_CACHE_DIR": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)}
    process = start("profile", digits, "--budget", "60", "--fresh", "--out", tmp_path / "p.json", env=places)
    time.sleep(4)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []
