"""Sizes and durations as people write them."""

from __future__ import annotations

import re

from infercost.domain.errors import UsageError

__all__ = ["parse_bytes", "parse_milliseconds"]

_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[a-zA-Z]*)")
_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>us|ms|s|)")
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "": 1.0}


def parse_bytes(text: str, example: str) -> int:
    """Bytes from ``150kB``, ``2 MiB`` or ``4096``; ``example`` is what to write instead.

    Raises:
        UsageError: the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match["unit"].lower() not in _BYTES:
        raise UsageError(f"cannot read the size {text!r}; write it like {example} (B, kB, MB, GB, KiB, MiB or GiB)")
    return round(float(match["number"]) * _BYTES[match["unit"].lower()])


def parse_milliseconds(text: str, example: str) -> float:
    """Milliseconds from ``80ms``, ``0.1s`` or ``80``; ``example`` is what to write instead.

    Raises:
        UsageError: the text is not a duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"cannot read the duration {text!r}; write it like {example}")
    return float(match["number"]) * _MILLISECONDS[match["unit"]]
