"""Published measurements as observations: one model on one machine, in seconds, with its graph's facts.

Any folder of CSV files (``.csv``, ``.csv.gz``) will do whose rows have at least ``model``, ``metric``,
``value`` and ``system``. Other columns are used where they are there and ignored where they are not;
a row that cannot be used is counted under the reason why.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from infercost.store.hardware import accelerator_of, cpu_family_of, load_hardware
from predictor.facts import Facts, facts_of, series_of

if TYPE_CHECKING:
    from pathlib import Path

REQUIRED = ("model", "metric", "value", "system")
OPTIONAL = ("task", "precision", "scenario", "batch", "unit", "accelerator", "n_accel", "cpu", "software", "source",
            "hw_family",
            "cpu_sockets", "cpu_cores_total", "threads", "seq_len", "division", "extra")  # fmt: skip
METRICS = ("latency_p50", "latency_mean", "latency_min", "throughput", "token_throughput")
"""By preference, where one configuration has several."""
LARGE_BATCH = 64
"""From here on, time an item is compared: sizes differ with the memory of the card."""
FITS = 0.85
"""Share of an accelerator's memory that weights may take: beyond it, runs were offloaded or split."""
TABLE = load_hardware()

_CPU_GROUPS = {
    "intel-cascadelake": "skylake-sp", "intel-skylake": "skylake-sp", "intel-sapphirerapids": "golden-cove",
    "intel-emeraldrapids": "golden-cove", "amd-epyc-rome": "zen2", "amd-ryzen-zen2": "zen2", "amd-epyc-milan": "zen3",
    "amd-ryzen-zen3": "zen3", "amd-epyc-genoa": "zen4", "amd-ryzen-zen4": "zen4", "amd-epyc-turin": "zen5",
    "amd-ryzen-zen5": "zen5", "aws-graviton2": "neoverse-n1", "ampere-altra": "neoverse-n1", "aws-graviton4": "neoverse-v2",
    "google-axion-v2": "neoverse-v2", "intel-haswell": "haswell", "intel-broadwell": "haswell",
    "intel-sandybridge": "sandybridge", "intel-ivybridge": "sandybridge", "apple-m1": "apple", "apple-m3": "apple",
}  # fmt: skip
"""Families of one core design are left out together."""
_GPU_GROUPS = (
    (r"^A100", "GA100"), (r"^A10G?(-|$)", "A10"), (r"^V100|^TITAN-V", "GV100"), (r"^H[12]00|^GH200", "GH100"),
    (r"^G?B[23]00", "GB100"), (r"^L40|^RTX-6000-Ada", "L40"), (r"^RTX-3", "GA102"), (r"^RTX-A[56]|^A40", "GA102-pro"),
    (r"^RTX-5090|^RTX-PRO-6000", "GB202"), (r"^Quadro-RTX|^TITAN-RTX|^RTX-2080", "TU102"),
    (r"^GTX-1080|^TITAN-Xp", "GP102"),
)  # fmt: skip


def group_of(key: str) -> str:
    """Near-duplicates of one design: they are left out together."""
    if key in TABLE.accelerators:
        return next((group for pattern, group in _GPU_GROUPS if re.search(pattern, key)), key)
    return _CPU_GROUPS.get(key, key)


@dataclass(frozen=True)
class Truth:
    """Observations, and what became of the rows that are none."""

    rows: pd.DataFrame
    skipped: Counter[str]
    files: dict[str, int]


class BadTruthError(ValueError):
    """A folder that holds nothing to judge by."""


def read_truth(folder: Path) -> Truth:
    """Read every table of a folder."""
    if not folder.is_dir():
        raise BadTruthError(f"{folder}: no such folder. It should hold CSV files with the columns {', '.join(REQUIRED)}")
    skipped: Counter[str] = Counter()
    files: dict[str, int] = {}
    parts = []
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")]):
        name = path.name.removesuffix(".gz").removesuffix(".csv")
        try:
            table = pd.read_csv(path, low_memory=False, dtype=str)
        except (ValueError, OSError) as error:
            skipped[f"file {path.name}: {str(error).splitlines()[0]}"] += 1
            continue
        if {"gb1_background_blur_rate", "cpu_family"} <= set(table.columns):
            table = _geekbench(table)
        missing = [c for c in REQUIRED if c not in table.columns]
        if missing:
            skipped[f"file {path.name}: no column {', '.join(missing)}"] += 1
            continue
        for column in OPTIONAL:
            if column not in table.columns:
                table[column] = ""
        found = _observe(name, table.fillna(""), folder, skipped)
        files[path.name] = len(found)
        if len(found):
            parts.append(found)
    if not parts:
        raise BadTruthError(f"{folder}: no usable row. Reasons: {dict(skipped.most_common(8)) or 'no CSV file'}")
    rows = _deduplicate(pd.concat(parts, ignore_index=True))
    return Truth(rows, skipped, files)


def _geekbench(table: pd.DataFrame) -> pd.DataFrame:
    """One core, one FP32 and one INT8 vision model, by instance type, as rows of the shared form."""
    made = []
    for column, model, precision in (
        ("gb1_background_blur_rate", "geekbench/segmentation", "fp32"),
        ("gb1_object_detection_rate", "geekbench/mobilenet_ssd", "int8"),
    ):
        rate = pd.to_numeric(table[column].astype(str).str.extract(r"([\d.]+)")[0], errors="coerce")
        made.append(
            pd.DataFrame(
                {
                    "model": model, "metric": "throughput", "value": rate, "unit": "images/s",
                    "system": table.vendor + "/" + table.server,
                    "precision": precision, "batch": 1, "threads": 1, "software": "Geekbench 6", "hw_family": table.cpu_family,
                    "cpu_cores_total": table.vcpus, "scenario": "single core",
                    "extra": "gmacs=5.0;macts=20;params_m=5.8" if precision == "fp32" else "", "source": "sc:geekbench",
                }
            )
        )  # fmt: skip
    return pd.concat(made, ignore_index=True).dropna(subset=["value"]).astype(str)


def _threads_per_core(folder: Path) -> dict[str, int]:
    path = folder / "specs_cloud_servers.csv"
    if not path.is_file():
        return {}
    table = pd.read_csv(path, low_memory=False, dtype=str).dropna(subset=["threads_per_core"])
    return {f"{v}/{s}": int(float(t)) for v, s, t in zip(table.vendor, table.server, table.threads_per_core, strict=True)}


def _observe(dataset: str, table: pd.DataFrame, folder: Path, skipped: Counter[str]) -> pd.DataFrame:
    value = pd.to_numeric(table.value, errors="coerce")
    wanted = table.metric.isin(METRICS) & (value > 0)
    wanted &= ~table.extra.str.contains("SUSPECT") & ~table.accelerator.str.contains(r"MIG|\bTPU|tpu-v", regex=True)
    wanted &= ~(table.system + table.source).str.contains("maxq(?!_)|MaxQ|-PowerCap", regex=True) | table.system.eq(
        "pro6000maxq"
    )
    wanted &= ~table.scenario.isin(["Server", "MultiStream", "Interactive"])
    wanted &= ~table.scenario.str.contains(r"^Online|/constant|/throughput", regex=True)
    wanted &= ~table.system.str.contains(
        r"live_preprocessing|^aws[/_]t\d|Standard_B\d|^gcp/(?:e2|f1|g1)|Standard_A\d|GPU-PV", regex=True
    )
    wanted &= ~table.system.str.contains(r"Standard_[A-Z]+\d+-\d", regex=True)
    wanted &= ~table.metric.eq("throughput") | ~table.scenario.eq("SingleStream")
    wanted &= ~table.metric.str.startswith("latency") | ~table.scenario.eq("Offline") | ~table.division.isin(["closed", "open"])
    skipped["a metric, a scenario or a sliced card that says nothing of one model on one whole machine"] += int((~wanted).sum())
    threads_per_core = _threads_per_core(folder)
    found = []
    for row in table[wanted].assign(number=value[wanted]).itertuples():
        made = _observation(dataset, row, threads_per_core)
        if isinstance(made, str):
            skipped[made] += 1
        else:
            found.append(made)
    return pd.DataFrame(found)


def _observation(dataset: str, row: object, threads_per_core: dict[str, int]) -> dict[str, object] | str:
    said = {c: str(getattr(row, c)) for c in (*REQUIRED, *OPTIONAL)}
    precision = precision_of(said["precision"])
    if precision is None:
        return f"precision {said['precision'][:20]!r}"
    gpu = bool(said["accelerator"])
    hardware = _gpu(said) if gpu else _cpu(said, threads_per_core)
    if isinstance(hardware, str):
        return hardware
    if not gpu and precision == "fp16":
        return "half precision on a CPU: computed in another"
    if "ncnn" in dataset and not gpu and precision == "fp32" and TABLE.families[str(hardware["hw"])].arch == "aarch64":
        return "ncnn on Arm computes FP32 models in half precision"
    if "vllm" in said["software"]:
        return "the time of a server around the model"
    if not gpu and is_tuned(said):
        return "tuned for one model by the vendor of the CPU"
    if not gpu and said["scenario"] == "SingleStream" and not said["threads"]:
        return "neither a thread count nor a runtime whose default is known"
    facts = facts_of(said["model"], said["extra"], said["scenario"], said["seq_len"])
    if said["model"].startswith("3d-unet"):
        old = re.search(r"results_v(0\.[57]|1\.[01])@", said["source"])
        facts = facts_of("3dunetbrats" if old else "3dunetkits")
        said["model"] = "3d-unet-brats" if old else "3d-unet-kits"
    if facts is None:
        return "no facts of the model's graph"
    batch = _number(said["batch"].split("*")[0]) or (LARGE_BATCH if said["scenario"] == "Offline" else 1.0)
    seconds = _seconds(said, float(row.number), batch, facts, float(hardware["count"]))  # type: ignore[attr-defined]
    if seconds is None:
        return "several accelerators for one item, or a unit that is no time: " + repr(said["unit"][:20])
    work = _work(said, facts, batch, precision)
    if (
        gpu
        and float(str(work["weight_bytes"])) / float(str(work["weight_reads"]))
        > FITS * TABLE.accelerators[str(hardware["hw"])].memory_gib * 2**30
    ):
        return "weights that overflow the accelerator's memory"
    return hardware | work | {
        "dataset": dataset,
        "device": "gpu" if gpu else "cpu",
        "runtime": runtime_of(said["software"] + " " + said["scenario"], dataset),
        "tuned": is_tuned(said),
        "context": context_of(dataset, said, precision, batch),
        "system": said["system"],
        "model": said["model"],
        "series": series_of(said["model"]),
        "precision": precision,
        "seconds": seconds,
        "metric": METRICS.index(said["metric"]),
    }  # fmt: skip


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value > 0 else None


def precision_of(text: str) -> str | None:
    """``fp32``, ``tf32``, ``fp16``, ``int8`` or ``fp8``; None for what no peak is known for."""
    lowered = text.lower()
    for pattern, name in (
        (r"fp4|int4|mxfp|fp64|clip", None), (r"fp8", "fp8"), (r"int8|uint8|8-bit|q4|q8", "int8"),
        (r"fp16|half|amp|bf16|bfloat16|float16", "fp16"), (r"tf32", "tf32"), (r"fp32|float32|auto|^$", "fp32"),
    ):  # fmt: skip
        if re.search(pattern, lowered):
            return name
    return None


def _gpu(said: dict[str, str]) -> dict[str, object] | str:
    names = [n.strip() for n in said["accelerator"].split(",")]
    if len(set(names)) > 1:
        return "several kinds of accelerator"
    key = gpu_key(names[0]) or gpu_key(said["system"])
    if key is None or key not in TABLE.accelerators:
        return f"unknown accelerator {names[0][:40]!r}"
    count = _number(said["n_accel"]) or float(len(names))
    return {
        "hw": key,
        "group": group_of(key),
        "count": count,
        "cores": 8.0,
        "threads_per_core": 1,
        "threads": 1.0,
        "workers": 1.0,
    }


@cache
def gpu_key(name: str) -> str | None:
    short = re.sub(r"^(?:nvidia|tesla|geforce)?\s*", "", name.lower())
    plain = {"rtx3090": "RTX-3090", "rtx4090": "RTX-4090", "4090": "RTX-4090", "5090": "RTX-5090",
             "pro6000maxq": "RTX-PRO-6000-MaxQ",
             "a100-pcie": "A100-PCIe-40GB", "v100 16gb": "V100-SXM2-16GB", "v100": "V100-SXM2-16GB"}  # fmt: skip
    if short in plain:
        return plain[short]
    return accelerator_of(name)


def _cpu(said: dict[str, str], threads_per_core: dict[str, int]) -> dict[str, object] | str:
    told = said["hw_family"].split("/")[0] if said["hw_family"] != "intel-cascadelake/skylake" else "intel-skylake"
    vague = told in ("", "intel-core", "amd-ryzen", "apple-silicon", "other") or told not in TABLE.families
    named = f"{said['cpu']} {said['system']}"
    if re.search(r"celeron|pentium|atom|\bN\d{3,4}\b", named, re.I):
        return f"unknown CPU {(said['cpu'] or said['system'])[:40]!r}"
    key = (cpu_family_of(named) or {"intel-core": "intel-core"}.get(told)) if vague else told
    if re.search(r"i9[-_]109\d\dx", named, re.I):
        key = "intel-cascadelake"
    elif re.search(r"i[3579][-_]1[2-9]\d{2,3}", named, re.I):
        key = "intel-core-hybrid"
    if key is None or key not in TABLE.families:
        return f"unknown CPU {(said['cpu'] or said['system'])[:40]!r}"
    family = TABLE.families[key]
    rented = "/" in said["system"] and said["system"].split("/")[0] in (
        "aws",
        "gcp",
        "azure",
        "alicloud",
        "hcloud",
        "upcloud",
        "ovh",
    )
    total = _number(said["cpu_cores_total"])
    per_core = threads_per_core.get(said["system"], 1 if family.arch == "aarch64" else 2) if rented else 1
    cores = total / per_core if total else _cores_of_part(named) or float(family.cores_per_socket)
    threads = _number(said["threads"]) or cores
    return {
        "hw": key, "group": group_of(key), "count": 1.0, "cores": max(1.0, cores), "threads_per_core": per_core,
        "threads": threads, "workers": 1.0,
    }  # fmt: skip


_PARTS = (("i3-8100", 4), ("i7-8700", 6), ("Gold 6138", 40), (r"i9[-_]10940x", 14), (r"i7[-_]12700h", 14), ("Gold 5117", 8),
          ("Gold 6148", 20), ("i9-13900", 24), ("5950X", 16), ("5700g", 8), ("3970X", 32), ("13700K", 16), ("7742", 64),
          ("D64[ap]", 64), ("D64s", 32), ("c5.4xlarge", 8))  # fmt: skip


def _cores_of_part(named: str) -> float | None:
    """Physical cores of machines whose rows do not say."""
    return next((float(cores) for pattern, cores in _PARTS if re.search(pattern, named, re.I)), None)


def _seconds(said: dict[str, str], value: float, batch: float, facts: Facts, count: float) -> float | None:
    """Seconds of one batch on one accelerator or machine."""
    unit = said["unit"].lower()
    if said["metric"] == "token_throughput":
        if count > 1:
            return None
        return 1.0 / value if facts.kind == "decode" else batch / value
    if said["metric"] == "throughput":
        per_s = re.search(r"fps|/ ?s|per second|throughput|qps|^$", unit)
        return count * batch / value if per_s and "ms" not in unit.split() else None
    if count > 1 and said["scenario"] != "SingleStream":
        return None
    if unit.startswith("ms"):
        return value / 1e3
    return value if unit.startswith("s") else None


def _work(said: dict[str, str], facts: Facts, batch: float, precision: str) -> dict[str, object]:
    """What one batch asks of the hardware."""
    width = {"fp32": 4, "tf32": 4, "fp16": 2, "int8": 1, "fp8": 1}[precision]
    weights = facts.params_m * 1e6 * width
    if match := re.search(r"bytes=(\d+)", said["extra"]):
        weights = float(match[1])
    items = batch
    nodes, weight_reads = facts.nodes, 1.0
    if facts.kind == "decode":
        items = 1.0
        if match := re.match(r"(\d+)\+(\d+)", said["seq_len"]):  # Prompt and generated tokens of one request.
            items, weight_reads = float(match[1]) + float(match[2]), float(match[2]) + 1
            nodes *= weight_reads
    return {
        "batch": batch, "nodes": nodes, "flops": 2e9 * facts.gmacs * items, "weight_bytes": weights * weight_reads,
        "activation_bytes": 2 * facts.macts_m * 1e6 * width * items, "kind": facts.kind, "weight_reads": weight_reads,
    }  # fmt: skip


def runtime_of(software: str, dataset: str) -> str:
    """The runtime's name: efficiencies are fitted for each."""
    lowered = f"{software} {dataset}".lower()
    for pattern in ("onnx ?runtime", "openvino", "tensorrt", "tvm", "mxnet", "ncnn", "llama.cpp", "vllm", "tflite", "armnn",
                    "paddle", "deepsparse", "fastertransformer|ft latency", "dynamo", "deeplearningexamples", "pytorch",
                    "tensorflow", "geekbench"):  # fmt: skip
        if re.search(pattern, lowered):
            return re.sub(r"[ ?]|\|.*", "", pattern)
    return "other"


def is_tuned(said: dict[str, str]) -> bool:
    """Compiled and tuned by the vendor for one model: never evidence for default ONNX Runtime."""
    text = f"{said['software']} {said['scenario']}".lower()
    return bool(re.search(r"tensorrt|\bft\b|eff-ft|ft-int8|deepsparse", text)) or said["division"] == "closed"


_HARDWARE_WORDS = re.compile(
    r"\b(on |: )?(nvidia |tesla |dgx[- ]?\w* |\(?\d+x )*(a100|v100|t4|a10g?|a30|a40)\b[^,;]*?(?=with|and|$|\))"
    r"|\bcu(da)?\s?\d*|docker|host",
    re.I,
)


def context_of(dataset: str, said: dict[str, str], precision: str, batch: float) -> str:
    """What two observations must share to be one question about hardware."""
    software = _HARDWARE_WORDS.sub("", said["software"].lower()).strip()
    if said["division"]:  # Rounds of one benchmark are pooled: the median over them is one observation.
        software = runtime_of(said["software"], dataset) + (" closed" if said["division"] == "closed" else "")
    scenario = _HARDWARE_WORDS.sub("", said["scenario"]).strip()
    size = f"b{batch:g}" if batch < LARGE_BATCH or said["metric"] == "token_throughput" else "large"
    model = re.sub(r"-99\.9$", "-99", said["model"])
    return "|".join((dataset, software, scenario, model, precision, size, said["seq_len"]))


def _deduplicate(rows: pd.DataFrame) -> pd.DataFrame:
    """One observation a context, hardware and thread count: medians over repeats; the best metric alone."""
    large = rows.context.str.contains(r"\|large\|", regex=True)
    for column in ("seconds", "flops", "activation_bytes"):
        rows.loc[large, column] *= LARGE_BATCH / rows.loc[large, "batch"]
    rows.loc[large, "batch"] = LARGE_BATCH
    keys = ["context", "hw", "threads", "cores"]
    best = rows.groupby(keys).metric.transform("min")
    rows = rows[rows.metric == best]
    first = rows.sort_values(["context", "system", "seconds"]).groupby(keys, sort=True, as_index=False).first()
    median = rows.groupby(keys, sort=True, as_index=False).seconds.median()
    first["seconds"] = median.seconds
    return first.drop(columns="metric")
