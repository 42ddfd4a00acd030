from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infercost.domain.calibration import Observation
from infercost.domain.hardware import Calibration
from infercost.domain.prediction import PredictedPoint, Prediction, Serving
from infercost.engine.calibrate import FLOOR, Z90, apply, as_calibration, family_of, pool
from infercost.store.hardware import load_hardware

TABLE = load_hardware()
C7I = TABLE.instances["sagemaker", "ml.c7i.xlarge"]
G5 = TABLE.instances["sagemaker", "ml.g5.xlarge"]


def seen(
    ratio: float, *, model: str = "a", batch: int = 1, reference: str = "here", noise: float = 0.05, **fields
) -> Observation:
    return Observation(
        **{
            "instance": "sagemaker:ml.c7i.xlarge",
            "family": "there",
            "reference": reference,
            "model": model,
            "sha256": model,
            "precision": "fp32",
            "metric": "latency_ms",
            "measured": 10.0 * ratio,
            "predicted": 10.0,
            "batch": batch,
            "noise": noise,
            "source": "test",
            "date": "2026-11-24",
        }
        | fields
    )


def pooled(observations, *, model="a", family="there", precision="fp32", reference="here", band=0.6):
    return pool(observations, family=family, sha256=model, precision=precision, reference=reference, band=band)


bands = st.floats(0.11, 4.0)
noises = st.floats(0.01, 0.4)
# Ratios within what the narrowest of these bands allows: nothing surprising.
observations = st.lists(
    st.builds(
        seen,
        st.floats(0.95, 1.05),
        model=st.sampled_from("abc"),
        batch=st.sampled_from([1, 4, 16]),
        reference=st.sampled_from(["here", "elsewhere"]),
        noise=noises,
    ),
    max_size=6,
)


def test_without_measurements_the_published_band_stays():
    result = pooled([])
    assert (result.ratio, result.band, result.n, result.surprising) == (1.0, 0.6, 0, False)


@pytest.mark.parametrize("other", [{"family": "elsewhere"}, {"precision": "int8"}])
def test_another_family_or_precision_says_nothing(other):
    assert pooled([seen(1.3, **other)]) == pooled([])


@given(observations, bands)
def test_measurements_that_the_published_errors_allow_never_widen_the_band(found, band):
    result = pooled(found, band=band)
    assert result.band <= band * (1 + 1e-9)
    assert result.band >= min(FLOOR, band)


@given(observations, st.floats(0.95, 1.05), noises, bands)
def test_one_more_measurement_never_widens_the_band(found, ratio, noise, band):
    before, after = pooled(found, band=band), pooled([*found, seen(ratio, noise=noise, batch=2)], band=band)
    assume(not before.surprising and not after.surprising)
    assert after.band <= before.band * (1 + 1e-9)


@given(st.floats(0.3, 3.0), noises, bands)
def test_one_measurement_moves_the_prediction_towards_it_and_not_beyond(ratio, noise, band):
    result = pooled([seen(ratio, noise=noise)], band=band)
    low, high = sorted((1.0, ratio))
    assert low - 1e-9 <= result.ratio <= high + 1e-9
    if abs(math.log(ratio)) > 1e-3:
        assert result.ratio != 1.0


@given(observations, bands, st.randoms(use_true_random=False))
def test_the_order_of_measurements_does_not_matter(found, band, rng):
    shuffled = [*found]
    rng.shuffle(shuffled)
    one, other = pooled(found, band=band), pooled(shuffled, band=band)
    assert one.ratio == pytest.approx(other.ratio, rel=1e-6)
    assert one.band == pytest.approx(other.band, rel=1e-6)


@given(observations, bands)
def test_slower_and_faster_are_treated_alike(found, band):
    mirrored = [seen(1 / o.ratio, model=o.sha256, batch=o.batch, reference=o.reference, noise=o.noise) for o in found]
    one, other = pooled(found, band=band), pooled(mirrored, band=band)
    assert one.ratio * other.ratio == pytest.approx(1.0, rel=1e-6)
    assert one.band == pytest.approx(other.band, rel=1e-6)


@given(st.floats(0.6, 1.5), bands)
def test_this_model_says_more_than_another_and_here_more_than_elsewhere(ratio, band):
    same, other = pooled([seen(ratio)], band=band), pooled([seen(ratio, model="b")], band=band)
    far = pooled([seen(ratio, model="b", reference="elsewhere")], band=band)
    assert abs(math.log(same.ratio)) >= abs(math.log(other.ratio)) >= abs(math.log(far.ratio))
    if not same.surprising:
        assert same.band <= other.band <= far.band


def test_repeating_one_configuration_proves_nothing_of_others():
    many = pooled([seen(1.2, source=str(i), date=f"2026-11-{i:02}") for i in range(1, 29)])
    four = pooled([seen(1.2, batch=batch) for batch in (1, 2, 4, 8)])
    sigma = math.log1p(0.6) / Z90
    assert many.band > math.expm1(Z90 * sigma * math.sqrt(0.2))
    assert four.band < many.band


def test_other_models_pin_what_the_family_has_in_common_and_no_more():
    hundred = pooled([seen(1.2, model=f"m{i}") for i in range(100)], model="new")
    sigma = math.log1p(0.6) / Z90
    assert hundred.ratio == pytest.approx(1.2, rel=0.01)
    assert hundred.band == pytest.approx(math.expm1(Z90 * sigma * math.sqrt(0.5)), rel=0.02)


@pytest.mark.parametrize("ratio", [0.2, 5.0])
def test_measurements_that_contradict_the_published_errors_widen_the_band_and_say_so(ratio):
    result = pooled([seen(ratio)])
    assert result.surprising
    assert result.band > 0.6


def test_throughput_counts_the_other_way_round():
    fast = seen(1.0, metric="throughput_per_s", measured=200.0, predicted=100.0)
    assert fast.ratio == 0.5
    assert pooled([fast]).ratio < 1


def test_the_id_follows_from_what_was_measured():
    assert seen(1.1).id == seen(1.1, source="another file").id
    assert len({seen(1.1).id, seen(1.2).id, seen(1.1, batch=2).id, seen(1.1, model="b").id}) == 4


def prediction(**changes) -> Prediction:
    point = PredictedPoint(serving=Serving(workers=1, threads=2), service_s=0.02, single_s=0.01, memory_bytes=5)
    made = Prediction(
        provider="sagemaker",
        instance_type="ml.c7i.xlarge",
        provenance="modelled",
        band=0.6,
        cv=0.05,
        points=(point,),
        basis="B",
    )
    return replace(made, **changes)


CALIBRATION = Calibration(family="intel-sapphirerapids", ratio=1.5, band=0.2, n=2, source="mine.yml")


def test_predictions_of_the_family_are_moved_narrowed_and_say_why():
    (moved,) = apply([prediction()], [C7I], {CALIBRATION.family: CALIBRATION})
    assert (moved.provenance, moved.band) == ("calibrated", 0.2)
    assert (moved.points[0].service_s, moved.points[0].single_s) == (pytest.approx(0.03), pytest.approx(0.015))
    assert moved.basis == "B; calibrated by 2 measurements in mine.yml: x1.50"


@pytest.mark.parametrize(
    "unmoved", [prediction(provenance="measured"), prediction(points=(), reasons=("none",))], ids=["measured", "declined"]
)
def test_what_was_measured_or_declined_stays(unmoved):
    assert apply([unmoved], [C7I], {CALIBRATION.family: CALIBRATION}) == [unmoved]


def test_other_families_stay():
    assert apply([prediction()], [G5], {CALIBRATION.family: CALIBRATION}) == [prediction()]
    assert apply([prediction()], [C7I], {CALIBRATION.family: replace(CALIBRATION, n=0)}) == [prediction()]


def test_a_family_is_the_accelerator_where_there_is_one():
    assert family_of(G5) == "A10G"
    assert family_of(C7I) == "intel-sapphirerapids"
    assert family_of(replace(C7I, cpu=None)) is None


def test_in_the_form_that_predictions_take():
    made = as_calibration(pooled([seen(1.2)]), "mine.yml")
    assert (made.family, made.n, made.source, made.precision) == ("there", 1, "mine.yml", "fp32")


anything = st.builds(
    seen,
    st.floats(0.2, 5.0),
    model=st.sampled_from("abc"),
    batch=st.sampled_from([1, 4]),
    reference=st.sampled_from(["here", "elsewhere", "third"]),
    noise=noises,
)


@given(st.lists(anything, min_size=1, max_size=6), st.integers(0, 5), st.floats(1.01, 4.0))
def test_a_slower_measurement_never_speeds_a_prediction_up(known, which, slower):
    which %= len(known)
    one = known[which]
    changed = [*known[:which], replace(one, measured=one.measured * slower), *known[which + 1 :]]
    assert pooled(changed).ratio >= pooled(known).ratio * (1 - 1e-9)


def test_what_another_reference_saw_of_another_model_does_not_pull_the_wrong_way():
    here, elsewhere = seen(1.0, model="b"), seen(1.0, model="b", reference="elsewhere")
    assert pooled([here, replace(elsewhere, measured=40.0)]).ratio >= pooled([here, elsewhere]).ratio
