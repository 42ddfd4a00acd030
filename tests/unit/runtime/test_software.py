from __future__ import annotations

import sys

from infercost._version import __version__
from infercost.runtime.software import installed_software


def test_versions_and_what_runs_here():
    found = installed_software()
    assert found.infercost == __version__
    assert "CPUExecutionProvider" in found.execution_providers
    assert "AzureExecutionProvider" not in found.execution_providers


def test_a_runtime_that_does_not_load_offers_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert installed_software().execution_providers == ()
