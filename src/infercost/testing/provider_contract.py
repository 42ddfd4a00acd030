"""What every provider must satisfy. A provider's tests subclass it once:

    from infercost.testing.provider_contract import ProviderContract
    from my_cloud import PROVIDER

    class TestMyCloud(ProviderContract):
        provider = PROVIDER

pytest then runs every ``test_*`` method below against it; no test here knows a provider's name.
"""

# ruff: noqa: D102 - the tests' names say what they check

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, ClassVar, get_args

from infercost.domain.provider import Driver, Provider
from infercost.domain.rates import STANDARD_RATES
from infercost.store.pricebook import load_catalog, load_manifest
from infercost.store.pricebook_checks import defects, verify_catalog
from infercost.store.references import check_references, load_references

if TYPE_CHECKING:
    from infercost.domain.price import Catalog

__all__ = ["ProviderContract"]

HEAVY = ("boto3", "botocore", "google.cloud", "azure", "numpy", "pandas", "onnx", "onnxruntime", "msgspec", "rich", "typer")
"""Modules that importing a provider must not load: SDKs belong inside calls."""

_load = cache(partial(load_catalog, every_mode=True))


def _expect(condition: object, problem: str) -> None:
    """Like ``assert``, but also under ``python -O`` and always with a reason."""
    if not condition:
        raise AssertionError(problem)


class ProviderContract:
    """Subclass with ``provider`` set to the object that the entry point names."""

    provider: ClassVar[Provider]

    @property
    def catalog(self) -> Catalog:
        """The provider's shipped catalog, read once."""
        return _load(self.provider.catalog_package)

    def test_has_every_attribute_of_a_provider(self) -> None:
        _expect(isinstance(self.provider, Provider), f"{self.provider!r} lacks attributes of Provider")

    def test_is_found_by_its_name(self) -> None:
        from infercost.registry import get_provider

        found = get_provider(self.provider.name)
        _expect(found is self.provider, f"the entry point {self.provider.name!r} names {found!r}, not this provider")

    def test_name_fits_a_command_line(self) -> None:
        name = self.provider.name
        _expect(name.isidentifier() and name == name.lower(), f"{name!r} is not a lower-case identifier")
        _expect(self.provider.title.strip(), "the title for people is empty")

    def test_importing_it_loads_nothing_heavy(self) -> None:
        package = self.provider.catalog_package
        code = f"import sys, {package}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        _expect(not done.stdout.strip(), f"import {package} loads {done.stdout.strip()}")

    def test_catalog_is_its_own(self) -> None:
        _expect(self.catalog.provider == self.provider.name, f"the catalog is of {self.catalog.provider!r}")
        foreign = {offer.provider for offer in self.catalog.offers} - {self.provider.name}
        _expect(not foreign, f"the catalog has offers of {sorted(foreign)}")

    def test_prices_stand_every_integrity_check(self) -> None:
        manifest = load_manifest(self.provider.catalog_package)
        today = datetime.now(UTC).date()
        compared, _ = check_references(self.catalog, load_references(self.provider.catalog_package))
        found = defects(verify_catalog(self.catalog, today=today, explanations=manifest.explanations, also=compared))
        _expect(not found, "\n".join(f"{f.check}: {f.subject}: {f.message}" for f in found[:20]))

    def test_every_flag_is_explained(self) -> None:
        manifest = load_manifest(self.provider.catalog_package)
        flags = {offer.flag for offer in self.catalog.offers} - {""}
        _expect(flags <= set(manifest.flags), f"flags without a meaning: {sorted(flags - set(manifest.flags))}")

    def test_default_region_is_priced(self) -> None:
        region = self.provider.default_region
        _expect(region in self.catalog.regions, f"the default region {region} is not in the catalog")
        priced = [o for o in self.catalog.offers if o.region == region and o.kind == "realtime" and o.price is not None]
        _expect(priced, f"nothing has a price in the default region {region}")

    def test_every_charge_has_a_rate_somewhere(self) -> None:
        known = {rate.item for rate in self.catalog.rates}
        missing = [charge.item for charge in self.provider.charges if charge.item not in known]
        _expect(not missing, f"charges without any rate: {missing}")

    def test_every_rate_is_a_charge_or_can_be_included(self) -> None:
        unused = {rate.item for rate in self.catalog.rates} - {charge.item for charge in self.provider.charges}
        strange = sorted(unused - set(STANDARD_RATES))
        _expect(not strange, f"rates that no charge uses, and that are none of the standard items: {strange}")

    def test_charges_use_standard_items_and_drivers(self) -> None:
        for charge in self.provider.charges:
            _expect(charge.item in STANDARD_RATES, f"{charge.name}: {charge.item!r} is none of {', '.join(STANDARD_RATES)}")
            _expect(charge.driver in get_args(Driver), f"{charge.name}: {charge.driver!r} is not a driver")

    def test_charges_are_named_once_and_say_where_they_come_from(self) -> None:
        names = Counter(charge.name for charge in self.provider.charges)
        _expect(all(count == 1 for count in names.values()), f"charge names used twice: {names}")
        silent = [charge.name for charge in self.provider.charges if not charge.note.strip()]
        _expect(not silent, f"charges without a note: {silent}")

    def test_a_fixed_quantity_is_above_zero(self) -> None:
        wrong = [c.name for c in self.provider.charges if c.fixed_quantity is not None and not c.fixed_quantity > 0]
        _expect(not wrong, f"charges with a fixed quantity that is not above 0: {wrong}")

    def test_hosting_rules_are_possible(self) -> None:
        rules = self.provider.hosting
        _expect(0 <= rules.min_replicas <= rules.recommended_min_replicas, "recommended replicas are below the minimum")
        _expect(rules.billing_granularity_s > 0 and rules.minimum_billed_s >= 0, "billing times must be positive")
        _expect(rules.memory_reserved_gib >= 0 and rules.vcpus_reserved >= 0, "the platform cannot reserve less than nothing")
        limits = (rules.max_payload_bytes, rules.max_endpoint_rps, rules.max_endpoint_bytes_per_s)
        _expect(all(limit is None or limit > 0 for limit in limits), "a limit must be above 0, or None")
        _expect(rules.source.strip(), "hosting rules without a source")

    def test_serverless_rules_come_with_serverless_offers(self) -> None:
        offers = any(offer.mode == "serverless" for offer in self.catalog.offers)
        rules = self.provider.serverless
        _expect(offers == (rules is not None), "serverless rules and serverless offers must come together")
        if rules is not None:
            positive = (rules.billing_granularity_s, rules.vcpus_per_gib, rules.max_vcpus, rules.max_concurrency)
            _expect(all(value > 0 for value in positive), "serverless rules must be above 0")
            _expect(rules.memory_reserved_gib >= 0, "the runtime cannot take less than no memory")
            _expect(rules.source.strip(), "serverless rules without a source")

    def test_every_mode_of_its_offers_has_rules(self) -> None:
        modes = getattr(self.provider, "modes", ())
        silent = {offer.kind for offer in self.catalog.offers} - {mode.name for mode in modes}
        _expect(not modes or not silent, f"offers of modes whose billing is not described: {sorted(silent)}")

    def test_says_what_it_does_not_price(self) -> None:
        gaps = self.provider.not_priced
        _expect(gaps and all(gap.strip() for gap in gaps), "not_priced must name what the book does not cover")
        _expect(len(set(gaps)) == len(gaps), "not_priced repeats itself")

    def test_is_plain_data_that_json_can_hold(self) -> None:
        charges = [asdict(charge) for charge in self.provider.charges]
        rules = [asdict(value) for value in (self.provider.hosting, self.provider.serverless) if is_dataclass(value)]
        text = json.dumps([charges, rules, list(self.provider.not_priced)], allow_nan=False)
        _expect(json.loads(text) is not None, "the provider's data does not survive JSON")
