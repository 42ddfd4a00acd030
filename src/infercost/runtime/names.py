"""File names that need not be text: as messages and artifacts show them, and as ONNX Runtime can open them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from infercost.domain.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from infercost.runtime.protocol import ModelSource


def shown(path: str | os.PathLike[str]) -> str:
    """A path, or a part of one, as text that can be printed and stored: bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def is_text(path: Path) -> bool:
    """Whether a path is valid text; ONNX Runtime opens no other."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def openable(path: Path, folder: Path, *, external_data: bool) -> ModelSource:
    """The model where a worker can open it: the file itself, or a copy under a name that is text.

    Args:
        path: the ``.onnx`` file.
        folder: where a copy may go; made once.
        external_data: whether the model has data files beside it.

    Raises:
        ModelError: the external data lies in a folder that ONNX Runtime cannot open.
    """
    import shutil

    from infercost.runtime.protocol import ModelSource

    path = path.resolve()
    if is_text(path):
        return ModelSource(str(path))
    copy = folder / "renamed.onnx"
    if not copy.exists():
        shutil.copyfile(path, copy)
    return ModelSource(str(copy), data_folder(path) if external_data else None)


def data_folder(path: Path) -> str:
    """The folder of a model's external data.

    Raises:
        ModelError: its name is not text.
    """
    parent = path.resolve().parent
    if not is_text(parent):
        raise ModelError(
            f"the folder of {shown(path.name)} has a name that is not valid UTF-8, and its external data cannot be read there; "
            "rename the folder"
        )
    return str(parent)
