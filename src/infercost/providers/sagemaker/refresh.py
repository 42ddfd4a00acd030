"""SageMaker's list prices from the AWS Price List bulk files. No credentials are needed."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from infercost.domain.errors import ProviderError, UsageError
from infercost.domain.price import ANSWERING, Offer, Rate
from infercost.domain.refresh import ExtraPrice, Finding, Refreshed
from infercost.providers._catalogs import choose_regions, kept_rates
from infercost.providers._http import Client
from infercost.providers.sagemaker._offer_file import OfferIndex, SavingsIndex, read_offer_file, read_savings_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from infercost.domain.hardware import Hardware
    from infercost.domain.price import Catalog, Mode
    from infercost.domain.refresh import ExtraKind, RefreshProgress
    from infercost.providers._http import RetryPolicy
    from infercost.providers.sagemaker._offer_file import Row, SavingsRate

__all__ = ["ENDPOINT", "refresh"]

ENDPOINT = "https://pricing.us-east-1.amazonaws.com"
_OFFER_INDEX = "/offers/v1.0/aws/AmazonSageMaker/current/region_index.json"
_SAVINGS_INDEX = "/savingsPlan/v1.0/aws/AWSMachineLearningSavingsPlans/current/region_index.json"

_UNITS = {"hrs": "hour", "hours": "hour", "seconds": "second", "second": "second", "gb": "GB", "gb-mo": "GB-month"}
_OFFERS: dict[str, tuple[Mode, str]] = {
    "realtime": ("realtime", "hour"),
    "serverless": ("serverless", "second"),
    "async": ("async", "hour"),
    "batch": ("batch", "hour"),
}
_EXTRAS: dict[str, tuple[ExtraKind, str]] = {
    "provisioned": ("serverless_provisioned", "second"),
    "provisioned_duration": ("serverless_provisioned_duration", "second"),
}
_RATES = {
    "data_in": ("data_in_gb", "GB"),
    "data_out": ("data_out_gb", "GB"),
    "storage": ("endpoint_storage_gb_month", "GB-month"),
}


def refresh(
    *,
    shipped: Catalog,
    folder: Path,
    hardware: Mapping[str, Hardware] | None = None,  # noqa: ARG001 - a Refresh is called with it
    regions: Sequence[str] | None = None,
    currency: str = "USD",
    endpoint: str | None = None,
    api_key: str | None = None,  # noqa: ARG001 - likewise; the price list is public
    on_progress: Callable[[RefreshProgress], None] | None = None,
    policy: RetryPolicy | None = None,
) -> Refreshed:
    """Read SageMaker's list prices; see ``infercost.domain.refresh.Refresh``.

    Real-time hosting, serverless, asynchronous inference and batch transform become offers; data in
    and out and endpoint storage become rates. Provisioned concurrency and Machine Learning Savings
    Plans are returned beside the catalog.

    Raises:
        ProviderError: the price list cannot be read.
        UsageError: a region is unknown, or the currency is not USD.
    """
    if currency != "USD":
        raise UsageError(f"the AWS price list states USD only, not {currency}; leave --currency out to refresh sagemaker")
    base = (endpoint or ENDPOINT).rstrip("/")
    client = Client("sagemaker", folder, policy=policy, on_progress=on_progress)
    decode_index = msgspec.json.Decoder(OfferIndex).decode
    index, _ = client.read(base + _OFFER_INDEX, "sagemaker-index.json", decode_index, label="index")
    places, findings = choose_regions(shipped, regions, index.regions)
    client.total = 2 * len(places) + 2
    rows = _Rows(shipped, index.published[:10])
    for place in places:
        url = base + index.regions[place].current_version_url
        parse = partial(read_offer_file, today=client.policy.now().date().isoformat())
        read, _ = client.read(url, f"sagemaker-{place}.json", parse, label=place)
        rows.add(place, read, url)
    savings, missing = _savings(client, base, places)
    catalog = replace(
        shipped,
        as_of=rows.as_of,
        source=f"AWS Price List, AmazonSageMaker ({base}{_OFFER_INDEX})",
        licence="AWS public price list",
        derived=False,
        derivation=None,
        sha256="",
        offers=tuple(sorted(rows.offers, key=lambda offer: (offer.region, offer.mode, offer.instance_type))),
        rates=kept_rates(shipped, places, rows.rates),
        regions={place: shipped.regions[place] for place in places},
        flags={},
    )
    return Refreshed(catalog=catalog, extras=(*rows.extras, *savings), findings=(*findings, *rows.findings, *missing))


class _Rows:
    """Turns rows of offer files into offers, rates, extras and findings, region by region."""

    def __init__(self, shipped: Catalog, as_of: str) -> None:
        self.as_of = as_of
        self.offers: list[Offer] = []
        self.rates: list[Rate] = []
        self.extras: list[ExtraPrice] = []
        self.findings: list[Finding] = []
        self._hosted = {offer.region for offer in shipped.offers if offer.mode == "realtime"}

    def add(self, place: str, rows: Iterable[Row], url: str) -> None:
        """Take a region's rows."""
        grouped: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            if (row.region or place) == place:
                grouped[row.kind, row.name].append(row)
        if place in self._hosted and not any(kind == "realtime" for kind, _ in grouped):
            raise ProviderError(
                f"sagemaker: {url}: the source has changed: no product of the family ML Instance has the component Hosting;"
                " the last prices are kept; update infercost: pip install --upgrade infercost"
            )
        for (kind, name), same in sorted(grouped.items()):
            if kind in _OFFERS:
                self._offer(place, kind, name, same)
            elif kind in _EXTRAS:
                self._extra(place, kind, name, same)
            else:
                self._rate(place, kind, same)

    def _offer(self, place: str, kind: str, name: str, rows: list[Row]) -> None:
        mode, unit = _OFFERS[kind]
        price, reason = _one_price(rows, unit)
        if reason:
            self._find(f"{place}/{name}" + ("" if mode in ANSWERING else f" ({mode})"), reason)
        flag = "E" if re.match(r"ml\.eia\d", name) else ""
        self.offers.append(Offer("sagemaker", place, mode, name, price, unit, flag))

    def _extra(self, place: str, kind: str, name: str, rows: list[Row]) -> None:
        extra, unit = _EXTRAS[kind]
        price, reason = _one_price(rows, unit)
        if price is None:
            self._find(f"{place}/{name} ({kind.replace('_', ' ')})", reason)
            return
        self.extras.append(
            ExtraPrice(
                provider="sagemaker",
                kind=extra,
                region=place,
                instance_type=name,
                applies_to="serverless",
                price=price,
                unit=unit,
            )
        )

    def _rate(self, place: str, kind: str, rows: list[Row]) -> None:
        item, unit = _RATES[kind]
        tiers = {row.tiers for row in rows if _UNITS.get(row.unit.lower()) == unit and row.tiers}
        if len(tiers) != 1:
            self._find(
                f"{place}/{item}", "the source states several rates" if tiers else f"the source states no rate by {unit}"
            )
            return
        source = f"AWS Price List, AmazonSageMaker, {min(row.usage_type for row in rows)}"
        for start, price in tiers.pop():
            if price > 0:
                self.rates.append(
                    Rate(item=item, region=place, unit=unit, price=price, from_quantity=start, source=source, as_of=self.as_of)
                )

    def _find(self, subject: str, reason: str) -> None:
        self.findings.append(Finding(provider="sagemaker", subject=subject, reason=reason))


def _one_price(rows: list[Row], unit: str) -> tuple[Decimal | None, str]:
    """The one list price that rows of the same thing state, or None and why there is none.

    A leading tier at zero is a free allowance, which belongs to the account and is not a price.
    """
    usable = [row for row in rows if _UNITS.get(row.unit.lower()) == unit]
    if not usable:
        units = ", ".join(sorted({row.unit for row in rows} - {""}))
        return None, f"the unit is {units}, not {unit}" if units else "no price is in force"
    prices = {tuple(price for _, price in row.tiers if price > 0) for row in usable} - {()}
    if not prices:
        return None, "the source states a price of 0"
    if len(prices) > 1:
        told = ", ".join(sorted(f"{price[0].normalize():f}" for price in prices))
        return None, f"the source states several prices: {told}"
    tiers = prices.pop()
    return tiers[0].normalize() + 0, (
        "" if len(tiers) == 1 else f"the price changes with volume, over {len(tiers)} tiers; the first one is taken"
    )


def _savings(client: Client, base: str, places: Sequence[str]) -> tuple[list[ExtraPrice], list[Finding]]:
    """Savings-plan rates. List prices do not wait for them: a failure is a finding."""
    extras: list[ExtraPrice] = []
    try:
        decode = msgspec.json.Decoder(SavingsIndex).decode
        index, _ = client.read(base + _SAVINGS_INDEX, "sagemaker-savings-index.json", decode, label="savings plans")
        for entry in index.regions:
            if entry.region_code in places:
                read, _ = client.read(
                    base + entry.version_url,
                    f"sagemaker-savings-{entry.region_code}.json",
                    lambda data, region=entry.region_code: list(read_savings_file(data, region)),  # type: ignore[misc]
                    label=f"savings plans {entry.region_code}",
                )
                extras += map(_savings_price, read)
    except ProviderError as error:
        return extras, [Finding(provider="sagemaker", subject="savings plans", reason=str(error))]
    return extras, []


def _savings_price(rate: SavingsRate) -> ExtraPrice:
    return ExtraPrice(
        provider="sagemaker",
        kind="savings_plan",
        region=rate.region,
        instance_type=rate.name,
        applies_to=rate.mode,
        price=rate.price,
        unit=_UNITS.get(rate.unit.lower(), rate.unit),
        term=rate.term,
        payment=rate.payment,
        currency=rate.currency,
    )
