"""The prices beside compute that every cloud may have, by the names that stand in every book."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["STANDARD_RATES", "StandardRate"]

_DATA = ("GB", "GiB")
_STORED = ("GB-month", "GiB-month")


class StandardRate(NamedTuple):
    """What a rate prices."""

    title: str
    """Name of its cost line."""
    units: tuple[str, ...]
    """The units that a cloud may state it in."""


STANDARD_RATES: Final[dict[str, StandardRate]] = {
    "endpoint_storage_gb_month": StandardRate("storage", _STORED),
    "data_in_gb": StandardRate("request data", _DATA),
    "data_out_gb": StandardRate("response data", _DATA),
    "async_data_gb": StandardRate("queued data", _DATA),
    "egress_internet_gb": StandardRate("egress", _DATA),
    "egress_internet_australia_gb": StandardRate("egress to Australia", _DATA),
    "egress_internet_china_gb": StandardRate("egress to China", _DATA),
    "egress_inter_region_gb": StandardRate("inter-region data", _DATA),
    "egress_us_east_gb": StandardRate("data to US East", _DATA),
    "egress_inter_zone_gb": StandardRate("inter-zone data", _DATA),
    "logs_ingest_gb": StandardRate("logs", _DATA),
    "logs_storage_gb_month": StandardRate("log storage", _STORED),
    "metrics_ingest_mib": StandardRate("metrics", ("MiB",)),
    "metric_samples_10m": StandardRate("metric samples", ("10M samples",)),
    "custom_metric_month": StandardRate("custom metrics", ("metric-month",)),
    "alarm_month": StandardRate("alarms", ("alarm-month",)),
    "registry_gb_month": StandardRate("registry", _STORED),
    "registry_day": StandardRate("registry fee", ("day",)),
    "object_storage_gb_month": StandardRate("artifact", _STORED),
    "object_writes_10k": StandardRate("object writes", ("10k requests",)),
    "object_reads_10k": StandardRate("object reads", ("10k requests",)),
    "load_balancer_hour": StandardRate("load balancer", ("hour",)),
    "load_balancer_lcu_hour": StandardRate("load balancer units", ("LCU-hour",)),
    "load_balancer_gb": StandardRate("load balancer data", _DATA),
    "nat_hour": StandardRate("NAT gateway", ("hour",)),
    "nat_vm_hour": StandardRate("NAT machines", ("VM-hour",)),
    "nat_gb": StandardRate("NAT data", _DATA),
    "kms_key_month": StandardRate("keys", ("key-month",)),
    "kms_requests_10k": StandardRate("key requests", ("10k requests",)),
    "private_endpoint_hour": StandardRate("private endpoint", ("hour",)),
    "private_endpoint_gb": StandardRate("private endpoint data", _DATA),
}
"""By the ``item`` of ``Rate`` rows. A provider may have items of its own, in one of these units."""
