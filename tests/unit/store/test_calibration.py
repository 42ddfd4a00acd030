from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.domain.calibration import Calibrations, MachineCeilings, Observation
from infercost.domain.errors import UnknownNameError, UsageError
from infercost.domain.hardware import Ceilings
from infercost.store.calibration import CALIBRATION_FILE, add, encode, find_calibration, read_calibration, remove


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def seen(measured: float = 12.0, **changes) -> Observation:
    return Observation(
        **{
            "instance": "sagemaker:ml.c7i.xlarge",
            "family": "intel-sapphirerapids",
            "reference": "amd-epyc-milan",
            "model": "resnet50.onnx",
            "sha256": "ab" * 32,
            "precision": "fp32",
            "metric": "latency_ms",
            "measured": measured,
            "predicted": 10.0,
            "source": "infercost profile",
            "date": "2026-11-24",
        }
        | changes
    )


CEILINGS = Ceilings(
    gemm_gflops={"fp32": 95.1, "int8": 187.0},
    conv_gflops={"fp32": 94.0},
    bandwidth_gbps=((65536, 92.5), (268435456, 16.7)),
    dispatch_us=0.288,
    skinny_gemm_gflops={"fp32": 26.7},
    threads=2,
    all_threads_gemm_gflops={"fp32": 190.0},
    all_threads_bandwidth_gbps=23.5,
    source="infercost 0.1.0 microbenchmarks on ONNX Runtime 1.32.0",
    measured_on="sagemaker:ml.c7i.xlarge",
)
MACHINE = MachineCeilings(instance="sagemaker:ml.c7i.xlarge", ceilings=CEILINGS, source="infercost doctor", date="2026-11-24")


def test_what_was_added_is_read(folder):
    path = folder / CALIBRATION_FILE
    kept = add(path, observations=[seen(), seen(11.5, batch=4, threads=2, note="with: a colon")], machines=[MACHINE])
    assert read_calibration(path) == kept == replace(kept, path=str(path))
    assert find_calibration() is not None
    assert [o.measured for o in kept.observations] == [12.0, 11.5]
    assert kept.machines == (MACHINE,)


text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).filter(
    lambda t: t == t.strip() and t.isprintable()
)


@given(model=text, note=text, measured=st.floats(1e-3, 1e6), batch=st.integers(1, 512))
def test_any_observation_survives_the_file(tmp_path_factory, model, note, measured, batch):
    path = tmp_path_factory.mktemp("any") / "c.yml"
    one = seen(measured, model=model, note=note, batch=batch)
    path.write_bytes(encode(Calibrations(observations=(one,))))
    assert read_calibration(path).observations == (one,)


def test_the_same_measurement_twice_is_one(folder):
    path = folder / "c.yml"
    add(path, observations=[seen()])
    before = path.read_bytes()
    kept = add(path, observations=[seen(), seen()])
    assert len(kept.observations) == 1
    assert path.read_bytes() == before


def test_a_machine_measured_again_replaces_the_former(folder):
    add(folder / "c.yml", machines=[MACHINE])
    kept = add(folder / "c.yml", machines=[replace(MACHINE, date="2026-12-01")])
    assert [m.date for m in kept.machines] == ["2026-12-01"]


def test_removing_by_id_and_by_instance(folder):
    path = folder / "c.yml"
    add(path, observations=[seen(), seen(13.0)], machines=[MACHINE])
    kept = remove(path, [seen().id, MACHINE.instance])
    assert kept.observations == (seen(13.0),)
    assert kept.machines == ()


def test_an_unknown_id_removes_nothing(folder):
    path = folder / "c.yml"
    add(path, observations=[seen()])
    before = path.read_bytes()
    with pytest.raises(UnknownNameError, match="unknown measurement 'feedbeef'"):
        remove(path, [seen().id, "feedbeef"])
    assert path.read_bytes() == before


def test_two_at_a_time_lose_nothing(folder):
    path = folder / "c.yml"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: add(path, observations=[seen(10.0 + n)]), range(12)))
    assert len(read_calibration(path).observations) == 12


def test_the_file_is_for_people(folder):
    add(folder / "c.yml", observations=[seen()])
    lines = (folder / "c.yml").read_text().splitlines()
    assert lines[0].startswith("# What was measured")
    assert "  measured: 12.0" in lines
    assert f"- id: {seen().id}" in lines


def test_an_id_that_was_edited_is_named_anew(folder):
    path = folder / "c.yml"
    add(path, observations=[seen()])
    path.write_text(path.read_text().replace(seen().id, "00000000"))
    assert read_calibration(path).observations == (seen(),)


def test_an_empty_file_holds_nothing(folder):
    (folder / "c.yml").write_text("# nothing yet\n")
    assert read_calibration(folder / "c.yml") == Calibrations(path=str(folder / "c.yml"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("measured: 12.0", "measured: fast"), "c.yml:13:13: expected a number, got 'fast'"),
        (("measured: 12.0", "measured: 0"), "above 0"),
        (("predicted:", "predictd:"), "unknown key 'predictd'; did you mean predicted\\?"),
        (("metric: latency_ms", "metric: latency"), "unknown metric 'latency'; did you mean latency_ms\\?"),
        (("instance: sagemaker:ml.c7i.xlarge", "instance: ml.c7i.xlarge"), "expected cloud:type"),
        (("2026-11-24", "24.11.2026"), "expected a date such as"),
        (("batch: 1", "batch: 1.5"), "whole number"),
        (("noise: 0.05", "noise: 5"), "expected 0 … 1"),
        (("version: 1", "version: 9"), "reads version 1"),
    ],
)
def test_mistakes_are_named_with_their_place(folder, change, complaint):
    path = folder / "c.yml"
    add(path, observations=[seen()])
    content = path.read_text()
    assert change[0] in content
    path.write_text(content.replace(*change))
    with pytest.raises(UsageError, match=complaint):
        read_calibration(path)


def test_a_damaged_file_is_not_written_over(folder):
    path = folder / "c.yml"
    path.write_text("version: 1\nobservations: 3\n")
    with pytest.raises(UsageError, match="must be a list"):
        add(path, observations=[seen()])
    assert path.read_text() == "version: 1\nobservations: 3\n"


@pytest.mark.parametrize("field", ["source", "reference", "family", "note"])
def test_what_has_no_words_can_be_read_again(folder, field):
    add(folder / CALIBRATION_FILE, observations=[seen(**{field: ""})])
    (read,) = read_calibration(folder / CALIBRATION_FILE).observations
    assert getattr(read, field) == ""
