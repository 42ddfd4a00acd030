"""The user's own inputs: arrays, an ``.npz``, a table of feature columns, or a function that makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from infercost.domain.errors import InputsError
from infercost.runtime.imports import import_object, is_reference, one_line
from infercost.runtime.inputs import Arrays, read_npz
from infercost.runtime.names import shown
from infercost.runtime.tables import fit_columns, is_table, read_columns

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy as np

    Given: TypeAlias = "Mapping[str, Any] | Callable[..., Any] | str | os.PathLike[str]"

MADE_ITEMS = 16
"""A function is asked for so many items at once; larger batches repeat them, smaller ones take the first."""


@dataclass(frozen=True, slots=True)
class Table:
    """Feature columns, before it is known which inputs they make up."""

    name: str
    columns: Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class Maker:
    """A function ``make(batch, rng)`` that returns arrays by input name; called once for each batch size."""

    name: str
    make: Callable[..., Any]
    made: dict[int, Arrays] = field(default_factory=dict, repr=False, compare=False)

    def arrays(self, batch: int, seed: int = 0) -> Arrays:
        """The arrays that it makes.

        Raises:
            InputsError: it fails, or returns something else.
        """
        import numpy as np

        if batch not in self.made:
            try:
                result = self.make(batch, np.random.default_rng(seed))
            except Exception as error:
                raise InputsError(f"{self.name} failed: {one_line(error)}; it is called as make(batch, rng)") from error
            if not isinstance(result, Mapping) or not result:
                raise InputsError(f"{self.name} returned {type(result).__name__}; return a dict of arrays by input name")
            self.made[batch] = {str(name): np.asarray(array) for name, array in result.items()}
        return self.made[batch]


Samples: TypeAlias = "Arrays | Table | Maker"


def read_given(given: Given) -> Samples:
    """Read what the user gave, as far as that needs no model.

    Raises:
        InputsError: a file cannot be read.
        UsageError: ``module:function`` does not name one.
    """
    import numpy as np

    if isinstance(given, Mapping):
        return {name: np.asarray(array) for name, array in given.items()}
    if callable(given):
        return Maker(getattr(given, "__name__", "the function"), given)
    if is_reference(str(given)):
        found = import_object(str(given))
        if not callable(found):
            raise InputsError(f"{given} is no function; name one that is called as make(batch, rng)")
        return Maker(str(given), found)
    path = Path(given)
    if is_table(path):
        return Table(shown(path.name), read_columns(path))
    return read_npz(path)


def fit(samples: Samples, expected: Sequence[Any], features: Sequence[str] = ()) -> Arrays:
    """Samples as arrays for the inputs of a model; not yet checked against it.

    Args:
        samples: what :func:`read_given` read.
        expected: the inputs, with ``name``, ``dtype``, ``shape`` and ``batch_axis``.
        features: names of feature columns in order, where the model states them.

    Raises:
        InputsError: a table does not make up the inputs, or a function fails.
    """
    if isinstance(samples, Table):
        return fit_columns(dict(samples.columns), expected, source=samples.name, features=features)
    if isinstance(samples, Maker):
        return samples.arrays(MADE_ITEMS if any(t.batch_axis is not None for t in expected) else 1)
    return samples
