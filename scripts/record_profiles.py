"""Record the profiles under ``profiles/``: real models, measured on this machine.

Run it on a quiet machine; it refuses a busy one unless told otherwise::

    python scripts/record_profiles.py --budget 60
    python scripts/record_profiles.py --budget 10 silero-vad magika
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from infercost.app import profile, save
from infercost.runtime.neighbours import busy_cpus, neighbour_warning

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "models"))
zoo = importlib.import_module("model_zoo")

DEFAULT = (
    "pp-ocr-det",
    "resnet50",
    "minilm-l6",
    "minilm-l6-int8",
    "silero-vad",
    "magika",
    "random-forest-digits",
    "lightgbm-cancer",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=DEFAULT, metavar="MODEL", help=f"of {', '.join(zoo.ZOO)}")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds a model")
    parser.add_argument("--out", type=Path, default=ROOT / "profiles")
    parser.add_argument("--busy", action="store_true", help="record although the machine is busy")
    arguments = parser.parse_args()
    if (warning := neighbour_warning(busy_cpus(2.0))) is not None and not arguments.busy:
        print(f"{warning}; or give --busy", file=sys.stderr)
        return 1
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.models:
        try:
            path = zoo.get_model(name)
        except (zoo.FetchError, KeyError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        made = profile(path, budget_s=arguments.budget, use_cache=False)
        save(made, arguments.out / f"{name}.json")
        for point in made.points:
            figures = f"{point.latency_ms.typical:10.3f} ms, {point.latency_ms.count} runs"
            print(f"{name:22} batch {point.batch:3} × {point.threads} threads {figures}")
        for note in made.warnings:
            print(f"{name:22} {note}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
