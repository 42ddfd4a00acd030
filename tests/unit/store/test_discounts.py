from __future__ import annotations

from decimal import Decimal

import pytest

from infercost.domain.discount import Commitment, Discounts, FreeTier, Percentage, PrivatePrice
from infercost.domain.errors import UsageError
from infercost.store.discounts import find_discounts, read_discounts

PROVIDERS = ("azureml", "sagemaker", "vertex")
WHOLE = """
version: 1
percentages:
  - provider: sagemaker
    services: [compute, data_*]
    percent: 12.50%
    note: EDP 2026
  - {provider: azureml, percent: 3}
commitments:
  - provider: vertex
    kind: cud
    term: 3y
    percent: 46
    coverage: 60
    instances: n2-standard-*
free_tiers:
  - {provider: sagemaker, service: egress_internet_gb, quantity: 100}
private_prices:
  - {provider: azureml, instance: Standard_F4s_v2, regions: [westeurope], price: 0.1710}
  - {provider: azureml, service: logs_ingest_gb, price: "2", currency: EUR}
"""


@pytest.fixture
def read(tmp_path):
    def write_and_read(text: str) -> Discounts:
        path = tmp_path / "d.yml"
        path.write_text(text, encoding="utf-8")
        return read_discounts(path, PROVIDERS)

    return write_and_read


def test_reads_every_section_exactly(read, tmp_path):
    assert read(WHOLE) == Discounts(
        percentages=(
            Percentage(provider="sagemaker", services=("compute", "data_*"), percent=Decimal("12.50"), note="EDP 2026"),
            Percentage(provider="azureml", percent=Decimal(3)),
        ),
        commitments=(
            Commitment(
                provider="vertex",
                kind="cud",
                term="3y",
                percent=Decimal(46),
                coverage=Decimal(60),
                instances=("n2-standard-*",),
            ),
        ),
        free_tiers=(FreeTier(provider="sagemaker", service="egress_internet_gb", quantity=Decimal(100)),),
        private_prices=(
            PrivatePrice(provider="azureml", instance="Standard_F4s_v2", regions=("westeurope",), price=Decimal("0.1710")),
            PrivatePrice(provider="azureml", service="logs_ingest_gb", price=Decimal(2), currency="EUR"),
        ),
        source=str(tmp_path / "d.yml"),
    )


def test_an_empty_file_has_no_discounts(read):
    assert not read("# nothing yet\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\npercentages:\n  - {provider: sagemaker, percnt: 3}", r"d\.yml:3:27: unknown key 'percnt'; did you mean"),
        ("version: 1\nprecentages: []", r"d\.yml:2:1: unknown key 'precentages'; did you mean percentages\?"),
        ("version: 1\npercentages:\n  - {provider: sagemakr, percent: 3}", r":3:16: unknown provider 'sagemakr'; did you mean"),
        ("version: 1\npercentages:\n  - {provider: vertex, percent: many}", r":3:33: expected a number, got 'many'"),
        ("version: 1\npercentages:\n  - {provider: vertex, percent: .inf}", r"expected a number"),
        ("version: 1\npercentages:\n  - {provider: vertex, percent: 101}", r":3:33: expected 0 … 100 %, got 101"),
        ("version: 1\npercentages:\n  - {provider: vertex, percent: -1}", r"expected 0 … 100 %"),
        ("version: 1\npercentages:\n  - {provider: vertex, percent: [1]}", r":3:33: expected a word"),
        ("version: 1\npercentages:\n  - {percent: 1}", r":3:5: provider is missing"),
        ("version: 1\npercentages:\n  - percent", r":3:5: expected keys such as provider, services, percent"),
        ("version: 1\npercentages: {provider: vertex}", r":2:14: percentages must be a list"),
        ("version: 1\npercentages:\n  - {provider: vertex, services: [], percent: 1}", r":3:34: the list is empty"),
        ("version: 1\nversion: 1", r":2:1: version is given twice"),
        ("percentages: []", r":1:1: version is missing"),
        ("version: 2", r":1:10: this release reads version 1"),
        ("- 1", r":1:1: expected keys such as version"),
        ("version: [1", r"d\.yml:1:12: not YAML: "),
        ("version: 1\n\x01", r"d\.yml: not YAML: "),
        (
            "version: 1\ncommitments:\n  - {provider: vertex, kind: cuds, term: 1y, percent: 1, coverage: 1}",
            r":3:30: unknown kind 'cuds'; did you mean cud\?",
        ),
        (
            "version: 1\ncommitments:\n  - {provider: vertex, kind: cud, term: 2 years, percent: 1, coverage: 1}",
            r"unknown term '2 years'; known: 1y, 3y",
        ),
        ("version: 1\nfree_tiers:\n  - {provider: vertex, service: x, quantity: 0}", r"expected a number above 0, got 0"),
        ("version: 1\nprivate_prices:\n  - {provider: vertex, price: 1}", r":3:5: a private price names either"),
        ("version: 1\nprivate_prices:\n  - {provider: vertex, price: 1, instance: a, service: b}", r"names either"),
        ("version: 1\nprivate_prices:\n  - {provider: vertex, price: 1, instance: a, currency: euro}", r"expected a currency"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(read, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none\.yml"):
        read_discounts(tmp_path / "none.yml", PROVIDERS)
    (tmp_path / "d.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        read_discounts(tmp_path / "d.yml", PROVIDERS)


def test_it_is_found_by_its_name(tmp_path):
    assert find_discounts(tmp_path) is None
    (tmp_path / "infercost-discounts.yml").write_text("version: 1")
    assert find_discounts(tmp_path) == tmp_path / "infercost-discounts.yml"
