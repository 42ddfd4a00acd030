"""Shipped kernels: when they are used, and what they are told."""

from __future__ import annotations

import gzip
from typing import NamedTuple

import numpy as np
import pytest

from infercost.engine.simulate import compiled, machine
from infercost.engine.simulate.packing import layout, leaves, pack

pytestmark = pytest.mark.skipif(not machine.fits_here(), reason="no kernels are shipped for this platform")

CODE = """define i32 @infercost_kernel(ptr %result, ptr %error, ptr %a, ptr %f, ptr %n) {
  %first = load i64, ptr %n
  %place = getelementptr i64, ptr %n, i64 1
  %second = load i64, ptr %place
  %sum = add i64 %first, %second
  store i64 %sum, ptr %result
  ret i32 0
}
"""


class Inner(NamedTuple):
    flag: bool
    values: np.ndarray


def shipped(tmp_path, monkeypatch, head="; abc"):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "sum.ll.gz"
    path.write_bytes(gzip.compress(f"{head}\n; int int\n{CODE}".encode()))
    return path


def test_runs_and_keeps_its_machine_code(tmp_path, monkeypatch):
    path = shipped(tmp_path, monkeypatch)
    assert machine.load(path, "abc")(40, 2) == 42
    kept = list((tmp_path / "cache").iterdir())
    assert [file.name.split("-")[0] for file in kept] == ["sum"]
    before = kept[0].stat().st_mtime_ns
    assert machine.load(path, "abc")(1, -3) == -2
    assert [file.stat().st_mtime_ns for file in (tmp_path / "cache").iterdir()] == [before]


def test_runs_where_nothing_can_be_kept(tmp_path, monkeypatch):
    path = shipped(tmp_path, monkeypatch)
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert machine.load(path, "abc")(40, 2) == 42


def test_other_arguments_are_refused(tmp_path, monkeypatch):
    kernel = machine.load(shipped(tmp_path, monkeypatch), "abc")
    with pytest.raises(TypeError, match="takes int int, got int float"):
        kernel(1, 2.0)


@pytest.mark.parametrize("stamp", ["abd", ""])
def test_not_used_for_other_code(tmp_path, monkeypatch, stamp):
    assert machine.load(shipped(tmp_path, monkeypatch), stamp) is None


def test_not_used_when_it_cannot_be_read(tmp_path, monkeypatch):
    assert machine.load(tmp_path / "none.ll.gz", "abc") is None
    broken = shipped(tmp_path, monkeypatch)
    broken.write_bytes(gzip.compress(b"; abc\n; int int\ndefine nonsense"))
    assert machine.load(broken, "abc") is None
    monkeypatch.setattr(machine, "fits_here", lambda: False)
    assert machine.load(shipped(tmp_path, monkeypatch), "abc") is None


def test_the_stamp_is_of_the_source():
    assert machine.stamp_of(compiled.MODULES) == machine.stamp_of(compiled.MODULES)
    assert machine.stamp_of(compiled.MODULES) != machine.stamp_of(compiled.MODULES[1:])
    assert machine.stamp_of(["sys"]) == "", "no source, no stamp"


def test_packing():
    values = np.arange(6.0).reshape(2, 3)
    arguments = (7, Inner(True, values), 2.5, np.uint64(2**64 - 1))
    assert list(leaves(arguments))[:2] == [7, True]
    assert layout(arguments) == "int bool f8x2 float key"
    packed = pack(arguments)
    assert packed.addresses.tolist() == [values.ctypes.data]
    assert packed.floats.tolist() == [2.5]
    assert packed.whole.tolist() == [7, 1, 2, 3, -1]


@pytest.mark.parametrize("leaf", ["text", None, np.arange(6.0)[::2]])
def test_what_cannot_be_packed_is_refused(leaf):
    with pytest.raises(TypeError):
        layout((leaf,))
