from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import InputsError, ModelError
from infercost.runtime.inputs import read_npz
from infercost.runtime.inspect import inspect
from infercost.runtime.measure import MeasureSettings, measure
from infercost.runtime.names import openable, shown

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")

BAD = os.fsdecode(b"bad\xff.onnx")
ONCE = MeasureSettings(batches=(1,), threads=(1,), budget_s=0.5, device="cpu")


@given(name=st.binary(min_size=1))
def test_every_name_can_be_shown_and_text_is_unchanged(name: bytes) -> None:
    text = shown(os.fsdecode(name))
    assert text.encode().decode() == text
    try:
        assert text == name.decode()
    except UnicodeDecodeError:
        assert "\ufffd" in text


def test_a_file_whose_name_is_text_is_opened_itself(tmp_path: Path) -> None:
    path = tmp_path / "ü.onnx"
    assert openable(path, tmp_path / "unused", external_data=True).path == str(path.resolve())


def test_a_model_of_any_name_is_inspected_and_measured(nets: Any, saved: Any, tmp_path: Path) -> None:
    path = saved(nets.mlp()).rename(tmp_path / BAD)
    profile = measure(path, inspect(path), settings=ONCE)
    assert profile.model.name == "bad\ufffd.onnx"
    assert profile.points
    assert profile.operators
    assert msgspec.json.encode(profile)


@pytest.mark.usefixtures("in_process")
def test_external_data_is_found_beside_a_file_of_any_name(nets: Any, tmp_path: Path) -> None:
    onnx.save_model(nets.mlp(), tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    path = (tmp_path / "m.onnx").rename(tmp_path / BAD)
    assert measure(path, inspect(path), settings=ONCE).points
    folder = tmp_path / os.fsdecode(b"\xfe")
    folder.mkdir()
    (tmp_path / "w.bin").rename(folder / "w.bin")
    with pytest.raises(ModelError, match=re.escape("folder of bad\ufffd.onnx has a name that is not valid UTF-8")):
        inspect(path.rename(folder / BAD))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x08\x07\xff", None])
def test_errors_show_the_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / BAD
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        inspect(path)
    assert "bad\ufffd.onnx" in str(caught.value).encode().decode()
    with pytest.raises(InputsError) as wrong:
        read_npz(path)
    assert "bad\ufffd.onnx" in str(wrong.value).encode().decode()
