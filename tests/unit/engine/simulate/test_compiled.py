from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pytest

from infercost import simulate, traffic
from infercost.domain.errors import MissingExtraError
from infercost.engine.simulate import compiled, machine, policies
from infercost.engine.simulate.policies import aws, deciding
from infercost.engine.simulate.service import exponential


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.fixture
def nothing_shipped(monkeypatch):
    """As on a platform that no kernels are shipped for."""
    monkeypatch.setattr(machine, "fits_here", lambda: False)
    compiled._compiled.cache_clear()
    yield
    compiled._compiled.cache_clear()


@pytest.mark.usefixtures("nothing_shipped")
def test_without_a_compiler_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'infercost\[plan\]'"):
        compiled.compiled("central")


@pytest.mark.parametrize("code", ["import infercost.cli", "import infercost; infercost.simulate; infercost.autoscalers"])
def test_a_compiler_is_loaded_by_a_simulation_alone(code):
    done = run(f"import sys; {code}; assert not {{'numba', 'llvmlite'}} & set(sys.modules)")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not machine.fits_here(), reason="no kernels are shipped for this platform")
def test_shipped_kernels_need_no_numba():
    done = run("import sys, infercost; infercost.simulate([1.0], service=1.0); assert 'numba' not in sys.modules")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", compiled.KERNELS)
def test_shipped_kernels_are_of_this_code(name):
    head = gzip.decompress((machine.FOLDER / f"{name}.ll.gz").read_bytes()).decode().split("\n", 1)[0]
    assert head == f"; {machine.stamp_of(compiled.MODULES)}", "run python scripts/build_kernels.py"


def test_kernels_may_be_made_ready_beside_other_work(monkeypatch):
    asked = []
    monkeypatch.setattr(compiled, "_compiled", asked.append)
    compiled.prepare("routed").join()
    compiled.prepare().join()
    assert asked == ["routed", *compiled.KERNELS]


@pytest.mark.usefixtures("nothing_shipped")
def test_numba_compiles_the_same_where_nothing_is_shipped():
    common = {"service": exponential(1.0), "replicas": 3, "workers": 2, "concurrency_limit": 12, "seed": 4}
    source = traffic.draw(traffic.poisson(6.0, 500.0))
    by_numba = simulate(source, **common)
    assert "numba" in str(type(compiled.compiled("limited")))
    compiled._compiled.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "fits_here", lambda: True)
        shipped = simulate(source, **common)
    np.testing.assert_allclose(by_numba.latency_s, shipped.latency_s, rtol=1e-12)
    assert by_numba.dropped == shipped.dropped > 0


@pytest.mark.usefixtures("nothing_shipped")
def test_where_nothing_can_be_cached_it_compiles_all_the_same(monkeypatch):
    import numba

    asked = []

    def njit(**options):
        asked.append(options)
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    assert callable(compiled.compiled("central"))
    assert len(asked) == 2


def test_the_stamp_follows_the_code_of_what_is_called(monkeypatch):
    before = compiled._stamp()
    assert compiled._stamp() == before

    def target_tracking(rules, history, rows, desired, now_s, memory):
        return policies.Decision(7, 7.0, memory)

    target_tracking.__module__ = aws.__name__
    monkeypatch.setattr(aws, "target_tracking", target_tracking)
    assert compiled._stamp() != before
    monkeypatch.undo()
    monkeypatch.setattr(deciding, "VERTEX", 99)
    assert compiled._stamp() != before
