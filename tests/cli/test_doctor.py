from __future__ import annotations

import pytest

from infercost.domain.hardware import Ceilings
from infercost.domain.microbench import Microbenchmark, Microbenchmarks
from infercost.runtime import microbench


@pytest.fixture(autouse=True)
def no_limit(monkeypatch):
    monkeypatch.delenv("INFERCOST_CACHE_LIMIT", raising=False)


def measured(disturbed: float = 0.0) -> Microbenchmarks:
    ceilings = Ceilings(
        gemm_gflops={"fp32": 90.0}, conv_gflops={"fp32": 85.0}, bandwidth_gbps=((65536, 90.0),), dispatch_us=0.3, source="s",
        measured_on="here",
    )  # fmt: skip
    figure = Microbenchmark(name="gemm_fp32", unit="GFLOP/s", threads=1, value=90.0, spread=0.01, blocks=9, disturbed=disturbed)
    return Microbenchmarks(
        infercost_version="0", created="2026-11-24T00:00:00+00:00", fingerprint="f", seconds=5.0, ceilings=ceilings,
        figures=(figure,),
    )  # fmt: skip


def test_a_table_on_stdout_and_nothing_on_stderr(infercost):
    done = infercost("doctor", "--no-bench")
    assert done.code == 0
    assert done.err == ""
    assert all(text in done.out for text in ("Machine", "Software", "ONNX Runtime", "verdict", "run: infercost doctor"))


def test_json_for_programs(infercost):
    done = infercost("doctor", "--no-bench", "--format", "json")
    assert (done.json["kind"], done.json["microbenchmarks"]) == ("diagnosis", None)
    assert {finding["area"] for finding in done.json["findings"]} >= {"machine", "software", "prices", "providers"}


def test_the_microbenchmarks_are_shown(infercost, monkeypatch):
    monkeypatch.setattr(microbench, "microbenchmark", lambda **_: measured())
    done = infercost("doctor")
    assert done.code == 0
    assert "matrix product fp32" in done.out
    assert "90 GFLOP/s" in done.out


def test_disturbed_microbenchmarks_exit_4(infercost, monkeypatch):
    monkeypatch.setattr(microbench, "microbenchmark", lambda **_: measured(0.9))
    assert infercost("doctor").code == 4


def test_a_broken_file_exits_2(infercost, tmp_path):
    (tmp_path / "infercost-calibration.yml").write_text("version: 7\n")
    done = infercost("doctor", "--no-bench")
    assert done.code == 2
    assert "this release reads version 1" in " ".join(done.out.split())


def test_an_unknown_instance_exits_2_with_one_line(infercost):
    done = infercost("doctor", "--no-bench", "--on", "ml.c7i")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: unknown instance")


def test_written_to_a_file(infercost, tmp_path):
    done = infercost("doctor", "--no-bench", "--out", "doctor.json")
    assert (done.out, done.err) == ("", "wrote doctor.json\n")
    assert '"kind": "diagnosis"' in (tmp_path / "doctor.json").read_text()
