from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from infercost.registry import all_providers
from infercost.store.pricebook import load_catalog

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("build_rates", ROOT / "scripts" / "build_rates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_fresh(script, capsys):
    assert script.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_page_is_noticed(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "PAGE", tmp_path / "page.md")
    assert script.main(["--check"]) == 1
    assert "run: python scripts/build_rates.py" in capsys.readouterr().err
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0


@pytest.mark.parametrize("provider", all_providers(), ids=lambda provider: provider.name)
def test_every_rate_of_the_book_has_a_row(script, provider):
    section = script.section(provider)
    rows = {line.split("|")[1].strip(): line for line in section.splitlines() if line.startswith("| `")}
    assert set(rows) == {f"`{rate.item}`" for rate in load_catalog(provider.catalog_package).rates}
    for charge in provider.charges:
        assert "in every bill" in rows[f"`{charge.item}`"]
    assert sum("if included" in row for row in rows.values()) == len(set(rows) - {f"`{c.item}`" for c in provider.charges})
    assert all(gap in section for gap in provider.not_priced)
