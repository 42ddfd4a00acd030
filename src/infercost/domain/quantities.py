"""Sizes and durations as people write them."""

from __future__ import annotations

import math
import re

from infercost.domain.errors import UsageError

__all__ = ["is_url", "parse_bytes", "parse_milliseconds", "parse_rate", "parse_seconds"]

_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[a-zA-Z]*)")
_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>us|ms|s|)")
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_STRETCH = re.compile(r"(?P<number>[0-9]*\.?[0-9]+)\s*(?P<unit>ms|min|[smhdw]|)")
_SECONDS = {"ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_RATE = re.compile(r"(?P<number>[0-9]*\.?[0-9]+(?:e[0-9]+)?)\s*(?P<kilo>k?)\s*(?P<unit>rps|rpm|qps|/s|/min|)")
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


def parse_seconds(text: str, example: str) -> float:
    """Seconds from ``10m``, ``1h30m``, ``2d``, ``500ms`` or ``90``; ``example`` is what to write instead.

    Raises:
        UsageError: the text is not a length of time.
    """
    bare = text.strip().lower()
    parts = list(_STRETCH.finditer(bare))
    if not parts or _STRETCH.sub("", bare).strip() or (len(parts) > 1 and not all(part["unit"] for part in parts)):
        raise UsageError(f"cannot read the time {text!r}; write it like {example} (s, m, h, d or w)")
    return math.fsum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts)


def parse_rate(text: str, example: str) -> float:
    """Requests a second from ``500rps``, ``3000rpm``, ``2k`` or ``500``; ``example`` is what to write instead.

    Raises:
        UsageError: the text is not a rate.
    """
    match = _RATE.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"cannot read the rate {text!r}; write it like {example} (rps or rpm)")
    value = float(match["number"]) * (1000 if match["kilo"] else 1)
    return value / 60 if match["unit"] in {"rpm", "/min"} else value


def is_url(text: str) -> bool:
    """Whether a source is a URL; a path type folds its slashes into one."""
    return text.startswith(("http:/", "https:/"))
