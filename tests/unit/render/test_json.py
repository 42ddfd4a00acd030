"""Every JSON output keeps the published schema and the names that were promised."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from infercost.domain.estimate import Estimate
from infercost.domain.profile import Profile
from infercost.domain.verdict import Verdict
from infercost.render import render
from infercost.store.artifacts import KINDS, decode, schema

ESTIMATE_NAMES = [
    "schema_version",
    "kind",
    "currency",
    "price_catalogs[].provider",
    "price_catalogs[].as_of",
    "price_catalogs[].age_days",
    "price_catalogs[].source",
    "price_catalogs[].derived",
    "traffic",
    "slo",
    "candidates[].rank",
    "candidates[].tie_group",
    "candidates[].provider",
    "candidates[].region",
    "candidates[].mode",
    "candidates[].instance_type",
    "candidates[].accelerator",
    "candidates[].replicas.min",
    "candidates[].replicas.max",
    "candidates[].replicas.mean",
    "candidates[].serving.workers",
    "candidates[].serving.threads",
    "candidates[].serving.max_batch",
    "candidates[].serving.max_delay_ms",
    "candidates[].latency_ms.p50",
    "candidates[].latency_ms.p95",
    "candidates[].latency_ms.p99",
    "candidates[].capacity_rps",
    "candidates[].utilization",
    "candidates[].provenance",
    "candidates[].cost.per_million.low",
    "candidates[].cost.per_million.likely",
    "candidates[].cost.per_million.high",
    "candidates[].cost.per_month.low",
    "candidates[].cost.per_month.likely",
    "candidates[].cost.per_month.high",
    "candidates[].lines[].name",
    "candidates[].lines[].unit",
    "candidates[].lines[].quantity",
    "candidates[].lines[].price",
    "candidates[].lines[].monthly_cost",
    "candidates[].lines[].basis",
    "candidates[].lines[].source",
    "rejected[].provider",
    "rejected[].region",
    "rejected[].instance_type",
    "rejected[].reasons",
    "summary.offers",
    "summary.feasible",
    "summary.rejected",
    "summary.no_price",
    "warnings",
]

PROFILE_NAMES = [
    "schema_version",
    "kind",
    "model.sha256",
    "model.format",
    "model.opset",
    "model.parameters",
    "model.flops_per_item",
    "model.inputs",
    "model.outputs",
    "machine",
    "runtime",
    "points[].batch",
    "points[].threads",
    "points[].precision",
    "points[].latency_ms.mean",
    "points[].latency_ms.p50",
    "points[].latency_ms.p90",
    "points[].latency_ms.p95",
    "points[].latency_ms.p99",
    "points[].latency_ms.count",
    "points[].throughput_per_s",
    "points[].memory_bytes",
    "points[].cpu_utilization",
    "operators[].op_type",
    "operators[].count",
    "operators[].time_share",
    "operators[].flops",
    "operators[].bytes",
]


def find(document: object, path: str) -> object:
    for part in path.split("."):
        name, is_list = part.removesuffix("[]"), part.endswith("[]")
        assert isinstance(document, dict)
        assert name in document, f"{path}: {name} is missing"
        document = document[name]
        if is_list:
            assert isinstance(document, list)
            document = document[0]
    return document


def find_in_schema(root: dict, path: str) -> dict:
    node = root
    for part in path.split("."):
        node = node["properties"][part.removesuffix("[]")]
        if part.endswith("[]"):
            node = node["items"]
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def check(kind: str, text: str) -> None:
    Draft202012Validator(schema(kind)).validate(json.loads(text))


@pytest.mark.parametrize("path", ESTIMATE_NAMES)
def test_estimates_keep_the_names_that_were_promised(estimates, path):
    find(json.loads(render(estimates["ties"], "json")), path)
    assert find_in_schema(schema("estimate"), path)


@pytest.mark.parametrize("path", PROFILE_NAMES)
def test_profiles_keep_the_names_that_were_promised(profile, path):
    find(json.loads(render(profile, "json")), path)
    assert find_in_schema(schema("profile"), path)


def test_every_estimate_keeps_the_published_schema_and_reads_back_the_same(named_estimate):
    name, estimate = named_estimate
    text = render(estimate, "json")
    check("estimate", text)
    assert decode(text.encode(), Estimate, name) == estimate


def test_a_profile_keeps_the_published_schema_and_reads_back_the_same(profile):
    text = render(profile, "json")
    check("profile", text)
    assert decode(text.encode(), Profile, "profile.json") == profile


def test_every_verdict_keeps_the_published_schema_and_reads_back_the_same(named_verdict):
    name, verdict = named_verdict
    text = render(verdict, "json")
    check("verdict", text)
    assert decode(text.encode(), Verdict, name) == verdict


@pytest.mark.parametrize("kind", KINDS)
def test_the_schemas_are_schemas_and_leave_room_for_new_fields(kind):
    published = schema(kind)
    Draft202012Validator.check_schema(published)
    assert published["$id"] == f"urn:infercost:schema:{kind}:1"
    assert "additionalProperties" not in published
    assert list(published["properties"])[:2] == published["required"][:2] == ["schema_version", "kind"]


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("currency", None),
        ("candidates[].rank", "first"),
        ("candidates[].lines[].price", 0.1),
        ("kind", "profile"),
        ("schema_version", 2),
    ],
)
def test_the_estimate_schema_refuses_what_is_not_one(estimates, path, wrong):
    document = json.loads(render(estimates["ties"], "json"))
    parent, _, name = path.rpartition(".")
    holder = find(document, parent) if parent else document
    holder[name] = wrong
    assert not Draft202012Validator(schema("estimate")).is_valid(document)


def test_a_missing_price_is_null(estimates):
    document = json.loads(render(estimates["unpriced"], "json"))
    egress = next(line for line in document["candidates"][0]["lines"] if line["name"] == "egress")
    assert egress["price"] is None
    assert egress["monthly_cost"] is None
