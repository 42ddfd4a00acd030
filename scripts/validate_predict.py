"""Judge the v1 predictor on published measurements; print the error quantiles behind its bands.

    python scripts/validate_predict.py SOURCE_DIR [--detail]

SOURCE_DIR holds tables of measurements gathered from public repositories (their README names each
origin and licence). Nothing of them is kept here. Each row pair asks: given the latency measured on
machine A, what does the predictor say for machine B, and what was measured there? For GPUs the
question is asked of the graph's FLOPs and bytes alone.

An error is log(predicted / measured). The band of a stratum is exp(q) - 1 for the q that covers
90 % of the absolute errors, every dataset weighing the same however many rows it has.
"""

from __future__ import annotations

import argparse
import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from infercost.domain.hardware import CpuFamily, Hardware
from infercost.domain.profile import LatencyStats, Machine, ModelFacts, OperatorTime, Point, Profile, Runtime
from infercost.engine import predict
from infercost.engine.predict import isa_class
from infercost.engine.predict_cpu import CpuModel
from infercost.engine.predict_gpu import GpuModel
from infercost.store.hardware import load_hardware

TABLE = load_hardware()
SAME, CLASS, OTHER = "same family", "other family, same ISA class", "other ISA class"
HYBRID, GPU = "laptop with efficiency cores", "graph to GPU"
BANDS = {
    (SAME, "all"): predict.BAND_SAME_FAMILY,
    (CLASS, "FP32"): predict.BAND_SAME_CLASS,
    (CLASS, "INT8"): predict.BAND_SAME_CLASS_INT8,
    (OTHER, "FP32"): predict.BAND_OTHER_CLASS,
    (OTHER, "INT8"): predict.BAND_OTHER_CLASS_INT8,
    (HYBRID, "FP32"): predict.BAND_UNSURE_SOURCE,
    (GPU, "all"): predict.BAND_GPU,
}
EAGER = "torchvision (PyTorch eager)"
"""Bound by Python's launches, which ONNX Runtime does not have: shown, not weighed."""


@dataclass(frozen=True)
class Graph:
    """Public facts of a model at batch 1: GMACs, parameters and activations in millions, nodes after fusion."""

    gmacs: float
    params_m: float
    macts: float
    nodes: int = 100
    kind: str = "Conv"


# From the papers and model zoos that define them; activations where unpublished are estimated
# from the layer shapes. Node counts are after ONNX Runtime's fusions.
GRAPHS = {
    "alexnet": Graph(0.71, 61.1, 0.7, 22),
    "caffenet": Graph(0.72, 61, 0.7, 22),
    "zfnet512": Graph(1.5, 87, 1.5, 22),
    "vgg16": Graph(15.5, 138.4, 13.6, 38),
    "vgg19": Graph(19.6, 143.7, 14.9, 44),
    "squeezenet": Graph(0.35, 1.24, 2.6, 40),
    "squeezenet1_0": Graph(0.82, 1.25, 5.8, 40),
    "googlenet": Graph(1.5, 6.6, 3.2, 83),
    "resnet18": Graph(1.82, 11.7, 2.5, 32),
    "resnet34": Graph(3.67, 21.8, 3.7, 56),
    "resnet50": Graph(4.11, 25.6, 11.1, 75),
    "resnet101": Graph(7.83, 44.5, 16.2, 143),
    "resnet152": Graph(11.56, 60.2, 22.6, 211),
    "wide_resnet50_2": Graph(11.43, 68.9, 14.4, 75),
    "wide_resnet101_2": Graph(22.8, 126.9, 21.2, 143),
    "resnext50_32x4d": Graph(4.26, 25, 14.4, 75),
    "resnext101_32x8d": Graph(16.48, 88.8, 31.2, 143),
    "densenet121": Graph(2.87, 8, 6.9, 310),
    "densenet161": Graph(7.79, 28.7, 11.1, 410),
    "densenet169": Graph(3.4, 14.1, 7.3, 430),
    "densenet201": Graph(4.34, 20, 7.9, 510),
    "mobilenet": Graph(0.57, 4.2, 5.0, 30),
    "mobilenet_v2": Graph(0.31, 3.5, 6.7, 65),
    "mobilenet_v3": Graph(0.22, 5.4, 4.4, 120),
    "mnasnet": Graph(0.32, 4.4, 5.5, 65),
    "proxylessnasnet": Graph(0.32, 4.1, 5.8, 75),
    "efficientnet_b0": Graph(0.39, 5.3, 6.7, 240),
    "efficientnetv2_b0": Graph(0.72, 7.1, 3.6, 230),
    "regnety_400m": Graph(0.4, 4.3, 3.9, 150),
    "shufflenet": Graph(0.14, 1.9, 2.2, 110),
    "shufflenet_v2": Graph(0.146, 2.3, 2.0, 120),
    "mobilenet_ssd": Graph(1.2, 5.8, 8.0, 80),
    "squeezenet_ssd": Graph(1.2, 5.5, 8.0, 80),
    "yolov4-tiny": Graph(3.45, 6.1, 8.0, 60),
    "vision_transformer": Graph(55.5, 86.9, 101.6, 200, "MatMul"),
    "inception_v3": Graph(5.7, 23.8, 9.0, 120),
    "swin_tiny": Graph(4.5, 28.3, 17.1, 300, "MatMul"),
    "swin_base": Graph(15.5, 87.8, 36.6, 560, "MatMul"),
    "vit_base": Graph(17.6, 86.6, 23.9, 200, "MatMul"),
    "convnext_base": Graph(15.4, 88.6, 28.8, 400),
    "darknet53": Graph(9.3, 41.6, 12.0, 80),
}
ALIASES = {
    "bvlcalexnet-12": "alexnet", "caffenet-12": "caffenet", "zfnet512-12": "zfnet512", "vgg16-12": "vgg16",
    "densenet-12": "densenet121", "googlenet-12": "googlenet", "inception-v1-12": "googlenet", "densenet-121": "densenet121",
    "mobilenetv2-12": "mobilenet_v2", "resnet152-v1-7": "resnet152", "shufflenet-v2-12": "shufflenet_v2",
    "googlenet-v1": "googlenet", "googlenet-v1-tf": "googlenet", "googlenet-v3": "inception_v3", "squeezenet1.1": "squeezenet",
    "squeezenet1.0": "squeezenet1_0", "resnet-18-pytorch": "resnet18", "resnet-34-pytorch": "resnet34",
    "resnet-50-pytorch": "resnet50", "resnet-50-tf": "resnet50", "mobilenet-v1-1.0-224": "mobilenet",
    "mobilenet-v2": "mobilenet_v2", "mobilenet-v2-pytorch": "mobilenet_v2", "efficientnet-b0": "efficientnet_b0",
    "mobilenet-ssd": "mobilenet_ssd", "shufflenet-v2-x1.0": "shufflenet_v2", "swin-tiny-patch4-window7-224": "swin_tiny",
    "mobilenetv1_x1_0": "mobilenet", "mobilenetv2_x1_0": "mobilenet_v2", "resnet50_vd": "resnet50", "resnet152_vd": "resnet152",
    "resnet101_vd": "resnet101", "resnet34_vd": "resnet34", "resnet18_vd": "resnet18", "clip_vit_base_patch16_224": "vit_base",
    "convnext_base_224": "convnext_base", "swintransformer_tiny_patch4_window7_224": "swin_tiny",
    "swintransformer_base_patch4_window7_224": "swin_base", "squeezenet1_1": "squeezenet", "inceptionv3": "inception_v3",
    "efficientnetb0": "efficientnet_b0", "mnasnet1_0": "mnasnet", "shufflenet_v2_x1_0": "shufflenet_v2",
    "vgg16_bn": "vgg16", "vgg19_bn": "vgg19",
}  # fmt: skip


def graph_of(name: str) -> tuple[Graph, bool] | None:
    """The graph behind a dataset's model name, and whether its name says that it is 8-bit."""
    short = name.rsplit("/", maxsplit=1)[-1].lower()
    plain = short.removesuffix("_int8")
    graph = GRAPHS.get(ALIASES.get(plain, plain))
    return (graph, short != plain) if graph else None


@dataclass(frozen=True)
class Case:
    """One question put to the predictor."""

    stratum: str
    dataset: str
    source: str
    target: str
    model: str
    predicted_s: float
    measured_s: float
    precision: str = "FP32"

    @property
    def error(self) -> float:
        return float(np.log(self.predicted_s / self.measured_s))


def bert(layers: int, hidden: int, sequence: int) -> Graph:
    """A transformer encoder: 12 h^2 weights a layer, and attention over the sequence."""
    weights = layers * 12 * hidden**2
    macs = weights * sequence + layers * 2 * sequence**2 * hidden
    activations = layers * (14 * sequence * hidden + 3 * sequence**2 * hidden / 64)
    return Graph(macs / 1e9, weights / 1e6, activations / 1e6, 9 * layers + 15, "MatMul")


def operators_of(graph: Graph, *, width: int = 4, int8: bool = False) -> tuple[OperatorTime, ...]:
    weights = int(graph.params_m * 1e6 * (1 if int8 else width))
    # Every activation is written once and read once.
    activations = int(2 * graph.macts * 1e6 * (1 if int8 else width))
    kind = ("QLinear" + graph.kind) if int8 else graph.kind
    one = OperatorTime(
        op_type=kind,
        count=graph.nodes,
        time_share=1.0,
        flops=int(2e9 * graph.gmacs),
        bytes=weights + activations,
        weight_bytes=weights,
    )
    return (one,)


def profile_of(graph: Graph, seconds: dict[tuple[int, int], float], *, int8: bool = False, half: bool = False) -> Profile:
    """A profile with the given seconds by (batch, threads)."""
    width = 2 if half else 4
    facts = ModelFacts(
        name="m", sha256="", opset=17, parameters=int(graph.params_m * 1e6), file_bytes=int(graph.params_m * 1e6 * width),
        flops_per_item=int(2e9 * graph.gmacs), inputs=(), outputs=(), batch_dim="batch",
        weights_by_dtype={"float16" if half else "float32": int(graph.params_m * 1e6 * width)},
    )  # fmt: skip
    points = tuple(
        Point(
            batch=batch, threads=threads, precision="fp32", latency_ms=LatencyStats.of([s]), throughput_per_s=batch / s,
            memory_bytes=None, cpu_utilization=None,
        )
        for (batch, threads), s in seconds.items()
    )  # fmt: skip
    return Profile(
        infercost_version="0", created="", model=facts,
        machine=Machine(cpu_model="", arch="", logical_cpus=1, memory_bytes=1, os=""),
        runtime=Runtime(version="", execution_provider="", python=""),
        points=points, operators=operators_of(graph, width=width, int8=int8), payload_in_bytes=600_000, payload_out_bytes=4000,
    )  # fmt: skip


def machine(family: str, vcpus: int, threads_per_core: int = 1, **cpu_facts: float) -> Hardware:
    """A bare machine; ``cpu_facts`` replace the family's where the part is not the one that clouds rent."""
    cpu = replace(TABLE.families[family], **cpu_facts)  # type: ignore[arg-type]
    return Hardware(
        provider="x", instance_type=family, family="x", vcpus=vcpus, memory_gib=1.0, cpu=cpu, threads_per_core=threads_per_core
    )


def without_amx(hardware: Hardware) -> Hardware:
    """For libraries that leave AMX alone: 8-bit arithmetic at the VNNI rate."""
    if hardware.cpu is None or hardware.cpu.int8_ops_per_cycle <= 256:
        return hardware
    return replace(hardware, cpu=replace(hardware.cpu, int8_ops_per_cycle=256.0))


def stratum_of(a: CpuFamily, b: CpuFamily) -> str:
    if a.key == b.key:
        return SAME
    return CLASS if isa_class(a) == isa_class(b) else OTHER


def ask(profile: Profile, source: Hardware, target: Hardware, batch: int, threads: int, workers: int = 1) -> float:
    model = CpuModel.of(profile, source)
    row = [law.size for law in model.batches].index(batch)
    return float(model.seconds(target, np.array([float(workers)]), np.array([float(threads)]))[row, 0])


def ncnn(folder: Path) -> list[Case]:
    """Vision models on the server CPUs of the ncnn table, one to 32 threads."""
    rows = pd.read_csv(folder / "ncnn.csv.gz")
    rows = rows[rows.accelerator.isna() & (rows.metric == "latency_mean")]
    systems = {
        "D64as v7": machine("amd-epyc-turin", 64, 2),
        "D64s v6": without_amx(machine("intel-emeraldrapids", 64, 2)),
        "D64ps v6": machine("azure-cobalt100", 64, 1),
        "EPYC 7742": machine("amd-epyc-rome", 128, 2),
        "c5.4xlarge": machine("intel-skylake", 16, 2),
    }
    measured: dict[tuple[str, str, int], float] = {}
    for row in rows.itertuples():
        for name in systems:
            # On Arm ncnn computes FP32 models in half precision: only its INT8 rows compare.
            if name in row.system and graph_of(row.model) and (name != "D64ps v6" or row.precision == "int8"):
                measured[name, row.model, int(row.threads)] = row.value / 1e3
    cases = []
    for (a, b), model in itertools.product(itertools.product(systems, systems), sorted({m for _, m, _ in measured})):
        graph, int8 = graph_of(model) or (None, False)
        known = {(1, t): measured[a, model, t] for t in (1, 2, 8) if (a, model, t) in measured and (t < 8 or a == "c5.4xlarge")}
        if not known or graph is None:
            continue
        profile = profile_of(graph, known, int8=int8)
        for threads in (1, 2, 4, 8, 16, 32):
            actual = measured.get((b, model, threads))
            # A profile of one thread count says nothing of another; a real one holds at least two.
            if actual is None or (a == b and (1, threads) in known) or (len(known) == 1 and (1, threads) not in known):
                continue
            family_a, family_b = systems[a].cpu, systems[b].cpu
            assert family_a is not None
            assert family_b is not None
            predicted = ask(profile, systems[a], systems[b], 1, threads)
            kind = "INT8" if int8 else "FP32"
            cases.append(Case(stratum_of(family_a, family_b), "ncnn", a, f"{b} x{threads}", model, predicted, actual, kind))
    return cases


def dlbench(folder: Path, software: str, dataset: str) -> list[Case]:
    """Two desktop CPUs and a dual-socket Xeon Gold.

    Measured on one stream with all physical cores (``Sync``). The Xeon is asked for its throughput
    with many streams (``Async``) where that was measured: the predictor offers no worker of 40 threads.
    """
    rows = pd.read_csv(folder / "dlbench_cpu.csv.gz", low_memory=False)
    rows = rows[
        rows.software.str.contains(software) & ~rows.system.str.contains("iGPU") & rows.precision.isin(["FP32", "INT8"])
    ]
    systems = {
        "i3-8100": (machine("intel-core", 4), 4),
        "i7-8700": (machine("intel-core", 12, 2), 6),
        # All-core turbo 2.7 GHz, with AVX-512 1.9: Intel Xeon Scalable specification update.
        "Gold 6138": (machine("intel-skylake", 80, 2, sustained_ghz=1.9, scalar_speed=0.87), 40),
    }
    measured: dict[tuple[str, str, str, str, int], list[float]] = {}
    for row in rows.itertuples():
        for name in systems:
            if name in row.system and graph_of(row.model):
                key = (name, row.scenario, row.model, row.precision, int(row.batch))
                measured.setdefault(key, []).append(int(row.batch) / row.value)
    cases = []
    for (a, scenario, model, precision, batch), values in measured.items():
        graph, _ = graph_of(model) or (None, False)
        first = measured.get((a, scenario, model, precision, 1))
        source, own = systems[a]
        if graph is None or first is None or scenario != "Sync" or a == "Gold 6138" or source.cpu is None:
            continue
        seconds = {(1, own): float(np.median(first)), (batch, own): float(np.median(values))}
        profile = profile_of(graph, seconds, int8=precision == "INT8")
        for b, (target, threads) in systems.items():
            streams = "Async" if b == "Gold 6138" else "Sync"
            actual = measured.get((b, streams, model, precision, batch))
            if a == b or actual is None or target.cpu is None:
                continue
            workers, each = (target.vcpus, 1) if streams == "Async" else (1, threads)
            predicted = ask(profile, source, target, batch, each, workers) / workers
            name = f"{model} {precision} b{batch}"
            seen = float(np.median(actual))
            cases.append(Case(stratum_of(source.cpu, target.cpu), dataset, a, b, name, predicted, seen, precision))
    return cases


def timm_cpu(folder: Path) -> list[Case]:
    """Vision models in PyTorch at batch 1: i9-10940X (AVX-512) and i7-12700H (a laptop, 6 P + 8 E cores)."""
    rows = pd.read_csv(folder / "timm.csv.gz", low_memory=False)
    rows = rows[rows.software.str.contains("2.40") & rows.system.isin(["i9_10940x", "i7_12700h"])]
    # PyTorch splits work evenly over 14 threads, so that each runs at the pace of an E core, half a P core.
    systems = {"i9_10940x": (machine("intel-cascadelake", 28, 2), 14), "i7_12700h": (machine("intel-core-hybrid", 7), 7)}
    facts = rows.extra.str.extract(r"gmacs=([\d.]+);macts=([\d.]+);params_m=([\d.]+)").astype(float)
    rows = rows.assign(gmacs=facts[0], macts=facts[1], params=facts[2]).dropna(subset=["gmacs", "macts", "params"])
    rows = rows[(rows.gmacs > 0) & (rows.macts > 0)]
    both = rows.pivot_table(index=["model", "seq_len", "gmacs", "macts", "params"], columns="system", values="value").dropna()
    cases = []
    for key, values in both.iterrows():
        model, _, gmacs, macts, params = key
        for a, b in (("i9_10940x", "i7_12700h"), ("i7_12700h", "i9_10940x")):
            (source, mine), (target, theirs) = systems[a], systems[b]
            profile = profile_of(Graph(gmacs, params, macts), {(1, mine): 1 / values[a]})
            cases.append(
                Case(HYBRID, "timm (PyTorch)", a, b, str(model), ask(profile, source, target, 1, theirs), 1 / values[b])
            )
    return cases


def geekbench(folder: Path) -> list[Case]:
    """One core, one vision model in FP32 and one in INT8, on every cloud CPU family (closed kernels: a check on ratios)."""
    rows = pd.read_csv(folder / "sc_micro.csv", low_memory=False)
    work = {
        "gb1_background_blur_rate": (Graph(5.0, 5.8, 20.0, 100), False, "segmentation"),
        "gb1_object_detection_rate": (GRAPHS["mobilenet_ssd"], True, "detection"),
    }
    cases = []
    for column, (graph, int8, name) in work.items():
        rate = pd.to_numeric(rows[column].astype(str).str.extract(r"([\d.]+)")[0], errors="coerce")
        by_family = rate.groupby(rows.cpu_family).median().dropna()
        offered = {h.cpu.key for h in TABLE.instances.values() if h.cpu is not None}
        known = [key for key in by_family.index if key in offered | {"ampere-altra", "azure-cobalt100"}]
        for a, b in itertools.permutations(known, 2):
            source, target = machine(a, 8), machine(b, 8)
            assert source.cpu is not None
            assert target.cpu is not None
            profile = profile_of(graph, {(1, 1): 1 / by_family[a]}, int8=int8)
            predicted = ask(profile, source, target, 1, 1)
            kind = "INT8" if int8 else "FP32"
            seen = 1 / float(by_family[b])
            cases.append(Case(stratum_of(source.cpu, target.cpu), f"Geekbench 6 {name}", a, b, name, predicted, seen, kind))
    return cases


def llama(folder: Path) -> list[Case]:
    """llama.cpp prefill of a 135 M parameter model on rented instances, all cores (8-bit dot products)."""
    rows = pd.read_csv(folder / "sc_llm.csv.gz")
    rows = rows[rows.accelerator.isna() & rows.model.str.startswith("SmolLM") & (rows.scenario == "prompt_processing")]
    rows = rows[(rows.batch == 128) & rows.threads.isin([2, 4, 8, 16, 32])]
    graph = replace(bert(30, 576, 128), params_m=134.5)
    rate = rows.groupby([rows.system, "hw_family", "threads"]).value.median().reset_index()
    wanted = {"sagemaker": "aws/", "vertex": "gcp/", "azureml": "azure/"}
    known = {}
    for hardware in TABLE.instances.values():
        if hardware.cpu is None or hardware.accelerator is not None or hardware.burstable:
            continue
        found = rate[rate.system == wanted[hardware.provider] + hardware.instance_type.removeprefix("ml.")]
        for row in found.itertuples():
            if row.threads in (hardware.vcpus, int(hardware.cores)) and row.hw_family in TABLE.families:
                seen = without_amx(replace(hardware, cpu=TABLE.families[row.hw_family]))
                known[row.system] = (seen, int(row.threads), 128 / row.value)
    # One instance for each family and size, so that no family dominates.
    unique = {(h.cpu.key, t): (name, h, t, s) for name, (h, t, s) in sorted(known.items()) if h.cpu is not None}
    cases = []
    for (name_a, a, mine, seconds), (name_b, b, theirs, actual) in itertools.permutations(unique.values(), 2):
        if a.cpu is None or b.cpu is None or mine != theirs:
            continue
        predicted = ask(profile_of(graph, {(1, mine): seconds}, int8=True), a, b, 1, theirs)
        cases.append(
            Case(stratum_of(a.cpu, b.cpu), "llama.cpp prefill", name_a, name_b, "SmolLM-135M", predicted, actual, "INT8")
        )
    return cases


def gpu_case(dataset: str, key: str, model: str, graph: Graph, batch: int, measured_s: float, *, half: bool = False) -> Case:
    hardware = Hardware(
        provider="x", instance_type=key, family="x", vcpus=8, memory_gib=64.0, cpu=TABLE.families["intel-cascadelake"],
        accelerator=TABLE.accelerators[key], accelerator_count=1,
    )  # fmt: skip
    profile = profile_of(graph, {}, half=half)
    predicted = sum(GpuModel.of(profile, hardware).seconds(hardware, batch))
    return Case(GPU, dataset, "graph", key, f"{model} b{batch}", predicted, measured_s, "FP16" if half else "FP32")


def gpu_ort(folder: Path) -> list[Case]:
    """ONNX Runtime itself: BERT base on V100, and through Triton the BERT family and ResNet-50 on T4, V100, A100."""
    cases = []
    rows = pd.read_csv(folder / "misc.csv")
    rows = rows[(rows.model == "bert-base-uncased") & rows.software.str.contains("onnxruntime")]
    for row in rows.itertuples():
        graph = bert(12, 768, int(row.seq_len))
        half = row.precision == "fp16"
        cases.append(
            gpu_case(
                "ONNX Runtime", "V100-PCIe-16GB", f"bert s{row.seq_len}", graph, int(row.batch), row.value / 1e3, half=half
            )
        )
    rows = pd.read_csv(folder / "nvidia_dle.csv.gz", low_memory=False)
    rows = rows[rows.scenario.str.contains(r"Offline.*ONNX Runtime with FP16$", na=False) & (rows.metric == "latency_mean")]
    rows = rows[rows.model.str.contains("BERT/triton")]
    shape = {"large": (24, 1024), "dist4l": (4, 312), "dist6l": (6, 768)}
    keys = {"T4": "T4", "V100 32GB": "V100-SXM2-32GB", "A100 80GB": "A100-SXM4-80GB"}
    for row in rows.itertuples():
        if row.accelerator in keys:
            layers, hidden = shape[row.model.rsplit("/", 1)[1]]
            graph = bert(layers, hidden, 384)
            cases.append(
                gpu_case("ONNX Runtime", keys[row.accelerator], row.model, graph, int(row.batch), row.value / 1e3, half=True)
            )
    return cases


def gpu_transformers(folder: Path) -> list[Case]:
    """PyTorch FP32 transformers (TF32 off, as PyTorch defaults), seven GPUs."""
    shapes = {"bert_large": (24, 1024), "gpt2_large": (36, 1280), "opt_13": (24, 2048), "gpt3_27": (32, 2560)}
    keys = {
        "Tesla T4": "T4", "Tesla P4": "P4", "NVIDIA L4": "L4", "Tesla V100-PCIE-32GB": "V100-PCIe-16GB",
        "Tesla P100-PCIE-16GB": "P100-PCIe-16GB", "NVIDIA H100 80GB HBM3": "H100-SXM5-80GB",
    }  # fmt: skip
    cases = []
    for row in pd.read_csv(folder / "neusight_e2e.csv").itertuples():
        if row.system in keys and row.model in shapes:
            layers, hidden = shapes[row.model]
            graph = bert(layers, hidden, int(row.seq_len))
            accelerator = replace(TABLE.accelerators[keys[row.system]], tf32_tflops=None)
            hardware = Hardware(
                provider="x", instance_type="x", family="x", vcpus=8, memory_gib=64.0, cpu=None, accelerator=accelerator,
                accelerator_count=1,
            )  # fmt: skip
            predicted = sum(GpuModel.of(profile_of(graph, {}), hardware).seconds(hardware, int(row.batch)))
            name = f"{row.model} b{row.batch}"
            cases.append(Case(GPU, "NeuSight (PyTorch)", "graph", keys[row.system], name, predicted, row.value / 1e3))
    return cases


def gpu_vision(folder: Path) -> list[Case]:
    """Vision models: PyTorch eager on A100, Paddle Inference on T4, TensorRT FP32 on V100 through Paddle."""
    cases = []
    rows = pd.read_csv(folder / "pytorch_gpu_bench.csv")
    rows = rows[(rows.system == "A100-SXM4-40GB x1") & rows.precision.isin(["fp32", "fp16"]) & (rows.metric == "latency_p50")]
    for row in rows.itertuples():
        if found := graph_of(row.model):
            half = row.precision == "fp16"
            cases.append(gpu_case(EAGER, "A100-SXM4-40GB", row.model, found[0], 12, row.value / 1e3, half=half))
    rows = pd.read_csv(folder / "paddlex.csv")
    cases += [
        gpu_case("PaddleX (Paddle)", "T4", row.model, found[0], 1, row.value / 1e3)
        for row in rows[rows.system.str.contains("T4")].itertuples()
        if (found := graph_of(row.model))
    ]
    rows = pd.read_csv(folder / "paddleclas.csv")
    for row in rows[rows.system.str.contains("V100")].itertuples():
        facts = re.match(r"flops_g=([\d.]+);params_m=([\d.]+)", row.extra)
        if (found := graph_of(row.model)) and facts:
            cases.append(
                gpu_case("PaddleClas (TensorRT)", "V100-PCIe-16GB", row.model, found[0], int(row.batch), row.value / 1e3)
            )
    return cases


def weighted_quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(cumulative, q)])


def report(cases: list[Case], *, detail: bool) -> None:
    frame = pd.DataFrame([{**vars(c), "error": c.error} for c in cases])
    frame.loc[frame.stratum.isin([SAME, GPU]), "precision"] = "all"
    print("| stratum | precision | data | n | median error | 90 % error | bias | within the band |")
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for (stratum, precision), band in BANDS.items():
        part = frame[(frame.stratum == stratum) & (frame.precision == precision)]
        for dataset, rows in part.groupby("dataset"):
            print_row(stratum, precision, str(dataset), rows, np.ones(len(rows)), band)
        weighed = part[part.dataset != EAGER]
        weights = (1 / weighed.groupby("dataset").error.transform("size")).to_numpy()
        print_row(stratum, precision, "**all, weighed alike**", weighed, weights, band)
    if detail:
        pairs = frame.groupby(["stratum", "precision", "dataset", "source", "target"]).error
        table = pairs.agg(["size", "median", lambda e: e.abs().quantile(0.9)])
        print(table.round(2).to_string())


def print_row(stratum: str, precision: str, dataset: str, rows: pd.DataFrame, weights: np.ndarray, band: float) -> None:
    error = rows.error.to_numpy()
    half, most = (weighted_quantile(np.abs(error), weights, q) for q in (0.5, 0.9))
    bias = weighted_quantile(error, weights, 0.5)
    inside = float(np.average(np.abs(error) <= np.log1p(band), weights=weights))
    figures = f"{len(rows)} | {percent(half)} | {percent(most)} | {signed(bias)} | {inside:.0%} of ±{band:.0%}"
    print(f"| {stratum} | {precision} | {dataset} | {figures} |")


def percent(log_error: float) -> str:
    return f"{np.expm1(log_error):.0%}"


def signed(log_error: float) -> str:
    return f"{np.expm1(log_error):+.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source_dir", type=Path)
    parser.add_argument("--detail", action="store_true", help="also by pair of machines")
    options = parser.parse_args()
    folder = options.source_dir
    cases = [
        *ncnn(folder),
        *dlbench(folder, "ONNX Runtime", "dl-benchmark (ONNX Runtime)"),
        *dlbench(folder, "OpenVINO", "dl-benchmark (OpenVINO)"),
        *timm_cpu(folder),
        *geekbench(folder),
        *llama(folder),
        *gpu_ort(folder),
        *gpu_transformers(folder),
        *gpu_vision(folder),
    ]
    report(cases, detail=options.detail)


if __name__ == "__main__":
    main()
