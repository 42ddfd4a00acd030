"""Which clouds, regions and instances a question is about."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from infercost.domain.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infercost.domain.price import Catalog
    from infercost.domain.provider import Provider


def split(names: Sequence[str] | None) -> list[str]:
    """Names in lower case, those within one text parted at commas: ``["us-east-1,EastUS"]`` names two."""
    return [part.strip().lower() for name in names or () for part in name.split(",") if part.strip()]


def choose_providers(known: Iterable[Provider], names: Sequence[str] | None) -> dict[str, Provider]:
    """The named clouds, or all of them.

    Raises:
        UnknownNameError: a name is not a provider that is installed.
    """
    by_name = {provider.name: provider for provider in known}
    wanted = split(names)
    for name in wanted:
        if name not in by_name:
            raise UnknownNameError("provider", name, by_name)
    return {name: provider for name, provider in by_name.items() if not wanted or name in wanted}


def choose_regions(
    providers: Mapping[str, Provider], catalogs: Sequence[Catalog], names: Sequence[str] | None
) -> dict[str, tuple[str, ...]]:
    """Region keys by provider; a provider with none of the named regions has an empty tuple.

    Args:
        providers: the clouds in question.
        catalogs: one a cloud.
        names: ``region``, ``provider:region``, ``all`` or ``provider:all``, in any case and also several in
            one text parted by commas; None means each cloud's default.

    Raises:
        UnknownNameError: no cloud in question has a region of that name.
    """
    known = {catalog.provider: catalog.regions for catalog in catalogs}
    wanted = split(names)
    if not wanted:
        return {name: (provider.default_region,) for name, provider in providers.items()}
    chosen: dict[str, dict[str, None]] = {name: {} for name in providers}
    for name in wanted:
        matches = _matches(name, known)
        for provider, region in matches:
            chosen[provider][region] = None
    return {provider: tuple(regions) for provider, regions in chosen.items()}


def _matches(name: str, known: Mapping[str, Mapping[str, object]]) -> list[tuple[str, str]]:
    owner, _, region = name.rpartition(":")
    if owner and owner not in known:
        raise UnknownNameError("provider", owner, known)
    within = [owner] if owner else list(known)
    if region == "all":
        return [(provider, key) for provider in within for key in known[provider]]
    matches = [(provider, region) for provider in within if region in known[provider]]
    if not matches:
        names = {key for provider in within for key in known[provider]} | {"all"}
        raise UnknownNameError("region", region, names, hint=f"(of {', '.join(within)})")
    return matches


def _oldest(catalog: Catalog, wanted: Iterable[str]) -> str:
    """The date of the oldest prices in question: a refresh of some regions leaves the others as they were."""
    dates = [region.as_of for key in wanted if (region := catalog.regions.get(key)) and region.as_of]
    return min([*dates, catalog.as_of])


def restrict(
    catalogs: Sequence[Catalog], regions: Mapping[str, Sequence[str]], instances: Sequence[str] | None
) -> list[Catalog]:
    """Catalogs with only the offers in question; clouds without a chosen region are dropped.

    Args:
        catalogs: one a cloud.
        regions: chosen region keys by provider.
        instances: exact instance types or globs (``ml.c7i.*``); None keeps all.

    Raises:
        UnknownNameError: a name matches no offer in the chosen regions.
    """
    kept = []
    for catalog in catalogs:
        wanted = set(regions.get(catalog.provider, ()))
        if wanted:
            offers = tuple(offer for offer in catalog.offers if offer.region in wanted)
            kept.append(replace(catalog, offers=offers, as_of=_oldest(catalog, wanted)))
    if not instances:
        return kept
    names = {offer.instance_type for catalog in kept for offer in catalog.offers}
    matching: set[str] = set()
    for pattern in split(instances):
        found = {name for name in names if fnmatchcase(name.lower(), pattern)}
        if not found:
            raise UnknownNameError("instance type", pattern, names, hint="(in the chosen regions)")
        matching |= found
    return [replace(c, offers=tuple(offer for offer in c.offers if offer.instance_type in matching)) for c in kept]
