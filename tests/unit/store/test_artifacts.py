from __future__ import annotations

import base64
import importlib.util
import json
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.errors import ArtifactError, UnknownNameError
from infercost.domain.estimate import Estimate
from infercost.domain.profile import Profile
from infercost.domain.verdict import Verdict
from infercost.store import artifacts

ROOT = Path(__file__).parents[3]
PROFILE = (ROOT / "tests" / "golden" / "profile.json").read_bytes()
ESTIMATE = (ROOT / "tests" / "golden" / "estimate-ties.json").read_bytes()


def changed(data: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(data) | fields).encode()


def refusal(data: bytes, kind: type = Profile, what: str = "some.json") -> str:
    with pytest.raises(ArtifactError) as caught:
        artifacts.decode(data, kind, what)
    message = str(caught.value)
    assert what in message
    assert "\n" not in message
    return message


def test_an_artifact_begins_with_its_version_and_kind_and_ends_with_a_newline():
    text = artifacts.encode(artifacts.decode(PROFILE, Profile, "p"))
    assert text.startswith(b'{\n  "schema_version": 1,\n  "kind": "profile",\n')
    assert text.endswith(b"}\n")


@pytest.mark.parametrize(("data", "kind"), [(PROFILE, Profile), (ESTIMATE, Estimate)])
def test_what_was_written_is_read_back_the_same(data, kind):
    value = artifacts.decode(data, kind, "x")
    assert artifacts.encode(value) == data
    assert artifacts.decode(artifacts.encode(value), kind, "x") == value


def test_a_large_artifact_is_compact_and_reads_back_the_same(monkeypatch):
    value = artifacts.decode(ESTIMATE, Estimate, "e")
    monkeypatch.setattr(artifacts, "PRETTY_LIMIT", 100)
    compact = artifacts.encode(value)
    assert compact.count(b"\n") == 1
    assert len(compact) < len(ESTIMATE)
    assert artifacts.decode(compact, Estimate, "e") == value


def test_decimals_are_strings_and_unknown_is_null():
    line = json.loads(ESTIMATE)["candidates"][-1]["cost"]["per_month"]
    assert isinstance(line["likely"], str)
    assert line["high"] is None


def test_fields_from_the_future_are_ignored():
    document = json.loads(PROFILE)
    document["new"] = {"a": 1}
    document["points"][0]["also_new"] = []
    assert artifacts.decode(json.dumps(document).encode(), Profile, "p") == artifacts.decode(PROFILE, Profile, "p")


def test_a_byte_order_mark_does_no_harm():
    assert artifacts.decode(b"\xef\xbb\xbf" + PROFILE, Profile, "p").kind == "profile"


def test_a_newer_schema_asks_for_an_upgrade():
    message = refusal(changed(PROFILE, schema_version=2, model="something else entirely"))
    assert "written by a newer infercost (schema version 2, this release reads up to 1)" in message
    assert message.endswith("run: pip install --upgrade infercost")


@pytest.mark.parametrize("version", [0, -1, True, "1", None, 1.5])
def test_a_version_that_is_none_is_refused(version):
    assert "at $.schema_version" in refusal(changed(PROFILE, schema_version=version))


def test_the_wrong_kind_is_named():
    assert refusal(ESTIMATE).startswith("some.json is an estimate, not a profile; make one with: infercost profile")
    assert refusal(PROFILE, Estimate).startswith("some.json is a profile, not an estimate; make one with: infercost estimate")


@pytest.mark.parametrize(
    ("kind", "says"), [("catalog", "its kind is 'catalog'"), (None, "it has no kind"), (7, "its kind is '7'")]
)
def test_another_kind_is_refused(kind, says):
    assert says in refusal(changed(PROFILE, kind=kind))


def test_any_json_object_is_not_a_profile():
    assert "it has no kind, so infercost did not write it" in refusal(b'{"a": 1}')


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"hello", "it is not JSON"),
        (b"\x00\x01\x02", "it is a binary file"),
        (b"\x1f\x8b\x08\x00", "is a gzip archive, not a profile; unpack it first"),
        (b"PK\x03\x04rest", "is a zip archive, not a profile"),
        ("{}".encode("utf-16"), "is text in UTF-16, not a profile; save it as UTF-8"),
        (PROFILE[:-20], "the file is cut off"),
        (PROFILE[:1], "the file is cut off"),
        (b"[1, 2]", "expected `object`, got `array`"),
        (PROFILE + b"x", "malformed JSON, trailing characters"),
        (b'{"kind": NaN}', "NaN is not a number that JSON can hold"),
        (b'{"kind":' + b"[" * 100_000, "nested too deeply"),
        (PROFILE.replace(b"resnet50", b"\xff\xfe"), "not UTF-8"),
    ],
)
def test_what_is_not_an_artifact_is_said_in_one_line(data, says):
    assert says in refusal(data)


def test_malformed_json_names_the_line():
    assert "line 3, byte" in refusal(PROFILE.replace(b'"kind": "profile",', b'"kind": profile,'))


def test_an_onnx_model_is_recognised_and_profiled_first():
    model = b"\x08\x0a\x12\x07pytorch\x1a\x052.1.0" + bytes(64)
    message = refusal(model, what="models/net.onnx")
    assert message == (
        "models/net.onnx is an ONNX model, not a profile; "
        "profile it first: infercost profile models/net.onnx --out models/net.json"
    )
    assert refusal(model, what="net").endswith("infercost profile net --out profile.json")


def test_the_shipped_model_is_recognised():
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    assert "is an ONNX model" in refusal(onnx.helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize(
    ("path", "wrong", "says"),
    [
        (("points", 0, "batch"), "one", "at $.points[0].batch: expected `int`, got `str`"),
        (("points", 1, "latency_ms", "mean"), None, "at $.points[1].latency_ms.mean: expected `float`, got `null`"),
        (("points",), [], "at $.points: it holds no measured points"),
        (("points", 0, "batch"), 0, "at $.points[0].batch: must be at least 1"),
        (("points", 0, "threads"), -1, "at $.points[0].threads: must be at least 1"),
        (("points", 0, "throughput_per_s"), 0, "at $.points[0].throughput_per_s: must be above 0"),
        (("points", 0, "cpu_utilization"), -0.1, "at $.points[0].cpu_utilization: must not be negative"),
        (("points", 0, "latency_ms", "count"), 0, "at $.points[0].latency_ms.count: must be at least 1"),
        (("points", 0, "latency_ms", "mean"), -3.0, "at $.points[0].latency_ms.mean: a latency must be above 0"),
        (("points", 0, "latency_ms", "cv"), -3.0, "at $.points[0].latency_ms.cv: must not be negative"),
        (("points", 0, "latency_ms", "p99"), 1e-9, "at $.points[0].latency_ms.p99: lies below p95"),
        (("points", 0, "latency_ms", "p99"), 99.0, "at $.points[0].latency_ms.p99: says 99, its raw samples give"),
        (("points", 0, "latency_ms", "p99"), None, "at $.points[0].latency_ms.p99: says null, its raw samples give"),
        (("points", 0, "latency_ms", "mean"), 21.0, "the file was edited"),
        (("points", 0, "latency_ms", "cv"), 0.5, "at $.points[0].latency_ms.cv: says 0.5"),
        (("points", 2, "latency_ms", "p99"), 60.0, "its raw samples give none that the sample supports"),
        (("points", 0, "latency_ms", "count"), 899, "at $.points[0].latency_ms.count: says 899, its raw samples give 900"),
        (("points", 0, "raw", "count"), 899, "at $.points[0].raw.data: does not hold the 899 samples"),
        (("points", 0, "raw", "count"), 0, "at $.points[0].raw.count: must lie between 1 and"),
        (("points", 0, "raw", "count"), 10**15, "at $.points[0].raw.count: must lie between 1 and"),
        (("points", 0, "raw", "data"), "!!", "at $.points[0].raw.data: cannot be unpacked"),
        (("points", 0, "raw", "data"), "AAAA", "at $.points[0].raw.data: cannot be unpacked"),
        (
            ("points", 0, "raw", "data"),
            base64.b64encode(zlib.compress(b"abcd")).decode(),
            "at $.points[0].raw.data: does not hold",
        ),
        (("points", 0, "raw", "encoding"), "zip", "at $.points[0].raw.encoding: invalid enum value"),
        (("operators", 0, "time_share"), 1.5, "at $.operators[0].time_share: must lie between 0 and 1"),
        (("operators", 0, "count"), -1, "at $.operators[0].count: must not be negative"),
        (("operators", 0, "flops"), -1, "at $.operators[0].flops: must not be negative"),
        (("payload_in_bytes",), -1, "at $.payload_in_bytes: must not be negative"),
        (("model", "file_bytes"), -1, "at $.model.file_bytes: must not be negative"),
        (("model", "flops_per_item"), -1, "at $.model.flops_per_item: must not be negative"),
        (("model", "flops_coverage"), 1.5, "at $.model.flops_coverage: must lie between 0 and 1"),
        (("model", "batch_dim"), "M", "at $.model.batch_dim: 'M' is no dimension of the inputs (N)"),
        (("model", "inputs"), [], "at $.model.batch_dim: 'N' is no dimension of the inputs (all are fixed)"),
        (("machine", "logical_cpus"), 0, "at $.machine.logical_cpus: must be at least 1"),
        (("machine", "physical_cores"), 0, "at $.machine.physical_cores: must be at least 1"),
        (("machine", "arch"), "aarch64", "at $.machine.cpu_family: intel-icelake is x86_64, the machine says aarch64"),
        (("machine", "instance_type"), "sagemaker:ml.nope", "at $.machine.instance_type: no instance 'sagemaker:ml.nope' is"),
    ],
)
def test_a_profile_that_cannot_be_right_is_refused_at_its_path(path, wrong, says):
    document = json.loads(PROFILE)
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = wrong
    message = refusal(json.dumps(document).encode())
    assert says in message
    assert "make one with: infercost profile MODEL.onnx" in message


def test_a_profile_may_name_what_the_table_knows_and_a_cpu_that_it_does_not():
    document = json.loads(PROFILE)
    document["machine"] |= {"instance_type": "sagemaker:ml.c6i.xlarge", "cpu_family": "some-newer-cpu"}
    document["model"]["inputs"][0]["shape"][0] = None
    document["model"]["batch_dim"] = "data.0"
    read = artifacts.decode(json.dumps(document).encode(), Profile, "p")
    assert (read.machine.instance_type, read.model.batch_dim) == ("sagemaker:ml.c6i.xlarge", "data.0")


def test_raw_samples_that_hold_a_zero_are_refused():
    from infercost.domain.profile import LatencyStats, RawLatencies

    document = json.loads(PROFILE)
    point = document["points"][3]
    packed = RawLatencies.pack([0.0, 1e-3, 2e-3])
    point["raw"] = {"count": packed.count, "data": packed.data}
    point["latency_ms"] = {name: getattr(LatencyStats.of([1e-3, 2e-3, 1e-3]), name) for name in LatencyStats.__slots__}
    assert "at $.points[3].raw.data: a latency must be above 0" in refusal(json.dumps(document).encode())


def test_a_truncated_raw_stream_is_refused():
    document = json.loads(PROFILE)
    raw = document["points"][3]["raw"]
    raw["data"] = base64.b64encode(base64.b64decode(raw["data"])[:-3]).decode()
    assert "at $.points[3].raw.data: does not hold" in refusal(json.dumps(document).encode())


def test_a_profile_without_raw_samples_is_taken_at_its_word():
    document = json.loads(PROFILE)
    for point in document["points"]:
        point["raw"] = None
    assert artifacts.decode(json.dumps(document).encode(), Profile, "p").points[0].raw is None


def test_latencies_longer_than_a_sample_can_hold_are_not_compared():
    from infercost.domain.profile import LatencyStats, RawLatencies

    document = json.loads(PROFILE)
    point = document["points"][3]
    seconds = [60.0, 61.0, 62.0]
    packed, stats = RawLatencies.pack(seconds), LatencyStats.of(seconds)
    point["raw"] = {"count": packed.count, "data": packed.data}
    point["latency_ms"] = {name: getattr(stats, name) for name in LatencyStats.__slots__}
    assert artifacts.decode(json.dumps(document).encode(), Profile, "p").points[3].latency_ms.mean == 61_000


@given(seconds=st.lists(st.floats(min_value=2e-6, max_value=40), min_size=1, max_size=200))
def test_statistics_of_unrounded_latencies_pass_the_check(seconds):
    from infercost.domain.profile import LatencyStats, RawLatencies
    from infercost.store.profile_checks import _raw_fault

    assert _raw_fault(RawLatencies.pack(seconds), LatencyStats.of(seconds)) is None


def test_a_file_round_trips(tmp_path):
    value = artifacts.decode(PROFILE, Profile, "p")
    artifacts.save(value, tmp_path / "p.json")
    assert artifacts.load_profile(tmp_path / "p.json") == value
    assert (tmp_path / "p.json").read_bytes() == PROFILE


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ArtifactError, match=r"cannot read .*gone\.json: no such file or directory; check the path"):
        artifacts.load_profile(tmp_path / "gone.json")


def test_a_folder_is_one_line(tmp_path):
    with pytest.raises(ArtifactError, match="is a directory; check the path"):
        artifacts.load_profile(tmp_path)


def test_a_path_that_cannot_be_one_is_one_line():
    with pytest.raises(ArtifactError, match="embedded null byte; check the path"):
        artifacts.load_profile("a\0b")


def test_a_bad_file_is_named(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"bad\.json is not a profile that can be used: the JSON ends too early"):
        artifacts.load_profile(tmp_path / "bad.json")


def test_a_huge_model_is_recognised_without_reading_it_all(tmp_path):
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.write(b"\x08\x0a\x12\x07pytorch")
        file.truncate(8 * 2**40)
    with pytest.raises(ArtifactError, match="is an ONNX model"):
        artifacts.load_profile(path)


def test_estimates_and_verdicts_load_too(tmp_path):
    for name, kind in (("estimate-ties.json", Estimate), ("verdict-pass.json", Verdict)):
        assert artifacts.load(ROOT / "tests" / "golden" / name, kind).kind == name.split("-")[0]


def test_a_kind_without_a_schema_is_refused():
    with pytest.raises(UnknownNameError, match="unknown kind of artifact 'estimates'; did you mean estimate"):
        artifacts.schema("estimates")


def test_published_schemas_and_their_reference_are_fresh(capsys):
    path = ROOT / "scripts" / "build_schemas.py"
    spec = importlib.util.spec_from_file_location("build_schemas", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert module.main(["--check"]) == 0, capsys.readouterr().err
