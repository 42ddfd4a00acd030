"""From a provider to the function that reads its official prices."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from infercost.domain.errors import ProviderError
from infercost.domain.provider import Refreshes

if TYPE_CHECKING:
    from infercost.domain.provider import Provider
    from infercost.domain.refresh import Refresh

__all__ = ["load_refresh"]


def load_refresh(provider: Provider) -> Refresh | None:
    """The provider's refresh function, imported now; None for a provider that has none.

    Raises:
        ProviderError: the provider names a function that cannot be imported.
    """
    target = provider.refresh if isinstance(provider, Refreshes) else None
    if target is None:
        return None
    module, _, name = target.partition(":")
    try:
        return cast("Refresh", getattr(import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise ProviderError(
            f"provider {provider.name!r} cannot refresh its prices: {target} does not load ({error}); update its package"
        ) from error
