from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from infercost.app.project import choose_target, gate_targets, has_project, init_project, read_targets
from infercost.domain.errors import ArtifactError, UnknownNameError, UsageError
from infercost.domain.verdict import Budget

ROOT = Path(__file__).parents[3]
PROFILE = ROOT / "profiles" / "digits.json"
TODAY = date(2026, 11, 24)
FILE = f"""\
version: 1
defaults: {{source: {PROFILE}, slo: p99=100ms, providers: [sagemaker]}}
targets:
  small: {{rps: 5, budget: {{max_monthly: 1000}}}}
  large:
    rps: 5000
    budget: {{max_monthly: 1}}
    waivers: [{{check: monthly, until: 2026-11-24, owner: ana@example.com}}]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str = FILE) -> None:
    Path("infercost.yml").write_text(text, encoding="utf-8")


def test_every_target_has_its_verdict_and_the_worst_decides():
    write()
    found = gate_targets(read_targets(), today=date(2026, 11, 25))
    assert {name: one.outcome for name, one in found.verdicts.items()} == {"small": "pass", "large": "breach"}
    assert (found.outcome, found.exit_code) == ("breach", 3)
    assert any("large: the waiver by ana@example.com of monthly expired on 2026-11-24" in text for text in found.warnings)


def test_a_waiver_holds_until_its_day():
    write()
    found = gate_targets(read_targets(), today=TODAY)
    assert found.outcome == "pass"
    assert "waived until 2026-11-24 by ana@example.com" in found.verdicts["large"].checks[0].reason


def test_only_the_named_targets_in_the_files_order():
    write()
    assert [t.name for t in read_targets(names=["large", "small"])] == ["small", "large"]
    assert [t.name for t in read_targets(names=["large"])] == ["large"]
    with pytest.raises(UnknownNameError, match=r"unknown target 'larg'; did you mean large\? \(in infercost\.yml\)"):
        read_targets(names=["larg"])


def test_what_is_given_replaces_what_the_file_says():
    write()
    changed = read_targets(rps=7.0, providers=("vertex",), slo=None, budget=Budget(max_p99_ms=80.0))
    assert {target.rps for target in changed} == {7.0}
    assert changed[0].providers == ("vertex",)
    assert changed[0].slo is not None
    assert changed[0].budget == Budget(max_monthly=Decimal(1000), max_p99_ms=80.0)


def test_a_choice_among_several_is_the_users():
    write()
    with pytest.raises(UsageError, match=r"there are 2 targets \(small, large\); choose one, for example --target small"):
        choose_target(read_targets())
    assert choose_target(read_targets(names=["small"])).name == "small"


def test_without_a_file_it_says_how_to_begin():
    assert not has_project()
    with pytest.raises(UsageError, match=r"there is no infercost\.yml here; .*infercost init"):
        read_targets()


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("rps: 5", UsageError, r"^infercost\.yml:4: target a: a gate needs a budget; add budget: \{max_monthly: 500\}"),
        ("budget: {max_monthly: 5}", UsageError, r"^infercost\.yml:4: target a: rps is missing: add rps: 50"),
        ("rps: 5, budget: {max_monthly: 5}, regions: mars-1", UsageError, r"target a: unknown region 'mars-1'"),
        (
            "rps: 5, budget: {max_monthly: 5}, source: no.json",
            ArtifactError,
            r"infercost\.yml:4: target a: cannot read no\.json",
        ),
    ],
)
def test_a_target_that_cannot_be_judged_is_named_with_its_place(target, error, message):
    write(f"version: 1\ndefaults: {{source: {PROFILE}}}\ntargets:\n  a: {{{target}}}\n")
    with pytest.raises(error, match=message):
        gate_targets(read_targets(), today=TODAY)


def test_the_starter_can_be_judged_as_it_is(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "my model: v1.json").write_bytes(PROFILE.read_bytes())
    init_project(Path("infercost.yml"), Path("sub/my model: v1.json"))
    (target,) = read_targets()
    assert (target.name, target.source) == ("my-model-v1", Path("sub/my model: v1.json"))
    assert gate_targets([target], today=TODAY).outcome == "pass"


def test_the_starter_without_a_model_names_one_to_be_made():
    init_project(Path("infercost.yml"))
    (target,) = read_targets()
    assert (target.name, target.source, target.rps) == ("my-model", Path("profile.json"), 50.0)


def test_the_starters_commented_lines_are_valid_too(folder):
    init_project(Path("infercost.yml"))
    text = Path("infercost.yml").read_text(encoding="utf-8")
    head, _, body = text.partition("version: 1")
    write("version: 1" + re.sub(r"^( +)# ", r"\1", body, flags=re.M))
    (target,) = read_targets()
    assert target.min_replicas == 2
    assert target.budget.max_price_age_days == 90
    assert target.waivers[0].owner == "ana@example.com"
    assert head.startswith("#")


def test_the_starter_beside_another_folder_finds_its_source(folder):
    (folder / "sub").mkdir()
    (folder / "p.json").write_bytes(PROFILE.read_bytes())
    init_project(Path("sub/infercost.yml"), Path("p.json"))
    (target,) = read_targets("sub/infercost.yml")
    assert target.source.resolve() == (folder / "p.json").resolve()


def test_a_file_that_is_there_is_never_overwritten():
    write("mine")
    with pytest.raises(UsageError, match=r"infercost\.yml is there already"):
        init_project(Path("infercost.yml"))
    assert Path("infercost.yml").read_text() == "mine"


def test_a_source_that_is_not_there_is_refused_and_nothing_written():
    with pytest.raises(ArtifactError, match=r"cannot read no\.onnx"):
        init_project(Path("infercost.yml"), Path("no.onnx"))
    assert not has_project()
