"""The AWS Price List bulk files of AmazonSageMaker and of Machine Learning Savings Plans.

Shapes after docs.aws.amazon.com/awsaccountbilling (reading price list files) and the public tools
named in docs/adr/0007-refresh.md. Beside the rows that are asked for, a document holds the rows
that must not be taken for them: other components of the same instance, one-off fees, free rows.
"""

from __future__ import annotations

import json
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from infercost.testing.price_servers.server import Answer, PriceServer

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AwsPriceListServer", "RegionOffer", "offer_document"]

PUBLISHED = "2026-11-20T18:04:31Z"
EFFECTIVE = "2026-11-01T00:00:00Z"
TERM = "JRTCKXETXF"
RATE = "6YS6EN2CT7"
ATTRACTIVE = "0.0010000000"
"""The price of rows that must not be taken: low enough to win wherever the lowest is taken."""

Prices = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RegionOffer:
    """What a region sells. Prices are texts, in USD."""

    region: str
    location: str = "US East (N. Virginia)"
    prefix: str = "USE1"
    """Of usage types."""
    hosting: Prices = field(default_factory=dict)
    """USD an hour by instance name."""
    asynchronous: Prices = field(default_factory=dict)
    batch: Prices = field(default_factory=dict)
    serverless: Mapping[int, str] = field(default_factory=dict)
    """USD a second by GB of memory."""
    provisioned: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """USD a second by GB of memory: of readiness, and of duration."""
    data: tuple[str, str] | None = ("0.0160000000", "0.0160000000")
    """USD a GB in and out."""
    storage: str | None = "0.1400000000"
    """USD a GB and month."""
    savings: Prices = field(default_factory=dict)
    """One-year, no-upfront rate an hour by instance name."""


def sku_of(*parts: str) -> str:
    """A SKU of the usual form, the same for the same parts."""
    return b32encode(sha256("/".join(parts).encode()).digest()).decode()[:16]


def offer_document(offer: RegionOffer) -> dict[str, Any]:
    """A region's offer file."""
    products: dict[str, Any] = {}
    terms: dict[str, Any] = {}
    base = {
        "servicecode": "AmazonSageMaker",
        "location": offer.location,
        "locationType": "AWS Region",
        "regionCode": offer.region,
        "servicename": "Amazon SageMaker",
    }

    def add(family: str, usage: str, unit: str, *tiers: tuple[str, str, str], **attributes: str) -> None:
        usage = f"{offer.prefix}-{usage}"
        sku = sku_of(offer.region, usage, *attributes.values())
        products[sku] = {
            "sku": sku,
            "productFamily": family,
            "attributes": {**base, "usagetype": usage, **attributes},
        }
        terms[sku] = {f"{sku}.{TERM}": on_demand(sku, unit, tiers)}

    def whole(price: str) -> tuple[str, str, str]:
        return "0", "Inf", price

    for component, short, prices in (
        ("Hosting", "Host", offer.hosting),
        ("AsyncInf", "AsyncInf", offer.asynchronous),
        ("BatchTransform", "Tsform", offer.batch),
    ):
        for name, price in prices.items():
            instance = instance_attributes(name, component)
            add("ML Instance", f"{short}:{name}", "Hrs", whole(price), **instance)
    for name in offer.hosting:
        for component, short in (
            ("Training", "Train"),
            ("Notebook", "Notebk"),
            ("Processing", "Processing"),
            ("Studio-Notebook", "Studio"),
            ("Cluster", "Cluster"),
        ):
            add(
                "ML Instance",
                f"{short}:{name}",
                "Hrs",
                whole(ATTRACTIVE),
                **instance_attributes(name, component),
            )
        free = {**instance_attributes(name, "Hosting"), "platoinstancetype": "Hosting-Free"}
        add("ML Instance", f"Host:{name}-Free", "Hrs", whole("0.0000000000"), **free)
        outposts = {**instance_attributes(name, "Hosting"), "locationType": "AWS Outposts"}
        add("ML Instance", f"Outposts-Host:{name}", "Hrs", whole(ATTRACTIVE), **outposts)
        add("ML Instance", f"TrainingPlanUpfrontFee:{name}", "Quantity", whole(ATTRACTIVE), instanceName=name)
    for memory, price in offer.serverless.items():
        # The first seconds of a month are free in an account's first months: a tier of its own.
        tiers = (("0", "150000", "0.0000000000"), ("150000", "Inf", price))
        about = {"group": "ServerlessInf", "operation": "Serverless", "memorygb": str(memory)}
        add("ML Serverless", f"ServerlessInf:Mem-{memory}GB", "seconds", *tiers, **about)
    for memory, (usage, duration) in offer.provisioned.items():
        for group, word, price in (("Usage", "Usage", usage), ("Duration", "Mem", duration)):
            about = {"group": f"ServerlessProvisionedConcurrency-{group}", "operation": "Serverless", "memorygb": str(memory)}
            name = f"ServerlessInf:ProvisionedConcurrency:{word}-{memory}GB"
            add("ML Serverless", name, "seconds", whole(price), **about)
    if offer.data is not None:
        for way, word, price in zip(("IN", "OUT"), ("In", "Out"), offer.data, strict=True):
            about = {"group": f"Hosting:{way}", "operation": "Invoke-Endpoint"}
            add("ML Data Transfer", f"Data-Bytes-{word}", "GB", whole(price), **about)
    if offer.storage is not None:
        volumes = {
            "Host:VolumeUsage.gp2": offer.storage,
            "Train:VolumeUsage.gp2": ATTRACTIVE,
            "Host:VolumeUsage.gp3": ATTRACTIVE,
        }
        for usage, price in volumes.items():
            add("Storage", usage, "GB-Mo", whole(price), platoclassificationtype=usage.partition(".")[0])
    return {
        "formatVersion": "v1.0",
        "disclaimer": "This pricing list is for informational purposes only.",
        "offerCode": "AmazonSageMaker",
        "version": "20261120180431",
        "publicationDate": PUBLISHED,
        "products": products,
        "terms": {"OnDemand": terms},
        "attributesList": {},
    }


def instance_attributes(name: str, component: str) -> dict[str, str]:
    """Attributes of an instance's row, as many as real rows have."""
    return {
        "instanceType": f"{name}-{component}",
        "instanceName": name,
        "computeType": "Standard Instances",
        "vCpu": "4",
        "physicalCpu": "N/A",
        "memory": "16 GiB",
        "clockSpeed": "2.5 GHz",
        "physicalGpu": "N/A",
        "gpu": "N/A",
        "gpuMemory": "N/A",
        "networkPerformance": "10 Gigabit",
        "processorArchitecture": "64-bit",
        "storage": "EBS only",
        "currentGeneration": "Yes",
        "operation": "RunInstance",
        "component": component,
        "platoinstancename": name.split(".")[1],
        "platoinstancetype": component,
    }


def on_demand(sku: str, unit: str, tiers: Iterable[tuple[str, str, str]], effective: str = EFFECTIVE) -> dict[str, Any]:
    """An on-demand term with a price dimension for each tier: begin, end, price."""
    return {
        "offerTermCode": TERM,
        "sku": sku,
        "effectiveDate": effective,
        "priceDimensions": {
            f"{sku}.{TERM}.{RATE}{number}": {
                "rateCode": f"{sku}.{TERM}.{RATE}{number}",
                "description": f"${price} per {unit}",
                "beginRange": begin,
                "endRange": end,
                "unit": unit,
                "pricePerUnit": {"USD": price},
                "appliesTo": [],
            }
            for number, (begin, end, price) in enumerate(tiers)
        },
        "termAttributes": {},
    }


def savings_document(offer: RegionOffer) -> dict[str, Any]:
    """A region's savings-plan file: one plan, which covers hosting and training."""
    plan = "3YPXFW2FJXS3D9VM"
    rates = [
        {
            "discountedSku": sku_of(offer.region, usage),
            "discountedUsageType": usage,
            "discountedOperation": "RunInstance",
            "discountedServiceCode": "AmazonSageMaker",
            "rateCode": f"{plan}.{sku_of(offer.region, usage)}",
            "unit": "Hrs",
            "discountedRate": {"price": price, "currency": "USD"},
            "discountedRegionCode": offer.region,
            "discountedInstanceType": name,
        }
        for name, listed in offer.savings.items()
        for usage, price in (
            (f"{offer.prefix}-Host:{name}", listed),
            (f"{offer.prefix}-Train:{name}", ATTRACTIVE),
        )
    ]
    return {
        "version": "20261120180431",
        "publicationDate": PUBLISHED,
        "products": [
            {
                "sku": plan,
                "productFamily": "SageMakerSavingsPlans",
                "serviceCode": "MachineLearningSavingsPlans",
                "usageType": "SageMakerSP:1yrNoUpfront",
                "attributes": {"purchaseOption": "No Upfront", "purchaseTerm": "1yr", "location": "Any"},
            }
        ],
        "terms": {
            "savingsPlan": [
                {
                    "sku": plan,
                    "description": "1 year No Upfront SageMaker Savings Plan",
                    "effectiveDate": EFFECTIVE,
                    "leaseContractLength": {"duration": 1, "unit": "year"},
                    "rates": rates,
                }
            ]
        },
    }


class AwsPriceListServer(PriceServer):
    """Serves region indexes and regional files as the static files that they are.

    ``offers`` and ``savings`` hold the documents by region; a test may change them.
    """

    def __init__(self, offers: Iterable[RegionOffer], *, compress: bool = True) -> None:
        super().__init__(compress=compress)
        listed = list(offers)
        self.offers: dict[str, dict[str, Any]] = {offer.region: offer_document(offer) for offer in listed}
        self.savings: dict[str, dict[str, Any]] = {o.region: savings_document(o) for o in listed if o.savings}

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:  # noqa: ARG002 - the base class's signature
        """The file at a path."""
        document = self._document(path.strip("/").split("/"))
        if document is None:
            return Answer(
                status=403, body=b"<Error><Code>AccessDenied</Code></Error>", headers={"Content-Type": "application/xml"}
            )
        # The real files are written with line breaks and two blanks of indentation.
        return Answer(body=json.dumps(document, indent=2).encode(), validators=True)

    def _document(self, parts: list[str]) -> dict[str, Any] | None:
        match parts:
            case ["offers", "v1.0", "aws", "AmazonSageMaker", "current", "region_index.json"]:
                return self._offer_index()
            case ["offers", "v1.0", "aws", "AmazonSageMaker", _, region, "index.json"]:
                return self.offers.get(region)
            case ["savingsPlan", "v1.0", "aws", "AWSMachineLearningSavingsPlans", "current", "region_index.json"]:
                return self._savings_index()
            case ["savingsPlan", "v1.0", "aws", "AWSMachineLearningSavingsPlans", _, region, "index.json"]:
                return self.savings.get(region)
        return None

    def _offer_index(self) -> dict[str, Any]:
        return {
            "formatVersion": "v1.0",
            "disclaimer": "This pricing list is for informational purposes only.",
            "publicationDate": PUBLISHED,
            "regions": {
                region: {
                    "regionCode": region,
                    "currentVersionUrl": f"/offers/v1.0/aws/AmazonSageMaker/20261120180431/{region}/index.json",
                }
                for region in self.offers
            },
        }

    def _savings_index(self) -> dict[str, Any]:
        prefix = "/savingsPlan/v1.0/aws/AWSMachineLearningSavingsPlans/20261120180431"
        return {
            "disclaimer": "This pricing list is for informational purposes only.",
            "publicationDate": PUBLISHED,
            "regions": [{"regionCode": region, "versionUrl": f"{prefix}/{region}/index.json"} for region in self.savings],
        }
