"""Fit the efficiencies: ridge regression over levels, with one random intercept for each question.

Every observation is a sum of parts, each of which runs at a prior rate times the exponential of a sum
of effects (``infercost.engine.effects``). The log of that sum is fitted to the log of the measured time by
Gauss-Newton steps. Effects are shrunk towards 0 with a standard deviation by level, which is what
makes the fit hierarchical; the intercept of a context (one model in one runtime, at one size) takes up
what the graph's figures do not say of a model, and is what an anchor measures.

Numpy alone, no randomness: the same observations give the same coefficients.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from infercost.engine import roofline as law
from infercost.engine.effects import CPU_PARTS, GPU_PARTS, INTENSITY, cpu_effects, gpu_effects
from predictor.truth import TABLE

if TYPE_CHECKING:
    import pandas as pd

SEED = 20260901
SD_CONTEXT, SD_NOISE, HUBER = 1.0, 0.2, 0.25
PER_CELL = 60
"""Observations of one data set on one machine family that count in full together; more weigh less."""
ROWS_PER_CELL = 120
SD = (
    # No data set says how many nodes ran: what a fit makes of dispatch is the runtime's, and hardware keeps its scalar speed.
    # What one runtime's nodes cost says nothing of another's.
    (r"^cpu/dispatch$|/launch$", 0.05),
    (r"^cpu/dispatch/runtime|/launch/runtime", 1.0),
    (r"^cpu/dispatch/(class|family|flag).*/runtime", 0.15),
    (r"/launch/(class|family).*/runtime", 0.1),
    (r"^cpu/dispatch/(class|family|group|flag)", 0.03),
    (r"/launch/(class|family|group)", 0.04),
    (r"/slope:", 0.15),
    (r"/intensity/runtime", 0.2),
    (r"/flag:", 0.15),
    (r"/family:.*/runtime:", 0.08),
    (r"/family:", 0.08),
    (r"/group:", 0.12),
    (r"/(kind|precision):.*/class:", 0.08),
    (r"/class:.*/runtime:", 0.12),
    (r"/class:", 0.12),
    (r"/(kind|precision):.*/runtime:", 0.3),
    (r"/(kind|precision):", 0.5),
    (r"/own:", 0.2),
    (r"/intensity", 0.3),
    (r"/runtime:", 0.6),
    (r"", 1.0),
)
"""Prior standard deviation by level: the first pattern that an effect's name matches."""
BOUNDS = {
    "cpu/fp32/slope:peak": (-0.45, 0.45),
    "cpu/int8/slope:peak": (-0.28, 0.6),
    "cpu/memory/slope:bandwidth": (0.0, 0.4),
    "gpu/compute/slope:peak": (-0.2, 0.2),
    "gpu/compute/slope:power": (0.0, 0.25),
    "gpu/compute/slope:bandwidth": (0.0, 0.25),
    "gpu/compute/slope:vector": (0.0, 0.25),
    "gpu/memory/slope:bandwidth": (-0.3, 0.3),
    "gpu/memory/slope:vector": (0.0, 0.3),
}
"""Slopes stay where a higher data-sheet figure never means a slower prediction."""


@dataclass(frozen=True)
class Design:
    """Observations as arrays: prior seconds by part, and which effects scale each part's rate."""

    parts: np.ndarray
    """[observation, part] seconds at prior rates."""
    index: list[tuple[int, np.ndarray, np.ndarray]]
    """(part, effect of each observation or -1, value)."""
    names: list[str]
    sd: np.ndarray
    logs: np.ndarray
    context: np.ndarray
    weight: np.ndarray

    def efficiency(self, theta: np.ndarray) -> np.ndarray:
        padded = np.append(theta, 0.0)
        out = np.zeros_like(self.parts)
        for part, which, value in self.index:
            out[:, part] += padded[which] * value
        return out

    def log_seconds(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log of the modelled seconds, and each part's share of them."""
        with np.errstate(divide="ignore"):
            scaled = self.parts * np.exp(-self.efficiency(theta))
        total = scaled.sum(axis=1)
        return np.log(total), scaled / total[:, None]


def intensity(rows: pd.DataFrame) -> np.ndarray:
    value = np.log(rows.flops.to_numpy() / np.maximum(rows.activation_bytes.to_numpy(), 1.0) / INTENSITY)
    return np.where(kind_of(rows) == "conv", np.clip(value, -2, 2), 0.0)


def kind_of(rows: pd.DataFrame) -> np.ndarray:
    return np.where(np.isin(rows.kind, ["gemm", "decode"]), "gemm", "conv").astype(object)


def cpu_parts(rows: pd.DataFrame) -> np.ndarray:
    """Seconds of each part at prior rates, as ``engine.roofline`` has them."""
    families = [TABLE.families[key] for key in rows.hw]
    cores = [law.Core.of(family) for family in families]
    fp32, int8 = (np.array([c.arithmetic[i] for c in cores]) for i in (0, 2))
    band, scalar = (np.array([getattr(c, name) for c in cores]) for name in ("bandwidth", "scalar"))
    count, threads = rows.cores.to_numpy(float), rows.threads.to_numpy(float)
    rate = law.smt_rate(threads, count)
    amdahl = law.SERIAL_PRIOR + (1 - law.SERIAL_PRIOR) / threads
    socket = law.SOCKET_EFFICIENCY * np.array([f.memory_bandwidth_gbs for f in families])
    share = np.maximum(law.SOCKET_BURST, count / np.array([f.cores_per_socket for f in families]))
    drawn = np.minimum(band * rate, np.minimum(count * band, share * socket) / threads)
    quantised, flops = (rows.precision == "int8").to_numpy(), rows.flops.to_numpy()
    nodes = rows.nodes.to_numpy(float)
    traffic = (rows.weight_bytes + rows.activation_bytes).to_numpy()
    return np.stack(
        [
            nodes * (law.DISPATCH_S / rate + law.SYNC_S * (threads - 1)) / scalar,
            np.where(quantised, 0.0, flops / (fp32 * 1e9) / rate * amdahl),
            np.where(quantised, flops / (int8 * 1e9) / rate * amdahl, 0.0),
            traffic / (drawn * 1e9) * amdahl,
        ],
        axis=1,
    )


def gpu_parts(rows: pd.DataFrame) -> np.ndarray:
    peaks = np.array(
        [law.data_sheet_tflops(TABLE.accelerators[k], p) or np.nan for k, p in zip(rows.hw, rows.precision, strict=True)]
    )
    bandwidth = np.array([TABLE.accelerators[key].memory_bandwidth_gbs for key in rows.hw])
    return np.stack(
        [
            law.GPU_RUN_S + law.GPU_NODE_S * rows.nodes.to_numpy(float),
            rows.flops.to_numpy() / (peaks * 1e12 * law.GPU_EFFICIENCY),
            (rows.weight_bytes + rows.activation_bytes).to_numpy() / (bandwidth * 1e9 * law.GPU_BANDWIDTH_EFFICIENCY),
        ],
        axis=1,
    )


def design(rows: pd.DataFrame, device: str) -> Design:
    """Arrays for the rows of one kind of device."""
    parts = cpu_parts(rows) if device == "cpu" else gpu_parts(rows)
    kinds, size = kind_of(rows), intensity(rows)
    keys = list(zip(rows.hw, rows.precision, kinds, rows.runtime, rows.tuned.astype(bool), rows.group, strict=True))
    names: dict[str, int] = {}
    index: list[tuple[int, np.ndarray, np.ndarray]] = []
    for number, part in enumerate(CPU_PARTS if device == "cpu" else GPU_PARTS):
        by_key = {key: _effects(device, part, *key) for key in set(keys)}
        longest = max(len(found) for found in by_key.values())
        which = {key: [names.setdefault(n, len(names)) for n, _ in found] for key, found in by_key.items()}
        for position in range(longest):
            column = np.array([which[k][position] if position < len(which[k]) else -1 for k in keys])
            value = np.array([by_key[k][position][1] if position < len(by_key[k]) else 0.0 for k in keys])
            by_intensity = np.array([position < len(by_key[k]) and "/intensity" in by_key[k][position][0] for k in keys])
            index.append((number, column, np.where(by_intensity, value * size, value)))
        for name, value in _own(device, part, rows):
            column = np.array([names.setdefault(n, len(names)) for n in name])
            index.append((number, column, value))
    cells = rows.groupby(["dataset", "hw"]).seconds.transform("size")
    ordered = list(names)
    last = len(ordered)
    return Design(
        parts=parts,
        index=[(p, np.where(c < 0, last, c), v) for p, c, v in index],
        names=ordered,
        sd=np.array([next(sd for pattern, sd in SD if re.search(pattern, n)) for n in ordered]),
        logs=np.log(rows.seconds.to_numpy()),
        context=np.unique(rows.context.to_numpy(), return_inverse=True)[1],
        weight=np.minimum(1.0, PER_CELL / cells.to_numpy()),
    )


def _effects(
    device: str, part: str, hw: str, precision: str, kind: str, runtime: str, tuned: bool, group: str
) -> list[tuple[str, float]]:
    """Effects of a unit of intensity; the caller puts in the model's own."""
    if device == "cpu":
        return cpu_effects(TABLE.families[hw], part, kind=kind, runtime=runtime, group=group, intensity=1.0)
    gpu = TABLE.accelerators[hw]
    peak = law.data_sheet_tflops(gpu, precision) or 1.0
    return gpu_effects(
        gpu, part, peak, kind=kind, precision=precision, runtime=runtime, tuned=tuned, group=group, intensity=1.0
    )


def _own(device: str, part: str, rows: pd.DataFrame) -> list[tuple[list[str], np.ndarray]]:
    """What a user's thread measurements say of a model: the same on both sides of a question, and not shipped."""
    if device == "gpu":
        return []
    threads = np.log2(rows.threads.to_numpy(float))
    return [
        ([f"cpu/{part}/own:threads"] * len(rows), threads),
        ([f"cpu/{part}/own:threads/{r}" for r in rows.runtime], threads),
    ]


def solve(found: Design, use: np.ndarray, start: np.ndarray | None = None, iterations: int = 10) -> np.ndarray:
    """Effects fitted to the observations in ``use`` (a mask)."""
    rows = np.flatnonzero(use)
    theta = np.zeros(len(found.names)) if start is None else start.copy()
    group = np.unique(found.context[rows], return_inverse=True)[1]
    used = _used(found, rows)
    theta[np.setdiff1d(np.arange(len(theta)), used)] = 0.0
    best = _loss(found, theta, rows, group)
    for _ in range(iterations):
        step = _step(found, theta, rows, group, used) - theta
        size = 1.0
        while size > 0.05:
            tried = _bounded(found, theta + size * step)
            loss = _loss(found, tried, rows, group)
            if loss < best:
                break
            size /= 2
        else:
            break
        done = best - loss < 1e-4 * best
        theta, best = tried, loss
        if done:
            break
    return theta


def _used(found: Design, rows: np.ndarray) -> np.ndarray:
    seen = np.zeros(len(found.names) + 1, dtype=bool)
    for part, which, value in found.index:
        live = rows[(found.parts[rows, part] > 0) & (value[rows] != 0)]
        seen[which[live]] = True
    return np.flatnonzero(seen[:-1])


def _bounded(found: Design, theta: np.ndarray) -> np.ndarray:
    for name, (low, high) in BOUNDS.items():
        if name in found.names:
            at = found.names.index(name)
            theta[at] = np.clip(theta[at], low, high)
    return theta


def _residuals(found: Design, theta: np.ndarray, rows: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(residual, robust weight) after each context's own intercept."""
    modelled, _ = found.log_seconds(theta)
    residual = (found.logs - modelled)[rows]
    weight = found.weight[rows]
    total = np.bincount(group, weight)
    mean = np.bincount(group, weight * residual) / total
    ratio = total * (SD_CONTEXT / SD_NOISE) ** 2
    inner = residual - (mean * ratio / (1 + ratio))[group]
    return residual, weight * np.minimum(1.0, HUBER / np.maximum(np.abs(inner), 1e-9))


def _loss(found: Design, theta: np.ndarray, rows: np.ndarray, group: np.ndarray) -> float:
    modelled, _ = found.log_seconds(theta)
    residual, weight = (found.logs - modelled)[rows], found.weight[rows]
    total = np.bincount(group, weight)
    mean = np.bincount(group, weight * residual) / total
    ratio = total * (SD_CONTEXT / SD_NOISE) ** 2
    own = mean * ratio / (1 + ratio)
    inner = np.abs(residual - own[group])
    huber = np.where(inner < HUBER, inner**2 / 2, HUBER * (inner - HUBER / 2))
    return float(
        (weight * huber).sum() / SD_NOISE**2 + (own**2).sum() / 2 / SD_CONTEXT**2 + ((theta / found.sd) ** 2).sum() / 2
    )


def _step(found: Design, theta: np.ndarray, rows: np.ndarray, group: np.ndarray, used: np.ndarray) -> np.ndarray:
    _, shares = found.log_seconds(theta)
    residual, weight = _residuals(found, theta, rows, group)
    column = np.full(len(found.names) + 1, len(used))
    column[used] = np.arange(len(used))
    jacobian = np.zeros((len(rows), len(used) + 1))
    line = np.arange(len(rows))
    for part, which, value in found.index:
        jacobian[line, column[which[rows]]] -= shares[rows, part] * value[rows]
    jacobian = jacobian[:, :-1]
    target = residual + jacobian @ theta[used]
    total = np.bincount(group, weight)
    pull = (1 - 1 / np.sqrt(1 + total * (SD_CONTEXT / SD_NOISE) ** 2)) / total
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) > 0])
    means = np.add.reduceat((weight[:, None] * jacobian)[order], starts, axis=0) * pull[:, None]
    root = np.sqrt(weight) / SD_NOISE
    jacobian = (jacobian - means[group]) * root[:, None]
    target = (target - (np.bincount(group, weight * target) * pull)[group]) * root
    fitted = np.linalg.solve(jacobian.T @ jacobian + np.diag(found.sd[used] ** -2.0), jacobian.T @ target)
    new = np.zeros(len(found.names))
    new[used] = fitted
    return new


def sample(rows: pd.DataFrame) -> pd.DataFrame:
    """At most ``ROWS_PER_CELL`` rows a data set and machine family, chosen by context so that machines share them.

    Of text generation on CPUs, runs with one thread a core are taken, and two lengths: the rest repeats them.
    """
    llm = (rows.dataset == "sc_llm") & (rows.device == "cpu")
    rows = rows[~(llm & ((rows.threads != rows.cores) | ~rows.context.str.contains(r"\|b(?:128|512)\|")))]
    order = np.array([zlib.crc32(f"{SEED}|{context}".encode()) for context in rows.context])
    ranked = rows.assign(order=order).sort_values(["dataset", "hw", "order"], kind="stable")
    keep = ranked.groupby(["dataset", "hw", "tuned"]).cumcount() < ROWS_PER_CELL
    return ranked[keep].drop(columns="order").sort_index().reset_index(drop=True)


def digest(rows: pd.DataFrame) -> str:
    """Hash of the observations, the seed and the method: what the coefficients carry."""
    keys = ["context", "hw", "threads", "cores"]
    text = rows[[*keys, "seconds"]].sort_values([*keys, "seconds"]).to_csv(index=False, float_format="%.6g")
    method = (SEED, SD_CONTEXT, SD_NOISE, HUBER, PER_CELL, ROWS_PER_CELL, SD, sorted(BOUNDS.items()), CPU_PARTS, GPU_PARTS)
    return hashlib.sha256(f"{text}{method}".encode()).hexdigest()


def export(names: list[str], theta: np.ndarray, groups: dict[str, str]) -> dict[str, float]:
    """Effects as they are shipped: a design's is part of its families', other runtimes' and nuisances left out."""
    fitted = dict(zip(names, theta.tolist(), strict=True))
    shipped: dict[str, float] = {}
    for name, value in fitted.items():
        runtime = re.search(r"/runtime:(\w+)", name)
        if "/own:" in name or "/group:" in name or (runtime and runtime[1] not in ("onnxruntime", "tensorrt")):
            continue
        shipped[name] = value
    for hw, group in groups.items():
        for name, value in fitted.items():
            if name.endswith(f"/group:{group}"):
                own = name.replace(f"/group:{group}", f"/family:{hw}")
                shipped[own] = fitted.get(own, 0.0) + value
    return {name: round(value, 4) for name, value in sorted(shipped.items()) if abs(value) >= 5e-4}
