from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import infercost
from infercost.app import calibrated, calibrating
from infercost.domain.diagnosis import Diagnosis, Limits, Software
from infercost.domain.errors import ArtifactError, InfercostError, UnknownNameError, UsageError
from infercost.domain.hardware import Ceilings
from infercost.domain.microbench import Microbenchmarks
from infercost.domain.profile import RawLatencies, Served
from infercost.domain.statistics import min_samples
from infercost.store.artifacts import load_profile, save
from infercost.store.calibration import CALIBRATION_FILE, read_calibration
from infercost.store.hardware import describe_machine, load_hardware

ROOT = Path(__file__).parents[3]
HERE = load_profile(ROOT / "profiles" / "digits.json")
OTHER = load_profile(ROOT / "profiles" / "resnet50.json")
FILES = ROOT / "tests" / "unit" / "store" / "benchmark_files"
C7I = "sagemaker:ml.c7i.xlarge"
CEILINGS = Ceilings(
    gemm_gflops={"fp32": 200.0}, conv_gflops={"fp32": 180.0}, bandwidth_gbps=((65536, 90.0),), dispatch_us=0.3, source="s",
    measured_on="here",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERCOST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def expected_ms(batch: int = 1, threads: int = 1) -> float:
    from infercost.domain.calibration import Reading
    from infercost.engine.expected import expect

    table = load_hardware()
    target = table.instances["sagemaker", "ml.c7i.xlarge"]
    reading = Reading(metric="latency_ms", value=1.0, batch=batch, threads=threads, source="test")
    return expect(HERE, describe_machine(HERE.machine, table), target, reading, calibrated.predictor())[0]


def there(factor: float = 1.2, **changes):
    """A profile as if taken on the instance: so many times as slow as predicted."""
    points = []
    for point in HERE.points:
        seconds = [factor * expected_ms(point.batch, point.threads) / 1e3] * min_samples(99)
        stats = type(point.latency_ms).of(seconds)
        points.append(replace(point, latency_ms=stats, raw=RawLatencies.pack(seconds)))
    machine = replace(HERE.machine, instance_type=C7I, cpu_family="intel-sapphirerapids")
    return replace(HERE, points=tuple(points), machine=machine, **changes)


def test_a_profile_from_an_instance_moves_its_family_and_narrows_the_band():
    kept = calibrating.calibrate_profile(there(1.2), reference=HERE)
    (family,) = kept.families
    assert len(kept.observations) == len(HERE.points)
    assert all(o.ratio == pytest.approx(1.2, rel=0.02) for o in kept.observations)
    assert (family.family, family.n) == ("intel-sapphirerapids", len(HERE.points))
    assert 1.1 < family.ratio < 1.2
    assert family.band < 0.6 * family.band_before
    assert read_calibration(Path(CALIBRATION_FILE)).observations == kept.observations


def test_the_estimate_takes_it_up_and_says_so():
    asked = {"rps": 50, "providers": ["sagemaker"], "instances": ["ml.c7i.xlarge", "ml.m5.large"], "today": date(2026, 11, 24)}
    before = infercost.estimate(HERE, **asked)
    calibrating.calibrate_profile(there(1.2), reference=HERE)
    after = infercost.estimate(HERE, **asked)
    was, now = ({c.instance_type: c for c in e.candidates} for e in (before, after))
    assert was["ml.m5.large"] == now["ml.m5.large"]
    assert (was["ml.c7i.xlarge"].provenance, now["ml.c7i.xlarge"].provenance) == ("modelled", "calibrated")
    assert now["ml.c7i.xlarge"].band < was["ml.c7i.xlarge"].band
    assert now["ml.c7i.xlarge"].latency_ms.p50 > was["ml.c7i.xlarge"].latency_ms.p50
    assert any(f"calibrated by {len(HERE.points)} measurements in {CALIBRATION_FILE}" in n for n in now["ml.c7i.xlarge"].notes)


def test_the_file_may_be_named_and_a_missing_one_is_refused(folder):
    calibrating.calibrate_profile(there(), reference=HERE, path=folder / "mine.yml")
    asked = {"rps": 50, "instances": ["ml.c7i.xlarge"], "providers": ["sagemaker"]}
    assert infercost.estimate(HERE, **asked).candidates[0].provenance == "modelled"
    assert infercost.estimate(HERE, calibration=folder / "mine.yml", **asked).candidates[0].provenance == "calibrated"
    with pytest.raises(UsageError, match=r"cannot read none.yml"):
        infercost.estimate(HERE, calibration="none.yml", **asked)


def test_a_project_file_may_name_it(folder):
    from infercost.app.project import arguments, read_targets

    (folder / "sub").mkdir()
    (folder / "sub" / "infercost.yml").write_text(
        "version: 1\ndefaults: {rps: 5, calibration: mine.yml}\ntargets: {a: {source: p.json}}\n"
    )
    (target,) = read_targets(folder / "sub" / "infercost.yml")
    assert arguments(target)["calibration"] == folder / "sub" / "mine.yml"


def test_taking_in_the_same_profile_twice_changes_nothing():
    calibrating.calibrate_profile(there(), reference=HERE)
    before = Path(CALIBRATION_FILE).read_bytes()
    calibrating.calibrate_profile(there(), reference=HERE)
    assert Path(CALIBRATION_FILE).read_bytes() == before


def test_profiles_of_different_models_are_refused():
    with pytest.raises(UsageError, match=r"not the same file.*infercost profile MODEL"):
        calibrating.calibrate_profile(there(), reference=OTHER)


def test_an_endpoints_profile_calibrates_nothing():
    served = Served(protocol="open-inference-v2", path="/v2/models/m", server="s", platform="p", loopback=True, requests=9)
    for pair in ((replace(there(), served=served), HERE), (there(), replace(HERE, served=served))):
        with pytest.raises(UsageError, match="latencies have network and server in them"):
            calibrating.calibrate_profile(pair[0], reference=pair[1])
    with pytest.raises(UsageError, match="the reference is the profile of an endpoint"):
        infercost_number(reference=replace(HERE, served=served))


def test_a_profile_without_its_instance_is_refused_unless_it_is_given():
    lost = there()
    lost = replace(lost, machine=replace(lost.machine, instance_type=None))
    with pytest.raises(UsageError, match=r"--instance sagemaker:ml.c7i.xlarge"):
        calibrating.calibrate_profile(lost, reference=HERE)
    assert calibrating.calibrate_profile(lost, reference=HERE, instance=C7I).observations


def test_points_that_had_not_settled_are_trusted_less():
    profile = there()
    profile = replace(profile, points=(replace(profile.points[0], stable=False), *profile.points[1:]))
    kept = calibrating.calibrate_profile(profile, reference=HERE)
    assert kept.observations[0].noise > kept.observations[1].noise


def test_a_profiles_microbenchmarks_come_along():
    kept = calibrating.calibrate_profile(there(ceilings=CEILINGS), reference=HERE)
    assert [m.instance for m in kept.machines] == [C7I]
    assert kept.machines[0].ceilings.measured_on == C7I


def test_one_figure_by_hand():
    kept = calibrating.calibrate_number(
        reference=HERE, instance=C7I, p50_ms=2 * expected_ms(1, 2), source="CloudWatch", day=date(2026, 11, 1), note="at night"
    )
    (one,) = kept.observations
    assert one.ratio == pytest.approx(2.0, rel=1e-3)
    assert (one.source, one.date, one.note, one.batch, one.threads) == ("CloudWatch", "2026-11-01", "at night", 1, None)


def test_throughput_by_hand_counts_the_other_way_round():
    slow = calibrating.calibrate_number(reference=HERE, instance=C7I, throughput_per_s=1.0)
    assert slow.observations[0].ratio > 1
    assert slow.families[0].ratio > 1


@pytest.mark.parametrize("figures", [{}, {"p50_ms": 0.0}, {"p50_ms": -1.0}, {"throughput_per_s": float("inf")}])
def test_figures_that_are_none_are_refused(figures):
    with pytest.raises(UsageError, match="--p50 12ms"):
        calibrating.calibrate_number(reference=HERE, instance=C7I, **figures)
    assert not Path(CALIBRATION_FILE).exists()


def test_a_figure_beyond_the_published_band_is_kept_with_a_warning():
    kept = calibrating.calibrate_number(reference=HERE, instance=C7I, p50_ms=20 * expected_ms(1, 2))
    (warning,) = kept.warnings
    assert "outside of the published band" in warning
    assert f"infercost calibrate remove {kept.observations[0].id}" in warning
    assert kept.families[0].surprising


@pytest.mark.parametrize("instance", ["sagemaker:ml.c7i.xlargee", "c7i"])
def test_an_unknown_instance_is_refused_with_the_nearest(instance):
    with pytest.raises(UnknownNameError, match="unknown instance"):
        calibrating.calibrate_number(reference=HERE, instance=instance, p50_ms=1.0)


def test_a_batch_that_was_not_profiled_here_is_refused():
    with pytest.raises(UsageError, match="--batch 1,7"):
        calibrating.calibrate_number(reference=HERE, instance=C7I, p50_ms=1.0, batch=7)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("perf_analyzer.csv", "latency_ms"),
        ("loadgen-singlestream-summary.txt", "latency_ms"),
        ("loadgen-offline-detail.txt", "throughput_per_s"),
    ],
)
def test_results_of_other_tools(name, metric):
    kept = calibrating.calibrate_file(FILES / name, reference=HERE, instance=C7I, day=date(2026, 11, 2))
    assert [o.metric for o in kept.observations] == [metric]
    assert kept.observations[0].date in ("2026-11-02", "2026-11-24")


def test_a_file_that_names_its_instances_needs_none_and_may_be_restricted():
    assert len(calibrating.calibrate_file(FILES / "recommender.json", reference=OTHER).observations) == 2
    only = calibrating.calibrate_file(FILES / "recommender.json", reference=OTHER, instance=C7I, path="b.yml")
    assert [o.instance for o in only.observations] == [C7I]
    with pytest.raises(UsageError, match=r"no figure of sagemaker:ml.g5.xlarge"):
        calibrating.calibrate_file(FILES / "recommender.json", reference=OTHER, instance="sagemaker:ml.g5.xlarge")


def test_a_file_that_does_not_name_its_instance_needs_one():
    with pytest.raises(UsageError, match="does not say which instance"):
        calibrating.calibrate_file(FILES / "perf_analyzer.csv", reference=HERE)


def test_every_file_but_doctors_needs_a_reference():
    with pytest.raises(UsageError, match=r"--reference here.json"):
        calibrating.calibrate_file(FILES / "perf_analyzer.csv", instance=C7I)


def test_a_profile_may_be_imported_too(folder):
    save(there(), folder / "there.json")
    assert calibrating.calibrate_file(folder / "there.json", reference=HERE).observations


def diagnosis(**changes) -> Diagnosis:
    measured = Microbenchmarks(
        infercost_version="0", created="2026-11-20T00:00:00+00:00", fingerprint="f", seconds=9.0, ceilings=CEILINGS, figures=()
    )
    made = Diagnosis(
        created="2026-11-24T00:00:00+00:00", machine=replace(HERE.machine, instance_type=C7I), hardware="h",
        limits=Limits(None, None, 1), microbenchmarks=measured, comparisons=(), software=Software("3", "0", "1", ()), extras=(),
        prices=(), caches=(), providers=(), findings=(),
    )  # fmt: skip
    return replace(made, **changes)


def test_what_doctor_found_on_an_instance_equips_it(folder, monkeypatch):
    from infercost.engine import predict

    save(diagnosis(), folder / "doctor.json")
    kept = calibrating.calibrate_file(folder / "doctor.json")
    assert [(m.instance, m.date) for m in kept.machines] == [(C7I, "2026-11-20")]
    seen, original = [], predict.predict_all

    def predict_all(profile, source, targets, **fitted):
        seen.extend(targets)
        return original(profile, source, targets, **fitted)

    monkeypatch.setattr(predict, "predict_all", predict_all)
    table = load_hardware()
    targets = [table.instances["sagemaker", name] for name in ("ml.c7i.xlarge", "ml.c7i.2xlarge")]
    calibrated.predict_calibrated(calibrated.open_calibrations(None), HERE, describe_machine(HERE.machine, table), targets)
    assert seen[0].measured.gemm_gflops == {"fp32": 200.0}
    assert seen[1].measured is None


@pytest.mark.parametrize(
    ("change", "error"),
    [({"machine": HERE.machine}, "--instance"), ({"microbenchmarks": None}, "infercost doctor --format json")],
)
def test_what_doctor_did_not_find_is_said(folder, change, error):
    save(diagnosis(**change), folder / "doctor.json")
    with pytest.raises(InfercostError, match=error):
        calibrating.calibrate_file(folder / "doctor.json")


def test_a_json_file_of_nobody_is_refused(folder):
    (folder / "a.json").write_text(json.dumps({"kind": "other"}))
    with pytest.raises(ArtifactError, match="no result of perf_analyzer"):
        calibrating.calibrate_file(folder / "a.json", reference=HERE, instance=C7I)


def test_listing_with_a_reference_says_what_comes_of_it():
    calibrating.calibrate_profile(there(), reference=HERE)
    assert calibrating.list_calibrations().families == ()
    same, other = (calibrating.list_calibrations(reference=profile).families[0] for profile in (HERE, OTHER))
    assert same.band < other.band < other.band_before


def test_listing_nothing_says_how_to_begin():
    with pytest.raises(UsageError, match="infercost calibrate profile"):
        calibrating.list_calibrations()


def test_removing_leaves_the_prediction_as_it_was():
    kept = calibrating.calibrate_profile(there(), reference=HERE)
    left = calibrating.remove_calibrations([o.id for o in kept.observations])
    assert left.observations == ()
    asked = {"rps": 50, "instances": ["ml.c7i.xlarge"], "providers": ["sagemaker"]}
    assert infercost.estimate(HERE, **asked).candidates[0].provenance == "modelled"


def test_measurements_of_this_model_are_held_against_todays_prediction():
    kept = calibrating.calibrate_profile(there(1.2), reference=HERE)
    stale = replace(kept, observations=tuple(replace(o, predicted=9 * o.predicted) for o in kept.observations))
    table = load_hardware()
    source, target = describe_machine(HERE.machine, table), table.instances["sagemaker", "ml.c7i.xlarge"]
    (now,), (before,) = (calibrated.predict_calibrated(c, HERE, source, [target]) for c in (stale, kept))
    assert now.points == before.points
    assert now.band == before.band


def test_measurements_of_another_model_stay_as_they_were_taken_in():
    kept = calibrating.calibrate_profile(there(1.2), reference=HERE)
    foreign = replace(kept, observations=tuple(replace(o, sha256="0" * 64) for o in kept.observations))
    stale = replace(foreign, observations=tuple(replace(o, predicted=1.1 * o.predicted) for o in foreign.observations))
    table = load_hardware()
    source, target = describe_machine(HERE.machine, table), table.instances["sagemaker", "ml.c7i.xlarge"]
    (one,), (other,) = (calibrated.predict_calibrated(c, HERE, source, [target]) for c in (foreign, stale))
    assert one.points[0].service_s > other.points[0].service_s


def test_a_source_of_no_words_is_stated_by_hand():
    kept = infercost_number(source="  ")
    assert kept.observations[0].source == "stated by hand"
    assert read_calibration(Path(CALIBRATION_FILE)).observations == kept.observations


def test_a_measurement_cannot_be_of_a_day_to_come():
    with pytest.raises(UsageError, match=r"2999-01-01 is yet to come.*--date"):
        infercost_number(day=date(2999, 1, 1))
    assert not Path(CALIBRATION_FILE).exists()


def test_a_worker_of_more_threads_than_cores_is_told_the_cores():
    with pytest.raises(UsageError, match=r"c7i.xlarge has 2 cores.*99 threads.*--threads 2$"):
        infercost_number(threads=99)


def test_a_profile_of_no_day_is_refused_before_it_spoils_the_file():
    with pytest.raises(ArtifactError, match=r"'some day'.*no date"):
        calibrating.calibrate_profile(there(created="some day"), reference=HERE, instance=C7I)
    assert not Path(CALIBRATION_FILE).exists()


def infercost_number(**changes):
    return calibrating.calibrate_number(**{"reference": HERE, "instance": C7I, "p50_ms": 1.0} | changes)
