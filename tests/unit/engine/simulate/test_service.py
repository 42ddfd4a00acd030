from __future__ import annotations

import numpy as np
import pytest

from infercost.domain.errors import UsageError
from infercost.engine.simulate.service import affine, as_service, constant, empirical, exponential, lognormal


def test_affine_is_s0_and_s1_a_request():
    np.testing.assert_allclose(affine(0.01, 0.002).draws(4).scale_s[1:], [0.012, 0.014, 0.016, 0.018])


def test_a_lognormal_keeps_its_mean():
    draws = lognormal(0.2, 0.7).draws(1)
    assert draws.scale_s[1] * np.exp(draws.sigma**2 / 2) == pytest.approx(0.2)
    assert np.sqrt(np.expm1(draws.sigma**2)) == pytest.approx(0.7)


def of_size(draws, size):
    return draws.samples_s[draws.offsets[size] : draws.offsets[size + 1]]


def test_measured_sizes_are_kept_and_those_between_lie_between():
    draws = empirical({2: [3.0, 1.0], 6: [5.0, 9.0]}).draws(6)
    assert of_size(draws, 1).tolist() == of_size(draws, 2).tolist() == [1.0, 3.0]
    assert of_size(draws, 6).tolist() == [5.0, 9.0]
    middle = of_size(draws, 4)
    np.testing.assert_allclose(middle, (np.quantile([1, 3], [0.25, 0.75]) + np.quantile([5, 9], [0.25, 0.75])) / 2)


def test_one_sample_serves_every_size():
    assert of_size(empirical([0.2, 0.1]).draws(5), 5).tolist() == [0.1, 0.2]


def test_sizes_beyond_the_measured_are_refused():
    with pytest.raises(UsageError, match=r"above 4.*max_batch=4"):
        empirical({1: [0.1], 4: [0.2]}).draws(5)


@pytest.mark.parametrize(
    "given", [0.5, [0.5], np.array([0.5]), {1: [0.5], 2: [0.5]}, {1: 0.5}, affine(0.5, 0.0), constant(0.5)]
)
def test_what_a_user_may_give(given):
    draws = as_service(given).draws(1)
    assert 0.5 in (draws.scale_s[-1], *draws.samples_s)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: affine(-1, 0.1), "must not be negative"),
        (lambda: affine(1, -0.1), "must not be negative"),
        (lambda: affine(float("nan"), 0), "must not be negative"),
        (lambda: exponential(-1.0), "must not be negative"),
        (lambda: lognormal(1.0, -0.1), "coefficient"),
        (lambda: empirical([]), "at least one"),
        (lambda: empirical([0.1, -0.1]), "none of them negative"),
        (lambda: empirical([float("nan")]), "finite"),
        (lambda: empirical({}), "no service times"),
        (lambda: empirical({0: [1.0]}), "whole numbers from 1"),
        (lambda: empirical({1.5: [1.0]}), "whole numbers from 1"),
        (lambda: as_service(None), "cannot read"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(UsageError, match=message):
        make()
