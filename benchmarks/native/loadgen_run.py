"""One run of MLPerf LoadGen over ONNX Runtime's Python binding; one line of JSON on stdout.

loadgen_run.py MODEL ARRAYS SCENARIO SECONDS [RATE LIMIT_MS]

Run by bench_loadgen.py in a process of its own, which has LoadGen's binding on its path.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import mlperf_loadgen as lg
import numpy as np
import onnxruntime as ort


def main() -> None:
    model, arrays, scenario, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    with np.load(arrays) as stored:
        for index, one in enumerate(session.get_inputs()):
            binding.bind_ortvalue_input(one.name, ort.OrtValue.ortvalue_from_numpy(stored[str(index)], "cpu", 0))
    for one in session.get_outputs():
        binding.bind_output(one.name, "cpu")
    for _ in range(200):
        session.run_with_iobinding(binding)

    def issue(samples) -> None:
        for sample in samples:
            session.run_with_iobinding(binding)
            lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, 0, 0)])

    settings = lg.TestSettings()
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_duration_ms = round(seconds * 1e3)
    if scenario == "server":
        settings.scenario = lg.TestScenario.Server
        settings.server_target_qps = float(sys.argv[5])
        settings.server_target_latency_ns = round(float(sys.argv[6]) * 1e6)
        settings.server_target_latency_percentile = 0.99
        settings.server_coalesce_queries = False
        settings.min_query_count = round(seconds * settings.server_target_qps)
    else:
        settings.scenario = lg.TestScenario.SingleStream
        settings.single_stream_expected_latency_ns = 20_000
    with tempfile.TemporaryDirectory() as folder:
        output = lg.LogOutputSettings()
        output.outdir = folder
        output.copy_summary_to_stdout = False
        log = lg.LogSettings()
        log.log_output = output
        log.enable_trace = False
        sut = lg.ConstructSUT(issue, lambda: None)
        qsl = lg.ConstructQSL(64, 64, lambda _: None, lambda _: None)
        lg.StartTestWithLogSettings(sut, qsl, settings, log)
        lg.DestroyQSL(qsl)
        lg.DestroySUT(sut)
        summary = Path(folder, "mlperf_log_summary.txt").read_text()

    def figure(pattern: str) -> float | None:
        match = re.search(pattern + r"\s*:\s*([\d.]+)", summary)
        return float(match[1]) if match else None

    print(
        json.dumps(
            {
                "valid": "Result is : VALID" in summary,
                "p50_ns": figure(r"50\.00 percentile latency \(ns\)"),
                "p99_ns": figure(r"99\.00 percentile latency \(ns\)"),
                "rate": figure(r"Completed samples per second") or figure(r"QPS w/o loadgen overhead"),
                "summary": summary,
            }
        )
    )


main()
