"""Build the instance table that the package ships, from public sources. Deterministic.

    python scripts/build_hardware.py SOURCE_DIR --karpenter GIT_DIR --autoscaler GIT_DIR

SOURCE_DIR holds the price sources (which types exist, GCP sizes). GIT_DIR are clones of
github.com/aws/karpenter-provider-aws and github.com/kubernetes/autoscaler (both Apache-2.0),
from whose generated tables vCPUs, memory and accelerator counts are read. Which CPU stands
behind a family is in ``hardware/instance_families.csv`` beside this script, by hand, with its
source; ``cpu_families.csv`` and ``accelerators.csv`` in the package are by hand as well.

``--check FILE`` compares the result with a table of lscpu facts (columns vendor, server, vcpus,
threads_per_core, cpu_family; optional mem_mib) and prints how often it differs; nothing of it is copied.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path

AZURE_DOCS = "MicrosoftDocs/azure-compute-docs articles/virtual-machines/sizes"
HERE = Path(__file__).parent
OUT = HERE.parent / "src/infercost/data/hardware/instances.csv"
KARPENTER = "website/content/en/docs/reference/instance-types.md"
AZURE_TABLE = "cluster-autoscaler/cloudprovider/azure/azure_instance_types.go"

# Sizes that the generated tables lack or (DS1_v2) round: (vCPUs, GiB, source).
BY_HAND = {
    "Standard_NC6s_v2": (6, 112.0, "MicrosoftDocs/azure-docs articles/virtual-machines/ncv2-series.md"),
    "Standard_NC12s_v2": (12, 224.0, "MicrosoftDocs/azure-docs articles/virtual-machines/ncv2-series.md"),
    "Standard_NC24s_v2": (24, 448.0, "MicrosoftDocs/azure-docs articles/virtual-machines/ncv2-series.md"),
    "Standard_DS1_v2": (
        1,
        3.5,
        f"{AZURE_DOCS}/general-purpose/dsv2-series.md",
    ),
    "Standard_ND96is_H100_v5": (96, 1900.0, "the size of its twin Standard_ND96isr_H100_v5 without InfiniBand"),
}

# Vertex machines that its documentation lists and no price source prices: (vCPUs, GiB, accelerators).
UNPRICED_VERTEX = {
    "a3-edgegpu-8g": (208, 1872.0, 8),
    "a3-ultragpu-8g": (224, 2952.0, 8),
    "a4-highgpu-8g": (224, 3968.0, 8),
    "a4x-highgpu-4g": (140, 884.0, 4),
}
GPU_MACHINES = "cloud.google.com/compute/docs/accelerator-optimized-machines"


@dataclass(frozen=True)
class Size:
    """What a price source or a generated table says of one type."""

    provider: str
    instance_type: str
    family: str
    vcpus: int
    memory_gib: float
    accelerators: Fraction
    source: str


@dataclass(frozen=True)
class Row:
    """One line of instances.csv."""

    provider: str
    instance_type: str
    family: str
    vcpus: int
    memory_gib: str
    cpu: str
    threads_per_core: int
    burstable: int
    accelerator: str
    accelerator_count: int
    source: str
    note: str


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def newest(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern))


def git(repository: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, text=True).stdout


def sagemaker(prices: Path, karpenter: Path) -> list[Size]:
    commit = git(karpenter, "rev-parse", "HEAD").strip()[:12]
    source = f"aws/karpenter-provider-aws@{commit}:{KARPENTER}"
    labels: dict[str, dict[str, str]] = {}
    for block in re.split(r"^### `", git(karpenter, "show", f"HEAD:{KARPENTER}"), flags=re.M)[1:]:
        found = re.findall(r"^ \|karpenter\.k8s\.aws/([^|]+)\|([^|]*)\|", block, re.M)
        labels[block.split("`")[0]] = dict(found)
    sizes = []
    for name in sorted({row["instance_type"] for row in rows_of(newest(prices, "aws_sagemaker_hosting_*.csv"))}):
        facts = labels.get(name.removeprefix("ml."), {})
        count = facts.get("instance-gpu-count") or facts.get("instance-accelerator-count") or "0"
        sizes.append(
            Size(
                "sagemaker",
                name,
                name.split(".")[1],
                int(facts.get("instance-cpu", 0)),
                int(facts.get("instance-memory", 0)) / 1024,
                Fraction(count),
                source if facts else "not in any size table",
            )
        )
    return sizes


def azureml(prices: Path, autoscaler: Path) -> list[Size]:
    commit = git(autoscaler, "rev-parse", "HEAD").strip()[:12]
    pattern = r'"([^"]+)": \{\s*InstanceType:[^,]*,\s*SkuFamily:[^,]*,\s*VCPU:\s*(\d+),\s*MemoryMb:\s*(\d+),'
    text = git(autoscaler, "show", f"HEAD:{AZURE_TABLE}")
    known = {
        name: (int(vcpus), int(mib) / 1024, f"kubernetes/autoscaler@{commit}:{AZURE_TABLE}")
        for name, vcpus, mib in re.findall(pattern, text)
    } | BY_HAND
    sizes = []
    for row in rows_of(prices / "azureml_managed_online_endpoint_skus.csv"):
        spelled = {name.upper(): name for name in known}
        name = row["arm_sku_name_in_price_file"] or spelled[row["vm_size_name"]]
        vcpus, memory, source = known[name]
        if vcpus != int(row["cores"]):
            raise SystemExit(f"{name}: {vcpus} vCPUs in the size table, {row['cores']} in the endpoint list")
        family = row["quota_family"].replace(" ", "").removeprefix("standard").removesuffix("Family")
        sizes.append(Size("azureml", name, family, vcpus, memory, Fraction(row["gpus"]), source))
    return sizes


def vertex(prices: Path) -> list[Size]:
    source = "Cyclenerd/google-cloud-pricing-cost-calculator@fd66b26f:pricing.yml"
    sizes = {}
    for row in rows_of(newest(prices, "gcp_vertex_prediction_DERIVED_*.csv")):
        name = row["machine_type"]
        size = (int(row["vcpu"]), float(row["ram_gb"]), Fraction(row["accelerator_count"] or "0"))
        sizes[name] = Size("vertex", name, name.rsplit("-", 1)[0], *size, source)
    for name, (vcpus, memory, count) in UNPRICED_VERTEX.items():
        sizes[name] = Size("vertex", name, name.rsplit("-", 1)[0], vcpus, memory, Fraction(count), GPU_MACHINES)
    return list(sizes.values())


def family_rule(size: Size, rules: list[dict[str, str]]) -> dict[str, str]:
    """The rule whose pattern names the type, else the family's own."""
    own = [rule for rule in rules if (rule["provider"], rule["family"]) == (size.provider, size.family)]
    named = [rule for rule in own if any(fnmatchcase(size.instance_type, glob) for glob in rule["types"].split())]
    plain = [rule for rule in own if not rule["types"]]
    if len(named) > 1 or not (named or plain):
        raise SystemExit(
            f"{size.provider} {size.instance_type}: {len(named)} rules name it, {len(plain)} its family {size.family}"
        )
    return (named or plain)[0]


def row_of(size: Size, rule: dict[str, str]) -> Row:
    count = int(size.accelerators) if size.accelerators >= 1 else int(size.accelerators > 0)
    if bool(rule["accelerator"]) != bool(count):
        raise SystemExit(f"{size.instance_type}: {size.accelerators} accelerators, family says {rule['accelerator']!r}")
    return Row(
        size.provider,
        size.instance_type,
        size.family,
        size.vcpus,
        f"{size.memory_gib:g}",
        rule["cpu"],
        int(rule["threads_per_core"]),
        int(rule["burstable"]),
        rule["accelerator"],
        count,
        f"size: {size.source}; CPU: {rule['source']}",
        rule["note"],
    )


def natural(text: str) -> list[tuple[int, int, str]]:
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text)]


def write(rows: list[Row]) -> None:
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        for row in rows:
            writer.writerow([getattr(row, field.name) for field in fields(Row)])


def check(rows: list[Row], path: Path) -> None:
    """Print how often the table and observed lscpu facts differ."""
    cloud = {"sagemaker": "aws", "vertex": "gcp", "azureml": "azure"}
    seen = {(row["vendor"], row["server"]): row for row in rows_of(path)}
    tally: Counter[str] = Counter()
    for row in rows:
        fact = seen.get((cloud[row.provider], row.instance_type.removeprefix("ml.")))
        if fact is None or not fact.get("cpu_family"):
            tally["not observed"] += 1
            continue
        tally["observed"] += 1
        for mine, theirs in (("vcpus", "vcpus"), ("threads_per_core", "threads_per_core"), ("cpu", "cpu_family")):
            if fact[theirs] and str(getattr(row, mine)) != fact[theirs]:
                tally[f"{mine} differs"] += 1
                print(f"{row.instance_type}: {mine} {getattr(row, mine)}, observed {fact[theirs]}")
    print(dict(tally))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source_dir", type=Path)
    parser.add_argument("--karpenter", type=Path, required=True)
    parser.add_argument("--autoscaler", type=Path, required=True)
    parser.add_argument("--check", type=Path)
    options = parser.parse_args()
    rules = rows_of(HERE / "hardware/instance_families.csv")
    sizes = [
        *sagemaker(options.source_dir, options.karpenter),
        *vertex(options.source_dir),
        *azureml(options.source_dir, options.autoscaler),
    ]
    rows = sorted(
        (row_of(size, family_rule(size, rules)) for size in sizes), key=lambda r: (r.provider, natural(r.instance_type))
    )
    write(rows)
    print(f"{OUT.name}: {len(rows)} types, {dict(Counter(row.provider for row in rows))}")
    if options.check:
        check(rows, options.check)


if __name__ == "__main__":
    main()
