"""What kind of model a path, a folder or a reference holds, by its first bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from infercost.domain.errors import ModelError
from infercost.runtime.imports import is_reference
from infercost.runtime.names import shown

Format = Literal["onnx", "pickle", "lightgbm", "xgboost", "huggingface", "pytorch"]

_XGBOOST_JSON = re.compile(rb'\s*\{\s*"learner"\s*:')
_XGBOOST_UBJ = re.compile(rb"\{L\x00{7}\x07learner\{")
_COMPRESSED = {".joblib", ".pkl", ".pickle", ".sav"}
"""Endings under which joblib writes compressed pickles, which begin like any other archive."""


def detect(source: str | Path) -> Format:
    """The format of a model. What is none of the others counts as ONNX, whose reader says what is wrong.

    Raises:
        ModelError: a folder that holds no model that can be opened.
    """
    if is_reference(str(source)):
        return "pytorch"
    path = Path(source)
    if path.is_dir():
        if (path / "config.json").is_file():
            return "huggingface"
        raise ModelError(f"{shown(path)} is a folder; name the .onnx file or the saved profile in it")
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return "onnx"
    return _by_content(start, path.suffix.lower())


def _by_content(start: bytes, suffix: str) -> Format:
    if start.startswith(b"tree\n") or start.startswith(b"tree\r\n"):
        return "lightgbm"
    if _XGBOOST_JSON.match(start) or _XGBOOST_UBJ.match(start):
        return "xgboost"
    if (start[:1] == b"\x80" and start[1:2] <= b"\x05") or suffix in _COMPRESSED:
        return "pickle"
    return "onnx"
