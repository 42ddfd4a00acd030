from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import InfercostError
from infercost.runtime import microbench
from infercost.runtime.microbench import assemble, microbenchmark
from infercost.runtime.microbench_kernels import kernels
from infercost.runtime.microbench_worker import Block, Reply

RAN = kernels(2, 8 << 30)
NODE_S, CALL_S = 0.3e-6, 3e-6
FLOPS, BYTES = 90e9, 20e9


def true_seconds(kernel) -> float:
    """A machine that computes at 90 GFLOP/s a thread and moves 20 GB/s, whatever the kernel."""
    if kernel.kind == "dispatch":
        return CALL_S + kernel.nodes * NODE_S
    rate = BYTES if kernel.kind == "bandwidth" else FLOPS * kernel.threads
    return CALL_S + kernel.nodes * NODE_S + kernel.work / rate


def quiet(rounds: int = 12) -> list[list[Block]]:
    return [[Block(true_seconds(kernel), 1.0)] * rounds for kernel in RAN]


def made(blocks):
    return assemble(RAN, blocks, 2, "amd-epyc-milan")


def test_a_quiet_machines_figures_are_what_it_attains():
    figures, ceilings = made(quiet())
    assert ceilings.gemm_gflops == pytest.approx({"fp32": 90, "fp16": 90, "int8": 90}, rel=1e-3)
    assert ceilings.skinny_gemm_gflops["fp32"] == pytest.approx(90, rel=1e-3)
    assert ceilings.all_threads_gemm_gflops["int8"] == pytest.approx(180, rel=1e-3)
    assert [rate for _, rate in ceilings.bandwidth_gbps] == pytest.approx([20.0] * len(ceilings.bandwidth_gbps), rel=1e-3)
    assert ceilings.all_threads_bandwidth_gbps == pytest.approx(20, rel=1e-3)
    assert ceilings.dispatch_us == pytest.approx(0.3, rel=1e-3)
    assert (ceilings.threads, ceilings.measured_on) == (2, "amd-epyc-milan")
    assert {f.name: f.value for f in figures}["call"] == pytest.approx(3.0, rel=1e-2)
    assert all(f.spread == 0 and f.disturbed == 0 for f in figures)


@given(st.sets(st.integers(0, 11), max_size=7), st.floats(1.2, 5.0))
def test_rounds_that_a_neighbour_slowed_down_do_not_count(slowed, factor):
    blocks = [[Block(b.seconds * (factor if i in slowed else 1), b.share) for i, b in enumerate(row)] for row in quiet()]
    assert made(blocks)[1] == made(quiet())[1]
    assert made(blocks)[0][0].disturbed == pytest.approx(len(slowed) / 12, abs=1e-3)


@given(st.sets(st.integers(0, 11), max_size=7))
def test_blocks_kept_from_the_cpu_do_not_count(stolen):
    blocks = [[Block(b.seconds * 2, 0.5) if i in stolen else b for i, b in enumerate(row)] for row in quiet()]
    # The chain of trivial nodes tells of disturbed rounds: let it be untouched here.
    blocks = [row if k.kind == "dispatch" else changed for k, row, changed in zip(RAN, quiet(), blocks, strict=True)]
    assert made(blocks)[1] == made(quiet())[1]


def test_where_everything_was_disturbed_the_best_block_is_taken_and_said():
    rows = [[Block(b.seconds * (1 + i / 10), 0.3) for i, b in enumerate(row)] for row in quiet()]
    figures, ceilings = made(rows)
    assert ceilings.gemm_gflops["fp32"] == pytest.approx(90, rel=1e-3)
    assert all(f.disturbed == 1.0 for f in figures)


def test_all_cores_attain_at_least_what_one_does():
    blocks = [
        [Block(b.seconds * 9, b.share) for b in row] if k.threads > 1 else row for k, row in zip(RAN, quiet(), strict=True)
    ]
    _, ceilings = made(blocks)
    assert ceilings.all_threads_gemm_gflops["fp32"] == ceilings.gemm_gflops["fp32"]
    assert ceilings.all_threads_bandwidth_gbps == ceilings.bandwidth_gbps[-1][1]


def test_a_precision_that_does_not_run_is_left_out():
    blocks = [[] if k.precision == "fp16" else row for k, row in zip(RAN, quiet(), strict=True)]
    _, ceilings = made(blocks)
    assert set(ceilings.gemm_gflops) == {"fp32", "int8"}


@pytest.mark.parametrize("kind", ["dispatch", "gemm"])
def test_without_the_essential_kernels_nothing_is_said(kind):
    blocks = [[] if k.kind == kind else row for k, row in zip(RAN, quiet(), strict=True)]
    with pytest.raises(InfercostError, match=r"cannot run the microbenchmarks here.*pip install -U onnxruntime"):
        made(blocks)


@pytest.fixture
def answered(monkeypatch):
    monkeypatch.setattr(microbench, "usable_cores", lambda: 2)
    monkeypatch.setattr(microbench, "available_bytes", lambda: 8 << 30)
    monkeypatch.setattr(microbench, "_ask", lambda request: Reply(quiet(), 5.0))


@pytest.mark.parametrize(("busy", "told"), [(0.0, 0), (1.2, 1)])
def test_a_busy_machine_is_said(answered, monkeypatch, busy, told):
    monkeypatch.setattr(microbench, "busy_cpus", lambda: busy)
    found = microbenchmark(measured_on="here")
    assert len(found.warnings) == told
    assert all("infercost doctor --fresh" in warning for warning in found.warnings)
    assert (found.ceilings.measured_on, len(found.fingerprint)) == ("here", 16)


def test_a_worker_that_dies_is_an_error_with_its_last_words(monkeypatch):
    monkeypatch.setattr(microbench, "_BOOT", "raise SystemExit('no such kernel')")
    monkeypatch.setattr(microbench, "busy_cpus", lambda: 0.0)
    with pytest.raises(InfercostError, match="microbenchmarks failed: no such kernel; run: infercost doctor --no-bench"):
        microbenchmark()


def test_a_worker_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(microbench, "_BOOT", "import time; time.sleep(60)")
    monkeypatch.setattr(microbench, "_GRACE_S", 0.2)
    monkeypatch.setattr(microbench, "busy_cpus", lambda: 0.0)
    with pytest.raises(InfercostError, match="did not end in time"):
        microbenchmark(budget_s=0.1)


def test_the_real_thing_runs_in_a_process_of_its_own(monkeypatch):
    few = "[k for k in {}(1, 0) if k.size < 1 << 20 and k.precision == 'fp32']"
    monkeypatch.setattr(
        microbench,
        "_BOOT",
        "from infercost.runtime import microbench_worker as w; every = w.kernels\n"
        f"w.kernels = lambda cores, memory: {few.format('every')}\n"
        "w.main()",
    )
    every = microbench.kernels
    monkeypatch.setattr(microbench, "kernels", lambda cores, memory: eval(few.format("every"), {"every": every}))
    monkeypatch.setattr(microbench, "busy_cpus", lambda: 0.0)
    found = microbenchmark(budget_s=0.1)
    assert found.ceilings.gemm_gflops["fp32"] > 0
    assert found.ceilings.dispatch_us > 0
    assert [size for size, _ in found.ceilings.bandwidth_gbps] == [64 << 10, 256 << 10]
