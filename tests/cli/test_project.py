"""``infercost.yml`` on the command line: init, gate, estimate and prices diff without a model."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import jsonschema
import pytest

from infercost.store.artifacts import schema
from infercost.store.pricebook import load_catalog
from infercost.store.snapshot_format import encode_snapshot
from infercost.store.snapshots import Source, keep

PACKAGE = "infercost.providers.sagemaker"


@pytest.fixture
def write(tmp_path, infercost, profile, monkeypatch):
    """Write an infercost.yml into the folder where ``infercost`` runs; bodies of targets by name."""
    for name in ("INFERCOST_RPS", "INFERCOST_SLO", "INFERCOST_REGION", "INFERCOST_CONFIG", "INFERCOST_PRICES"):
        monkeypatch.delenv(name, raising=False)

    def to(name: str = "infercost.yml", **targets: str) -> None:
        lines = [f"  {target}: {{{body}}}" for target, body in targets.items()]
        head = f"version: 1\ndefaults: {{source: {profile}, rps: 50, slo: p99=100ms}}\ntargets:"
        (tmp_path / name).write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")

    return to


def test_gate_judges_every_target_and_the_worst_decides(infercost, write):
    write(fine="budget: {max_monthly: 5000}", dear="budget: {max_monthly: 1}")
    result = infercost("gate")
    assert result.code == 3
    assert result.out.startswith("BREACH  2 targets: 1 breach, 1 pass\n")
    assert result.err.endswith("gate: breach\n")
    assert infercost("gate", "--target", "fine").code == 0


def test_breach_is_worse_than_inconclusive_and_that_than_pass(infercost, write):
    stale, fine, dear = (
        "budget: {max_monthly: 5000, max_price_age: 0}",
        "budget: {max_monthly: 5000}",
        "budget: {max_monthly: 1}",
    )
    write(stale=stale, fine=fine, dear=dear)
    assert infercost("gate").code == 3
    assert infercost("gate", "--target", "stale", "--target", "fine").code == 4


def test_verdicts_as_json_csv_and_markdown(infercost, write):
    waiver = "waivers: [{check: monthly, until: 2999-12-31, owner: ana@example.com, reason: migration}]"
    write(fine="budget: {max_monthly: 5000}", dear=f"budget: {{max_monthly: 1}}, {waiver}")
    result = infercost("gate", "--format", "json")
    assert result.code == 0
    jsonschema.validate(result.json, schema("verdicts"))
    assert list(result.json) == ["schema_version", "kind", "outcome", "verdicts"]
    assert list(result.json["verdicts"]) == ["fine", "dear"]
    check = result.json["verdicts"]["dear"]["checks"][0]
    assert (check["outcome"], check["waiver"]["owner"]) == ("pass", "ana@example.com")
    jsonschema.validate(result.json["verdicts"]["dear"], schema("verdict"))
    assert infercost("gate", "-f", "csv").out.splitlines()[1].startswith("fine,monthly,pass,")
    markdown = infercost("gate", "-f", "markdown").out
    assert "waived until 2999-12-31 by ana@example.com (migration)" in markdown
    assert "<summary>dear</summary>" in markdown


def test_an_expired_waiver_waives_nothing_and_says_so(infercost, write):
    write(dear="budget: {max_monthly: 1}, waivers: [{check: monthly, until: 2020-01-31, owner: ana@example.com}]")
    result = infercost("gate")
    assert result.code == 3
    assert "expired on 2020-01-31" in " ".join(result.out.split())


def test_flags_win_over_the_environment_and_that_over_the_file(infercost, write, monkeypatch):
    write(a="budget: {max_monthly: 1}, rps: 7")
    asked = ("estimate", "--provider", "vertex", "--format", "json", "-q")
    assert infercost(*asked).json["traffic"]["rps"] == 7
    monkeypatch.setenv("INFERCOST_RPS", "8")
    assert infercost(*asked).json["traffic"]["rps"] == 8
    assert infercost(*asked, "--rps", "9").json["traffic"]["rps"] == 9
    assert infercost("gate", "--max-monthly", "5000").code == 0


def test_estimate_takes_the_only_target_or_the_named_one(infercost, write):
    write(a="min_replicas: 3, providers: vertex, payload_in: 1kB")
    (estimate,) = [infercost("estimate", "--format", "json", "-q").json]
    assert estimate["traffic"]["payload_in_bytes"] == 1000
    assert estimate["candidates"][0]["replicas"]["min"] == 3
    write(a="rps: 1", b="rps: 2, providers: [azureml]")
    assert infercost("estimate", "--target", "b", "--format", "json", "-q").json["traffic"]["rps"] == 2
    several = infercost("estimate")
    assert (several.code, several.out) == (2, "")
    assert "there are 2 targets (a, b); choose one, for example --target a" in several.err


def test_another_file_can_be_named(infercost, write):
    write("other.yml", a="budget: {max_monthly: 5000}")
    assert infercost("gate", "--config", "other.yml").code == 0
    assert infercost("gate").code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gate",), "there is no infercost.yml here"),
        (("estimate",), "infercost init"),
        (("gate", "--config", "none.yml"), "cannot read none.yml"),
        (("gate", "p.json", "--target", "a", "--rps", "5", "--max-monthly", "5"), "leave out either it, or --target"),
        (("estimate", "p.json", "--config", "x.yml", "--rps", "5"), "leave out either it, or --target"),
        (("estimate", "p.json"), "--rps is missing"),
        (("gate", "p.json", "--max-monthly", "5"), "--rps is missing"),
    ],
)
def test_what_cannot_be_asked_is_one_line(infercost, write, arguments, words):
    result = infercost(*arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_a_mistake_in_the_file_is_named_with_its_place(infercost, write):
    write(a="bugdet: {max_monthly: 5}")
    result = infercost("gate")
    assert (result.code, result.err) == (2, "error: infercost.yml:4:7: unknown key 'bugdet'; did you mean budget?\n")


def test_init_writes_a_file_that_gate_reads_and_never_overwrites(infercost, write, profile):
    result = infercost("init", profile)
    assert (result.code, result.out) == (0, "")
    assert infercost("gate").code == 0
    again = infercost("init")
    assert again.code == 2
    assert "is there already and is left as it is" in again.err


def test_diff_re_estimates_every_target(infercost, write):
    catalog = load_catalog(PACKAGE)
    dearer = tuple(o if o.price is None else replace(o, price=o.price * 2) for o in catalog.offers)
    write(a="providers: sagemaker, instances: ml.c5.large", b="rps: 5")
    keep(Source("sagemaker", PACKAGE), encode_snapshot(replace(catalog, offers=dearer, as_of="2026-11-20")))
    first, second = infercost("prices", "diff", "--format", "json").json["impacts"]
    assert (first["target"], second["target"]) == ("a at 50 requests/s", "b at 5 requests/s")
    before, after = (Decimal(first[side]["per_month"]) for side in ("before", "after"))
    assert before < after < 2 * before + 1
    shown = " ".join(infercost("prices", "diff", "--provider", "sagemaker").out.split())
    assert "a at 50 requests/s: ml.c5.large in us-east-1" in shown
    assert "target b is not re-estimated: --provider leaves out azureml, vertex" in shown
    assert "a at 50 requests/s: ml.c5.large" in infercost("prices", "diff", "--format", "markdown").out


def test_diff_of_a_profile_looks_at_no_target(infercost, write, profile):
    write(a="rps: 5")
    (impact,) = infercost("prices", "diff", "--profile", profile, "--rps", "7", "--format", "json").json["impacts"]
    assert impact["target"].endswith("at 7 requests/s")


def test_the_schema_of_the_file_is_printed(infercost, write):
    assert infercost("schema", "project").json["title"] == "infercost.yml"
