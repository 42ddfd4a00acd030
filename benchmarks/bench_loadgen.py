"""infercost's scenarios against MLPerf LoadGen's, same model, same rate, in turns. Exits 1 when a bar is missed.

LoadGen comes from the package index (``mlcommons-loadgen``, put into a temporary folder and nowhere else); where it
cannot be had, this says so and is skipped. Both run one worker of one thread on the same CPU.

The bars: the server scenario's p99 and achieved rate within 10 % of LoadGen's and the same verdict on validity, at a
rate that is kept and at one that is not; on tiny models, less overhead a call than LoadGen's Python binding adds.
The latency of LoadGen's own binding is that of its issuing thread, callback included: a check of method.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_native import tiny_models

import infercost
from infercost.domain.traffic import Slo
from infercost.runtime.inputs import generate_inputs, save_arrays
from infercost.runtime.inspect import inspect
from infercost.runtime.placement import Placement
from infercost.runtime.protocol import ModelSource, Point, Slice
from infercost.runtime.scenarios import run_load
from infercost.runtime.settings import Load, MeasureSettings
from infercost.runtime.subject import Subject
from infercost.runtime.workers import Worker

TOLERANCE = 0.10
PACKAGE = "mlcommons-loadgen"


@dataclass
class Run:
    p99_ms: float
    rate: float
    valid: bool


def get_loadgen(folder: Path) -> dict[str, str] | None:
    """The environment of a process that can import LoadGen."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--target",
        folder,
        PACKAGE,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    environment = os.environ | {"PYTHONPATH": str(folder)}
    probe = subprocess.run([sys.executable, "-c", "import mlperf_loadgen"], env=environment, capture_output=True, check=False)
    if done.returncode or probe.returncode:
        print(f"skipped: {PACKAGE} could not be had for this Python ({(done.stderr.strip().splitlines() or ['?'])[-1]})")
        return None
    return environment


def loadgen(environment, cpus, model: Path, arrays: Path, scenario: str, seconds: float, *more: float) -> dict:
    script = Path(__file__).parent / "native" / "loadgen_run.py"
    command = [sys.executable, str(script), str(model), str(arrays), scenario, str(seconds), *map(str, more)]
    run = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),
    )
    return json.loads(run.stdout.strip().splitlines()[-1])


def median_run(runs: list[Run]) -> Run:
    """The middle of each figure: one turn that a neighbour spoilt does not count."""
    return Run(
        statistics.median(r.p99_ms for r in runs),
        statistics.median(r.rate for r in runs),
        sum(r.valid for r in runs) * 2 > len(runs),
    )


def server(environment, cpus, folder: Path, load: float, limit: float, seconds: float, rounds: int) -> bool:
    """One rate: ``load`` of what the model can take, the promise ``limit`` times its own time."""
    model = Path(infercost.demo_model())
    facts = inspect(model)
    arrays = folder / "server.npz"
    save_arrays(arrays, [generate_inputs(facts, 1)[t.name] for t in facts.inputs])
    p50_ms = loadgen(environment, cpus, model, arrays, "single", 2)["p50_ns"] / 1e6
    rate, limit_ms = load / p50_ms * 1e3, limit * p50_ms
    theirs, ours = [], []
    os.sched_setaffinity(0, cpus)
    for index in range(rounds):
        for who in ("loadgen", "ours") if index % 2 else ("ours", "loadgen"):
            if who == "loadgen":
                found = loadgen(environment, cpus, model, arrays, "server", seconds, rate, limit_ms)
                theirs.append(Run(found["p99_ns"] / 1e6, found["rate"], found["valid"]))
                continue
            with TemporaryDirectory() as own:
                settings = MeasureSettings(seed=index)
                subject = Subject(model, facts, None, settings, Path(own), "cpu")
                asked = Load(scenario="server", rps=rate, threads=1, slo=Slo.parse(f"p99={limit_ms}ms"))
                run, _ = run_load(subject, asked, Placement(pin=True), budget_s=seconds / 0.9 + 1, cores=1)
            ours.append(Run(run.latency_ms.p99 or float("nan"), run.achieved_rps, run.verdict == "valid"))
    a, b = median_run(ours), median_run(theirs)
    p99, achieved = a.p99_ms / b.p99_ms - 1, a.rate / b.rate - 1
    overloaded = load >= 1
    ok = a.valid == b.valid and (overloaded or (abs(p99) <= TOLERANCE and abs(achieved) <= TOLERANCE))
    for name, run, all_ in (("infercost", a, ours), ("LoadGen", b, theirs)):
        listed = ", ".join(f"{one.p99_ms:.2f}" for one in all_)
        verdict = "valid" if run.valid else "invalid"
        print(f"  {name:10} p99 {run.p99_ms:8.3f} ms, {run.rate:8.1f} queries/s, {verdict} (p99s: {listed})")
    difference = "" if overloaded else f"; p99 {p99:+.1%}, rate {achieved:+.1%}"
    print(f"  at {rate:.0f} queries/s (load {load:.0%}), p99 at most {limit_ms:.2f} ms{difference}: {'ok' if ok else 'MISSED'}")
    return not ok


def overhead(environment, cpus, folder: Path, rounds: int) -> bool:
    """p50 of tiny models by both, in turns."""
    missed = False
    for name, model in tiny_models(folder).items():
        facts = inspect(model)
        arrays = folder / f"{name}.npz"
        save_arrays(arrays, [generate_inputs(facts, 1)[t.name] for t in facts.inputs])
        request = Point(
            model=ModelSource(str(model)),
            names=[t.name for t in facts.inputs],
            arrays=str(arrays),
            level="all",
            threads=1,
            device="cpu",
            cpus=sorted(cpus),
        )
        worker = Worker(request, folder)
        try:
            worker.hear()
            pairs = []
            for _ in range(rounds):
                theirs = loadgen(environment, cpus, model, arrays, "single", 1)["p50_ns"] / 1e3
                ours = statistics.median(worker.obey(Slice(budget_s=0.5, most_runs=4000)).latencies_ns) / 1e3
                pairs.append((ours, theirs))
        finally:
            worker.close()
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"  {name:10} infercost {ours:6.2f} µs, LoadGen {theirs:6.2f} µs: {'ok' if ours < theirs else 'MISSED'}")
        missed |= ours >= theirs
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each server run")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of runs")
    arguments = parser.parse_args()
    if sys.platform != "linux":
        print("skipped: pins processes to CPUs, which needs Linux")
        return 0
    cpus = {max(os.sched_getaffinity(0))}
    with TemporaryDirectory() as name:
        environment = get_loadgen(Path(name, "loadgen"))
        if environment is None:
            return 0
        folder = Path(name)
        print("p50 of tiny models")
        missed = overhead(environment, cpus, folder, 3)
        print("server scenario, the demo model")
        for load, limit in ((0.5, 20.0), (0.7, 2.0), (1.15, 20.0)):
            missed |= server(environment, cpus, folder, load, limit, arguments.seconds, arguments.rounds)
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
