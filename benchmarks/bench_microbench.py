"""How long ``infercost doctor``'s microbenchmarks take, and how well they repeat.

Bars: at most 15 s; of the figures that predictions rest on most (products and convolution on one thread, dispatch),
two runs in a row differ by at most 5 %. The figures that caches and neighbours share (memory, all threads) are
printed and have no bar. Exits 1 above a bar.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from infercost.runtime.microbench import microbenchmark

BAR_S = 15.0
BAR_SPREAD = 0.05
STRICT = ("gemm_fp32", "gemm_int8", "conv_fp32", "conv_int8", "dispatch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = [microbenchmark() for _ in range(parser.parse_args().runs)]
    failed = False
    print(f"{'figure':22} {'threads':>7} {'median':>10} {'unit':8} {'most apart':>10}")
    for figures in zip(*(run.figures for run in runs), strict=True):
        first, values = figures[0], [figure.value for figure in figures]
        apart = max(values) / min(values) - 1
        strict = first.name in STRICT and first.threads == 1
        failed |= strict and apart > BAR_SPREAD
        bar = f"(bar {BAR_SPREAD:.0%})" if strict else ""
        print(f"{first.name:22} {first.threads:7} {statistics.median(values):10.4g} {first.unit:8} {apart:10.1%} {bar}")
    longest = max(run.seconds for run in runs)
    disturbed = statistics.mean(figure.disturbed for run in runs for figure in run.figures)
    print(f"longest {longest:.1f} s (bar {BAR_S:g}); {disturbed:.0%} of the blocks were disturbed")
    sys.exit(1 if failed or longest > BAR_S else 0)


if __name__ == "__main__":
    main()
