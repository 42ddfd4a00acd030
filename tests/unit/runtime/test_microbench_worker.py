from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.runtime import microbench_worker
from infercost.runtime.microbench_kernels import Kernel
from infercost.runtime.microbench_worker import LEAST_ROUNDS, Reply, Request, measure, spread_of

FEW = (Kernel("skinny", "fp32", 1, 1), Kernel("dispatch", "fp32", 1, 8), Kernel("skinny", "int8", 2, 1))


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(microbench_worker, "kernels", lambda cores, memory: FEW)
    monkeypatch.setattr(microbench_worker, "_MOST_RUNS", 3)


def ask(folder, budget_s: float = 0.0) -> Request:
    return Request(1, 1 << 30, budget_s, str(folder))


def test_every_kernel_has_a_block_in_every_round_even_without_time(few, tmp_path):
    reply = measure(ask(tmp_path))
    assert [len(blocks) for blocks in reply.blocks] == [LEAST_ROUNDS] * len(FEW)
    assert all(block.seconds > 0 and 0 <= block.share <= 1 for blocks in reply.blocks for block in blocks)
    assert not list(tmp_path.iterdir())


def test_what_does_not_run_has_no_blocks(monkeypatch, tmp_path):
    def build(kernel):
        from onnx import TensorProto, helper

        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
        node = helper.make_node("NoSuchOperator", ["x"], ["y"], domain="nowhere")
        graph = helper.make_graph([node], "g", [value], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
        return helper.make_model(graph), {}

    monkeypatch.setattr(microbench_worker, "kernels", lambda cores, memory: FEW[:1])
    monkeypatch.setattr(microbench_worker, "build", build)
    assert measure(ask(tmp_path)).blocks == [[]]


@given(st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=40), st.floats(0.1, 10))
def test_spread_is_relative_and_not_negative(seconds, scale):
    assert spread_of(seconds) >= 0
    assert spread_of([scale * s for s in seconds]) == pytest.approx(spread_of(seconds), rel=1e-6, abs=1e-9)


def test_one_block_has_no_spread_to_speak_of():
    assert spread_of([0.1]) == 1.0
    assert spread_of([0.1, 0.1, 0.1]) == 0.0


def test_the_process_answers_on_stdout_and_nothing_else_does(tmp_path):
    code = (
        "from infercost.runtime import microbench_worker as w\n"
        "from infercost.runtime.microbench_kernels import Kernel\n"
        "w.kernels = lambda cores, memory: (Kernel('dispatch', 'fp32', 1, 8),)\n"
        "import builtins; builtins.print('noise on stdout is moved to stderr')\n"
        "import os\n"
        "w.measure_inner, w.measure = w.measure, lambda r: (os.write(1, b'native noise'), w.measure_inner(r))[1]\n"
        "w.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=msgspec.json.encode(ask(tmp_path)), capture_output=True, check=True
    )
    line = done.stdout.splitlines()[-1]
    assert len(msgspec.json.decode(line, type=Reply).blocks[0]) >= LEAST_ROUNDS
    assert b"native noise" in done.stderr
