"""The fluid model as it comes with the package, and as numba compiles it elsewhere."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from infercost.engine.planner import compiled
from infercost.engine.planner.flow import STATE, Station, flow, rows_needed
from infercost.engine.simulate import autoscalers, machine
from infercost.engine.simulate.simulation import open_scaling


@pytest.fixture
def nothing_shipped(monkeypatch):
    """As on a platform that no kernels are shipped for."""
    monkeypatch.setattr(machine, "fits_here", lambda: False)
    compiled.compiled_flow.cache_clear()
    yield
    compiled.compiled_flow.cache_clear()


def run(model):
    """A morning that fills two replicas and more, under a rule that counts requests."""
    arrived = np.repeat([10.0, 400.0, 30.0], 40)
    loads = np.linspace(0.0, 1.0, 11)
    station = Station(
        10.0, False, np.zeros(9, dtype=np.int64), loads.reshape(1, 1, 11) ** 4, np.array([0.5]), loads, loads.reshape(1, 11)
    )
    scaler = autoscalers.sagemaker_target_tracking(300, max_replicas=8, in_cooldown_s=60)
    control, late = open_scaling(scaler, 60.0, 0.0, 1, np.uint64(7)), np.zeros(1)
    scratch = np.empty(rows_needed(120, 4)), np.empty(9), np.empty(STATE)
    found = model(arrived, 15.0, 4, 1800.0, station, control, 1, *scratch, late)
    return [*found, late[0]]


@pytest.mark.skipif(not machine.fits_here(), reason="no kernels are shipped for this platform")
def test_what_is_shipped_is_the_plain_model():
    assert compiled._shipped() is not None
    shipped = run(compiled.compiled_flow())
    np.testing.assert_allclose(shipped, run(flow), rtol=1e-12)
    assert shipped[5] > 1, "the rule should have acted"


def test_what_is_shipped_is_of_this_code():
    head = gzip.decompress(compiled.PATH.read_bytes()).decode().split("\n", 1)[0]
    assert head == f"; {machine.stamp_of(compiled.MODULES)}", "run python scripts/build_kernels.py"


@pytest.mark.usefixtures("nothing_shipped")
def test_numba_compiles_the_same_where_nothing_is_shipped():
    assert compiled._shipped() is None
    np.testing.assert_allclose(run(compiled.compiled_flow()), run(flow), rtol=1e-12)
