"""The price builder on a tiny market written here: three clouds, one or two regions each."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]


def load_script():
    spec = importlib.util.spec_from_file_location("build_prices", ROOT / "scripts" / "build_prices.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_prices"] = module
    spec.loader.exec_module(module)
    return module


build_prices = load_script()

INDEXED = "stored code file (repository not named by the index)"

HIDDEN = f"""cloud,service,item,region,unit,usd_per_unit,source,source_date
aws,Data transfer,Outbound data transfer to Internet (first 10TB),us-east-1,GB,0.0900,golden,2024-09-25
aws,Data transfer,Outbound data transfer to Internet (next 40TB),us-east-1,GB,0.085,golden,2024-09-25
aws,Data transfer,Outbound data transfer to Internet (next 100TB),us-east-1,GB,0.07,golden,2024-09-25
aws,Data transfer,Outbound data transfer to Internet (over 150TB),mars-1,GB,0.05,golden,2024-09-25
aws,Data transfer,Outbound data transfer to other regions,us-east-1,GB,0.02,golden,2024-09-25
aws,Data transfer,Outbound data transfer to US East regions,us-east-1,GB,0.01,golden,2024-09-25
aws,Data transfer,Intra-region data transfer,us-east-1,GB,0.01,golden,2024-09-25
aws,S3,Standard: Storage,us-east-1,GB,0.023,golden,2024-07-01
aws,S3,"Standard: PUT, COPY, POST, LIST requests",us-east-1,1k requests,0.005,golden,2024-07-01
aws,S3,"Standard: GET, SELECT, and all other requests",us-east-1,1k requests,0.0004,golden,2024-07-01
aws,NAT gateway,NAT gateway,us-east-1,hours,0.045,golden,2024-07-01
aws,NAT gateway,Data processed,us-east-1,GB,0.044,golden,2024-07-01
aws,CloudWatch Logs,Archival Storage,us-east-1,GB,0.03,golden,2024-07-01
aws,ECR,Storage,us-east-1,GB,0.1,golden,2024-07-01
aws,CloudWatch Logs,Data ingested,us-east-1,GB,0.5,golden,2024-07-01
azure,Container Registry,Storage (over 10GB),westeurope or eastus (test mixes both),GB,0.1,golden,2024-07-01
azure,Container Registry,Registry usage (Basic),westeurope or eastus (test mixes both),days,0.16666667,golden,2024-07-01
azure,Blob Storage hot LRS,Write operations,westeurope,10k operations,0.055,golden,2024-07-01
azure,Blob Storage hot LRS,Read operations,westeurope,10k operations,0.0045,golden,2024-07-01
azure,Log Analytics,Log data ingestion,westeurope,GB,2.99,golden,2024-08-30
azure,Log Analytics,Basic log data ingestion,westeurope,GB,0.65,golden,2024-08-30
azure,Blob Storage hot LRS,Capacity (first 50TB),westeurope,GB,0.0208,golden,2024-07-01
azure,Blob Storage hot LRS,Capacity (next 450TB),westeurope,GB,0.02,golden,2024-07-01
azure,Blob Storage hot LRS,Capacity (over 500TB),westeurope,GB,0.019,golden,2024-07-01
azure,Bandwidth,"Egress (Rtn Preference: MGN), above 100 GB/month",lowest-priced zone,GB,0.087,docs,2025-12-03
azure,Bandwidth,"Egress (Rtn Preference: MGN), above 100 GB",brazilsouth,GB,0.181,"{INDEXED}, id 69444022014, an API",2026-09
gcp,Cloud Logging,Logging data,global,GB,0.5,golden,2024-07-01
"""

SOURCES = {
    "aws_sagemaker_hosting_2026-01-02.csv": """region,instance_type,usd_per_hour
us-west-1,ml.m5.xlarge,0.27
us-east-1,ml.m5.xlarge,0.2300
us-east-1,ml.eia1.medium,1.3E-1
us-east-1,ml.m5.large,0.115
""",
    "aws_sagemaker_serverless_2026-01-02.csv": "region,memory_gb,usd_per_second\nus-east-1,2,0.00004\n",
    "aws_sagemaker_other_rates.csv": f"""item,region,instance_or_sku,unit,usd_per_unit,source,source_date
endpoint_data_in,us-east-1,,GB,0.016,a fixture,2026-09-01
endpoint_data_out,us-east-1,,GB,0.016,a fixture,2026-09-01
endpoint_ml_storage_gp2,us-west-1,,GB-month,0.154,a bill,2023-12
async_attached_volume,us-east-1,,GB-month,0.14,"{INDEXED}: an example",2026-09-28
async_request_response_data,us-east-1,,GB,0.02,an example,2026-09-28
batch_transform_instance_hour,us-east-1,ml.m5.large,hour,0.115,elsewhere,2026
serverless_provisioned_concurrency_duration_2GB,us-east-1,,second,0.0000233,elsewhere,2026
""",
    "aws_ec2_linux_ondemand_us-east-1_2026-01-05.csv": """region,instance_type,usd_per_hour
us-east-1,m5.large,0.096
us-east-1,m9.large,0.1
""",
    "hidden_costs_network_storage_logs_registry.csv": HIDDEN,
    "azureml_managed_online_endpoint_prices_2026-01-03.csv": """region,vm_sku,usd_per_hour,flag
westeurope,Standard_DS3_v2,0.272,
eastus,Standard_DS3_v2,0.293,H
eastus,Standard_L8as_v3,0,S
""",
    "azureml_managed_online_endpoint_skus.csv": """vm_size_name,arm_sku_name_in_price_file,cores
STANDARD_DS3_V2,Standard_DS3_v2,4
STANDARD_L8AS_V3,Standard_L8as_v3,8
STANDARD_NC6S_V2,,6
""",
    "azure_vm_linux_payg_2026-01-03.csv": """region,vm_sku,usd_per_hour,flag
westeurope,Standard_DS3_v2,0.272,
eastus,Standard_DS3_v2,0.293,H
eastus,Standard_L8as_v3,0,S
eastus,Standard_B1s,0.01,
""",
    "azure_egress_zones.json": '{"zone-1": ["eastus", "westeurope"], "zone-2": ["japaneast"], "zone-3": ["brazilsouth"]}',
    "gcp_vertex_prediction_DERIVED_2026-01-04.csv": (
        "machine_type,region,vcpu,ram_gb,accelerator,accelerator_count,gce_usd_per_hour_excl_local_ssd,"
        "vertex_online_prediction_usd_per_hour_est_1.15x\n"
        "n1-standard-2,us-central1,2,7.5,,,0.0950000,0.109250\n"
        "n1-standard-96,us-central1,96,360,,,4.5600000,5.244000\n"
        "a3-highgpu-1g,us-central1,26,234,h100,1,10.9790600,12.625919\n"
    ),
    "gcp_vertex_prediction_observed.csv": """item,sku_id,region,unit,usd_per_unit,source,source_date
Online/Batch Prediction Nvidia H100 80gb GPU running in Iowa,A,us-central1,hour,11.2660332,a bill,2025-08-15
Online/Batch Prediction A3 Predefined Instance Core running in Iowa,B,us-central1,hour,0.0293227,a bill,2025-08-15
Online/Batch Prediction A3 Predefined Instance Ram running in Iowa,C,us-central1,GiB hour,0.0025534,a bill,2025-08-15
n1-standard-2 online prediction node,,us-central1,node hour,0.1095,a table,2026-09-08
AutoML image batch prediction,,,node hour,2.222,a page,undated
""",
    "gcp_storage_network_monitoring_2026-01-04.csv": """service,item,tier,region,unit,usd_per_unit
Network,traffic/egress/internet,0-1,us-central1,GB,0.12
Network,traffic/egress/internet,1-10,us-central1,GB,0.11
Network,traffic/egress/internet,10n,us-central1,GB,0.08
Network,traffic/egress/internet/china,0-1,us-central1,GB,0.23
Network,traffic/egress/internet/china,1-10,us-central1,GB,0.22
Network,traffic/egress/internet/china,10n,us-central1,GB,0.2
Network,traffic/egress/internet/australia,0-1,us-central1,GB,0.19
Network,traffic/egress/internet/australia,1-10,us-central1,GB,0.18
Network,traffic/egress/internet/australia,10n,us-central1,GB,0.15
Cloud NAT,data processing,,us-central1,GB,0.045
Cloud Monitoring,metric data ingestion,0-100000,us-central1,MiB,0.258
Cloud Monitoring,metric data ingestion,100000-250000,us-central1,MiB,0.151
Cloud Monitoring,metric data ingestion,250000n,us-central1,MiB,0.061
Cloud Storage,standard,,us-central1,GB-month,0.02
Cloud Storage,standard,,mars1,GB-month,0.02
Cloud Storage,nearline,,us-central1,GB-month,0.01
""",
}

FACTS = {
    "regions.csv": """provider,region,location,geography
sagemaker,us-west-1,N. California,us
sagemaker,us-east-1,N. Virginia,us
sagemaker,eu-west-1,Ireland,eu
azureml,westeurope,Netherlands,eu
azureml,eastus,Virginia,us
vertex,us-central1,Iowa,us
""",
    "rates.csv": """provider,item,region,unit,price,from_quantity,as_of,source
vertex,registry_gb_month,*,GiB-month,0.10,0,2024-07-01,a price page
""",
    "explanations.csv": "provider,check,subject,reason\nvertex,size order,*/x,so it is\n",
    "sagemaker_modes.csv": """mode,region,instance_type,price,as_of,source
async,us-east-1,ml.m5.large,0.115,2026-10-04,a list
async,us-west-1,ml.m5.xlarge,,2026-10-04,a list: not sold
""",
    "sagemaker_transform_types.txt": "# a comment\nml.m5.large\nml.m5.xlarge\nml.m5.24xlarge\n",
    "azureml_cluster_series.txt": "# a comment\nStandard_DS*_v2\nStandard_L*as_v3\n",
    "vertex_machine_types.txt": "# a comment\nn1-standard-2\na3-highgpu-1g\na4-highgpu-8g\n",
}


class Workshop:
    """Source and fact files on disk, and what the builder makes of them."""

    def __init__(self, folder: Path) -> None:
        self.sources, self.facts, self.out = folder / "sources", folder / "facts", folder / "out"
        for where, files in ((self.sources, SOURCES), (self.facts, FACTS)):
            where.mkdir()
            for name, text in files.items():
                (where / name).write_text(text, encoding="utf-8", newline="\n")

    def change(self, name: str, old: str, new: str) -> None:
        path = self.sources / name if (self.sources / name).exists() else self.facts / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    def build(self, out: Path | None = None) -> int:
        return build_prices.main([str(self.sources), "--facts", str(self.facts), "--out", str(out or self.out)])

    def lines(self, provider: str, name: str) -> list[str]:
        return (self.out / provider / "prices" / name).read_bytes().decode().split("\n")

    def manifest(self, provider: str) -> dict[str, object]:
        return json.loads((self.out / provider / "prices" / "manifest.json").read_bytes())


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_rows_are_sorted_canonical_and_end_in_lf(workshop):
    assert workshop.build() == 0
    assert workshop.lines("sagemaker", "offers.csv") == [
        "region,mode,instance_type,unit,price,flag",
        "us-east-1,realtime,ml.eia1.medium,hour,0.13,E",
        "us-east-1,realtime,ml.m5.large,hour,0.115,",
        "us-east-1,realtime,ml.m5.xlarge,hour,0.23,",
        "us-east-1,serverless,serverless-2048MB,second,0.00004,",
        "us-west-1,realtime,ml.m5.xlarge,hour,0.27,",
        "",
    ]
    for path in workshop.out.rglob("*.*"):
        assert b"\r" not in path.read_bytes()


def test_the_same_sources_give_the_same_bytes(workshop, tmp_path):
    again = tmp_path / "again"
    assert workshop.build() == workshop.build(again) == 0
    files = sorted(path.relative_to(workshop.out) for path in workshop.out.rglob("*.*"))
    assert len(files) == 19
    for path in files:
        assert (workshop.out / path).read_bytes() == (again / path).read_bytes()


def test_the_order_of_source_rows_does_not_matter(workshop, tmp_path):
    again = tmp_path / "again"
    workshop.build()
    path = workshop.sources / "aws_sagemaker_hosting_2026-01-02.csv"
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n", encoding="utf-8")
    workshop.build(again)
    name = "sagemaker/prices/offers.csv"
    assert (workshop.out / name).read_bytes() == (again / name).read_bytes()


def test_the_manifest_hashes_every_file_and_names_every_source(workshop):
    workshop.build()
    for provider, date in (("sagemaker", "2026-01-02"), ("azureml", "2026-01-03"), ("vertex", "2026-01-04")):
        manifest = workshop.manifest(provider)
        assert manifest["as_of"] == date
        tables = {"offers.csv", "modes.csv", "rates.csv", "regions.csv", "references.csv"}
        assert set(manifest["files"]) - {"extras.csv"} == tables
        for name, entry in manifest["files"].items():
            data = (workshop.out / provider / "prices" / name).read_bytes()
            assert entry["sha256"] == hashlib.sha256(data).hexdigest()
            assert entry["rows"] == data.count(b"\n") - 1
        for source in manifest["sources"]:
            assert source["sha256"] == hashlib.sha256((workshop.sources / source["file"]).read_bytes()).hexdigest()
            assert source["origin"]
            assert source["licence"]


def test_a_zero_price_becomes_an_empty_one_and_a_known_gap(workshop):
    workshop.build()
    assert "eastus,realtime,Standard_L8as_v3,hour,,S" in workshop.lines("azureml", "offers.csv")
    assert any("Standard_L8as_v3 in eastus" in gap for gap in workshop.manifest("azureml")["known_gaps"])


def test_a_listed_sku_without_a_price_is_an_offer_without_one(workshop):
    workshop.build()
    assert "eastus,realtime,Standard_NC6s_v2,hour,,N" in workshop.lines("azureml", "offers.csv")
    assert "us-central1,realtime,a4-highgpu-8g,hour,,N" in workshop.lines("vertex", "offers.csv")


def test_machines_that_vertex_does_not_accept_are_dropped(workshop):
    workshop.build()
    assert workshop.lines("vertex", "offers.csv") == [
        "region,mode,instance_type,unit,price,flag",
        "us-central1,realtime,a3-highgpu-1g,hour,12.625919,",
        "us-central1,realtime,a4-highgpu-8g,hour,,N",
        "us-central1,realtime,n1-standard-2,hour,0.10925,",
        "",
    ]
    assert workshop.manifest("vertex")["derived"] is True


def test_tiers_begin_where_the_cloud_says_and_stand_in_order(workshop):
    workshop.build()
    egress = [line.split(",")[:5] for line in workshop.lines("vertex", "rates.csv") if line.startswith("egress_internet_gb")]
    assert egress == [
        ["egress_internet_gb", "us-central1", "GiB", "0.12", "0"],
        ["egress_internet_gb", "us-central1", "GiB", "0.11", "1024"],
        ["egress_internet_gb", "us-central1", "GiB", "0.08", "10240"],
    ]


def test_a_rate_of_a_region_without_offers_is_left_out(workshop):
    workshop.build()
    assert not [line for p in ("sagemaker", "vertex") for line in workshop.lines(p, "rates.csv") if "mars" in line]


def test_one_meter_a_zone_gives_each_region_of_it_a_price(workshop):
    workshop.build()
    rows = [line for line in workshop.lines("azureml", "rates.csv") if line.startswith("egress")]
    assert [row.split(",")[1] for row in rows] == ["eastus", "westeurope"]


def test_the_index_that_a_source_was_found_through_is_not_named(workshop):
    workshop.build()
    text = "".join(path.read_text(encoding="utf-8") for path in workshop.out.rglob("*.*"))
    assert "public code: an example" in text
    assert "stored code" not in text
    assert "69444022014" not in text


def test_only_regions_with_offers_are_listed(workshop):
    workshop.build()
    assert workshop.lines("sagemaker", "regions.csv")[1:] == ["us-east-1,N. Virginia,us", "us-west-1,N. California,us", ""]


def test_explanations_reach_their_provider_only(workshop):
    workshop.build()
    assert workshop.manifest("vertex")["explanations"] == [{"check": "size order", "subject": "*/x", "reason": "so it is"}]
    assert workshop.manifest("sagemaker")["explanations"] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("regions.csv", "azureml,eastus,Virginia,us\n", "", "regions.csv lacks azureml eastus"),
        ("aws_sagemaker_hosting_2026-01-02.csv", "0.115", "-0.115", "'-0.115' is not a price"),
        ("aws_sagemaker_other_rates.csv", "0.154", "0", "a rate is zero"),
        ("hidden_costs_network_storage_logs_registry.csv", "Standard: Storage", "Storage", "no row with service = S3"),
        ("aws_sagemaker_other_rates.csv", "hour,0.115", "hour,0.12", "batch ml.m5.large in us-east-1 costs 0.12"),
        ("sagemaker_modes.csv", "0.115", "0.1151", "async ml.m5.large in us-east-1 costs 0.1151"),
        ("azure_vm_linux_payg_2026-01-03.csv", "eastus,Standard_DS3_v2,0.293", "eastus,Standard_DS3_v2,0.5", "is not the VM's"),
        ("azureml_managed_online_endpoint_skus.csv", "STANDARD_NC6S_V2", "NC6", "cannot read the SKU name NC6"),
        ("azure_egress_zones.json", '"brazilsouth"', '"chilecentral"', "brazilsouth is not in zone-3"),
        ("gcp_vertex_prediction_DERIVED_2026-01-04.csv", "0.109250", "0.126500", "1.15 x Compute Engine is 0.109250"),
        ("gcp_vertex_prediction_observed.csv", "0.1095", "0.1195", "n1-standard-2: derived 0.109250, observed 0.1195"),
        ("gcp_vertex_prediction_observed.csv", "11.2660332", "14.2660332", "a3-highgpu-1g: derived"),
        ("hidden_costs_network_storage_logs_registry.csv", "Logging data,global", "Logging data,us-east1", "region = global"),
    ],
)  # fmt: skip
def test_a_source_that_changed_its_meaning_stops_the_build(workshop, capsys, file, old, new, message):
    workshop.change(file, old, new)
    assert workshop.build() == 1
    assert message in capsys.readouterr().err


def test_a_missing_and_an_ambiguous_source_are_named(workshop, capsys):
    (workshop.sources / "aws_sagemaker_hosting_2026-02-02.csv").write_text("region\n", encoding="utf-8")
    assert workshop.build() == 1
    assert "expected one aws_sagemaker_hosting_*.csv" in capsys.readouterr().err
    for path in workshop.sources.glob("aws_sagemaker_hosting_*.csv"):
        path.unlink()
    assert workshop.build() == 1
    assert "found 0" in capsys.readouterr().err


def test_a_snapshot_can_be_loaded(workshop, monkeypatch):
    workshop.build()
    package = workshop.out.parent / "built_cloud"
    package.mkdir()
    (package / "__init__.py").touch()
    (workshop.out / "sagemaker" / "prices").rename(package / "prices")
    monkeypatch.syspath_prepend(package.parent)
    from infercost.store.pricebook import load_catalog

    catalog = load_catalog("built_cloud")
    assert len(catalog.offers) == 5
    assert catalog.offers[0].price == Decimal("0.13")
    sys.modules.pop("built_cloud", None)


@pytest.mark.parametrize(
    ("listed", "official"),
    [
        ("STANDARD_NC6S_V2", "Standard_NC6s_v2"),
        ("STANDARD_DS3_V2", "Standard_DS3_v2"),
        ("STANDARD_NC24ADS_A100_V4", "Standard_NC24ads_A100_v4"),
        ("STANDARD_ND96AMSR_A100_V4", "Standard_ND96amsr_A100_v4"),
    ],
)
def test_sku_names_take_their_official_form(listed, official):
    assert build_prices.azure_sku(listed) == official


@given(st.decimals(min_value=0, max_value=10**6, places=9))
def test_a_price_keeps_its_value_and_has_one_form(value):
    text = build_prices.decimal_text(str(value))
    if value == 0:
        assert text == ""
    else:
        assert Decimal(text) == value
        assert "E" not in text
        assert text == build_prices.decimal_text(text)


@pytest.mark.parametrize("text", ["-1", "NaN", "Infinity"])
def test_a_price_must_be_a_finite_positive_number(text):
    with pytest.raises(build_prices.BuildError):
        build_prices.decimal_text(text)


def table(workshop, provider, name):
    workshop.build()
    with (workshop.out / provider / "prices" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_raw_machines_are_references_for_what_is_hosted(workshop):
    (row,) = table(workshop, "sagemaker", "references.csv")
    assert (row["check"], row["region"], row["instance_type"], row["price"]) == (
        "vm ratio",
        "us-east-1",
        "ml.m5.large",
        "0.096",
    )
    assert (row["low"], row["high"], row["days"], row["as_of"]) == ("1.14", "1.41", "180", "2026-01-05")


def test_a_machine_of_price_zero_is_no_reference(workshop):
    assert {row["instance_type"] for row in table(workshop, "azureml", "references.csv")} == {"Standard_DS3_v2"}


def test_observed_rates_are_references_too(workshop):
    rows = table(workshop, "vertex", "references.csv")
    observed = {row["instance_type"]: row["price"] for row in rows if row["check"] == "observed"}
    assert observed == {"n1-standard-2": "0.1095", "a3-highgpu-1g": "12.625919"}


def test_prices_that_are_no_offers_are_kept_beside(workshop):
    (row,) = table(workshop, "sagemaker", "extras.csv")
    told = (row["kind"], row["region"], row["instance_type"], row["price"])
    assert told == ("serverless_provisioned_duration", "us-east-1", "serverless-2048MB", "0.0000233")
    assert (row["as_of"], row["source"]) == ("2026", "elsewhere")


def test_other_modes_are_read_where_stated_and_derived_where_they_must_be_the_same(workshop):
    workshop.build()
    assert workshop.lines("sagemaker", "modes.csv") == [
        "region,mode,spot,instance_type,unit,price,flag",
        "us-east-1,async,,ml.m5.large,hour,0.115,P",
        "us-east-1,async,,ml.m5.xlarge,hour,0.23,D",
        "us-east-1,batch,,ml.m5.large,hour,0.115,P",
        "us-east-1,batch,,ml.m5.xlarge,hour,0.23,D",
        "us-west-1,batch,,ml.m5.xlarge,hour,0.27,D",
        "",
    ]


def test_what_has_no_price_is_no_offer_of_another_mode(workshop):
    workshop.build()
    assert workshop.lines("azureml", "modes.csv")[1:] == [
        "eastus,batch,,Standard_DS3_v2,hour,0.293,V",
        "westeurope,batch,,Standard_DS3_v2,hour,0.272,V",
        "",
    ]
    assert [line.split(",")[3] for line in workshop.lines("vertex", "modes.csv")[1:-1]] == ["a3-highgpu-1g", "n1-standard-2"]


def test_what_no_bill_has_by_itself_is_priced_too(workshop):
    workshop.build()
    prices = {}
    for line in workshop.lines("sagemaker", "rates.csv")[1:-1]:
        item, region, unit, price, start, *_ = line.split(",")
        prices[item, region, start] = (unit, price)
    assert prices["nat_hour", "us-east-1", "0"] == ("hour", "0.045")
    assert prices["nat_gb", "us-east-1", "0"] == ("GB", "0.044")
    assert prices["egress_inter_zone_gb", "us-east-1", "0"] == ("GB", "0.01")
    assert prices["egress_inter_region_gb", "us-east-1", "0"] == ("GB", "0.02")
    assert prices["object_writes_10k", "us-east-1", "0"] == ("10k requests", "0.05")
    assert prices["object_reads_10k", "us-east-1", "0"] == ("10k requests", "0.004")
    metrics = [line.split(",")[3:5] for line in workshop.lines("vertex", "rates.csv") if line.startswith("metrics")]
    assert metrics == [["0.258", "0"], ["0.151", "100000"], ["0.061", "250000"]]
