"""Objects of the user's own modules, named as ``module:name``."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from infercost.domain.errors import UsageError

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def is_reference(text: str) -> bool:
    """Whether a text names an object in a module, and no file of that name is there."""
    return _REFERENCE.fullmatch(text) is not None and not Path(text).exists()


def import_object(reference: str) -> Any:
    """The object that ``module:name`` names; modules in the working directory are found.

    Raises:
        UsageError: the module cannot be imported, or has no such name.
    """
    module_name, _, path = reference.partition(":")
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise UsageError(
            f"cannot import {module_name!r} of {reference!r}: {one_line(error)}; run infercost where python -c 'import "
            f"{module_name}' works"
        ) from error
    finally:
        if added and here in sys.path:
            sys.path.remove(here)
    for name in path.split("."):
        if not hasattr(found, name):
            raise UsageError(f"{module_name!r} has no {path!r}; name a function of it, as in {module_name}:make")
        found = getattr(found, name)
    return found


def one_line(error: BaseException, longest: int = 200) -> str:
    """An exception as one line: its type, and its message shortened."""
    text = " ".join(str(error).split())
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
