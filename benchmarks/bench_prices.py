"""The price book: looking one price up, and loading every offer of all clouds.

Each figure is the median of fresh processes, from the first import to the answer, so interpreter start is
not in it and everything that is imported is, Python's own modules included. It is CPU time: there is one
thread and nothing to wait for, so on an idle machine that is the time on the clock, and on a busy one it
is nearest to it. The bars: one lookup under 50 ms, every offer of all clouds under 0.5 s, be it those that
estimates rank or also those of the other modes. Exits 1 above one of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

BARS_MS = {"lookup": 50.0, "lookup, batch": 50.0, "every offer": 500.0, "every mode": 500.0}

LOOKUP = """
from infercost.store.pricebook import load_offer
offer = load_offer("infercost.providers.sagemaker", "us-east-1", "ml.g5.xlarge")
assert str(offer.price) == "1.408", offer
"""
LOOKUP_BATCH = """
from infercost.store.pricebook import load_offer
offer = load_offer("infercost.providers.vertex", "us-central1", "n2-standard-4", "batch")
assert offer.price is not None, offer
"""
EVERYTHING = """
from infercost.registry import all_providers
from infercost.store.snapshots import Source, newest
found = [newest(Source(p.name, p.catalog_package), every_mode={every_mode})[1] for p in all_providers()]
assert sum(len(catalog.offers) for catalog in found) > {least}
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
CASES = {
    "Python's modules": "import csv, dataclasses, decimal, hashlib, importlib.util, json, re, typing",
    "lookup": LOOKUP,
    "lookup, batch": LOOKUP_BATCH,
    "every offer": EVERYTHING.format(every_mode=False, least=12_000),
    "every mode": EVERYTHING.format(every_mode=True, least=24_000),
    "prices show": SHOW,
}
"""The first is what of a lookup are modules of Python itself; the last is the whole command line. Neither has a bar."""
TIMED = """
import time
start = time.process_time()
{code}
import sys
print(time.process_time() - start, file=sys.stderr)
"""


def milliseconds(code: str, folder: str) -> float:
    # Byte code as an installation has it, whatever the surroundings say of writing it.
    env = os.environ | {"INFERCOST_CACHE_DIR": folder, "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
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
        for name, code in CASES.items():
            milliseconds(code, folder)  # byte-compile and fill the file cache
            times = sorted(milliseconds(code, folder) for _ in range(runs))
            median = statistics.median(times)
            bar = BARS_MS.get(name)
            missed |= bar is not None and median > bar
            told = f"   bar {bar:g} ms" if bar is not None else ""
            print(f"{name:17} median {median:6.1f} ms   min {times[0]:6.1f} ms{told}   ({runs} runs)")
    sys.exit(missed)


if __name__ == "__main__":
    main()
