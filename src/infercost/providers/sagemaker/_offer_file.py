"""Reading AWS Price List files of AmazonSageMaker and of Machine Learning Savings Plans.

A file is decoded in two steps: its rows stay raw until it is known which of them are wanted, so
that memory is bounded by the file's bytes and not by the objects in it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OfferIndex", "Row", "SavingsIndex", "SavingsRate", "read_offer_file", "read_savings_file"]

RowKind = Literal[
    "realtime", "async", "batch", "serverless", "provisioned", "provisioned_duration", "data_in", "data_out", "storage"
]


class _RegionEntry(msgspec.Struct):
    current_version_url: str = msgspec.field(name="currentVersionUrl")


class OfferIndex(msgspec.Struct):
    """``region_index.json`` of an offer."""

    published: str = msgspec.field(name="publicationDate")
    regions: dict[str, _RegionEntry]


class _SavingsEntry(msgspec.Struct):
    region_code: str = msgspec.field(name="regionCode")
    version_url: str = msgspec.field(name="versionUrl")


class SavingsIndex(msgspec.Struct):
    """``region_index.json`` of a savings plan."""

    regions: list[_SavingsEntry]


class Row(msgspec.Struct, frozen=True):
    """A wanted row of an offer file."""

    kind: RowKind
    region: str
    name: str
    """Instance name, or ``serverless-…MB``; empty for rates."""
    usage_type: str
    unit: str
    tiers: tuple[tuple[Decimal, Decimal], ...]
    """Where each tier begins, and its price in USD, ascending; empty where no term is in force."""


class _Terms(msgspec.Struct):
    on_demand: dict[str, msgspec.Raw] = msgspec.field(name="OnDemand")


class _OfferFile(msgspec.Struct):
    products: dict[str, msgspec.Raw]
    terms: _Terms


class _Attributes(msgspec.Struct):
    usagetype: str
    component: str = ""
    instance_name: str = msgspec.field(name="instanceName", default="")
    instance_type: str = msgspec.field(name="instanceType", default="")
    region_code: str = msgspec.field(name="regionCode", default="")
    location_type: str = msgspec.field(name="locationType", default="")
    plato_instance_type: str = msgspec.field(name="platoinstancetype", default="")
    group: str = ""
    operation: str = ""


class _Product(msgspec.Struct):
    attributes: _Attributes
    product_family: str = msgspec.field(name="productFamily", default="")


class _Dimension(msgspec.Struct):
    unit: str
    price_per_unit: dict[str, Decimal] = msgspec.field(name="pricePerUnit")
    begin: str = msgspec.field(name="beginRange", default="0")


class _Term(msgspec.Struct):
    effective: str = msgspec.field(name="effectiveDate")
    dimensions: dict[str, _Dimension] = msgspec.field(name="priceDimensions")


_FILE = msgspec.json.Decoder(_OfferFile)
_PRODUCT = msgspec.json.Decoder(_Product)
_TERMS = msgspec.json.Decoder(dict[str, _Term])

_COMPONENTS: dict[str, RowKind] = {"hosting": "realtime", "asyncinf": "async", "batchtransform": "batch"}
_SERVERLESS = re.compile(r"(?:^|-)ServerlessInf:Mem-(\d+)GB$")
_PROVISIONED = re.compile(r"ProvisionedConcurrency:(Usage|Mem)-(\d+)GB$")
_VOLUME = re.compile(r"(?:^|-)Host:VolumeUsage(?:\.gp2)?$")
_RATES: dict[str, RowKind] = {"Hosting:IN": "data_in", "Hosting:OUT": "data_out"}


def read_offer_file(data: bytes | bytearray, today: str) -> list[Row]:
    """The rows of an offer file, regional or global, that price inference.

    Args:
        data: the JSON.
        today: ISO date; terms that begin later are not in force.

    Raises:
        msgspec.DecodeError: the JSON is damaged.
        msgspec.ValidationError: an expected key is missing.
    """
    file = _FILE.decode(data)
    on_demand = file.terms.on_demand
    rows = []
    for sku, raw in file.products.items():
        product = _PRODUCT.decode(raw)
        wanted = _classify(product)
        if wanted is None:
            continue
        kind, name = wanted
        unit, tiers = _in_force(on_demand.get(sku), today)
        region = product.attributes.region_code
        rows.append(Row(kind, region, name, product.attributes.usagetype, unit, tiers))
    return rows


def _classify(product: _Product) -> tuple[RowKind, str] | None:
    """What a product is to inference, and its name; None for everything else.

    The same instance name stands in rows for training, notebooks, processing and clusters; in rows
    of one-off fees, which have no component; in free rows; and in rows for Outposts.
    """
    about = product.attributes
    if "outpost" in about.location_type.lower() or "free" in f"{about.plato_instance_type} {about.instance_type}".lower():
        return None
    kind = _COMPONENTS.get(about.component.lower())
    if kind is not None:
        name = about.instance_name or about.instance_type.removesuffix(f"-{about.component}")
        # Elastic Inference accelerators are hosted too, under a family of their own.
        listed = product.product_family == "ML Instance" or name.startswith("ml.eia")
        return (kind, name) if listed and name.startswith("ml.") else None
    return _classify_usage(about)


def _classify_usage(about: _Attributes) -> tuple[RowKind, str] | None:
    """The same for what is not an instance: told by usage type and group."""
    usage = about.usagetype
    if match := _SERVERLESS.search(usage):
        return "serverless", _serverless_name(match[1])
    if match := _PROVISIONED.search(usage):
        return ("provisioned" if match[1] == "Usage" else "provisioned_duration"), _serverless_name(match[2])
    if about.group in _RATES and about.operation == "Invoke-Endpoint":
        return _RATES[about.group], ""
    if _VOLUME.search(usage):
        return "storage", ""
    return None


def _serverless_name(memory_gb: str) -> str:
    return f"serverless-{int(memory_gb) * 1024}MB"


def _in_force(raw: msgspec.Raw | None, today: str) -> tuple[str, tuple[tuple[Decimal, Decimal], ...]]:
    """Unit and tiers of the latest term that has begun.

    A SKU may have a term for each change of price, the next one already dated ahead.
    """
    begun = [term for term in _TERMS.decode(raw).values() if term.effective[:10] <= today] if raw is not None else []
    if not begun:
        return "", ()
    term = max(begun, key=lambda term: term.effective)
    tiers = {}
    unit = ""
    for dimension in term.dimensions.values():
        usd = dimension.price_per_unit.get("USD")
        if usd is not None:
            tiers[Decimal(dimension.begin)] = usd
            unit = dimension.unit
    return unit, tuple(sorted(tiers.items()))


# ---------------------------------------------------------------- savings plans


class SavingsRate(msgspec.Struct, frozen=True):
    """What an instance costs under a savings plan."""

    region: str
    mode: Literal["realtime", "async", "batch", "serverless"]
    name: str
    unit: str
    price: Decimal
    currency: str
    term: str
    payment: str


class _Amount(msgspec.Struct):
    price: Decimal
    currency: str


class _SavingsRow(msgspec.Struct):
    usage_type: str = msgspec.field(name="discountedUsageType")
    unit: str
    rate: _Amount = msgspec.field(name="discountedRate")
    region: str = msgspec.field(name="discountedRegionCode", default="")


class _Length(msgspec.Struct):
    duration: int
    unit: str


class _Plan(msgspec.Struct):
    sku: str
    length: _Length = msgspec.field(name="leaseContractLength")
    rates: list[_SavingsRow]


class _PlanAttributes(msgspec.Struct):
    payment: str = msgspec.field(name="purchaseOption", default="")


class _PlanProduct(msgspec.Struct):
    sku: str
    attributes: _PlanAttributes


class _Plans(msgspec.Struct):
    plans: list[_Plan] = msgspec.field(name="savingsPlan")


class _SavingsFile(msgspec.Struct):
    products: list[_PlanProduct]
    terms: _Plans


_SAVINGS = msgspec.json.Decoder(_SavingsFile)
_COVERED: dict[str, Literal["realtime", "async", "batch"]] = {"Host": "realtime", "AsyncInf": "async", "Tsform": "batch"}
_COVERED_USAGE = re.compile(r"(?:^|-)(Host|AsyncInf|Tsform):(ml\..+)$")


def read_savings_file(data: bytes | bytearray, region: str) -> Iterator[SavingsRate]:
    """The rates of a region's savings-plan file that cover inference.

    Raises:
        msgspec.DecodeError: the JSON is damaged.
        msgspec.ValidationError: an expected key is missing.
    """
    file = _SAVINGS.decode(data)
    payments = {product.sku: product.attributes.payment.lower() for product in file.products}
    for plan in file.terms.plans:
        term = f"{plan.length.duration}{plan.length.unit[:1]}"
        for row in plan.rates:
            if match := _COVERED_USAGE.search(row.usage_type):
                yield SavingsRate(
                    region=row.region or region,
                    mode=_COVERED[match[1]],
                    name=match[2],
                    unit=row.unit,
                    price=row.rate.price,
                    currency=row.rate.currency,
                    term=term,
                    payment=payments.get(plan.sku, ""),
                )
