from __future__ import annotations

import json
from pathlib import Path

import pytest

from infercost.domain.errors import ArtifactError
from infercost.store.benchmark_files import read_benchmark

FILES = Path(__file__).parent / "benchmark_files"
"""perf_analyzer's from its documentation, LoadGen's from runs of mlcommons-loadgen 6.0.17 that slept 2 ms a sample,
Inference Recommender's in the form of its API reference."""


def only(name: str):
    (reading,) = read_benchmark(FILES / name)
    return reading


def test_perf_analyzer_gives_the_servers_compute_time_of_one_request_at_a_time():
    reading = only("perf_analyzer.csv")
    assert (reading.metric, reading.value, reading.batch) == ("latency_ms", pytest.approx(12.006), 1)
    assert "without network and queue" in reading.note


def test_perf_analyzer_without_server_statistics_gives_what_the_client_saw_and_trusts_it_less():
    reading = only("perf_analyzer-client-only.csv")
    assert reading.value == pytest.approx(13.891)
    assert reading.noise > only("perf_analyzer.csv").noise


def test_perf_analyzer_with_queueing_alone_is_refused(tmp_path):
    rows = (FILES / "perf_analyzer.csv").read_text().splitlines()
    file = tmp_path / "perf.csv"
    file.write_text("\n".join([rows[0], *rows[2:]]))
    with pytest.raises(ArtifactError, match=r"no row of concurrency 1.*--concurrency-range 1"):
        read_benchmark(file)


@pytest.mark.parametrize("form", ["summary", "detail"])
def test_loadgen_single_stream_gives_its_median(form):
    reading = only(f"loadgen-singlestream-{form}.txt")
    assert (reading.metric, reading.value, reading.batch) == ("latency_ms", pytest.approx(2.128904), 1)
    assert reading.note == ""


@pytest.mark.parametrize("form", ["summary", "detail"])
def test_loadgen_multi_stream_is_a_batch(form):
    reading = only(f"loadgen-multistream-{form}.txt")
    assert (reading.metric, reading.value, reading.batch) == ("latency_ms", pytest.approx(17.029686), 8)
    assert "INVALID" in reading.note


def test_loadgen_offline_is_a_throughput_and_the_detail_log_has_its_date():
    reading = only("loadgen-offline-detail.txt")
    assert (reading.metric, reading.value) == ("throughput_per_s", pytest.approx(466.735))
    assert reading.date == "2026-11-24"


def test_loadgen_server_is_refused_with_what_to_run():
    with pytest.raises(ArtifactError, match=r"queueing.*SingleStream or an Offline run"):
        read_benchmark(FILES / "loadgen-server-summary.txt")


def test_loadgen_accuracy_runs_time_nothing(tmp_path):
    file = tmp_path / "mlperf_log_summary.txt"
    text = (FILES / "loadgen-singlestream-summary.txt").read_text()
    file.write_text(text.replace("PerformanceOnly", "AccuracyOnly"))
    with pytest.raises(ArtifactError, match="accuracy run"):
        read_benchmark(file)


def test_a_loadgen_run_that_did_not_end_is_refused(tmp_path):
    file = tmp_path / "mlperf_log_detail.txt"
    lines = (FILES / "loadgen-singlestream-detail.txt").read_text().splitlines()
    file.write_text("\n".join(line for line in lines if "50.00" not in line))
    with pytest.raises(ArtifactError, match="did not end"):
        read_benchmark(file)
    file.write_text(lines[0] + "\n" + lines[1][:40])
    with pytest.raises(ArtifactError, match="cut off"):
        read_benchmark(file)


def test_inference_recommender_gives_each_instances_invocations_a_second():
    small, large = read_benchmark(FILES / "recommender.json")
    assert (small.instance, small.metric, small.value) == ("sagemaker:ml.c5.xlarge", "throughput_per_s", pytest.approx(10.8))
    assert (large.instance, large.value) == ("sagemaker:ml.c7i.xlarge", pytest.approx(40.0))
    assert small.date == "2026-06-18"
    assert "resnet-default" in small.source


def test_a_recommendation_without_figures_is_no_source_of_any(tmp_path):
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"InferenceRecommendations": []}))
    with pytest.raises(ArtifactError, match="no figure of one model alone"):
        read_benchmark(file)
    file.write_text(json.dumps({"InferenceRecommendations": [{"Metrics": {}}]}))
    with pytest.raises(ArtifactError, match="describe-inference-recommendations-job"):
        read_benchmark(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no result of"),
        (b"Concurrency,Something\n1,2\n", "no result of"),
        (b'{"a": 1}', "no result of"),
        (b"\xff\xfe\x00", "not text"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content, reason):
    file = tmp_path / "some.txt"
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match=reason):
        read_benchmark(file)


@pytest.mark.parametrize("value", ["0", "-3", "nan", "inf"])
def test_figures_that_no_run_can_have_are_refused(tmp_path, value):
    rows = (FILES / "perf_analyzer-client-only.csv").read_text().replace("13891", value)
    file = tmp_path / "perf.csv"
    file.write_text(rows)
    with pytest.raises(ArtifactError, match="above 0"):
        read_benchmark(file)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ArtifactError, match=r"cannot read .*check the path"):
        read_benchmark(tmp_path / "none.csv")


@pytest.mark.parametrize("day", ["11/24/2026 12:00", "2026-99-99T00:00:00", None, 7])
def test_a_loadgen_log_of_no_readable_day_leaves_the_day_open(tmp_path, day):
    entries = {"effective_scenario": "SingleStream", "result_50.00_percentile_latency_ns": 15_000_000, "test_datetime": day}
    log = tmp_path / "mlperf_log_detail.txt"
    log.write_text("\n".join(":::MLLOG " + json.dumps({"key": k, "value": v}) for k, v in entries.items()))
    assert read_benchmark(log)[0].date in ("", "1970-01-01")


@pytest.mark.parametrize("time", [1e20, -1e20, "2026-99-99T00:00:00Z", "yesterday", True])
def test_a_recommendation_of_no_readable_time_leaves_the_day_open(tmp_path, time):
    one = {"EndpointConfiguration": {"InstanceType": "ml.c7i.xlarge"}, "Metrics": {"MaxInvocations": 3000}}
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"InferenceRecommendations": [one], "CompletionTime": time}))
    assert read_benchmark(file)[0].date in ("", "1970-01-01")
