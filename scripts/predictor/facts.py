"""What is publicly known of a model's graph, by the name or the columns of a row of measurements.

A real profile brings these figures from the ONNX file. Rows of published measurements bring a name;
``models.csv`` holds the figures of the well-known ones (papers and model zoos that define them;
activations where unpublished are estimated from the layer shapes, nodes are after fusion).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Facts:
    """A graph at batch 1."""

    gmacs: float
    params_m: float
    macts_m: float
    """Activations written, millions of elements."""
    nodes: float = 100
    kind: str = "conv"
    """What dominates: ``conv``, ``light`` (depthwise) or ``gemm``."""


@cache
def table() -> dict[str, Facts]:
    with Path(__file__).with_name("models.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["name"]: Facts(*(float(row[c]) for c in ("gmacs", "params_m", "macts_m", "nodes")), row["kind"])
            for row in csv.DictReader(file)
        }


def bert(layers: int, hidden: int, sequence: int) -> Facts:
    """A transformer encoder: 12 h^2 weights a layer, and attention over the sequence."""
    weights = layers * 12 * hidden**2
    macs = weights * sequence + layers * 2 * sequence**2 * hidden
    activations = layers * (14 * sequence * hidden + 3 * sequence**2 * hidden / 64)
    return Facts(macs / 1e9, weights / 1e6, activations / 1e6, 9 * layers + 15, "gemm")


ENCODERS = {
    "bert_large": (24, 1024), "gpt2_large": (36, 1280), "opt_13": (24, 2048), "gpt3_xl": (24, 2048), "gpt3_27": (32, 2560),
    "bertbaseuncased": (12, 768), "bert/triton/large": (24, 1024), "bert/triton/dist4l": (4, 312),
    "bert/triton/dist6l": (6, 768),
    "languagemodeling/bert": (24, 1024), "ft/bert": (12, 768),
}  # fmt: skip
LLM_PARAMS_M = {
    "smol135m": 134.5, "smollm135m": 134.5, "qwen0.5b": 494, "qwen1.50.5b": 620, "qwen1505bchat": 620,
    "gemma2b": 2506, "llama8b": 8030,
    "llama7b": 6738, "llama3.18b": 8030, "phi4": 14660, "llama70b": 70550, "llama3.370b": 70550,
}  # fmt: skip
"""Parameters in millions of decoders that generate text, by squeezed name."""
ALIASES: tuple[tuple[str, str], ...] = (
    (r"^(bvlc)?alexnet.*", "alexnet"),
    (r"^caffenet.*", "caffenet"),
    (r"^zfnet512.*", "zfnet512"),
    (r"^(vgg1[1369])(bn|12|caffe2)*$", r"\1"),
    (r"^densenet(12)?(tf)?$", "densenet121"),
    (r"^(densenet\d{3})(tf|caffe2)*$", r"\1"),
    (r"^(googlenet(v1)?|inceptionv1)(tf|12)*$", "googlenet"),
    (r"^(googlenetv3|inceptionv3)(pytorch)?$", "inceptionv3"),
    (r"^googlenetv4(tf)?$", "inceptionv4"),
    (r"^inceptionresnetv2(tf)?$", "inceptionresnetv2"),
    (r"^squeezenet$|^squeezenet1[._]?1(caffe2)?$", "squeezenet1.1"),
    (r"^squeezenet1[._]?0$", "squeezenet1.0"),
    (r"^(resnet(?:18|34|50|101|152))(v1|v2)?[bcds]?(v1\.5|pytorch|tf|caffe2|7|vd|ssld)*$", r"\1"),
    (r"^resnet$", "resnet50"),
    (r"^wideresnet(50|101)2$", r"wideresnet\1.2"),
    (r"^resnext5032x4d$", "resnext50"),
    (r"^resnext101(32x4d|64x4d|32x8d)$", r"resnext101.\1"),
    (r"^seresnet(50|101|152)$", r"seresnet\1"),
    (r"^seresnext50(32x4d)?$", "seresnext50"),
    (r"^seresnext101(32x4d)?$", "seresnext101.32x4d"),
    (r"^senet154$", "senet154"),
    (r"^resnest50(pytorch)?$", "resnest50"),
    (r"^mobilenetv214224$", "mobilenetv2.1.4"),
    (r"^mobilenetv3(precision(float|uint8))?small.*", "mobilenetv3small"),
    (
        r"^mobilenetv3(precision(float|uint8))?(large)?(minimalistic)?(x?1\.?0)?(224)?(1\.?0)?(tf|float|uint8)*$",
        "mobilenetv3large",
    ),
    (r"^mnasnet$", "mnasnet1.0"),
    (r"^mnasnet([01])\.?(\d+)$", r"mnasnet\1.\2"),
    (r"^efficientnet(b[0457])(pytorch|autoaug|ns)*$", r"efficientnet\1"),
    (r"^efficientnetv2(b0|s)$", r"efficientnetv2\1"),
    (r"^(?:non)?(?:quantized)?efficientnet(?:fp32|int8)?(lite[0-4])(?:non)?(?:quantized)?$", r"efficientnet\1"),
    (r"^shufflenetv2(12)?$", "shufflenetv2.1.0"),
    (r"^shufflenetv2x(\d)\.?(\d)$", r"shufflenetv2.\1.\2"),
    (r"^rexnetv1x1\.?0$", "rexnet1.0"),
    (r"^ssdmobilenet(v1)?(nonquantizedmlperf|quantizedmlperf|coco)*$|^ssdsmall$", "ssdmobilenetv1"),
    (r"^ssdmobilenetv2(coco)?$|^ssdlitemobilenetv2$", "ssdmobilenetv2"),
    (r"^ssdmobilenetv1fpn(coco)?$", "ssdmobilenetv1fpn"),
    (r"^ssdresnet50(v1)?fpn(coco)?$", "ssdresnet50fpn"),
    (r"^ssdresnet34.*|^ssdlarge$", "ssdresnet34"),
    (r"^ssd300(vgg16atrousvoc)?$|^ssd$", "ssd300"),
    (r"^ssd512(vgg16atrousvoc)?$", "ssd512"),
    (r"^retinanet$", "retinanetresnext50"),
    (r"^yolov([234])(tf|onnx|ava0001|darknet53)*$", r"yolov\1"),
    (r"^yolov([234])tiny(tf|onnx|ava0001)*$", r"yolov\1tiny"),
    (r"^nanodetm.*", "nanodetm"),
    (r"^swin(transformer)?(tiny|small|base|large)patch4window7224$", r"swin\2"),
    (r"^(clip)?vitbase.*|^ppshituv2recclipvitbase$", "vitbase"),
    (r"^(clip)?vitlarge.*|^ppshituv2recclipvitlarge$", "vitlarge"),
    (r"^convnext(tiny|small|base|large)(224)?$", r"convnext\1"),
    (r"^bert99(\.?9)?$", "bertlarge384"),
    (r"^dlrm99(\.?9)?$", "dlrm"),
    (r"^dlrmv299(\.?9)?$", "dlrmv2"),
    (r"^gptj(99)?(\.?9)?$", "gptj"),
    (r"^llama270b99(\.?9)?$", "llama2.70b"),
    (r"^mixtral8x7b$", "mixtral8x7b"),
    (r"^hrnetw(18|32|48)c?$", r"hrnetw\1"),
    (r"^dla34$", "dla34"),
)
MOBILENET = re.compile(r"^mobilenetv?([12])?(?:precision(?:float|uint8))?(\d\.\d+)(\d{2,3})?(?:quantized)?(?:tf)?$")


def squeeze(name: str) -> str:
    """``dlb/mobilenet-v2-1.0-224`` to ``mobilenetv21.0224``."""
    short = name.rsplit("/", maxsplit=1)[-1].lower()
    return re.sub(r"[^a-z0-9.]", "", short)


def named(name: str) -> Facts | None:
    """Facts of a vision or MLPerf model by its name."""
    short = name.rsplit("/", maxsplit=1)[-1].lower()
    if match := re.match(
        r"mobilenet[-_]?v?([12])?[-_]?(?:precision_(?:float|uint8)-)?x?(\d[._]\d+)(?:[-_](\d{2,3}))?\b", short
    ):
        return _mobilenet(match[1] or "1", float(match[2].replace("_", ".")), int(match[3] or 224))
    plain = squeeze(re.sub(r"_int8$", "", short))
    if re.match(r"^mobilenet(v1)?$", plain):
        return _mobilenet("1", 1.0, 224)
    if re.match(r"^mobilenetv2(12|pytorch)?$", plain):
        return _mobilenet("2", 1.0, 224)
    for pattern, alias in ALIASES:
        if match := re.match(pattern, plain):
            return table().get(match.expand(alias).lower())
    return table().get(plain)


def _mobilenet(version: str, width: float, pixels: int) -> Facts:
    """MobileNet by width multiplier and resolution, after its papers."""
    scale = (pixels / 224) ** 2
    if version == "1":
        return Facts(0.569 * width**1.9 * scale, 4.2 * width**1.7, 5.0 * width * scale, 30, "light")
    return Facts(0.301 * width**1.8 * scale, 3.5 * max(width, 0.5) ** 1.2, 6.7 * width * scale, 65, "light")


def facts_of(name: str, extra: str = "", scenario: str = "", sequence: str = "") -> Facts | None:
    """Facts of one row; None where nothing is known."""
    said = {k: float(v) for k, v in re.findall(r"(gmacs|macts|params_m|flops_g|params|bytes)=([\d.]+)", extra)}
    lowered = name.lower()
    short = squeeze(lowered)
    if said.get("gmacs") and said.get("params_m"):
        kind = kind_of(short)
        macts = said.get("macts") or 2.5 * said["gmacs"] ** 0.7 * 4
        return Facts(said["gmacs"], said["params_m"], macts, nodes_of(short, said["params_m"]), kind)
    if said.get("flops_g") and said.get("params_m"):  # Counted as multiply-adds twice.
        gmacs = said["flops_g"] / 2
        return Facts(gmacs, said["params_m"], 4.0 * gmacs**0.7, nodes_of(short, said["params_m"]), kind_of(short))
    for key, (layers, hidden) in ENCODERS.items():
        if key in lowered or key == short:
            length = re.match(r"\d+", sequence)
            return bert(layers, hidden, int(length[0]) if length else 384 if "large" in lowered or "triton" in lowered else 128)
    params = next((p for key, p in LLM_PARAMS_M.items() if short.startswith(key)), None)
    if params is not None:
        generates = "generation" in scenario or "chat" in scenario or "rag" in scenario
        layers = 12 * (params / 100) ** 0.3
        return Facts(
            params / 1e3, params, 0.02 * params**0.5, (12 if generates else 10) * layers, "decode" if generates else "gemm"
        )
    return named(name)


def kind_of(short: str) -> str:
    if re.search(r"vit|swin|deit|beit|eva|maxvit|cait|xcit|mixer|gmlp|pit|volo|hiera|crossvit|twins|bert|clip|siglip", short):
        return "gemm"
    if re.search(
        r"mobilenet|efficientnet|mnasnet|lcnet|ghost|mixnet|fbnet|tinynet|mobileone|hardcorenas|spnasnet|edgenext|lite", short
    ):
        return "light"
    return "conv"


def nodes_of(short: str, params_m: float) -> float:
    """Nodes after fusion, from what the family is: no row says."""
    depth = {"gemm": 220, "light": 110, "conv": 110}[kind_of(short)]
    return depth * min(4.0, max(0.5, (params_m / 25) ** 0.35))


SERIES = re.compile(r"^(3dunet|[a-z]+)")


def series_of(name: str) -> str:
    """Near-duplicates share it: sizes, resolutions and accuracies of one architecture."""
    short = squeeze(name)
    short = re.sub(r"^(non)?(quantized)|^tf|^(?:se|wide|legacyse|skl?|ecar?|gc)(?=resne)", "", short)
    match = SERIES.match(short)
    return match[1][:9] if match else short[:9]


def scaled(facts: Facts, factor: float) -> Facts:
    """The same graph on more elements: arithmetic and activations grow, weights do not."""
    return replace(facts, gmacs=facts.gmacs * factor, macts_m=facts.macts_m * factor)
