"""From what the user named (a model of any format, sizes, inputs) to what can be described and measured."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infercost.domain.errors import ArtifactError, ModelError, UsageError
from infercost.domain.quantities import is_url
from infercost.runtime.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np

    from infercost.domain.model import ModelFacts
    from infercost.domain.sizes import Sizes
    from infercost.runtime.convert import Opened
    from infercost.runtime.samples import Samples

    Inputs = Mapping[str, np.ndarray] | str | os.PathLike[str] | Callable[..., Any]
    Dims = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A model that was opened, with the sizes and inputs that the user gave."""

    opened: Opened
    fixed: Mapping[str, int]
    sizes: Sizes | None
    """Of the dimension that varies over requests."""
    samples: Samples | None
    inputs_name: str | None

    @property
    def path(self) -> Path:
        """The ``.onnx`` file to measure."""
        return self.opened.path

    def describe(self, size: int | None = None, deadline_s: float | None = None) -> ModelFacts:
        """Facts of the model: at the sizes given, and at ``size`` of the dimension that varies (its mean when None)."""
        from infercost.runtime.inspect import inspect
        from infercost.runtime.protocol import DEADLINE_S

        dims = dict(self.fixed)
        if self.sizes is not None:
            dims[self.sizes.dim] = max(1, round(self.sizes.mean)) if size is None else size
        facts = inspect(
            self.path,
            dims=dims,
            inputs=self.samples,
            inputs_name=self.inputs_name,
            features=self.opened.features,
            vocabulary=self.opened.vocabulary,
            deadline_s=DEADLINE_S if deadline_s is None else deadline_s,
        )
        return self.opened.complete(facts)

    def arrays(self, facts: ModelFacts) -> Mapping[str, np.ndarray] | None:
        """The user's inputs for the model that ``facts`` are of."""
        from infercost.runtime.samples import fit

        return None if self.samples is None else fit(self.samples, facts.inputs, self.opened.features)


@contextmanager
def opened(
    model: str | os.PathLike[str], *, dims: Dims | None = None, inputs: Inputs | None = None, trust: bool = False
) -> Iterator[Asked]:
    """Open a model; what was converted goes when the context ends.

    Raises:
        ArtifactError: the file cannot be read.
        ModelError: it is no model, or its conversion to ONNX does not agree with it.
        InputsError: the inputs cannot be read.
        UsageError: sizes cannot be read, or a pickle is not trusted.
        MissingExtraError: a format needs an extra.
    """
    from infercost.runtime.convert import open_model
    from infercost.runtime.samples import read_given

    fixed, sizes = split_dims(dims or {})
    if sizes is not None and inputs is not None:
        raise UsageError(f"--inputs fix every size, and {sizes.dim!r} is to vary; leave one of them out")
    source = locate(model)
    samples = None if inputs is None else read_given(inputs)
    with open_model(source, trust=trust, samples=samples) as model_opened:
        found = model_opened
        if sizes is not None and found.longest is not None and sizes.longest > found.longest:
            note = f"sizes of {sizes.dim!r} are cut to {found.longest}, which is all that the tokenizer passes on"
            sizes, found = sizes.capped(found.longest), replace(found, notes=(*found.notes, note))
        yield Asked(found, fixed, sizes, samples, _name(inputs))


def locate(model: str | os.PathLike[str]) -> str | Path:
    """A file or folder that can be read, or a ``module:factory`` as it is.

    Raises:
        ArtifactError: it cannot be read.
        ModelError: a folder that holds no model.
    """
    from infercost.runtime.convert.formats import detect

    text = os.fspath(model)
    if is_url(text):
        raise UsageError(
            "an endpoint has network and server in its latencies, and no price follows from it; measure it with "
            "infercost profile URL, and estimate from the model file"
        )
    found = detect(text)
    return text if found == "pytorch" else Path(text) if found == "huggingface" else existing(text)


def existing(path: str | os.PathLike[str]) -> Path:
    """The path of a file that can be read.

    Raises:
        ModelError: it is a folder.
        ArtifactError: it cannot be read.
    """
    found = Path(path)
    try:
        if found.is_dir():
            raise ModelError(f"{shown(found)} is a folder; name the .onnx file or the saved profile in it")
        with found.open("rb"):
            return found
    except OSError as error:
        raise ArtifactError(f"cannot read {shown(found)}: {error.strerror or error}; check the path") from None


def split_dims(dims: Dims) -> tuple[dict[str, int], Sizes | None]:
    """Sizes that are fixed, and those of the one dimension that varies.

    Raises:
        UsageError: a size cannot be read, or two dimensions vary.
        InputsError: a column of sizes cannot be read.
    """
    from infercost.domain.sizes import parse_sizes
    from infercost.runtime.tables import read_sizes

    fixed = {name: size for name, size in dims.items() if not isinstance(size, str)}
    varying = {name: text for name, text in dims.items() if isinstance(text, str)}
    if len(varying) > 1:
        raise UsageError(
            f"only one dimension can vary, got {' and '.join(map(repr, varying))}; fix the others, as in --dim x=128"
        )
    for name, text in varying.items():
        return fixed, read_sizes(name, text) if text.startswith("column:") else parse_sizes(name, text)
    return fixed, None


def is_saved_profile(path: str | Path) -> bool:
    """Whether a file is JSON of ours: its first visible byte opens a JSON value, and it is no model saved as JSON."""
    from infercost.runtime.convert.formats import detect

    if not isinstance(path, Path) or detect(path) != "onnx":
        return False
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}


def _name(inputs: Inputs | None) -> str | None:
    """What messages call the inputs: their file's name, where they have one."""
    if not isinstance(inputs, (str, os.PathLike)):
        return None
    return shown(Path(inputs).name)
