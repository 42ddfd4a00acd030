from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from infercost.runtime.microbench_kernels import DISPATCH_NODES, DRAM_BYTES, WORKING_SETS, Kernel, build, kernels

GIB = 1 << 30
SMALL = [k for k in kernels(2, 8 * GIB) if k.size < 4 << 20]


def test_one_core_runs_everything_once():
    ran = kernels(1, 8 * GIB)
    assert {k.threads for k in ran} == {1}
    assert len({k.name for k in ran}) == len(ran)
    assert {k.precision for k in ran if k.kind == "gemm"} == {"fp32", "fp16", "int8"}
    assert [k.size for k in ran if k.kind == "dispatch"] == list(DISPATCH_NODES)


@pytest.mark.parametrize("cores", [2, 4, 64])
def test_more_cores_also_run_products_and_memory_together(cores):
    together = [k for k in kernels(cores, 8 * GIB) if k.threads == cores]
    assert {k.kind for k in together} == {"gemm", "bandwidth"}
    assert all(k.size % cores == 0 or k.kind == "bandwidth" or cores > 16 for k in together)


@pytest.mark.parametrize(("memory", "dram"), [(8 * GIB, DRAM_BYTES[0]), (GIB, DRAM_BYTES[1]), (1 << 20, DRAM_BYTES[-1])])
def test_the_working_set_in_memory_is_no_larger_than_memory_has_room_for(memory, dram):
    sweep = [k.size for k in kernels(1, memory) if k.kind == "bandwidth"]
    assert sweep == sorted(set(sweep))
    assert sweep[-1] == dram
    assert set(sweep[:-1]) <= set(WORKING_SETS)


@pytest.mark.parametrize("kernel", SMALL, ids=lambda k: f"{k.name}-{k.threads}")
def test_every_kernel_runs_and_does_the_work_it_says(kernel):
    model, arrays = build(kernel)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, arrays)
    assert np.isfinite(y.astype(np.float64)).all()
    assert len(model.graph.node) == kernel.nodes
    x = arrays["x"]
    match kernel.kind:
        case "gemm" | "skinny":
            (w,) = (np.array(t.dims) for t in model.graph.initializer if t.name == "w")
            assert kernel.work == 2 * x.shape[0] * x.shape[1] * w[1]
        case "conv":
            (w,) = (np.array(t.dims) for t in model.graph.initializer if t.name == "w")
            assert y.shape == x.shape
            assert kernel.work == 2 * y.size * np.prod(w[1:])
        case "bandwidth":
            assert kernel.work == 2 * x.nbytes * kernel.nodes
        case "dispatch":
            assert x.size == 1
            assert kernel.work == kernel.nodes


def test_the_arrays_are_the_same_every_time():
    kernel = Kernel("skinny", "int8", 1, 1)
    (_, one), (_, other) = build(kernel), build(kernel)
    assert np.array_equal(one["x"], other["x"])
