"""A search against the full grid: trials, and the throughput found. Exits 1 when a bar is missed.

The whole grid (batch × threads × workers, and two precisions where the model has them) is measured in rounds, in
another order each, and averaged, the time that threads waited for a CPU left out: that is the truth. Then the search
runs afresh, with measurements of its own, and the truth says how good the configuration is that it found.

The bars: at most 15 % of the grid's trials, at least 95 % of its best throughput. ``--record FILE`` keeps the grid's
figures; the unit tests search on recorded ones (tests/unit/runtime/surfaces).
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import infercost
from infercost.runtime.fleet import Fleet
from infercost.runtime.inspect import inspect
from infercost.runtime.machine import fingerprint_machine, usable_cpus
from infercost.runtime.placement import Placement
from infercost.runtime.protocol import Failure
from infercost.runtime.searching import BATCHES, TRIAL_SHARE, Setup, full_grid
from infercost.runtime.settings import MeasureSettings, precision_of
from infercost.runtime.subject import Subject
from infercost.runtime.trials import Variant, search, undisturbed

ROOT = Path(__file__).resolve().parents[1]
SHARE_BAR, FOUND_BAR = TRIAL_SHARE, 0.95
MODELS = {"digits": ("demo",), "magika": ("magika",), "minilm-l6": ("minilm-l6", "minilm-l6-int8")}


def paths(names: tuple[str, ...]) -> list[Path]:
    if names == ("demo",):
        return [Path(infercost.demo_model())]
    sys.path.insert(0, str(ROOT / "tests" / "models"))
    zoo = importlib.import_module("model_zoo")
    return [zoo.get_model(name) for name in names]


def truth(variants: dict[str, Variant], grid: list[Setup], rounds: int, seconds: float) -> dict[Setup, float]:
    """Items a second of every configuration, mean over the rounds."""
    rng, placement = random.Random(0), Placement(pin=True)
    sums = dict.fromkeys(grid, 0.0)
    with TemporaryDirectory() as name:
        subjects = {}
        for precision, variant in variants.items():
            folder = Path(name, precision)
            folder.mkdir()
            subjects[precision] = Subject(variant.path, variant.facts, None, MeasureSettings(), folder, "cpu")
        for _ in range(rounds):
            order = list(grid)
            rng.shuffle(order)
            for setup in order:
                subject = subjects[setup.precision]
                fleet = Fleet.start(subject, setup.batch, setup.threads, setup.workers, placement)
                if isinstance(fleet, Failure):
                    continue
                try:
                    replies = fleet.run(seconds, 1000)
                finally:
                    fleet.close()
                if not isinstance(replies, Failure):
                    sums[setup] += undisturbed(replies, setup.batch, setup.threads) / rounds
    return sums


def compare(name: str, batches: tuple[int, ...], rounds: int, seconds: float, record: Path | None) -> bool:
    described = [Variant(path, inspect(path)) for path in paths(MODELS[name])]
    variants = {precision_of(one.facts): one for one in described}
    grid = full_grid(usable_cpus(), batches, [("cpu", precision) for precision in variants])
    begin = time.perf_counter()
    known = truth(variants, grid, rounds, seconds)
    grid_s = time.perf_counter() - begin
    best = max(known, key=known.get)
    begin = time.perf_counter()
    trials = max(3, int(SHARE_BAR * len(grid)))
    settings = MeasureSettings(batches=batches, device="cpu", budget_s=trials * (2 * seconds + 3))
    found = search(variants, settings=settings)
    search_s = time.perf_counter() - begin
    chosen = found.trials[found.best]
    setup = Setup(chosen.batch, chosen.threads, chosen.workers, chosen.device, chosen.precision)
    share, quality = len(found.trials) / len(grid), known[setup] / known[best]
    ok = share <= SHARE_BAR and quality >= FOUND_BAR
    print(f"{name}: {len(grid)} configurations, best {best.name} with {known[best]:,.1f} items/s ({grid_s:.0f} s)")
    print(f"  search: {len(found.trials)} trials ({share:.1%}), {setup.name}: {quality:.1%} of the best ({search_s:.0f} s)")
    print(f"  {found.stopped}: {'ok' if ok else 'MISSED'}")
    if record is not None:
        machine = fingerprint_machine()
        rows = [[s.batch, s.threads, s.workers, s.precision, round(value, 2)] for s, value in known.items()]
        text = json.dumps({"model": name, "cpu": machine.cpu_model, "cpus": machine.logical_cpus, "rows": rows})
        record.write_text(text.replace("], [", "],\n[") + "\n")
    return not ok


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["digits", "magika"], help=f"of {', '.join(MODELS)}")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement of the grid")
    parser.add_argument("--record", type=Path, help="folder for the grid's figures")
    arguments = parser.parse_args()
    missed = False
    for name in arguments.models:
        record = arguments.record / f"{name}.json" if arguments.record else None
        missed |= compare(name, BATCHES, arguments.rounds, arguments.seconds, record)
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
