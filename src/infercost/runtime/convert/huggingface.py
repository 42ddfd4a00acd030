"""Hugging Face folders: ``config.json``, the tokenizer's facts, and an ONNX file inside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import ModelError
from infercost.runtime.convert.opening import Opened
from infercost.runtime.names import shown

if TYPE_CHECKING:
    from pathlib import Path

_PLACES = ("onnx/model.onnx", "model.onnx")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "tf_model.h5", "*.gguf")
_NO_LIMIT = 10**6
"""Tokenizers without a limit say 1e30."""


def open_folder(folder: Path) -> Opened:
    """Open the ONNX file of a folder, with the tokenizer's vocabulary and longest input.

    Raises:
        ModelError: there is no ONNX file, or none that is the obvious one.
    """
    path = _find_model(folder)
    config, tokenizer = _read(folder / "config.json"), _read(folder / "tokenizer_config.json")
    longest = [
        int(value)
        for value in (tokenizer.get("model_max_length"), config.get("max_position_embeddings"))
        if isinstance(value, (int, float)) and 0 < value < _NO_LIMIT
    ]
    others = [p.relative_to(folder).as_posix() for p in _models(folder) if p != path]
    notes = [f"measured {path.relative_to(folder).as_posix()}; the folder also has {', '.join(others)}"] if others else []
    return Opened(
        path=path,
        name=shown(folder.resolve().name),
        vocabulary=_vocabulary(folder, config),
        longest=min(longest, default=None),
        notes=tuple(notes),
    )


def _models(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")])


def _find_model(folder: Path) -> Path:
    name = shown(folder)
    for place in _PLACES:
        if (folder / place).is_file():
            return folder / place
    found = _models(folder)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(p.relative_to(folder).as_posix() for p in found)
        raise ModelError(f"{name} holds several ONNX files ({listed}); name the one to measure, as in {name}/{found[0].name}")
    if any(next(folder.glob(pattern), None) for pattern in _WEIGHTS):
        raise ModelError(
            f"{name} holds weights and no ONNX file; export it: pip install 'optimum[onnx]' && "
            f"optimum-cli export onnx --model {name} {name}/onnx"
        )
    raise ModelError(f"{name} has a config.json, but neither an ONNX file nor weights; download the whole repository")


def _vocabulary(folder: Path, config: dict[str, Any]) -> int | None:
    """Entries that the tokenizer can give; the model's table may be padded beyond."""
    tokenizer = _read(folder / "tokenizer.json")
    words = tokenizer.get("model", {}).get("vocab") if isinstance(tokenizer.get("model"), dict) else None
    if isinstance(words, (dict, list)) and words:
        ids = [int(i) for i in words.values()] if isinstance(words, dict) else list(range(len(words)))
        ids += [int(token["id"]) for token in tokenizer.get("added_tokens", []) if isinstance(token.get("id"), int)]
        return max(ids) + 1
    size = config.get("vocab_size")
    return int(size) if isinstance(size, int) and size > 0 else None


def _read(path: Path) -> dict[str, Any]:
    """A JSON object, or nothing where there is none."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{shown(path)} is not readable JSON; download it again") from error
    return value if isinstance(value, dict) else {}
