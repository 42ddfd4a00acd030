from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infercost.domain.calibration import Reading
from infercost.domain.errors import UsageError
from infercost.engine.expected import expect
from infercost.store.artifacts import load_profile
from infercost.store.hardware import describe_machine, load_hardware

TABLE = load_hardware()
PROFILE = load_profile(Path(__file__).parents[3] / "profiles" / "digits.json")
HERE = describe_machine(PROFILE.machine, TABLE)


def hardware(name: str):
    return TABLE.instances["sagemaker", name]


def latency(**fields) -> Reading:
    return Reading(**({"metric": "latency_ms", "value": 1.0, "source": "test"} | fields))


def test_the_profiled_machine_is_expected_to_take_what_it_took():
    point = next(p for p in PROFILE.points if p.batch == 1 and p.threads == 1)
    expected, band = expect(PROFILE, HERE, HERE, latency(threads=1))
    assert expected == pytest.approx(point.latency_ms.typical, rel=0.05)
    assert band > 0


def test_that_it_is_the_very_instance_is_left_aside():
    there = replace(PROFILE, machine=replace(PROFILE.machine, instance_type="sagemaker:ml.c7i.xlarge"))
    _, band = expect(there, HERE, hardware("ml.c7i.xlarge"), latency())
    assert band == expect(PROFILE, HERE, hardware("ml.c7i.xlarge"), latency())[1] > 0.1


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_one_worker_of_any_thread_count_on_a_larger_machine(threads):
    expected, _ = expect(PROFILE, HERE, hardware("ml.c7i.4xlarge"), latency(threads=threads))
    assert 0 < expected < 1e3


def test_without_threads_it_is_one_a_core():
    target = hardware("ml.c7i.2xlarge")
    assert expect(PROFILE, HERE, target, latency()) == expect(PROFILE, HERE, target, latency(threads=int(target.cores)))


def test_a_saturated_instance_is_faster_the_more_cores_it_has():
    reading = Reading(metric="throughput_per_s", value=1.0, source="test")
    small, large = (expect(PROFILE, HERE, hardware(f"ml.c7i.{size}"), reading)[0] for size in ("xlarge", "4xlarge"))
    assert large > 2 * small


def test_a_batch_that_was_not_profiled_is_refused_with_the_command():
    with pytest.raises(UsageError, match=r"batch 7 .*infercost profile|batch 7 .*--batch 1,7"):
        expect(PROFILE, HERE, hardware("ml.c7i.xlarge"), latency(batch=7))


def test_hardware_that_cannot_be_predicted_is_refused_with_the_reason():
    with pytest.raises(UsageError, match="cannot be predicted: no CPU to predict"):
        expect(PROFILE, HERE, replace(hardware("ml.c7i.xlarge"), cpu=None), latency())
