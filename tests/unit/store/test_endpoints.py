from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from infercost.domain.endpoint import Endpoint, EndpointModel, PlannedFor, ReplicaRange
from infercost.domain.errors import UsageError
from infercost.domain.estimate import Band
from infercost.domain.prediction import Serving
from infercost.domain.scaling import DAYS, ScalingPolicy, ScheduledCapacity
from infercost.store.artifacts import schema
from infercost.store.endpoints import format_endpoint, read_endpoint, write_endpoint

ENDPOINT = Endpoint(
    name="fraud-scorer",
    model=EndpointModel(path="model.onnx", sha256="ab12"),
    provider="sagemaker",
    region="us-east-1",
    instance="ml.c7i.xlarge",
    serving=Serving(workers=2, threads=1, max_batch=4, max_delay_ms=2.5),
    replicas=ReplicaRange(min=1, max=6, initial=2),
    routing="least_outstanding",
    scaling=(
        ScalingPolicy(kind="target_tracking", metric="invocations", target=1200.0, settings={"out_cooldown_s": 60.0}),
        ScalingPolicy(kind="target_tracking", metric="concurrency", target=3.0),
    ),
    schedule=(ScheduledCapacity(name="day", at="18:30", days=("mon", "tue"), min_replicas=2, max_replicas=6),),
    tags={"team": "fraud", "on": "yes"},
    max_monthly=Decimal("500.50"),
    planned_for=PlannedFor(
        traffic="access.csv",
        slo="p99=100ms",
        created="2026-11-24T16:00:00+00:00",
        infercost_version="0.1.0",
        monthly=Band(Decimal("180.25"), Decimal("212.5"), None),
        currency="USD",
        attainment=0.9991,
        slo_probability=None,
    ),
    cloud={"sagemaker": {"execution_role": "arn:aws:iam::1:role/x", "warm": True}},
)


@pytest.fixture
def text() -> str:
    return format_endpoint(ENDPOINT)


def write(tmp_path, text):
    path = tmp_path / "endpoint.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_written_reads_back_the_same(tmp_path):
    path = tmp_path / "endpoint.yml"
    write_endpoint(ENDPOINT, path)
    assert read_endpoint(path) == ENDPOINT


def test_what_is_written_keeps_the_published_schema(text):
    published = schema("endpoint")
    Draft202012Validator.check_schema(published)
    document = yaml.safe_load(text)
    Draft202012Validator(published).validate(json.loads(json.dumps(document)))
    assert not Draft202012Validator(published).is_valid({**document, "nme": 1})
    assert not Draft202012Validator(published).is_valid({**document, "serving": {"workers": "two"}})


def test_the_file_says_what_it_is_for_and_leaves_out_defaults(text):
    assert text.startswith("# An endpoint for infercost deploy.")
    assert "currency: USD\n" not in text.split("planned_for")[0]
    assert "mode:" not in text


@given(
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,62}", fullmatch=True),
    least=st.integers(0, 5),
    more=st.integers(0, 50),
    target=st.floats(0.001, 1e9, allow_nan=False),
    budget=st.none() | st.decimals("0.01", "1000000", places=2),
    tags=st.dictionaries(st.text("abcdefg_-:é", min_size=1, max_size=6), st.text(max_size=12), max_size=3),
    at=st.tuples(st.integers(0, 23), st.integers(0, 59)),
    days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
)
def test_any_endpoint_reads_back_the_same(tmp_path_factory, name, least, more, target, budget, tags, at, days):
    endpoint = Endpoint(
        name=name,
        model=EndpointModel(path="m: x#1.onnx"),
        provider="vertex",
        region="us-central1",
        instance="n2-standard-2",
        serving=Serving(workers=1, threads=2),
        replicas=ReplicaRange(min=least, max=max(least, 1) + more),
        scaling=(ScalingPolicy(kind="vertex", metric="utilization", target=target),),
        schedule=(
            ScheduledCapacity(name="x", at=f"{at[0]:02d}:{at[1]:02d}", days=tuple(days), min_replicas=0, max_replicas=2),
        ),
        tags=tags,
        max_monthly=budget,
    )
    path = tmp_path_factory.getbasetemp() / "any-endpoint.yml"
    path.write_text(format_endpoint(endpoint), encoding="utf-8")
    assert read_endpoint(path) == endpoint


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("target: 1200.0", "target: fast", r":24:11: expected float, got str \(at scaling\[0\]\.target\)"),
        ("  max: 6", "  maxx: 6", r"unknown key 'maxx'; did you mean max\?"),
        ("name: fraud-scorer", "nme: fraud", r":4:1: unknown key 'nme'; did you mean name\?"),
        ("provider: sagemaker\n", "", r"provider is missing"),
        ("  min: 1", "  min: 9", r"the most replicas must be at least 1 and not below min"),
        ("  initial: 2", "  initial: 7", r"initial must lie between min and max"),
        ("'18:30'", "'8:30'", r"a time is written like '08:00' \(UTC\)"),
        ("  - mon", "  - moon", r"schedule\[0\]\.days\[0\]"),
        ("workers: 2", "workers: 0", r"workers, threads and batch begin at 1"),
        ("name: fraud-scorer", "name: fraud scorer", r"a name is up to 63 letters, digits and -"),
        ("target: 3.0", "target: -3", r"a target must be above 0"),
        ("max_monthly: 500.5", "max_monthly: 0", r"a budget must be above 0"),
        ("schema_version: 1", "schema_version: 99", r"written by a newer infercost"),
        ("kind: endpoint", "kind: estimate", r"\(at kind\)"),
        ("region: us-east-1", "region: us-east-1\nregion: eastus", r"region is given twice"),
        ("serving:", "serving: [", r"not YAML"),
        ("model:\n  path: model.onnx\n  sha256: ab12", "model: model.onnx", r"\(at model\)"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, text, old, new, reason):
    assert old in text
    path = write(tmp_path, text.replace(old, new, 1))
    with pytest.raises(UsageError, match=reason) as caught:
        read_endpoint(path)
    assert str(caught.value).startswith(f"{path}:")


def test_a_time_of_the_day_without_quotes_is_a_time(tmp_path, text):
    assert read_endpoint(write(tmp_path, text.replace("'18:30'", "18:30"))) == ENDPOINT


def test_replicas_that_nothing_scales_need_a_number(tmp_path):
    head = "name: a\nmodel: {path: m.onnx}\nprovider: vertex\nregion: r\ninstance: i\nserving: {workers: 1, threads: 1}\n"
    with pytest.raises(UsageError, match="nothing scales between them"):
        read_endpoint(write(tmp_path, f"{head}replicas: {{min: 1, max: 3}}\n"))
    assert read_endpoint(write(tmp_path, f"{head}replicas: {{min: 1, max: 3, initial: 2}}\n")).replicas.initial == 2


def test_empty_missing_and_foreign_files_are_said(tmp_path):
    with pytest.raises(UsageError, match="is empty; make one with: infercost plan"):
        read_endpoint(write(tmp_path, "# nothing\n"))
    with pytest.raises(UsageError, match="cannot read"):
        read_endpoint(tmp_path / "none.yml")
    with pytest.raises(UsageError, match="1:1: expected keys and values"):
        read_endpoint(write(tmp_path, "- a\n- b\n"))
    (tmp_path / "endpoint.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        read_endpoint(tmp_path / "endpoint.yml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_monthly: 500.5", "max_monthly: .nan"),
        ("max_delay_ms: 2.5", "max_delay_ms: .inf"),
        ("target: 1200.0", "target: .nan"),
        ("out_cooldown_s: 60.0", "out_cooldown_s: -.inf"),
    ],
)
def test_a_number_that_is_none_is_refused_with_its_place(tmp_path, text, old, new):
    assert old in text
    with pytest.raises(UsageError, match=r"endpoint\.yml:\d+:\d+: -?\.\w+ is not a finite number"):
        read_endpoint(write(tmp_path, text.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("region: us-east-1", "region: ''", "there is nothing in it"),
        ("instance: ml.c7i.xlarge", "instance: ' '", "there is nothing in it"),
        ("path: model.onnx", "path: ''", "there is nothing in it"),
        ("provider: sagemaker", "provider: sagemaker\ncurrency: dollars", "three letters"),
    ],
)
def test_what_no_cloud_could_take_is_refused(tmp_path, text, old, new, reason):
    assert old in text
    with pytest.raises(UsageError, match=rf"endpoint\.yml:\d+:\d+: .*{reason}"):
        read_endpoint(write(tmp_path, text.replace(old, new, 1)))


def test_what_a_cloud_is_told_to_leave_open_reads_back_the_same(tmp_path):
    open_ = replace(ENDPOINT, cloud={"sagemaker": {"kms_key": None, "warm": True}})
    assert read_endpoint(write(tmp_path, format_endpoint(open_))) == open_


@pytest.mark.parametrize("text", ["\x85", "a\u2028b", "\u2029", "über", "a\nb", "#: -"])
def test_text_that_yaml_treats_as_its_own_reads_back_the_same(tmp_path, text):
    odd = replace(ENDPOINT, tags={"team": text})
    written = format_endpoint(odd)
    assert read_endpoint(write(tmp_path, written)) == odd
    if text == "über":
        assert text in written
