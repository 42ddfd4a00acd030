from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from infercost import registry
from infercost.domain.errors import ProviderError, UnknownNameError
from infercost.providers.sagemaker import PROVIDER as SAGEMAKER
from infercost.registry import GROUP, all_providers, get_provider, provider_names


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch):
    """Add entry points to the installed ones, for one test."""
    registry._entry_points.cache_clear()
    registry._load.cache_clear()
    installed = dict(registry._entry_points())

    def add(name: str, *values: str) -> None:
        installed[name] = tuple(EntryPoint(name, value, GROUP) for value in values)
        monkeypatch.setattr(registry, "_entry_points", lambda: installed)

    yield add
    registry._load.cache_clear()


def test_the_three_clouds_are_announced():
    assert {"azureml", "sagemaker", "vertex"} <= set(provider_names())
    assert list(provider_names()) == sorted(provider_names())


def test_a_provider_is_the_object_that_its_entry_point_names():
    assert get_provider("sagemaker") is SAGEMAKER
    assert get_provider("sagemaker") is get_provider("sagemaker")


def test_all_providers_come_by_name():
    assert tuple(provider.name for provider in all_providers()) == provider_names()


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown provider 'sagemakr'; did you mean sagemaker"):
        get_provider("sagemakr")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            "no_such_package_at_all:PROVIDER",
            r"cannot be loaded: ModuleNotFoundError.*pip install --upgrade no_such_package_at_all",
        ),
        ("infercost.providers.sagemaker:NOTHING", "cannot be loaded: AttributeError"),
        ("infercost.providers.sagemaker:__all__", "does not have the attributes of a Provider"),
        ("infercost.providers.vertex:PROVIDER", "calls itself 'vertex'"),
    ],
)
def test_a_broken_provider_says_why_and_takes_no_other_down(announce, value, reason):
    announce("broken", value)
    with pytest.raises(ProviderError, match=reason):
        get_provider("broken")
    with pytest.warns(RuntimeWarning, match="provider 'broken'"):
        names = [provider.name for provider in all_providers()]
    assert "broken" not in names
    assert {"azureml", "sagemaker", "vertex"} <= set(names)


def test_two_packages_of_one_name_are_a_conflict(announce):
    announce("twice", "one_package:PROVIDER", "other_package:PROVIDER")
    with pytest.raises(ProviderError, match="announced twice, by one_package:PROVIDER and other_package:PROVIDER; uninstall"):
        get_provider("twice")


def test_the_same_entry_point_seen_twice_is_no_conflict(monkeypatch):
    point = EntryPoint("sagemaker", "infercost.providers.sagemaker:PROVIDER", GROUP)
    registry._entry_points.cache_clear()
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: (point, point))
    try:
        assert registry._entry_points() == {"sagemaker": (point,)}
    finally:
        registry._entry_points.cache_clear()


@pytest.mark.parametrize(
    ("statement", "absent"),
    [("", ("infercost.providers", "importlib.metadata")), ("infercost.registry.provider_names()", ("infercost.providers",))],
    ids=["import", "names"],
)
def test_no_provider_is_loaded_before_it_is_asked_for(statement, absent):
    code = f"import sys, infercost.registry\n{statement}\nprint([name for name in sys.modules if name.startswith({absent!r})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
