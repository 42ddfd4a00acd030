"""Reading Vertex AI's SKUs from the Cloud Billing Catalog.

A node has no SKU of its own: its cores, its memory and its GPUs have, and they are told apart by
their descriptions, for example ``Vertex AI: Online/Batch Prediction A3 Predefined Instance Core
running in Iowa``. Descriptions of SKUs that must not be taken for these contain them (``Spot
Preemptible …``, ``… management fee on …``), so a description has to match as a whole.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

__all__ = ["Part", "Rates", "Sku", "SkuPage", "parts_of", "read_description", "unit_price"]

SkuKind = Literal["list", "spot", "management_fee"]

_PREDICTION = re.compile(r"Vertex AI: Online/Batch Prediction (?P<what>.+?),? (?:running )?in (?P<place>.+)", re.IGNORECASE)
_MACHINE = re.compile(
    r"(?P<series>[A-Z]\d+[A-Z]*|Compute optimized)(?: Predefined| AMD| Arm| Instance)* (?P<part>Core|Ram)", re.IGNORECASE
)
_GPU = re.compile(r"Nvidia (?:Tesla )?(?P<model>.+?) GPU", re.IGNORECASE)
_FEE = "management fee on "
_SPOT = re.compile(r"Spot (?:Preemptible )?", re.IGNORECASE)
_SERIES = {"compute optimized": "c2"}
_UNITS = {"core": "h", "gpu": "h", "ram": "GiBy.h"}

_SKU_SERIES = {"a3-megagpu": "a3plus", "a3-ultragpu": "a3ultra"}
"""Families whose cores and memory have SKUs apart from their series'."""
_SKU_GPUS = {
    "a2-highgpu": ("a100",),
    "a2-megagpu": ("a100",),
    "a2-ultragpu": ("a100 80gb",),
    "a3-edgegpu": ("h100 80gb",),
    "a3-highgpu": ("h100 80gb",),
    "a3-megagpu": ("h100 80gb mega", "h100 80gb plus"),
    "a3-ultragpu": ("h200 141gb",),
    "a4-highgpu": ("b200",),
    "g2-standard": ("l4",),
    "g4-standard": ("rtx 6000 96gb", "rtx pro 6000 96gb", "rtx pro 6000"),
}
"""How descriptions call the GPU of a machine family. H100 and A100 as billed; the others after
the same GPU's SKU of Compute Engine, which Vertex AI's descriptions follow."""


class _UnitPrice(msgspec.Struct):
    """``units`` + ``nanos`` / 10⁹. Protocol buffers leave zeros out."""

    currency: str = msgspec.field(name="currencyCode")
    units: str = "0"
    nanos: int = 0


class _Tier(msgspec.Struct):
    price: _UnitPrice = msgspec.field(name="unitPrice")
    start: Decimal = msgspec.field(name="startUsageAmount", default=Decimal(0))


class _Expression(msgspec.Struct):
    usage_unit: str = msgspec.field(name="usageUnit")
    tiers: list[_Tier] = msgspec.field(name="tieredRates")


class _Pricing(msgspec.Struct):
    expression: _Expression = msgspec.field(name="pricingExpression")
    effective: str = msgspec.field(name="effectiveTime", default="")


class _Category(msgspec.Struct):
    usage_type: str = msgspec.field(name="usageType", default="")


class Sku(msgspec.Struct):
    """One SKU."""

    sku_id: str = msgspec.field(name="skuId")
    description: str
    category: _Category
    regions: list[str] = msgspec.field(name="serviceRegions")
    pricing: list[_Pricing] = msgspec.field(name="pricingInfo")


class SkuPage(msgspec.Struct):
    """A page of the list."""

    skus: list[Sku]
    next_page: str = msgspec.field(name="nextPageToken", default="")


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A billed part of a node."""

    kind: Literal["core", "ram", "gpu"]
    model: str
    """Series of the machine, or model of the GPU, in lower case."""

    def __str__(self) -> str:
        return {"core": f"{self.model} core", "ram": f"{self.model} memory", "gpu": f"{self.model} GPU"}[self.kind]


def read_description(description: str, usage_type: str) -> tuple[SkuKind, Part] | None:
    """What a prediction SKU bills; None for all others and for what was not understood."""
    match = _PREDICTION.fullmatch(description.strip())
    if match is None:
        return None
    what = match["what"]
    kind: SkuKind = "list"
    if what.lower().startswith(_FEE):
        kind, what = "management_fee", what[len(_FEE) :]
    elif spot := _SPOT.match(what):
        kind, what = "spot", what[spot.end() :]
    elif usage_type not in {"OnDemand", ""}:
        return None
    if machine := _MACHINE.fullmatch(what):
        series = machine["series"].lower()
        part = "core" if machine["part"].lower() == "core" else "ram"
        return kind, Part("core" if part == "core" else "ram", _SERIES.get(series, series))
    if gpu := _GPU.fullmatch(what):
        return kind, Part("gpu", gpu["model"].lower())
    return None


def is_prediction(description: str) -> bool:
    """Whether a SKU belongs to online or batch prediction at all."""
    return _PREDICTION.match(description.strip()) is not None


def unit_price(sku: Sku, part: Part, currency: str, today: str) -> tuple[Decimal | None, str]:
    """The price of an hour (of a core, GiB or GPU), or None and why there is none.

    A leading tier at zero is a free allowance, which belongs to the account and is not a price.
    """
    begun = [pricing for pricing in sku.pricing if pricing.effective[:10] <= today]
    if not begun:
        return None, "no price is in force"
    expression = max(begun, key=lambda pricing: pricing.effective).expression
    if expression.usage_unit != _UNITS[part.kind]:
        return None, f"the unit is {expression.usage_unit}, not {_UNITS[part.kind]}"
    if any(tier.price.currency != currency for tier in expression.tiers):
        return None, f"the price is not in {currency}"
    amounts = [
        Decimal(t.price.units) + Decimal(t.price.nanos).scaleb(-9) for t in sorted(expression.tiers, key=lambda t: t.start)
    ]
    paid = [amount for amount in amounts if amount > 0]
    if not paid:
        return None, "the source states a price of 0"
    if len(set(paid)) > 1:
        return None, f"the price changes with volume, over {len(paid)} tiers"
    return paid[0].normalize() + 0, ""


class Rates:
    """Prices of parts by region. The same price twice counts once; two prices count as none."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Part], set[Decimal]] = defaultdict(set)

    def add(self, regions: list[str], part: Part, price: Decimal) -> None:
        """A SKU's price holds in each region that it serves, whatever place its description names."""
        for region in regions:
            self._found[region, part].add(price)

    def regions(self) -> set[str]:
        """Regions with any price."""
        return {region for region, _ in self._found if region != "global"}

    def one(self, region: str, part: Part) -> tuple[Decimal | None, str]:
        """The part's price, or None and why there is none."""
        found = self._found.get((region, part), set())
        if len(found) == 1:
            return next(iter(found)), ""
        told = ", ".join(f"{price:f}" for price in sorted(found))
        return None, f"several prices for {part}: {told}" if found else f"no SKU for {part}"

    def first(self, region: str, parts: list[Part]) -> tuple[Decimal | None, str]:
        """The price of a part that goes by several names."""
        answers = [self.one(region, part) for part in parts]
        return next((answer for answer in answers if answer[0] is not None), answers[0])


def parts_of(instance_type: str) -> tuple[list[Part], list[Part], list[Part]]:
    """Names of an instance type's core, memory and GPU in SKUs, each by its possible names."""
    series, _, rest = instance_type.partition("-")
    family = f"{series}-{rest.partition('-')[0]}"
    series = _SKU_SERIES.get(family, series)
    gpus = [Part("gpu", model) for model in _SKU_GPUS.get(family, ())]
    return [Part("core", series)], [Part("ram", series)], gpus
