from __future__ import annotations

import subprocess
import sys

import pytest

from infercost.domain.errors import MissingExtraError
from infercost.engine.simulate import compiled, policies
from infercost.engine.simulate.policies import aws, deciding


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_numba_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    compiled.compiled.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'infercost\[plan\]'"):
        compiled.compiled("central")


@pytest.mark.parametrize("code", ["import infercost.cli", "import infercost; infercost.simulate; infercost.autoscalers"])
def test_numba_is_loaded_by_a_simulation_alone(code):
    done = run(f"import sys; {code}; assert 'numba' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_where_nothing_can_be_cached_it_compiles_all_the_same(monkeypatch):
    import numba

    asked = []

    def njit(**options):
        asked.append(options)
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    compiled.compiled.cache_clear()
    assert callable(compiled.compiled("central"))
    assert len(asked) == 2
    compiled.compiled.cache_clear()


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
