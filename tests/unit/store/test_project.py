from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml

from infercost.domain.errors import UsageError
from infercost.domain.project import Project, Target
from infercost.domain.traffic import Slo
from infercost.domain.verdict import Budget, Waiver
from infercost.store.artifacts import schema
from infercost.store.project import build_schema, find_project, read_project

PROVIDERS = ("azureml", "sagemaker", "vertex")
WHOLE = """\
version: 1
defaults:
  slo: p99=100ms
  budget: {max_price_age: 60}
targets:
  fraud-scorer:
    source: models/profile.json
    rps: 50
    slo: [p99=80ms, p50=20ms]
    regions: [us-east-1]
    providers: [sagemaker]
    instances: [ml.c7i.*]
    payload_in: 150kB
    payload_out: 2kB
    log_size: 0
    clients: in-region
    overhead: 0.3ms
    min_replicas: 2
    include: {nat_hour: 730, nat_gb: 12.5}
    budget: {max_monthly: 500.10, max_per_million: 4, max_p99: 80ms}
    waivers:
      - {check: monthly, until: 2026-12-31, owner: ana@example.com, reason: "migration"}
  small:
    source: small.onnx
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_and_read(text: str) -> Project:
        Path("infercost.yml").write_text(text, encoding="utf-8")
        return read_project(Path("infercost.yml"), PROVIDERS)

    return write_and_read


def target(body: str) -> str:
    return f"version: 1\ntargets:\n  a: {{source: p.json, {body}}}"


def test_reads_every_key_exactly(read):
    assert read(WHOLE).targets == (
        Target(
            name="fraud-scorer",
            source=Path("models/profile.json"),
            rps=50.0,
            slo=Slo.parse("p99=80ms,p50=20ms"),
            regions=("us-east-1",),
            providers=("sagemaker",),
            instances=("ml.c7i.*",),
            payload_in_bytes=150_000,
            payload_out_bytes=2_000,
            log_bytes=0,
            clients="in-region",
            overhead_ms=0.3,
            min_replicas=2,
            include={"nat_hour": 730.0, "nat_gb": 12.5},
            budget=Budget(max_monthly=Decimal("500.10"), max_per_million=Decimal(4), max_p99_ms=80.0, max_price_age_days=60),
            waivers=(Waiver(check="monthly", until="2026-12-31", owner="ana@example.com", reason="migration"),),
            where="infercost.yml:6",
        ),
        Target(
            name="small",
            source=Path("small.onnx"),
            slo=Slo.parse("p99=100ms"),
            budget=Budget(max_price_age_days=60),
            where="infercost.yml:23",
        ),
    )


def test_sources_are_relative_to_the_file(tmp_path):
    file = tmp_path / "infercost.yml"
    file.write_text("version: 1\ntargets: {a: {source: b/p.json}, c: {source: /d.json}}")
    assert [t.source for t in read_project(file, PROVIDERS).targets] == [tmp_path / "b" / "p.json", Path("/d.json")]


def test_a_target_may_take_even_its_source_from_the_defaults(read):
    (only,) = read("version: 1\ndefaults: {source: p.json, rps: 5}\ntargets: {a: {}}").targets
    assert (only.source, only.rps) == (Path("p.json"), 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"^infercost\.yml is empty; .*infercost init"),
        ("version: 1", r"^infercost\.yml:1:1: targets is missing"),
        ("version: 2\ntargets: {a: {source: b}}", r":1:10: this release reads version 1"),
        ("version: 1\ntarget: {}", r":2:1: unknown key 'target'; did you mean targets\?"),
        ("version: 1\ntargets: {}", r":2:10: there is no target"),
        ("version: 1\ntargets: [a]", r":2:10: expected keys such as my-model"),
        ("version: 1\ntargets: {a: {source: b}, a: {source: c}}", r":2:27: a is given twice"),
        ("version: 1\ntargets:\n  a:\n    rps: 5", r":4:5: source is missing"),
        ("version: 1\ntargets:\n  a:", r":3:5: expected keys such as source, rps, slo"),
        ("version: 1\ntargets: {[a]: {source: b}}", r":2:11: expected a word"),
        (target("rsp: 5"), r":3:23: unknown key 'rsp'; did you mean rps\?"),
        (target("rps: 0"), r":3:28: expected a number above 0, got 0"),
        (target("rps: 1e9"), r"beyond what is modelled"),
        (target("slo: p99=fast"), r":3:28: cannot read the SLO 'p99=fast'; write it like slo: p99=100ms"),
        (target("slo: [p99=1s, p99=2s]"), r"names p99 twice"),
        (target("providers: [sagmaker]"), r":3:35: unknown provider 'sagmaker'; did you mean sagemaker\?"),
        (target("providers: []"), r"the list is empty; leave the key out to mean all"),
        (target("regions: []"), r"the list is empty; leave the key out to mean all"),
        (target("payload_in: big"), r"cannot read the size 'big'; write it like 150kB"),
        (target("overhead: long"), r"cannot read the duration 'long'; write it like 80ms"),
        (target("clients: moon"), r"unknown place of clients 'moon'; known: internet, in-region"),
        (target("min_replicas: 0"), r"expected a whole number from 1 on, got 0"),
        (target("min_replicas: 1.5"), r"expected a whole number from 1 on, got 1\.5"),
        (target("include: {}"), r"there is no quantity; name a rate, for example: include: \{nat_hour: 730\}"),
        (target("include: {nat_hour: 0}"), r":3:43: expected a number above 0, got 0"),
        (target("include: [nat_hour]"), r"expected keys such as nat_hour"),
        (target("budget: 500"), r":3:31: expected keys such as max_monthly"),
        (target("budget: {max_montly: 5}"), r":3:32: unknown key 'max_montly'; did you mean max_monthly\?"),
        (target("budget: {max_monthly: -1}"), r"expected a number above 0, got -1"),
        (target("budget: {max_p99: 0ms}"), r"expected a duration above 0"),
        (target("budget: {max_price_age: -1}"), r"expected a whole number from 0 on, got -1"),
        (target("waivers: {check: p99}"), r":3:32: waivers must be a list"),
        (target("waivers: [{check: p99, until: 2026-12-31}]"), r":3:33: owner is missing"),
        (target("waivers: [{check: price_age, until: 2026-12-31, owner: a}]"), r"unknown check 'price_age'; known: monthly"),
        (target("waivers: [{check: p99, until: 2026-13-01, owner: a}]"), r":3:53: expected a date such as 2026-12-31"),
        (target("waivers: [{check: p99, until: 20261231, owner: a}]"), r"expected a date such as 2026-12-31, got '20261231'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(read, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_the_defaults_is_named_there(read):
    with pytest.raises(UsageError, match=r"infercost\.yml:2:12: unknown key 'sol'; did you mean slo\?"):
        read("version: 1\ndefaults: {sol: p99=1s}\ntargets: {a: {source: b}}")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none\.yml: .*--config"):
        read_project(tmp_path / "none.yml", PROVIDERS)


def test_it_is_found_by_its_name(tmp_path):
    assert find_project(tmp_path) is None
    (tmp_path / "infercost.yml").write_text(WHOLE)
    assert find_project(tmp_path) == tmp_path / "infercost.yml"


def as_json(text: str) -> object:
    """As an editor sees it: dates are strings."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def test_the_published_schema_is_fresh_and_accepts_the_whole_file():
    assert schema("project") == build_schema()
    jsonschema.Draft202012Validator.check_schema(build_schema())
    jsonschema.validate(as_json(WHOLE), build_schema())


@pytest.mark.parametrize(
    "text",
    [
        "version: 2\ntargets: {a: {source: b}}",
        "version: 1",
        "version: 1\ntargets: {}",
        target("rsp: 5"),
        target("rps: 0"),
        target("payload_in: big"),
        target("budget: {max_monthly: -1}"),
        target("include: {}"),
        target("include: {nat_hour: 0}"),
        target("waivers: [{check: price_age, until: 2026-12-31, owner: a}]"),
        target("waivers: [{check: p99, until: 2026-12-31}]"),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(read, text):
    with pytest.raises(UsageError):
        read(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_json(text), build_schema())
