"""Clouds, regions and instances that a question names."""

from __future__ import annotations

from decimal import Decimal

import pytest

from infercost.app.selection import choose_providers, choose_regions, restrict
from infercost.domain.errors import UnknownNameError
from infercost.domain.price import Catalog, Offer, Region
from infercost.domain.provider import CloudProvider, HostingRules

HOSTING = HostingRules(
    min_replicas=1,
    recommended_min_replicas=2,
    billing_granularity_s=1,
    minimum_billed_s=60,
    max_payload_bytes=None,
    memory_reserved_gib=0,
    source="test",
)


def provider(name: str, region: str) -> CloudProvider:
    return CloudProvider(name=name, title=name, default_region=region, catalog_package=name, charges=(), hosting=HOSTING)


def catalog(name: str, regions: list[str], instances: list[str]) -> Catalog:
    return Catalog(
        provider=name,
        as_of="2026-01-01",
        source="test",
        licence="test",
        offers=tuple(Offer(name, r, "realtime", i, Decimal(1), "hour") for r in regions for i in instances),
        rates=(),
        regions={r: Region(key=r, location=r, geography="us") for r in regions},
    )


CLOUDS = {"north": provider("north", "n1"), "south": provider("south", "s1")}
BOOKS = [catalog("north", ["n1", "n2"], ["big.x", "small.x"]), catalog("south", ["s1", "shared"], ["big-y"])]


def test_no_names_mean_all_clouds_and_their_default_regions():
    assert choose_providers(CLOUDS.values(), None) == CLOUDS
    assert choose_regions(CLOUDS, BOOKS, None) == {"north": ("n1",), "south": ("s1",)}


def test_an_unknown_cloud_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean north"):
        choose_providers(CLOUDS.values(), ["nroth"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["n2"], {"north": ("n2",), "south": ()}),
        (["all"], {"north": ("n1", "n2"), "south": ("s1", "shared")}),
        (["south:all", "n1"], {"north": ("n1",), "south": ("s1", "shared")}),
        (["north:n2", "n2"], {"north": ("n2",), "south": ()}),
        (["N1, S1", "South:SHARED"], {"north": ("n1",), "south": ("s1", "shared")}),
        ([""], {"north": ("n1",), "south": ("s1",)}),
    ],
)
def test_regions_are_found_in_their_cloud(names, expected):
    assert choose_regions(CLOUDS, BOOKS, names) == expected


@pytest.mark.parametrize(("name", "kind"), [("n3", "region"), ("north:s1", "region"), ("west:n1", "provider")])
def test_an_unknown_region_is_refused(name, kind):
    with pytest.raises(UnknownNameError, match=f"unknown {kind}"):
        choose_regions(CLOUDS, BOOKS, [name])


def test_offers_are_restricted_to_regions_and_instances():
    kept = restrict(BOOKS, {"north": ("n2",)}, ["BIG.*"])
    assert [(o.region, o.instance_type) for c in kept for o in c.offers] == [("n2", "big.x")]
    assert [c.provider for c in kept] == ["north"]


def test_an_unknown_instance_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"did you mean small\.x"):
        restrict(BOOKS, {"north": ("n1",)}, ["small.z"])
