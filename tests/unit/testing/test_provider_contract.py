"""The contract must fail where a provider is wrong, or passing it says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infercost.providers.sagemaker import PROVIDER
from infercost.testing.provider_contract import ProviderContract

CHARGE = PROVIDER.charges[0]

BROKEN = {
    "test_has_every_attribute_of_a_provider": (object(), "lacks attributes"),
    "test_is_found_by_its_name": (replace(PROVIDER), "not this provider"),
    "test_name_fits_a_command_line": (replace(PROVIDER, name="Sage Maker"), "not a lower-case identifier"),
    "test_importing_it_loads_nothing_heavy": (replace(PROVIDER, catalog_package="numpy"), "loads numpy"),
    "test_catalog_is_its_own": (replace(PROVIDER, name="other"), "the catalog is of 'sagemaker'"),
    "test_default_region_is_priced": (replace(PROVIDER, default_region="mars"), "not in the catalog"),
    "test_every_charge_has_a_rate_somewhere": (
        replace(PROVIDER, charges=(replace(CHARGE, item="nothing"),)),
        "charges without any rate",
    ),
    "test_every_mode_of_its_offers_has_rules": (replace(PROVIDER, modes=PROVIDER.modes[:1]), "billing is not described"),
    "test_charges_use_standard_items_and_drivers": (
        replace(PROVIDER, charges=(replace(CHARGE, driver="wind"),)),
        "'wind' is not a driver",
    ),
    "test_charges_are_named_once_and_say_where_they_come_from": (replace(PROVIDER, charges=(CHARGE, CHARGE)), "used twice"),
    "test_a_fixed_quantity_is_above_zero": (
        replace(PROVIDER, charges=(replace(CHARGE, fixed_quantity=0.0),)),
        "not above 0",
    ),
    "test_hosting_rules_are_possible": (
        replace(PROVIDER, hosting=replace(PROVIDER.hosting, min_replicas=3)),
        "below the minimum",
    ),
    "test_serverless_rules_come_with_serverless_offers": (replace(PROVIDER, serverless=None), "must come together"),
    "test_says_what_it_does_not_price": (replace(PROVIDER, not_priced=()), "must name"),
}


@pytest.mark.parametrize(("check", "provider", "problem"), [(k, *v) for k, v in BROKEN.items()], ids=list(BROKEN))
def test_a_wrong_provider_fails(check, provider, problem):
    class Contract(ProviderContract):
        pass

    Contract.provider = provider
    with pytest.raises(AssertionError, match=problem):
        getattr(Contract(), check)()


def test_every_check_but_the_data_driven_ones_has_a_counterexample():
    covered_by_catalog_checks = {
        "test_prices_stand_every_integrity_check",
        "test_every_flag_is_explained",
        "test_every_rate_is_a_charge_or_can_be_included",
        "test_is_plain_data_that_json_can_hold",
    }
    checks = {name for name in dir(ProviderContract) if name.startswith("test_")}
    assert checks == set(BROKEN) | covered_by_catalog_checks
