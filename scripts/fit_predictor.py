"""Fit the predictor to published measurements, and write the coefficients that ship.

    python scripts/fit_predictor.py SOURCE_DIR [--check]

SOURCE_DIR holds tables of measurements (see ``scripts/predictor/truth.py`` for their columns). What is
written holds fitted figures alone and no row of them:

- ``src/infercost/data/prediction/coefficients.json``: effects of ONNX Runtime and of hardware, anchors and
  conformal intervals, with the hash of the fit;
- ``scripts/predictor/effects.json``: the same effects with those of every runtime in the tables, with which
  rows are scored that the fit has not seen;
- ``scripts/predictor/seen.bin``: 32-bit hashes of the questions that the fit has seen.

The same tables give the same bytes: there is no randomness, and sampling is by hash with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from predictor import fit, questions
from predictor.truth import TABLE, BadTruthError, group_of, read_truth

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "src/infercost/data/prediction/coefficients.json"
FULL, SEEN = Path(__file__).parent / "predictor/effects.json", Path(__file__).parent / "predictor/seen.bin"
MIN_EVIDENCE = 20
"""Observations from which on a family counts as known."""
METHOD = "ridge over levels, Gauss-Newton; conformal intervals of designs held out"


def fitted(rows: pd.DataFrame) -> tuple[dict[str, float], dict[str, float], dict[str, int]]:
    """(effects that ship, all effects, observations by family) of one fit to all rows."""
    shipped: dict[str, float] = {}
    full: dict[str, float] = {}
    evidence: dict[str, int] = {}
    for device in ("cpu", "gpu"):
        own = rows[rows.device == device].reset_index(drop=True)
        if own.empty:
            continue
        design = fit.design(own, device)
        theta = fit.solve(design, np.ones(len(own), dtype=bool), iterations=20)
        known = own[~own.tuned.astype(bool)].hw.value_counts()
        evidence |= {hw: int(n) for hw, n in known.sort_index().items() if n >= MIN_EVIDENCE}
        table = TABLE.families if device == "cpu" else TABLE.accelerators
        shipped |= fit.export(design.names, theta, {hw: group_of(hw) for hw in table})
        full |= {name: round(float(v), 4) for name, v in zip(design.names, theta, strict=True) if abs(v) >= 5e-4}
    return dict(sorted(shipped.items())), dict(sorted(full.items())), evidence


def judged(rows: pd.DataFrame) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """(anchors, intervals) from questions whose hardware or models were held out."""
    asked = questions.ask_all(rows, say=lambda line: print(line, flush=True))
    asked = asked[asked.way != "both"]
    anchors = {
        str(stratum): round(float(np.average(part.trust, weights=part.weight)), 3)
        for stratum, part in asked.groupby("stratum")
        if stratum not in ("same family", "threads not measured")
    }
    found = questions.intervals(asked[asked.stratum != "threads not measured"])
    return anchors, {
        n: {"half_width": round(w, 4), "hardware": designs, "n": count} for n, (w, designs, count) in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source_dir", type=Path)
    parser.add_argument("--check", action="store_true", help="fail when the shipped coefficients are not those of this fit")
    options = parser.parse_args()
    started = time.process_time()
    try:
        truth = read_truth(options.source_dir)
    except BadTruthError as error:
        raise SystemExit(str(error)) from None
    rows = fit.sample(truth.rows)
    mark = fit.digest(rows)
    if options.check:
        found = json.loads(SHIPPED.read_text(encoding="utf-8"))["fit"]
        raise SystemExit(0 if found == mark else f"the shipped fit is {found[:12]}, this would be {mark[:12]}")
    shipped, full, evidence = fitted(rows)
    anchors, intervals = judged(rows)
    document = {
        "schema_version": 1,
        "kind": "coefficients",
        "fit": mark,
        "source": f"{METHOD}; {len(rows)} observations, {rows.group.nunique()} designs, "
        f"{rows.series.nunique()} series of models",
        "anchors": anchors,
        "intervals": intervals,
        "evidence": evidence,
        "effects": shipped,
    }
    SHIPPED.parent.mkdir(parents=True, exist_ok=True)
    SHIPPED.write_text(json.dumps(document, indent=0) + "\n", encoding="utf-8")
    FULL.write_text(json.dumps({"fit": mark, "effects": full}, indent=0) + "\n", encoding="utf-8")
    SEEN.write_bytes(np.unique(questions.marks(truth.rows)).astype("<u4").tobytes())
    size = SHIPPED.stat().st_size / 1e3
    print(
        f"{SHIPPED.name}: fit {mark[:12]}, {len(shipped)} effects, {size:.0f} kB, "
        f"{time.process_time() - started:.0f} s of CPU time"
    )


if __name__ == "__main__":
    main()
