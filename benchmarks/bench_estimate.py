"""``infercost estimate`` from a saved profile over every offer of every region, process start included.

The bar: the median is below 2 s on two cores, for each format. Exits 1 above it. Where CPU seconds
are far below wall seconds, the machine was busy with something else.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infercost import demo_model

BAR_S = 2.0
COMMAND = [sys.executable, "-m", "infercost"]
QUESTION = ["--rps", "50", "--slo", "p99=100ms", "--region", "all"]


def cpu_seconds() -> float:
    """CPU time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def demo_profile(folder: Path) -> Path:
    """Measure the shipped model, quickly: the figure does not depend on which model it is."""
    profile = folder / "profile.json"
    command = [*COMMAND, "profile", str(demo_model()), "--budget", "3", "--out", str(profile), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return profile


def main() -> None:
    parser = argparse.ArgumentParser(description="Wall time of infercost estimate over all regions.")
    parser.add_argument("profile", type=Path, nargs="?", help="a saved profile; without it, the shipped model is measured")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        profile = options.profile or demo_profile(Path(folder))
        for fmt in ("table", "json"):
            command = [
                *COMMAND,
                "estimate",
                str(profile),
                "--rps",
                "50",
                "--slo",
                "p99=100ms",
                "--region",
                "all",
                "--format",
                fmt,
            ]
            times, cpu = [], []
            size = 0
            for _ in range(options.runs + 1):
                start, before = time.perf_counter(), cpu_seconds()
                done = subprocess.run(command, check=True, capture_output=True)
                times.append(time.perf_counter() - start)
                cpu.append(cpu_seconds() - before)
                size = len(done.stdout)
            median = statistics.median(times[1:])  # the first one fills the file cache
            slow |= median >= BAR_S
            spread = f"min {min(times):.2f} s   max {max(times):.2f} s   CPU {statistics.median(cpu):.2f} s"
            print(f"{fmt:5} median {median:.2f} s   {spread}   {size / 1e6:.2f} MB")
    print(f"bar {BAR_S:g} s")
    sys.exit(slow)


if __name__ == "__main__":
    main()
