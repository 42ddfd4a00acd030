from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from infercost.registry import all_providers
from infercost.store.pricebook import load_catalog

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("build_modes", ROOT / "scripts" / "build_modes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_fresh(script, capsys):
    assert script.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_page_is_noticed(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "PAGE", tmp_path / "page.md")
    assert script.main(["--check"]) == 1
    assert "run: python scripts/build_modes.py" in capsys.readouterr().err
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0


def test_what_is_not_known_is_a_question_mark_and_not_nothing(script):
    assert script.seconds(None) == "?"
    assert script.seconds(0.0) == "none"
    assert (script.seconds(0.001), script.seconds(30.0)) == ("1 ms", "30 s")
    assert script.known("unknown") == "?"


@pytest.mark.parametrize("provider", all_providers(), ids=lambda provider: provider.name)
def test_estimated_modes_are_those_that_the_book_has(provider):
    estimated = {mode.name for mode in provider.modes if mode.prices == "estimated"}
    assert estimated == {"realtime"} | ({"serverless"} if provider.serverless else set())
    rules = {mode.name: mode.granularity_s for mode in provider.modes}
    assert rules["realtime"] == provider.hosting.billing_granularity_s
    assert not provider.serverless or rules["serverless"] == provider.serverless.billing_granularity_s
    assert all(mode.source.strip() for mode in provider.modes)


@pytest.mark.parametrize("provider", all_providers(), ids=lambda provider: provider.name)
def test_priced_modes_have_offers_and_refreshed_ones_wait_for_them(provider):
    offered = {offer.kind for offer in load_catalog(provider.catalog_package, every_mode=True).offers}
    said = {mode.name: mode.prices for mode in provider.modes}
    assert {name for name, prices in said.items() if prices in ("estimated", "priced") and name.isidentifier()} == offered
    assert not offered & {name for name, prices in said.items() if prices in ("refreshed", "shown", "missing")}
