from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from infercost.domain.errors import ProviderError
from infercost.providers.azureml import PROVIDER
from infercost.providers.azureml.refresh import refresh
from infercost.providers.refreshing import load_refresh


def test_gives_the_function_that_the_provider_names():
    assert load_refresh(PROVIDER) is refresh


def test_a_provider_may_have_none():
    assert load_refresh(replace(PROVIDER, refresh=None)) is None
    assert load_refresh(SimpleNamespace(name="old")) is None


@pytest.mark.parametrize("target", ["no.such.module:refresh", "infercost.providers.azureml:no_such_name"])
def test_a_function_that_is_not_there_is_named(target):
    with pytest.raises(ProviderError, match=f"provider 'azureml' cannot refresh its prices: {target} does not load"):
        load_refresh(replace(PROVIDER, refresh=target))
