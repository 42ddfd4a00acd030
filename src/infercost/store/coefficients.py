"""The fitted coefficients that ship with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from infercost.domain.coefficients import Coefficients

__all__ = ["load_coefficients"]


@cache
def load_coefficients() -> Coefficients:
    """Read what ``scripts/fit_predictor.py`` wrote; cached for the life of the process."""
    data = files("infercost").joinpath("data", "prediction", "coefficients.json").read_bytes()
    return msgspec.json.decode(data, type=Coefficients)
