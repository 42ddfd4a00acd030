"""From what the user named to an ``.onnx`` file that can be measured."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from infercost.domain.errors import UsageError
from infercost.runtime.convert.formats import detect
from infercost.runtime.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infercost.domain.model import Conversion, ModelFacts
    from infercost.runtime.samples import Samples

Source: TypeAlias = "str | os.PathLike[str]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A model as ONNX, and what is known of it beside the graph."""

    path: Path
    name: str
    """What the user calls it."""
    conversion: Conversion | None = None
    features: tuple[str, ...] = ()
    """Names of its feature columns, in order."""
    vocabulary: int | None = None
    """Entries of its tokenizer."""
    longest: int | None = None
    """Tokens that it takes at most."""
    notes: tuple[str, ...] = field(default_factory=tuple)

    def complete(self, facts: ModelFacts) -> ModelFacts:
        """Facts of the ONNX, under the model's own name and with what is known beside."""
        if self.name == facts.name and self.conversion is None and not self.notes:
            return facts
        source = facts.format if self.conversion is None else self.conversion.source
        warnings = (*self.notes, *facts.warnings)
        return replace(facts, name=self.name, format=source, conversion=self.conversion, warnings=warnings)


@contextmanager
def open_model(source: Source, *, trust: bool = False, samples: Samples | None = None) -> Iterator[Opened]:
    """Open a model of any supported format; a converted one lies in a folder that goes when the context ends.

    Args:
        source: an ``.onnx``, pickle, LightGBM or XGBoost file, a Hugging Face folder, or ``module:factory``.
        trust: whether a pickle may be opened, which runs code that it holds.
        samples: the user's inputs, to check a conversion on; generated when None.

    Raises:
        ModelError: the file cannot be read or converted, or the two disagree.
        UsageError: a pickle, and it is not trusted.
        MissingExtraError: the framework or its converter is not installed.
    """
    found = detect(os.fspath(source))
    if found == "onnx":
        yield Opened(path=Path(source), name=shown(Path(source).name))
        return
    if found == "huggingface":
        from infercost.runtime.convert.huggingface import open_folder

        yield open_folder(Path(source))
        return
    if found == "pickle" and not trust:
        name = shown(Path(source))
        raise UsageError(f"{name} is a pickle, which runs the code in it when it is opened; if you trust it, add --trust")
    with TemporaryDirectory(prefix="infercost-") as folder:
        if found == "pickle":
            from infercost.runtime.convert.sklearn import convert_pickle as convert
        elif found == "lightgbm":
            from infercost.runtime.convert.boosting import convert_lightgbm as convert
        elif found == "xgboost":
            from infercost.runtime.convert.boosting import convert_xgboost as convert
        else:
            from infercost.runtime.convert.pytorch import convert_factory as convert
        yield convert(source, Path(folder), samples)
