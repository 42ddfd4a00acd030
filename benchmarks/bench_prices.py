"""The price book: looking one price up, and loading every offer of all clouds.

Each figure is the median of fresh processes, from the first import to the answer, so interpreter start is
not in it. What Python's own modules cost that everything here imports is measured beside it and taken
off for the bars. It is CPU time: there is one thread and nothing to wait for, so on an
idle machine that is the time on the clock, and on a busy one it is nearest to it. The bars: one lookup
under 50 ms, everything under 0.5 s. Exits 1 above one of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

BARS_MS = {"lookup": 50.0, "everything": 500.0}
"""``standard library`` is what Python's own modules cost that a lookup imports; ``show`` is the whole command line."""

STANDARD_LIBRARY = "import csv, dataclasses, decimal, hashlib, importlib.util, json, re, typing"

LOOKUP = """
from infercost.store.pricebook import load_catalog
catalog = load_catalog("infercost.providers.sagemaker")
(price,) = [o.price for o in catalog.offers if (o.region, o.instance_type) == ("us-east-1", "ml.g5.xlarge")]
assert str(price) == "1.408", price
"""
EVERYTHING = """
from infercost.app.pricebook import open_book
from infercost.registry import all_providers
book = open_book(all_providers())
assert sum(len(catalog.offers) for catalog in book.catalogs) > 12000
"""
SHOW = """
import sys
sys.argv = "infercost prices show --provider sagemaker --instance ml.g5.xlarge --kind realtime --format csv".split()
from infercost.cli import main
try:
    main()
except SystemExit as done:
    assert done.code == 0
"""
TIMED = """
import time
start = time.process_time()
{code}
import sys
print(time.process_time() - start, file=sys.stderr)
"""


def milliseconds(code: str, folder: str) -> float:
    env = os.environ | {"INFERCOST_CACHE_DIR": folder}
    command = [sys.executable, "-c", TIMED.format(code=code)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env, cwd=folder)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stderr.splitlines()[-1]) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description="Lookup and full load of the price book.")
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        python = 0.0
        cases = {"standard library": STANDARD_LIBRARY, "lookup": LOOKUP, "everything": EVERYTHING, "show": SHOW}
        for name, code in cases.items():
            milliseconds(code, folder)  # byte-compile and fill the file cache
            times = sorted(milliseconds(code, folder) for _ in range(runs))
            median = statistics.median(times)
            bar = BARS_MS.get(name)
            python = median if name == "standard library" else python
            missed |= bar is not None and median - python > bar
            told = f"   bar {bar:g} ms" if bar is not None else ""
            print(f"{name:17} median {median:6.1f} ms   min {times[0]:6.1f} ms{told}   ({runs} runs)")
    sys.exit(missed)


if __name__ == "__main__":
    main()
