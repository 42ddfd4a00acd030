"""Figures of the answers, beside three baselines, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from infercost.engine.roofline import data_sheet_tflops
from predictor.questions import quantile
from predictor.truth import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BARS = {
    ("CPU to known CPU", "model"): 0.08,
    ("CPU to new CPU", "family"): 0.16,
    ("GPU to new GPU", "family"): 0.13,
    ("graph to known GPU", "model"): 0.18,
    ("graph to new GPU", "family"): 0.28,
}
"""Mean absolute percentage errors that are aimed at."""
STRATA = ("same family", "CPU to known CPU", "CPU to new CPU", "CPU with efficiency cores", "threads not measured",
          "GPU to known GPU", "GPU to new GPU", "graph to known GPU", "graph to new GPU")  # fmt: skip
HELD = {"model": "model", "family": "hardware", "both": "both"}
MIN_RANKED = 4


def summary(frame: pd.DataFrame, by: list[str], prices: Mapping[str, float]) -> pd.DataFrame:
    """One row a group of questions."""

    def figures(part: pd.DataFrame) -> pd.Series:
        error, weight = part.error.to_numpy(), part.weight.to_numpy()
        relative = np.abs(np.expm1(error))
        judged = part.half_width.notna().to_numpy() if "half_width" in part else np.zeros(len(part), bool)
        return pd.Series(
            {
                "questions": len(part),
                "designs": part.group.nunique(),
                "median": quantile(relative, weight, 0.5),
                "mean": float(np.average(relative, weights=weight)),
                "p90": quantile(relative, weight, 0.9),
                "bias": float(np.expm1(quantile(error, weight, 0.5))),
                "coverage": float(np.average(part.inside[judged], weights=weight[judged])) if judged.any() else np.nan,
                "width": float(np.expm1(quantile(part.half_width.to_numpy()[judged], weight[judged], 0.5)))
                if judged.any()
                else np.nan,
                "rank": rank_correlation(part, prices),
            }
        )

    return frame.groupby(by, sort=False).apply(figures, include_groups=False)


def rank_correlation(part: pd.DataFrame, prices: Mapping[str, float]) -> float:
    """Spearman's, of predicted and measured cost of one item over the machines asked about from one measurement."""
    cost = np.log(part.hw.map(prices).to_numpy(dtype=float))
    priced = part.assign(ours=part.predicted + cost, theirs=part.measured + cost)[np.isfinite(cost)]
    found = []
    for _, one in priced.groupby(["context", "source_hw", "source_system"]):
        machines = one.groupby("hw")[["ours", "theirs"]].mean()
        if len(machines) >= MIN_RANKED:
            found.append(machines.rank().corr().iloc[0, 1])
    return float(np.nanmean(found)) if found else np.nan


def baselines(frame: pd.DataFrame, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The same questions answered by three simpler rules; only questions that have a source can be."""
    asked = frame[frame.source_measured.notna()]
    peak, band, vector = (_spec(name) for name in ("peak", "bandwidth", "score"))

    def answered(log_ratio: np.ndarray) -> pd.DataFrame:
        predicted = asked.source_measured.to_numpy() + log_ratio
        return asked.assign(predicted=predicted, error=predicted - asked.measured, half_width=np.nan, inside=False)

    def of(spec: Callable[[str, str], float], column: str) -> np.ndarray:
        return np.array([spec(hw, p) for hw, p in zip(asked[column], asked.precision, strict=True)])

    gain = {name: of(spec, "hw") - of(spec, "source_hw") for name, spec in (("peak", peak), ("band", band), ("score", vector))}
    work = rows.drop_duplicates("context").set_index("context")
    bound = _bound(asked, work, "hw", peak, band) - _bound(asked, work, "source_hw", peak, band)
    return {
        "one constant ratio": answered(_constant(asked, gain["score"])),
        "spec geometric mean": answered(-(gain["peak"] + gain["band"]) / 2),
        "whole-model roofline": answered(bound),
    }


def _constant(asked: pd.DataFrame, score: np.ndarray) -> np.ndarray:
    """The median ratio of the two machines over the models that are not held out; a benchmark's where the machine is."""
    ratio = asked.measured - asked.source_measured
    pair = asked.source_hw + ">" + asked.hw + "|" + asked.dataset
    out = -score.copy()
    known = (asked.way == "model").to_numpy() | (asked.kind == "within").to_numpy()
    for index in pd.Series(np.arange(len(asked))).groupby(pair.to_numpy()).groups.values():
        at = np.asarray(index)
        series = asked.series.to_numpy()[at]
        for name in np.unique(series):
            others, mine = at[series != name], at[series == name]
            if len(others):
                mine = mine[known[mine]]
                out[mine] = np.median(ratio.to_numpy()[others])
    return out


def _spec(name: str) -> Callable[[str, str], float]:
    def of(hw: str, precision: str) -> float:
        if hw in TABLE.accelerators:
            gpu = TABLE.accelerators[hw]
            peak = data_sheet_tflops(gpu, precision) or 1.0
            return float(np.log({"peak": peak, "bandwidth": gpu.memory_bandwidth_gbs, "score": gpu.fp32_tflops or peak}[name]))
        cpu = TABLE.families[hw]
        flops = cpu.int8_ops_per_cycle if precision == "int8" else cpu.fp32_flops_per_cycle
        band = cpu.memory_bandwidth_gbs / cpu.cores_per_socket
        return float(np.log({"peak": flops * cpu.sustained_ghz, "bandwidth": band, "score": cpu.scalar_speed}[name]))

    return of


def _bound(
    asked: pd.DataFrame, work: pd.DataFrame, column: str, peak: Callable[[str, str], float], band: Callable[[str, str], float]
) -> np.ndarray:
    out = []
    for context, hw, precision, device in zip(asked.context, asked[column], asked.precision, asked.device, strict=True):
        one = work.loc[context]
        unit = 1e12 if device == "gpu" else 1e9
        arithmetic = one.flops / (np.exp(peak(hw, precision)) * unit)
        out.append(np.log(max(arithmetic, (one.weight_bytes + one.activation_bytes) / (np.exp(band(hw, precision)) * 1e9))))
    return np.array(out)


def table(frame: pd.DataFrame, names: list[str]) -> str:
    """Markdown."""
    columns = ["questions", "designs", "median", "mean", "p90", "bias", "coverage", "width", "rank"]
    heads = ["questions", "designs", "median", "mean", "p90", "bias", "coverage of 90 %", "half-width", "rank by cost"]
    lines = ["| " + " | ".join(names + heads) + " |", "|" + "---|" * len(names) + "---:|" * len(heads)]
    for key, row in frame.iterrows():
        labels = [str(k) for k in (key if isinstance(key, tuple) else (key,))]
        cells = [_cell(column, row[column]) for column in columns]
        lines.append("| " + " | ".join(labels + cells) + " |")
    return "\n".join(lines)


def _cell(column: str, value: float) -> str:
    if column in ("questions", "designs"):
        return f"{int(value):,}".replace(",", " ")
    if not np.isfinite(value):
        return "–"
    if column == "rank":
        return f"{value:.2f}"
    if column == "bias":
        return f"{value:+.0%}"
    return f"±{value:.0%}" if column == "width" else f"{value:.0%}" if value < 10 else f"{value + 1:.0f}x"
