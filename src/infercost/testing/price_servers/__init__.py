"""Local servers that speak like the clouds' price sources, faults included.

For tests of anything that refreshes prices over real HTTP::

    with AwsPriceListServer([RegionOffer("us-east-1", hosting={"ml.m5.large": "0.115"})]) as server:
        server.inject("us-east-1/index.json", Fault(status=503), Fault(truncate_at=1000))
        refreshed = refresh(shipped=..., folder=..., endpoint=server.url)
"""

from __future__ import annotations

from infercost.testing.price_servers.aws import AwsPriceListServer, RegionOffer
from infercost.testing.price_servers.azure import RetailPricesServer, vm_item
from infercost.testing.price_servers.google import BillingCatalogServer, sku
from infercost.testing.price_servers.server import Answer, Fault, PriceServer, Seen

__all__ = [
    "Answer",
    "AwsPriceListServer",
    "BillingCatalogServer",
    "Fault",
    "PriceServer",
    "RegionOffer",
    "RetailPricesServer",
    "Seen",
    "sku",
    "vm_item",
]
