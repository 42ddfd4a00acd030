from __future__ import annotations

import pytest

from infercost.domain.errors import ModelError
from infercost.runtime.convert.formats import detect


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        (b"tree\nversion=v4\n", "model.txt", "lightgbm"),
        (b'{"learner":{"attributes":{}}}', "model.json", "xgboost"),
        (b'\n { "learner" : {}}', "model.json", "xgboost"),
        (b"{L" + b"\0" * 7 + b"\x07learner{", "model.ubj", "xgboost"),
        (b"\x80\x04\x95", "model.bin", "pickle"),
        (b"x^\x8d", "model.joblib", "pickle"),
        (b'{"kind": "profile"}', "profile.json", "onnx"),
        (b"\x08\x09\x12\x03", "model.onnx", "onnx"),
        (b"", "empty.onnx", "onnx"),
        (b"PK\x03\x04", "model.pt", "onnx"),
    ],
)
def test_a_format_is_known_by_its_content(tmp_path, content: bytes, name: str, found: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert detect(tmp_path / name) == found


def test_real_files_are_recognised(files) -> None:
    found = {path.name: detect(path) for path in files.iterdir()}
    assert {detect(p) for p in files.glob("*.txt")} == {"lightgbm"}
    assert {detect(p) for p in (*files.glob("*.json"), *files.glob("*.ubj"))} == {"xgboost"}
    assert {found[name] for name in ("pipe.joblib", "forest.pkl", "xgb.pkl")} == {"pickle"}


def test_folders_need_a_config(tmp_path) -> None:
    with pytest.raises(ModelError, match="is a folder; name the"):
        detect(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert detect(tmp_path) == "huggingface"


def test_a_reference_is_pytorch_and_a_missing_file_is_left_to_others(tmp_path) -> None:
    assert detect("package.module:factory") == "pytorch"
    assert detect(tmp_path / "none.onnx") == "onnx"
