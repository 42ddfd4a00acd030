"""Providers by name, found through the entry-point group ``infercost.providers``.

A provider is loaded when it is first asked for. One that fails to load takes no other down:
asking for it by name raises, asking for all warns and leaves it out.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING

from infercost.domain.errors import ProviderError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from infercost.domain.provider import Provider

__all__ = ["GROUP", "all_providers", "get_provider", "provider_names"]

GROUP = "infercost.providers"
"""Entry-point group in which a package announces its providers."""


def provider_names() -> tuple[str, ...]:
    """Names of all installed providers, in alphabetical order. Loads none of them."""
    return tuple(sorted(_entry_points()))


def get_provider(name: str) -> Provider:
    """The provider of that name.

    Raises:
        UnknownNameError: no installed package announces it.
        ProviderError: its package announces it but cannot deliver it.
    """
    if name not in _entry_points():
        raise UnknownNameError("provider", name, provider_names())
    return _load(name)


def all_providers() -> tuple[Provider, ...]:
    """Every installed provider that loads, by name; a warning for each that does not."""
    found = []
    for name in provider_names():
        try:
            found.append(_load(name))
        except ProviderError as error:
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
    return tuple(found)


@cache
def _entry_points() -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points by name. More than one of a name is a conflict, which loading reports."""
    # importlib.metadata costs more to import than everything else here together.
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        known = found.get(point.name, ())
        # An editable install beside a regular one announces the same object twice.
        if all(point.value != other.value for other in known):
            found[point.name] = (*known, point)
    return found


@cache
def _load(name: str) -> Provider:
    from infercost.domain.provider import Provider

    points = _entry_points()[name]
    if len(points) > 1:
        packages = " and ".join(sorted(point.value for point in points))
        raise ProviderError(f"provider {name!r} is announced twice, by {packages}; uninstall one of the packages")
    point = points[0]
    try:
        provider = point.load()
    except Exception as error:  # a third party's package may fail in any way
        reason = f"{type(error).__name__}: {error}"
        raise ProviderError(f"provider {name!r} ({point.value}) cannot be loaded: {reason}; {_remedy(point)}") from error
    if not isinstance(provider, Provider):
        raise ProviderError(f"provider {name!r} ({point.value}) does not have the attributes of a Provider; {_remedy(point)}")
    if provider.name != name:
        raise ProviderError(f"provider {name!r} ({point.value}) calls itself {provider.name!r}; {_remedy(point)}")
    return provider


def _remedy(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else point.module.partition(".")[0]
    return f"update or uninstall it: pip install --upgrade {package}"
