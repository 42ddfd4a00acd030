"""Results of other tools: perf_analyzer, MLPerf LoadGen, SageMaker Inference Recommender.

Each is recognised by its content, whatever the file is called. Formats:

- perf_analyzer ``-f FILE`` (CSV): ``src/c++/perf_analyzer/report_writer.cc`` of
  triton-inference-server/client@0401e1a: times in microseconds, one row a concurrency or request rate.
- LoadGen ``mlperf_log_summary.txt`` and ``mlperf_log_detail.txt``: ``loadgen/results.cc`` of
  mlcommons/inference@05a9cec, checked on logs of mlcommons-loadgen 6.0.17.
- Inference Recommender: the JSON of ``DescribeInferenceRecommendationsJob`` (SageMaker API reference);
  ``MaxInvocations`` is a minute's, in older documents it is called ``MaximumInvocations``.
"""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from infercost.domain.calibration import Reading
from infercost.domain.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["read_benchmark"]

OVERHEAD_NOISE: Final = 0.15
"""Latency as a client sees it, network and server included."""
SATURATION_NOISE: Final = 0.30
"""Throughput of a load test that stops at the last step before errors or a latency limit."""
_MOST_BYTES: Final = 64 << 20
_MLLOG: Final = ":::MLLOG "
_SUMMARY: Final = "MLPerf Results Summary"


def read_benchmark(path: Path) -> tuple[Reading, ...]:
    """Every figure in the file that says what a model does on its own.

    Raises:
        ArtifactError: the file cannot be read, is of no known tool, or holds no such figure; the message says why.
    """
    text = _text(path)
    for looks_like, read in _FORMATS:
        if looks_like(text):
            readings = tuple(read(text, path))
            if not readings:
                raise ArtifactError(f"{path} holds no figure of one model alone; see docs/howto/calibrate.md")
            return readings
    raise ArtifactError(
        f"{path} is no result of perf_analyzer (CSV), MLPerf LoadGen (summary or detail log) or SageMaker Inference"
        " Recommender (JSON); give the number itself: infercost calibrate number --p50 12ms"
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        raise ArtifactError(f"cannot read {path}: {reason}; check the path") from None


# perf_analyzer


def _is_perf_analyzer(text: str) -> bool:
    head = text.lstrip().partition("\n")[0]
    return head.startswith(("Concurrency,", "Request Rate,")) and "Inferences/Second" in head


def _read_perf_analyzer(text: str, path: Path) -> Iterator[Reading]:
    """The row of one request at a time: the others hold queueing, of as many instances as the server ran."""
    rows = list(csv.DictReader(text.strip().splitlines()))
    alone = [row for row in rows if row.get("Concurrency") == "1"]
    if not alone:
        raise ArtifactError(
            f"{path} has no row of concurrency 1, and only such a latency is without queueing;"
            " run: perf_analyzer --concurrency-range 1 -f perf.csv"
        )
    for row in alone:
        parts = [_microseconds(row, f"Server Compute {part}", path) for part in ("Input", "Infer", "Output")]
        if None not in parts:
            total = sum(part for part in parts if part is not None)
            note = "mean of the server's compute time, without network and queue"
            noise, value = 0.05, total / 1e3
        else:
            seen = _microseconds(row, "p50 latency", path)
            if seen is None:
                raise ArtifactError(f"{path} has neither the server's compute time nor p50 latency; leave out --percentile")
            note, noise, value = "p50 as the client saw it, network included", OVERHEAD_NOISE, seen / 1e3
        yield Reading(
            metric="latency_ms", value=_positive(value, path), noise=noise, source=f"perf_analyzer {path.name}", note=note
        )


def _microseconds(row: Mapping[str, str | None], column: str, path: Path) -> float | None:
    text = row.get(column)
    if text in (None, ""):
        return None
    try:
        return float(text or "")
    except ValueError:
        raise ArtifactError(f"{path} has {text!r} for {column!r}, which is no number; write it anew") from None


# MLPerf LoadGen


def _is_loadgen(text: str) -> bool:
    return _SUMMARY in text[:2000] or text.lstrip().startswith(_MLLOG)


def _read_loadgen(text: str, path: Path) -> Iterator[Reading]:
    """One run: its scenario says which figure is of the model alone."""
    facts = _detail(text, path) if text.lstrip().startswith(_MLLOG) else _summary(text)
    scenario, source = str(facts.get("scenario", "")), f"MLPerf LoadGen {path.name}"
    if facts.get("mode", "PerformanceOnly") != "PerformanceOnly":
        raise ArtifactError(f"{path} is of an accuracy run, which times nothing; import a performance run")
    # LoadGen calls a run invalid for being short of its rules for submission; its figure is as good as it is long.
    note = "" if facts.get("validity") == "VALID" else "LoadGen calls the run INVALID"
    common: dict[str, Any] = {"source": f"{source}, {scenario}", "date": str(facts.get("date", "")), "note": note}
    match scenario:
        case "SingleStream":
            value = _wanted(facts, "p50_ns", path) / 1e6
            yield Reading(metric="latency_ms", value=_positive(value, path), **common)
        case "MultiStream":
            value, batch = _wanted(facts, "query_p50_ns", path) / 1e6, int(_wanted(facts, "samples_per_query", path))
            yield Reading(metric="latency_ms", value=_positive(value, path), batch=batch, **common)
        case "Offline":
            value = _wanted(facts, "samples_per_s", path)
            yield Reading(metric="throughput_per_s", value=_positive(value, path), noise=0.1, **common)
        case "Server":
            raise ArtifactError(
                f"{path} is of the Server scenario: its latency holds queueing and its rate is what was asked for;"
                " import a SingleStream or an Offline run"
            )
        case _:
            raise ArtifactError(f"{path} names the scenario {scenario!r}, which LoadGen does not have; check the file")


def _summary(text: str) -> dict[str, Any]:
    def find(pattern: str) -> str | None:
        found = re.search(pattern, text, re.M)
        return found[1] if found else None

    return {
        "scenario": find(r"^Scenario : (\w+)"),
        "mode": find(r"^Mode     : (\w+)"),
        "validity": find(r"^Result is : (\w+)"),
        "p50_ns": find(r"^50\.00 percentile latency \(ns\) +: (\S+)"),
        "query_p50_ns": find(r"^50\.00 percentile latency \(ns\) +: (\S+)"),
        "samples_per_query": find(r"^samples_per_query : (\d+)"),
        "samples_per_s": find(r"^Samples per second: (\S+)"),
    }


def _detail(text: str, path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for line in text.splitlines():
        if line.startswith(_MLLOG):
            try:
                entry = json.loads(line.removeprefix(_MLLOG))
            except ValueError:
                raise ArtifactError(f"{path} holds a line that is cut off; copy the log again") from None
            values[str(entry.get("key"))] = entry.get("value")
    return {
        "scenario": values.get("effective_scenario"),
        "mode": values.get("effective_test_mode", "PerformanceOnly"),
        "validity": values.get("result_validity"),
        "p50_ns": values.get("result_50.00_percentile_latency_ns"),
        "query_p50_ns": values.get("result_50.00_percentile_per_query_latency_ns"),
        "samples_per_query": values.get("effective_samples_per_query"),
        "samples_per_s": values.get("result_samples_per_second"),
        "date": _day(values.get("test_datetime")),
    }


def _wanted(facts: Mapping[str, Any], name: str, path: Path) -> float:
    value = facts.get(name)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ArtifactError(f"{path} does not say {name}: the run did not end; run it again") from None


# SageMaker Inference Recommender


def _is_recommender(text: str) -> bool:
    return text.lstrip().startswith("{") and '"InferenceRecommendations"' in text


def _read_recommender(text: str, path: Path) -> Iterator[Reading]:
    """Invocations a minute that an instance of each type took. Latencies there are under that load, and not used."""
    try:
        document = json.loads(text)
        recommendations = document["InferenceRecommendations"]
        for one in recommendations:
            endpoint, metrics = one["EndpointConfiguration"], one.get("Metrics") or {}
            most = metrics.get("MaxInvocations", metrics.get("MaximumInvocations"))
            instance, count = endpoint.get("InstanceType"), int(endpoint.get("InitialInstanceCount") or 1)
            if not instance or not most:  # serverless configurations name no instance
                continue
            yield Reading(
                metric="throughput_per_s",
                value=_positive(float(most) / 60 / count, path),
                instance=f"sagemaker:{instance}",
                noise=SATURATION_NOISE,
                source=f"SageMaker Inference Recommender {document.get('JobName', path.name)}",
                date=_day(document.get("CompletionTime") or document.get("LastModifiedTime")),
                note="most invocations a minute; the latency there is under load and not used",
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(
            f"{path} is not what describe-inference-recommendations-job prints ({type(error).__name__}: {error});"
            " run: aws sagemaker describe-inference-recommendations-job --job-name NAME --output json"
        ) from None


def _day(value: object) -> str:
    """The day of a timestamp, seconds since 1970 or ISO 8601; empty where it names none."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC).date().isoformat()
        if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value[:10]).isoformat()
    except (ValueError, OverflowError, OSError):  # no day of any calendar: as good as none
        pass
    return ""


def _positive(value: float, path: Path) -> float:
    if not 0 < value < float("inf"):
        raise ArtifactError(f"{path} states {value:g} where a figure above 0 is meant; check the run")
    return value


_FORMATS: Final[tuple[tuple[Callable[[str], bool], Callable[[str, Path], Iterator[Reading]]], ...]] = (
    (_is_perf_analyzer, _read_perf_analyzer),
    (_is_loadgen, _read_loadgen),
    (_is_recommender, _read_recommender),
)
