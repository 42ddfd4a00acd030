"""Questions that the predictor can be asked of published measurements, and its answers without having seen them.

*Given a latency on machine A, what is it on machine B?* (both CPUs, or both GPUs), and *what is it on GPU B,
by the graph?* Each is answered by a fit that has not seen

- the **model**: its whole series (sizes, resolutions and accuracies of one architecture),
- the **family**: every machine of B's core design or chip, or
- **both**.

What separates A from B names the stratum, as the engine has it (``infercost.domain.coefficients``).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from infercost.engine.predict import MIN_HARDWARE, interval_names, size_of
from infercost.engine.predict_cpu import EFFICIENCY_CORES
from predictor import fit

if TYPE_CHECKING:
    from collections.abc import Callable

    from predictor.fit import Design

FOLDS = 5
PER_PAIR = 25
"""Questions of one data set for one ordered pair of designs."""
SAME_THREADS = 0.6
"""Thread counts may differ by a factor of 1.5: what threads gain is measured locally, not asked here."""
FULL_WEIGHT = 100
MICROBENCHMARKS = ("geekbench",)
"""Runtimes whose rows say how machines compare and not how a user's model runs: with the family, they are never held out
as models, and are asked about where the family is."""


def ask_all(rows: pd.DataFrame, say: Callable[[str], None] = lambda _: None) -> pd.DataFrame:
    """Every question, answered by cross-validation over these rows alone."""
    found = []
    for device in ("cpu", "gpu"):
        own = rows[rows.device == device].reset_index(drop=True)
        if len(own) < 2:
            continue
        say(f"{device}: {len(own)} observations, {own.group.nunique()} designs, {own.series.nunique()} series of models")
        design = fit.design(own, device)
        pairs = pair_up(own, device)
        found.append(_answered(own, design, pairs, device, say))
    frame = pd.concat([f for f in found if len(f)], ignore_index=True)
    return with_anchors(frame)


def pair_up(rows: pd.DataFrame, device: str) -> pd.DataFrame:
    """(source, target, stratum) questions; a source of -1 asks of the graph alone."""
    group, hw, system = rows.group.to_numpy(), rows.hw.to_numpy(), rows.system.to_numpy()
    threads = np.log2(rows.threads.to_numpy(float))
    made = []
    for index in rows.groupby("context").indices.values():
        a, b = (grid.ravel() for grid in np.meshgrid(index, index, indexing="ij"))
        alike = np.abs(threads[a] - threads[b]) < SAME_THREADS
        across = group[a] != group[b]
        within = (hw[a] == hw[b]) & (system[a] != system[b]) & (a != b) if device == "cpu" else np.zeros(len(a), bool)
        for mask, kind in ((across & alike, "across"), (within & alike, "within"), (across & ~alike, "threads")):
            made += [(i, j, kind) for i, j in zip(a[mask], b[mask], strict=True)]
    if device == "gpu":
        made += [(-1, j, "graph") for j in np.flatnonzero(~rows.tuned.astype(bool))]
    frame = pd.DataFrame(made, columns=["a", "b", "kind"])
    cell = rows.dataset.to_numpy()[frame.b] + "|" + np.where(frame.a < 0, "", group[frame.a]) + ">" + group[frame.b]
    context = rows.context.to_numpy()[frame.b]
    order = [zlib.crc32(f"{fit.SEED}|{c}|{system[i] if i >= 0 else ''}|{system[j]}".encode())
             for c, i, j in zip(context, frame.a, frame.b, strict=True)]  # fmt: skip
    frame = frame.assign(cell=cell + "|" + frame.kind, order=order).sort_values(["cell", "order", "a", "b"], kind="stable")
    return frame[frame.groupby("cell").cumcount() < PER_PAIR * np.where(frame.kind == "graph", 4, 1)].reset_index(drop=True)


def answer_with(
    rows: pd.DataFrame, device: str, effects: dict[str, float], shipped: dict[str, dict[str, object]]
) -> pd.DataFrame | None:
    """Every question, answered by a given fit with its anchors and intervals."""
    if len(rows) == 0:
        return None
    design = fit.design(rows, device)
    pairs = pair_up(rows, device)
    if pairs.empty:
        return None
    theta = np.array([effects.get(name, 0.0) for name in design.names])
    found, _ = design.log_seconds(without_own(design, theta))
    first, second = np.maximum(pairs.a.to_numpy(), 0), pairs.b.to_numpy()
    frame = _framed(rows, pairs, device, "shipped", np.stack([found[first], found[second]], axis=1))
    known = [
        hw in shipped["evidence"] and (not source or source in shipped["evidence"])
        for hw, source in zip(frame.hw, frame.source_hw, strict=True)
    ]
    old = frame.stratum.str.replace(" new ", " known ")
    frame["stratum"] = np.where(known, old, frame.stratum)
    trust = [
        0.0 if kind == "graph" else 1.0 if stratum == "same family" else float(str(shipped["anchors"].get(stratum, 1.0)))
        for kind, stratum in zip(frame.kind, frame.stratum, strict=True)
    ]
    predicted = frame.modelled + np.array(trust) * frame.source_missed
    frame = frame.assign(trust=trust, predicted=predicted, error=predicted - frame.measured)
    frame["size"] = _sizes(frame)
    widths = []
    for stratum, size in zip(frame.stratum, frame["size"], strict=True):
        one = next((shipped["intervals"][n] for n in interval_names(stratum, size) if n in shipped["intervals"]), None)
        widths.append(np.nan if one is None else float(one["half_width"]))  # type: ignore[index]
    frame["half_width"] = widths
    frame["inside"] = frame.error.abs() <= frame.half_width
    frame["weight"] = cell_weights(frame)
    return frame


def _sizes(frame: pd.DataFrame) -> list[str]:
    return [
        "int8" if precision == "int8" and device == "cpu" else size_of(float(np.exp(value)))
        for precision, device, value in zip(frame.precision, frame.device, frame.predicted, strict=True)
    ]


def _answered(rows: pd.DataFrame, design: Design, pairs: pd.DataFrame, device: str, say: Callable[[str], None]) -> pd.DataFrame:
    group = rows.group.to_numpy()
    fold = np.array(
        [-1 if r in MICROBENCHMARKS else zlib.crc32(s.encode()) % FOLDS for s, r in zip(rows.series, rows.runtime, strict=True)]
    )
    start = fit.solve(design, np.ones(len(rows), dtype=bool))
    modelled = {way: np.full((len(pairs), 2), np.nan) for way in ("model", "family", "both")}
    first, second = np.maximum(pairs.a.to_numpy(), 0), pairs.b.to_numpy()

    def put(way: str, mask: np.ndarray, use: np.ndarray) -> None:
        if not mask.any() or not use.any():
            return
        found, _ = design.log_seconds(without_own(design, fit.solve(design, use, start, 4)))
        modelled[way][mask, 0], modelled[way][mask, 1] = found[first[mask]], found[second[mask]]

    for number in range(FOLDS):
        put("model", fold[second] == number, fold != number)
    say(f"{device}: models held out")
    for name in np.unique(group[second]):
        put("family", group[second] == name, group != name)
        for number in range(FOLDS):
            put("both", (group[second] == name) & (fold[second] == number), (group != name) & (fold != number))
    say(f"{device}: families held out")
    return pd.concat([_framed(rows, pairs, device, way, values) for way, values in modelled.items()], ignore_index=True).dropna(
        subset=["modelled"]
    )


def without_own(design: Design, theta: np.ndarray) -> np.ndarray:
    """Effects that are not shipped set to 0: a question is answered as the engine answers it."""
    own = np.array(["/own:" in name for name in design.names])
    return np.where(own, 0.0, theta)


def _framed(rows: pd.DataFrame, pairs: pd.DataFrame, device: str, way: str, modelled: np.ndarray) -> pd.DataFrame:
    a, b = pairs.a.to_numpy(), pairs.b.to_numpy()
    log = np.log(rows.seconds.to_numpy())
    graph = a < 0
    source = np.where(graph, 0, a)
    frame = pd.DataFrame(
        {
            "way": way,
            "stratum": [
                stratum_of(kind, device, way, (rows.hw.iat[j], rows.hw.iat[max(i, 0)]))
                for kind, i, j in zip(pairs.kind, a, b, strict=True)
            ],
            "kind": pairs.kind.to_numpy(),
            "device": device,
            "dataset": rows.dataset.to_numpy()[b],
            "group": rows.group.to_numpy()[b],
            "hw": rows.hw.to_numpy()[b],
            "source_group": np.where(graph, "", rows.group.to_numpy()[source]),
            "source_hw": np.where(graph, "", rows.hw.to_numpy()[source]),
            "source_system": np.where(graph, "", rows.system.to_numpy()[source]),
            "system": rows.system.to_numpy()[b],
            "context": rows.context.to_numpy()[b],
            "model": rows.model.to_numpy()[b],
            "series": rows.series.to_numpy()[b],
            "precision": rows.precision.to_numpy()[b],
            "tuned": rows.tuned.to_numpy(bool)[b],
            "measured": log[b],
            "source_missed": np.where(graph, 0.0, log[source] - modelled[:, 0]),
            "modelled": modelled[:, 1],
            "source_measured": np.where(graph, np.nan, log[source]),
        }
    )
    # Between machines of one family, family effects cancel: the questions are asked once.
    micro = rows.runtime.isin(MICROBENCHMARKS).to_numpy()[b]
    once = np.where(micro, way in ("family", "shipped"), way in ("model", "shipped"))
    return frame[(pairs.kind != "within").to_numpy() | once]


def stratum_of(kind: str, device: str, way: str, machines: tuple[str, str]) -> str:
    """The engine's name of what a question's evidence is."""
    if device == "cpu" and any(key.startswith(EFFICIENCY_CORES) for key in machines):
        return "CPU with efficiency cores"
    if kind == "within":
        return "same family"
    if kind == "threads":
        return "threads not measured"
    to = "known" if way == "model" else "new"
    return {"cpu": f"CPU to {to} CPU", "gpu": f"GPU to {to} GPU"}[device] if kind == "across" else f"graph to {to} GPU"


def with_anchors(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors after the anchor, whose trust is learnt from the other designs' questions of the stratum."""
    frame = with_cpu_residuals(frame)
    missed = frame.measured - frame.modelled
    weight = cell_weights(frame)
    trust = pd.Series(1.0, index=frame.index)
    for (stratum, _), part in frame.groupby(["stratum", "way"]):
        x, y, w = frame.source_missed[part.index], missed[part.index], weight[part.index]
        if stratum in ("same family", "threads not measured"):
            continue
        x, y = x.clip(-1.4, 1.4), y.clip(-1.4, 1.4)
        for group in part.group.unique():
            rest = without(part, group).index
            up, down = (w[rest] * x[rest] * y[rest]).sum(), (w[rest] * x[rest] ** 2).sum()
            unknown = 0.0 if stratum.startswith("graph") else 1.0
            trust[part.index[part.group == group]] = float(np.clip(up / down, 0.0, 1.0)) if down > 0 else unknown
    anchored = frame.modelled + trust * frame.source_missed
    frame = frame.assign(trust=trust, predicted=anchored, error=anchored - frame.measured, weight=weight)
    frame["size"] = _sizes(frame)
    return frame


def without(part: pd.DataFrame, group: str) -> pd.DataFrame:
    """Questions that a design has no part in, neither as what is asked about nor as where the measurement is from."""
    return part[(part.group != group) & (part.source_group != group)]


def with_cpu_residuals(frame: pd.DataFrame) -> pd.DataFrame:
    """A graph question knows what the same model missed on a CPU of the same data set, where one was measured."""
    cpu = frame[(frame.device == "cpu")].drop_duplicates(["dataset", "model", "way"])
    known = {(r.dataset, r.model, r.way): r.source_missed for r in cpu.itertuples()}
    graph = frame.kind == "graph"
    looked = [known.get((r.dataset, r.model, r.way), 0.0) for r in frame[graph].itertuples()]
    out = frame.copy()
    out.loc[graph, "source_missed"] = looked
    out.loc[graph, "anchored_by_cpu"] = np.array(looked) != 0.0
    return out


def marks(rows: pd.DataFrame) -> np.ndarray:
    """What a question about a machine is known by, whatever the file is called that holds it."""
    return np.array(
        [zlib.crc32(f"{c.split('|', 1)[1]}|{hw}".encode()) for c, hw in zip(rows.context, rows.hw, strict=True)],
        dtype=np.uint32,
    )


def cell_weights(frame: pd.DataFrame) -> pd.Series:
    """Every data set of ``FULL_WEIGHT`` questions or more weighs the same in a stratum, and in it every design."""
    size = frame.groupby(["stratum", "way", "dataset", "group"]).measured.transform("size")
    by = frame.groupby(["stratum", "way", "dataset"])
    return np.minimum(1.0, by.measured.transform("size") / FULL_WEIGHT) / size / by.group.transform("nunique")


def quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(len(values) - 1, np.searchsorted(cumulative, q))])


def half_width(part: pd.DataFrame) -> float:
    """Conformal quantile of absolute log errors, every design's questions weighing the same in their data set."""
    designs = part.group.nunique()
    return quantile(part.error.abs().to_numpy(), part.weight.to_numpy(), min(1.0, LEVEL * (1 + SLACK / max(designs, 1))))


LEVEL = 0.9
SLACK = 0.25
"""Of the finite-sample correction for that many designs. In full it takes designs as single draws, which makes intervals
cover 95 % and more: what errors of one design share is a part of them. The coverage is measured, and published."""
MIN_CELL = 40
"""Fewer questions, or fewer than ``MIN_DESIGNS`` designs, and a size has no interval of its own."""
MIN_DESIGNS = 8


def classes(part: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The questions of a stratum by class, as the engine names them, where there are enough for an interval."""
    found = {str(size): sized for size, sized in part.groupby("size")} | {"not int8": part[part["size"] != "int8"]}
    return {n: f for n, f in found.items() if len(f) >= MIN_CELL and f.group.nunique() >= MIN_DESIGNS}


def intervals(frame: pd.DataFrame) -> dict[str, tuple[float, int, int]]:
    """(half-width, designs, questions) by the engine's names."""
    found = {}
    for stratum, part in frame.groupby("stratum"):
        for name, one in {str(stratum): part, **{f"{stratum}/{n}": f for n, f in classes(part).items()}}.items():
            found[name] = (half_width(one), int(one.group.nunique()), len(one))
    return found


def covered(frame: pd.DataFrame) -> pd.DataFrame:
    """Whether each question's truth lies in the interval that the other designs' errors give, and its half-width."""
    width = pd.Series(np.nan, index=frame.index)
    for (stratum, _), part in frame.groupby(["stratum", "way"]):
        for group in part.group.unique():
            mine, others = part[part.group == group], without(part, group)
            if others.group.nunique() < MIN_HARDWARE:
                continue
            known = intervals(others)
            for size in mine["size"].unique():
                name = next(n for n in interval_names(str(stratum), str(size)) if n in known)
                width[mine.index[mine["size"] == size]] = known[name][0]
    return frame.assign(half_width=width, inside=frame.error.abs() <= width)
