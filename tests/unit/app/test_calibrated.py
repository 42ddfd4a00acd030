from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infercost.app.calibrated import families_of, open_calibrations, predict_calibrated, predictor, reference_of, source_of
from infercost.domain.calibration import Calibrations, Observation
from infercost.domain.errors import UsageError
from infercost.store.artifacts import load_profile
from infercost.store.calibration import CALIBRATION_FILE, add
from infercost.store.hardware import load_hardware

PROFILE = load_profile(Path(__file__).parents[3] / "profiles" / "digits.json")
SOURCE = source_of(PROFILE)
TARGETS = [load_hardware().instances["sagemaker", name] for name in ("ml.c7i.xlarge", "ml.c7i.4xlarge", "ml.c6g.xlarge")]


def seen(**changes) -> Observation:
    return Observation(
        **{
            "instance": "sagemaker:ml.c7i.xlarge",
            "family": "intel-sapphirerapids",
            "reference": reference_of(SOURCE),
            "model": "another.onnx",
            "sha256": "0" * 64,
            "precision": "fp32",
            "metric": "latency_ms",
            "measured": 12.0,
            "predicted": 10.0,
            "source": "test",
            "date": "2026-11-24",
        }
        | changes
    )


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_measurements_predictions_are_the_predictors():
    assert predict_calibrated(None, PROFILE, SOURCE, TARGETS) == predictor()(PROFILE, SOURCE, TARGETS)
    assert predict_calibrated(Calibrations(), PROFILE, SOURCE, TARGETS) == predictor()(PROFILE, SOURCE, TARGETS)


def test_every_size_of_the_family_moves_and_no_other_does():
    before = predictor()(PROFILE, SOURCE, TARGETS)
    after = predict_calibrated(Calibrations(observations=(seen(),)), PROFILE, SOURCE, TARGETS)
    small, large = (now.points[0].service_s / was.points[0].service_s for now, was in zip(after[:2], before[:2], strict=True))
    assert 1 < small < 1.2
    assert 1 < large < 1.2
    assert after[2] == before[2]
    assert "1 measurement in the user's own" in after[0].basis


def test_a_gpu_is_not_moved_by_what_its_cpu_did():
    target = replace(load_hardware().instances["sagemaker", "ml.g5.xlarge"], cpu=TARGETS[0].cpu)
    known = Calibrations(observations=(seen(),))
    assert predict_calibrated(known, PROFILE, SOURCE, [target]) == predictor()(PROFILE, SOURCE, [target])


def test_measurements_on_an_instance_that_the_table_lost_still_count_by_family():
    known = Calibrations(observations=(seen(instance="sagemaker:ml.gone.xlarge"),))
    (after,) = predict_calibrated(known, PROFILE, SOURCE, TARGETS[:1])
    assert after.provenance == "calibrated"
    assert families_of(known, PROFILE) == ()


def test_what_is_opened_is_what_was_given_else_the_folders_file(folder):
    given = Calibrations(observations=(seen(),))
    assert open_calibrations(given) is given
    assert open_calibrations(None) is None
    kept = add(folder / CALIBRATION_FILE, observations=[seen()])
    found = open_calibrations(None)
    assert found is not None
    assert found.observations == kept.observations
    assert open_calibrations(None, search=False) is None
    with pytest.raises(UsageError, match="--calibration"):
        open_calibrations("none.yml")
