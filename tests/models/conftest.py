"""Real models, as fixtures."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# The zoo is also used by scripts/record_profiles.py; tests have no packages to import it from.
sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from collections.abc import Callable

    from infercost.domain.model import ModelFacts


@pytest.fixture(scope="session")
def model() -> Callable[[str], Path]:
    """Path of a real model by its name in the zoo."""
    from model_zoo import FetchError, get_model

    def fetch(name: str) -> Path:
        try:
            return get_model(name)
        except FetchError as error:
            pytest.fail(str(error), pytrace=False)

    return fetch


@pytest.fixture(scope="session")
def facts(model: Callable[[str], Path]) -> Callable[[str], ModelFacts]:
    """What ``inspect`` says of a real model, asked once a session."""
    from infercost.runtime.inspect import inspect

    @cache
    def read(name: str) -> ModelFacts:
        return inspect(model(name))

    return read
