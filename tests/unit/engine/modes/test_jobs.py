from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infercost.engine.modes.jobs import MORNING_S, JobRules, job_of


def rules(**changes):
    given = {
        "start_s": 300.0,
        "load_s": 10.0,
        "granularity_s": 1.0,
        "minimum_s": 0.0,
        "bills_start": True,
        "most_instances": 100,
    }
    return JobRules(**(given | changes))


def test_by_hand():
    job = job_of(100_000, 50.0, rules())
    assert job.instances == 1
    assert job.work_s == 2000
    assert job.duration_s == 2310
    assert job.billed_s == 2310
    assert job.replicas == pytest.approx(2310 / 86_400)


def test_what_is_not_billed_while_it_starts_is_not():
    job = job_of(100_000, 50.0, rules(bills_start=False))
    assert (job.billed_s, job.duration_s) == (2010, 2310)


def test_steps_and_the_minimum_are_of_each_instance():
    assert job_of(100_000, 50.0, rules(granularity_s=30.0)).billed_s == 2310
    assert job_of(100_001, 50.0, rules(granularity_s=30.0)).billed_s == 2340
    assert job_of(10, 50.0, rules(minimum_s=600.0)).billed_s == 600


def test_more_instances_where_one_is_not_done_by_morning():
    # 8 h less 310 s are 28,490 s: 1,424,500 requests at 50 a second are just done, one more needs two instances.
    assert job_of(1_424_500, 50.0, rules()).instances == 1
    two = job_of(1_424_501, 50.0, rules())
    assert two.instances == 2
    assert two.duration_s == pytest.approx(310 + 1_424_501 / 50 / 2)


def test_none_where_the_cloud_allows_too_few():
    assert job_of(1e9, 50.0, rules(most_instances=100)) is None
    assert job_of(10, 50.0, rules(start_s=MORNING_S)) is None


@given(
    requests=st.floats(1, 1e9),
    more=st.floats(1, 10),
    rate=st.floats(0.1, 1e5),
    step=st.sampled_from([1.0, 30.0, 60.0]),
)
def test_more_requests_never_cost_less_and_all_are_done_by_morning(requests, more, rate, step):
    free = rules(most_instances=10**9, granularity_s=step)
    few, many = job_of(requests, rate, free), job_of(requests * more, rate, free)
    assert many.replicas >= few.replicas
    assert few.duration_s <= MORNING_S + 1e-6
    assert few.instances * few.work_s * rate == pytest.approx(requests)
    assert few.billed_s >= few.duration_s - 1e-5
