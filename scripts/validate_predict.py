"""Judge the predictor on published measurements that its fit has not seen; print the figures and write docs/accuracy.md.

    python scripts/validate_predict.py --truth DIR [--docs FILE]

DIR is any folder of CSV files (``.csv``, ``.csv.gz``) whose rows have at least the columns ``model``, ``metric``,
``value`` and ``system``; ``accelerator``, ``precision``, ``batch``, ``unit``, ``software``, ``threads``, ``n_accel``,
``cpu``, ``hw_family``, ``cpu_cores_total``, ``seq_len``, ``scenario``, ``source`` and ``extra`` are used where they are there.

Two judgements are made:

- **cross-validation** over DIR: fits that have not seen the model's series, the machine's design, or both;
- **held out**: where DIR holds questions that are not in the shipped fit, the shipped fit's answers to them.

docs/accuracy.md is written when DIR is what the shipped coefficients were fitted to; for another folder, name a
file with --docs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from infercost.app.pricebook import open_book
from infercost.registry import all_providers
from predictor import fit, local, questions, report
from predictor.truth import TABLE, BadTruthError, Truth, read_truth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infercost.domain.hardware import Hardware

ROOT = Path(__file__).parents[1]
FULL, SEEN = Path(__file__).parent / "predictor/effects.json", Path(__file__).parent / "predictor/seen.bin"
SHIPPED = ROOT / "src/infercost/data/prediction/coefficients.json"
NEEDED = (
    "which measurements? nox -s accuracy -- --truth DIR, where DIR holds CSV files with the columns "
    "model, metric, value and system; none are kept in this repository"
)
FEW = 20
"""Fewer held-out questions than this in a stratum are shown and said to prove nothing."""


def prices() -> dict[str, float]:
    """The least that an hour of one core of a family, or of one accelerator, costs in the price books."""
    least: dict[str, float] = {}
    for catalog in open_book(all_providers(), prices="latest").catalogs:
        for offer in catalog.offers:
            found = TABLE.instances.get((offer.provider, offer.instance_type))
            if found is None or offer.price is None or offer.unit != "hour" or offer.spot:
                continue
            key, share = _unit(found)
            if key:
                least[key] = min(least.get(key, np.inf), float(offer.price) / share)
    return least


def _unit(hardware: Hardware) -> tuple[str, float]:
    if hardware.accelerator is not None:
        return hardware.accelerator.key, float(hardware.accelerator_count)
    return ("", 1.0) if hardware.cpu is None or hardware.burstable else (hardware.cpu.key, max(hardware.cores, 0.5))


def held_out(rows: pd.DataFrame) -> pd.DataFrame | None:
    """The shipped fit's answers to questions whose target it has not seen, with the shipped intervals."""
    new = ~np.isin(questions.marks(rows), np.frombuffer(SEEN.read_bytes(), dtype="<u4"))
    if not new.any():
        return None
    document = json.loads(SHIPPED.read_text(encoding="utf-8"))
    effects = json.loads(FULL.read_text(encoding="utf-8"))["effects"]
    parts = [questions.answer_with(rows[rows.device == d].reset_index(drop=True), d, effects, document) for d in ("cpu", "gpu")]
    parts = [part for part in parts if part is not None and len(part)]
    if not parts:
        return None
    asked = pd.concat(parts, ignore_index=True)
    fresh = set(zip(rows.context[new], rows.hw[new], strict=True))
    asked = asked[[key in fresh for key in zip(asked.context, asked.hw, strict=True)]].copy()
    if asked.empty:
        return None
    asked["weight"] = questions.cell_weights(asked)
    return asked


def sections(truth: Truth, costs: Mapping[str, float]) -> dict[str, str]:
    """Markdown of every table, by name."""
    rows = truth.rows
    made: dict[str, str] = {}
    fresh = held_out(rows)
    if fresh is not None:
        made["held out"] = report.table(report.summary(fresh, ["stratum", "dataset"], costs), ["stratum", "data"])
        made["held out, all"] = report.table(report.summary(ordered(fresh), ["stratum"], costs), ["stratum"])
    if len(rows) < 2 * FEW or rows.group.nunique() < 3:
        made["too few"] = f"{len(rows)} observations of {rows.group.nunique()} designs are too few to cross-validate."
        return made
    sampled = fit.sample(rows)
    asked = questions.covered(questions.ask_all(sampled, say=lambda line: print(line, file=sys.stderr, flush=True)))
    asked = ordered(asked).assign(held=asked.way.map(report.HELD))
    made["strata"] = report.table(report.summary(asked, ["stratum", "held"], costs), ["stratum", "held out"])
    made["sizes"] = report.table(
        report.summary(asked[asked.way != "both"], ["stratum", "held", "size"], costs), ["stratum", "held out", "size"]
    )
    made["data"] = report.table(
        report.summary(asked[asked.way != "both"], ["stratum", "held", "dataset"], costs), ["stratum", "held out", "data"]
    )
    compared = {"this predictor": asked[asked.source_measured.notna()], **report.baselines(asked, sampled)}
    lines = ["| stratum | held out | " + " | ".join(compared) + " |", "|---|---|" + "---:|" * len(compared)]
    keys = asked[asked.source_measured.notna() & (asked.way != "both")].groupby(["stratum", "held"], sort=False).size().index
    for stratum, held in keys:
        cells = []
        for frame in compared.values():
            part = frame[(frame.stratum == stratum) & (frame.held == held)]
            relative, weight = np.abs(np.expm1(part.error.to_numpy())), part.weight.to_numpy()
            cells.append(f"{questions.quantile(relative, weight, 0.5):.0%} / {np.average(relative, weights=weight):.0%}")
        lines.append(f"| {stratum} | {held} | " + " | ".join(cells) + " |")
    made["baselines"] = "\n".join(lines)
    made["bars"] = bars(asked)
    across = asked[(asked.way == "family") & asked.kind.isin(["across", "graph"])]
    by_design = report.summary(across.assign(design=across.group), ["device", "design"], costs)
    made["designs"] = report.table(by_design.sort_values(["device", "median"]), ["device", "design held out"])
    return made


def ordered(asked: pd.DataFrame) -> pd.DataFrame:
    """Strata in the order of the report."""
    rank = {name: i for i, name in enumerate(report.STRATA)}
    ways = {"model": 0, "family": 1, "both": 2, "shipped": 0}
    return asked.iloc[np.lexsort([asked.way.map(ways), asked.stratum.map(rank)])]


def bars(asked: pd.DataFrame) -> str:
    """What was aimed at, and what was reached."""
    lines = ["| what | bar: mean error | reached: mean (median) | met |", "|---|---:|---:|---|"]
    for (stratum, way), bar in report.BARS.items():
        part = asked[(asked.stratum == stratum) & (asked.way == way)]
        if part.empty:
            lines.append(f"| {stratum} | {bar:.0%} | no question | no |")
            continue
        relative, weight = np.abs(np.expm1(part.error.to_numpy())), part.weight.to_numpy()
        mean, median = float(np.average(relative, weights=weight)), questions.quantile(relative, weight, 0.5)
        lines.append(f"| {stratum} | {bar:.0%} | {mean:.0%} ({median:.0%}) | {'yes' if mean <= bar else 'no'} |")
    judged = asked[(asked.way != "both") & asked.half_width.notna()]
    shares = {
        (stratum, held): float(np.average(part.inside, weights=part.weight))
        for (stratum, held), part in judged.groupby(["stratum", "held"], sort=False)
    }
    covered = [f"{stratum}, {held}: {share:.0%}" for (stratum, held), share in shares.items() if not 0.87 <= share <= 0.95]
    lines.append(
        f"| 90 % intervals, every stratum | 87 to 95 % | {'; '.join(covered) or 'all inside'} | {'no' if covered else 'yes'} |"
    )
    found = local.held_out(ROOT / "profiles")
    error = np.abs(np.expm1([e for *_, e in found]))
    if len(error):
        median = float(np.median(error))
        what = f"batch and threads not measured, same machine ({len(error)} points): median"
        lines.append(f"| {what} | 5% | {error.mean():.0%} ({median:.1%}) | {'yes' if median <= 0.05 else 'no'} |")
    return "\n".join(lines)


def document(truth: Truth, made: dict[str, str]) -> str:
    """docs/accuracy.md: the words around the figures are in scripts/predictor/accuracy.md."""
    text = (Path(__file__).parent / "predictor/accuracy.md").read_text(encoding="utf-8")
    skipped = "\n".join(f"| {reason} | {count} |" for reason, count in truth.skipped.most_common(14))
    fitted = json.loads(SHIPPED.read_text(encoding="utf-8"))
    values = made | {"skipped": skipped, "fit": fitted["fit"][:12], "source": fitted["source"]}
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, help="folder of measurements")
    parser.add_argument("--docs", type=Path, help="file to write; docs/accuracy.md for the folder that the fit is of")
    options = parser.parse_args()
    if options.truth is None:
        raise SystemExit(NEEDED)
    try:
        truth = read_truth(options.truth)
    except BadTruthError as error:
        raise SystemExit(str(error)) from None
    print(
        f"{len(truth.rows)} observations from {len(truth.files)} files; not used: {sum(truth.skipped.values())} rows",
        file=sys.stderr,
    )
    for reason, count in truth.skipped.most_common():
        print(f"  {count:>7} {reason}", file=sys.stderr)
    made = sections(truth, prices())
    for name, text in made.items():
        print(f"\n## {name}\n\n{text}")
    own = "strata" in made and fit.digest(fit.sample(truth.rows)) == json.loads(SHIPPED.read_text(encoding="utf-8"))["fit"]
    target = options.docs or (ROOT / "docs/accuracy.md" if own else None)
    if target is None:
        print("\nThe shipped coefficients are of another folder: docs/accuracy.md is left as it is.", file=sys.stderr)
    else:
        body = document(truth, made) if own else "\n".join(f"## {n}\n\n{t}\n" for n, t in made.items())
        target.write_text(body, encoding="utf-8")
        print(f"\nwrote {target}", file=sys.stderr)


if __name__ == "__main__":
    main()
