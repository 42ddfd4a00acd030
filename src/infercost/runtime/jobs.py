"""What the jobs of a worker share: reading inputs, and turning errors into replies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from infercost.runtime.protocol import Failure, Step
from infercost.runtime.session import DeviceError

Feeds = dict[str, "np.ndarray[Any, Any]"]
Tell = Callable[[Step], None]
"""Says what comes next to whoever watches the worker."""


def tell_nobody(_step: Step) -> None:
    """For jobs that nobody watches."""


class UnrunnableError(Exception):
    """A request that cannot be carried out; becomes the reply."""

    def __init__(self, stage: Any, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(stage, message)


def load_feeds(names: list[str], file: str) -> Feeds:
    """Arrays that ``save_arrays`` stored, by name."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = [stored[str(index)] for index in range(len(names))]
    return {n: a.astype(object) if a.dtype.kind == "U" else a for n, a in zip(names, arrays, strict=True)}


def guarded(stage: Any, call: Callable[..., Any], *arguments: Any) -> Any:
    """Call native code; what it raises becomes a reply."""
    try:
        return call(*arguments)
    except MemoryError:
        raise
    except Exception as error:
        raise UnrunnableError(stage, str(error)) from error


def as_unrunnable(error: Exception) -> UnrunnableError:
    """Any error of opening a session, as one that becomes a reply."""
    if isinstance(error, UnrunnableError):
        return error
    if isinstance(error, DeviceError):
        return UnrunnableError("device", str(error))
    return UnrunnableError("load", str(error))
